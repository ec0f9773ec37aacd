//! Looking over an input before anything is done with it.

use super::rejection::{Code, Refusal, Rejection};
use std::{borrow::Cow, ops::RangeInclusive};

/// The longest name or search, in characters.
pub const NAME: usize = 200;
/// The longest reason, in characters.
pub const REASON: usize = 1_000;
/// The longest note, biography, address or description, in characters.
pub const TEXT: usize = 4_000;

/// Gathers everything that is wrong with an input, so that the user sees it at once.
#[derive(Debug, Default)]
pub struct Check {
    refusals: Vec<Refusal>,
}

impl Check {
    /// Nothing is wrong yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Something is wrong with `field`.
    pub fn refuse(&mut self, field: &str, code: Code, message: impl Into<Cow<'static, str>>) {
        self.refusals.push(Refusal::of(field, code, message));
    }

    /// Text of at most `longest` characters, without NUL, which PostgreSQL cannot keep.
    pub fn text(&mut self, field: &str, value: &str, longest: usize) {
        if value.chars().count() > longest {
            self.refuse(field, Code::Invalid, format!("At most {longest} characters."));
        } else if value.contains('\0') {
            self.refuse(field, Code::Invalid, "The NUL character cannot be stored.");
        }
    }

    /// The same where a text may be absent.
    pub fn optional_text(&mut self, field: &str, value: Option<&str>, longest: usize) {
        if let Some(value) = value {
            self.text(field, value, longest);
        }
    }

    /// A name: text that says something.
    pub fn name(&mut self, field: &str, value: &str) {
        if value.trim().is_empty() {
            self.refuse(field, Code::Invalid, "A name is needed.");
        } else {
            self.text(field, value, NAME);
        }
    }

    /// A number within `range`.
    pub fn number(&mut self, field: &str, value: i32, range: RangeInclusive<i32>) {
        if !range.contains(&value) {
            let message = format!("Between {} and {}.", range.start(), range.end());
            self.refuse(field, Code::Invalid, message);
        }
    }

    /// The same where a number may be absent.
    pub fn optional_number(&mut self, field: &str, value: Option<i32>, range: RangeInclusive<i32>) {
        if let Some(value) = value {
            self.number(field, value, range);
        }
    }

    /// All is well, or everything that is not.
    ///
    /// # Errors
    /// The refusals that were gathered.
    pub fn finish(self) -> Result<(), Rejection> {
        if self.refusals.is_empty() { Ok(()) } else { Err(Rejection::Refused(self.refusals)) }
    }
}
