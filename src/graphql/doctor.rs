//! Doctors.

use super::{
    availability::{AvailabilityOverride, AvailabilityRule},
    clinic::Clinic,
    context::{Began, Reach},
    failure::Failure,
    loaders::fetch,
    page::{self, Arguments, connection},
    scalars::{Cursor, Date, DateTime, TimeZone},
    slot::{self, Slot, SlotStatus},
    slot_list::SlotList,
    specialty::Specialty,
    visit_type::VisitType,
};
use crate::{
    availability::{self, DoctorListing},
    directory,
    kernel::{id::DoctorId, page::Page, rejection::Rejection},
};
use async_graphql::{Context, Description, Enum, ID, InputObject, Object};

/// Somebody who can be booked: a professional profile in one clinic.
#[derive(Description, Clone)]
pub struct Doctor(pub directory::Doctor);

impl From<directory::Doctor> for Doctor {
    fn from(doctor: directory::Doctor) -> Self {
        Self(doctor)
    }
}

#[Object(use_type_description)]
impl Doctor {
    /// Names the doctor.
    pub async fn id(&self) -> ID {
        self.0.id.into()
    }

    /// How patients know the doctor.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// A title, such as "Dr. med.".
    async fn title(&self) -> Option<&str> {
        self.0.title.as_deref()
    }

    /// A few words about the doctor.
    async fn bio(&self) -> Option<&str> {
        self.0.bio.as_deref()
    }

    /// The time zone that the doctor's working hours and dates are in.
    async fn time_zone(&self) -> TimeZone {
        self.0.time_zone.into()
    }

    /// Where the doctor works.
    async fn clinic(&self, context: &Context<'_>) -> Result<Clinic, Failure> {
        Ok(Clinic(context.loaders().clinics.load_known(self.0.clinic_id).await?))
    }

    /// What the doctor practises, by name.
    #[graphql(complexity = "page::times(3, child_complexity)")]
    async fn specialties(&self, context: &Context<'_>) -> Result<Vec<Specialty>, Failure> {
        let found = context.loaders().doctor_specialties.load(self.0.id).await?;
        Ok(found.unwrap_or_default().into_iter().map(Specialty).collect())
    }

    /// What the doctor offers or once offered, by name; at most 100.
    #[graphql(complexity = "page::times(5, child_complexity)")]
    async fn visit_types(&self, context: &Context<'_>) -> Result<Vec<VisitType>, Failure> {
        let found = context.loaders().doctor_visit_types.load(self.0.id).await?;
        Ok(found.unwrap_or_default().into_iter().map(VisitType).collect())
    }

    /// The slot length, in minutes, where neither a rule nor a visit type names one.
    async fn slot_minutes(&self) -> i32 {
        self.0.slot_minutes
    }

    /// The pause after a visit, in minutes, where the visit type names none.
    async fn buffer_minutes(&self) -> i32 {
        self.0.buffer_minutes
    }

    /// How long before its start a visit must be booked, in minutes.
    async fn min_notice_minutes(&self) -> i32 {
        self.0.min_notice_minutes
    }

    /// How many days ahead a visit may be booked, today being 0.
    async fn max_advance_days(&self) -> i32 {
        self.0.max_advance_days
    }

    /// Until how many hours before a visit patients may cancel it.
    pub async fn cancellation_notice_hours(&self, context: &Context<'_>) -> Result<i32, Failure> {
        if let Some(hours) = self.0.cancellation_notice_hours {
            return Ok(hours);
        }
        Ok(context.loaders().clinics.load_known(self.0.clinic_id).await?.cancellation_notice_hours)
    }

    /// False: not listed and no slots; the appointments remain.
    async fn active(&self) -> bool {
        self.0.active
    }

    /// The weekly working hours, from Monday on; at most 100.
    #[graphql(complexity = "page::times(7, child_complexity)")]
    async fn availability_rules(&self, context: &Context<'_>) -> Result<Vec<AvailabilityRule>, Failure> {
        let found = context.loaders().doctor_rules.load(self.0.id).await?;
        Ok(found.unwrap_or_default().into_iter().map(AvailabilityRule).collect())
    }

    /// The exceptions to the weekly hours, by date.
    #[graphql(complexity = "page::times(10, child_complexity)")]
    async fn availability_overrides(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The first date; today where nothing is said.")] from: Option<Date>,
        #[graphql(desc = "The last date; 366 days after the first where nothing is said, and at most.")] to: Option<
            Date,
        >,
    ) -> Result<Vec<AvailabilityOverride>, Failure> {
        let dates = slot::dates(context, self.0.time_zone, from, to)?;
        let found = context.loaders().doctor_overrides.load((self.0.id, dates)).await?;
        let shows_reason = context.viewer().is_some_and(|viewer| self.0.is_kept_by(viewer));
        let exception = |exception| AvailabilityOverride { exception, shows_reason };
        Ok(found.unwrap_or_default().into_iter().map(exception).collect())
    }

