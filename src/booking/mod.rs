//! The life of an appointment. Every way into a doctor's time passes [`guard`]: the calendar's row is taken, the rules, the clock and the
//! claims are asked behind it, and two constraints of the database have the last word.

mod guard;
mod jobs;
mod model;
mod reference;
mod service;
mod store;

pub use jobs::{confirm, confirm_due};
pub use model::{
    Appointment, AppointmentFilter, AppointmentOrder, AppointmentStatus, BookingRequest, CancelRequest, Outcome,
    Transition, Wanted,
};
pub use service::{Booking, appointment_lock};
pub use store::{appointments, appointments_of, histories, known_patients};
