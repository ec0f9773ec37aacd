//! Reading documents. Clients send the same few texts again and again: what was read, and found to be sound by itself, is kept.

use super::{
    document,
    operation::{refused, set_code},
    text,
    variables::Positions,
};
use crate::config::Limits;
use async_graphql::{
    ServerError,
    parser::{parse_query, types::ExecutableDocument},
};
use moka::sync::Cache;
use std::sync::Arc;

/// How many bytes of text are kept; parsed they take some twenty times as much.
const KEPT: u64 = 1 << 20;

/// Reads documents.
#[derive(Debug)]
pub struct Reader {
    kept: Cache<Arc<str>, Arc<ExecutableDocument>>,
    positions: Positions,
    limits: Limits,
}

impl Reader {
    /// Reads what is meant for the schema that this definition (SDL) is of, under these limits.
    #[must_use]
    pub fn new(definition: &str, limits: Limits) -> Self {
        let positions = Positions::of(definition);
        let weigh = |text: &Arc<str>, _: &Arc<ExecutableDocument>| text.len().try_into().unwrap_or(u32::MAX);
        Self { kept: Cache::builder().weigher(weigh).max_capacity(KEPT).build(), positions, limits }
    }

    /// The document, if its text is small enough, and it is small enough itself.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(&self, text: &Arc<str>) -> Result<Arc<ExecutableDocument>, Box<ServerError>> {
        if let Some(kept) = self.kept.get(text) {
            return Ok(kept);
        }
        text::check(text, &self.limits).map_err(|message| Box::new(refused("QUERY_TOO_COMPLEX", message)))?;
        let mut document = parse_query(&**text).map_err(|error| {
            let mut error = ServerError::from(error);
            // The library echoes the line that it stumbled over, however long.
            error.message = error.message.chars().take(500).collect();
            set_code(&mut error, "BAD_USER_INPUT");
            Box::new(error)
        })?;
        document::measure(&document, &self.limits)?;
        self.positions.check(&document)?;
        document::wrap_typenames(&mut document);
        let document = Arc::new(document);
        self.kept.insert(Arc::clone(text), Arc::clone(&document));
        Ok(document)
    }
}
