//! Three doctors with few times that overlap, and many patients who want them.

use crate::{
    cluster::{ADMIN, Cluster, PASSWORD},
    frontend::Frontend,
};
use chrono::TimeDelta;
use medislot::kernel::clock::{Clock, SystemClock};
use serde_json::{Value, json};

const DOCTORS: usize = 3;

/// Who is there, and what there is to book.
pub struct Scene {
    pub admin: Frontend,
    pub patients: Vec<Frontend>,
    /// Slots of an hour and of half an hour, every quarter of an hour.
    pub slots: Vec<String>,
}

impl Scene {
    pub async fn set(cluster: &Cluster, patients: usize) -> Self {
        let admin = Frontend::new(&cluster.addresses, ADMIN);
        admin.signs_in().await;
        let clinic = makes(&admin, "createClinic", "clinic", json!({ "name": "Clinic", "timeZone": "UTC" })).await;
        let specialty = makes(&admin, "createSpecialty", "specialty", json!({ "name": "Cardiology" })).await;
        let mut slots = Vec::new();
        for number in 0..DOCTORS {
            let input = json!({
                "clinicId": clinic, "specialtyIds": [specialty], "name": format!("Doctor {number}"),
                "email": format!("doctor.{number}@example.com"), "password": PASSWORD, "bufferMinutes": 5 * number,
            });
            let doctor = makes(&admin, "createDoctor", "doctor", input).await;
            slots.extend(opens(&admin, &doctor).await);
        }
        let mut people = Vec::new();
        for number in 0..patients {
            let email = format!("patient.{number}@example.com");
            let patient = Frontend::new(&cluster.addresses, &email);
            let input = json!({ "email": email, "password": PASSWORD, "name": format!("Patient {number}") });
            let query = "mutation ($input: RegisterInput!) { register(input: $input) { session { accessToken } } }";
            patient.takes(&patient.asks(0, query, &json!({ "input": input })).await.unwrap()["data"]["register"]);
            people.push(patient);
        }
        Self { admin, patients: people, slots }
    }
}

/// Lets a doctor work every morning; the IDs of the slots of four days.
async fn opens(admin: &Frontend, doctor: &str) -> Vec<String> {
    let days = ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"];
    let rules = days.map(|day| json!({ "weekday": day, "startTime": "09:00", "endTime": "13:00", "slotMinutes": 30 }));
    makes(admin, "setAvailability", "doctor", json!({ "doctorId": doctor, "rules": rules })).await;
    let mut slots = Vec::new();
    // Three days from now: nobody is too late to cancel.
    let from = SystemClock.now() + TimeDelta::days(3);
    for minutes in [30, 60] {
        let input = json!({ "doctorId": doctor, "name": "Visit", "durationMinutes": minutes, "stepMinutes": 15 });
        makes(admin, "saveVisitType", "doctor", input).await;
        let query = "query ($doctor: ID!) { doctor(id: $doctor) { visitTypes { id durationMinutes } } }";
        let seen = admin.asks(0, query, &json!({ "doctor": doctor })).await.unwrap();
        let visit_types = seen["data"]["doctor"]["visitTypes"].as_array().unwrap();
        let visit_type = visit_types.iter().find(|visit_type| visit_type["durationMinutes"] == minutes).unwrap();
        let query = "query ($doctor: ID!, $from: DateTime!, $to: DateTime!, $visitType: ID!) {
            doctor(id: $doctor) { slots(from: $from, to: $to, visitTypeId: $visitType) { id } } }";
        let to = from + TimeDelta::days(4);
        let variables = json!({ "doctor": doctor, "from": from, "to": to, "visitType": visit_type["id"] });
        let seen = admin.asks(0, query, &variables).await.unwrap();
        let found = seen["data"]["doctor"]["slots"].as_array().unwrap_or_else(|| panic!("{seen}"));
        slots.extend(found.iter().map(|slot| slot["id"].as_str().unwrap().to_owned()));
    }
    assert!(slots.len() > 50, "{} slots", slots.len());
    slots
}

/// Makes something; its ID.
async fn makes(admin: &Frontend, mutation: &str, noun: &str, input: Value) -> String {
    let input_type = format!("{}{}Input", mutation[..1].to_uppercase(), &mutation[1..]);
    let query = format!(
        "mutation ($input: {input_type}!) {{ {mutation}(input: $input) {{ {noun} {{ id }} userErrors {{ code message }} }} }}"
    );
    let answer = admin.asks(0, &query, &json!({ "input": input })).await.unwrap();
    answer["data"][mutation][noun]["id"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}
