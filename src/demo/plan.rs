//! Who there is in a large installation, when they work and what is booked. The same for the same sizes but for ids and references.

use crate::{
    availability::{Offer, Rule, Schedule, Weekday, slots},
    booking::new_reference,
    directory::{VisitMode, VisitType},
    kernel::{
        id::{AppointmentId, AvailabilityRuleId, ClinicId, DoctorId, SpecialtyId, UserId, VisitTypeId},
        interval::Interval,
        local_time::LocalTime,
    },
};
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use std::collections::HashSet;

const ZONES: [Tz; 6] = [
    Tz::Europe__Warsaw,
    Tz::America__New_York,
    Tz::America__Los_Angeles,
    Tz::Asia__Kolkata,
    Tz::Asia__Tokyo,
    Tz::Australia__Sydney,
];
/// How many visits a busy doctor has on a day.
const BUSY_DAY: usize = 100;

/// How much there shall be, with what the demo data hold already.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// How many doctors.
    pub doctors: usize,
    /// How many specialties.
    pub specialties: usize,
    /// How many clinics.
    pub clinics: usize,
    /// How many days ahead something is booked.
    pub days: usize,
    /// How many appointments there shall be.
    pub appointments: usize,
}

/// A clinic to make.
#[derive(Clone, Debug)]
pub struct PlannedClinic {
    /// Which.
    pub id: ClinicId,
    /// Its name.
    pub name: String,
    /// Where it is.
    pub time_zone: Tz,
}

/// Somebody to make.
#[derive(Clone, Debug)]
pub struct PlannedPatient {
    /// Who.
    pub id: UserId,
    /// The address to sign in with.
    pub email: String,
    /// What people call them.
    pub name: String,
    /// Where they live.
    pub time_zone: Tz,
}

/// A doctor to make.
#[derive(Clone, Debug)]
pub struct PlannedDoctor {
    /// Who signs in.
    pub user: PlannedPatient,
    /// Where the doctor works.
    pub clinic_id: ClinicId,
    /// What the doctor practises.
    pub specialty_id: SpecialtyId,
    /// The pause after a visit.
    pub buffer_minutes: i32,
    /// When the doctor works.
    pub schedule: Schedule,
    /// What the doctor offers.
    pub visit_types: [VisitType; 2],
    /// What is booked.
    pub visits: Vec<Interval>,
    /// The version of the calendar.
    pub version: i32,
}

/// An appointment to make.
#[derive(Clone, Debug)]
pub struct PlannedVisit {
    /// Which.
    pub id: AppointmentId,
    /// What people call it by.
    pub reference: String,
    /// Whose time.
    pub doctor_id: DoctorId,
    /// Where.
    pub clinic_id: ClinicId,
    /// Who comes.
    pub patient_id: UserId,
    /// Where the patient lives.
    pub time_zone: Tz,
    /// When.
    pub visit: Interval,
    /// The time that it keeps.
    pub occupied: Interval,
}

impl Sizes {
    /// The clinics, in six time zones.
    #[must_use]
    pub fn clinics(&self, count: usize) -> Vec<PlannedClinic> {
        let clinic = |number: usize| PlannedClinic {
            id: ClinicId::new(),
            name: format!("Clinic {}", number + 1),
            time_zone: ZONES[number % ZONES.len()],
        };
        (0..count).map(clinic).collect()
    }

    /// The patients: fifty appointments each.
    #[must_use]
    pub fn patients(&self) -> Vec<PlannedPatient> {
        let patient = |number: usize| PlannedPatient {
            id: UserId::new(),
            email: format!("patient.{number}@scale.medislot.test"),
            name: format!("Patient {number}"),
            time_zone: ZONES[number % ZONES.len()],
        };
        (0..(self.appointments / 50).max(100)).map(patient).collect()
    }

    /// How many doctors are busy: one in two hundred, as long as no more than a third of all appointments is theirs.
    fn busy(&self) -> usize {
        (self.doctors / 200).min(self.appointments / 3 / (BUSY_DAY * self.days.max(1)))
    }

    /// How many appointments the doctor with this number has, of `count`.
    fn quota(&self, number: usize, count: usize) -> usize {
        let (busy, whole) = (self.busy(), BUSY_DAY * self.days);
        if number < busy {
            return whole;
        }
        let (rest, others, place) = (self.appointments - busy * whole, count - busy, number - busy);
        rest * (place + 1) / others - rest * place / others
    }

