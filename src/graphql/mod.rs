//! The schema: one noun, one file (its objects, queries, mutations, subscriptions and loaders), and the vocabulary that they share. A
//! resolver parses, calls a service and wraps; nothing below this room has heard of GraphQL.

mod account;
mod appointment;
mod appointment_event;
mod appointment_move;
mod appointment_mutation;
mod appointment_transition;
mod audit;
mod availability;
mod clinic;
mod context;
mod cost;
mod doctor;
mod doctor_mutation;
mod failure;
mod guard;
mod input;
mod linked_account;
mod live;
mod loaders;
mod login_code;
mod member;
mod money;
mod node;
mod page;
mod scalars;
mod schema;
mod session;
mod slot;
mod slot_board;
mod slot_event;
mod slot_list;
mod specialty;
mod unavailability;
mod user;
mod user_error;
mod visit_type;

pub use context::{Began, Caller, Services};
pub use cost::Pricing;
pub use failure::{Failure, reveal};
pub use live::{Happening, News, Phase, Source};
pub use loaders::Loaders;
pub use scalars::Cursor;
pub use schema::{MedislotSchema, running, schema, sdl};
