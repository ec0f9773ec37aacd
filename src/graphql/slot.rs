//! Slots.

use super::{
    context::Reach,
    doctor::Doctor,
    failure::Failure,
    loaders::{by_arguments, fetch},
    page::{self, Arguments, connection},
    scalars::{Date, DateTime},
    visit_type::VisitType,
};
use crate::{
    availability::{self, Search, SlotKey, SlotQuery, check_range},
    directory,
    kernel::{
        id::{DoctorId, VisitTypeId},
        page::Page,
        rejection::{Internal, Rejection},
    },
};
use async_graphql::{Context, Description, Enum, ID, InputObject, Object};
use chrono::{Days, NaiveDate, SubsecRound, TimeDelta, Utc};
use chrono_tz::Tz;
use futures_util::future::try_join_all;

/// Whether a slot can be booked.
#[derive(Clone, Copy, Debug, Enum, PartialEq, Eq)]
#[graphql(remote = "availability::SlotStatus")]
pub enum SlotStatus {
    /// It can be booked.
    Open,
    /// Somebody is about to book it, or something that it overlaps.
    Held,
    /// It is booked, or something that it overlaps.
    Booked,
}

/// A bookable time of a doctor, derived from the working hours and from what is booked.
#[derive(Description, Clone)]
pub struct Slot(pub availability::Slot);

impl From<availability::Slot> for Slot {
    fn from(slot: availability::Slot) -> Self {
        Self(slot)
    }
}

#[Object(use_type_description)]
impl Slot {
    /// Names the slot, the same for everybody: keep it, share it, book it later.
    pub async fn id(&self) -> ID {
        self.0.key.into()
    }

    /// Whose time.
    async fn doctor(&self, context: &Context<'_>) -> Result<Doctor, Failure> {
        let mut doctor = context.loaders().doctors.load_known(self.0.key.doctor_id).await?;
        // Read after the slot, it may have seen more than the slot did.
        doctor.calendar_version = doctor.calendar_version.min(self.0.calendar_version);
        Ok(Doctor(doctor))
    }

    /// What for; null for a slot that is as long as the doctor's hours, or a duration, say.
    async fn visit_type(&self, context: &Context<'_>) -> Result<Option<VisitType>, Failure> {
        let Some(id) = self.0.key.visit_type_id else { return Ok(None) };
        Ok(context.loaders().visit_types.load(id).await?.map(VisitType))
    }

    /// When the visit begins.
    async fn starts_at(&self) -> DateTime {
        self.0.key.interval().start.into()
    }

    /// When the visit ends.
    async fn ends_at(&self) -> DateTime {
        self.0.key.interval().end.into()
    }

    /// Whether it can be booked.
    async fn status(&self) -> SlotStatus {
        self.0.status.into()
    }

    /// When the hold on it ends, if it is not renewed or booked before; null unless it is held.
    async fn held_until(&self) -> Option<DateTime> {
        self.0.held_until.map(Into::into)
    }
}

connection!(SlotConnection, SlotEdge, Slot, "slots", uncounted);

/// Which slots.
#[derive(Default, InputObject)]
pub struct SlotFilter {
    /// Those of this doctor.
    doctor_id: Option<ID>,
    /// Those of doctors who practise this.
    specialty_id: Option<ID>,
    /// Those of doctors who work here.
    clinic_id: Option<ID>,
    /// The first start; now where nothing is said.
    from: Option<DateTime>,
    /// Behind the last start, at most 62 days after `from`; 14 days after it where nothing is said.
    to: Option<DateTime>,
    /// How long, in minutes, 5 to 480; not together with a visit type.
    duration_minutes: Option<i32>,
    /// What for.
    visit_type_id: Option<ID>,
    /// In which states; OPEN where nothing is said.
    statuses: Option<Vec<SlotStatus>>,
}

