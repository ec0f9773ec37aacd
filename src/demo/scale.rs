//! As much data as a large installation has, to measure with.

use super::{
    ACCOUNTS, Demo, EVERYTHING,
    plan::{PlannedClinic, PlannedPatient, Sizes},
    store,
};
use crate::{
    infra::db::Database,
    kernel::{id::SpecialtyId, rejection::Rejection},
};
use chrono::SubsecRound;
use indicatif::{ProgressBar, ProgressStyle};
use std::collections::HashSet;

/// How many doctors are written in one transaction; fewer where they have many appointments.
const PART: usize = 250;
const VISITS: usize = 5_000;

impl Demo<'_> {
    /// Makes the demo data, and so much more that there is as much as `sizes` says; tells how many appointments were made, or nothing
    /// where there are data already.
    ///
    /// # Errors
    /// Where the database refuses.
    pub async fn seed_scale(&self, database: &Database, sizes: Sizes) -> Result<Option<usize>, Rejection> {
        if !self.seed().await? {
            return Ok(None);
        }
        let bar = ProgressBar::new(sizes.appointments as u64);
        if let Ok(style) =
            ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} appointments, {elapsed}, {eta} left")
        {
            bar.set_style(style);
        }
        bar.set_message("Clinics and patients");
        let hash = store::password_hash(database, ACCOUNTS[2].0).await?;
        let (specialties, clinics, patients) = self.places(database, sizes, &hash).await?;
        bar.set_message("Doctors");
        let made = self.doctors(database, sizes, &hash, (&specialties, &clinics, &patients), &bar).await?;
        bar.set_message("Statistics");
        store::analyze(database).await?;
        bar.finish_with_message("Done");
        Ok(Some(made))
    }

    async fn places(
        &self,
        database: &Database,
        sizes: Sizes,
        hash: &str,
    ) -> Result<(Vec<SpecialtyId>, Vec<PlannedClinic>, Vec<PlannedPatient>), Rejection> {
        let specialties = self.directory.list_specialties(&EVERYTHING).await?.items;
        let mut specialties: Vec<_> = specialties.into_iter().map(|(_, specialty)| specialty.id).collect();
        let known = self.directory.list_clinics(&EVERYTHING).await?.items;
        let more = (specialties.len()..sizes.specialties)
            .map(|number| (SpecialtyId::new(), format!("Specialty {}", number + 1)));
        let more: Vec<_> = more.collect();
        let mut clinics = sizes.clinics(sizes.clinics.saturating_sub(known.len()));
        let patients = sizes.patients();
        let transaction = database.begin().await?;
        store::insert_places_in(&transaction, &more, &clinics).await?;
        store::insert_patients_in(&transaction, &patients, hash, self.clock.now()).await?;
        transaction.commit().await?;
        specialties.extend(more.into_iter().map(|(id, _)| id));
        clinics.extend(known.into_iter().map(|(_, clinic)| PlannedClinic {
            id: clinic.id,
            name: clinic.name,
            time_zone: clinic.time_zone,
        }));
        Ok((specialties, clinics, patients))
    }

    async fn doctors(
        &self,
        database: &Database,
        sizes: Sizes,
        hash: &str,
        (specialties, clinics, patients): (&[SpecialtyId], &[PlannedClinic], &[PlannedPatient]),
        bar: &ProgressBar,
    ) -> Result<usize, Rejection> {
        let now = self.clock.now().trunc_subsecs(0);
        let count = sizes.doctors.saturating_sub(super::DOCTORS.len());
        let mut references = HashSet::new();
        let (mut number, mut made) = (0, 0);
        while number < count {
            let (mut doctors, mut visits) = (Vec::new(), Vec::new());
            while number < count && doctors.len() < PART && visits.len() < VISITS {
                let (clinic, specialty) = (&clinics[number % clinics.len()], specialties[number % specialties.len()]);
                let doctor = sizes.doctor(number, count, clinic, specialty, now);
                visits.extend(doctor.appointments(number, patients, &mut references));
                doctors.push(doctor);
                number += 1;
            }
            let transaction = database.begin().await?;
            store::insert_doctors_in(&transaction, &doctors, hash, now).await?;
            store::insert_visits_in(&transaction, &visits, now).await?;
            transaction.commit().await?;
            made += visits.len();
            bar.inc(visits.len() as u64);
        }
        Ok(made)
    }
}