    /// One of `count` doctors.
    #[must_use]
    pub fn doctor(
        &self,
        number: usize,
        count: usize,
        clinic: &PlannedClinic,
        specialty_id: SpecialtyId,
        now: DateTime<Utc>,
    ) -> PlannedDoctor {
        let is_busy = number < self.busy();
        let doctor_id = DoctorId::new();
        let user = PlannedPatient {
            id: UserId::new(),
            email: format!("doctor.{number}@scale.medislot.test"),
            name: format!("Doctor {number:05}"),
            time_zone: clinic.time_zone,
        };
        let slot_minutes = if is_busy { 5 } else { 20 + 10 * i32::try_from(number % 2).unwrap_or(0) };
        let schedule = Schedule {
            doctor_id,
            time_zone: clinic.time_zone,
            slot_minutes,
            min_notice_minutes: 60 * i32::try_from(number % 3).unwrap_or(0),
            max_advance_days: i32::try_from(self.days).unwrap_or(60).clamp(1, 366),
            active: true,
            rules: if is_busy {
                rules(&EVERY_DAY, &[(8, 18)], 5)
            } else {
                rules(&EVERY_DAY[..5], &[(9, 12), (13, 17)], slot_minutes)
            },
            overrides: Vec::new(),
        };
        let buffer_minutes = if !is_busy && number % 5 == 4 { 10 } else { 0 };
        let visits = self.visits(&schedule, buffer_minutes, number, self.quota(number, count), now);
        // Made, given hours and two visit types, and booked.
        let version = 4 + i32::try_from(visits.len()).unwrap_or(0);
        let visit_types = [("First visit", 40, VisitMode::InPerson), ("Video consultation", 20, VisitMode::Video)];
        let visit_types = visit_types.map(|(name, minutes, mode)| visit_type(doctor_id, name, minutes, mode));
        let (clinic_id, version) = (clinic.id, version);
        PlannedDoctor { user, clinic_id, specialty_id, buffer_minutes, schedule, visit_types, visits, version }
    }

    /// What is booked of a doctor. Of every tenth the next days are full; of the others something is free on most days.
    fn visits(
        &self,
        schedule: &Schedule,
        buffer_minutes: i32,
        number: usize,
        quota: usize,
        now: DateTime<Utc>,
    ) -> Vec<Interval> {
        let days = i64::try_from(self.days).unwrap_or(60);
        let range = Interval { start: now, end: now + TimeDelta::days(days) };
        let open = slots(schedule, &Offer::lasting(None, buffer_minutes), range, &[], now);
        let open: Vec<_> = open.into_iter().map(|(candidate, _)| candidate.visit).collect();
        let (quota, count) = (quota.min(open.len()), open.len());
        if number % 10 == 9 {
            return open.into_iter().take(quota).collect();
        }
        let is_booked = |place: &usize| (place + 1) * quota / count > place * quota / count;
        (0..count).filter(is_booked).map(|place| open[place]).collect()
    }
}

const EVERY_DAY: [Weekday; 7] =
    [Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri, Weekday::Sat, Weekday::Sun];

fn rules(weekdays: &[Weekday], hours: &[(i16, i16)], slot_minutes: i32) -> Vec<Rule> {
    let time = |hour: i16| LocalTime::from_minutes(hour * 60).unwrap_or(LocalTime::MIDNIGHT);
    let rule = |weekday: Weekday, (start, end): (i16, i16)| Rule {
        id: AvailabilityRuleId::new(),
        weekday,
        start: time(start),
        end: time(end),
        slot_minutes,
        effective_from: None,
        effective_until: None,
    };
    weekdays.iter().flat_map(|weekday| hours.iter().map(|hours| rule(*weekday, *hours))).collect()
}

fn visit_type(doctor_id: DoctorId, name: &str, duration_minutes: i32, mode: VisitMode) -> VisitType {
    VisitType {
        id: VisitTypeId::new(),
        doctor_id,
        name: name.to_owned(),
        duration_minutes,
        step_minutes: None,
        buffer_before_minutes: None,
        buffer_after_minutes: None,
        price: None,
        mode,
        active: true,
    }
}

impl PlannedDoctor {
    /// The appointments of the doctor, each of another patient. Among a million references two may well be the same, so those that are
    /// `used` are not taken again.
    pub fn appointments(
        &self,
        number: usize,
        patients: &[PlannedPatient],
        used: &mut HashSet<String>,
    ) -> Vec<PlannedVisit> {
        let offer = Offer::lasting(None, self.buffer_minutes);
        let appointment = |(place, visit): (usize, &Interval)| {
            let mut reference = new_reference();
            while !used.insert(reference.clone()) {
                reference = new_reference();
            }
            let patient = &patients[(number * 7_919 + place * 31) % patients.len()];
            PlannedVisit {
                id: AppointmentId::new(),
                reference,
                doctor_id: self.schedule.doctor_id,
                clinic_id: self.clinic_id,
                patient_id: patient.id,
                time_zone: patient.time_zone,
                visit: *visit,
                occupied: offer.occupied(*visit),
            }
        };
        self.visits.iter().enumerate().map(appointment).collect()
    }
}
