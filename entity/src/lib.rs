//! The rows of the database, one file a table, and the typed ids that name them. No rules live here.

pub mod id;

pub mod audit_entry;
pub mod calendar_log;
pub mod document;
pub mod signing_key;

pub mod refresh_token;
pub mod session;
pub mod user;

pub mod captured_mail;
pub mod identity;
pub mod mail;
pub mod ticket;

pub mod clinic;
pub mod clinic_patient;
pub mod doctor;
pub mod doctor_specialty;
pub mod specialty;
pub mod visit_type;

pub mod availability_override;
pub mod availability_rule;

pub mod calendar;
pub mod calendar_event;
pub mod calendar_move;

pub mod appointment;
pub mod appointment_transition;
pub mod idempotency_key;
pub mod outbox;
