//! The database, the lock, the bus, the outbox and who carries messages. Names no feature.

pub mod breaker;
pub mod bus;
pub mod db;
pub mod listing;
pub mod lock;
pub mod mail;
pub mod outbox;
pub mod redis;
pub mod supervise;
