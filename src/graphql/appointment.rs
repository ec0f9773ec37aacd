//! Appointments.

use super::{
    appointment_transition::AppointmentTransition,
    clinic::Clinic,
    context::Reach,
    doctor::Doctor,
    failure::Failure,
    guard::For,
    loaders::fetch,
    money::Money,
    page::{self, Arguments, connection},
    scalars::{DateTime, TimeZone},
    user::User,
    visit_type::VisitType,
};
use crate::{
    audit, booking,
    kernel::{
        id::{AppointmentId, UserId},
        page::{Page, PageRequest},
        rejection::Rejection,
    },
};
use async_graphql::{Context, Description, Enum, ID, InputObject, Object};
use std::collections::HashMap;

/// Where in its life an appointment is.
#[derive(Clone, Copy, Debug, Enum, PartialEq, Eq)]
#[graphql(remote = "booking::AppointmentStatus")]
pub enum AppointmentStatus {
    /// A patient is filling in the form.
    Held,
    /// Booked; the confirmation is under way.
    Pending,
    /// Confirmed.
    Confirmed,
    /// The visit took place.
    Completed,
    /// The patient did not come.
    NoShow,
    /// Called off: the time is free again.
    Cancelled,
    /// Not confirmed in time: the time is free again.
    Expired,
}

/// A visit that a patient has booked with a doctor.
#[derive(Description, Clone)]
pub struct Appointment(booking::Appointment);

impl Appointment {
    /// An appointment that the viewer is shown: that is written down, unless it is their own.
    pub fn shown(context: &Context<'_>, appointment: booking::Appointment) -> Self {
        context.caller().sees(audit::Sight {
            action: audit::READ_APPOINTMENT,
            patient_id: appointment.patient_id,
            clinic_id: Some(appointment.clinic_id),
            subject_id: appointment.id.to_string(),
        });
        Self(appointment)
    }

    /// A page of appointments that the viewer is shown.
    pub fn page(context: &Context<'_>, page: Page<booking::Appointment>) -> AppointmentConnection {
        page.map(|appointment| Self::shown(context, appointment)).into()
    }

    async fn steps(&self, context: &Context<'_>) -> Result<Vec<booking::Transition>, Failure> {
        Ok(context.loaders().histories.load(self.0.id).await?.unwrap_or_default())
    }

    /// The step that called it off.
    async fn cancellation(&self, context: &Context<'_>) -> Result<Option<booking::Transition>, Failure> {
        if self.0.status != booking::AppointmentStatus::Cancelled {
            return Ok(None);
        }
        Ok(self.steps(context).await?.pop())
    }
}

#[Object(use_type_description)]
impl Appointment {
    /// Names the appointment.
    pub async fn id(&self) -> ID {
        self.0.id.into()
    }

    /// What people call it by: 8 letters and digits, none of which looks like another.
    async fn reference(&self) -> &str {
        &self.0.reference
    }

    /// With whom.
    async fn doctor(&self, context: &Context<'_>) -> Result<Doctor, Failure> {
        Ok(Doctor(context.loaders().doctors.load_known(self.0.doctor_id).await?))
    }

    /// Where.
    async fn clinic(&self, context: &Context<'_>) -> Result<Clinic, Failure> {
        Ok(Clinic(context.loaders().clinics.load_known(self.0.clinic_id).await?))
    }

    /// Who comes.
    async fn patient(&self, context: &Context<'_>) -> Result<User, Failure> {
        Ok(context.loaders().users.load_known(self.0.patient_id).await?.into())
    }

    /// What for; null where only a time was booked.
    async fn visit_type(&self, context: &Context<'_>) -> Result<Option<VisitType>, Failure> {
        let Some(id) = self.0.visit_type_id else { return Ok(None) };
        Ok(Some(VisitType(context.loaders().visit_types.load_known(id).await?)))
    }

    /// When the visit begins.
    async fn starts_at(&self) -> DateTime {
        self.0.visit.start.into()
    }

    /// When the visit ends.
    async fn ends_at(&self) -> DateTime {
        self.0.visit.end.into()
    }

