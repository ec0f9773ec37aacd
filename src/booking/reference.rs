//! Booking references: short enough to say over the telephone, too many to guess.

use rand::seq::IndexedRandom;

/// No I, L, O, U, 0 or 1: nothing that looks like another.
const ALPHABET: &[u8; 30] = b"ABCDEFGHJKMNPQRSTVWXYZ23456789";
const LENGTH: usize = 8;

/// A new reference. Unique, because the database refuses a second one.
pub fn new_reference() -> String {
    let mut chance = rand::rng();
    (0..LENGTH).filter_map(|_| ALPHABET.choose(&mut chance)).map(|letter| char::from(*letter)).collect()
}

/// A reference as somebody typed it.
pub fn canonical(reference: &str) -> String {
    reference.trim().to_ascii_uppercase()
}
