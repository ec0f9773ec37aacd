//! Coming in by a third party (OpenID Connect): authorization code flow with state, nonce and PKCE.

mod arrival;
mod description;
mod provider;
mod store;

pub use arrival::{Arrival, Turned};
pub use provider::{OpenId, Return, Secrets};
pub use store::{Identity, forget_unlinked_in, identities_of, identities_of_in, remove_identities_of_in, unlink_in};
