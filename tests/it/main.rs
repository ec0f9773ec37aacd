//! What Medislot promises, tried through its real edges against a real database.

#![expect(clippy::unwrap_used, reason = "in a test a panic is how to say no")]

mod access;
mod account_care;
mod accounts;
mod appointment_events;
mod appointments;
mod architecture;
mod audit;
mod availability;
mod board;
mod booking;
mod conflicts;
mod directory;
mod drawing;
mod freshness;
mod graphiql;
mod guards;
mod guessing;
mod histories;
mod holds;
mod http;
mod idempotency;
mod invitations;
mod limits;
mod live;
mod login_codes;
mod mail;
mod members;
mod moves;
mod openid;
mod processes;
mod resilience;
mod restart;
mod resume;
mod schema;
mod slots;
mod statements;
mod support;
mod telephone;
mod tokens;
mod websocket;
mod wire;
