//! The database, the lock, the bus, the outbox and budgets. Names no feature.

pub mod breaker;
pub mod budget;
pub mod bus;
pub mod db;
pub mod listing;
pub mod lock;
pub mod outbox;
pub mod redis;
pub mod supervise;