    /// The patient's time zone, at booking.
    async fn time_zone(&self) -> TimeZone {
        self.0.time_zone.into()
    }

    /// Where in its life it is.
    async fn status(&self) -> AppointmentStatus {
        self.0.status.into()
    }

    /// What the patient wants the doctor to know.
    async fn notes(&self) -> Option<&str> {
        self.0.notes.as_deref()
    }

    /// When the hold ends, or ended; null for what was booked.
    async fn expires_at(&self) -> Option<DateTime> {
        self.0.expires_at.map(DateTime)
    }

    /// Until when the patient may cancel it free of charge, this instant included; null where there is nothing to cancel any more. A hold may
    /// be let go until it ends.
    async fn cancellable_until(&self, context: &Context<'_>) -> Result<Option<DateTime>, Failure> {
        let doctor = Doctor(context.loaders().doctors.load_known(self.0.doctor_id).await?);
        let notice_hours = doctor.cancellation_notice_hours(context).await?;
        Ok(self.0.cancellable_until(notice_hours).map(DateTime))
    }

    /// Who called it off; null where nobody did.
    async fn cancelled_by(&self, context: &Context<'_>) -> Result<Option<User>, Failure> {
        let actor_id = self.cancellation(context).await?.and_then(|step| step.actor_id);
        let Some(id) = actor_id else { return Ok(None) };
        Ok(Some(context.loaders().users.load_known(id).await?.into()))
    }

    /// Why it was called off; null where nobody did, or said why.
    async fn cancellation_reason(&self, context: &Context<'_>) -> Result<Option<String>, Failure> {
        Ok(self.cancellation(context).await?.and_then(|step| step.reason))
    }

    /// What a late cancellation cost; null where it cost nothing.
    async fn cancellation_fee(&self) -> Option<Money> {
        self.0.cancellation_fee.clone().map(Money::from)
    }

    /// The appointment that this one replaces; null where it was not moved, or you may not see that one.
    async fn rescheduled_from(&self, context: &Context<'_>) -> Result<Option<Appointment>, Failure> {
        let Some(id) = self.0.rescheduled_from else { return Ok(None) };
        Ok(context.loaders().appointments.load(id).await?.map(|found| Self::shown(context, found)))
    }

    /// The appointment that replaces this one; null where it was not moved, or you may not see that one.
    async fn rescheduled_to(&self, context: &Context<'_>) -> Result<Option<Appointment>, Failure> {
        Ok(context.loaders().replacements.load(self.0.id).await?.map(|found| Self::shown(context, found)))
    }

    /// Every step of its life, the first one first.
    #[graphql(complexity = "page::times(3, child_complexity)")]
    async fn history(&self, context: &Context<'_>) -> Result<Vec<AppointmentTransition>, Failure> {
        Ok(self.steps(context).await?.into_iter().map(AppointmentTransition).collect())
    }

    /// Grows by one with each change.
    async fn version(&self) -> i32 {
        self.0.version
    }

    /// When it was booked.
    async fn created_at(&self) -> DateTime {
        self.0.created_at.into()
    }
}

connection!(AppointmentConnection, AppointmentEdge, Appointment, "appointments", counted);

/// The order of a list of appointments.
#[derive(Clone, Copy, Debug, Default, Enum, PartialEq, Eq)]
#[graphql(remote = "booking::AppointmentOrder")]
pub enum AppointmentOrder {
    /// The earliest visit first.
    #[default]
    StartsAtAsc,
    /// The latest visit first.
    StartsAtDesc,
    /// What was booked last first.
    CreatedAtDesc,
}

/// Which appointments.
#[derive(Default, InputObject)]
pub struct AppointmentFilter {
    /// In these states; in every one where nothing is said.
    statuses: Option<Vec<AppointmentStatus>>,
    /// Those that begin at this instant or later.
    from: Option<DateTime>,
    /// Those that begin before this instant.
    to: Option<DateTime>,
    /// Those with this doctor.
    doctor_id: Option<ID>,
    /// Those of this patient.
    patient_id: Option<ID>,
}

