//! Working hours and the exceptions to them.

use super::{
    context::Reach,
    doctor_mutation::DoctorPayload,
    failure::Failure,
    guard::For,
    input,
    loaders::{by_arguments, fetch},
    scalars::{Date, LocalTime},
};
use crate::{
    availability::{self, NewOverride, NewRule},
    kernel::{
        id::{AvailabilityOverrideId, AvailabilityRuleId, DoctorId},
        rejection::Rejection,
    },
};
use async_graphql::{Context, Description, Enum, ID, InputObject, Object};
use chrono::NaiveDate;
use std::collections::HashMap;

/// A day of the week.
#[derive(Clone, Copy, Debug, Enum, PartialEq, Eq)]
pub enum Weekday {
    /// Monday.
    Monday,
    /// Tuesday.
    Tuesday,
    /// Wednesday.
    Wednesday,
    /// Thursday.
    Thursday,
    /// Friday.
    Friday,
    /// Saturday.
    Saturday,
    /// Sunday.
    Sunday,
}

impl From<chrono::Weekday> for Weekday {
    fn from(weekday: chrono::Weekday) -> Self {
        match weekday {
            chrono::Weekday::Mon => Self::Monday,
            chrono::Weekday::Tue => Self::Tuesday,
            chrono::Weekday::Wed => Self::Wednesday,
            chrono::Weekday::Thu => Self::Thursday,
            chrono::Weekday::Fri => Self::Friday,
            chrono::Weekday::Sat => Self::Saturday,
            chrono::Weekday::Sun => Self::Sunday,
        }
    }
}

impl From<Weekday> for chrono::Weekday {
    fn from(weekday: Weekday) -> Self {
        match weekday {
            Weekday::Monday => Self::Mon,
            Weekday::Tuesday => Self::Tue,
            Weekday::Wednesday => Self::Wed,
            Weekday::Thursday => Self::Thu,
            Weekday::Friday => Self::Fri,
            Weekday::Saturday => Self::Sat,
            Weekday::Sunday => Self::Sun,
        }
    }
}

/// Weekly working hours, in the doctor's time zone.
#[derive(Description, Clone)]
pub struct AvailabilityRule(pub availability::Rule);

#[Object(use_type_description)]
impl AvailabilityRule {
    /// Names the rule. Setting a doctor's hours anew makes new rules.
    pub async fn id(&self) -> ID {
        self.0.id.into()
    }

    /// The day on which the hours begin.
    async fn weekday(&self) -> Weekday {
        self.0.weekday.into()
    }

    /// When they begin.
    async fn start_time(&self) -> LocalTime {
        self.0.start.into()
    }

    /// When they end: on the next day where that is not after the start.
    async fn end_time(&self) -> LocalTime {
        self.0.end.into()
    }

    /// The slot length, in minutes.
    async fn slot_minutes(&self) -> i32 {
        self.0.slot_minutes
    }

    /// The first date on which the rule holds; null: it always did.
    async fn effective_from(&self) -> Option<Date> {
        self.0.effective_from.map(Date)
    }

    /// The last date on which the rule holds; null: it always will.
    async fn effective_until(&self) -> Option<Date> {
        self.0.effective_until.map(Date)
    }
}

/// What an override does to its date.
#[derive(Clone, Copy, Debug, Enum, PartialEq, Eq)]
#[graphql(remote = "availability::OverrideKind")]
pub enum OverrideKind {
    /// Closes part of the date, or all of it.
    Block,
    /// Adds hours to those of the week.
    Extend,
    /// These hours instead of those of the week.
    Replace,
}

/// An exception to the weekly hours, on one date of the doctor's time zone.
#[derive(Description, Clone)]
pub struct AvailabilityOverride {
    /// The exception.
    pub exception: availability::Override,
    /// Whether the reader may know why.
    pub shows_reason: bool,
}

#[Object(use_type_description)]
impl AvailabilityOverride {
    /// Names the override.
    pub async fn id(&self) -> ID {
        self.exception.id.into()
    }

    /// Its date.
    async fn date(&self) -> Date {
        self.exception.date.into()
    }

    /// What it does.
    async fn kind(&self) -> OverrideKind {
        self.exception.kind.into()
    }

    /// When it begins; null: the whole date.
    async fn start_time(&self) -> Option<LocalTime> {
        self.exception.times.map(|(start, _)| start.into())
    }

    /// When it ends, on the next day where that is not after the start; null: the whole date.
    async fn end_time(&self) -> Option<LocalTime> {
        self.exception.times.map(|(_, end)| end.into())
    }

    /// The slot length, in minutes; null for a BLOCK.
    async fn slot_minutes(&self) -> Option<i32> {
        self.exception.slot_minutes
    }

    /// Why, for the doctor and admins; null for everybody else.
    async fn reason(&self) -> Option<&str> {
        self.exception.reason.as_deref().filter(|_| self.shows_reason)
    }
}

/// A doctor's weekly hours, all of them.
#[derive(InputObject)]
pub struct SetAvailabilityInput {
    /// Whose.
    doctor_id: ID,
    /// The rules that hold from now on, instead of those that did; at most 100.
    rules: Vec<AvailabilityRuleInput>,
}

