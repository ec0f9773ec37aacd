//! What this process knows by heart, so that looking for a time reads no appointments.
//!
//! **What is kept.** Of every doctor all that slots are told from (profile, visit types, hours, claims to come) at one version of the
//! calendar, as a [`DoctorCalendar`] that never changes: a day of it is derived in microseconds, for any visit type and at any
//! instant, so derived slots need not be kept, and nothing kept goes stale because time passes. And an [`Order`] of all
//! doctors by an instant before which nothing of theirs can become open: whoever looks for the earliest slots opens the calendars in this
//! order, until the next one cannot have anything earlier than what was found. That is exact, and opens about as many calendars as the page
//! has slots, whether there are a hundred doctors or ten thousand.
//!
//! **Why not less.** A table of next openings would cost every booking a write and a derivation in its transaction, and would have to be
//! kept right as time passes, for every duration; days of slots by version cost a derivation of each day at each change. Claims are what is
//! small (64 bytes each, 64 MB for a million) and what changes one at a time.
//!
//! **How it stays right.** Every event of the hub is one change of one calendar: the claims around the time it tells of are read again, or
//! the profile and the hours are. Whoever has read a version in the database asks for a calendar at least as new, and gets it read if events
//! are late; who names a doctor alone is answered without the database, from what is not behind anything that was announced in this process,
//! and was compared with the log within the last second. So nobody sees less than they know of. What a process has read is shared over Redis
//! by its version ([`shared`]): another that starts finds it there. Without Redis, or where its messages are lost, the hub reads the log twice
//! a second.
//!
//! **Time** only ever moves a doctor's first opening on: claims that expire and notices are left out of the bound, so it holds for ever, and
//! bounds that time has overtaken are raised once a second. **Memory** is bounded by the doctors' profiles, the appointments to come and
//! [`order::DURATIONS`]. **A cold process** reads everything in the background, in parts; a search waits for that, single doctors do not:
//! who asks for the near future of somebody who is not known yet has no more than that read.

mod calendar;
mod follow;
mod keeper;
mod memory;
mod merge;
mod order;
mod read;
mod shared;

pub use calendar::{Ask, DoctorCalendar, HORIZON, Offered, SlotStream};
pub use keeper::Keeper;
pub use merge::{Merge, Position, position};
pub use read::{read, read_hours_in};
pub use shared::SharedCalendars;

#[cfg(test)]
mod tests;
