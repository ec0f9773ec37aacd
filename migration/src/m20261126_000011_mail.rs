//! Letters that are to be sent, what their links and codes prove, and which addresses were proven.

use crate::{index, reference};
use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in ["email_verified_at", "phone_verified_at", "erased_at"] {
            let mut column = timestamp_with_time_zone_null(column);
            manager.alter_table(Table::alter().table("user").add_column(&mut column).to_owned()).await?;
        }
        let ticket = Table::create()
            .table("ticket")
            .col(pk_uuid("id"))
            .col(text("purpose"))
            .col(uuid_null("user_id"))
            .col(text("address"))
            .col(uuid_null("subject_id"))
            .col(text_null("hash"))
            .col(integer("tries"))
            .col(timestamp_with_time_zone("created_at"))
            .col(timestamp_with_time_zone("expires_at"))
            .foreign_key(&mut reference("ticket", "user_id", "user"))
            .to_owned();
        let mail = Table::create()
            .table("mail")
            .col(pk_uuid("id"))
            .col(text("channel"))
            .col(text("letter"))
            .col(uuid_null("user_id"))
            .col(text("recipient"))
            .col(text("locale"))
            .col(text("content"))
            .col(uuid_null("ticket_id"))
            .col(text("status"))
            .col(integer("attempts"))
            .col(timestamp_with_time_zone("due_at"))
            .col(timestamp_with_time_zone("created_at"))
            .col(timestamp_with_time_zone_null("finished_at"))
            .foreign_key(&mut reference("mail", "user_id", "user"))
            .to_owned();
        let captured_mail = Table::create()
            .table("captured_mail")
            .col(pk_auto("id"))
            .col(text("recipient"))
            .col(text("subject"))
            .col(text("text"))
            .col(text_null("html"))
            .col(timestamp_with_time_zone("sent_at"))
            .to_owned();
        for table in [ticket, mail, captured_mail] {
            manager.create_table(table).await?;
        }
        let verified = Expr::col("phone_verified_at").is_not_null();
        let phone = index("ux_user_phone", "user", &["phone"]).unique().and_where(verified).to_owned();
        manager.create_index(phone).await?;
        let erased = Expr::col("erased_at").is_not_null();
        manager.create_index(index("ix_user_erased", "user", &["erased_at"]).and_where(erased).to_owned()).await?;
        manager.create_index(index("ux_ticket_hash", "ticket", &["hash"]).unique().to_owned()).await?;
        manager.create_index(index("ix_ticket_address", "ticket", &["address", "purpose"])).await?;
        manager.create_index(index("ix_ticket_user", "ticket", &["user_id"])).await?;
        manager.create_index(index("ix_ticket_expires", "ticket", &["expires_at"])).await?;
        let waits = Expr::col("status").eq("WAITING");
        manager.create_index(index("ix_mail_due", "mail", &["due_at"]).and_where(waits).to_owned()).await?;
        manager.create_index(index("ix_mail_user", "mail", &["user_id"])).await?;
        manager.create_index(index("ix_mail_finished", "mail", &["finished_at"])).await
    }
}
