//! Following the calendars of some doctors, of a clinic's, or of those who practise a specialty.

use super::{model::DoctorFilter, service::Directory, store};
use crate::{
    calendar::{Feed, Interest, Place, Roster, Selection},
    infra::db::Database,
    kernel::{id::DoctorId, rejection::Rejection},
};
use std::collections::HashSet;

impl Directory {
    /// Follows calendars from now on.
    ///
    /// # Errors
    /// `NotFound` where something that is named is not there.
    pub async fn follow(&self, selection: Selection) -> Result<Feed, Rejection> {
        let connection = self.database.reader();
        let found = match &selection {
            Selection::Doctors(ids) => {
                let ids: Vec<_> = ids.iter().copied().collect();
                store::doctors(connection, &ids).await?.len() == ids.len()
            }
            Selection::Place(Place::Clinic(id)) => store::clinics(connection, &[*id]).await?.len() == 1,
            Selection::Place(Place::Specialty(id)) => store::specialties(&self.database, &[*id]).await?.len() == 1,
            Selection::All => true,
        };
        if found { self.hub.follow(Interest::Calendars(selection)).await } else { Err(Rejection::NotFound) }
    }
}

/// Who works where and practises what, for the hub, which knows doctors by their ids only.
#[derive(Debug)]
pub struct Register(pub Database);

#[async_trait::async_trait]
impl Roster for Register {
    async fn members(&self, place: Place) -> Result<HashSet<DoctorId>, Rejection> {
        let filter = match place {
            Place::Clinic(id) => DoctorFilter { clinic_id: Some(id), ..DoctorFilter::default() },
            Place::Specialty(id) => DoctorFilter { specialty_id: Some(id), ..DoctorFilter::default() },
        };
        Ok(store::member_ids(self.0.reader(), &filter, None).await?.into_iter().collect())
    }
}
