//! Letters and text messages: written in the transaction of their cause, sent by the worker, with tickets that prove, once, who reads them.
//!
//! A row of `mail` keeps its recipient and what fills its template until it is sent, after that only what kind it was, for whom and when, for
//! 30 days. The secret of a ticket (in a link, or a code) is made when the letter is sent and kept nowhere but as a hash; a letter that is
//! sent again brings a new one.

mod jobs;
mod model;
mod service;
mod store;
mod template;
mod ticket;

pub use jobs::{forget, send};
pub use model::{Clinic, Letter, Proof, Purpose, Recipient, Sent};
pub use service::{Carriers, Mail, ask_to_join_in, invite_in, tell_in, write_to_nobody_in, write_with_ticket_in};
pub use store::{forget_of_in, of_user};
pub use ticket::{issue_in, prove_code, prove_link_in, read_link, revoke_in, revoke_ways_in_in};
