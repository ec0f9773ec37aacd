//! Carriers of messages: an SMTP server, a gateway for text messages, and, in development, a table that a page shows.

use crate::{
    infra::db::Database,
    kernel::{clock::Clock, rejection::Rejection},
};
use ::entity::captured_mail;
use anyhow::{Context, Result};
use lettre::{
    AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::{
        Mailbox, MultiPart,
        header::{Header, HeaderName, HeaderValue},
    },
};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use secrecy::{ExposeSecret, SecretString};
use std::{error::Error, fmt, sync::Arc, time::Duration};
use uuid::Uuid;

/// How long handing one message over may take.
const PATIENCE: Duration = Duration::from_secs(15);
/// How many captured messages are kept.
const MOST_CAPTURED: i32 = 200;

/// A message, ready to be sent.
#[derive(Clone)]
pub struct Parcel {
    /// The same whenever it is sent again.
    pub id: Uuid,
    /// An e-mail address, or a telephone number in E.164.
    pub recipient: String,
    /// One line; text messages have none.
    pub subject: String,
    /// The plain text.
    pub text: String,
    /// The same in HTML; text messages have none.
    pub html: Option<String>,
}

/// Why a message was not taken, in words that are fit for a log.
#[derive(Clone, Debug)]
pub enum Undelivered {
    /// Trying again may help.
    ForNow(String),
    /// It will never be taken.
    ForEver(String),
}

impl fmt::Display for Undelivered {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ForNow(why) | Self::ForEver(why) => formatter.write_str(why),
        }
    }
}

/// Takes messages over, to bring them to people.
#[async_trait::async_trait]
pub trait Carrier: fmt::Debug + Send + Sync {
    /// Hands a message over, within 15 seconds.
    async fn take(&self, parcel: Parcel) -> Result<(), Undelivered>;
}

/// A mail server.
#[derive(Debug)]
pub struct SmtpServer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    clock: Arc<dyn Clock>,
}

impl SmtpServer {
    /// The server at `url`: `smtps://user:password@host` speaks TLS from the start, `smtp://host:587?tls=required` after STARTTLS,
    /// `smtp://host:25` not at all. Letters are `from` this address.
    ///
    /// # Errors
    /// Where one of the two cannot be read.
    pub fn try_new(url: &SecretString, from: &str, clock: Arc<dyn Clock>) -> Result<Self> {
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(url.expose_secret())
            .map_err(|_| anyhow::anyhow!("MEDISLOT_SMTP_URL is not an address such as smtps://user:password@host"))?
            .timeout(Some(PATIENCE / 3))
            .build();
        let from = from.parse().context("MEDISLOT_MAIL_FROM is not an address such as Medislot <mail@example.com>")?;
        Ok(Self { transport, from, clock })
    }

    fn letter(&self, parcel: Parcel) -> Result<Message, Box<dyn Error + Send + Sync>> {
        let message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, parcel.recipient.parse()?))
            .date(self.clock.now().into())
            .message_id(Some(format!("<{}@{}>", parcel.id.simple(), self.from.email.domain())))
            .header(AutoSubmitted)
            .subject(parcel.subject);
        let bodies = MultiPart::alternative_plain_html(parcel.text, parcel.html.unwrap_or_default());
        Ok(message.multipart(bodies)?)
    }
}

#[async_trait::async_trait]
impl Carrier for SmtpServer {
    async fn take(&self, parcel: Parcel) -> Result<(), Undelivered> {
        let letter = self.letter(parcel);
        let letter = letter.map_err(|_| Undelivered::ForEver("it cannot be written as an e-mail".to_owned()))?;
        match tokio::time::timeout(PATIENCE, self.transport.send(letter)).await {
            Ok(Ok(_)) => Ok(()),
            // Its own words may quote the address.
            Ok(Err(error)) => {
                let status = error.status().map_or("no answer".to_owned(), |status| status.to_string());
                let why = format!("SMTP: {status}");
                Err(if error.is_permanent() { Undelivered::ForEver(why) } else { Undelivered::ForNow(why) })
            }
            Err(_) => Err(Undelivered::ForNow("SMTP: too slow".to_owned())),
        }
    }
}

