//! Tenants.

use crate::id::ClinicId;
use sea_orm::entity::prelude::*;

/// What happens to patients who cancel too late.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CancellationPolicy {
    /// They cannot.
    Refuse,
    /// They can, for a fee.
    Fee,
}

/// A tenant.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "clinic")]
pub struct Model {
    /// The clinic.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ClinicId,
    /// Its name.
    pub name: String,
    /// Its name in addresses, unique.
    #[sea_orm(unique)]
    pub slug: String,
    /// Where it is.
    pub address: Option<String>,
    /// Its telephone number.
    pub phone: Option<String>,
    /// The IANA name of its time zone.
    pub time_zone: String,
    /// Until how many hours before a visit patients may cancel it.
    pub cancellation_notice_hours: i32,
    /// What happens after that.
    pub cancellation_policy: CancellationPolicy,
    /// What a late cancellation costs, in the smallest unit of its currency.
    pub cancellation_fee_amount: Option<i32>,
    /// ISO 4217.
    pub cancellation_fee_currency: Option<String>,
    /// How long a patient holds a slot.
    pub hold_minutes: i32,
}

/// No relation is declared: links are read in batches, by id.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
