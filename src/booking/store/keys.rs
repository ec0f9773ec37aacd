//! The rows of idempotency keys.

use crate::{
    booking::idempotency::{Attempt, Record},
    infra::db::{Constraint, Database, Transaction},
    kernel::{
        id::{AppointmentId, UserId},
        rejection::Rejection,
    },
};
use ::entity::idempotency_key;
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QuerySelect,
};
use std::collections::HashSet;

const KEY: Constraint =
    Constraint { name: "pk_idempotency_key", sqlite: "idempotency_key.user_id, idempotency_key.key" };

/// Whether the database refused a key because it was used meanwhile.
pub fn is_key_used(error: &DbErr) -> bool {
    KEY.is_violated(error)
}

fn to_record(row: idempotency_key::Model) -> Record {
    Record {
        mutation: row.mutation,
        input_digest: row.input_digest,
        appointments: std::iter::once(row.appointment_id).chain(row.second_appointment_id).collect(),
        created_at: row.created_at,
    }
}

/// What the caller's key was used for.
///
/// # Errors
/// Where the database does not answer.
pub async fn find_key(connection: &impl ConnectionTrait, attempt: &Attempt) -> Result<Option<Record>, Rejection> {
    let row = idempotency_key::Entity::find_by_id((attempt.user_id, attempt.key.clone())).one(connection).await?;
    Ok(row.map(to_record))
}

/// Those of these keys that were used, however long ago.
pub async fn used_keys_in(
    transaction: &Transaction,
    attempts: impl Iterator<Item = &Attempt>,
) -> Result<HashSet<(UserId, String)>, DbErr> {
    let is = |attempt: &Attempt| {
        let of_user = Condition::all().add(idempotency_key::Column::UserId.eq(attempt.user_id));
        of_user.add(idempotency_key::Column::Key.eq(&attempt.key))
    };
    let any = attempts.map(is).fold(Condition::any(), Condition::add);
    if any.is_empty() {
        return Ok(HashSet::new());
    }
    let used = idempotency_key::Entity::find().filter(any).select_only();
    let used = used.column(idempotency_key::Column::UserId).column(idempotency_key::Column::Key).into_tuple();
    Ok(used.all(&**transaction).await?.into_iter().collect())
}

/// Notes the appointments that each of these attempts came to, and when. Whether a twin was faster is for [`is_key_used`] to say.
pub async fn insert_keys_in(
    transaction: &Transaction,
    attempts: impl Iterator<Item = (&Attempt, &[AppointmentId], DateTime<Utc>)>,
) -> Result<(), DbErr> {
    let row = |(attempt, appointments, at): (&Attempt, &[AppointmentId], _)| {
        let (first, others) = appointments.split_first()?;
        Some(idempotency_key::ActiveModel {
            user_id: Set(attempt.user_id),
            key: Set(attempt.key.clone()),
            mutation: Set(attempt.mutation.to_owned()),
            input_digest: Set(attempt.input_digest.to_vec()),
            appointment_id: Set(*first),
            second_appointment_id: Set(others.first().copied()),
            created_at: Set(at),
        })
    };
    idempotency_key::Entity::insert_many(attempts.filter_map(row)).exec_without_returning(&**transaction).await?;
    Ok(())
}

/// Forgets what the caller's key was used for before `before`, to make room for what it is used for now.
pub async fn replace_key_in(
    transaction: &Transaction,
    attempt: &Attempt,
    before: DateTime<Utc>,
) -> Result<(), Rejection> {
    idempotency_key::Entity::delete_by_id((attempt.user_id, attempt.key.clone()))
        .filter(idempotency_key::Column::CreatedAt.lte(before))
        .exec(&**transaction)
        .await?;
    Ok(())
}

/// Forgets the keys that were used before `before`.
///
/// # Errors
/// Where the database refuses.
pub async fn forget_keys(database: &Database, before: DateTime<Utc>) -> Result<(), Rejection> {
    let transaction = database.begin().await?;
    let old = idempotency_key::Column::CreatedAt.lte(before);
    idempotency_key::Entity::delete_many().filter(old).exec(&*transaction).await?;
    transaction.commit().await
}
