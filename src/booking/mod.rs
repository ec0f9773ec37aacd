//! The life of an appointment. Every way into a doctor's time passes [`guard`]: the calendar's row is taken, or shown not to have moved; the
//! rules, the clock and the claims are asked; and two constraints of the database have the last word.

mod at_once;
mod book;
mod cancel;
mod crowd;
mod departure;
mod guard;
mod hold;
mod idempotency;
mod jobs;
mod model;
mod moves;
mod reference;
mod requests;
mod service;
mod store;
mod taken;
mod transaction;

pub use crowd::appointment_lock;
pub use jobs::{confirm, confirm_due, expire, expire_due, forget_keys};
pub use model::{Appointment, AppointmentStatus, Transition, replay};
pub use reference::new_reference;
pub use requests::{
    AppointmentFilter, AppointmentOrder, BookingRequest, CancelRequest, HoldRequest, Outcome, RescheduleRequest,
    SwapRequest, Target, Wanted,
};
pub use service::Booking;
pub use store::{appointments, appointments_of, histories, known_patients, replacements};
