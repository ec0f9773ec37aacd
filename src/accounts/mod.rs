//! People who sign in: their accounts, sessions and tokens.

mod attempts;
mod care;
mod endings;
mod jobs;
mod members;
mod model;
mod openid;
mod password;
mod service;
mod sessions;
mod store;
mod token;

pub use attempts::{Allowed, Attempt, Attempts, By};
pub use care::{Assurance, CodeAddress, CodeLogin, ProfilePatch, erase_in, sessions_kept};
pub use endings::Ending;
pub use jobs::{forget_sessions, watch_sessions};
pub use members::{
    Invitation, UserFilter, joined_clinics, leave_clinics_in, lock_with_platform_admins_in, note_own_in,
};
pub use model::{
    Account, Credentials, EMAIL_EXPECTED, IssuedSession, LOCALE, NewUser, PHONE_EXPECTED, RoleName, SignIn, SignOut,
    User, canonical_email, parse_email, parse_phone,
};
pub use openid::{Arrival, Identity, OpenId, Return, Secrets, Turned, identities_of};
pub use password::Passwords;
pub use service::Accounts;
pub use store::{insert_user_in, is_email_taken, lock_user_in, rename_doctor_in, users};
pub use token::{KeyError, Tokens, Unproven};
