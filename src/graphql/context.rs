//! What a resolver finds in its context.

use super::loaders::Loaders;
use crate::{
    accounts::Accounts,
    audit::{Audit, Sight, Sights},
    availability::Availability,
    board::Boards,
    booking::Booking,
    calendar::{self, Hub},
    directory::Directory,
    infra::db::Database,
    kernel::{
        client::{Client, Principal},
        clock::Clock,
        rejection::Rejection,
        viewer::Viewer,
    },
    privacy::Privacy,
};
use async_graphql::Context;
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// The services that resolvers call.
#[derive(Clone, Debug)]
pub struct Services {
    /// Who saw or changed what.
    pub audit: Arc<Audit>,
    /// Accounts and sessions.
    pub accounts: Arc<Accounts>,
    /// Clinics, specialties and doctors.
    pub directory: Arc<Directory>,
    /// Slots.
    pub availability: Arc<Availability>,
    /// Live boards.
    pub boards: Arc<Boards>,
    /// Appointments.
    pub booking: Arc<Booking>,
    /// A person's data as a whole.
    pub privacy: Arc<Privacy>,
    /// What happens.
    pub hub: Arc<Hub>,
    /// For the loaders.
    pub database: Database,
    /// For defaults that depend on the time.
    pub clock: Arc<dyn Clock>,
}

/// Who sent the request. Remembers whether anybody asked: an answer for which nobody did is the same for everybody.
#[derive(Clone, Debug, Default)]
pub struct Caller {
    viewer: Option<Viewer>,
    client: Client,
    asked: Arc<AtomicBool>,
    sights: Sights,
}

impl Caller {
    /// Somebody who is signed in, or a visitor, with the program that they use.
    #[must_use]
    pub fn new(viewer: Option<Viewer>, client: Client) -> Self {
        Self { viewer, client, asked: Arc::default(), sights: Sights::default() }
    }

    /// Who is signed in; nobody for a visitor.
    #[must_use]
    pub fn viewer(&self) -> Option<&Viewer> {
        self.asked.store(true, Ordering::Relaxed);
        self.viewer.as_ref()
    }

    /// The program that they use.
    #[must_use]
    pub fn client(&self) -> &Client {
        self.asked.store(true, Ordering::Relaxed);
        &self.client
    }

    /// Who pays for it. No answer depends on that.
    #[must_use]
    pub fn principal(&self) -> Principal {
        Principal::of(self.viewer.as_ref(), &self.client)
    }

    /// They are shown something of a patient's: it is written down before they are.
    pub fn sees(&self, sight: Sight) {
        if let Some(viewer) = self.viewer() {
            self.sights.note(viewer, sight);
        }
    }

    /// Writes down what they are shown by what has run.
    ///
    /// # Errors
    /// Where that cannot be written: then they must not be shown it.
    pub async fn write_down(&self, audit: &Audit) -> Result<(), Rejection> {
        audit.write(self.viewer.as_ref(), &self.sights).await
    }

    /// Whether anybody has asked who it is.
    #[must_use]
    pub fn was_asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }
}

/// The place in the log from which on an operation may have missed something, also in what it knows from memory: taken before it reads anything.
#[derive(Clone, Debug)]
pub struct Began(pub calendar::Cursor);

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
        self.caller().viewer()
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
