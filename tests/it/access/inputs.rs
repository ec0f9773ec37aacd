//! What every field and every mutation is tried with.

use super::scene::Scene;
use chrono::TimeDelta;
use serde_json::{Value, json};

const PASSWORD: &str = "correct horse battery";
const DAYS: [&str; 7] = ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"];

impl Scene {
    /// The arguments that a field is tried with; nothing where it needs some that nobody has thought of.
    pub fn arguments(&self, of: &str, field: &str, needs_some: bool) -> Option<Value> {
        let days = |days| json!(self.app.now() + TimeDelta::days(days));
        Some(match (of, field) {
            ("Query", "node" | "appointment") => json!({ "id": self.thing("Appointment") }),
            ("Query", "nodes") => json!({ "ids": [self.thing("Appointment")] }),
            ("Query", "specialty") => json!({ "id": self.thing("Specialty") }),
            ("Query", "clinic") => json!({ "id": self.thing("Clinic") }),
            ("Query", "doctor") => json!({ "id": self.thing("Doctor") }),
            ("Query", "slot") => json!({ "id": self.thing("Slot") }),
            ("Query", "slots") => json!({ "filter": {} }),
            ("Query", "whyUnavailable") => json!({ "doctorId": self.thing("Doctor"), "startsAt": days(0) }),
            ("Doctor", "slots") => json!({ "from": days(1), "to": days(3) }),
            ("Subscription", "slotEvents") => json!({ "doctorIds": [self.thing("Doctor")] }),
            ("Subscription", "slotBoard") => {
                json!({ "doctorIds": [self.thing("Doctor")], "from": days(1), "to": days(3) })
            }
            _ if needs_some => return None,
            _ => json!({}),
        })
    }

    /// The input that a mutation is tried with by one of those who look: something that is there, and would be done.
    pub async fn input(&self, mutation: &str, eye: usize) -> Option<Value> {
        let wrong = "not the password";
        let (clinic, doctor) = (self.thing("Clinic"), self.thing("Doctor"));
        let nobody = "nobody@example.com";
        Some(match mutation {
            "register" => json!({ "email": self.email(), "password": PASSWORD, "name": "New" }),
            "login" => json!({ "email": "ada@example.com", "password": PASSWORD }),
            "refreshSession" | "verifyEmail" | "acceptInvitation" => token(mutation),
            "resetPassword" => json!({ "token": "nonsense", "password": PASSWORD }),
            "logout" | "updateProfile" => json!({}),
            "requestLoginCode" | "requestPasswordReset" => json!({ "email": nobody }),
            "loginWithCode" => json!({ "email": nobody, "code": "000000" }),
            "verifyPhone" => json!({ "code": "000000", "password": wrong }),
            "changeEmail" => json!({ "email": self.email(), "password": wrong }),
            "changePassword" => json!({ "currentPassword": wrong, "newPassword": PASSWORD }),
            "relinkAccount" => json!({ "provider": "hospital", "password": wrong }),
            "deleteAccount" | "exportMyData" => json!({ "password": wrong }),
            "bookAppointment" if eye >= 3 => json!({ "slotId": self.slot(), "patientId": self.thing("User") }),
            "holdSlot" | "bookAppointment" => json!({ "slotId": self.slot() }),
            "cancelAppointment" => json!({ "appointmentId": self.appointment().await }),
            "completeAppointment" | "markNoShow" => json!({ "appointmentId": self.thing("Appointment") }),
            "rescheduleAppointment" => json!({ "appointmentId": self.appointment().await, "slotId": self.slot() }),
            "swapAppointments" => {
                json!({ "firstId": self.appointment().await, "secondId": self.appointment().await, "reason": "asked" })
            }
            "setAvailability" => json!({ "doctorId": doctor, "rules": DAYS.map(rule) }),
            "addAvailabilityOverride" => json!({ "doctorId": doctor, "date": self.date(), "kind": "BLOCK" }),
            "removeAvailabilityOverride" => json!({ "overrideId": self.new_override().await }),
            "updateDoctor" => json!({ "doctorId": doctor, "title": "Dr.", "specialtyIds": [self.thing("Specialty")] }),
            "saveVisitType" => json!({
                "doctorId": doctor, "visitTypeId": self.thing("VisitType"), "name": "First visit", "durationMinutes": 30,
                "price": { "amount": 100, "currency": "EUR" },
            }),
            "createDoctor" => self.new_doctor(),
            "deactivateDoctor" => json!({ "doctorId": self.made("createDoctor", self.new_doctor(), "doctor").await }),
            "createClinic" => json!({ "name": format!("Clinic {}", self.number()), "timeZone": "UTC" }),
            "updateClinic" => json!({ "id": clinic, "phone": "1" }),
            "deleteClinic" => {
                let input = json!({ "name": format!("Clinic {}", self.number()), "timeZone": "UTC" });
                json!({ "id": self.made("createClinic", input, "clinic").await })
            }
            "createSpecialty" => json!({ "name": format!("Specialty {}", self.number()) }),
            "updateSpecialty" => json!({ "id": self.thing("Specialty"), "description": "Hearts" }),
            "deleteSpecialty" => {
                let input = json!({ "name": format!("Specialty {}", self.number()) });
                json!({ "id": self.made("createSpecialty", input, "specialty").await })
            }
            "unlinkAccount" => json!({ "provider": self.linked(eye).await }),
            "inviteUser" => self.invitation("PATIENT"),
            "updateUserRole" => json!({ "userId": self.new_admin().await, "role": "ADMIN", "clinicId": clinic }),
            "deactivateUser" | "reactivateUser" => json!({ "userId": self.new_admin().await }),
            _ => return None,
        })
    }

