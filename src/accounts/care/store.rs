//! The rows of users, for those who take care of them.

use crate::{
    accounts::{
        SignIn, User, openid,
        store::{email_taken, end_in},
    },
    infra::db::{Constraint, Database, Transaction},
    kernel::{
        id::{SessionId, UserId},
        rejection::Rejection,
    },
};
use ::entity::{session, user};
use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, UpdateMany,
    sea_query::{Expr, ExprTrait, LockType},
};

const EMAIL: Constraint = Constraint { name: "ux_user_email", sqlite: "user.email" };

/// The user, and the hash of their password if they have one.
pub async fn find(database: &Database, id: UserId) -> Result<Option<(User, Option<String>)>, Rejection> {
    let row = user::Entity::find_by_id(id).one(database.reader()).await?;
    let with_hash = |row: user::Model| {
        let hash = Some(row.password_hash.clone()).filter(|hash| !hash.is_empty());
        Ok((row.try_into()?, hash))
    };
    row.map(with_hash).transpose()
}

/// The user.
pub async fn find_in(transaction: &Transaction, id: UserId) -> Result<Option<User>, Rejection> {
    user::Entity::find_by_id(id).one(&**transaction).await?.map(User::try_from).transpose()
}

/// The user, and the hash of their password (empty where there is none), as they stay until this transaction ends. Whoever also takes a ticket
/// takes the user first.
pub async fn find_locked_in(transaction: &Transaction, id: UserId) -> Result<Option<(User, String)>, Rejection> {
    let row = user::Entity::find_by_id(id).lock(LockType::NoKeyUpdate).one(&**transaction).await?;
    let with_hash = |row: user::Model| {
        let hash = row.password_hash.clone();
        Ok((row.try_into()?, hash))
    };
    row.map(with_hash).transpose()
}

/// Whether a user signs in by a password.
pub async fn has_password_in(transaction: &Transaction, id: UserId) -> Result<bool, Rejection> {
    let hash = user::Entity::find_by_id(id).select_only().column(user::Column::PasswordHash);
    let hash: Option<String> = hash.into_tuple().one(&**transaction).await?;
    Ok(hash.is_some_and(|hash| !hash.is_empty()))
}

/// The user with this address.
pub async fn find_by_email(database: &Database, email: &str) -> Result<Option<User>, Rejection> {
    let row = user::Entity::find().filter(user::Column::Email.eq(email)).one(database.reader()).await?;
    row.map(User::try_from).transpose()
}

/// The user with this address, as this transaction sees it.
pub async fn find_by_email_in(transaction: &Transaction, email: &str) -> Result<Option<User>, Rejection> {
    let row = user::Entity::find().filter(user::Column::Email.eq(email)).one(&**transaction).await?;
    row.map(User::try_from).transpose()
}

/// The user who has proven this number.
pub async fn find_by_phone(database: &Database, phone: &str) -> Result<Option<User>, Rejection> {
    let proven = user::Entity::find().filter(user::Column::Phone.eq(phone));
    let row = proven.filter(user::Column::PhoneVerifiedAt.is_not_null()).one(database.reader()).await?;
    row.map(User::try_from).transpose()
}

fn update(id: UserId) -> UpdateMany<user::Entity> {
    user::Entity::update_many().filter(user::Column::Id.eq(id))
}

/// The address of a user is proven, from the first time on.
pub async fn verify_email_in(transaction: &Transaction, id: UserId, now: DateTime<Utc>) -> Result<(), Rejection> {
    let update = update(id).col_expr(user::Column::EmailVerifiedAt, Expr::value(now));
    update.filter(user::Column::EmailVerifiedAt.is_null()).exec(&**transaction).await?;
    Ok(())
}

/// A user has another address, which is proven.
pub async fn change_email_in(
    transaction: &Transaction,
    id: UserId,
    email: &str,
    now: DateTime<Utc>,
) -> Result<(), Rejection> {
    let update = update(id).col_expr(user::Column::Email, Expr::value(email));
    match update.col_expr(user::Column::EmailVerifiedAt, Expr::value(now)).exec(&**transaction).await {
        Ok(_) => Ok(()),
        Err(error) if EMAIL.is_violated(&error) => Err(email_taken()),
        Err(error) => Err(error.into()),
    }
}

/// A user's number is proven, and no other user's any more.
pub async fn verify_phone_in(
    transaction: &Transaction,
    id: UserId,
    phone: &str,
    now: DateTime<Utc>,
) -> Result<(), Rejection> {
    let never = Expr::value(None::<DateTime<Utc>>);
    let others = user::Entity::update_many().col_expr(user::Column::PhoneVerifiedAt, never);
    let others = others.filter(user::Column::Phone.eq(phone)).filter(user::Column::PhoneVerifiedAt.is_not_null());
    others.exec(&**transaction).await?;
    let own = update(id).col_expr(user::Column::PhoneVerifiedAt, Expr::value(now));
    own.filter(user::Column::Phone.eq(phone)).exec(&**transaction).await?;
    Ok(())
}

