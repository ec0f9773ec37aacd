//! The rows of identities: how third parties call our users.

use crate::{
    infra::db::{Database, Transaction},
    kernel::{id::UserId, rejection::Rejection},
};
use ::entity::identity;
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::Expr,
};

/// How a third party calls a user.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The third party, by its name in the settings.
    pub provider: String,
    /// The user, by the third party's own name for them.
    pub subject: String,
    /// Since when.
    pub created_at: DateTime<Utc>,
    /// Since when that lets nobody in, because the user said so.
    pub unlinked_at: Option<DateTime<Utc>>,
}

/// The user whom a third party calls so, and whether that lets them in.
pub async fn find_in(
    transaction: &Transaction,
    provider: &str,
    subject: &str,
) -> Result<Option<(UserId, bool)>, Rejection> {
    let found = identity::Entity::find_by_id((provider.to_owned(), subject.to_owned())).one(&**transaction).await?;
    Ok(found.map(|row| (row.user_id, row.unlinked_at.is_none())))
}

/// From now on a third party's name for somebody is this user's.
pub async fn insert_in(
    transaction: &Transaction,
    provider: &str,
    subject: &str,
    user_id: UserId,
    now: DateTime<Utc>,
) -> Result<(), Rejection> {
    let row = identity::ActiveModel {
        provider: Set(provider.to_owned()),
        subject: Set(subject.to_owned()),
        user_id: Set(user_id),
        created_at: Set(now),
        unlinked_at: Set(None),
    };
    identity::Entity::insert(row).exec_without_returning(&**transaction).await?;
    Ok(())
}

/// How third parties call a user, at most a hundred, also those that let nobody in any more.
///
/// # Errors
/// Where the database does not answer.
pub async fn identities_of(database: &Database, user_id: UserId) -> Result<Vec<Identity>, Rejection> {
    read(database.reader(), user_id).await
}

/// The same within a transaction.
///
/// # Errors
/// Where the database does not answer.
pub async fn identities_of_in(transaction: &Transaction, user_id: UserId) -> Result<Vec<Identity>, Rejection> {
    read(&**transaction, user_id).await
}

async fn read(connection: &impl ConnectionTrait, user_id: UserId) -> Result<Vec<Identity>, Rejection> {
    let rows = identity::Entity::find().filter(identity::Column::UserId.eq(user_id));
    let rows = rows.order_by_asc(identity::Column::CreatedAt).limit(100).all(connection).await?;
    let identity = |row: identity::Model| Identity {
        provider: row.provider,
        subject: row.subject,
        created_at: row.created_at,
        unlinked_at: row.unlinked_at,
    };
    Ok(rows.into_iter().map(identity).collect())
}

/// This third party lets nobody in as this user any more. What it calls them is kept: else it would be linked again.
///
/// # Errors
/// Where the database refuses.
pub async fn unlink_in(
    transaction: &Transaction,
    user_id: UserId,
    provider: &str,
    now: DateTime<Utc>,
) -> Result<(), Rejection> {
    let unlink = identity::Entity::update_many().col_expr(identity::Column::UnlinkedAt, Expr::value(now));
    let unlink = unlink.filter(of_provider(user_id, provider)).filter(identity::Column::UnlinkedAt.is_null());
    unlink.exec(&**transaction).await?;
    Ok(())
}

/// This third party may be linked to this user again; tells whether it might not.
///
/// # Errors
/// Where the database refuses.
pub async fn forget_unlinked_in(transaction: &Transaction, user_id: UserId, provider: &str) -> Result<bool, Rejection> {
    let unlinked = identity::Entity::delete_many().filter(of_provider(user_id, provider));
    let unlinked = unlinked.filter(identity::Column::UnlinkedAt.is_not_null()).exec(&**transaction).await?;
    Ok(unlinked.rows_affected > 0)
}

fn of_provider(user_id: UserId, provider: &str) -> Condition {
    Condition::all().add(identity::Column::UserId.eq(user_id)).add(identity::Column::Provider.eq(provider))
}

/// No third party's name is this user's any more.
///
/// # Errors
/// Where the database refuses.
pub async fn remove_identities_of_in(transaction: &Transaction, user_id: UserId) -> Result<(), Rejection> {
    let whose = identity::Column::UserId.eq(user_id);
    identity::Entity::delete_many().filter(whose).exec(&**transaction).await?;
    Ok(())
}
