//! Doctors.

use super::{Clinic, check_notice};
use crate::{
    accounts::Account,
    kernel::{
        check::{Check, NAME, TEXT},
        id::{ClinicId, DoctorId, SpecialtyId, UserId},
        patch::Patch,
        viewer::Viewer,
    },
};
use chrono_tz::Tz;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

/// A user's professional profile in one clinic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doctor {
    /// Which.
    pub id: DoctorId,
    /// Who signs in as this doctor.
    pub user_id: UserId,
    /// Where the doctor works.
    pub clinic_id: ClinicId,
    /// How patients know the doctor.
    pub name: String,
    /// Such as "Dr. med.".
    pub title: Option<String>,
    /// A few words about the doctor.
    pub bio: Option<String>,
    /// The time zone that working hours are in.
    pub time_zone: Tz,
    /// The slot length where nothing else names one.
    pub slot_minutes: i32,
    /// The default pause after a visit.
    pub buffer_minutes: i32,
    /// How long before its start a visit must be booked.
    pub min_notice_minutes: i32,
    /// How many days ahead a visit may be booked.
    pub max_advance_days: i32,
    /// Until how many hours before a visit patients may cancel it; what the clinic says where there is nothing.
    pub cancellation_notice_hours: Option<i32>,
    /// Whether the doctor is listed and can be booked.
    pub active: bool,
    /// The version of the calendar, not newer than anything that is read after this.
    pub calendar_version: i32,
}

#[cfg(test)]
impl Doctor {
    /// A doctor of a clinic.
    #[must_use]
    pub fn of(clinic_id: ClinicId) -> Self {
        Self {
            id: DoctorId::new(),
            user_id: UserId::new(),
            clinic_id,
            name: "Dora".to_owned(),
            title: None,
            bio: None,
            time_zone: Tz::UTC,
            slot_minutes: 30,
            buffer_minutes: 0,
            min_notice_minutes: 0,
            max_advance_days: 60,
            cancellation_notice_hours: None,
            active: true,
            calendar_version: 1,
        }
    }
}

impl Doctor {
    /// Looks over what it holds.
    pub fn check(&self, check: &mut Check) {
        check.name("name", &self.name);
        check.optional_text("title", self.title.as_deref(), NAME);
        check.optional_text("bio", self.bio.as_deref(), TEXT);
        check.number("slotMinutes", self.slot_minutes, 5..=480);
        check.number("bufferMinutes", self.buffer_minutes, 0..=240);
        check.number("minNoticeMinutes", self.min_notice_minutes, 0..=43_200);
        check.number("maxAdvanceDays", self.max_advance_days, 0..=366);
        check_notice(check, self.cancellation_notice_hours);
    }

    /// Whether the viewer may change the profile, the visit types and the hours.
    #[must_use]
    pub fn is_kept_by(&self, viewer: &Viewer) -> bool {
        viewer.keeps(self.id, self.clinic_id)
    }

    /// Whether the viewer is an admin of the doctor's clinic, or of the platform.
    #[must_use]
    pub fn is_ruled_by(&self, viewer: &Viewer) -> bool {
        viewer.rules(self.clinic_id)
    }
}

/// A doctor to make, with the account to sign in with.
#[derive(Clone, Debug)]
pub struct NewDoctor {
    /// Where the doctor works.
    pub clinic_id: ClinicId,
    /// What the doctor practises.
    pub specialty_ids: Vec<SpecialtyId>,
    /// How patients know the doctor.
    pub name: String,
    /// The address to sign in with.
    pub email: String,
    /// The password to sign in with; where there is none, a link that is sent sets it.
    pub password: Option<SecretString>,
    /// Such as "Dr. med.".
    pub title: Option<String>,
    /// A few words about the doctor.
    pub bio: Option<String>,
    /// The time zone that working hours are in; the clinic's where there is none.
    pub time_zone: Option<Tz>,
    /// The slot length where nothing else names one.
    pub slot_minutes: i32,
    /// The default pause after a visit.
    pub buffer_minutes: i32,
    /// How long before its start a visit must be booked.
    pub min_notice_minutes: i32,
    /// How many days ahead a visit may be booked.
    pub max_advance_days: i32,
    /// Until how many hours before a visit patients may cancel it.
    pub cancellation_notice_hours: Option<i32>,
}

