//! Answers to what was missed, kept for others who missed the same.

use super::answer::{Delivery, Written};
use crate::kernel::id::SessionId;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::OnceCell;

/// What was missed, and, where that matters, by whom.
pub type Key = (String, Option<SessionId>);

/// Where an answer is, or will be.
pub type Place = Arc<OnceCell<Written>>;

/// So many answers, of so many bytes: then they are all let go, for those who missed the same come together.
pub struct Kept {
    most: usize,
    most_bytes: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    places: HashMap<Key, Place>,
    bytes: usize,
}

impl Kept {
    pub fn new(most: usize, most_bytes: usize) -> Self {
        Self { most, most_bytes, state: Mutex::default() }
    }

    /// The place of an answer.
    pub fn place(&self, key: Key) -> Place {
        let mut state = self.state();
        if state.places.len() >= self.most && !state.places.contains_key(&key) {
            *state = State::default();
        }
        Arc::clone(state.places.entry(key).or_default())
    }

    /// Counts an answer that is about to be in its place.
    pub fn count(&self, answer: &Written) {
        let Some(Delivery::Answer(text)) = answer else { return };
        let mut state = self.state();
        state.bytes += text.len();
        if state.bytes > self.most_bytes {
            *state = State::default();
        }
    }

    /// Lets go of all of them.
    pub fn forget(&self) {
        *self.state() = State::default();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn answers_to_what_was_missed_are_shared_and_never_more_than_there_is_room_for() {
        let kept = Kept::new(20, 1_000);
        let length = |answer: &Written| if let Some(Delivery::Answer(text)) = answer { text.len() } else { 0 };
        let (mut largest, mut most) = (0, 0);
        for (number, bytes) in [10; 50].into_iter().chain([300; 10]).chain([2_000, 1]).enumerate() {
            let key = || (number.to_string(), None);
            let written = kept.place(key());
            let write = async || {
                let answer = Some(Delivery::Answer("x".repeat(bytes).into()));
                kept.count(&answer);
                answer
            };
            assert_eq!(length(written.get_or_init(write).await), bytes, "it is told, whether it is kept or not");
            let held: usize = kept.state().places.values().filter_map(|place| place.get()).map(length).sum();
            assert!(held <= 1_000, "{held} bytes");
            assert!(bytes > 300 || Arc::ptr_eq(&written, &kept.place(key())) || held == 0, "shared");
            (largest, most) = (largest.max(held), most.max(kept.state().places.len()));
        }
        assert_eq!((largest, most), (1_000, 20));
        kept.forget();
        assert!(kept.state().places.is_empty());
    }
}
