//! The live board: first all slots of some doctors, then whatever becomes different, be it by a booking, by a hold, by a change of hours, or
//! because time passes. The board is drawn once for all who look at the same one.

mod model;
mod service;

pub use model::{BoardKind, BoardMessage, BoardQuery};
pub use service::{Board, Boards, Turn};
