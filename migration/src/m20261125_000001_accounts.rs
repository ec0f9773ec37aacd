//! Users, their sessions, and the key that signs their tokens.

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
        // A user may rule a clinic, so clinics come first.
        let clinic = Table::create()
            .table("clinic")
            .col(pk_uuid("id"))
            .col(text("name"))
            .col(text_uniq("slug"))
            .col(text_null("address"))
            .col(text_null("phone"))
            .col(text("time_zone"))
            .col(integer("cancellation_notice_hours"))
            .to_owned();
        let user = Table::create()
            .table("user")
            .col(pk_uuid("id"))
            .col(text("email"))
            .col(text("password_hash"))
            .col(text("name"))
            .col(text_null("phone"))
            .col(text("role"))
            .col(uuid_null("clinic_id"))
            .col(text("time_zone"))
            .col(text("locale"))
            .col(boolean("active"))
            .col(timestamp_with_time_zone("created_at"))
            .foreign_key(&mut reference("user", "clinic_id", "clinic"))
            .to_owned();
        let session = Table::create()
            .table("session")
            .col(pk_uuid("id"))
            .col(uuid("user_id"))
            .col(text_null("device"))
            .col(timestamp_with_time_zone("created_at"))
            .col(timestamp_with_time_zone("last_used_at"))
            .col(timestamp_with_time_zone("expires_at"))
            .col(timestamp_with_time_zone_null("ended_at"))
            .foreign_key(&mut reference("session", "user_id", "user"))
            .to_owned();
        let refresh_token = Table::create()
            .table("refresh_token")
            .col(text("hash").primary_key())
            .col(uuid("session_id"))
            .col(timestamp_with_time_zone_null("spent_at"))
            .foreign_key(reference("refresh_token", "session_id", "session").on_delete(ForeignKeyAction::Cascade))
            .to_owned();
        let signing_key = Table::create()
            .table("signing_key")
            .col(text("id").primary_key())
            .col(blob("private_key"))
            .col(timestamp_with_time_zone("created_at"))
            .to_owned();
        for table in [clinic, user, session, refresh_token, signing_key] {
            manager.create_table(table).await?;
        }
        manager.create_index(index("ux_user_email", "user", &["email"]).unique().to_owned()).await?;
        manager.create_index(index("ix_user_clinic", "user", &["clinic_id"])).await?;
        manager.create_index(index("ix_session_user", "session", &["user_id"])).await?;
        manager.create_index(index("ix_session_expires", "session", &["expires_at"])).await?;
        manager.create_index(index("ix_refresh_token_session", "refresh_token", &["session_id"])).await
    }
}
