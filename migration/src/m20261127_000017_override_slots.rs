//! Overrides keep the slot length that they were set with, as rules do.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let length = Query::select()
            .column("slot_minutes")
            .from("doctor")
            .and_where(Expr::col(("doctor", "id")).equals(("availability_override", "doctor_id")))
            .to_owned();
        let update = Query::update()
            .table("availability_override")
            .value("slot_minutes", SimpleExpr::SubQuery(None, Box::new(length.into())))
            .and_where(Expr::col("slot_minutes").is_null())
            .and_where(Expr::col("kind").ne("BLOCK"))
            .to_owned();
        manager.execute(update).await
    }
}
