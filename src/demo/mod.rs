//! Demo data: two clinics, six specialties, twelve doctors and some appointments, made as an admin and patients would make them; and, to
//! measure with, as much as a large installation has ([`scale`]).

mod plan;
mod scale;
mod store;

pub use plan::Sizes;

use crate::{
    accounts::{Account, Accounts},
    availability::{Availability, NewOverride, NewRule, OverrideKind, Weekday},
    booking::{Booking, BookingRequest, Target, Wanted},
    directory::{Directory, NewClinic, NewDoctor, NewSpecialty, SavedVisitType, VisitMode, VisitType},
    kernel::{
        client::Client,
        clock::Clock,
        id::{ClinicId, DoctorId, SessionId, SpecialtyId, UserId, VisitTypeId},
        local_time::LocalTime,
        money::Money,
        page::PageRequest,
        rejection::{Internal, Rejection},
        viewer::{Role, Viewer},
    },
};
use chrono::Days;
use chrono_tz::Tz;
use secrecy::SecretString;

/// The password of every demo account.
pub const PASSWORD: &str = "medislot-demo";
/// The accounts to try things out with, and what they are.
pub const ACCOUNTS: [(&str, &str); 3] = [
    ("admin@medislot.test", "admin of the platform"),
    ("doctor@medislot.test", "doctor"),
    ("patient@medislot.test", "patient"),
];

const SPECIALTIES: [(&str, &str); 6] = [
    ("General practice", "First contact for all complaints."),
    ("Cardiology", "Heart and vessels."),
    ("Dermatology", "Skin, hair and nails."),
    ("Pediatrics", "Children and adolescents."),
    ("Orthopedics", "Bones, joints and muscles."),
    ("Ophthalmology", "Eyes and sight."),
];

/// Name, address, telephone number and time zone.
const CLINICS: [(&str, &str, &str, Tz); 2] = [
    ("Vistula Clinic", "ul. Dobra 56, Warsaw", "+48 22 555 01 01", Tz::Europe__Warsaw),
    ("Hudson Health", "120 Broadway, New York", "+1 212 555 0102", Tz::America__New_York),
];

/// The patients. Whoever finds the last one knows that the demo data are complete.
const PEOPLE: [(&str, &str); 3] = [
    ("patient@medislot.test", "Patricia Patient"),
    ("ben@medislot.test", "Ben Baker"),
    ("cleo@medislot.test", "Cleo Clark"),
];

const EVERYTHING: PageRequest = PageRequest { size: 100, cursor: None, backwards: false, count: false };

/// Title, name, and the places of the specialties.
const DOCTORS: [(&str, &str, &[usize]); 12] = [
    ("Dr. med.", "Anna Nowak", &[0]),
    ("Dr. med.", "Piotr Zielinski", &[1]),
    ("Prof.", "Maria Wisniewska", &[1, 0]),
    ("Dr. med.", "Tomasz Lewandowski", &[2]),
    ("Dr. med.", "Katarzyna Wojcik", &[3]),
    ("Dr. med.", "Jan Kaminski", &[4]),
    ("MD", "Grace Bennett", &[0]),
    ("MD", "Samuel Ortiz", &[1]),
    ("MD", "Olivia Chen", &[2]),
    ("MD", "Daniel Okafor", &[3]),
    ("MD, PhD", "Rachel Stein", &[5]),
    ("MD", "Victor Rossi", &[4, 5]),
];

/// What makes the demo data.
#[derive(Debug)]
pub struct Demo<'a> {
    /// Tells the time.
    pub clock: &'a dyn Clock,
    /// Accounts.
    pub accounts: &'a Accounts,
    /// Clinics, specialties and doctors.
    pub directory: &'a Directory,
    /// Hours and slots.
    pub availability: &'a Availability,
    /// Appointments.
    pub booking: &'a Booking,
}

