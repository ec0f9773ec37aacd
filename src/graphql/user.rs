//! Users.

use super::{
    appointment::{AppointmentConnection, AppointmentFilter, AppointmentOrder},
    clinic::Clinic,
    context::Reach,
    doctor::Doctor,
    failure::Failure,
    loaders::fetch,
    page::{self, Arguments},
    scalars::{EmailAddress, TimeZone},
    session::SignIn,
};
use crate::{
    accounts, booking, directory,
    kernel::{id::UserId, page::Page, rejection::Rejection, viewer::Role as ViewerRole},
};
use async_graphql::{Context, Description, Enum, ID, Object};

/// A person who signs in.
#[derive(Description, Clone)]
pub struct User(pub accounts::User);

/// What a user may be.
#[derive(Clone, Copy, Debug, Enum, PartialEq, Eq)]
#[graphql(remote = "accounts::RoleName")]
pub enum Role {
    /// Books for themselves.
    Patient,
    /// Has a profile and a calendar in one clinic.
    Doctor,
    /// Rules the clinic that is theirs, or the platform where none is.
    Admin,
}

impl User {
    /// Whether the viewer may see how to reach this person: the person, admins of the platform, and staff for their patients and colleagues.
    async fn shows_contact(&self, context: &Context<'_>) -> Result<bool, Failure> {
        let Some(viewer) = context.viewer() else { return Ok(false) };
        if viewer.user_id == self.0.id {
            return Ok(true);
        }
        match viewer.role {
            ViewerRole::PlatformAdmin => Ok(true),
            ViewerRole::Patient => Ok(false),
            ViewerRole::ClinicAdmin(clinic) if self.clinic_id(context).await? == Some(clinic) => Ok(true),
            ViewerRole::ClinicAdmin(_) | ViewerRole::Doctor(_) => {
                Ok(context.loaders().known_patients.load(self.0.id).await?.is_some())
            }
        }
    }

    async fn clinic_id(&self, context: &Context<'_>) -> Result<Option<crate::kernel::id::ClinicId>, Failure> {
        match self.0.role {
            accounts::RoleName::Patient => Ok(None),
            accounts::RoleName::Admin => Ok(self.0.clinic_id),
            accounts::RoleName::Doctor => {
                Ok(context.loaders().user_doctors.load(self.0.id).await?.map(|doctor| doctor.clinic_id))
            }
        }
    }

    /// The user with this ID, if the viewer may see more of them than their name.
    pub async fn find(context: &Context<'_>, id: UserId) -> Result<Option<Self>, Failure> {
        let Some(user) = context.loaders().users.load(id).await?.map(Self) else { return Ok(None) };
        Ok(if user.shows_contact(context).await? { Some(user) } else { None })
    }
}

#[Object(use_type_description)]
impl User {
    /// Names the user.
    pub async fn id(&self) -> ID {
        self.0.id.into()
    }

    /// How the person is called.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// The address that the person signs in with; null for viewers who may see only the name.
    async fn email(&self, context: &Context<'_>) -> Result<Option<EmailAddress>, Failure> {
        Ok(self.shows_contact(context).await?.then(|| EmailAddress(self.0.email.clone())))
    }

    /// A telephone number; null for viewers who may see only the name.
    async fn phone(&self, context: &Context<'_>) -> Result<Option<&str>, Failure> {
        Ok(if self.shows_contact(context).await? { self.0.phone.as_deref() } else { None })
    }

    /// What the user may be.
    async fn role(&self) -> Role {
        self.0.role.into()
    }

    /// The time zone that the person lives in.
    async fn time_zone(&self) -> TimeZone {
        self.0.time_zone.into()
    }

    /// The language that the person reads (BCP 47).
    async fn locale(&self) -> &str {
        &self.0.locale
    }

    /// The clinic that an admin rules, or where a doctor works; null for patients and for admins of the platform.
    async fn clinic(&self, context: &Context<'_>) -> Result<Option<Clinic>, Failure> {
        let Some(id) = self.clinic_id(context).await? else { return Ok(None) };
        Ok(Some(Clinic(context.loaders().clinics.load_known(id).await?)))
    }

    /// The professional profile; null for those who are no doctors.
    async fn doctor(&self, context: &Context<'_>) -> Result<Option<Doctor>, Failure> {
        Ok(context.loaders().user_doctors.load(self.0.id).await?.map(Doctor))
    }

    /// Whether the person may sign in.
    async fn active(&self) -> bool {
        self.0.active
    }

    /// Where one is signed in, the last used first, at most 100. For oneself only.
    #[graphql(complexity = "5 * child_complexity + 1")]
    async fn sessions(&self, context: &Context<'_>) -> Result<Vec<SignIn>, Failure> {
        let viewer = context.signed_in()?;
        if viewer.user_id != self.0.id {
            return Err(Rejection::Forbidden.into());
        }
        let found = context.services().accounts.sessions(viewer).await?;
        Ok(found.into_iter().map(|sign_in| SignIn::new(sign_in, viewer)).collect())
    }

    /// Those of the person's appointments, as a patient, that you may see.
    #[graphql(complexity = "page::size(first, None) * child_complexity + 1")]
    async fn appointments(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "How many, 1 to 100; 20 where nothing is said.")] first: Option<i32>,
        #[graphql(desc = "The cursor behind which to begin.")] after: Option<String>,
        #[graphql(desc = "Only these.")] filter: Option<AppointmentFilter>,
        #[graphql(desc = "In which order; the earliest visit first where nothing is said.")] order_by: Option<
            AppointmentOrder,
        >,
    ) -> Result<AppointmentConnection, Failure> {
        let request = Arguments { first, after, ..Arguments::default() }.request(context)?;
        let Some(filter) = filter.unwrap_or_default().parse() else {
            return Ok(Page::<booking::Appointment>::empty().into());
        };
        let arguments = (filter, order_by.unwrap_or_default().into(), request);
        let page = context.loaders().patient_appointments.load((self.0.id, arguments)).await?;
        Ok(page.unwrap_or_else(Page::empty).into())
    }
}

/// Queries about users.
#[derive(Default)]
pub struct UserQuery;

#[Object]
impl UserQuery {
    /// The user who is signed in; null for a visitor.
    async fn viewer(&self, context: &Context<'_>) -> Result<Option<User>, Failure> {
        let Some(viewer) = context.viewer() else { return Ok(None) };
        Ok(Some(User(context.loaders().users.load_known(viewer.user_id).await?)))
    }
}

fetch!(
    /// Users by their ids, whoever asks: links lead only to those whose name the viewer may see.
    Users(services, _caller): UserId => accounts::User,
    |keys| accounts::users(&services.database, keys).await
);

fetch!(
    /// The doctors that users sign in as.
    UserDoctors(services, _caller): UserId => directory::Doctor,
    |keys| directory::doctors_of_users(&services.database, keys).await
);

fetch!(
    /// Those people who are patients of the viewer's.
    KnownPatients(services, caller): UserId => (),
    |keys| {
        let Some(viewer) = &caller.viewer else { return Ok(std::collections::HashMap::new()) };
        let known = booking::known_patients(&services.database, viewer, keys).await?;
        Ok(known.into_iter().map(|id| (id, ())).collect())
    }
);
