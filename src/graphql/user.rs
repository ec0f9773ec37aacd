//! Users.

use super::{
    appointment::{Appointment, AppointmentConnection, AppointmentFilter, AppointmentOrder},
    clinic::Clinic,
    context::Reach,
    doctor::Doctor,
    failure::Failure,
    linked_account::LinkedAccount,
    loaders::fetch,
    member::UserConnection,
    page::{self, Arguments},
    scalars::{EmailAddress, TimeZone},
    session::SignIn,
};
use crate::{
    accounts, audit, booking, directory,
    kernel::{
        id::UserId,
        page::Page,
        rejection::Rejection,
        viewer::{Role as ViewerRole, Viewer},
    },
};
use async_graphql::{Context, Description, Enum, ID, Object};
use futures_util::future::try_join_all;

/// A person who signs in.
#[derive(Description, Clone)]
pub struct User {
    user: accounts::User,
    is_oneself: bool,
}

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

impl From<accounts::User> for User {
    fn from(user: accounts::User) -> Self {
        Self { user, is_oneself: false }
    }
}

impl User {
    /// The user who has just signed in, to be shown to themselves.
    pub fn oneself(user: accounts::User) -> Self {
        Self { user, is_oneself: true }
    }

    /// Whether the viewer may see how to reach this person: the person, admins of the platform, and staff for their patients and colleagues.
    async fn shows_contact(&self, context: &Context<'_>) -> Result<bool, Failure> {
        if self.is_oneself {
            return Ok(true);
        }
        let Some(viewer) = context.viewer() else { return Ok(false) };
        if viewer.user_id == self.user.id {
            return Ok(true);
        }
        let is_patient = viewer.role != ViewerRole::Patient && self.is_patient(context).await?;
        let may = match viewer.role {
            ViewerRole::PlatformAdmin => true,
            ViewerRole::Patient => false,
            ViewerRole::ClinicAdmin(clinic) if self.clinic_id(context).await? == Some(clinic) => true,
            ViewerRole::ClinicAdmin(_) | ViewerRole::Doctor(..) => is_patient,
        };
        if may && is_patient {
            self.note(context);
        }
        Ok(may)
    }

    /// Whether this person is a patient of the viewer's, who is staff; whatever they may be by now. Every patient is the platform's.
    async fn is_patient(&self, context: &Context<'_>) -> Result<bool, Failure> {
        let is_of_platform = context.viewer().is_some_and(|viewer| viewer.role == ViewerRole::PlatformAdmin);
        if is_of_platform && self.user.role == accounts::RoleName::Patient {
            return Ok(true);
        }
        Ok(context.loaders().known_patients.load(self.user.id).await?.is_some())
    }

    /// Writes down that staff is shown a patient.
    fn note(&self, context: &Context<'_>) {
        context.caller().sees(audit::Sight {
            action: audit::READ_PATIENT,
            patient_id: self.user.id,
            clinic_id: context.viewer().and_then(Viewer::clinic),
            subject_id: self.user.id.to_string(),
        });
    }

    /// A page of users whom staff is shown: that is written down of those who are patients of theirs.
    pub async fn page(context: &Context<'_>, page: Page<accounts::User>) -> Result<UserConnection, Failure> {
        let page = page.map(Self::from);
        let are_patients = page.items.iter().map(|(_, user)| user.is_patient(context));
        let are_patients = try_join_all(are_patients).await?;
        for ((_, user), _) in page.items.iter().zip(are_patients).filter(|(_, is_patient)| *is_patient) {
            user.note(context);
        }
        Ok(page.into())
    }

    async fn clinic_id(&self, context: &Context<'_>) -> Result<Option<crate::kernel::id::ClinicId>, Failure> {
        match self.user.role {
            accounts::RoleName::Patient => Ok(None),
            accounts::RoleName::Admin => Ok(self.user.clinic_id),
            accounts::RoleName::Doctor => {
                Ok(context.loaders().user_doctors.load(self.user.id).await?.map(|doctor| doctor.clinic_id))
            }
        }
    }

    /// The user with this ID, if the viewer may see more of them than their name.
    pub async fn find(context: &Context<'_>, id: UserId) -> Result<Option<Self>, Failure> {
        let Some(user) = context.loaders().users.load(id).await?.map(Self::from) else { return Ok(None) };
        Ok(if user.shows_contact(context).await? { Some(user) } else { None })
    }
}

