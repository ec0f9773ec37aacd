//! Patients who let a clinic's staff book for them, and the list of users by name.

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
        let clinic_patient = Table::create()
            .table("clinic_patient")
            .col(uuid("clinic_id"))
            .col(uuid("patient_id"))
            .col(timestamp_with_time_zone("since"))
            .primary_key(Index::create().name("pk_clinic_patient").col("clinic_id").col("patient_id"))
            .foreign_key(reference("clinic_patient", "clinic_id", "clinic").on_delete(ForeignKeyAction::Cascade))
            .foreign_key(&mut reference("clinic_patient", "patient_id", "user"))
            .to_owned();
        manager.create_table(clinic_patient).await?;
        manager.create_index(index("ix_clinic_patient_patient", "clinic_patient", &["patient_id"])).await?;
        manager.create_index(index("ix_user_name", "user", &["name", "id"])).await
    }
}
