//! What would have been sent: for development, where nothing is.

use sea_orm::entity::prelude::*;

/// A message that was captured, as its recipient would have got it.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "captured_mail")]
pub struct Model {
    /// The message.
    #[sea_orm(primary_key)]
    pub id: i32,
    /// The e-mail address or telephone number.
    pub recipient: String,
    /// The subject; empty for a text message.
    pub subject: String,
    /// The plain text.
    pub text: String,
    /// The same in HTML; none for a text message.
    pub html: Option<String>,
    /// When.
    pub sent_at: DateTimeUtc,
}

/// No relation is declared: links are read in batches, by id.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
