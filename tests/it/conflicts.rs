//! Changing hours cancels nothing: what lies outside of them is told.

use crate::support::TestApp;
use chrono::TimeDelta;
use entity::appointment;
use sea_orm::{EntityTrait, IntoActiveModel};
use serde_json::json;

#[tokio::test]
async fn new_hours_tell_of_the_appointments_that_lie_outside_them() {
    let app = TestApp::start().await;
    let doctor = app.doctor("Dora").await;
    let ada = app.patient("Ada").await;
    let slots = doctor.slots(&app, 1).await;
    let (early, late) = (ada.books(&slots[0]).await, ada.books(&slots[5]).await);
    let input =
        json!({ "doctorId": doctor.id, "rules": [{ "weekday": "MONDAY", "startTime": "11:00", "endTime": "12:00" }] });
    let set = doctor
        .actor
        .does(
            "setAvailability",
            "SetAvailabilityInput",
            input,
            "conflicts { id } doctor { availabilityRules { slotMinutes endTime } }",
        )
        .await;
    assert_eq!(set["conflicts"], json!([{ "id": early["appointment"]["id"] }]));
    assert_ne!(early["appointment"]["id"], late["appointment"]["id"]);
    assert_eq!(set["doctor"]["availabilityRules"], json!([{ "slotMinutes": 30, "endTime": "12:00" }]));
}

#[tokio::test]
async fn however_much_is_booked_before_it_a_conflict_is_told_of() {
    let app = TestApp::start().await;
    let doctor = app.doctor("Dora").await;
    let ada = app.patient("Ada").await;
    let slots = doctor.slots(&app, 50).await;
    let last = ada.books(slots.last().unwrap()).await["appointment"].clone();
    let id = last["id"].as_str().unwrap().parse::<entity::id::AppointmentId>().unwrap();
    let connection = app.app.services.database.reader();
    let row = appointment::Entity::find_by_id(id).one(connection).await.unwrap().unwrap();
    // A minute each, all of them within the hours of the first days.
    let days = (0..).map(|day| app.now() + TimeDelta::days(day) + TimeDelta::hours(1)).take(7);
    let starts = days.flat_map(|morning| (0..180).map(move |minute| morning + TimeDelta::minutes(minute)));
    let visit = |(number, start)| {
        let end = start + TimeDelta::minutes(1);
        let visit = appointment::Model {
            id: entity::id::AppointmentId::new(),
            reference: format!("MANY{number}"),
            starts_at: start,
            ends_at: end,
            occupied_from: start,
            occupied_until: end,
            ..row.clone()
        };
        visit.into_active_model()
    };
    let visits: Vec<_> = starts.enumerate().map(visit).collect();
    assert!(visits.len() > 1_000);
    appointment::Entity::insert_many(visits).exec(connection).await.unwrap();
    let input = json!({ "doctorId": doctor.id, "date": last["startsAt"].as_str().unwrap()[..10], "kind": "BLOCK" });
    let selection = "conflicts { id }";
    let blocked = doctor.actor.does("addAvailabilityOverride", "AddAvailabilityOverrideInput", input, selection).await;
    assert_eq!(blocked["conflicts"], json!([{ "id": last["id"] }]));
}
