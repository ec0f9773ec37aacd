//! What the directory holds, and what may be said of it.

mod clinic;
mod doctor;
mod specialty;
mod visit_type;

pub use clinic::{Clinic, ClinicPatch, NewClinic};
pub use doctor::{Doctor, DoctorFilter, DoctorPatch, NewDoctor};
pub use specialty::{NewSpecialty, Specialty, SpecialtyPatch};
pub use visit_type::{Price, SavedVisitType, VisitMode, VisitType};

use crate::kernel::{
    check::{Check, NAME},
    id::ClinicId,
    rejection::Code,
    viewer::{Role, Viewer},
};

/// Whether the viewer is an admin of this clinic, or of the platform.
fn rules(viewer: &Viewer, clinic: ClinicId) -> bool {
    match viewer.role {
        Role::PlatformAdmin => true,
        Role::ClinicAdmin(own) => own == clinic,
        Role::Doctor(_) | Role::Patient => false,
    }
}

/// The longest notice is a year's.
fn check_notice(check: &mut Check, hours: Option<i32>) {
    check.optional_number("cancellationNoticeHours", hours, 0..=8_784);
}

/// Names in addresses are the same everywhere, whatever is typed on.
fn check_slug(check: &mut Check, slug: &str) {
    let fits = |character: char| character.is_ascii_lowercase() || character.is_ascii_digit() || character == '-';
    if slug.is_empty() || slug.chars().count() > NAME || !slug.chars().all(fits) {
        check.refuse(
            "slug",
            Code::Invalid,
            "Lower-case letters a to z, digits and hyphens: give one such as 'city-clinic'.",
        );
    }
}
