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

/// How many bytes are kept, roughly: a parsed document takes so many for each of its tokens, and so many more.
const KEPT: u64 = 16 << 20;
const BYTES_OF_A_TOKEN: usize = 300;
const BYTES_MORE: usize = 1_024;

/// Reads documents.
#[derive(Debug)]
pub struct Reader {
    kept: Cache<Arc<str>, (Arc<ExecutableDocument>, u32)>,
    positions: Positions,
    limits: Limits,
}

impl Reader {
    /// Reads what is meant for the schema that this definition (SDL) is of, under these limits.
    #[must_use]
    pub fn new(definition: &str, limits: Limits) -> Self {
        let positions = Positions::of(definition);
        let kept = Cache::builder().weigher(|_, (_, bytes)| *bytes).max_capacity(KEPT).build();
        Self { kept, positions, limits }
    }

    /// The document, if its text is small enough, and it is small enough itself.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(&self, text: &Arc<str>) -> Result<Arc<ExecutableDocument>, Box<ServerError>> {
        if let Some((kept, _)) = self.kept.get(text) {
            return Ok(kept);
        }
        let tokens =
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
        let bytes = BYTES_MORE + text.len() + tokens * BYTES_OF_A_TOKEN;
        self.kept.insert(Arc::clone(text), (Arc::clone(&document), bytes.try_into().unwrap_or(u32::MAX)));
        Ok(document)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn however_many_documents_come_no_more_are_kept_than_there_is_room_for() {
        let reader = Reader::new("type Query { a: Int }", Limits::default());
        let fields = "a ".repeat(100);
        let texts: Vec<Arc<str>> = (0..2_000).map(|number| format!("query q{number} {{ {fields} }}").into()).collect();
        for text in &texts {
            reader.read(text).unwrap();
        }
        reader.kept.run_pending_tasks();
        assert!((KEPT / 2..=KEPT).contains(&reader.kept.weighted_size()), "{}", reader.kept.weighted_size());
        assert!(reader.kept.entry_count() < 1_000);
    }

    #[test]
    fn what_was_read_before_is_not_read_again() {
        let reader = Reader::new("type Query { a: Int }", Limits::default());
        let text: Arc<str> = "{ a }".into();
        let first = reader.read(&text).unwrap();
        assert!(Arc::ptr_eq(&first, &reader.read(&text).unwrap()));
    }
}
