//! Words that every feature shares. Nothing here reads, writes or waits.

pub mod check;
pub mod client;
pub mod clock;
pub mod interval;
pub mod local_time;
pub mod money;
pub mod page;
pub mod patch;
pub mod rejection;
pub mod viewer;

pub use entity::id;
