//! Idempotency keys: what a mutation came to, so that its twin is answered alike.

use crate::id::{AppointmentId, UserId};
use sea_orm::entity::prelude::*;

/// What a mutation with a key came to.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "idempotency_key")]
pub struct Model {
    /// Whose key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: UserId,
    /// The key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub key: String,
    /// The name of the mutation.
    pub mutation: String,
    /// The SHA-256 hash of its input.
    pub input_digest: Vec<u8>,
    /// The appointment that it made or changed.
    pub appointment_id: AppointmentId,
    /// The other one, of a swap.
    pub second_appointment_id: Option<AppointmentId>,
    /// When.
    pub created_at: DateTimeUtc,
}

/// No relation is declared: links are read in batches, by id.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
