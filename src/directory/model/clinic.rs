//! Clinics.

use super::{check_notice, check_slug};
use crate::kernel::{
    check::{Check, NAME, TEXT},
    id::ClinicId,
    money::Money,
    patch::Patch,
    rejection::Code,
    viewer::Viewer,
};
use chrono_tz::Tz;

pub use ::entity::clinic::CancellationPolicy;

/// A tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clinic {
    /// Which.
    pub id: ClinicId,
    /// Its name.
    pub name: String,
    /// Its name in addresses.
    pub slug: String,
    /// Where it is.
    pub address: Option<String>,
    /// Its telephone number.
    pub phone: Option<String>,
    /// Its time zone.
    pub time_zone: Tz,
    /// Until how many hours before a visit patients may cancel it.
    pub cancellation_notice_hours: i32,
    /// What happens after that.
    pub cancellation_policy: CancellationPolicy,
    /// What a late cancellation costs where it is possible.
    pub cancellation_fee: Option<Money>,
    /// How long a patient holds a slot.
    pub hold_minutes: i32,
}

impl Clinic {
    /// Looks over what it holds.
    pub fn check(&self, check: &mut Check) {
        check.name("name", &self.name);
        check_slug(check, &self.slug);
        check.optional_text("address", self.address.as_deref(), TEXT);
        check.optional_text("phone", self.phone.as_deref(), NAME);
        check_notice(check, Some(self.cancellation_notice_hours));
        match &self.cancellation_fee {
            Some(fee) => fee.check(check, "cancellationFee"),
            None if self.cancellation_policy == CancellationPolicy::Fee => {
                check.refuse("cancellationFee", Code::Invalid, "Say what a late cancellation costs.");
            }
            None => {}
        }
        check.number("holdMinutes", self.hold_minutes, 1..=60);
    }

    /// Whether the viewer may change it.
    #[must_use]
    pub fn is_ruled_by(&self, viewer: &Viewer) -> bool {
        viewer.rules(self.id)
    }
}

/// A clinic to make.
#[derive(Clone, Debug)]
pub struct NewClinic {
    /// Its name.
    pub name: String,
    /// Its name in addresses; made from the name where there is none.
    pub slug: Option<String>,
    /// Where it is.
    pub address: Option<String>,
    /// Its telephone number.
    pub phone: Option<String>,
    /// Its time zone.
    pub time_zone: Tz,
    /// Until how many hours before a visit patients may cancel it; 24 where there is none.
    pub cancellation_notice_hours: Option<i32>,
    /// What happens after that; they cannot cancel where nothing is said.
    pub cancellation_policy: Option<CancellationPolicy>,
    /// What a late cancellation costs where it is possible.
    pub cancellation_fee: Option<Money>,
    /// How long a patient holds a slot; 10 minutes where nothing is said.
    pub hold_minutes: Option<i32>,
}

/// A change of a clinic.
#[derive(Clone, Debug)]
pub struct ClinicPatch {
    /// Its name.
    pub name: Patch<String>,
    /// Its name in addresses.
    pub slug: Patch<String>,
    /// Where it is.
    pub address: Patch<String>,
    /// Its telephone number.
    pub phone: Patch<String>,
    /// Its time zone.
    pub time_zone: Patch<Tz>,
    /// Until how many hours before a visit patients may cancel it.
    pub cancellation_notice_hours: Patch<i32>,
    /// What happens after that.
    pub cancellation_policy: Patch<CancellationPolicy>,
    /// What a late cancellation costs where it is possible.
    pub cancellation_fee: Patch<Money>,
    /// How long a patient holds a slot.
    pub hold_minutes: Patch<i32>,
}
