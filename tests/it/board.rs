//! The live board.

use crate::support::{Socket, TestApp};
use chrono::TimeDelta;
use serde_json::{Value, json};
use std::{collections::BTreeMap, time::Duration};

const WATCH: &str = "subscription ($d: [ID!], $from: DateTime!, $to: DateTime!, $v: ID, $a: Cursor) { slotBoard(doctorIds: $d, from: $from, to: $to, visitTypeId: $v, after: $a)
    { cursor kind doctorId version slots { id startsAt status heldUntil } removedSlotIds } }";

/// From now on for a day: the six slots from nine to noon.
fn today(doctors: &[&str]) -> Value {
    json!({ "d": doctors, "from": "2026-06-01T08:00:00Z", "to": "2026-06-02T08:00:00Z" })
}

async fn message(socket: &mut Socket) -> Value {
    let message = socket.hears().await;
    assert_eq!(message["type"], "next", "{message}");
    message["payload"]["data"]["slotBoard"].clone()
}

/// The states of the slots of a message, by their time.
fn states(message: &Value) -> BTreeMap<String, String> {
    let slots = message["slots"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    slots.iter().map(|slot| (text(&slot["startsAt"])[11..16].to_owned(), text(&slot["status"]))).collect()
}

#[tokio::test]
async fn a_board_comes_whole_and_then_changes_by_all_that_a_booking_overlaps() {
    let app = TestApp::start().await;
    let doctor = app.doctor("Dora").await;
    let input = json!({ "doctorId": doctor.id, "name": "Long", "durationMinutes": 60 });
    let saved = doctor.actor.does("saveVisitType", "SaveVisitTypeInput", input, "doctor { visitTypes { id } }").await;
    let long = saved["doctor"]["visitTypes"][0]["id"].clone();
    let mut socket = app.visitor().connects().await;
    socket.subscribes("1", WATCH, today(&[&doctor.id])).await;
    let snapshot = message(&mut socket).await;
    assert_eq!((&snapshot["kind"], &snapshot["version"]), (&json!("SNAPSHOT"), &json!(3)));
    assert_eq!(states(&snapshot).len(), 6);
    assert!(states(&snapshot).values().all(|state| state == "OPEN"));
    let ada = app.patient("Ada").await;
    let time = json!({ "doctorId": doctor.id, "startsAt": "2026-06-01T09:00:00Z", "visitTypeId": long });
    let booked = ada
        .does("bookAppointment", "BookAppointmentInput", json!({ "time": time }), "appointment { id version }")
        .await;
    let change = message(&mut socket).await;
    assert_eq!((&change["kind"], &change["version"]), (&json!("CHANGE"), &json!(4)));
    let expected = [("09:00", "BOOKED"), ("09:30", "BOOKED")].map(|(time, state)| (time.to_owned(), state.to_owned()));
    assert_eq!(states(&change), expected.into());
    // It is too late for her, so the doctor does.
    doctor.actor.cancels(&booked["appointment"]).await;
    let change = message(&mut socket).await;
    assert_eq!(states(&change).into_values().collect::<Vec<_>>(), ["OPEN", "OPEN"]);
    // A change of hours takes away and adds.
    doctor.works(json!([{ "weekday": "MONDAY", "startTime": "11:00", "endTime": "13:00", "slotMinutes": 30 }])).await;
    let change = message(&mut socket).await;
    assert_eq!(change["removedSlotIds"].as_array().unwrap().len(), 4);
    assert_eq!(states(&change).into_keys().collect::<Vec<_>>(), ["12:00", "12:30"]);
    // What changes nothing on this board sends nothing.
    app.patient("Bob").await.books(&doctor.slots(&app, 14).await[6]).await;
    assert!(socket.is_silent(Duration::from_millis(800)).await);
}

#[tokio::test]
async fn holds_come_with_their_end_and_time_alone_changes_the_board() {
    let app = TestApp::start().await;
    let doctor = app.doctor("Dora").await;
    let slots = doctor.slots(&app, 1).await;
    let mut socket = app.visitor().connects().await;
    socket.subscribes("1", WATCH, today(&[&doctor.id])).await;
    message(&mut socket).await;
    let ada = app.patient("Ada").await;
    ada.does("holdSlot", "HoldSlotInput", json!({ "slotId": slots[5] }), "appointment { id }").await;
    let change = message(&mut socket).await;
    let slot = &change["slots"][0];
    assert_eq!((&slot["status"], &slot["heldUntil"]), (&json!("HELD"), &json!("2026-06-01T08:10:00Z")));
    // Whoever joins sees it too.
    let mut late = app.visitor().connects().await;
    late.subscribes("1", WATCH, today(&[&doctor.id])).await;
    assert_eq!(message(&mut late).await["slots"][5]["heldUntil"], "2026-06-01T08:10:00Z");
    app.passes(TimeDelta::minutes(10));
    for socket in [&mut socket, &mut late] {
        let change = message(socket).await;
        assert_eq!(
            change["slots"],
            json!([{ "id": slots[5], "startsAt": "2026-06-01T11:30:00Z", "status": "OPEN", "heldUntil": null }])
        );
    }
    app.passes(TimeDelta::minutes(51));
    let change = message(&mut socket).await;
    assert_eq!((&change["removedSlotIds"], &change["slots"]), (&json!([slots[0]]), &json!([])));
}

#[tokio::test]
async fn whoever_comes_back_gets_a_snapshot_of_what_changed_and_the_passing_of_time_for_the_rest() {
    let app = TestApp::start().await;
    let (doctor, other) = (app.doctor("Dora").await, app.doctor("Otto").await);
    let both = today(&[&doctor.id, &other.id]);
    let mut socket = app.visitor().connects().await;
    socket.subscribes("1", WATCH, both.clone()).await;
    let half = message(&mut socket).await;
    let whole = message(&mut socket).await;
    assert!(half["kind"] == "SNAPSHOT" && whole["kind"] == "SNAPSHOT");
    drop(socket);
    app.passes(TimeDelta::minutes(65));
    let free = doctor.slots(&app, 1).await;
    app.patient("Ada").await.books(&free[2]).await;
    let resume = async |cursor: &Value| {
        let mut socket = app.visitor().connects().await;
        let mut variables = both.clone();
        variables["a"] = cursor.clone();
        socket.subscribes("1", WATCH, variables).await;
        let messages = [message(&mut socket).await, message(&mut socket).await];
        messages.map(|message| (message["doctorId"].as_str().unwrap().to_owned(), message))
    };
    let messages: BTreeMap<_, _> = resume(&whole["cursor"]).await.into();
    let (changed, passed) = (&messages[&doctor.id], &messages[&other.id]);
    assert_eq!(changed["kind"], "SNAPSHOT");
    assert_eq!(states(changed).into_values().filter(|state| state == "BOOKED").count(), 1);
    assert_eq!((&passed["kind"], &passed["slots"]), (&json!("CHANGE"), &json!([])));
    assert_eq!(passed["removedSlotIds"].as_array().unwrap().len(), 1);
    // Who was interrupted in the middle of the first picture gets all of it.
    assert!(resume(&half["cursor"]).await.iter().all(|(_, message)| message["kind"] == "SNAPSHOT"));
}

#[tokio::test]
async fn a_doctor_who_left_meanwhile_has_nothing_on_the_board_any_more() {
    let app = TestApp::start().await;
    let (hearts, skins) = (app.specialty("Hearts").await, app.specialty("Skins").await);
    let clinic = app.clinic("North").await;
    let leaving = app.doctor_in("Dora", &clinic, &[&hearts]).await;
    app.doctor_in("Otto", &clinic, &[&hearts]).await;
    let watch = "subscription ($s: ID, $from: DateTime!, $to: DateTime!, $a: Cursor) { slotBoard(specialtyId: $s, from: $from, to: $to, after: $a)
        { cursor kind doctorId version slots { id } removedSlotIds } }";
    let watching = |cursor: &Value| json!({ "s": hearts, "from": "2026-06-01T08:00:00Z", "to": "2026-06-02T08:00:00Z", "a": cursor });
    let mut socket = app.visitor().connects().await;
    socket.subscribes("1", watch, watching(&Value::Null)).await;
    let cursors = [message(&mut socket).await, message(&mut socket).await].map(|message| message["cursor"].clone());
    drop(socket);
    let input = json!({ "doctorId": leaving.id, "specialtyIds": [skins] });
    app.admin.does("updateDoctor", "UpdateDoctorInput", input, "doctor { id }").await;
    // Also for those who were interrupted in the middle of the first picture.
    for cursor in cursors {
        let mut socket = app.visitor().connects().await;
        socket.subscribes("1", watch, watching(&cursor)).await;
        let messages = [message(&mut socket).await, message(&mut socket).await];
        let left = messages.iter().find(|message| message["doctorId"] == leaving.id.as_str()).unwrap();
        assert_eq!((&left["kind"], &left["version"]), (&json!("SNAPSHOT"), &json!(3)));
        assert_eq!(left["slots"], json!([]));
    }
}

