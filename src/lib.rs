//! Medislot: a GraphQL API, with live subscriptions, for booking medical appointments.
//!
//! This is the map. A module uses only those above it.

/// Words that every feature shares. Nothing here reads, writes or waits.
pub mod kernel;

/// What an operator can set.
pub mod config;

/// The database, the lock, the bus, the outbox, budgets and who carries messages. Names no feature.
pub mod infra;

/// Who saw or changed which patient's data, and when.
pub mod audit;

/// Letters and text messages, and what their links and codes prove.
pub mod mail;

/// People who sign in: accounts, sessions and tokens.
pub mod accounts;

/// Each doctor's versioned log of changes, and the live hub.
pub mod calendar;

/// Who can be found: clinics, specialties, doctors and what they offer.
pub mod directory;

/// Rules and overrides → slots; the search over all doctors.
pub mod availability;

/// The live board: the slots of some doctors, as they change.
pub mod board;

/// Bookings and cancellations: the appointment's life.
pub mod booking;

/// A person's data as a whole: giving it out, and erasing it.
pub mod privacy;

/// Documents that clients may ask for by their id.
pub mod documents;

/// The GraphQL schema: one noun, one file.
pub mod graphql;

/// HTTP, WebSocket and server-sent events.
pub mod api;

/// Background work.
pub mod worker;

/// Demo data.
pub mod demo;

/// Logs.
pub mod telemetry;

/// The composition root.
pub mod app;
