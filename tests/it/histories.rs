//! Whatever people do, in whatever order: histories replay, logs have no gap, and nobody's time is given twice.

use crate::support::{Actor, TestApp};
use chrono::TimeDelta;
use entity::{
    appointment::{
        self,
        AppointmentStatus::{Cancelled, Expired},
    },
    appointment_transition, calendar, calendar_event,
};
use medislot::booking::{Transition, replay};
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use sea_orm::{EntityTrait, QueryOrder};
use serde_json::{Value, json};
use std::collections::HashMap;

/// Somebody does something, at random; what they know of afterwards.
async fn does_something(chance: &mut StdRng, who: &Actor, admin: &Actor, slots: &[String], known: &mut Vec<Value>) {
    let slot = slots.choose(chance).unwrap();
    let appointment = known.choose(chance).cloned().unwrap_or_default();
    let id = &appointment["id"];
    let other = known.choose(chance).cloned().unwrap_or_default();
    let answer = match chance.random_range(0..10) {
        0..3 => who.changes("holdSlot", json!({ "slotId": slot })).await,
        3..6 => who.changes("bookAppointment", json!({ "slotId": slot })).await,
        6 if id.is_string() => who.changes("bookAppointment", json!({ "holdId": id })).await,
        7 if id.is_string() => who.changes("cancelAppointment", json!({ "appointmentId": id })).await,
        8 if id.is_string() => {
            who.changes("rescheduleAppointment", json!({ "appointmentId": id, "slotId": slot })).await
        }
        9 if id.is_string() => {
            let input = json!({ "firstId": id, "secondId": other["id"], "reason": "why" });
            admin.does("swapAppointments", "SwapAppointmentsInput", input, "first { id } second { id }").await
        }
        _ => json!({}),
    };
    assert!(answer.get("errors").is_none(), "{answer}");
    let made = [&answer["appointment"], &answer["first"], &answer["second"]];
    known.extend(made.into_iter().filter(|made| made.is_object()).cloned());
}

#[tokio::test]
async fn after_a_random_storm_every_history_replays_and_every_log_is_whole() {
    let app = TestApp::start().await;
    let seed = rand::rng().random();
    println!("seed {seed}");
    let mut chance = StdRng::seed_from_u64(seed);
    let mut slots = Vec::new();
    for name in ["Dora", "Emil"] {
        let doctor = app.doctor(name).await;
        let input = json!({ "doctorId": doctor.id, "name": "Long", "durationMinutes": 60, "stepMinutes": 30 });
        doctor.actor.does("saveVisitType", "SaveVisitTypeInput", input, "doctor { id }").await;
        let query = format!("{{ doctor(id: \"{}\") {{ visitTypes {{ id }} }} }}", doctor.id);
        let visit_type = app.visitor().sees(&query).await["doctor"]["visitTypes"][0]["id"].clone();
        let query = format!(
            "{{ doctor(id: \"{}\") {{ nextSlots(first: 20, visitTypeId: {visit_type}) {{ id }} }} }}",
            doctor.id
        );
        let long = app.visitor().sees(&query).await["doctor"]["nextSlots"].as_array().unwrap().clone();
        slots.extend(long.iter().map(|slot| slot["id"].as_str().unwrap().to_owned()));
        slots.extend(doctor.slots(&app, 4).await);
    }
    let mut patients = [app.patient("Ada").await, app.patient("Ben").await, app.patient("Cleo").await];
    let mut admin = app.admin.clone();
    let mut known = Vec::new();
    for round in 0..12 {
        for _ in 0..20 {
            let who = patients.choose(&mut chance).unwrap();
            does_something(&mut chance, who, &admin, &slots, &mut known).await;
        }
        if round % 3 == 0 {
            app.works().await;
        }
        app.passes(TimeDelta::minutes(4));
        for actor in patients.iter_mut().chain([&mut admin]) {
            actor.refreshes().await;
        }
    }
    everything_is_whole(&app).await;
}

async fn everything_is_whole(app: &TestApp) {
    let connection = app.app.services.database.reader();
    let mut histories: HashMap<_, Vec<Transition>> = HashMap::new();
    let steps = appointment_transition::Entity::find().order_by_asc(appointment_transition::Column::Id);
    for step in steps.all(connection).await.unwrap() {
        histories.entry(step.appointment_id).or_default().push(Transition {
            appointment_id: step.appointment_id,
            from: step.from_status,
            to: step.to_status,
            actor_id: step.actor_id,
            reason: step.reason,
            at: step.at,
        });
    }
    let appointments = appointment::Entity::find().order_by_asc(appointment::Column::OccupiedFrom);
    let appointments = appointments.all(connection).await.unwrap();
    assert!(appointments.len() > 20, "the storm was a breeze");
    for appointment in &appointments {
        assert_eq!(replay(&histories[&appointment.id]), Some(appointment.status), "{}", appointment.id);
    }
    let claims: Vec<_> = appointments.iter().filter(|it| !matches!(it.status, Cancelled | Expired)).collect();
    for (place, claim) in claims.iter().enumerate() {
        for other in &claims[place + 1..] {
            let apart = other.occupied_from >= claim.occupied_until || other.doctor_id != claim.doctor_id;
            assert!(apart, "{} and {} overlap", claim.id, other.id);
        }
    }
    for calendar in calendar::Entity::find().all(connection).await.unwrap() {
        let events = calendar_event::Entity::find().order_by_asc(calendar_event::Column::Version);
        let events = events.all(connection).await.unwrap();
        let versions: Vec<_> =
            events.iter().filter(|event| event.doctor_id == calendar.doctor_id).map(|event| event.version).collect();
        assert_eq!(versions, (1..=calendar.version).collect::<Vec<_>>());
    }
}