#[Object(use_type_description)]
impl User {
    /// Names the user.
    pub async fn id(&self) -> ID {
        self.user.id.into()
    }

    /// How the person is called.
    async fn name(&self) -> &str {
        &self.user.name
    }

    /// The address that the person signs in with; null for erased users, and for viewers who may see only the name.
    async fn email(&self, context: &Context<'_>) -> Result<Option<EmailAddress>, Failure> {
        let shown = self.user.erased_at.is_none() && self.shows_contact(context).await?;
        Ok(shown.then(|| EmailAddress(self.user.email.clone())))
    }

    /// A telephone number; null for viewers who may see only the name.
    async fn phone(&self, context: &Context<'_>) -> Result<Option<&str>, Failure> {
        Ok(if self.shows_contact(context).await? { self.user.phone.as_deref() } else { None })
    }

    /// Whether the person has confirmed the address; null for viewers who may see only the name.
    async fn email_verified(&self, context: &Context<'_>) -> Result<Option<bool>, Failure> {
        Ok(self.shows_contact(context).await?.then_some(self.user.email_verified))
    }

    /// Whether the person has confirmed the telephone number, and may sign in by it; null for viewers who may see only the name.
    async fn phone_verified(&self, context: &Context<'_>) -> Result<Option<bool>, Failure> {
        Ok(self.shows_contact(context).await?.then_some(self.user.phone_verified))
    }

    /// What the user may be.
    async fn role(&self) -> Role {
        self.user.role.into()
    }

    /// The time zone that the person lives in.
    async fn time_zone(&self) -> TimeZone {
        self.user.time_zone.into()
    }

    /// The language that the person reads (BCP 47).
    async fn locale(&self) -> &str {
        &self.user.locale
    }

    /// The clinic that an admin rules, or where a doctor works; null for patients and for admins of the platform.
    async fn clinic(&self, context: &Context<'_>) -> Result<Option<Clinic>, Failure> {
        let Some(id) = self.clinic_id(context).await? else { return Ok(None) };
        Ok(Some(Clinic(context.loaders().clinics.load_known(id).await?)))
    }

    /// The professional profile; null for those who are no doctors.
    async fn doctor(&self, context: &Context<'_>) -> Result<Option<Doctor>, Failure> {
        Ok(context.loaders().user_doctors.load(self.user.id).await?.map(Doctor))
    }

    /// Whether the person may sign in.
    async fn active(&self) -> bool {
        self.user.active
    }

    /// Where one is signed in, the last used first, at most 100. For oneself only.
    #[graphql(complexity = "page::times(5, child_complexity)")]
    async fn sessions(&self, context: &Context<'_>) -> Result<Vec<SignIn>, Failure> {
        let viewer = context.signed_in()?;
        if viewer.user_id != self.user.id {
            return Err(Rejection::Forbidden.into());
        }
        let found = context.loaders().own_sessions.load(viewer.user_id).await?.unwrap_or_default();
        Ok(found.into_iter().map(|sign_in| SignIn::new(sign_in, viewer)).collect())
    }

    /// The third parties by which one comes in, the first linked first, at most 100; `unlinkAccount` ends that, and `relinkAccount` allows it
    /// again. For oneself only.
    #[graphql(complexity = "page::times(5, child_complexity)")]
    async fn linked_accounts(&self, context: &Context<'_>) -> Result<Vec<LinkedAccount>, Failure> {
        let viewer = context.signed_in()?;
        if viewer.user_id != self.user.id {
            return Err(Rejection::Forbidden.into());
        }
        let found = context.loaders().own_linked_accounts.load(viewer.user_id).await?.unwrap_or_default();
        Ok(found.into_iter().map(LinkedAccount).collect())
    }

    /// Those of the person's appointments, as a patient, that you may see.
    #[graphql(complexity = "page::cost(first, None, child_complexity)")]
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
            return Ok(Appointment::page(context, Page::empty()));
        };
        let arguments = (filter, order_by.unwrap_or_default().into(), request);
        let page = context.loaders().patient_appointments.load((self.user.id, arguments)).await?;
        Ok(Appointment::page(context, page.unwrap_or_else(Page::empty)))
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
        Ok(Some(context.loaders().users.load_known(viewer.user_id).await?.into()))
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
        let Some(viewer) = caller.viewer() else { return Ok(std::collections::HashMap::new()) };
        let known = booking::known_patients(&services.database, viewer, keys).await?;
        Ok(known.into_iter().map(|id| (id, ())).collect())
    }
);