impl Demo<'_> {
    /// Makes the demo data in a database that has none of any kind, or goes on where that was interrupted; tells whether it did anything.
    ///
    /// # Errors
    /// Where the database refuses, or another process is at it.
    pub async fn seed(&self) -> Result<bool, Rejection> {
        let (admin_email, _) = ACCOUNTS[0];
        let (last_email, _) = PEOPLE[PEOPLE.len() - 1];
        let begun = self.accounts.find_by_email(admin_email).await?;
        let is_done = begun.is_some() && self.accounts.find_by_email(last_email).await?.is_some();
        if is_done || (begun.is_none() && !self.is_empty().await?) {
            return Ok(false);
        }
        let admin = match begun {
            Some(user) => user.id,
            None => self.accounts.create_platform_admin(account(admin_email, "Ada Admin", Tz::UTC)).await?,
        };
        let admin = viewer(admin, Role::PlatformAdmin, Tz::UTC);
        let specialties = self.specialties(&admin).await?;
        let clinics = self.clinics(&admin).await?;
        let mut doctors = Vec::new();
        for place in 0..DOCTORS.len() {
            doctors.push(self.doctor(&admin, place, &clinics, &specialties).await?);
        }
        self.appointments(&doctors).await?;
        Ok(true)
    }

    async fn is_empty(&self) -> Result<bool, Rejection> {
        Ok(self.directory.list_clinics(&EVERYTHING).await?.items.is_empty()
            && self.directory.list_specialties(&EVERYTHING).await?.items.is_empty()
            && !self.accounts.has_users().await?)
    }

    async fn specialties(&self, admin: &Viewer) -> Result<Vec<SpecialtyId>, Rejection> {
        let made = self.directory.list_specialties(&EVERYTHING).await?.items;
        let mut ids = Vec::new();
        for (name, description) in SPECIALTIES {
            let found = made.iter().find(|(_, specialty)| specialty.name == name).map(|(_, specialty)| specialty.id);
            let new = NewSpecialty { name: name.to_owned(), slug: None, description: Some(description.to_owned()) };
            ids.push(match found {
                Some(id) => id,
                None => self.directory.create_specialty(admin, new).await?.id,
            });
        }
        Ok(ids)
    }

    async fn clinics(&self, admin: &Viewer) -> Result<Vec<(ClinicId, Tz)>, Rejection> {
        let made = self.directory.list_clinics(&EVERYTHING).await?.items;
        let mut clinics = Vec::new();
        for (name, address, phone, time_zone) in CLINICS {
            let found = made.iter().find(|(_, clinic)| clinic.name == name).map(|(_, clinic)| clinic.id);
            let new = NewClinic {
                name: name.to_owned(),
                slug: None,
                address: Some(address.to_owned()),
                phone: Some(phone.to_owned()),
                time_zone,
                cancellation_notice_hours: None,
                cancellation_policy: None,
                cancellation_fee: None,
                hold_minutes: None,
            };
            let id = match found {
                Some(id) => id,
                None => self.directory.create_clinic(admin, new).await?.id,
            };
            clinics.push((id, time_zone));
        }
        Ok(clinics)
    }

    async fn doctor(
        &self,
        admin: &Viewer,
        place: usize,
        clinics: &[(ClinicId, Tz)],
        specialties: &[SpecialtyId],
    ) -> Result<DoctorId, Rejection> {
        let (title, name, practised) = DOCTORS[place];
        let (clinic_id, zone) = clinics[place / 6];
        let (doctor_email, _) = ACCOUNTS[1];
        let email = if place == 0 { doctor_email.to_owned() } else { format!("doctor{}@medislot.test", place + 1) };
        if let Some(user) = self.accounts.find_by_email(&email).await? {
            return self.directory.doctor_of(user.id).await;
        }
        let new = NewDoctor {
            clinic_id,
            specialty_ids: practised.iter().map(|place| specialties[*place]).collect(),
            name: name.to_owned(),
            email,
            password: Some(PASSWORD.into()),
            title: Some(title.to_owned()),
            bio: Some(format!("{} Sees patients on weekdays.", SPECIALTIES[practised[0]].1)),
            time_zone: None,
            slot_minutes: if place.is_multiple_of(3) { 20 } else { 30 },
            buffer_minutes: if place % 4 == 3 { 10 } else { 0 },
            min_notice_minutes: 60,
            max_advance_days: 60,
            cancellation_notice_hours: None,
        };
        let id = self.directory.create_doctor(admin, new).await?;
        self.availability.set_rules(admin, id, weekly_hours(place)).await?;
        for visit_type in visit_types(id, place) {
            self.directory.save_visit_type(admin, SavedVisitType { replaces: None, visit_type }).await?;
        }
        if place % 5 == 1 {
            self.day_off(admin, id, zone).await?;
        }
        Ok(id)
    }

    /// A day off in a fortnight.
    async fn day_off(&self, admin: &Viewer, doctor_id: DoctorId, zone: Tz) -> Result<(), Rejection> {
        let conference = NewOverride {
            date: self.clock.now().with_timezone(&zone).date_naive() + Days::new(14),
            kind: OverrideKind::Block,
            start: None,
            end: None,
            slot_minutes: None,
            reason: Some("Conference".to_owned()),
        };
        self.availability.add_override(admin, doctor_id, conference).await
    }

    async fn appointments(&self, doctors: &[DoctorId]) -> Result<(), Rejection> {
        for (number, (email, name)) in PEOPLE.into_iter().enumerate() {
            if self.accounts.find_by_email(email).await?.is_some() {
                continue;
            }
            let session = self.accounts.register(account(email, name, Tz::Europe__Warsaw), &Client::default()).await?;
            let patient = viewer(session.user.id, Role::Patient, Tz::Europe__Warsaw);
            for doctor_id in doctors.iter().skip(number).step_by(3) {
                self.book(&patient, *doctor_id, 4 + 5 * number).await?;
            }
        }
        Ok(())
    }

    /// Books the open slot of a doctor's that has so many before it.
    async fn book(&self, patient: &Viewer, doctor_id: DoctorId, place: usize) -> Result<(), Rejection> {
        let open = self.availability.next_slots_of(&[doctor_id], None, None, place + 1).await?.remove(&doctor_id);
        let key = open.and_then(|open| open.last().copied()).ok_or_else(|| Internal::new("no open slot"))?.key;
        let wanted = Wanted {
            doctor_id,
            starts_at: key.starts_at,
            visit_type_id: None,
            duration_minutes: Some(key.duration_minutes),
        };
        let request = BookingRequest {
            target: Target::Time(wanted),
            field: "slotId",
            override_reason: None,
            patient_id: None,
            notes: None,
            time_zone: None,
            idempotency_key: None,
        };
        self.booking.book(patient, request).await.map(|_| ())
    }
}