/// Weekly working hours, in the doctor's time zone.
#[derive(InputObject)]
pub struct AvailabilityRuleInput {
    /// The day on which the hours begin.
    weekday: Weekday,
    /// When they begin.
    start_time: LocalTime,
    /// When they end: on the next day where that is not after the start.
    end_time: LocalTime,
    /// The slot length, 5 to 480 minutes; null: what the doctor's `slotMinutes` is now.
    slot_minutes: Option<i32>,
    /// The first date on which the rule holds.
    effective_from: Option<Date>,
    /// The last date on which the rule holds.
    effective_until: Option<Date>,
}

impl From<AvailabilityRuleInput> for NewRule {
    fn from(input: AvailabilityRuleInput) -> Self {
        Self {
            weekday: input.weekday.into(),
            start: input.start_time.into(),
            end: input.end_time.into(),
            slot_minutes: input.slot_minutes,
            effective_from: input.effective_from.map(Into::into),
            effective_until: input.effective_until.map(Into::into),
        }
    }
}

/// An exception to the weekly hours, to be made.
#[derive(InputObject)]
pub struct AddAvailabilityOverrideInput {
    /// Whose.
    doctor_id: ID,
    /// Its date, in the doctor's time zone.
    date: Date,
    /// What it does.
    kind: OverrideKind,
    /// When it begins. Only a BLOCK may have neither start nor end: it closes the whole date.
    start_time: Option<LocalTime>,
    /// When it ends: on the next day where that is not after the start.
    end_time: Option<LocalTime>,
    /// The slot length, 5 to 480 minutes; null: what the doctor's `slotMinutes` is now. Not for a BLOCK.
    slot_minutes: Option<i32>,
    /// Why, for the doctor and admins alone, at most 1,000 characters.
    reason: Option<String>,
}

impl AddAvailabilityOverrideInput {
    fn parse(self) -> Result<(DoctorId, NewOverride), Rejection> {
        let new = NewOverride {
            date: self.date.into(),
            kind: self.kind.into(),
            start: self.start_time.map(Into::into),
            end: self.end_time.map(Into::into),
            slot_minutes: self.slot_minutes,
            reason: self.reason,
        };
        Ok((input::id(&self.doctor_id, "doctorId")?, new))
    }
}

/// Which exception to the weekly hours shall be taken back.
#[derive(InputObject)]
pub struct RemoveAvailabilityOverrideInput {
    /// Which.
    override_id: ID,
}

/// Mutations of working hours.
#[derive(Default)]
pub struct AvailabilityMutation;

#[Object]
impl AvailabilityMutation {
    /// Replace all weekly hours of a doctor, in one step. For the doctor, and admins of the clinic and of the platform.
    #[graphql(guard = "For::Staff")]
    async fn set_availability(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The hours.")] input: SetAvailabilityInput,
    ) -> Result<DoctorPayload, Failure> {
        let set = async {
            let id = input::id(&input.doctor_id, "doctorId")?;
            let rules = input.rules.into_iter().map(NewRule::from).collect();
            context.services().availability.set_rules(context.signed_in()?, id, rules).await.map(|()| id)
        };
        DoctorPayload::from_outcome(context, set.await).await
    }

    /// Make an exception to the weekly hours on one date. For the doctor, and admins of the clinic and of the platform.
    #[graphql(guard = "For::Staff")]
    async fn add_availability_override(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The exception.")] input: AddAvailabilityOverrideInput,
    ) -> Result<DoctorPayload, Failure> {
        let add = async {
            let (id, new) = input.parse()?;
            context.services().availability.add_override(context.signed_in()?, id, new).await.map(|()| id)
        };
        DoctorPayload::from_outcome(context, add.await).await
    }

    /// Take an exception back. For the doctor, and admins of the clinic and of the platform.
    #[graphql(guard = "For::Staff")]
    async fn remove_availability_override(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which.")] input: RemoveAvailabilityOverrideInput,
    ) -> Result<DoctorPayload, Failure> {
        let remove = async {
            let id = input::id(&input.override_id, "overrideId")?;
            context.services().availability.remove_override(context.signed_in()?, id).await
        };
        DoctorPayload::from_outcome(context, remove.await).await
    }
}

fetch!(
    /// Rules by their ids.
    Rules(services, _caller): AvailabilityRuleId => availability::Rule,
    |keys| availability::rules(&services.database, keys).await
);

fetch!(
    /// The rules of doctors.
    DoctorRules(services, _caller): DoctorId => Vec<availability::Rule>,
    |keys| availability::rules_of(services.database.reader(), keys).await
);

fetch!(
    /// Overrides by their ids, each with whose it is.
    Overrides(services, _caller): AvailabilityOverrideId => (DoctorId, availability::Override),
    |keys| availability::overrides(&services.database, keys).await
);

fetch!(
    /// The overrides of doctors on some dates.
    DoctorOverrides(services, _caller): (DoctorId, (NaiveDate, NaiveDate)) => Vec<availability::Override>,
    |keys| {
        let mut found = HashMap::new();
        for ((from, to), doctors) in by_arguments(keys) {
            let connection = services.database.reader();
            let overrides = availability::overrides_of(connection, &doctors, Some(from), Some(to)).await?;
            found.extend(overrides.into_iter().map(|(id, overrides)| ((id, (from, to)), overrides)));
        }
        Ok(found)
    }
);
