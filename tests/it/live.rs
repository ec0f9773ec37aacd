//! Watching calendars.

use crate::support::{TestApp, eventually};
use serde_json::{Value, json};
use std::time::Duration;

const WATCH: &str = "subscription ($d: [ID!], $c: ID, $s: ID) { slotEvents(doctorIds: $d, clinicId: $c, specialtyId: $s) { kind doctorId version startsAt endsAt occurredAt doctor { name } } }";

#[tokio::test]
async fn a_watcher_sees_each_change_of_the_doctor_once_and_in_order() {
    let app = TestApp::start().await;
    let (doctor, other) = (app.doctor("Dora").await, app.doctor("Otto").await);
    let ada = app.patient("Ada").await;
    let mut socket = app.visitor().connects().await;
    socket.subscribes("1", WATCH, json!({ "d": [doctor.id] })).await;
    socket.listens().await;
    ada.books(&other.slots(&app, 3).await[7]).await;
    let slots = doctor.slots(&app, 3).await;
    let booked = ada.books(&slots[7]).await;
    ada.cancels(&booked["appointment"]).await;
    doctor.works(json!([])).await;
    let mut events: Vec<Value> = Vec::new();
    for _ in 0..3 {
        events.push(socket.hears().await["payload"]["data"]["slotEvents"].clone());
    }
    assert_eq!(
        events[0],
        json!({ "kind": "SLOT_TAKEN", "doctorId": doctor.id, "version": 3, "startsAt": "2026-06-02T09:30:00Z",
        "endsAt": "2026-06-02T10:00:00Z", "occurredAt": "2026-06-01T08:00:00Z", "doctor": { "name": "Dora" } })
    );
    assert_eq!((&events[1]["kind"], &events[1]["version"]), (&json!("SLOT_RELEASED"), &json!(4)));
    assert_eq!(
        (&events[2]["kind"], &events[2]["version"], &events[2]["startsAt"]),
        (&json!("SCHEDULE_CHANGED"), &json!(5), &json!(null))
    );
    assert!(socket.is_silent(Duration::from_millis(700)).await, "nothing comes twice");
}

#[tokio::test]
async fn whoever_watches_a_clinic_or_a_specialty_hears_of_doctors_who_join_later() {
    let app = TestApp::start().await;
    let (clinic, specialty) = (app.clinic("North").await, app.specialty("Hearts").await);
    let (mut of_clinic, mut of_specialty) = (app.visitor().connects().await, app.visitor().connects().await);
    of_clinic.subscribes("1", WATCH, json!({ "c": clinic })).await;
    of_specialty.subscribes("1", WATCH, json!({ "s": specialty })).await;
    for socket in [&mut of_clinic, &mut of_specialty] {
        socket.listens().await;
    }
    app.doctor("Elsewhere").await;
    let doctor = app.doctor_in("Dora", &clinic, &[&specialty]).await;
    for socket in [&mut of_clinic, &mut of_specialty] {
        let event = socket.hears().await["payload"]["data"]["slotEvents"].clone();
        assert_eq!((&event["doctorId"], &event["version"]), (&json!(doctor.id), &json!(1)));
    }
}

#[tokio::test]
async fn a_subscription_that_is_completed_says_nothing_more() {
    let app = TestApp::start().await;
    let doctor = app.doctor("Dora").await;
    let mut socket = app.visitor().connects().await;
    socket.subscribes("1", WATCH, json!({ "d": [doctor.id] })).await;
    socket.says(json!({ "id": "1", "type": "complete" })).await;
    socket.listens().await;
    doctor.works(json!([])).await;
    assert!(socket.is_silent(Duration::from_millis(700)).await);
}

