//! Writing messages, and sending them.

use super::{
    model::{Channel, Clinic, Letter, Purpose, Recipient, Status, is_code, lifetime, page},
    store::{self, Taken},
    template::{Filling, Templates},
    ticket,
};
use crate::{
    infra::{
        db::{Database, Transaction},
        mail::{Carrier, Parcel, Undelivered},
    },
    kernel::{clock::Clock, id::ClinicId, rejection::Rejection},
};
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::{StreamExt, stream};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use std::sync::Arc;
use uuid::Uuid;

/// How many messages are taken over at a time; no batch takes longer than the first pause.
const BATCH: u64 = 20;
const SIDE_BY_SIDE: usize = 10;
/// How often a message is tried, and how long after the first and the second attempt it is tried again.
const ATTEMPTS: i32 = 3;
const PAUSES: [TimeDelta; 2] = [TimeDelta::minutes(1), TimeDelta::minutes(5)];

/// Writes a letter that says nothing secret.
///
/// # Errors
/// Where the database refuses.
pub async fn tell_in(
    transaction: &Transaction,
    letter: Letter,
    recipient: &Recipient,
    content: Value,
    now: DateTime<Utc>,
) -> Result<(), Rejection> {
    store::insert_in(transaction, letter, Some(recipient), content.to_string(), None, now).await
}

/// Writes a letter with a link or a code that proves, once, that its recipient has read it.
///
/// # Errors
/// Where the database refuses.
pub async fn write_with_ticket_in(
    transaction: &Transaction,
    letter: Letter,
    purpose: Purpose,
    recipient: &Recipient,
    now: DateTime<Utc>,
) -> Result<(), Rejection> {
    write_about_in(transaction, (letter, purpose), recipient, (None, None), now).await
}

/// Does as much work as [`write_with_ticket_in`] for an address that is nobody's, so that nobody learns that from how long it takes. Nothing is
/// ever sent.
///
/// # Errors
/// Where the database refuses.
pub async fn write_to_nobody_in(
    transaction: &Transaction,
    letter: Letter,
    purpose: Purpose,
    address: &str,
    now: DateTime<Utc>,
) -> Result<(), Rejection> {
    let (id, period) = (Uuid::now_v7(), (now, now + lifetime(purpose)));
    store::insert_ticket_in(transaction, id, purpose, (None, address), None, period).await?;
    store::insert_in(transaction, letter, None, String::new(), Some(id), now).await
}

/// Writes to somebody for whom an account was made: the link sets the first password, within a week (`resetPassword` takes its token). A
/// second invitation makes the first one's link worthless.
///
/// # Errors
/// Where the database refuses.
pub async fn invite_in(
    transaction: &Transaction,
    recipient: &Recipient,
    clinic_name: Option<&str>,
    now: DateTime<Utc>,
) -> Result<(), Rejection> {
    let about = (None, clinic_name);
    write_about_in(transaction, (Letter::Invitation, Purpose::Invitation), recipient, about, now).await
}

/// Asks a patient who has an account to be this clinic's: the link's token proves it, by [`prove_link_in`](super::prove_link_in) for
/// [`Purpose::Joining`], within a week.
///
/// # Errors
/// Where the database refuses.
pub async fn ask_to_join_in(
    transaction: &Transaction,
    recipient: &Recipient,
    clinic: Clinic<'_>,
    now: DateTime<Utc>,
) -> Result<(), Rejection> {
    let about = (Some(clinic.id), Some(clinic.name));
    write_about_in(transaction, (Letter::Joining, Purpose::Joining), recipient, about, now).await
}

async fn write_about_in(
    transaction: &Transaction,
    (letter, purpose): (Letter, Purpose),
    recipient: &Recipient,
    (clinic_id, clinic_name): (Option<ClinicId>, Option<&str>),
    now: DateTime<Utc>,
) -> Result<(), Rejection> {
    let (id, period) = (Uuid::now_v7(), (now, now + lifetime(purpose)));
    let address = (Some(recipient.user_id), recipient.address.as_str());
    store::insert_ticket_in(transaction, id, purpose, address, clinic_id, period).await?;
    let content = json!({ "clinic": clinic_name }).to_string();
    store::insert_in(transaction, letter, Some(recipient), content, Some(id), now).await
}

/// Who carries messages.
#[derive(Clone, Debug)]
pub struct Carriers {
    /// E-mails; nobody where no server is set.
    pub email: Option<Arc<dyn Carrier>>,
    /// Text messages; nobody where no gateway is set.
    pub sms: Option<Arc<dyn Carrier>>,
}

