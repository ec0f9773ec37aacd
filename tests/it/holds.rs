//! Holding a slot while the form is filled in.

use crate::support::{Actor, Doctor, TestApp, code, eventually};
use chrono::TimeDelta;
use serde_json::{Value, json};

async fn statuses(app: &TestApp, doctor: &Doctor) -> Vec<String> {
    let query = format!(
        "{{ doctor(id: \"{}\") {{ slots(from: \"2026-06-01T09:00:00Z\", to: \"2026-06-01T12:00:00Z\", statuses: [OPEN, HELD, BOOKED]) {{ status }} }} }}",
        doctor.id
    );
    let seen = app.visitor().sees(&query).await;
    let slots = seen["doctor"]["slots"].as_array().unwrap().iter();
    slots.map(|slot| slot["status"].as_str().unwrap().to_owned()).collect()
}

async fn appointment(viewer: &Actor, id: &Value) -> Value {
    let query =
        format!("{{ appointment(id: {id}) {{ status expiresAt version history {{ from to actor {{ name }} }} }} }}");
    viewer.sees(&query).await["appointment"].clone()
}

#[tokio::test]
async fn a_held_slot_is_nobody_elses_and_booking_the_hold_is_sure() {
    let app = TestApp::start().await;
    let doctor = app.doctor("Dora").await;
    let (ada, ben) = (app.patient("Ada").await, app.patient("Ben").await);
    let slots = doctor.slots(&app, 1).await;
    let held = ada.holds(&slots[0]).await["appointment"].clone();
    assert_eq!((&held["status"], &held["expiresAt"]), (&json!("HELD"), &json!("2026-06-01T08:10:00Z")));
    assert_eq!(statuses(&app, &doctor).await[..2], ["HELD", "OPEN"]);
    assert_eq!(code(&ben.books(&slots[0]).await), "SLOT_TAKEN");
    assert_eq!(code(&ben.holds(&slots[0]).await), "SLOT_TAKEN");
    assert_eq!(code(&doctor.actor.holds(&slots[1]).await), "FORBIDDEN");
    // The doctor goes home: what is held stays sure.
    doctor.works(json!([])).await;
    let input = json!({ "holdId": held["id"], "notes": "the knee", "timeZone": "Asia/Tokyo" });
    let booked = ada
        .does(
            "bookAppointment",
            "BookAppointmentInput",
            input,
            "appointment { id status notes timeZone expiresAt version }",
        )
        .await;
    let expected = json!({ "id": held["id"], "status": "PENDING", "notes": "the knee", "timeZone": "Asia/Tokyo", "expiresAt": null, "version": 2 });
    assert_eq!(booked["appointment"], expected, "{booked}");
    app.works().await;
    let seen = appointment(&ada, &held["id"]).await;
    assert_eq!(
        seen["history"],
        json!([
            { "from": null, "to": "HELD", "actor": { "name": "Ada" } },
            { "from": "HELD", "to": "PENDING", "actor": { "name": "Ada" } },
            { "from": "PENDING", "to": "CONFIRMED", "actor": null },
        ])
    );
    assert_eq!(code(&ada.changes("bookAppointment", json!({ "holdId": held["id"] })).await), "INVALID_TRANSITION");
}

#[tokio::test]
async fn booking_a_slot_that_one_holds_books_the_hold() {
    let app = TestApp::start().await;
    let doctor = app.doctor("Dora").await;
    let (ada, ben) = (app.patient("Ada").await, app.patient("Ben").await);
    let slot = doctor.slots(&app, 1).await[0].clone();
    let held = ada.holds(&slot).await;
    // A crowd that was told of it does not make the process forget whose it is.
    assert_eq!(code(&ben.books(&slot).await), "SLOT_TAKEN");
    let booked = ada.books(&slot).await;
    assert_eq!(booked["appointment"]["id"], held["appointment"]["id"], "{booked}");
    assert_eq!(booked["appointment"]["status"], "PENDING");
}

