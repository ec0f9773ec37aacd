//! The database, the lock, the bus and the outbox. Names no feature.

pub mod breaker;
pub mod bus;
pub mod db;
pub mod listing;
pub mod lock;
pub mod outbox;
pub mod redis;
pub mod supervise;
