//! Lists of doctors that depend on when they are free: by their first open slot, or only those who have one soon.

use super::{
    known::{HORIZON, Merge},
    model::{SlotQuery, SlotStatus},
    service::Availability,
};
use crate::{
    directory::{self, Doctor, DoctorFilter},
    kernel::{
        id::{ClinicId, DoctorId, SpecialtyId},
        interval::Interval,
        page::{Page, PageRequest, decode_cursor, encode_cursor},
        rejection::Rejection,
    },
};
use chrono::{DateTime, Utc};
use std::collections::{HashMap, HashSet};

const LIST: &str = "doctors by next slot";
/// How often a page is made anew because something on it was taken meanwhile.
const TRIES: usize = 3;

/// In which order doctors are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum DoctorOrder {
    /// By name.
    #[default]
    Name,
    /// By their first open slot, as long as their hours say; those who have none come last.
    NextAvailable,
}

/// A list of doctors.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct DoctorListing {
    /// Which doctors.
    pub doctors: DoctorFilter,
    /// Only those who have an open slot that begins before this instant.
    pub available_before: Option<DateTime<Utc>>,
    /// In which order.
    pub order: DoctorOrder,
}

/// A doctor's place in the list: those with an open slot first, by its start.
type Place = (bool, Option<DateTime<Utc>>, DoctorId);

/// Doctors in order, each with the version of the calendar that the place was told from.
type Placed = Vec<(Place, i32)>;

impl Availability {
    /// The listed doctors that the listing lets through.
    ///
    /// # Errors
    /// Where the cursor is none, or the database does not answer.
    pub async fn list_doctors(
        &self,
        listing: &DoctorListing,
        request: &PageRequest,
    ) -> Result<Page<Doctor>, Rejection> {
        match listing.order {
            DoctorOrder::Name => {
                let page = self.directory.list_doctors(&self.narrowed(listing).await?, request).await?;
                self.note_versions(page.items.iter().map(|(_, doctor)| doctor));
                Ok(page)
            }
            DoctorOrder::NextAvailable => {
                let pages = self.next_available(listing, vec![listing.doctors.clone()], request).await?;
                Ok(pages.into_iter().next().unwrap_or_else(Page::empty))
            }
        }
    }

    /// The same page of the listed doctors of each of these clinics.
    ///
    /// # Errors
    /// Where the cursor is none, or the database does not answer.
    pub async fn doctors_of_clinics(
        &self,
        clinics: &[ClinicId],
        listing: &DoctorListing,
        request: &PageRequest,
    ) -> Result<HashMap<ClinicId, Page<Doctor>>, Rejection> {
        if listing.order == DoctorOrder::Name {
            let filter = self.narrowed(listing).await?;
            return directory::doctors_of_clinics(&self.database, clinics, &filter, request).await;
        }
        // Whoever asks a clinic for the doctors of another one gets none.
        let asked = listing.doctors.clinic_id;
        let clinics: Vec<_> = clinics.iter().copied().filter(|id| asked.is_none_or(|asked| asked == *id)).collect();
        let filter = |id: &ClinicId| DoctorFilter { clinic_id: Some(*id), ..listing.doctors.clone() };
        let pages = self.next_available(listing, clinics.iter().map(filter).collect(), request).await?;
        Ok(clinics.into_iter().zip(pages).collect())
    }

    /// The same page of the listed doctors who practise each of these specialties.
    ///
    /// # Errors
    /// Where the cursor is none, or the database does not answer.
    pub async fn doctors_of_specialties(
        &self,
        specialties: &[SpecialtyId],
        order: DoctorOrder,
        request: &PageRequest,
    ) -> Result<HashMap<SpecialtyId, Page<Doctor>>, Rejection> {
        if order == DoctorOrder::Name {
            return directory::doctors_of_specialties(&self.database, specialties, request).await;
        }
        let filter = |id: &SpecialtyId| DoctorFilter { specialty_id: Some(*id), ..DoctorFilter::default() };
        let listing = DoctorListing { order, ..DoctorListing::default() };
        let pages = self.next_available(&listing, specialties.iter().map(filter).collect(), request).await?;
        Ok(specialties.iter().copied().zip(pages).collect())
    }

    /// The filter, with those named who are free soon, where that is asked for.
    async fn narrowed(&self, listing: &DoctorListing) -> Result<DoctorFilter, Rejection> {
        let mut filter = listing.doctors.clone();
        if listing.available_before.is_some() {
            // What was searched for is for the database alone: it knows how.
            let doctors = DoctorFilter { search: None, ..filter.clone() };
            let free = self.free(listing, &doctors, None, None, usize::MAX).await?;
            filter.among = Some(free.into_iter().map(|((.., id), _)| id).collect());
        }
        Ok(filter)
    }

