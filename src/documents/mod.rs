//! Documents that clients may ask for by their id (persisted documents), so that a server can be told to take nothing else.

mod service;
mod store;

pub use service::{Documents, digest, read_file};