/// A user has another password. Whoever knew the last one may have proven a number of their own, so none is a way in until it is proven again.
pub async fn set_password_in(transaction: &Transaction, id: UserId, hash: &str) -> Result<(), Rejection> {
    let update = update(id).col_expr(user::Column::PasswordHash, Expr::value(hash));
    let never = Expr::value(None::<DateTime<Utc>>);
    update.col_expr(user::Column::PhoneVerifiedAt, never).exec(&**transaction).await?;
    Ok(())
}

/// Forgets the password of a user, their number, and what third parties call them. A number stays that nobody has proven and that came with an
/// invitation: where nobody has set a password, nobody was there to write down their own.
pub async fn forget_ways_in_in(transaction: &Transaction, id: UserId) -> Result<(), Rejection> {
    let is_invited = user::Column::PasswordHash.eq("").and(user::Column::PhoneVerifiedAt.is_null());
    let phone = Expr::case(is_invited, Expr::col(user::Column::Phone)).finally(Expr::value(None::<String>));
    let update = update(id).col_expr(user::Column::PasswordHash, Expr::value(""));
    let update = update.col_expr(user::Column::Phone, phone.into());
    let update = update.col_expr(user::Column::PhoneVerifiedAt, Expr::value(None::<DateTime<Utc>>));
    update.exec(&**transaction).await?;
    openid::remove_identities_of_in(transaction, id).await
}

/// Writes name, number, time zone and language of a user.
pub async fn save_profile_in(transaction: &Transaction, after: &User) -> Result<(), Rejection> {
    let mut update = update(after.id)
        .col_expr(user::Column::Name, Expr::value(after.name.as_str()))
        .col_expr(user::Column::Phone, Expr::value(after.phone.clone()))
        .col_expr(user::Column::TimeZone, Expr::value(after.time_zone.name()))
        .col_expr(user::Column::Locale, Expr::value(after.locale.as_str()));
    if !after.phone_verified {
        update = update.col_expr(user::Column::PhoneVerifiedAt, Expr::value(None::<DateTime<Utc>>));
    }
    update.exec(&**transaction).await?;
    Ok(())
}

/// Ends the sessions of a user, but for that one; tells which.
pub async fn end_sessions_but_in(
    transaction: &Transaction,
    id: UserId,
    but: Option<SessionId>,
    now: DateTime<Utc>,
) -> Result<Vec<SessionId>, Rejection> {
    let of_user = session::Column::UserId.eq(id);
    let which = but.map_or(of_user.clone(), |but| of_user.and(session::Column::Id.ne(but)));
    end_in(transaction, which, now).await
}

/// Takes everything personal out of the row of a user, who cannot sign in any more, and out of where they were signed in; tells which sessions
/// ended by that.
///
/// # Errors
/// Where the database refuses.
pub async fn erase_in(transaction: &Transaction, id: UserId, now: DateTime<Utc>) -> Result<Vec<SessionId>, Rejection> {
    let never = Expr::value(None::<DateTime<Utc>>);
    update(id)
        // No address has this form, and no two users have the same.
        .col_expr(user::Column::Email, Expr::value(id.to_string()))
        .col_expr(user::Column::PasswordHash, Expr::value(""))
        .col_expr(user::Column::Name, Expr::value("Deleted account"))
        .col_expr(user::Column::Phone, Expr::value(None::<String>))
        .col_expr(user::Column::TimeZone, Expr::value("UTC"))
        .col_expr(user::Column::Locale, Expr::value(crate::accounts::LOCALE))
        .col_expr(user::Column::Active, Expr::value(false))
        .col_expr(user::Column::EmailVerifiedAt, never.clone())
        .col_expr(user::Column::PhoneVerifiedAt, never)
        .col_expr(user::Column::ErasedAt, Expr::value(now))
        .exec(&**transaction)
        .await?;
    openid::remove_identities_of_in(transaction, id).await?;
    let sessions = session::Entity::update_many().col_expr(session::Column::Device, Expr::value(None::<String>));
    sessions.filter(session::Column::UserId.eq(id)).exec(&**transaction).await?;
    end_sessions_but_in(transaction, id, None, now).await
}

/// Where a user was signed in, as far as that is remembered, the newest first, at most a thousand places; each with when it ended.
///
/// # Errors
/// Where the database does not answer.
pub async fn sessions_kept(database: &Database, id: UserId) -> Result<Vec<(SignIn, Option<DateTime<Utc>>)>, Rejection> {
    let rows = session::Entity::find().filter(session::Column::UserId.eq(id));
    let rows = rows.order_by_desc(session::Column::CreatedAt).limit(1_000).all(database.reader()).await?;
    let kept = |row: session::Model| {
        let sign_in =
            SignIn { id: row.id, device: row.device, created_at: row.created_at, last_used_at: row.last_used_at };
        (sign_in, row.ended_at)
    };
    Ok(rows.into_iter().map(kept).collect())
}