impl AppointmentFilter {
    /// The filter; nothing where it names something that cannot be there.
    pub fn parse(self) -> Option<booking::AppointmentFilter> {
        Some(booking::AppointmentFilter {
            statuses: self.statuses.unwrap_or_default().into_iter().map(Into::into).collect(),
            from: self.from.map(Into::into),
            to: self.to.map(Into::into),
            doctor_id: self.doctor_id.map(|id| id.parse()).transpose().ok()?,
            patient_id: self.patient_id.map(|id| id.parse()).transpose().ok()?,
        })
    }
}

/// Queries about appointments.
#[derive(Default)]
pub struct AppointmentQuery;

#[Object]
impl AppointmentQuery {
    /// An appointment by its ID or by its booking reference, exactly one of the two, for those who may see it.
    async fn appointment(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Its ID.")] id: Option<ID>,
        #[graphql(desc = "Its booking reference, in any case.")] reference: Option<String>,
    ) -> Result<Option<Appointment>, Failure> {
        let found = match (id, reference, context.viewer()) {
            (Some(_), Some(_), _) | (None, None, _) => {
                return Err(Rejection::BadInput("Give either `id` or `reference`.".into()).into());
            }
            (_, _, None) => None,
            (Some(id), ..) => match id.parse() {
                Ok(id) => context.loaders().appointments.load(id).await?,
                Err(_) => None,
            },
            (_, Some(reference), Some(viewer)) => {
                context.services().booking.find_by_reference(viewer, &reference).await?
            }
        };
        Ok(found.map(|found| Appointment::shown(context, found)))
    }

    /// The appointments that you may see: a patient's own, a doctor's own, those of a clinic for its admins, all for admins of the platform.
    #[graphql(guard = "For::SignedIn", complexity = "page::cost(first, last, child_complexity)")]
    #[expect(clippy::too_many_arguments, reason = "the arguments of a connection")]
    async fn appointments(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "How many from the front, 1 to 100; 20 where nothing is said.")] first: Option<i32>,
        #[graphql(desc = "The cursor behind which to begin.")] after: Option<String>,
        #[graphql(desc = "How many from the back, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "The cursor before which to end.")] before: Option<String>,
        #[graphql(desc = "Only these.")] filter: Option<AppointmentFilter>,
        #[graphql(desc = "In which order; the earliest visit first where nothing is said.")] order_by: Option<
            AppointmentOrder,
        >,
    ) -> Result<AppointmentConnection, Failure> {
        let request = Arguments { first, after, last, before }.request(context)?;
        let Some(filter) = filter.unwrap_or_default().parse() else {
            return Ok(Appointment::page(context, Page::empty()));
        };
        let order = order_by.unwrap_or_default().into();
        let page = context.services().booking.list(context.signed_in()?, &filter, order, &request).await?;
        Ok(Appointment::page(context, page))
    }
}

fetch!(
    /// Those appointments that the viewer may see.
    VisibleAppointments(services, caller): AppointmentId => booking::Appointment,
    |keys| {
        let Some(viewer) = caller.viewer() else { return Ok(HashMap::new()) };
        booking::appointments(services.database.reader(), viewer, keys).await
    }
);

fetch!(
    /// What appointments were moved to, as far as the viewer may see that.
    Replacements(services, caller): AppointmentId => booking::Appointment,
    |keys| {
        let Some(viewer) = caller.viewer() else { return Ok(HashMap::new()) };
        booking::replacements(services.database.reader(), viewer, keys).await
    }
);

type ListArguments = (booking::AppointmentFilter, booking::AppointmentOrder, PageRequest);

fetch!(
    /// Those appointments of patients that the viewer may see.
    PatientAppointments(services, caller): (UserId, ListArguments) => Page<booking::Appointment>,
    |keys| {
        let Some(viewer) = caller.viewer() else { return Ok(HashMap::new()) };
        let mut found = HashMap::new();
        for (arguments, patients) in super::loaders::by_arguments(keys) {
            let (filter, order, request) = &arguments;
            let list = (filter, *order, request);
            let pages = booking::appointments_of(&services.database, viewer, &patients, list).await?;
            found.extend(pages.into_iter().map(|(id, page)| ((id, arguments.clone()), page)));
        }
        Ok(found)
    }
);
