//! Answers to what was missed, kept for others who missed the same.

use super::answer::{Delivery, Written};
use crate::kernel::id::SessionId;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::OnceCell;

/// What was missed, and, where that matters, by whom.
pub type Key = (String, Option<SessionId>);

/// Where an answer is, or will be.
pub type Place = Arc<OnceCell<Written>>;

/// So many answers, of so many bytes, for so long: then they are all let go, for those who missed the same come together.
pub struct Kept {
    most: usize,
    most_bytes: usize,
    longest: Duration,
    state: Mutex<State>,
}

struct State {
    places: HashMap<Key, Place>,
    bytes: usize,
    /// When the first of the places was made.
    since: Instant,
}

impl Default for State {
    fn default() -> Self {
        Self { places: HashMap::new(), bytes: 0, since: Instant::now() }
    }
}

impl Kept {
    pub fn new(most: usize, most_bytes: usize, longest: Duration) -> Self {
        Self { most, most_bytes, longest, state: Mutex::default() }
    }

    /// The place of an answer.
    pub fn place(&self, key: Key) -> Place {
        self.forget_old();
        let mut state = self.state();
        if state.places.len() >= self.most && !state.places.contains_key(&key) {
            *state = State::default();
        }
        Arc::clone(state.places.entry(key).or_default())
    }

    /// Counts an answer that is about to be in its place. A failure is for those only who wait for it: whoever comes later tries again.
    pub fn count(&self, key: &Key, answer: &Written) {
        let mut state = self.state();
        match answer {
            Some(Delivery::Answer(text)) => state.bytes += text.len(),
            Some(Delivery::End(_)) => drop(state.places.remove(key)),
            None => {}
        }
        if state.bytes > self.most_bytes {
            *state = State::default();
        }
    }

    /// Lets go of all of them where their time is over, however many still ask for them.
    pub fn forget_old(&self) {
        let mut state = self.state();
        if state.places.is_empty() || state.since.elapsed() >= self.longest {
            *state = State::default();
        }
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
        let kept = Kept::new(20, 1_000, Duration::MAX);
        let length = |answer: &Written| if let Some(Delivery::Answer(text)) = answer { text.len() } else { 0 };
        let (mut largest, mut most) = (0, 0);
        for (number, bytes) in [10; 50].into_iter().chain([300; 10]).chain([2_000, 1]).enumerate() {
            let key = || (number.to_string(), None);
            let written = kept.place(key());
            let write = async || {
                let answer = Some(Delivery::Answer("x".repeat(bytes).into()));
                kept.count(&key(), &answer);
                answer
            };
            assert_eq!(length(written.get_or_init(write).await), bytes, "it is told, whether it is kept or not");
            let held: usize = kept.state().places.values().filter_map(|place| place.get()).map(length).sum();
            assert!(held <= 1_000, "{held} bytes");
            assert!(bytes > 300 || Arc::ptr_eq(&written, &kept.place(key())) || held == 0, "shared");
            (largest, most) = (largest.max(held), most.max(kept.state().places.len()));
        }
        assert_eq!((largest, most), (1_000, 20));
    }

    #[test]
    fn a_failure_is_not_kept_and_nothing_for_longer_than_its_time_however_often_it_is_asked_for() {
        let key = || ("1".to_owned(), None);
        let kept = Kept::new(20, 1_000, Duration::from_millis(200));
        let first = kept.place(key());
        kept.count(&key(), &Some(Delivery::End(Arc::default())));
        let second = kept.place(key());
        assert!(!Arc::ptr_eq(&first, &second), "whoever comes after a failure tries again");
        let begun = Instant::now();
        while Arc::ptr_eq(&second, &kept.place(key())) {
            assert!(begun.elapsed() < Duration::from_secs(10), "whoever asks keeps it");
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis(200));
        kept.forget_old();
        assert!(kept.state().places.is_empty());
    }
}
