//! What a resolver finds in its context.

use super::loaders::Loaders;
use crate::{
    accounts::Accounts,
    availability::Availability,
    booking::Booking,
    directory::Directory,
    infra::db::Database,
    kernel::{clock::Clock, rejection::Rejection, viewer::Viewer},
};
use async_graphql::Context;
use std::sync::Arc;

/// The services that resolvers call.
#[derive(Clone, Debug)]
pub struct Services {
    /// Accounts and sessions.
    pub accounts: Arc<Accounts>,
    /// Clinics, specialties and doctors.
    pub directory: Arc<Directory>,
    /// Slots.
    pub availability: Arc<Availability>,
    /// Appointments.
    pub booking: Arc<Booking>,
    /// For the loaders.
    pub database: Database,
    /// For defaults that depend on the time.
    pub clock: Arc<dyn Clock>,
}

/// Who sent the request.
#[derive(Clone, Debug, Default)]
pub struct Caller {
    /// Who is signed in; nobody for a visitor.
    pub viewer: Option<Viewer>,
    /// What the client calls itself.
    pub device: Option<String>,
}

/// Short names for what a resolver needs.
pub trait Reach {
    /// The services.
    fn services(&self) -> &Services;
    /// Who sent the request.
    fn caller(&self) -> &Caller;
    /// The loaders of this operation.
    fn loaders(&self) -> &Loaders;

    /// Who is signed in.
    fn viewer(&self) -> Option<&Viewer> {
        self.caller().viewer.as_ref()
    }

    /// Who is signed in, or that somebody has to be.
    fn signed_in(&self) -> Result<&Viewer, Rejection> {
        self.viewer().ok_or(Rejection::Unauthenticated)
    }
}

impl Reach for Context<'_> {
    fn services(&self) -> &Services {
        self.data_unchecked()
    }

    fn caller(&self) -> &Caller {
        self.data_unchecked()
    }

    fn loaders(&self) -> &Loaders {
        self.data_unchecked()
    }
}
