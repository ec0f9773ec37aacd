//! What Medislot promises, tried through its real edges against a real database.

#![expect(clippy::unwrap_used, reason = "in a test a panic is how to say no")]

mod accounts;
mod architecture;
mod availability;
mod booking;
mod directory;
mod guards;
mod histories;
mod holds;
mod http;
mod idempotency;
mod live;
mod moves;
mod processes;
mod resilience;
mod schema;
mod slots;
mod statements;
mod support;
mod websocket;
