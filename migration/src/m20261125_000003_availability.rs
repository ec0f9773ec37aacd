//! Weekly hours and the exceptions to them.

use crate::{index, reference};
use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    // SQLite would not wrap a migration by itself, and half of one cannot be repeated.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let rule = Table::create()
            .table("availability_rule")
            .col(pk_uuid("id"))
            .col(uuid("doctor_id"))
            .col(small_integer("weekday"))
            .col(small_integer("start_minute"))
            .col(small_integer("end_minute"))
            .col(integer("slot_minutes"))
            .col(date_null("effective_from"))
            .col(date_null("effective_until"))
            .foreign_key(&mut reference("availability_rule", "doctor_id", "doctor"))
            .to_owned();
        let exception = Table::create()
            .table("availability_override")
            .col(pk_uuid("id"))
            .col(uuid("doctor_id"))
            .col(date("date"))
            .col(text("kind"))
            .col(small_integer_null("start_minute"))
            .col(small_integer_null("end_minute"))
            .col(integer_null("slot_minutes"))
            .col(text_null("reason"))
            .foreign_key(&mut reference("availability_override", "doctor_id", "doctor"))
            .to_owned();
        manager.create_table(rule).await?;
        manager.create_table(exception).await?;
        manager.create_index(index("ix_availability_rule_doctor", "availability_rule", &["doctor_id"])).await?;
        manager
            .create_index(index("ix_availability_override_doctor", "availability_override", &["doctor_id", "date"]))
            .await
    }
}
