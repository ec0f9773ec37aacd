//! Booking references: short enough to say over the telephone, too many to guess.

use rand::seq::IndexedRandom;

/// No I, L, O, U, 0 or 1: nothing that looks like another.
const ALPHABET: &[u8; 30] = b"ABCDEFGHJKMNPQRSTVWXYZ23456789";
const LENGTH: usize = 8;

/// A new reference. Unique, because the database refuses a second one.
#[must_use]
pub fn new_reference() -> String {
    let mut chance = rand::rng();
    (0..LENGTH).filter_map(|_| ALPHABET.choose(&mut chance)).map(|letter| char::from(*letter)).collect()
}

/// A reference as it is kept, from what somebody typed; nothing where it cannot be one.
pub fn canonical(typed: &str) -> Option<String> {
    let reference = typed.trim().to_ascii_uppercase();
    let fits = reference.len() == LENGTH && reference.bytes().all(|byte| ALPHABET.contains(&byte));
    fits.then_some(reference)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_read_as_people_type_it_and_nothing_else_is_one() {
        let reference = new_reference();
        assert_eq!(canonical(&format!(" {} ", reference.to_lowercase())), Some(reference));
        for wrong in ["", "ABCDEFG", "ABCDEFGHJ", "ABCDEFG0", "ABCDEFG\0"] {
            assert_eq!(canonical(wrong), None, "{wrong}");
        }
    }
}
