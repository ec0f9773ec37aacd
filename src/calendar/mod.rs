//! Each doctor's calendar: a version that grows by one with every change, the log of the changes, and their way to whoever watches.
//! Doctors are known here by their ids only.

mod announced;
mod cursor;
mod encoding;
mod feed;
mod hub;
mod jobs;
mod membership;
mod model;
mod position;
mod publisher;
mod replay;
mod state;
mod store;

pub use announced::Announced;
pub use cursor::{Cursor, InvalidCursor, Kind};
pub use feed::{Audience, Delivered, Feed, Interest, Missed, Move, News, Place, Roster, Selection, Watch};
pub use hub::{CaughtUp, Hub};
pub use jobs::{cut_log, relay};
pub use model::{AppointmentStep, CalendarEvent, Change};
pub use position::{Position, Snapshot};
pub use publisher::Publisher;
pub use store::{
    Turn, events_after, log_id, open_in, record_each_in, record_in, record_moves_in, renew_log, take_turn_in,
    take_turns_at_in, try_turn_in, versions,
};
