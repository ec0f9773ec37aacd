//! Visit types.

use crate::kernel::{
    check::Check,
    id::{DoctorId, VisitTypeId},
    money::Money,
};

pub use ::entity::visit_type::VisitMode;

/// What a doctor offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VisitType {
    /// Which.
    pub id: VisitTypeId,
    /// Who offers it.
    pub doctor_id: DoctorId,
    /// Its name.
    pub name: String,
    /// How long it takes.
    pub duration_minutes: i32,
    /// The distance of two starts; duration and buffers where there is none.
    pub step_minutes: Option<i32>,
    /// The pause before it; none where there is none.
    pub buffer_before_minutes: Option<i32>,
    /// The pause after it; the doctor's where there is none.
    pub buffer_after_minutes: Option<i32>,
    /// What it costs.
    pub price: Option<Money>,
    /// Where it takes place.
    pub mode: VisitMode,
    /// Whether it can be booked.
    pub active: bool,
}

impl VisitType {
    /// Looks over what it holds.
    pub fn check(&self, check: &mut Check) {
        check.name("name", &self.name);
        check.number("durationMinutes", self.duration_minutes, 5..=480);
        check.optional_number("stepMinutes", self.step_minutes, 5..=480);
        check.optional_number("bufferBeforeMinutes", self.buffer_before_minutes, 0..=240);
        check.optional_number("bufferAfterMinutes", self.buffer_after_minutes, 0..=240);
        if let Some(price) = &self.price {
            price.check(check, "price");
        }
    }
}

/// A visit type to save: a new one, or instead of one that is there.
#[derive(Clone, Debug)]
pub struct SavedVisitType {
    /// The one to change.
    pub replaces: Option<VisitTypeId>,
    /// What it shall be; its id counts only where it is new.
    pub visit_type: VisitType,
}
