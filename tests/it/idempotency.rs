//! The same wish, however often it arrives, is done once.

use crate::support::{Actor, TestApp, code};
use chrono::TimeDelta;
use futures_util::future::join_all;
use sea_orm::{EntityTrait, PaginatorTrait};
use serde_json::{Value, json};

async fn appointments(app: &TestApp) -> u64 {
    entity::appointment::Entity::find().count(app.app.services.database.reader()).await.unwrap()
}

#[tokio::test]
async fn fifty_attempts_with_one_key_at_once_make_one_booking_and_are_answered_alike() {
    let app = TestApp::start().await;
    let doctor = app.doctor("Dora").await;
    let ada = app.patient("Ada").await;
    let slots = doctor.slots(&app, 1).await;
    for (mutation, slot) in [("bookAppointment", &slots[0]), ("holdSlot", &slots[1])] {
        let input = json!({ "slotId": slot, "idempotencyKey": format!("key of {mutation}") });
        let answers = join_all((0..50).map(|_| ada.changes(mutation, input.clone()))).await;
        let first = answers[0]["appointment"]["id"].clone();
        assert!(first.is_string(), "{}", answers[0]);
        for answer in &answers {
            assert_eq!(answer["appointment"]["id"], first, "{answer}");
        }
    }
    assert_eq!(appointments(&app).await, 2);
}

#[tokio::test]
async fn every_mutation_that_takes_a_key_is_done_once_and_answers_its_twins_with_the_present_state() {
    let app = TestApp::start().await;
    let doctor = app.doctor("Dora").await;
    let ada = app.patient("Ada").await;
    let slots = doctor.slots(&app, 4).await;
    let often = async |who: &Actor, mutation: &str, mut input: Value| {
        input["idempotencyKey"] = json!(format!("{mutation} once"));
        let answers = join_all((0..50).map(|_| who.changes(mutation, input.clone()))).await;
        assert!(answers[0]["appointment"].is_object(), "{mutation}: {}", answers[0]);
        for answer in &answers {
            assert_eq!(answer, &answers[0], "{mutation}");
        }
        (answers[0]["appointment"].clone(), input)
    };
    let (held, _) = often(&ada, "holdSlot", json!({ "slotId": slots[6] })).await;
    assert_eq!(held["version"], 1, "a twin renews nothing");
    let (booked, input) = often(&ada, "bookAppointment", json!({ "holdId": held["id"] })).await;
    app.works().await;
    let later = ada.changes("bookAppointment", input).await;
    assert_eq!((&later["appointment"]["id"], &later["appointment"]["status"]), (&booked["id"], &json!("CONFIRMED")));
    let (moved, _) =
        often(&ada, "rescheduleAppointment", json!({ "appointmentId": booked["id"], "slotId": slots[7] })).await;
    let other = ada.books(&slots[8]).await["appointment"].clone();
    let swap =
        json!({ "firstId": moved["id"], "secondId": other["id"], "reason": "why", "idempotencyKey": "swap once" });
    let swap = async || {
        doctor.actor.does("swapAppointments", "SwapAppointmentsInput", swap.clone(), "first { id } second { id }").await
    };
    let all_swapped = join_all((0..50).map(|_| swap())).await;
    let swapped = &all_swapped[0];
    assert!(swapped["first"].is_object(), "{swapped}");
    assert!(all_swapped.iter().all(|other| other == swapped), "{all_swapped:?}");
    let (cancelled, _) = often(&ada, "cancelAppointment", json!({ "appointmentId": swapped["first"]["id"] })).await;
    assert_eq!(cancelled["status"], "CANCELLED");
}

#[tokio::test]
async fn a_key_is_for_one_wish_of_one_user_for_a_day() {
    let app = TestApp::start().await;
    let doctor = app.doctor("Dora").await;
    let (mut ada, ben) = (app.patient("Ada").await, app.patient("Ben").await);
    let slots = doctor.slots(&app, 3).await;
    let book = async |who: &Actor, slot: &str, notes: &str| {
        who.changes("bookAppointment", json!({ "slotId": slot, "notes": notes, "idempotencyKey": "mine" })).await
    };
    let booked = book(&ada, &slots[0], "the knee").await["appointment"]["id"].clone();
    for reused in [book(&ada, &slots[1], "the knee").await, book(&ada, &slots[0], "the foot").await] {
        assert_eq!(code(&reused), "IDEMPOTENCY_KEY_REUSED");
        assert_eq!(reused["userErrors"][0]["field"], json!(["idempotencyKey"]));
    }
    let hold = ada.changes("holdSlot", json!({ "slotId": slots[2], "idempotencyKey": "mine" })).await;
    assert_eq!(code(&hold), "IDEMPOTENCY_KEY_REUSED");
    assert!(book(&ben, &slots[1], "").await["appointment"].is_object(), "another user's key is another key");
    assert_eq!(book(&ada, &slots[0], "the knee").await["appointment"]["id"], booked);
    app.passes(TimeDelta::hours(24) - TimeDelta::microseconds(1));
    ada.refreshes().await;
    assert_eq!(book(&ada, &slots[0], "the knee").await["appointment"]["id"], booked);
    app.passes(TimeDelta::microseconds(1));
    let anew = book(&ada, &slots[12], "the knee").await;
    assert!(anew["appointment"].is_object() && anew["appointment"]["id"] != booked, "{anew}");
}

#[tokio::test]
async fn what_changed_nothing_is_not_remembered() {
    let app = TestApp::start().await;
    let doctor = app.doctor("Dora").await;
    let (ada, ben) = (app.patient("Ada").await, app.patient("Ben").await);
    let slot = doctor.slots(&app, 3).await[7].clone();
    let taken = ben.books(&slot).await["appointment"].clone();
    let input = json!({ "slotId": slot, "idempotencyKey": "again" });
    assert_eq!(code(&ada.changes("bookAppointment", input.clone()).await), "SLOT_TAKEN");
    ben.cancels(&taken).await;
    assert!(ada.changes("bookAppointment", input).await["appointment"].is_object());
}
