//! Letters and text messages, from the transaction of their cause on.

use crate::id::UserId;
use sea_orm::entity::prelude::*;

/// Over what a message is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Channel {
    /// E-mail.
    Email,
    /// A text message to a telephone.
    Sms,
}

/// How far a message has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// It is to be sent, or tried again.
    Waiting,
    /// It was handed over.
    Sent,
    /// It could not be handed over.
    Failed,
    /// Nobody is to get it: the address that it was asked for is nobody's.
    Void,
}

/// A message. When it is finished its recipient and content are erased; the row goes after 30 days.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "mail")]
pub struct Model {
    /// The message.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Over what it is sent.
    pub channel: Channel,
    /// What it says, by the name of its template.
    pub letter: String,
    /// Whom it concerns.
    pub user_id: Option<UserId>,
    /// The e-mail address or telephone number; empty when it is finished.
    pub recipient: String,
    /// The language that the recipient reads (BCP 47).
    pub locale: String,
    /// What the template is filled in with, a JSON object without secrets; empty when it is finished.
    pub content: String,
    /// The ticket whose secret goes with it.
    pub ticket_id: Option<Uuid>,
    /// How far it has come.
    pub status: Status,
    /// How often it was tried.
    pub attempts: i32,
    /// When it is to be tried (again).
    pub due_at: DateTimeUtc,
    /// When it was written.
    pub created_at: DateTimeUtc,
    /// When it was sent, or given up.
    pub finished_at: Option<DateTimeUtc>,
}

/// No relation is declared: links are read in batches, by id.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
