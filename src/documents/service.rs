//! Registering documents, and finding them.

use super::store;
use crate::{
    infra::db::Database,
    kernel::{clock::Clock, rejection::Rejection},
};
use sha2::{Digest, Sha256};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, PoisonError, RwLock},
};

/// How many documents a process remembers.
const REMEMBERED: usize = 10_000;
/// The longest id of a document.
const LONGEST_ID: usize = 255;

/// The documents that are registered.
#[derive(Debug)]
pub struct Documents {
    database: Database,
    known: RwLock<HashMap<String, Arc<str>>>,
}

/// What a document is called by its text: `sha256:` and the digest in hexadecimal digits.
#[must_use]
pub fn digest(text: &str) -> String {
    use std::fmt::Write;
    Sha256::digest(text.as_bytes()).iter().fold("sha256:".to_owned(), |mut id, byte| {
        let _ = write!(id, "{byte:02x}");
        id
    })
}

/// The documents of a file, by id: either one document, which is called by its digest, or a JSON object from ids to documents, as compilers
/// such as Relay's write it.
///
/// # Errors
/// What is wrong with the file.
pub fn read_file(content: &str) -> Result<BTreeMap<String, String>, &'static str> {
    if !content.trim_start().starts_with(['{', '[']) || serde_json::from_str::<serde_json::Value>(content).is_err() {
        return Ok(BTreeMap::from([(digest(content), content.to_owned())]));
    }
    let documents: BTreeMap<String, String> =
        serde_json::from_str(content).map_err(|_| "The file is JSON, but not an object from ids to documents.")?;
    if documents.keys().any(|id| id.is_empty() || id.len() > LONGEST_ID) {
        return Err("An id has between 1 and 255 characters.");
    }
    Ok(documents)
}

impl Documents {
    /// The documents registered in `database`.
    #[must_use]
    pub fn new(database: Database) -> Self {
        Self { database, known: RwLock::default() }
    }

    /// Registers documents; those with the same ids are replaced, which other processes notice when they begin anew.
    ///
    /// # Errors
    /// Where the database refuses.
    pub async fn add(&self, documents: BTreeMap<String, String>, clock: &dyn Clock) -> Result<(), Rejection> {
        store::save(&self.database, &documents.into_iter().collect::<Vec<_>>(), clock.now()).await
    }

    /// The text of a document.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn find(&self, id: &str) -> Result<Option<Arc<str>>, Rejection> {
        if id.len() > LONGEST_ID || id.contains('\0') {
            return Ok(None);
        }
        if let Some(known) = self.known.read().unwrap_or_else(PoisonError::into_inner).get(id) {
            return Ok(Some(Arc::clone(known)));
        }
        let Some(text) = store::find(&self.database, id).await? else { return Ok(None) };
        let text: Arc<str> = text.into();
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(id.to_owned(), Arc::clone(&text));
        Ok(Some(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_one_document_or_many_by_their_ids() {
        let one = read_file("{ viewer { id } }").unwrap();
        assert_eq!(one.values().collect::<Vec<_>>(), ["{ viewer { id } }"]);
        assert!(one.keys().next().unwrap().starts_with("sha256:"));
        assert_eq!(one.keys().next().unwrap().len(), 7 + 64);
        let many = read_file(r#"{ "a": "{ viewer { id } }", "b": "query B { viewer { name } }" }"#).unwrap();
        assert_eq!(many.keys().collect::<Vec<_>>(), ["a", "b"]);
        assert!(read_file(r#"{ "a": 1 }"#).is_err());
        assert!(read_file("[1]").is_err());
    }
}