impl NewDoctor {
    /// The profile, the account and the specialties of the doctor who signs in as this user.
    #[must_use]
    pub fn parts(self, user_id: UserId, clinic: &Clinic) -> (Doctor, Account, Vec<SpecialtyId>) {
        let time_zone = self.time_zone.unwrap_or(clinic.time_zone);
        let account = Account {
            email: self.email,
            password: SecretString::from(String::new()),
            name: self.name.trim().to_owned(),
            phone: None,
            time_zone: Some(time_zone),
        };
        let doctor = Doctor {
            id: DoctorId::new(),
            user_id,
            clinic_id: clinic.id,
            name: self.name.trim().to_owned(),
            title: self.title,
            bio: self.bio,
            time_zone,
            slot_minutes: self.slot_minutes,
            buffer_minutes: self.buffer_minutes,
            min_notice_minutes: self.min_notice_minutes,
            max_advance_days: self.max_advance_days,
            cancellation_notice_hours: self.cancellation_notice_hours,
            active: true,
            calendar_version: 0,
        };
        (doctor, account, self.specialty_ids)
    }
}

/// A change of a doctor.
#[derive(Clone, Debug, Default)]
pub struct DoctorPatch {
    /// How patients know the doctor.
    pub name: Patch<String>,
    /// Such as "Dr. med.".
    pub title: Patch<String>,
    /// A few words about the doctor.
    pub bio: Patch<String>,
    /// The time zone that working hours are in.
    pub time_zone: Patch<Tz>,
    /// The slot length where nothing else names one.
    pub slot_minutes: Patch<i32>,
    /// The default pause after a visit.
    pub buffer_minutes: Patch<i32>,
    /// How long before its start a visit must be booked.
    pub min_notice_minutes: Patch<i32>,
    /// How many days ahead a visit may be booked.
    pub max_advance_days: Patch<i32>,
    /// Until how many hours before a visit patients may cancel it.
    pub cancellation_notice_hours: Patch<i32>,
    /// What the doctor practises.
    pub specialty_ids: Patch<Vec<SpecialtyId>>,
    /// Whether the doctor is listed and can be booked: for admins.
    pub active: Patch<bool>,
}

impl DoctorPatch {
    /// Changes what a doctor holds.
    pub fn apply_to(self, doctor: &mut Doctor, check: &mut Check) {
        self.name.apply_to(&mut doctor.name, check, "name");
        self.title.apply_to_optional(&mut doctor.title);
        self.bio.apply_to_optional(&mut doctor.bio);
        self.time_zone.apply_to(&mut doctor.time_zone, check, "timeZone");
        self.slot_minutes.apply_to(&mut doctor.slot_minutes, check, "slotMinutes");
        self.buffer_minutes.apply_to(&mut doctor.buffer_minutes, check, "bufferMinutes");
        self.min_notice_minutes.apply_to(&mut doctor.min_notice_minutes, check, "minNoticeMinutes");
        self.max_advance_days.apply_to(&mut doctor.max_advance_days, check, "maxAdvanceDays");
        self.cancellation_notice_hours.apply_to_optional(&mut doctor.cancellation_notice_hours);
        self.active.apply_to(&mut doctor.active, check, "active");
        doctor.check(check);
    }
}

/// Which doctors.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct DoctorFilter {
    /// Those who practise this.
    pub specialty_id: Option<SpecialtyId>,
    /// Those who work here.
    pub clinic_id: Option<ClinicId>,
    /// Those with this in name, title or biography, in any case.
    pub search: Option<String>,
    /// These alone.
    pub among: Option<Vec<DoctorId>>,
}
