//! The rows of messages and tickets.

use super::model::{Channel, Letter, Proof, Purpose, Recipient, Sent, Status};
use crate::{
    infra::db::{Database, Transaction},
    kernel::{
        id::{ClinicId, UserId},
        rejection::Rejection,
    },
};
use ::entity::{mail, ticket};
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    sea_query::{Expr, ExprTrait, LockBehavior, LockType},
};
use uuid::Uuid;

/// A message that a worker has taken over.
pub struct Taken {
    pub id: Uuid,
    pub channel: Channel,
    pub letter: String,
    pub recipient: String,
    pub locale: String,
    pub content: String,
    pub ticket: Option<Uuid>,
    /// Which attempt this is.
    pub attempt: i32,
}

/// Writes a message; to nobody, as much work, where there is no recipient.
pub async fn insert_in(
    transaction: &Transaction,
    letter: Letter,
    recipient: Option<&Recipient>,
    content: String,
    ticket_id: Option<Uuid>,
    now: DateTime<Utc>,
) -> Result<(), Rejection> {
    let address = recipient.map(|recipient| recipient.address.clone()).unwrap_or_default();
    let row = mail::ActiveModel {
        id: Set(Uuid::now_v7()),
        channel: Set(if address.starts_with('+') { Channel::Sms } else { Channel::Email }),
        letter: Set(letter.name().to_owned()),
        user_id: Set(recipient.map(|recipient| recipient.user_id)),
        recipient: Set(address),
        locale: Set(recipient.map(|recipient| recipient.locale.clone()).unwrap_or_default()),
        content: Set(content),
        ticket_id: Set(ticket_id),
        status: Set(if recipient.is_some() { Status::Waiting } else { Status::Void }),
        attempts: Set(0),
        due_at: Set(now),
        created_at: Set(now),
        finished_at: Set(recipient.is_none().then_some(now)),
    };
    mail::Entity::insert(row).exec_without_returning(&**transaction).await?;
    Ok(())
}

/// Whether anything is to be sent: a look that keeps nobody from writing.
pub async fn is_due(database: &Database, now: DateTime<Utc>) -> Result<bool, Rejection> {
    Ok(mail::Entity::find().filter(due(now)).limit(1).one(database.reader()).await?.is_some())
}

/// Said as the partial index says it: with a parameter in its place all letters of a month would be looked at.
fn due(now: DateTime<Utc>) -> Condition {
    Condition::all().add(Expr::cust("status = 'WAITING'")).add(mail::Column::DueAt.lte(now))
}

/// Takes over what is to be sent and no other worker has, at most `limit`. Each is tried again after the pause that `pauses` has for its
/// attempt, unless it is finished before.
pub async fn take_in(
    transaction: &Transaction,
    now: DateTime<Utc>,
    limit: u64,
    pauses: [TimeDelta; 2],
) -> Result<Vec<Taken>, Rejection> {
    let rows = mail::Entity::find()
        .filter(due(now))
        .order_by_asc(mail::Column::DueAt)
        .order_by_asc(mail::Column::Id)
        .limit(limit)
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
        .all(&**transaction)
        .await?;
    let again = Expr::case(mail::Column::Attempts.eq(0), Expr::value(now + pauses[0])).finally(now + pauses[1]);
    mail::Entity::update_many()
        .col_expr(mail::Column::DueAt, again.into())
        .col_expr(mail::Column::Attempts, Expr::col(mail::Column::Attempts).add(1))
        .filter(mail::Column::Id.is_in(rows.iter().map(|row| row.id)))
        .exec(&**transaction)
        .await?;
    let taken = |row: mail::Model| Taken {
        id: row.id,
        channel: row.channel,
        letter: row.letter,
        recipient: row.recipient,
        locale: row.locale,
        content: row.content,
        ticket: row.ticket_id,
        attempt: row.attempts + 1,
    };
    Ok(rows.into_iter().map(taken).collect())
}

