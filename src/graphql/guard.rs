//! Who may use a field, declared where the field is.

use super::{context::Reach, failure::Failure};
use crate::kernel::{
    rejection::Rejection,
    viewer::{Role, Viewer},
};
use async_graphql::{Context, Guard};

/// For whom a field is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum For {
    /// Everybody who has signed in.
    SignedIn,
    /// Doctors and admins.
    Staff,
    /// Admins, of a clinic or of the platform.
    Admins,
    /// Admins of the platform.
    PlatformAdmins,
}

impl For {
    fn includes(self, viewer: &Viewer) -> bool {
        match self {
            Self::SignedIn => true,
            Self::Staff => viewer.role != Role::Patient,
            Self::Admins => matches!(viewer.role, Role::ClinicAdmin(_) | Role::PlatformAdmin),
            Self::PlatformAdmins => viewer.role == Role::PlatformAdmin,
        }
    }
}

impl Guard for For {
    async fn check(&self, context: &Context<'_>) -> async_graphql::Result<()> {
        let viewer = context.signed_in().map_err(Failure::from)?;
        if self.includes(viewer) { Ok(()) } else { Err(Failure::from(Rejection::Forbidden).into()) }
    }
}
