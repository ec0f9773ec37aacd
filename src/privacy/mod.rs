//! A person's data as a whole, over all features: giving it out, and erasing it.

mod jobs;
mod service;

pub use jobs::{look_after, look_after_due};
pub use service::Privacy;
