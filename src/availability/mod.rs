//! When a doctor can be booked: rules, overrides and claims in, slots out. Slots are derived, never stored, and all of the deriving is pure:
//! [`hours`] turns rules and overrides into windows, [`grid`] turns windows into candidates, [`slots`] holds the candidates against claims
//! and limits. The store fetches what these need; [`known`] keeps it in memory, for all doctors; the service puts both together, for many
//! doctors at a time, and [`search`] finds the earliest slots of all.

mod alternatives;
mod claim;
mod grid;
mod hours;
mod known;
mod listing;
mod model;
mod overrides;
mod reasons;
mod rules;
mod search;
mod service;
mod slots;
mod store;
mod zone;

pub use claim::{REACH, held_until};
pub use grid::Candidate;
pub use hours::is_within_hours;
pub use known::{DoctorCalendar, Offered, SharedCalendars, read_hours_in};
pub use listing::{DoctorListing, DoctorOrder};
pub use model::{
    Claim, NewRule, Offer, Override, OverrideKind, Rule, Schedule, Slot, SlotKey, SlotQuery, SlotStatus, Weekday,
};
pub use overrides::NewOverride;
pub use reasons::{Broken, Reason};
pub use search::{Search, SearchedSlots};
pub use service::{Availability, check_range, schedule};
pub use slots::{Verdict, judge, slots};
pub use store::{Hours, IS_CLAIM, claims, hours_of, overrides, overrides_of, rules, rules_of};
pub use zone::next_midnight;
