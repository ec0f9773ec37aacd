//! Parts of a change.

use super::{check::Check, rejection::Code};

/// What a change does to one field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Patch<T> {
    /// It stays as it is.
    #[default]
    Keep,
    /// It becomes empty.
    Clear,
    /// It becomes this.
    Set(T),
}

impl<T> Patch<T> {
    /// Whether the field is mentioned at all.
    #[must_use]
    pub fn is_given(&self) -> bool {
        !matches!(self, Self::Keep)
    }

    /// Changes a field that may be empty.
    pub fn apply_to_optional(self, value: &mut Option<T>) {
        match self {
            Self::Keep => {}
            Self::Clear => *value = None,
            Self::Set(new) => *value = Some(new),
        }
    }

    /// Changes a field that must hold something.
    pub fn apply_to(self, value: &mut T, check: &mut Check, field: &str) {
        match self {
            Self::Keep => {}
            Self::Clear => check.refuse(field, Code::Invalid, "This cannot be empty."),
            Self::Set(new) => *value = new,
        }
    }
}
