//! Specialties.

use super::check_slug;
use crate::kernel::{
    check::{Check, TEXT},
    id::SpecialtyId,
    patch::Patch,
};

/// A field of medicine, shared by all clinics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Specialty {
    /// Which.
    pub id: SpecialtyId,
    /// Its name.
    pub name: String,
    /// Its name in addresses.
    pub slug: String,
    /// What it is about.
    pub description: Option<String>,
}

impl Specialty {
    /// Looks over what it holds.
    pub fn check(&self, check: &mut Check) {
        check.name("name", &self.name);
        check_slug(check, &self.slug);
        check.optional_text("description", self.description.as_deref(), TEXT);
    }
}

/// A specialty to make.
#[derive(Clone, Debug)]
pub struct NewSpecialty {
    /// Its name.
    pub name: String,
    /// Its name in addresses; made from the name where there is none.
    pub slug: Option<String>,
    /// What it is about.
    pub description: Option<String>,
}

/// A change of a specialty.
#[derive(Clone, Debug)]
pub struct SpecialtyPatch {
    /// Its name.
    pub name: Patch<String>,
    /// Its name in addresses.
    pub slug: Patch<String>,
    /// What it is about.
    pub description: Patch<String>,
}
