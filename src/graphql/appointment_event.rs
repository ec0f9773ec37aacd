//! Live changes of appointments.

use super::{
    appointment::Appointment,
    appointment_transition::AppointmentTransition,
    context::Reach,
    failure::Failure,
    live::{self, Happening, News, Source},
    scalars::Cursor,
};
use crate::{
    booking,
    calendar::{self, Audience, Feed, Hub, Interest},
    kernel::{rejection::Rejection, viewer::Role},
};
use async_graphql::{Context, Description, Object, Subscription};
use futures_util::{
    Stream, StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};
use std::sync::Arc;

/// A step in the life of an appointment, as somebody who may see it is told.
#[derive(Description)]
pub struct AppointmentEvent {
    cursor: Arc<calendar::Cursor>,
    appointment: Appointment,
    transition: booking::Transition,
}

#[Object(use_type_description)]
impl AppointmentEvent {
    /// Give it back as `after` to go on behind this event.
    async fn cursor(&self) -> Cursor {
        Cursor((*self.cursor).clone())
    }

    /// The appointment as it is now.
    async fn appointment(&self) -> Appointment {
        self.appointment.clone()
    }

    /// What happened to it.
    async fn transition(&self) -> AppointmentTransition {
        AppointmentTransition(self.transition.clone())
    }
}

/// What can be watched of appointments.
#[derive(Default)]
pub struct AppointmentEventSubscription;

#[Subscription]
impl AppointmentEventSubscription {
    /// Changes of the viewer's own appointments (a doctor: those with them; a clinic's admin: the clinic's; a platform admin: all). Who may see an appointment is
    /// looked up for each event anew.
    #[graphql(complexity = "1 + child_complexity")]
    async fn appointment_events(
        &self,
        context: &Context<'_>,
        #[graphql(
            desc = "Go on behind this event: what was missed comes first. CURSOR_EXPIRED where that is longer ago than the log goes back."
        )]
        after: Option<Cursor>,
    ) -> Result<impl Stream<Item = AppointmentEvent> + use<>, Failure> {
        // The edge looks at it, for each subscriber.
        let _ = after;
        let open = async {
            let viewer = context.signed_in()?;
            let audience = match viewer.role {
                Role::Patient => Audience::Patient(viewer.user_id),
                Role::Doctor(id, _) => Audience::Doctor(id),
                Role::ClinicAdmin(id) => Audience::Clinic(id),
                Role::PlatformAdmin => Audience::All,
            };
            let hub = Arc::clone(&context.services().hub);
            let feed = hub.follow(Interest::Appointments(audience)).await?;
            let at = Arc::clone(&feed.start);
            Ok(Box::new(Steps { hub, audience, feed, at }) as Box<dyn Source>)
        };
        let event = live::run(context, open, async |happening| {
            let Happening::Step(step) = happening else { return Ok(None) };
            context.signed_in()?;
            let Some(appointment) = context.loaders().appointments.load(step.what.appointment_id).await? else {
                return Ok(None);
            };
            let transition = booking::Transition {
                appointment_id: step.what.appointment_id,
                from: step.what.from,
                to: step.what.to,
                actor_id: step.what.actor_id,
                reason: step.what.reason,
                at: step.what.at,
            };
            let appointment = Appointment::shown(context, appointment);
            Ok(Some(AppointmentEvent { cursor: step.cursor, appointment, transition }))
        });
        Ok(stream::iter(event.await?))
    }
}

/// The source of `appointmentEvents`.
struct Steps {
    hub: Arc<Hub>,
    audience: Audience,
    feed: Feed,
    /// Behind what has come.
    at: Arc<calendar::Cursor>,
}

#[async_trait::async_trait]
impl Source for Steps {
    async fn next(&mut self) -> Result<News, Rejection> {
        loop {
            match self.feed.next().await? {
                calendar::News::Step(step) => return Ok(News::Happened(vec![Happening::Step(step)])),
                calendar::News::Mark(mark, cursor) => {
                    self.at = cursor;
                    return Ok(News::Mark(mark));
                }
                calendar::News::Event(_) => {}
            }
        }
    }

    fn mark(&self) -> u64 {
        self.feed.mark()
    }

    fn join(&self, after: Option<calendar::Cursor>) -> BoxStream<'static, Result<Happening, Rejection>> {
        let Some(after) = after else { return stream::empty().boxed() };
        self.hub.missed_steps(self.audience, Arc::new(after), Arc::clone(&self.at)).map_ok(Happening::Step).boxed()
    }
}
