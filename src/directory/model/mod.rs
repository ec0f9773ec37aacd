//! What the directory holds, and what may be said of it.

mod clinic;
mod doctor;
mod specialty;
mod visit_type;

pub use clinic::{CancellationPolicy, Clinic, ClinicPatch, NewClinic};
pub use doctor::{Doctor, DoctorFilter, DoctorPatch, NewDoctor};
pub use specialty::{NewSpecialty, Specialty, SpecialtyPatch};
pub use visit_type::{SavedVisitType, VisitMode, VisitType};

use crate::kernel::{
    check::{Check, NAME},
    rejection::Code,
};

/// The longest notice is a year's.
fn check_notice(check: &mut Check, hours: Option<i32>) {
    check.optional_number("cancellationNoticeHours", hours, 0..=8_784);
}

/// Names in addresses are the same everywhere, whatever is typed on.
fn check_slug(check: &mut Check, slug: &str) {
    if !is_slug(slug) {
        check.refuse(
            "slug",
            Code::Invalid,
            "Lower-case letters a to z, digits and hyphens: give one such as 'city-clinic'.",
        );
    }
}

/// Whether something can be called so in addresses.
pub fn is_slug(slug: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !slug.is_empty() && slug.len() <= NAME && slug.bytes().all(fits) && !slug.starts_with('-') && !slug.ends_with('-')
}