    /// The same page of the doctors of each of these filters, by their first open slot.
    async fn next_available(
        &self,
        listing: &DoctorListing,
        filters: Vec<DoctorFilter>,
        request: &PageRequest,
    ) -> Result<Vec<Page<Doctor>>, Rejection> {
        let cursor: Option<Place> = request.cursor.as_deref().map(|cursor| decode_cursor(LIST, cursor)).transpose()?;
        let among = match &listing.doctors.search {
            None => None,
            Some(search) => {
                let found = DoctorFilter { search: Some(search.clone()), ..DoctorFilter::default() };
                Some(directory::listed_ids(&self.database, &found).await?.into_iter().collect::<HashSet<_>>())
            }
        };
        for attempt in 1.. {
            let mut pages = Vec::with_capacity(filters.len());
            for filter in &filters {
                pages.push(self.places(listing, filter, among.as_ref(), cursor, request).await?);
            }
            let shown = pages.iter().flat_map(|(places, _)| places);
            let shown: HashMap<_, _> = shown.map(|((.., id), version)| (*id, *version)).collect();
            let ids: Vec<_> = shown.keys().copied().collect();
            let doctors = directory::doctors(self.database.reader(), &ids).await?;
            let moved = doctors.values().filter(|doctor| shown[&doctor.id] < doctor.calendar_version);
            let moved: Vec<_> = moved.map(|doctor| (doctor.id, doctor.calendar_version)).collect();
            if moved.is_empty() || attempt == TRIES {
                let page = |(places, total)| to_page(request, places, total, &doctors);
                return Ok(pages.into_iter().map(page).collect());
            }
            self.keeper.calendars(&moved, self.now() + HORIZON).await?;
        }
        Ok(Vec::new())
    }

    /// Where the doctors of a page stand, in reading order, one more than it holds; and how many there are, where that is asked for.
    async fn places(
        &self,
        listing: &DoctorListing,
        filter: &DoctorFilter,
        among: Option<&HashSet<DoctorId>>,
        cursor: Option<Place>,
        request: &PageRequest,
    ) -> Result<(Placed, Option<u64>), Rejection> {
        let size = request.size as usize + 1;
        if !request.backwards && !request.count && cursor.is_none_or(|(last, ..)| !last) {
            let free = self.free(listing, filter, among, cursor, size).await?;
            if free.len() == size || listing.available_before.is_some() {
                return Ok((free, None));
            }
        }
        // Whoever looks at the end of the list, or counts, has everybody looked at.
        let mut all = self.free(listing, filter, among, None, usize::MAX).await?;
        if listing.available_before.is_none() {
            let free: HashSet<_> = all.iter().map(|((.., id), _)| *id).collect();
            let rest = self.keeper.memory.all(self.now()).into_iter().filter(|calendar| {
                let id = calendar.doctor.id;
                calendar.matches(filter) && among.is_none_or(|among| among.contains(&id)) && !free.contains(&id)
            });
            all.extend(rest.map(|calendar| ((true, None, calendar.doctor.id), calendar.version())));
        }
        let total = request.count.then_some(all.len() as u64);
        if request.backwards {
            all.reverse();
            all.retain(|(place, _)| cursor.is_none_or(|cursor| *place < cursor));
        } else {
            all.retain(|(place, _)| cursor.is_none_or(|cursor| *place > cursor));
        }
        all.truncate(size);
        Ok((all, total))
    }

    /// Doctors with an open slot, by its start, behind the cursor.
    async fn free(
        &self,
        listing: &DoctorListing,
        filter: &DoctorFilter,
        among: Option<&HashSet<DoctorId>>,
        cursor: Option<Place>,
        size: usize,
    ) -> Result<Placed, Rejection> {
        let now = self.now();
        let end = listing.available_before.map_or(now + HORIZON, |before| before.min(now + HORIZON));
        let Some(range) = Interval::try_new(now, end) else { return Ok(Vec::new()) };
        let statuses = vec![SlotStatus::Open];
        let query = &SlotQuery { range, visit_type_id: None, duration_minutes: None, statuses };
        let after = cursor.and_then(|(_, start, id)| Some((start?, (id, i32::MAX))));
        let merge = Merge { query, doctors: filter, among, range, after, first_only: true, size };
        let found = self.merge_all(&merge).await?;
        let place =
            |slot: super::model::Slot| ((false, Some(slot.key.starts_at), slot.key.doctor_id), slot.calendar_version);
        Ok(found.into_iter().map(place).collect())
    }
}

fn to_page(
    request: &PageRequest,
    places: Placed,
    total: Option<u64>,
    doctors: &HashMap<DoctorId, Doctor>,
) -> Page<Doctor> {
    let item = |(place, _): (Place, i32)| Some((encode_cursor(LIST, &place), doctors.get(&place.2)?.clone()));
    Page::read(request, places.into_iter().filter_map(item).collect(), total)
}
