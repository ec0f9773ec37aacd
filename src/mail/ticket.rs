//! Tickets: what a link or a code of a letter proves, once.

use super::{
    model::{Proof, Purpose, is_code, lifetime},
    store,
};
use crate::{
    infra::db::{Database, Transaction},
    kernel::{id::UserId, rejection::Rejection},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use rand::RngExt;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// How often a code may be tried.
pub(super) const TRIES: i32 = 5;

/// Makes the secret of a ticket that is about to be sent; an earlier one is worth nothing any more. Nothing where the ticket is over.
pub(super) async fn seal(
    database: &Database,
    ticket: Uuid,
    purpose: Purpose,
    now: DateTime<Utc>,
) -> Result<Option<SecretString>, Rejection> {
    let secret = new_secret(purpose);
    let transaction = database.begin().await?;
    let sealed = store::seal_in(&transaction, ticket, &hash(ticket, purpose, &secret), now).await?;
    transaction.commit().await?;
    Ok(sealed.then_some(secret))
}

/// A ticket whose secret does not go by mail: the secret.
///
/// # Errors
/// Where the database refuses.
pub async fn issue_in(
    transaction: &Transaction,
    purpose: Purpose,
    (user_id, address): (UserId, &str),
    now: DateTime<Utc>,
) -> Result<SecretString, Rejection> {
    let (id, secret) = (Uuid::now_v7(), new_secret(purpose));
    let period = (now, now + lifetime(purpose));
    store::insert_ticket_in(transaction, id, purpose, (Some(user_id), address), None, period).await?;
    store::seal_in(transaction, id, &hash(id, purpose, &secret), now).await?;
    Ok(secret)
}

/// What a link's token would prove, while it is good: looked at, and not used.
///
/// # Errors
/// Where the database does not answer.
pub async fn read_link(
    database: &Database,
    purposes: &[Purpose],
    token: &SecretString,
    now: DateTime<Utc>,
) -> Result<Option<Proof>, Rejection> {
    let found = store::find_by_hash(database.reader(), purposes, &hash_of_link(token), now).await?;
    if found.is_none() {
        tracing::info!(?purposes, "a token that proves nothing");
    }
    Ok(found.and_then(store::proof))
}

/// Uses a link's token; what it proves, or nothing where it is unknown, used or over.
///
/// # Errors
/// Where the database refuses.
pub async fn prove_link_in(
    transaction: &Transaction,
    purposes: &[Purpose],
    token: &SecretString,
    now: DateTime<Utc>,
) -> Result<Option<Proof>, Rejection> {
    let Some(ticket) = store::find_by_hash(&**transaction, purposes, &hash_of_link(token), now).await? else {
        tracing::info!(?purposes, "a token that proves nothing");
        return Ok(None);
    };
    let is_first = store::remove_ticket_in(transaction, ticket.id).await?;
    Ok(if is_first { store::proof(ticket) } else { None })
}

/// Tries a code that was sent to `address`, to this user where one is named; what it proves, or nothing where it is wrong, used, over, or was tried five times. Only the one
/// that was asked for last is good.
///
/// # Errors
/// Where the database refuses.
pub async fn prove_code(
    database: &Database,
    purpose: Purpose,
    (user_id, address): (Option<UserId>, &str),
    code: &SecretString,
    now: DateTime<Utc>,
) -> Result<Option<Proof>, Rejection> {
    let transaction = database.begin().await?;
    let Some(ticket) = store::newest_ticket_in(&transaction, purpose, (user_id, address), now).await? else {
        tracing::info!(?purpose, "a code that nobody asked for");
        return Ok(None);
    };
    let may_try = store::count_try_in(&transaction, ticket.id, TRIES).await?;
    // No secret of a code is longer than itself: hashes tell nothing to whoever measures how they are compared.
    let is_right = ticket.hash.as_ref() == Some(&hash(ticket.id, purpose, code));
    let is_first = may_try && is_right && store::remove_ticket_in(&transaction, ticket.id).await?;
    transaction.commit().await?;
    if !is_first {
        tracing::info!(?purpose, ticket.id = %ticket.id, may_try, "a wrong code");
    }
    Ok(if is_first { store::proof(ticket) } else { None })
}

/// Makes all tickets of a user worthless.
///
/// # Errors
/// Where the database refuses.
pub async fn revoke_in(transaction: &Transaction, user_id: UserId) -> Result<(), Rejection> {
    store::remove_tickets_of_in(transaction, user_id, None).await
}

/// Makes all tickets of a user worthless by which somebody may come in. What clinics have asked the user stays to be answered.
///
/// # Errors
/// Where the database refuses.
pub async fn revoke_ways_in_in(transaction: &Transaction, user_id: UserId) -> Result<(), Rejection> {
    store::remove_tickets_of_in(transaction, user_id, Some(Purpose::Joining)).await
}

fn new_secret(purpose: Purpose) -> SecretString {
    let mut random = rand::rng();
    if is_code(purpose) {
        format!("{:06}", random.random_range(0..1_000_000)).into()
    } else {
        format!("{:032x}{:032x}", random.random::<u128>(), random.random::<u128>()).into()
    }
}

/// Codes are few: the ticket's id goes into the hash, so that the same code looks different each time.
fn hash(ticket: Uuid, purpose: Purpose, secret: &SecretString) -> String {
    if is_code(purpose) {
        let salted = format!("{}:{}", ticket.simple(), secret.expose_secret());
        BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(salted))
    } else {
        hash_of_link(secret)
    }
}

fn hash_of_link(token: &SecretString) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(token.expose_secret().as_bytes()))
}
