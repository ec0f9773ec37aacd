//! A hundred doctors with much time, and those who want it.

use crate::{
    cluster::{ADMIN, Cluster, PASSWORD},
    support::{Client, Server},
};
use chrono::TimeDelta;
use medislot::kernel::clock::{Clock, SystemClock};
use serde_json::{Value, json};

pub const DOCTORS: usize = 100;

/// One server over PostgreSQL and Redis.
pub fn serve(cluster: &Cluster) -> Server {
    let variables = cluster.variables();
    let variables: Vec<_> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    Server::start(&[], &variables)
}

/// Who is there, and what there is to book.
pub struct Scene {
    /// The IDs of slots, each of another doctor than the one before.
    pub slots: Vec<String>,
    /// The tokens of patients.
    pub tokens: Vec<String>,
}

impl Scene {
    /// Doctors who work day and night in slots of five minutes, and `patients`.
    pub async fn set(server: &Server, patients: usize, days: i64) -> Self {
        let admin = Client::new(server).signs_in(ADMIN).await;
        let clinic = makes(&admin, "createClinic", "clinic", json!({ "name": "Clinic", "timeZone": "UTC" })).await;
        let specialty = makes(&admin, "createSpecialty", "specialty", json!({ "name": "Any" })).await;
        let mut slots_of = Vec::new();
        for number in 0..DOCTORS {
            let input = json!({ "clinicId": clinic, "specialtyIds": [specialty], "name": format!("Doctor {number}"),
                "email": format!("doctor.{number}@example.com"), "password": PASSWORD, "slotMinutes": 5 });
            let doctor = makes(&admin, "createDoctor", "doctor", input).await;
            let days_of_week = ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"];
            let rule = |day| json!({ "weekday": day, "startTime": "00:00", "endTime": "24:00", "slotMinutes": 5 });
            let input = json!({ "doctorId": doctor, "rules": days_of_week.map(rule) });
            makes(&admin, "setAvailability", "doctor", input).await;
            slots_of.push(slots(&admin, &doctor, days).await);
        }
        let most = slots_of.iter().map(Vec::len).max().unwrap_or_default();
        let in_turn = (0..most).flat_map(|place| slots_of.iter().filter_map(move |slots| slots.get(place)));
        let slots = in_turn.cloned().collect();
        let mut tokens = Vec::new();
        for number in 0..patients {
            tokens.push(registers(&admin, number).await);
        }
        Self { slots, tokens }
    }
}

async fn slots(admin: &Client, doctor: &str, days: i64) -> Vec<String> {
    let query = "query ($doctor: ID!, $from: DateTime!, $to: DateTime!) {
        doctor(id: $doctor) { slots(from: $from, to: $to) { id } } }";
    let from = SystemClock.now() + TimeDelta::days(1);
    let mut found = Vec::new();
    for day in 0..days {
        let range = (from + TimeDelta::days(day), from + TimeDelta::days(day + 1));
        let variables = json!({ "doctor": doctor, "from": range.0, "to": range.1 });
        let seen = admin.asks(query, &variables).await;
        let ids = seen["doctor"]["slots"].as_array().expect("slots").iter();
        found.extend(ids.map(|slot| slot["id"].as_str().expect("an ID").to_owned()));
    }
    found
}

async fn registers(visitor: &Client, number: usize) -> String {
    let query = "mutation ($input: RegisterInput!) { register(input: $input) { session { accessToken } } }";
    let email = format!("patient.{number}@example.com");
    let input = json!({ "email": email, "password": PASSWORD, "name": "Patient" });
    let data = visitor.asks(query, &json!({ "input": input })).await;
    data["register"]["session"]["accessToken"].as_str().unwrap_or_else(|| panic!("{data}")).to_owned()
}

/// Makes something; its ID.
async fn makes(admin: &Client, mutation: &str, noun: &str, input: Value) -> String {
    let input_type = format!("{}{}Input", mutation[..1].to_uppercase(), &mutation[1..]);
    let query = format!(
        "mutation ($input: {input_type}!) {{ {mutation}(input: $input) {{ {noun} {{ id }} userErrors {{ code message }} }} }}"
    );
    let data = admin.asks(&query, &json!({ "input": input })).await;
    data[mutation][noun]["id"].as_str().unwrap_or_else(|| panic!("{data}")).to_owned()
}
