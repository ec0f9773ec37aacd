//! One scene, and everybody who looks at it.

use crate::support::{Actor, Doctor, TestApp};
use chrono::TimeDelta;
use medislot::config::RateLimits;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicUsize, Ordering},
};

/// Who looks: the patient and the doctor of an appointment, and the admin of its clinic, are those of the scene.
pub const EYES: [&str; 9] = [
    "visitor",
    "patient",
    "other patient",
    "doctor",
    "colleague",
    "other doctor",
    "clinic admin",
    "other clinic's admin",
    "platform admin",
];
const PASSWORD: &str = "correct horse battery";

pub struct Scene {
    pub app: TestApp,
    /// In the order of [`EYES`].
    pub actors: Vec<Actor>,
    /// The IDs of things of the patient's and the doctor's, by their types: where one has no value in a field, the next may.
    pub things: BTreeMap<&'static str, Vec<String>>,
    /// People who visit the doctor and belong somewhere else too: who that is, their ID, and what they are.
    pub visitors: Vec<(&'static str, String, Value)>,
    /// The other clinic: a patient of the doctor's is its patient too.
    pub there: String,
    doctor: Doctor,
    free: Vec<String>,
    taken: AtomicUsize,
    numbers: AtomicUsize,
}

fn id(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no ID: {value}")).to_owned()
}

impl Scene {
    pub async fn new() -> Self {
        let app = TestApp::start_with(|config| config.rate_limits = RateLimits::Off).await;
        let root = app.admin.clone();
        let input = json!({
            "name": "Here", "address": "1 Main Street", "phone": "1", "timeZone": "UTC", "cancellationNoticeHours": 8784,
            "cancellationPolicy": "FEE", "cancellationFee": { "amount": 100, "currency": "EUR" },
        });
        let here = id(&root.does("createClinic", "CreateClinicInput", input, "clinic { id }").await["clinic"]["id"]);
        let there = app.clinic("There").await;
        let input = json!({ "name": "Cardiology", "description": "Hearts" });
        let made = root.does("createSpecialty", "CreateSpecialtyInput", input, "specialty { id }").await;
        let specialty = id(&made["specialty"]["id"]);
        let doctor = app.doctor_in("Dora", &here, &[&specialty]).await;
        let colleague = app.doctor_in("Dan", &here, &[&specialty]).await;
        let other_doctor = app.doctor_in("Otto", &there, &[&specialty]).await;
        let visiting_doctor = app.doctor_in("Odo", &there, &[&specialty]).await;
        let (rule, exception, visit_type) = equip(&doctor).await;
        let input = json!({
            "email": "ada@example.com", "name": "Ada", "role": "PATIENT", "phone": "+48225550123", "password": PASSWORD,
        });
        root.does("inviteUser", "InviteUserInput", input, "user { id }").await;
        let mut ada = app.visitor();
        ada.signs_in("ada@example.com").await;
        let actors = vec![
            app.visitor(),
            ada,
            app.patient("Ben").await,
            doctor.actor.clone(),
            colleague.actor,
            other_doctor.actor,
            app.clinic_admin("Olga", &here).await,
            app.clinic_admin("Oscar", &there).await,
            root,
        ];
        let free = doctor.slots(&app, 45).await;
        let mut scene = Self {
            app,
            actors,
            things: BTreeMap::new(),
            visitors: Vec::new(),
            there,
            doctor,
            free,
            taken: AtomicUsize::new(0),
            numbers: AtomicUsize::new(0),
        };
        scene.things = BTreeMap::from([
            ("Clinic", vec![here]),
            ("Specialty", vec![specialty]),
            ("Doctor", vec![scene.doctor.id.clone()]),
            ("User", vec![scene.actors[1].id.clone(), scene.doctor.actor.id.clone(), scene.actors[6].id.clone()]),
            ("AvailabilityRule", vec![rule]),
            ("AvailabilityOverride", vec![exception]),
            ("VisitType", vec![visit_type]),
        ]);
        scene.live().await;
        scene.visit(&visiting_doctor).await;
        scene
    }

    /// Makes people who belong to two places.
    async fn visit(&mut self, doctor: &Doctor) {
        let root = self.actors[8].clone();
        // The other clinic has made the account, and has no appointment.
        let input = json!({ "email": "bea@example.com", "name": "Bea", "role": "PATIENT", "password": PASSWORD });
        self.actors[7].does("inviteUser", "InviteUserInput", input, "user { id }").await;
        let mut of_both = self.app.visitor();
        of_both.signs_in("bea@example.com").await;
        let booked = of_both.books(&self.slot()).await;
        assert!(booked["appointment"].is_object(), "{booked}");
        for (who, role, clinic) in [
            ("an admin of another clinic who visits", "ADMIN", Some(&self.there)),
            ("an admin of the platform who visits", "ADMIN", None),
            ("a doctor of another clinic who visits", "DOCTOR", None),
        ] {
            let mut visitor = doctor.actor.clone();
            if role == "DOCTOR" {
                let input = json!({ "userId": visitor.id, "role": "PATIENT" });
                root.does("updateUserRole", "UpdateUserRoleInput", input, "user { id }").await;
                visitor.signs_in(&doctor.actor.email).await;
            } else {
                visitor = self.app.patient(who).await;
            }
            let booked = visitor.books(&self.slot()).await;
            assert!(booked["appointment"].is_object(), "{booked}");
            let present = json!({ "userId": visitor.id, "role": role, "clinicId": clinic });
            let made = root.does("updateUserRole", "UpdateUserRoleInput", present.clone(), "user { id role }").await;
            assert_eq!(made["user"]["role"], role, "{made}");
            self.visitors.push((who, visitor.id, present));
        }
    }