fn account(email: &str, name: &str, time_zone: Tz) -> Account {
    let password = SecretString::from(PASSWORD);
    Account { email: email.to_owned(), password, name: name.to_owned(), phone: None, time_zone: Some(time_zone) }
}

fn viewer(user_id: UserId, role: Role, time_zone: Tz) -> Viewer {
    Viewer { user_id, session_id: SessionId::new(), role, time_zone }
}

fn weekly_hours(place: usize) -> Vec<NewRule> {
    let rule = |weekday, start: i16, end: i16| {
        let time = |hour: i16| LocalTime::from_minutes(hour * 60).unwrap_or(LocalTime::MIDNIGHT);
        NewRule {
            weekday,
            start: time(start),
            end: time(end),
            slot_minutes: None,
            effective_from: None,
            effective_until: None,
        }
    };
    let weekdays = [Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri];
    let morning = if place.is_multiple_of(2) { 8 } else { 9 };
    weekdays.into_iter().flat_map(|weekday| [rule(weekday, morning, 12), rule(weekday, 13, 17)]).collect()
}

fn visit_types(doctor_id: DoctorId, place: usize) -> [VisitType; 2] {
    let currency = if place < 6 { "PLN" } else { "USD" };
    let visit_type = |name: &str, duration_minutes, amount, mode| VisitType {
        id: VisitTypeId::new(),
        doctor_id,
        name: name.to_owned(),
        duration_minutes,
        step_minutes: None,
        buffer_before_minutes: None,
        buffer_after_minutes: None,
        price: Some(Money { amount, currency: currency.to_owned() }),
        mode,
        active: true,
    };
    [
        visit_type("First visit", 40, 25_000, VisitMode::InPerson),
        visit_type("Video consultation", 20, 12_000, VisitMode::Video),
    ]
}
