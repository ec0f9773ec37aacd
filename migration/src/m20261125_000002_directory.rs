//! Specialties, doctors and what they offer.

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
        let specialty = Table::create()
            .table("specialty")
            .col(pk_uuid("id"))
            .col(text("name"))
            .col(text_uniq("slug"))
            .col(text_null("description"))
            .to_owned();
        let doctor = Table::create()
            .table("doctor")
            .col(pk_uuid("id"))
            .col(uuid_uniq("user_id"))
            .col(uuid("clinic_id"))
            .col(text("name"))
            .col(text_null("title"))
            .col(text_null("bio"))
            .col(text("search_text"))
            .col(text("time_zone"))
            .col(integer("slot_minutes"))
            .col(integer("buffer_minutes"))
            .col(integer("min_notice_minutes"))
            .col(integer("max_advance_days"))
            .col(integer_null("cancellation_notice_hours"))
            .col(boolean("active"))
            .foreign_key(&mut reference("doctor", "user_id", "user"))
            .foreign_key(&mut reference("doctor", "clinic_id", "clinic"))
            .to_owned();
        let doctor_specialty = Table::create()
            .table("doctor_specialty")
            .col(uuid("doctor_id"))
            .col(uuid("specialty_id"))
            .primary_key(Index::create().col("doctor_id").col("specialty_id"))
            .foreign_key(&mut reference("doctor_specialty", "doctor_id", "doctor"))
            .foreign_key(&mut reference("doctor_specialty", "specialty_id", "specialty"))
            .to_owned();
        let visit_type = Table::create()
            .table("visit_type")
            .col(pk_uuid("id"))
            .col(uuid("doctor_id"))
            .col(text("name"))
            .col(integer("duration_minutes"))
            .col(integer_null("step_minutes"))
            .col(integer_null("buffer_before_minutes"))
            .col(integer_null("buffer_after_minutes"))
            .col(integer_null("price_amount"))
            .col(text_null("price_currency"))
            .col(text("mode"))
            .col(boolean("active"))
            .foreign_key(&mut reference("visit_type", "doctor_id", "doctor"))
            .to_owned();
        for table in [specialty, doctor, doctor_specialty, visit_type] {
            manager.create_table(table).await?;
        }
        manager.create_index(index("ix_specialty_name", "specialty", &["name", "id"])).await?;
        manager.create_index(index("ix_clinic_name", "clinic", &["name", "id"])).await?;
        manager.create_index(index("ix_doctor_name", "doctor", &["name", "id"])).await?;
        manager.create_index(index("ix_doctor_clinic", "doctor", &["clinic_id", "name", "id"])).await?;
        manager.create_index(index("ix_doctor_specialty", "doctor_specialty", &["specialty_id"])).await?;
        manager.create_index(index("ix_visit_type_doctor", "visit_type", &["doctor_id"])).await
    }
}