    /// What happens before anybody looks.
    async fn live(&mut self) {
        let (ada, dora) = (self.actors[1].clone(), self.doctor.actor.clone());
        let query = format!(
            "{{ doctor(id: \"{}\") {{ slots(from: {}, to: {}, visitTypeId: \"{}\") {{ id }} }} }}",
            self.doctor.id,
            json!(self.app.now() + TimeDelta::days(48)),
            json!(self.app.now() + TimeDelta::days(49)),
            self.thing("VisitType"),
        );
        let of_type = id(&ada.sees(&query).await["doctor"]["slots"][0]["id"]);
        let input = json!({ "slotId": of_type, "notes": "It hurts." });
        let booked = ada.does("bookAppointment", "BookAppointmentInput", input, "appointment { id }").await;
        let booked = id(&booked["appointment"]["id"]);
        let cancelled = self.appointment().await;
        let cancel = json!({ "appointmentId": cancelled, "reason": "ill" });
        ada.does("cancelAppointment", "CancelAppointmentInput", cancel, "appointment { id }").await;
        let moved = self.appointment().await;
        let input = json!({ "appointmentId": moved, "slotId": self.slot() });
        let selection = "appointment { id }";
        let replaced = dora.does("rescheduleAppointment", "RescheduleAppointmentInput", input, selection).await;
        let (on_hold, open) = (self.slot(), self.slot());
        let hold = ada.holds(&on_hold).await["appointment"]["id"].clone();
        let of_audit = "{ auditLog(first: 1, filter: { action: \"appointment.read\" }) { nodes { id } } }";
        let entry = self.actors[8].sees(of_audit).await["auditLog"]["nodes"][0]["id"].clone();
        let session = ada.sees("{ viewer { sessions { id } } }").await["viewer"]["sessions"][0]["id"].clone();
        let appointments = vec![booked, cancelled, id(&replaced["appointment"]["id"]), moved, id(&hold)];
        self.things.insert("Appointment", appointments);
        self.things.insert("Slot", vec![open, of_type, on_hold]);
        self.things.insert("AuditEntry", vec![id(&entry)]);
        self.things.insert("SignIn", vec![id(&session)]);
        self.linked(1).await;
    }

    /// The first thing of this type.
    pub fn thing(&self, of: &str) -> &str {
        &self.things[of][0]
    }

    /// A slot of the doctor's that nobody has asked for.
    pub fn slot(&self) -> String {
        self.free[self.taken.fetch_add(1, Ordering::Relaxed)].clone()
    }

    /// A third party that lets one of those who look in from now on.
    pub async fn linked(&self, eye: usize) -> String {
        use sea_orm::{ActiveValue::Set, EntityTrait};
        let provider = format!("provider-{}", self.number());
        if let Ok(user_id) = self.actors[eye].id.parse() {
            let identity = entity::identity::ActiveModel {
                provider: Set(provider.clone()),
                subject: Set("1".to_owned()),
                user_id: Set(user_id),
                created_at: Set(self.app.now()),
                unlinked_at: Set(None),
            };
            let transaction = self.app.app.services.database.begin().await.unwrap();
            entity::identity::Entity::insert(identity).exec_without_returning(&*transaction).await.unwrap();
            transaction.commit().await.unwrap();
        }
        provider
    }

    /// A number that nobody has been given.
    pub fn number(&self) -> usize {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// A visit that the patient has just booked with the doctor.
    pub async fn appointment(&self) -> String {
        let booked = self.actors[1].books(&self.slot()).await;
        id(&booked["appointment"]["id"])
    }
}

/// Gives a doctor a value in every field; the IDs of a rule, an override and a visit type.
async fn equip(doctor: &Doctor) -> (String, String, String) {
    let days = ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"];
    let rule = |day| {
        json!({
            "weekday": day, "startTime": "09:00", "endTime": "12:00", "slotMinutes": 30, "effectiveFrom": "2026-01-01",
            "effectiveUntil": "2027-01-01",
        })
    };
    doctor.works(days.map(rule).to_vec().into()).await;
    let input = json!({ "doctorId": doctor.id, "title": "Dr.", "bio": "Since 1999." });
    doctor.actor.does("updateDoctor", "UpdateDoctorInput", input, "doctor { id }").await;
    let input = json!({
        "doctorId": doctor.id, "date": "2026-06-02", "kind": "EXTEND", "startTime": "14:00", "endTime": "15:00",
        "slotMinutes": 30, "reason": "A long day",
    });
    doctor.actor.does("addAvailabilityOverride", "AddAvailabilityOverrideInput", input, "doctor { id }").await;
    let input = json!({
        "doctorId": doctor.id, "name": "First visit", "durationMinutes": 30, "stepMinutes": 30, "bufferBeforeMinutes": 0,
        "bufferAfterMinutes": 0, "price": { "amount": 100, "currency": "EUR" },
    });
    let selection = "doctor { availabilityRules { id } availabilityOverrides { id } visitTypes { id } }";
    let made = doctor.actor.does("saveVisitType", "SaveVisitTypeInput", input, selection).await["doctor"].clone();
    let first = |list: &str| id(&made[list][0]["id"]);
    (first("availabilityRules"), first("availabilityOverrides"), first("visitTypes"))
}