    fn email(&self) -> String {
        format!("new.{}@example.com", self.number())
    }

    fn date(&self) -> String {
        (self.app.now() + TimeDelta::days(100 + i64::try_from(self.number()).unwrap())).format("%Y-%m-%d").to_string()
    }

    fn new_doctor(&self) -> Value {
        json!({
            "clinicId": self.thing("Clinic"), "specialtyIds": [self.thing("Specialty")], "name": "New", "email": self.email(),
        })
    }

    fn invitation(&self, role: &str) -> Value {
        json!({ "email": self.email(), "name": "New", "role": role, "clinicId": self.thing("Clinic") })
    }

    async fn new_admin(&self) -> String {
        self.made("inviteUser", self.invitation("ADMIN"), "user").await
    }

    async fn new_override(&self) -> String {
        let input = json!({ "doctorId": self.thing("Doctor"), "date": self.date(), "kind": "BLOCK" });
        let selection = "doctor { availabilityOverrides { id date } }";
        let root = &self.actors[8];
        let made = root.does("addAvailabilityOverride", "AddAvailabilityOverrideInput", input.clone(), selection).await;
        let all = made["doctor"]["availabilityOverrides"].as_array().unwrap_or_else(|| panic!("{made}")).clone();
        let made = all.into_iter().find(|made| made["date"] == input["date"]).unwrap();
        made["id"].as_str().unwrap().to_owned()
    }

    /// The ID of what the admin of the platform has just made.
    async fn made(&self, mutation: &str, input: Value, thing: &str) -> String {
        let input_type = format!("{}{}Input", mutation[..1].to_uppercase(), &mutation[1..]);
        let made = self.actors[8].does(mutation, &input_type, input, &format!("{thing} {{ id }}")).await;
        made[thing]["id"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned()
    }
}

fn rule(day: &str) -> Value {
    json!({
        "weekday": day, "startTime": "09:00", "endTime": "12:00", "slotMinutes": 30, "effectiveFrom": "2026-01-01",
        "effectiveUntil": "2027-01-01",
    })
}

fn token(mutation: &str) -> Value {
    let name = if mutation == "refreshSession" { "refreshToken" } else { "token" };
    json!({ name: "nonsense" })
}
