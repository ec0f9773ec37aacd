//! Who saw or changed which patient's data, and when. What was done to appointments is in their history, which is never changed either: the log
//! that is shown is both, so that a booking is written down once. Reads are written down before what was read leaves the server: nobody sees
//! what is not written down, whatever happens to the process.

mod model;
mod service;
mod store;

pub use model::{ASK_PATIENT, Entry, Filter, READ_APPOINTMENT, READ_LOG, READ_PATIENT, Sight, Sights};
pub use service::Audit;
pub use store::{about, record_in};
