//! The steps in the life of an appointment.

use super::{
    appointment::AppointmentStatus, context::Reach, failure::Failure, loaders::fetch, scalars::DateTime, user::User,
};
use crate::{booking, kernel::id::AppointmentId};
use async_graphql::{Context, Description, Object};

/// A step in the life of an appointment.
#[derive(Description)]
pub struct AppointmentTransition(pub booking::Transition);

#[Object(use_type_description)]
impl AppointmentTransition {
    /// What it was; null before it was booked.
    async fn from(&self) -> Option<AppointmentStatus> {
        self.0.from.map(Into::into)
    }

    /// What it became.
    async fn to(&self) -> AppointmentStatus {
        self.0.to.into()
    }

    /// Who did it; null where the system did.
    async fn actor(&self, context: &Context<'_>) -> Result<Option<User>, Failure> {
        let Some(id) = self.0.actor_id else { return Ok(None) };
        Ok(Some(context.loaders().users.load_known(id).await?.into()))
    }

    /// Why.
    async fn reason(&self) -> Option<&str> {
        self.0.reason.as_deref()
    }

    /// When.
    async fn at(&self) -> DateTime {
        self.0.at.into()
    }
}

fetch!(
    /// The histories of appointments.
    Histories(services, _caller): AppointmentId => Vec<booking::Transition>,
    |keys| booking::histories(&services.database, keys).await
);
