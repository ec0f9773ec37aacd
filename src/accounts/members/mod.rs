//! Who belongs where: inviting people, changing what they may be, and letting go of them.

mod changes;
mod model;
mod notes;
mod service;
mod store;

pub use model::{Invitation, UserFilter};
pub use notes::note_own_in;
pub use store::{joined_clinics, leave_clinics_in, lock_with_platform_admins_in};
