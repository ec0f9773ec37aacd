//! Who belongs where: inviting people, changing what they may be, and letting go of them.

mod model;
mod service;
mod store;

pub use model::{Invitation, UserFilter};
pub use store::lock_with_platform_admins_in;
