//! Each doctor's calendar: a version that grows by one with every change, the log of the changes, and their way to whoever watches.
//! Doctors are known here by their ids only.

mod hub;
mod jobs;
mod model;
mod publisher;
mod store;

pub use hub::{Hub, Missed, Selection, Watch};
pub use jobs::relay;
pub use model::{CalendarEvent, Change};
pub use publisher::Publisher;
pub use store::{Turn, events_after, log_id, open_in, record_in, take_turn_in, try_turn_in, versions};