impl SlotFilter {
    /// What the search costs: a rare combination may have to look at many days of many doctors.
    fn cost(&self) -> usize {
        let days = match (&self.from, &self.to) {
            (Some(from), Some(to)) => (to.0 - from.0).num_days().clamp(0, 62) + 1,
            (None, Some(_)) => 62,
            _ => 14,
        };
        usize::try_from(days).unwrap_or(1) * 100
    }

    /// The search; nothing where the filter names something that cannot be there.
    fn parse(self, context: &Context<'_>) -> Result<Option<Search>, Rejection> {
        // What begins in this second can be booked for all of it.
        let from = self.from.map_or_else(|| context.services().clock.now().trunc_subsecs(0), Into::into);
        let to = self.to.map_or_else(|| from + TimeDelta::days(14), Into::into);
        let query = query((from, to), self.visit_type_id, self.duration_minutes, self.statuses)?;
        let parse = |slots| {
            Some(Search {
                doctor_id: self.doctor_id.map(|id| id.parse()).transpose().ok()?,
                doctors: directory::DoctorFilter {
                    specialty_id: self.specialty_id.map(|id| id.parse()).transpose().ok()?,
                    clinic_id: self.clinic_id.map(|id| id.parse()).transpose().ok()?,
                    ..directory::DoctorFilter::default()
                },
                slots,
            })
        };
        Ok(query.and_then(parse))
    }
}

/// Queries about slots.
#[derive(Default)]
pub struct SlotQueries;

#[Object]
impl SlotQueries {
    /// The earliest slots over all listed doctors that the filter lets through: "the next cardiologist in town". By start, then by doctor.
    #[graphql(complexity = "page::cost(first, None, child_complexity) + filter.cost()")]
    async fn slots(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "How many, 1 to 100; 20 where nothing is said.")] first: Option<i32>,
        #[graphql(desc = "The cursor behind which to begin.")] after: Option<String>,
        #[graphql(desc = "Which slots.")] filter: SlotFilter,
    ) -> Result<SlotConnection, Failure> {
        let request = Arguments { first, after, ..Arguments::default() }.request(context)?;
        let Some(search) = filter.parse(context)? else { return Ok(Page::<availability::Slot>::empty().into()) };
        Ok(context.services().availability.search(&search, &request).await?.into())
    }

    /// A slot with its present status; null for a time that the rules do not offer (any more).
    async fn slot(&self, context: &Context<'_>, #[graphql(desc = "Its ID.")] id: ID) -> Result<Option<Slot>, Failure> {
        let Ok(key) = id.parse() else { return Ok(None) };
        Ok(context.loaders().slots.load(key).await?.map(Slot))
    }
}

/// The slots that a field asks for; nothing where it names a visit type that cannot be there.
pub fn query(
    (from, to): (chrono::DateTime<Utc>, chrono::DateTime<Utc>),
    visit_type_id: Option<ID>,
    duration_minutes: Option<i32>,
    statuses: Option<Vec<SlotStatus>>,
) -> Result<Option<SlotQuery>, Rejection> {
    let range = check_range(from, to)?;
    check_length(visit_type_id.is_some(), duration_minutes)?;
    let mut statuses: Vec<_> = statuses.map_or_else(
        || vec![availability::SlotStatus::Open],
        |statuses| statuses.into_iter().map(Into::into).collect(),
    );
    statuses.sort_unstable();
    statuses.dedup();
    let visit_type_id = match visit_type_id.map(|id| id.parse()) {
        None => None,
        Some(Ok(id)) => Some(id),
        Some(Err(_)) => return Ok(None),
    };
    Ok(Some(SlotQuery { range, visit_type_id, duration_minutes, statuses }))
}

/// Looks over how long a visit shall be.
pub fn check_length(has_visit_type: bool, duration_minutes: Option<i32>) -> Result<(), Rejection> {
    match duration_minutes {
        Some(_) if has_visit_type => Err(Rejection::BadInput("Give either `visitTypeId` or `durationMinutes`.".into())),
        Some(minutes) if !(5..=480).contains(&minutes) => {
            Err(Rejection::BadInput("`durationMinutes` is between 5 and 480.".into()))
        }
        _ => Ok(()),
    }
}