/// Sends what was written.
#[derive(Debug)]
pub struct Mail {
    pub(super) database: Database,
    pub(super) clock: Arc<dyn Clock>,
    carriers: Carriers,
    templates: Templates,
    link_url: String,
}

impl Mail {
    /// Sends with these carriers; links lead to pages below `link_url`.
    #[must_use]
    pub fn new(database: Database, clock: Arc<dyn Clock>, carriers: Carriers, link_url: &str) -> Self {
        let link_url = link_url.trim_end_matches('/').to_owned();
        Self { database, clock, carriers, templates: Templates::new(), link_url }
    }

    /// Sends a batch of what is due; tells how many messages that were.
    ///
    /// # Errors
    /// Where the database refuses.
    pub async fn send_due(&self) -> Result<usize, Rejection> {
        let now = self.clock.now();
        if !store::is_due(&self.database, now).await? {
            return Ok(0);
        }
        let transaction = self.database.begin().await?;
        let taken = store::take_in(&transaction, now, BATCH, PAUSES).await?;
        transaction.commit().await?;
        let count = taken.len();
        let ends = stream::iter(taken).map(|message| self.attempt(message, now)).buffer_unordered(SIDE_BY_SIDE);
        let (mut sent, mut failed) = (Vec::new(), Vec::new());
        for (id, end) in ends.collect::<Vec<_>>().await {
            match end {
                Some(Status::Sent) => sent.push(id),
                Some(_) => failed.push(id),
                None => {}
            }
        }
        let transaction = self.database.begin().await?;
        store::finish_in(&transaction, sent, Status::Sent, now).await?;
        store::finish_in(&transaction, failed, Status::Failed, now).await?;
        transaction.commit().await?;
        Ok(count)
    }

    /// Tries to send a message; how it ended, or nothing where it is to be tried again.
    async fn attempt(&self, message: Taken, now: DateTime<Utc>) -> (Uuid, Option<Status>) {
        let (id, attempt) = (message.id, message.attempt);
        let sent = if attempt > ATTEMPTS {
            Err(Undelivered::ForEver("the last attempt did not come to an end".to_owned()))
        } else {
            self.send(message, now).await
        };
        match sent {
            Ok(()) => {
                tracing::info!(mail.id = %id, "sent");
                (id, Some(Status::Sent))
            }
            Err(Undelivered::ForNow(why)) if attempt < ATTEMPTS => {
                tracing::warn!(mail.id = %id, attempt, why, "not sent, to be tried again");
                (id, None)
            }
            Err(why) => {
                tracing::error!(mail.id = %id, attempt, %why, "not sent");
                (id, Some(Status::Failed))
            }
        }
    }

    async fn send(&self, message: Taken, now: DateTime<Utc>) -> Result<(), Undelivered> {
        let inside = |error: Rejection| Undelivered::ForNow(error.to_string());
        let carrier = match message.channel {
            Channel::Email => &self.carriers.email,
            Channel::Sms => &self.carriers.sms,
        };
        let nobody = || Undelivered::ForEver("no server is set that would send it".to_owned());
        let carrier = carrier.as_ref().ok_or_else(nobody)?;
        let mut filling = Filling { content: &message.content, link: None, code: None };
        if let Some(ticket) = message.ticket {
            let over = || Undelivered::ForEver("its link or code is over".to_owned());
            let purpose = store::purpose_of(&self.database, ticket, now).await.map_err(inside)?.ok_or_else(over)?;
            let secret = ticket::seal(&self.database, ticket, purpose, now).await.map_err(inside)?.ok_or_else(over)?;
            if is_code(purpose) {
                filling.code = Some(secret);
            } else {
                // Behind the #, where browsers tell it to no server.
                let link = format!("{}/{}#token={}", self.link_url, page(purpose), secret.expose_secret());
                filling.link = Some(link.into());
            }
        }
        let letter = Letter::named(&message.letter).ok_or(Undelivered::ForEver("no such letter".to_owned()))?;
        let rendered = self.templates.render(letter, &message.locale, &filling);
        let rendered = rendered.map_err(|error| Undelivered::ForEver(error.to_string()))?;
        let is_email = message.channel == Channel::Email;
        let parcel = Parcel {
            id: message.id,
            recipient: message.recipient,
            subject: rendered.subject,
            text: rendered.text,
            html: is_email.then_some(rendered.html),
        };
        carrier.take(parcel).await
    }
}