#[tokio::test]
async fn a_board_is_of_somebody_and_not_endless() {
    let app = TestApp::start().await;
    let doctor = app.doctor("Dora").await;
    let mut socket = app.visitor().connects().await;
    let unknown = json!({ "d": ["doctor_01h455vb4pex5vsknk084sn02q"], "from": "2026-06-01T08:00:00Z", "to": "2026-06-02T08:00:00Z" });
    let long = json!({ "d": [doctor.id], "from": "2026-06-01T08:00:00Z", "to": "2026-07-03T08:00:00Z" });
    let inverted = json!({ "d": [doctor.id], "from": "2026-06-01T08:00:00Z", "to": "2026-06-01T08:00:00Z" });
    for (variables, code) in [(unknown, "NOT_FOUND"), (long, "BAD_USER_INPUT"), (inverted, "BAD_USER_INPUT")] {
        socket.subscribes("1", WATCH, variables).await;
        let error = socket.hears().await;
        assert_eq!(error["payload"][0]["extensions"]["code"], code, "{error}");
    }
}

#[tokio::test]
async fn whoever_comes_after_time_has_passed_sees_the_board_as_it_is_by_then() {
    let app = TestApp::start().await;
    let doctor = app.doctor("Dora").await;
    let mut first = app.visitor().connects().await;
    first.subscribes("1", WATCH, today(&[&doctor.id])).await;
    assert_eq!(states(&message(&mut first).await).len(), 6);
    app.passes(TimeDelta::minutes(61));
    assert_eq!(message(&mut first).await["removedSlotIds"].as_array().unwrap().len(), 1);
    let mut second = app.visitor().connects().await;
    second.subscribes("1", WATCH, today(&[&doctor.id])).await;
    assert_eq!(states(&message(&mut second).await).len(), 5);
}