/// How many slots a range may have, for the cost of a request: those of eight hours a day.
pub fn count(from: &DateTime, to: &DateTime, duration_minutes: Option<i32>) -> usize {
    let days = (to.0 - from.0).num_days().clamp(0, 62) + 1;
    let a_day = 480 / i64::from(duration_minutes.unwrap_or(25).clamp(5, 480));
    usize::try_from(days * a_day).unwrap_or(1)
}

/// The dates that a field asks for.
pub fn dates(
    context: &Context<'_>,
    zone: Tz,
    from: Option<Date>,
    to: Option<Date>,
) -> Result<(NaiveDate, NaiveDate), Failure> {
    let today = || context.services().clock.now().with_timezone(&zone).date_naive();
    let from = from.map_or_else(today, NaiveDate::from);
    let last = from + Days::new(366);
    let to = to.map_or(last, NaiveDate::from);
    if to < from || to > last {
        let message = "`to` is not before `from`, and at most 366 days after it.";
        return Err(Rejection::BadInput(message.into()).into());
    }
    Ok((from, to))
}

fetch!(
    /// Slots by what they are.
    SlotsByKey(services, _caller): SlotKey => availability::Slot,
    |keys| services.availability.slots_by_key(keys).await
);

/// A doctor, with the version of the calendar that the request has seen.
pub type Seen = (DoctorId, i32);

/// As new as the request has seen, and as the client asks for.
fn at_least(doctors: &[Seen], min_version: Option<i32>) -> Vec<Seen> {
    doctors.iter().map(|(id, version)| (*id, min_version.unwrap_or(0).max(*version))).collect()
}

/// The slots of a doctor, or that the calendar has not come to the version that was asked for.
pub fn reached(slots: Option<Vec<availability::Slot>>) -> Result<Vec<Slot>, Rejection> {
    let slots = slots.ok_or_else(|| Rejection::Unavailable(Internal::new("a calendar has not come to a version")))?;
    Ok(slots.into_iter().map(Slot).collect())
}

fetch!(
    /// The slots of doctors.
    DoctorSlots(services, _caller): (Seen, (SlotQuery, Option<i32>)) => Vec<availability::Slot>,
    |keys| {
        // Together, for each may have to wait for a version.
        let groups = by_arguments(keys).into_iter().map(|(arguments, doctors)| async move {
            let (query, min_version) = &arguments;
            let slots = services.availability.slots_since(&at_least(&doctors, *min_version), query).await?;
            let answer = |seen: Seen| Some(((seen, arguments.clone()), slots.get(&seen.0)?.clone()));
            Ok::<Vec<_>, Rejection>(doctors.into_iter().filter_map(answer).collect())
        });
        Ok(try_join_all(groups).await?.into_iter().flatten().collect())
    }
);

/// What the next slots of a doctor are asked by: the visit type, how many, and the version that the calendar must have come to.
pub type NextSlots = (Option<VisitTypeId>, u32, Option<i32>);

fetch!(
    /// The next open slots of doctors.
    DoctorNextSlots(services, _caller): (Seen, NextSlots) => Vec<availability::Slot>,
    |keys| {
        let groups = by_arguments(keys).into_iter().map(|(arguments, doctors)| async move {
            let (visit_type_id, first, min_version) = arguments;
            let (availability, doctors_at) = (&services.availability, at_least(&doctors, min_version));
            let slots = availability.next_slots_since(&doctors_at, visit_type_id, None, first as usize).await?;
            let answer = |seen: Seen| Some(((seen, arguments), slots.get(&seen.0)?.clone()));
            Ok::<Vec<_>, Rejection>(doctors.into_iter().filter_map(answer).collect())
        });
        Ok(try_join_all(groups).await?.into_iter().flatten().collect())
    }
);