    /// The slots that start in `[from, to)`, in order. Without visit type and duration they are as long as the hours say.
    #[graphql(complexity = "page::times(slot::count(&from, &to, duration_minutes), child_complexity)")]
    #[expect(clippy::too_many_arguments, reason = "what a client may want to know")]
    async fn slots(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The first start.")] from: DateTime,
        #[graphql(desc = "Behind the last start; at most 62 days after `from`.")] to: DateTime,
        #[graphql(desc = "What for; no slots for a visit type that this doctor does not offer.")] visit_type_id: Option<
            ID,
        >,
        #[graphql(desc = "How long, in minutes, 5 to 480; not together with a visit type.")] duration_minutes: Option<
            i32,
        >,
        #[graphql(desc = "In which states; OPEN where nothing is said.")] statuses: Option<Vec<SlotStatus>>,
        #[graphql(
            desc = "At least as new as this version of the calendar; UNAVAILABLE where that is not reached within a second."
        )]
        min_version: Option<i32>,
    ) -> Result<SlotList, Failure> {
        let Some(query) = slot::query((from.into(), to.into()), visit_type_id, duration_minutes, statuses)? else {
            return Ok(SlotList(Vec::new()));
        };
        let seen = (self.0.id, self.0.calendar_version);
        let slots = context.loaders().doctor_slots.load((seen, (query, min_version))).await?;
        Ok(SlotList(slot::reached(slots)?))
    }

    /// The next open slots, in order.
    #[graphql(complexity = "page::cost(first.or(Some(3)), None, child_complexity)")]
    async fn next_slots(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "How many at most, 1 to 100.", default_with = "Some(3)")] first: Option<i32>,
        #[graphql(desc = "What for; no slots for a visit type that this doctor does not offer.")] visit_type_id: Option<
            ID,
        >,
        #[graphql(
            desc = "At least as new as this version of the calendar; UNAVAILABLE where that is not reached within a second."
        )]
        min_version: Option<i32>,
    ) -> Result<Vec<Slot>, Failure> {
        let request = Arguments { first: first.or(Some(3)), ..Arguments::default() }.request(context)?;
        let visit_type_id = match visit_type_id.map(|id| id.parse()) {
            None => None,
            Some(Ok(id)) => Some(id),
            Some(Err(_)) => return Ok(Vec::new()),
        };
        let seen = (self.0.id, self.0.calendar_version);
        let asked = (visit_type_id, request.size, min_version);
        Ok(slot::reached(context.loaders().doctor_next_slots.load((seen, asked)).await?)?)
    }

    /// Grows by one with each event of this doctor's calendar. Never newer than the slots in the same answer.
    async fn calendar_version(&self) -> i32 {
        self.0.calendar_version
    }

    /// Give it to `slotEvents` as `after` to go on behind the slots of this answer: never newer than they are.
    async fn calendar_cursor(&self, context: &Context<'_>) -> Cursor {
        Cursor(context.data_unchecked::<Began>().0.clone())
    }
}

connection!(DoctorConnection, DoctorEdge, Doctor, "doctors", counted);

/// The order of a list of doctors.
#[derive(Clone, Copy, Debug, Enum, PartialEq, Eq)]
#[graphql(remote = "availability::DoctorOrder")]
pub enum DoctorOrder {
    /// By name.
    Name,
    /// By their next open slot, as long as their hours say; those who have none come last.
    NextAvailable,
}

/// Which doctors.
#[derive(Debug, Default, InputObject)]
pub struct DoctorFilter {
    /// Those who practise this.
    specialty_id: Option<ID>,
    /// Those who work here.
    clinic_id: Option<ID>,
    /// Those with this in name, title or bio, in any case; at most 200 characters.
    search: Option<String>,
    /// Those with an open slot, as long as their hours say, that begins before this instant.
    available_before: Option<DateTime>,
}

impl DoctorFilter {
    /// The list of those doctors in this order; nothing where the filter names something that cannot be there.
    pub fn listing(self, order: Option<DoctorOrder>) -> Result<Option<DoctorListing>, Rejection> {
        directory::check_search(self.search.as_deref())?;
        let order = order.map(Into::into).unwrap_or_default();
        let available_before = self.available_before.map(Into::into);
        let parse = || {
            let doctors = directory::DoctorFilter {
                specialty_id: self.specialty_id.map(|id| id.parse()).transpose().ok()?,
                clinic_id: self.clinic_id.map(|id| id.parse()).transpose().ok()?,
                search: self.search,
                among: None,
            };
            Some(DoctorListing { doctors, available_before, order })
        };
        Ok(parse())
    }
}

/// Queries about doctors.
#[derive(Default)]
pub struct DoctorQuery;

#[Object]
impl DoctorQuery {
    /// The listed doctors.
    #[graphql(complexity = "page::cost(first, last, child_complexity)")]
    #[expect(clippy::too_many_arguments, reason = "the arguments of a connection")]
    async fn doctors(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "How many from the front, 1 to 100; 20 where nothing is said.")] first: Option<i32>,
        #[graphql(desc = "The cursor behind which to begin.")] after: Option<String>,
        #[graphql(desc = "How many from the back, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "The cursor before which to end.")] before: Option<String>,
        #[graphql(desc = "Only these.")] filter: Option<DoctorFilter>,
        #[graphql(desc = "In which order; by name where nothing is said.")] order_by: Option<DoctorOrder>,
    ) -> Result<DoctorConnection, Failure> {
        let request = Arguments { first, after, last, before }.request(context)?;
        let Some(listing) = filter.unwrap_or_default().listing(order_by)? else {
            return Ok(Page::<directory::Doctor>::empty().into());
        };
        Ok(context.services().availability.list_doctors(&listing, &request).await?.into())
    }

    /// A doctor by ID, listed or not.
    async fn doctor(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The doctor's ID.")] id: ID,
    ) -> Result<Option<Doctor>, Failure> {
        let Ok(id) = id.parse() else { return Ok(None) };
        Ok(context.loaders().doctors.load(id).await?.map(Doctor))
    }
}

fetch!(
    /// Doctors by their ids.
    Doctors(services, _caller): DoctorId => directory::Doctor,
    |keys| services.availability.doctors(keys).await
);
