//! Work that is promised in one transaction and done in another.

use crate::{
    infra::{among::is_among, db::Transaction},
    kernel::rejection::Rejection,
};
use ::entity::outbox;
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select,
    sea_query::{LockBehavior, LockType},
};
use uuid::Uuid;

/// Promises to do `kind` to each of these subjects, from the instant on that is named with it.
///
/// # Errors
/// Where the database refuses.
pub async fn promise_in(
    transaction: &Transaction,
    kind: &'static str,
    subjects: impl Iterator<Item = (Uuid, DateTime<Utc>)>,
) -> Result<(), Rejection> {
    let row = |(subject, due)| outbox::ActiveModel {
        kind: Set(kind.to_owned()),
        subject_id: Set(subject),
        due_at: Set(due),
        ..Default::default()
    };
    outbox::Entity::insert_many(subjects.map(row)).exec_without_returning(&**transaction).await?;
    Ok(())
}

/// Whether anything of `kind` is due: a look that keeps nobody from writing.
///
/// # Errors
/// Where the database does not answer.
pub async fn is_due(connection: &impl ConnectionTrait, kind: &str, now: DateTime<Utc>) -> Result<bool, Rejection> {
    Ok(due(kind, now).limit(1).one(connection).await?.is_some())
}

/// Takes over what is due of `kind`, at most `limit` pieces that no other worker has: they are gone when this transaction commits, and
/// everybody's again if it does not.
///
/// # Errors
/// Where the database refuses.
pub async fn take_in(
    transaction: &Transaction,
    kind: &str,
    now: DateTime<Utc>,
    limit: u64,
) -> Result<Vec<Uuid>, Rejection> {
    let rows = due(kind, now)
        .limit(limit)
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
        .all(&**transaction)
        .await?;
    let taken = rows.iter().map(|row| row.id).collect();
    let taken = is_among(transaction.get_database_backend(), outbox::Column::Id.into_expr(), taken);
    outbox::Entity::delete_many().filter(taken).exec(&**transaction).await?;
    Ok(rows.into_iter().map(|row| row.subject_id).collect())
}

fn due(kind: &str, now: DateTime<Utc>) -> Select<outbox::Entity> {
    outbox::Entity::find()
        .filter(outbox::Column::Kind.eq(kind))
        .filter(outbox::Column::DueAt.lte(now))
        .order_by_asc(outbox::Column::DueAt)
        .order_by_asc(outbox::Column::Id)
}
