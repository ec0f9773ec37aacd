//! Watching one's own appointments.

use crate::support::{Actor, Socket, TestApp};
use serde_json::{Value, json};
use std::time::Duration;

const WATCH: &str = "subscription ($a: Cursor) { appointmentEvents(after: $a) { cursor appointment { id status patient { name } } transition { from to reason actor { name } } } }";

async fn watches(actor: &Actor, after: Value) -> Socket {
    let mut socket = actor.connects().await;
    if after.is_null() && actor.token.is_some() {
        socket.watches("1", WATCH, json!({ "a": after })).await;
    } else {
        socket.subscribes("1", WATCH, json!({ "a": after })).await;
    }
    socket
}

async fn event(socket: &mut Socket) -> Value {
    let message = socket.hears().await;
    assert_eq!(message["type"], "next", "{message}");
    message["payload"]["data"]["appointmentEvents"].clone()
}

#[tokio::test]
async fn patient_doctor_and_admins_hear_of_what_is_theirs_and_others_of_nothing() {
    let app = TestApp::start().await;
    let doctor = app.doctor("Dora").await;
    let (ada, bob) = (app.patient("Ada").await, app.patient("Bob").await);
    let mut others = watches(&bob, Value::Null).await;
    let mut theirs = [
        watches(&ada, Value::Null).await,
        watches(&doctor.actor, Value::Null).await,
        watches(&app.admin, Value::Null).await,
    ];
    let booked = ada.books(&doctor.slots(&app, 3).await[7]).await["appointment"].clone();
    app.works().await;
    ada.cancels(&json!({ "id": booked["id"] })).await;
    for socket in &mut theirs {
        let mut steps = Vec::new();
        for _ in 0..3 {
            let event = event(socket).await;
            assert_eq!(
                (&event["appointment"]["id"], &event["appointment"]["patient"]["name"]),
                (&booked["id"], &json!("Ada"))
            );
            steps.push(event["transition"].clone());
        }
        assert_eq!(steps[0], json!({ "from": null, "to": "PENDING", "reason": null, "actor": { "name": "Ada" } }));
        assert_eq!(steps[1], json!({ "from": "PENDING", "to": "CONFIRMED", "reason": null, "actor": null }));
        assert_eq!(
            steps[2],
            json!({ "from": "CONFIRMED", "to": "CANCELLED", "reason": "ill", "actor": { "name": "Ada" } })
        );
    }
    assert!(others.is_silent(Duration::from_millis(700)).await);
}

#[tokio::test]
async fn whoever_comes_back_hears_what_was_missed_once() {
    let app = TestApp::start().await;
    let doctor = app.doctor("Dora").await;
    let ada = app.patient("Ada").await;
    let slots = doctor.slots(&app, 3).await;
    let mut socket = watches(&ada, Value::Null).await;
    ada.books(&slots[7]).await;
    let mut cursor = event(&mut socket).await["cursor"].clone();
    drop(socket);
    ada.books(&slots[8]).await;
    ada.books(&slots[9]).await;
    let mut seen = Vec::new();
    for _ in 0..2 {
        let mut socket = watches(&ada, cursor).await;
        let event = event(&mut socket).await;
        seen.push(event["appointment"]["id"].clone());
        cursor = event["cursor"].clone();
    }
    assert_ne!(seen[0], seen[1]);
    let mut socket = watches(&ada, cursor).await;
    assert!(socket.is_silent(Duration::from_millis(700)).await);
    app.works().await;
    for _ in 0..3 {
        assert_eq!(event(&mut socket).await["transition"]["to"], "CONFIRMED");
    }
}

#[tokio::test]
async fn a_session_that_has_ended_hears_nothing_more_and_a_visitor_never_does() {
    let app = TestApp::start().await;
    let doctor = app.doctor("Dora").await;
    let mut ada = app.patient("Ada").await;
    let mut socket = watches(&ada, Value::Null).await;
    ada.does("logout", "LogoutInput", json!({}), "").await;
    let email = ada.email.clone();
    ada.signs_in(&email).await;
    ada.books(&doctor.slots(&app, 3).await[7]).await;
    let (heard, code) = socket.hears_until_closed().await;
    assert_eq!(code, 4403);
    assert!(heard.iter().all(|message| message["type"] != "next"), "{heard:?}");
    let mut visitor = watches(&app.visitor(), Value::Null).await;
    let end = visitor.hears().await;
    assert_eq!(end["payload"][0]["extensions"]["code"], "UNAUTHENTICATED", "{end}");
}