/// Writes down that messages have come to their end, and erases what they said and to whom.
pub async fn finish_in(
    transaction: &Transaction,
    ids: Vec<Uuid>,
    status: Status,
    now: DateTime<Utc>,
) -> Result<(), Rejection> {
    if ids.is_empty() {
        return Ok(());
    }
    mail::Entity::update_many()
        .col_expr(mail::Column::Status, Expr::value(status))
        .col_expr(mail::Column::Recipient, Expr::value(""))
        .col_expr(mail::Column::Content, Expr::value(""))
        .col_expr(mail::Column::FinishedAt, Expr::value(now))
        .filter(mail::Column::Id.is_in(ids))
        .exec(&**transaction)
        .await?;
    Ok(())
}

/// Forgets messages that were finished before `finished`, those to nobody that are older than `void`, and tickets that are over.
pub async fn forget_in(
    transaction: &Transaction,
    finished: DateTime<Utc>,
    void: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), Rejection> {
    let to_nobody = mail::Column::Status.eq(Status::Void).and(mail::Column::FinishedAt.lt(void));
    let old = mail::Column::FinishedAt.lt(finished).or(to_nobody);
    mail::Entity::delete_many().filter(old).exec(&**transaction).await?;
    ticket::Entity::delete_many().filter(ticket::Column::ExpiresAt.lte(now)).exec(&**transaction).await?;
    Ok(())
}

/// What was sent to a user and is still remembered, the newest first, at most a thousand.
///
/// # Errors
/// Where the database does not answer.
pub async fn of_user(database: &Database, user_id: UserId) -> Result<Vec<Sent>, Rejection> {
    let rows = mail::Entity::find().filter(mail::Column::UserId.eq(user_id)).order_by_desc(mail::Column::Id);
    let rows = rows.limit(1_000).all(database.reader()).await?;
    let sent = |row: mail::Model| Sent {
        letter: row.letter,
        channel: row.channel,
        status: row.status,
        created_at: row.created_at,
    };
    Ok(rows.into_iter().map(sent).collect())
}

/// Forgets what was written to a user, sent or not.
///
/// # Errors
/// Where the database refuses.
pub async fn forget_of_in(transaction: &Transaction, user_id: UserId) -> Result<(), Rejection> {
    mail::Entity::delete_many().filter(mail::Column::UserId.eq(user_id)).exec(&**transaction).await?;
    Ok(())
}

/// A ticket, in place of those for the same purpose that the user had, or that were nobody's and for the same address. Anybody may ask for a code
/// to sign in, and the last one is the one that is good.
pub async fn insert_ticket_in(
    transaction: &Transaction,
    id: Uuid,
    purpose: Purpose,
    (user_id, address): (Option<UserId>, &str),
    clinic_id: Option<ClinicId>,
    (now, expires_at): (DateTime<Utc>, DateTime<Utc>),
) -> Result<(), Rejection> {
    let at_address = ticket::Column::Address.eq(address);
    let whose = match (user_id, purpose) {
        (Some(user_id), Purpose::Login) => ticket::Column::UserId.eq(user_id).or(at_address),
        (Some(user_id), _) => ticket::Column::UserId.eq(user_id),
        (None, Purpose::Login) => at_address,
        (None, _) => ticket::Column::UserId.is_null().and(at_address),
    };
    let mut older = Condition::all().add(ticket::Column::Purpose.eq(purpose)).add(whose);
    if let Some(clinic_id) = clinic_id {
        older = older.add(ticket::Column::SubjectId.eq(clinic_id.0));
    }
    ticket::Entity::delete_many().filter(older).exec(&**transaction).await?;
    let row = ticket::ActiveModel {
        id: Set(id),
        purpose: Set(purpose),
        user_id: Set(user_id),
        address: Set(address.to_owned()),
        subject_id: Set(clinic_id.map(|id| id.0)),
        hash: Set(None),
        tries: Set(0),
        created_at: Set(now),
        expires_at: Set(expires_at),
    };
    ticket::Entity::insert(row).exec_without_returning(&**transaction).await?;
    Ok(())
}

