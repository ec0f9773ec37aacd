//! Pages of lists that can grow (Relay's cursor connections).

use super::rejection::Rejection;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::{DateTime, Datelike, Utc};
use serde::{Serialize, de::DeserializeOwned};

/// How many items a page holds where nothing is said.
pub const DEFAULT_SIZE: u32 = 20;
/// How many items a page holds at most.
pub const LARGEST_SIZE: u32 = 100;

/// Which page of a list.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PageRequest {
    /// How many items at most, 1 to 100.
    pub size: u32,
    /// The cursor that the page begins behind (or, read backwards, ends before).
    pub cursor: Option<String>,
    /// Whether the page is the one before the cursor.
    pub backwards: bool,
    /// Whether the number of all items is wanted.
    pub count: bool,
}

/// One page of a list, in the order of the list.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// Its items, each with its cursor.
    pub items: Vec<(String, T)>,
    /// Whether there are items before it, as far as reading told.
    pub has_previous: bool,
    /// Whether there are items after it, as far as reading told.
    pub has_next: bool,
    /// How many items the list has, where that was asked for.
    pub total: Option<u64>,
}

impl<T> Page<T> {
    /// A page of a list that has no items.
    #[must_use]
    pub fn empty() -> Self {
        Self { items: Vec::new(), has_previous: false, has_next: false, total: Some(0) }
    }

    /// The page from what was read for it: up to one item more than it holds, in reading order.
    #[must_use]
    pub fn read(request: &PageRequest, mut items: Vec<(String, T)>, total: Option<u64>) -> Self {
        let more = items.len() > request.size as usize;
        items.truncate(request.size as usize);
        if request.backwards {
            items.reverse();
        }
        let behind_cursor = request.cursor.is_some();
        let (has_previous, has_next) = if request.backwards { (more, behind_cursor) } else { (behind_cursor, more) };
        Self { items, has_previous, has_next, total }
    }

    /// The same page of other things.
    pub fn map<U>(self, mut convert: impl FnMut(T) -> U) -> Page<U> {
        let items = self.items.into_iter().map(|(cursor, item)| (cursor, convert(item))).collect();
        Page { items, has_previous: self.has_previous, has_next: self.has_next, total: self.total }
    }
}

/// A cursor from the key that its list is ordered by. `list` names the order, so that no other list takes it for its own.
#[must_use]
pub fn encode_cursor<K: Serialize>(list: &str, key: &K) -> String {
    let json = serde_json::to_vec(&(list, key)).unwrap_or_default();
    BASE64_URL_SAFE_NO_PAD.encode(json)
}

/// The key that a cursor was made from.
///
/// # Errors
/// `BadInput` where it is not a cursor of this list.
pub fn decode_cursor<K: DeserializeOwned>(list: &str, cursor: &str) -> Result<K, Rejection> {
    let json = BASE64_URL_SAFE_NO_PAD.decode(cursor).ok();
    // No key of ours holds a NUL, and PostgreSQL would not take it.
    let json = json.filter(|json| !json.windows(6).any(|escape| escape == b"\\u0000"));
    let decoded = json.and_then(|json| serde_json::from_slice::<(String, K)>(&json).ok());
    decoded
        .filter(|(name, _)| name == list)
        .map(|(_, key)| key)
        .ok_or(Rejection::BadInput("The cursor is not one of this list.".into()))
}

/// The key of a list that is ordered by an instant first: one that both databases can keep.
///
/// # Errors
/// `BadInput` where it is not a cursor of this list.
pub fn decode_instant_cursor<K: DeserializeOwned>(list: &str, cursor: &str) -> Result<(DateTime<Utc>, K), Rejection> {
    let (instant, rest): (DateTime<Utc>, K) = decode_cursor(list, cursor)?;
    if (1..=9999).contains(&instant.year()) {
        Ok((instant, rest))
    } else {
        Err(Rejection::BadInput("The cursor is not one of this list.".into()))
    }
}