/// No machine need answer (RFC 3834).
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

/// A gateway that sends text messages: it is asked by a POST of `{"id", "to", "text"}` in JSON, and answers 2xx when it has taken it over.
#[derive(Debug)]
pub struct SmsGateway {
    client: reqwest::Client,
    url: reqwest::Url,
    token: Option<SecretString>,
}

impl SmsGateway {
    /// The gateway at `url`, which is told `token` as its bearer.
    ///
    /// # Errors
    /// Where it cannot be an address.
    pub fn try_new(url: &SecretString, token: Option<SecretString>) -> Result<Self> {
        let url = url.expose_secret().parse().map_err(|_| anyhow::anyhow!("MEDISLOT_SMS_URL is not an address"))?;
        let client =
            reqwest::Client::builder().timeout(PATIENCE).redirect(reqwest::redirect::Policy::none()).build()?;
        Ok(Self { client, url, token })
    }
}

#[async_trait::async_trait]
impl Carrier for SmsGateway {
    async fn take(&self, parcel: Parcel) -> Result<(), Undelivered> {
        let body = serde_json::json!({ "id": parcel.id, "to": parcel.recipient, "text": parcel.text });
        let request = self.client.post(self.url.clone()).json(&body);
        let request = match &self.token {
            Some(token) => request.bearer_auth(token.expose_secret()),
            None => request,
        };
        let status = match request.send().await {
            Ok(answer) => answer.status(),
            Err(_) => return Err(Undelivered::ForNow("SMS gateway: no answer".to_owned())),
        };
        let why = format!("SMS gateway: status {}", status.as_u16());
        match status.as_u16() {
            200..300 => Ok(()),
            // Told to slow down, or too slow: the message is not to blame.
            408 | 429 => Err(Undelivered::ForNow(why)),
            400..500 => Err(Undelivered::ForEver(why)),
            _ => Err(Undelivered::ForNow(why)),
        }
    }
}

/// Keeps messages to be looked at instead of sending them, the last 200.
#[derive(Clone, Debug)]
pub struct Captured {
    database: Database,
    clock: Arc<dyn Clock>,
}

impl Captured {
    /// Captures into `database`.
    #[must_use]
    pub fn new(database: Database, clock: Arc<dyn Clock>) -> Self {
        Self { database, clock }
    }

    /// The messages that were captured last, the newest first.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn last(&self) -> Result<Vec<captured_mail::Model>, Rejection> {
        let last = captured_mail::Entity::find().order_by_desc(captured_mail::Column::Id).limit(100);
        Ok(last.all(self.database.reader()).await?)
    }

    /// The message with this number.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn find(&self, id: i32) -> Result<Option<captured_mail::Model>, Rejection> {
        Ok(captured_mail::Entity::find_by_id(id).one(self.database.reader()).await?)
    }

    async fn keep(&self, parcel: Parcel) -> Result<(), Rejection> {
        let transaction = self.database.begin().await?;
        let row = captured_mail::ActiveModel {
            recipient: Set(parcel.recipient),
            subject: Set(parcel.subject),
            text: Set(parcel.text),
            html: Set(parcel.html),
            sent_at: Set(self.clock.now()),
            ..Default::default()
        };
        let row = row.insert(&*transaction).await?;
        let old = captured_mail::Column::Id.lte(row.id - MOST_CAPTURED);
        captured_mail::Entity::delete_many().filter(old).exec(&*transaction).await?;
        transaction.commit().await
    }
}

#[async_trait::async_trait]
impl Carrier for Captured {
    async fn take(&self, parcel: Parcel) -> Result<(), Undelivered> {
        self.keep(parcel).await.map_err(|error| Undelivered::ForNow(error.to_string()))
    }
}
