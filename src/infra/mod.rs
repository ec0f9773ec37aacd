//! The database, the lock, the bus, the outbox, budgets and who carries messages. Names no feature.

pub mod among;
pub mod breaker;
pub mod budget;
pub mod bus;
pub mod db;
pub mod listing;
pub mod lock;
pub mod mail;
pub mod outbox;
pub mod redis;
pub mod supervise;
