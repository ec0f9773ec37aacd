//! The rows of documents.

use crate::{infra::db::Database, kernel::rejection::Rejection};
use ::entity::document;
use chrono::{DateTime, Utc};
use sea_orm::{ActiveValue::Set, EntityTrait, sea_query::OnConflict};

/// The text of a document.
pub async fn find(database: &Database, id: &str) -> Result<Option<String>, Rejection> {
    let row = document::Entity::find_by_id(id).one(database.reader()).await?;
    Ok(row.map(|row| row.text))
}

/// Writes documents, in place of those with the same ids.
pub async fn save(database: &Database, documents: &[(String, String)], now: DateTime<Utc>) -> Result<(), Rejection> {
    let transaction = database.begin().await?;
    let row = |(id, text): &(String, String)| document::ActiveModel {
        id: Set(id.clone()),
        text: Set(text.clone()),
        created_at: Set(now),
    };
    let replace = OnConflict::column(document::Column::Id).update_column(document::Column::Text).to_owned();
    for some in documents.chunks(100) {
        let insert = document::Entity::insert_many(some.iter().map(row)).on_conflict(replace.clone());
        insert.exec_without_returning(&*transaction).await?;
    }
    transaction.commit().await
}
