//! What people do with their own accounts: ways in beside the password, and keeping what is known about them true.

mod assurance;
mod code;
mod email;
mod linked;
mod password;
mod profile;
mod store;

pub use assurance::Assurance;
pub use code::{CodeAddress, CodeLogin};
pub use email::prove_email_in;
pub use profile::ProfilePatch;
pub use store::{erase_in, find_by_email_in, find_locked_in, sessions_kept, verify_email_in};