/// What such a ticket is for, while it is good.
pub async fn purpose_of(database: &Database, id: Uuid, now: DateTime<Utc>) -> Result<Option<Purpose>, Rejection> {
    let found = ticket::Entity::find_by_id(id).filter(ticket::Column::ExpiresAt.gt(now)).one(database.reader()).await?;
    Ok(found.map(|ticket| ticket.purpose))
}

/// Gives a ticket the hash of its secret; tells whether it is still good.
pub async fn seal_in(transaction: &Transaction, id: Uuid, hash: &str, now: DateTime<Utc>) -> Result<bool, Rejection> {
    let sealed = ticket::Entity::update_many()
        .col_expr(ticket::Column::Hash, Expr::value(hash))
        .filter(ticket::Column::Id.eq(id))
        .filter(ticket::Column::ExpiresAt.gt(now))
        .exec(&**transaction)
        .await?;
    Ok(sealed.rows_affected == 1)
}

/// The ticket with this secret, while it is good.
pub async fn find_by_hash(
    connection: &impl ConnectionTrait,
    purposes: &[Purpose],
    hash: &str,
    now: DateTime<Utc>,
) -> Result<Option<ticket::Model>, Rejection> {
    let found = ticket::Entity::find()
        .filter(ticket::Column::Hash.eq(hash))
        .filter(ticket::Column::Purpose.is_in(purposes.iter().copied()))
        .filter(ticket::Column::ExpiresAt.gt(now));
    Ok(found.one(connection).await?)
}

/// The ticket that was asked for last for this address, by this user where one is named, while it is good.
pub async fn newest_ticket_in(
    transaction: &Transaction,
    purpose: Purpose,
    (user_id, address): (Option<UserId>, &str),
    now: DateTime<Utc>,
) -> Result<Option<ticket::Model>, Rejection> {
    let found = ticket::Entity::find()
        .apply_if(user_id, |query, user_id| query.filter(ticket::Column::UserId.eq(user_id)))
        .filter(ticket::Column::Purpose.eq(purpose))
        .filter(ticket::Column::Address.eq(address))
        .filter(ticket::Column::ExpiresAt.gt(now))
        .order_by_desc(ticket::Column::CreatedAt)
        .order_by_desc(ticket::Column::Id);
    Ok(found.one(&**transaction).await?)
}

/// Counts a try; tells whether there was one left.
pub async fn count_try_in(transaction: &Transaction, id: Uuid, tries: i32) -> Result<bool, Rejection> {
    let counted = ticket::Entity::update_many()
        .col_expr(ticket::Column::Tries, Expr::col(ticket::Column::Tries).add(1))
        .filter(ticket::Column::Id.eq(id))
        .filter(ticket::Column::Tries.lt(tries))
        .exec(&**transaction)
        .await?;
    Ok(counted.rows_affected == 1)
}

/// Uses a ticket up; tells whether nobody else did.
pub async fn remove_ticket_in(transaction: &Transaction, id: Uuid) -> Result<bool, Rejection> {
    Ok(ticket::Entity::delete_by_id(id).exec(&**transaction).await?.rows_affected == 1)
}

/// Removes the tickets of a user, but those for one purpose where it is given.
pub async fn remove_tickets_of_in(
    transaction: &Transaction,
    user_id: UserId,
    but: Option<Purpose>,
) -> Result<(), Rejection> {
    let others = Condition::all().add_option(but.map(|but| ticket::Column::Purpose.ne(but)));
    let own = ticket::Entity::delete_many().filter(ticket::Column::UserId.eq(user_id));
    own.filter(others).exec(&**transaction).await?;
    Ok(())
}

/// What a ticket proves: nothing where it concerns nobody.
pub fn proof(ticket: ticket::Model) -> Option<Proof> {
    let clinic_id = ticket.subject_id.map(ClinicId);
    let (address, asked_at) = (ticket.address, ticket.created_at);
    ticket.user_id.map(|user_id| Proof { user_id, address, asked_at, clinic_id })
}