#[tokio::test]
async fn a_hold_is_free_for_others_at_the_instant_it_ends_though_no_worker_runs() {
    let app = TestApp::start().await;
    let doctor = app.doctor("Dora").await;
    let (mut ada, mut ben) = (app.patient("Ada").await, app.patient("Ben").await);
    let slot = doctor.slots(&app, 1).await[0].clone();
    let held = ada.holds(&slot).await["appointment"].clone();
    app.passes(TimeDelta::minutes(10) - TimeDelta::microseconds(1));
    assert_eq!(code(&ben.books(&slot).await), "SLOT_TAKEN");
    app.passes(TimeDelta::microseconds(1));
    assert_eq!(statuses(&app, &doctor).await[0], "OPEN");
    // Nobody is told from memory longer than a second that it is taken.
    let booked = eventually("the slot is free", async || {
        let booked = ben.books(&slot).await;
        booked["appointment"].is_object().then_some(booked)
    })
    .await;
    assert_ne!(booked["appointment"]["id"], held["id"]);
    app.passes(TimeDelta::minutes(6));
    ada.refreshes().await;
    ben.refreshes().await;
    assert_eq!(code(&ada.changes("bookAppointment", json!({ "holdId": held["id"] })).await), "HOLD_EXPIRED");
    let seen = appointment(&ada, &held["id"]).await;
    assert_eq!(seen["status"], "EXPIRED");
    assert_eq!(seen["history"][1], json!({ "from": "HELD", "to": "EXPIRED", "actor": null }));
}

#[tokio::test]
async fn the_worker_tells_the_world_when_a_hold_is_over() {
    let app = TestApp::start().await;
    let doctor = app.doctor("Dora").await;
    let ada = app.patient("Ada").await;
    let slot = doctor.slots(&app, 1).await[0].clone();
    let mut socket = app.visitor().connects().await;
    let query = format!("subscription {{ slotEvents(doctorIds: [\"{}\"]) {{ kind startsAt heldUntil }} }}", doctor.id);
    socket.subscribes("1", &query, json!({})).await;
    socket.listens().await;
    ada.holds(&slot).await;
    let expected =
        json!({ "kind": "SLOT_HELD", "startsAt": "2026-06-01T09:00:00Z", "heldUntil": "2026-06-01T08:10:00Z" });
    assert_eq!(socket.hears().await["payload"]["data"]["slotEvents"], expected);
    ada.holds(&slot).await;
    assert_eq!(socket.hears().await["payload"]["data"]["slotEvents"], expected, "renewed at the same instant");
    app.passes(TimeDelta::minutes(10));
    app.works().await;
    let expected = json!({ "kind": "SLOT_RELEASED", "startsAt": "2026-06-01T09:00:00Z", "heldUntil": null });
    assert_eq!(socket.hears().await["payload"]["data"]["slotEvents"], expected);
}

#[tokio::test]
async fn a_hold_is_renewed_once_and_let_go_at_will() {
    let app = TestApp::start().await;
    let doctor = app.doctor("Dora").await;
    let (ada, ben) = (app.patient("Ada").await, app.patient("Ben").await);
    let slot = doctor.slots(&app, 1).await[0].clone();
    let held = ada.holds(&slot).await["appointment"].clone();
    app.passes(TimeDelta::minutes(9));
    let renewed = ada.holds(&slot).await["appointment"].clone();
    assert_eq!(
        renewed,
        json!({ "id": held["id"], "status": "HELD", "expiresAt": "2026-06-01T08:19:00Z", "version": 2 })
    );
    assert_eq!(code(&ada.holds(&slot).await), "HOLD_NOT_RENEWABLE");
    assert_eq!(code(&doctor.actor.cancels(&held).await), "FORBIDDEN", "only the patient lets go");
    assert_eq!(code(&ben.cancels(&held).await), "NOT_FOUND");
    assert_eq!(ada.cancels(&held).await["appointment"]["status"], "CANCELLED");
    assert!(ben.books(&slot).await["appointment"].is_object());
}

#[tokio::test]
async fn a_patient_holds_three_slots_at_most_however_many_are_asked_for_at_once() {
    let app = TestApp::start().await;
    let ada = app.patient("Ada").await;
    let mut slots = Vec::new();
    for name in ["Dora", "Emil", "Fay"] {
        slots.extend(app.doctor(name).await.slots(&app, 1).await.into_iter().take(3));
    }
    let payloads = futures_util::future::join_all(slots.iter().map(|slot| ada.holds(slot))).await;
    let held = payloads.iter().filter(|payload| payload["appointment"].is_object()).count();
    let refused = payloads.iter().filter(|payload| payload["userErrors"][0]["code"] == "TOO_MANY_HOLDS").count();
    assert_eq!((held, refused), (3, 6), "{payloads:?}");
    let first = payloads.iter().find(|payload| payload["appointment"].is_object()).unwrap();
    ada.cancels(&first["appointment"]).await;
    assert!(
        ada.holds(&slots[8]).await["appointment"].is_object() || ada.holds(&slots[7]).await["appointment"].is_object()
    );
}

