//! Why a time cannot be booked.

use super::{context::Reach, failure::Failure, scalars::DateTime, slot, slot::Slot};
use crate::{
    availability::{Broken, Reason},
    kernel::rejection::Rejection,
};
use async_graphql::{Context, Enum, ID, Object, SimpleObject};

/// A rule that keeps a time from being booked.
#[derive(Clone, Copy, Debug, Enum, PartialEq, Eq)]
#[graphql(remote = "Broken")]
pub enum UnavailableRule {
    /// The doctor does not work then.
    OutsideHours,
    /// The doctor works then, but no visit of this kind begins at this time.
    OffGrid,
    /// The doctor is away.
    Blocked,
    /// Another visit is booked.
    Taken,
    /// Somebody is about to book a visit.
    Held,
    /// Too little time lies between this and another visit.
    TooClose,
    /// It begins too soon, or has begun.
    Notice,
    /// It is too far ahead to be booked yet.
    Horizon,
    /// The doctor offers no visits of this length or kind.
    Duration,
    /// The doctor takes no bookings.
    Inactive,
}

/// A rule that keeps a time from being booked, in words.
#[derive(SimpleObject)]
pub struct UnavailableReason {
    /// Which.
    rule: UnavailableRule,
    /// A sentence for the person at the screen, in English.
    message: String,
    /// By how many minutes, rounded up, where that says something: `NOTICE` and `TOO_CLOSE`.
    minutes: Option<i32>,
}

impl From<Reason> for UnavailableReason {
    fn from(reason: Reason) -> Self {
        let message = match reason.broken {
            Broken::OutsideHours => "The doctor does not work then.",
            Broken::OffGrid => "No visit of this kind begins at this time.",
            Broken::Blocked => "The doctor is away.",
            Broken::Taken => "Another visit is booked.",
            Broken::Held => "Somebody is about to book a visit.",
            Broken::TooClose => "Too little time lies between this and another visit.",
            Broken::Notice => "It begins too soon, or has begun.",
            Broken::Horizon => "It is too far ahead to be booked yet.",
            Broken::Duration => "The doctor offers no visits of this length or kind.",
            Broken::Inactive => "The doctor takes no bookings.",
        };
        Self { rule: reason.broken.into(), message: message.to_owned(), minutes: reason.minutes }
    }
}

/// Why a time cannot be booked, and what can be instead.
#[derive(SimpleObject)]
pub struct Unavailability {
    /// Every rule that says no, not the first alone; empty where the time can be booked.
    reasons: Vec<UnavailableReason>,
    /// The first open slot for the same kind of visit from this time on, or as long as the doctor's hours say where this length is not
    /// offered; null where there is none within the horizon.
    next_open: Option<Slot>,
}

/// Queries about times that cannot be booked.
#[derive(Default)]
pub struct UnavailabilityQuery;

#[Object]
impl UnavailabilityQuery {
    /// Why this time cannot be booked, rule by rule, and the next one that can.
    #[graphql(complexity = "child_complexity + 200")]
    async fn why_unavailable(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "With whom.")] doctor_id: ID,
        #[graphql(desc = "When it would begin.")] starts_at: DateTime,
        #[graphql(desc = "What for.")] visit_type_id: Option<ID>,
        #[graphql(desc = "How long, in minutes, 5 to 480; not together with a visit type.")] duration_minutes: Option<
            i32,
        >,
    ) -> Result<Unavailability, Failure> {
        let missing = |_| Rejection::NotFound;
        let visit_type_id = visit_type_id.map(|id| id.parse().map_err(missing)).transpose()?;
        slot::check_length(visit_type_id.is_some(), duration_minutes)?;
        let doctor_id = doctor_id.parse().map_err(missing)?;
        let availability = &context.services().availability;
        let (reasons, open) =
            availability.why_unavailable(doctor_id, starts_at.into(), visit_type_id, duration_minutes).await?;
        Ok(Unavailability { reasons: reasons.into_iter().map(Into::into).collect(), next_open: open.map(Slot) })
    }
}
