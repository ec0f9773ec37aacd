//! Watching the calendars of some doctors, of a clinic's, or of those who practise a specialty.

use super::{model::DoctorFilter, service::Directory, store};
use crate::{
    calendar::{CalendarEvent, Change, Missed, Selection},
    kernel::{
        id::{ClinicId, DoctorId, SpecialtyId},
        rejection::Rejection,
    },
};
use futures_util::{Stream, StreamExt, stream::BoxStream};
use std::{collections::HashSet, sync::Arc};

/// Whose calendars to watch.
#[derive(Clone, Debug)]
pub enum Watched {
    /// Those of these doctors.
    Doctors(HashSet<DoctorId>),
    /// Those of a clinic's doctors, present and future.
    Clinic(ClinicId),
    /// Those of the doctors who practise this, now or later.
    Specialty(SpecialtyId),
}

impl Directory {
    /// Watches calendars from now on.
    ///
    /// # Errors
    /// `NotFound` where something that is named is not there.
    pub async fn watch(
        self: &Arc<Self>,
        watched: Watched,
    ) -> Result<BoxStream<'static, Result<CalendarEvent, Missed>>, Rejection> {
        let database = &self.database;
        let (found, filter) = match &watched {
            Watched::Doctors(ids) => {
                let ids: Vec<_> = ids.iter().copied().collect();
                (store::doctors(database.reader(), &ids).await?.len() == ids.len(), None)
            }
            Watched::Clinic(id) => {
                let filter = DoctorFilter { clinic_id: Some(*id), ..DoctorFilter::default() };
                (store::clinics(database.reader(), &[*id]).await?.len() == 1, Some(filter))
            }
            Watched::Specialty(id) => {
                let filter = DoctorFilter { specialty_id: Some(*id), ..DoctorFilter::default() };
                (store::specialties(database, &[*id]).await?.len() == 1, Some(filter))
            }
        };
        if !found {
            return Err(Rejection::NotFound);
        }
        match (watched, filter) {
            (Watched::Doctors(ids), _) => Ok(self.hub.watch(Selection::Doctors(ids)).boxed()),
            (_, filter) => Ok(self.watch_members(filter.unwrap_or_default()).await?.boxed()),
        }
    }

    /// Watches all calendars, and lets through what happens to those that belong.
    async fn watch_members(
        self: &Arc<Self>,
        filter: DoctorFilter,
    ) -> Result<impl Stream<Item = Result<CalendarEvent, Missed>> + use<>, Rejection> {
        // Listen first: who joins while the members are read is heard.
        let mut events = self.hub.watch(Selection::All);
        let directory = Arc::clone(self);
        let members = store::member_ids(self.database.reader(), &filter, None).await?;
        let mut members: HashSet<_> = members.into_iter().collect();
        Ok(async_stream::stream! {
            while let Some(event) = events.next().await {
                let Ok(event) = event else {
                    yield Err(Missed);
                    break;
                };
                let belonged = members.contains(&event.doctor_id);
                if event.change == Change::ScheduleChanged {
                    let only = Some(event.doctor_id);
                    match store::member_ids(directory.database.reader(), &filter, only).await {
                        Ok(found) if found.is_empty() => members.remove(&event.doctor_id),
                        Ok(_) => members.insert(event.doctor_id),
                        Err(_) => {
                            yield Err(Missed);
                            break;
                        }
                    };
                }
                if belonged || members.contains(&event.doctor_id) {
                    yield Ok(event);
                }
            }
        })
    }
}