#[tokio::test]
async fn a_clinic_says_how_long_its_slots_are_held() {
    let app = TestApp::start().await;
    let doctor = app.doctor("Dora").await;
    let clinic =
        app.visitor().sees(&format!("{{ doctor(id: \"{}\") {{ clinic {{ id holdMinutes }} }} }}", doctor.id)).await;
    assert_eq!(clinic["doctor"]["clinic"]["holdMinutes"], 10);
    let input = json!({ "id": clinic["doctor"]["clinic"]["id"], "holdMinutes": 3 });
    app.admin.does("updateClinic", "UpdateClinicInput", input, "clinic { holdMinutes }").await;
    let held = app.patient("Ada").await.holds(&doctor.slots(&app, 1).await[0]).await;
    assert_eq!(held["appointment"]["expiresAt"], "2026-06-01T08:03:00Z");
    for minutes in [0, 61] {
        let input = json!({ "id": clinic["doctor"]["clinic"]["id"], "holdMinutes": minutes });
        let refused = app.admin.does("updateClinic", "UpdateClinicInput", input, "clinic { holdMinutes }").await;
        assert_eq!(refused["userErrors"][0]["field"], json!(["holdMinutes"]));
    }
}

#[tokio::test]
async fn more_people_than_there_are_connections_are_served_at_one_doctors() {
    let app = TestApp::start().await;
    let doctor = app.doctor("Dora").await;
    let slots = doctor.slots(&app, 9).await;
    let mut patients = Vec::new();
    for _ in 0..14 {
        patients.push(app.patient("Ada").await);
    }
    let pairs: Vec<_> = slots.iter().take(42).enumerate().map(|(place, slot)| (&patients[place / 3], slot)).collect();
    let payloads = futures_util::future::join_all(pairs.iter().map(|(patient, slot)| patient.holds(slot))).await;
    assert!(payloads.iter().all(|payload| payload["appointment"].is_object()), "{payloads:?}");
    let cancelling = pairs.iter().zip(&payloads).map(|((patient, _), held)| patient.cancels(&held["appointment"]));
    let payloads = futures_util::future::join_all(cancelling).await;
    assert!(payloads.iter().all(|payload| payload["appointment"]["status"] == "CANCELLED"), "{payloads:?}");
    let bookings = pairs.iter().map(|(patient, slot)| patient.books(slot));
    let booked = futures_util::future::join_all(bookings).await;
    let cancelling = pairs.iter().zip(&booked).map(|((patient, _), booked)| patient.cancels(&booked["appointment"]));
    let payloads = futures_util::future::join_all(cancelling).await;
    let answered = payloads.iter().filter(|payload| payload.get("errors").is_none()).count();
    assert_eq!(answered, 42, "{payloads:?}");
}

#[tokio::test]
async fn renewing_never_shortens_a_hold() {
    let app = TestApp::start().await;
    let doctor = app.doctor("Dora").await;
    let ada = app.patient("Ada").await;
    let slot = doctor.slots(&app, 1).await[0].clone();
    let held = ada.holds(&slot).await["appointment"].clone();
    let query = format!("{{ doctor(id: \"{}\") {{ clinic {{ id }} }} }}", doctor.id);
    let clinic = app.visitor().sees(&query).await["doctor"]["clinic"]["id"].clone();
    app.admin
        .does("updateClinic", "UpdateClinicInput", json!({ "id": clinic, "holdMinutes": 1 }), "clinic { id }")
        .await;
    assert_eq!(ada.holds(&slot).await["appointment"]["expiresAt"], held["expiresAt"]);
}

#[tokio::test]
async fn opening_a_form_makes_nobody_known() {
    let app = TestApp::start().await;
    let doctor = app.doctor("Dora").await;
    let ada = app.patient("Ada").await;
    let slots = doctor.slots(&app, 1).await;
    let held = ada.holds(&slots[0]).await["appointment"].clone();
    let book =
        async || doctor.actor.changes("bookAppointment", json!({ "slotId": slots[1], "patientId": ada.id })).await;
    assert_eq!(code(&book().await), "NOT_FOUND");
    ada.cancels(&held).await;
    assert_eq!(code(&book().await), "NOT_FOUND");
    ada.books(&slots[0]).await;
    assert!(book().await["appointment"].is_object());
}