#[tokio::test]
async fn a_client_who_does_not_keep_up_is_told_to_resume_and_nobody_else_waits() {
    let app = TestApp::start_with(|config| config.limits.queued_events = 2).await;
    let doctor = app.doctor("Dora").await;
    let input = json!({ "doctorId": doctor.id, "bio": "x".repeat(4_000) });
    doctor.actor.does("updateDoctor", "UpdateDoctorInput", input, "doctor { id }").await;
    let long = (0..40).map(|alias| format!("d{alias}: doctor {{ bio }}")).collect::<Vec<_>>().join(" ");
    let watch = |selection: &str| {
        format!(
            "subscription ($d: [ID!], $a: Cursor) {{ slotEvents(doctorIds: $d, after: $a) {{ version cursor {selection} }} }}"
        )
    };
    let mut quick = app.visitor().connects().await;
    quick.watches("1", &watch(""), json!({ "d": [doctor.id] })).await;
    let mut slow = app.visitor().connects().await;
    slow.subscribes("1", &watch(&long), json!({ "d": [doctor.id] })).await;
    slow.listens().await;
    let changes = 70;
    let mut versions = Vec::new();
    for _ in 0..changes {
        doctor.works(json!([])).await;
        versions.push(quick.hears().await["payload"]["data"]["slotEvents"]["version"].as_i64().unwrap());
    }
    let (mut seen, mut cursor) = (Vec::new(), Value::Null);
    let end = loop {
        let message = slow.hears().await;
        if message["type"] == "error" {
            break message["payload"][0]["extensions"]["code"].clone();
        }
        let event = &message["payload"]["data"]["slotEvents"];
        seen.push(event["version"].as_i64().unwrap());
        cursor = event["cursor"].clone();
    };
    assert_eq!(end, "RESUME_REQUIRED");
    assert!(!seen.is_empty() && seen.len() < changes, "{}", seen.len());
    slow.subscribes("1", &watch(""), json!({ "d": [doctor.id], "a": cursor })).await;
    while seen.len() < changes {
        seen.push(slow.hears().await["payload"]["data"]["slotEvents"]["version"].as_i64().unwrap());
    }
    assert_eq!(seen, versions);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_waits_for_an_answer_that_is_made_for_somebody_else() {
    let app = TestApp::start().await;
    let doctor = app.doctor("Dora").await;
    let (ada, ben) = (app.patient("Ada").await, app.patient("Ben").await);
    // Why a doctor is away depends on who asks.
    let watch = "subscription ($d: [ID!]) { slotEvents(doctorIds: $d) { version doctor { availabilityOverrides { reason } } } }";
    let (mut slow, mut quick) = (ada.connects().await, ben.connects().await);
    for socket in [&mut slow, &mut quick] {
        socket.watches("1", watch, json!({ "d": [doctor.id] })).await;
    }
    app.looks_up_slowly(&ada).await;
    for _ in 0..2 {
        doctor.works(json!([])).await;
    }
    for version in [3, 4] {
        assert_eq!(quick.hears().await["payload"]["data"]["slotEvents"]["version"], version);
    }
    assert!(slow.is_silent(Duration::from_millis(10)).await, "the other one has waited for this");
    for version in [3, 4] {
        assert_eq!(slow.hears().await["payload"]["data"]["slotEvents"]["version"], version);
    }
}

#[tokio::test]
async fn what_was_committed_but_never_published_is_published_by_the_relay_and_seen() {
    use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};
    let app = TestApp::start().await;
    let doctor = app.doctor("Dora").await;
    let mut socket = app.visitor().connects().await;
    socket.subscribes("1", WATCH, json!({ "d": [doctor.id] })).await;
    socket.listens().await;
    // A process that died between commit and publication.
    let database = &app.app.services.database;
    let transaction = database.begin().await.unwrap();
    let turn = medislot::calendar::take_turn_in(&transaction, doctor.id.parse().unwrap()).await.unwrap();
    let change = medislot::calendar::Change::ScheduleChanged;
    medislot::calendar::record_in(&transaction, turn, &[change], app.now()).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(
        socket.hears().await["payload"]["data"]["slotEvents"]["version"],
        3,
        "the log is read without any message"
    );
    app.passes(chrono::TimeDelta::seconds(2));
    app.app.start_worker();
    eventually("the relay publishes it", async || {
        let of_doctor = entity::calendar_event::Column::DoctorId.eq(doctor.id.parse::<entity::id::DoctorId>().unwrap());
        let unpublished = entity::calendar_event::Entity::find()
            .filter(of_doctor)
            .filter(entity::calendar_event::Column::Published.eq(false));
        (unpublished.count(database.reader()).await.unwrap() == 0).then_some(())
    })
    .await;
    assert!(socket.is_silent(Duration::from_millis(700)).await, "nobody hears it twice");
}
