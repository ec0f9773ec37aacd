//! Moving visits, letting them change places, and what giving one up late costs.

use crate::support::{TestApp, code};
use chrono::TimeDelta;
use serde_json::{Value, json};

async fn history(app: &TestApp, id: &Value) -> Value {
    let query = format!(
        "{{ appointment(id: {id}) {{ status history {{ from to reason }} rescheduledTo {{ id }} rescheduledFrom {{ id }} }} }}"
    );
    app.admin.sees(&query).await["appointment"].clone()
}

#[tokio::test]
async fn a_visit_moves_to_another_time_and_both_appointments_know_each_other() {
    let app = TestApp::start().await;
    let doctor = app.doctor("Dora").await;
    let (ada, ben) = (app.patient("Ada").await, app.patient("Ben").await);
    let slots = doctor.slots(&app, 3).await;
    let old = ada.books(&slots[6]).await["appointment"].clone();
    let mut socket = app.visitor().connects().await;
    let query = format!("subscription {{ slotEvents(doctorIds: [\"{}\"]) {{ kind startsAt version }} }}", doctor.id);
    socket.subscribes("1", &query, json!({})).await;
    socket.listens().await;
    let moved = ada.changes("rescheduleAppointment", json!({ "appointmentId": old["id"], "slotId": slots[8] })).await;
    let new = &moved["appointment"];
    assert_eq!((&new["status"], &new["rescheduledFrom"]["id"]), (&json!("PENDING"), &old["id"]), "{moved}");
    assert_ne!(new["reference"], old["reference"]);
    let seen = history(&app, &old["id"]).await;
    assert_eq!(seen["rescheduledTo"]["id"], new["id"]);
    assert_eq!(seen["history"][1], json!({ "from": "PENDING", "to": "CANCELLED", "reason": "rescheduled" }));
    let released = socket.hears().await["payload"]["data"]["slotEvents"].clone();
    let taken = socket.hears().await["payload"]["data"]["slotEvents"].clone();
    assert_eq!((&released["kind"], &taken["kind"]), (&json!("SLOT_RELEASED"), &json!("SLOT_TAKEN")));
    assert_eq!(taken["version"].as_i64().unwrap(), released["version"].as_i64().unwrap() + 1);
    assert!(ben.books(&slots[6]).await["appointment"].is_object(), "the old time is free");
    assert_eq!(code(&ben.books(&slots[8]).await), "SLOT_TAKEN");
    app.works().await;
    assert_eq!(history(&app, &new["id"]).await["status"], "CONFIRMED");
}

#[tokio::test]
async fn a_visit_is_not_in_its_own_way() {
    let app = TestApp::start().await;
    let doctor = app.doctor("Dora").await;
    let ada = app.patient("Ada").await;
    let input = json!({ "doctorId": doctor.id, "name": "Long", "durationMinutes": 60, "stepMinutes": 30 });
    doctor.actor.does("saveVisitType", "SaveVisitTypeInput", input, "doctor { id }").await;
    let book = json!({ "time": { "doctorId": doctor.id, "startsAt": "2026-06-03T09:00:00Z", "durationMinutes": 60 } });
    let old = ada.changes("bookAppointment", book).await["appointment"].clone();
    let query = format!("{{ doctor(id: \"{}\") {{ visitTypes {{ id }} }} }}", doctor.id);
    let visit_type = app.visitor().sees(&query).await["doctor"]["visitTypes"][0]["id"].clone();
    let query = format!(
        "{{ doctor(id: \"{}\") {{ slots(from: \"2026-06-03T09:30:00Z\", to: \"2026-06-03T10:00:00Z\", visitTypeId: {visit_type}, statuses: [BOOKED]) {{ id }} }} }}",
        doctor.id
    );
    let slot = app.visitor().sees(&query).await["doctor"]["slots"][0]["id"].clone();
    let moved = ada.changes("rescheduleAppointment", json!({ "appointmentId": old["id"], "slotId": slot })).await;
    assert_eq!(moved["appointment"]["startsAt"], "2026-06-03T09:30:00Z", "{moved}");
}

#[tokio::test]
async fn a_visit_moves_to_another_doctor_and_onto_ones_own_hold() {
    let app = TestApp::start().await;
    let (dora, emil) = (app.doctor("Dora").await, app.doctor("Emil").await);
    let ada = app.patient("Ada").await;
    let old = ada.books(&dora.slots(&app, 3).await[6]).await["appointment"].clone();
    let target = emil.slots(&app, 3).await[7].clone();
    let hold = ada.holds(&target).await["appointment"].clone();
    let moved = ada.changes("rescheduleAppointment", json!({ "appointmentId": old["id"], "slotId": target })).await;
    assert_eq!(moved["appointment"]["id"], hold["id"], "{moved}");
    assert_eq!(
        (&moved["appointment"]["doctor"]["name"], &moved["appointment"]["status"]),
        (&json!("Emil"), &json!("PENDING"))
    );
    assert_eq!(moved["appointment"]["rescheduledFrom"]["id"], old["id"]);
    // A doctor may not put visits into another's calendar.
    let stranger = dora.slots(&app, 3).await[6].clone();
    let forbidden = json!({ "appointmentId": hold["id"], "slotId": stranger });
    assert_eq!(code(&emil.actor.changes("rescheduleAppointment", forbidden).await), "FORBIDDEN");
}

#[tokio::test]
async fn what_cannot_move_stays_where_it_is() {
    let app = TestApp::start().await;
    let doctor = app.doctor("Dora").await;
    let (mut ada, ben) = (app.patient("Ada").await, app.patient("Ben").await);
    let slots = doctor.slots(&app, 3).await;
    let old = ada.books(&slots[6]).await["appointment"].clone();
    ben.books(&slots[7]).await;
    let reschedule =
        async |who: &crate::support::Actor, input: Value| who.changes("rescheduleAppointment", input).await;
    let lost = reschedule(&ada, json!({ "appointmentId": old["id"], "slotId": slots[7] })).await;
    assert_eq!(lost["userErrors"][0]["__typename"], "SlotUnavailable");
    assert_eq!(code(&lost), "SLOT_TAKEN");
    let foreign = json!({ "appointmentId": old["id"], "slotId": slots[8] });
    assert_eq!(code(&reschedule(&ben, foreign.clone()).await), "NOT_FOUND");
    let stale = json!({ "appointmentId": old["id"], "slotId": slots[8], "version": 7 });
    let conflict = reschedule(&ada, stale).await;
    assert_eq!(
        (&conflict["userErrors"][0]["__typename"], &*code(&conflict)),
        (&json!("VersionConflict"), "VERSION_CONFLICT")
    );
    let seen = history(&app, &old["id"]).await;
    assert_eq!(
        (&seen["status"], seen["history"].as_array().unwrap().len()),
        (&json!("PENDING"), 1),
        "nothing was written"
    );
    let other = ada.holds(&slots[9]).await["appointment"].clone();
    let of_hold = json!({ "appointmentId": other["id"], "slotId": slots[8] });
    assert_eq!(code(&reschedule(&ada, of_hold).await), "INVALID_TRANSITION");
    app.passes(TimeDelta::hours(2));
    ada.refreshes().await;
    assert_eq!(code(&reschedule(&ada, foreign).await), "CANCELLATION_WINDOW_PASSED");
}

#[tokio::test]
async fn two_visits_change_places_or_neither_moves() {
    let app = TestApp::start().await;
    let clinic = app.clinic("Clinic").await;
    let specialty = app.specialty("Cardiology").await;
    let dora = app.doctor_in("Dora", &clinic, &[&specialty]).await;
    let emil = app.doctor_in("Emil", &clinic, &[&specialty]).await;
    let admin = app.clinic_admin("Anna", &clinic).await;
    let (ada, ben) = (app.patient("Ada").await, app.patient("Ben").await);
    let first = ada.books(&dora.slots(&app, 1).await[0]).await["appointment"].clone();
    let second = ben.books(&emil.slots(&app, 1).await[3]).await["appointment"].clone();
    let swap = async |who: &crate::support::Actor, input: Value| {
        let place = "{ id status startsAt doctor { name } patient { name } rescheduledFrom { id } }";
        who.does("swapAppointments", "SwapAppointmentsInput", input, &format!("first {place} second {place}")).await
    };
    let input = json!({ "firstId": first["id"], "secondId": second["id"], "reason": "a favour", "firstVersion": 1, "secondVersion": 1 });
    assert_eq!(code(&swap(&ada, input.clone()).await), "FORBIDDEN");
    assert_eq!(code(&swap(&dora.actor, input.clone()).await), "NOT_FOUND", "a doctor sees only one of them");
    let itself = json!({ "firstId": first["id"], "secondId": first["id"], "reason": "why" });
    assert_eq!(swap(&admin, itself).await["userErrors"][0]["field"], json!(["secondId"]));
    let stale = json!({ "firstId": first["id"], "secondId": second["id"], "reason": "why", "secondVersion": 9 });
    assert_eq!(code(&swap(&admin, stale).await), "VERSION_CONFLICT");
    assert_eq!(history(&app, &first["id"]).await["status"], "PENDING", "neither moved");
    let swapped = swap(&admin, input).await;
    let place = |appointment: &Value| {
        (appointment["patient"]["name"].clone(), appointment["doctor"]["name"].clone(), appointment["startsAt"].clone())
    };
    assert_eq!(place(&swapped["first"]), (json!("Ada"), json!("Emil"), json!("2026-06-01T10:30:00Z")), "{swapped}");
    assert_eq!(place(&swapped["second"]), (json!("Ben"), json!("Dora"), json!("2026-06-01T09:00:00Z")));
    assert_eq!(swapped["first"]["rescheduledFrom"]["id"], first["id"]);
    let seen = history(&app, &first["id"]).await;
    assert_eq!(seen["history"][1], json!({ "from": "PENDING", "to": "CANCELLED", "reason": "a favour" }));
    let again = json!({ "firstId": first["id"], "secondId": second["id"], "reason": "why" });
    assert_eq!(code(&swap(&admin, again).await), "INVALID_TRANSITION");
}

#[tokio::test]
async fn under_a_fee_policy_a_late_cancellation_costs_what_the_clinic_says() {
    let app = TestApp::start().await;
    let doctor = app.doctor("Dora").await;
    let clinic = app.visitor().sees(&format!("{{ doctor(id: \"{}\") {{ clinic {{ id }} }} }}", doctor.id)).await;
    let id = &clinic["doctor"]["clinic"]["id"];
    let update = async |input: Value| {
        app.admin
            .does(
                "updateClinic",
                "UpdateClinicInput",
                input,
                "clinic { cancellationPolicy cancellationFee { amount currency } }",
            )
            .await
    };
    let without = update(json!({ "id": id, "cancellationPolicy": "FEE" })).await;
    assert_eq!(without["userErrors"][0]["field"], json!(["cancellationFee"]));
    let fee = json!({ "amount": 2500, "currency": "EUR" });
    let set = update(json!({ "id": id, "cancellationPolicy": "FEE", "cancellationFee": fee })).await;
    assert_eq!(set["clinic"], json!({ "cancellationPolicy": "FEE", "cancellationFee": fee }));
    let (mut ada, ben) = (app.patient("Ada").await, app.patient("Ben").await);
    let slots = doctor.slots(&app, 3).await;
    let (late, early) =
        (ada.books(&slots[0]).await["appointment"].clone(), ada.books(&slots[8]).await["appointment"].clone());
    let staff = ben.books(&slots[1]).await["appointment"].clone();
    let begun = ada.books(&slots[2]).await["appointment"].clone();
    let cancel = |appointment: &Value| json!({ "appointmentId": appointment["id"] });
    assert_eq!(ada.changes("cancelAppointment", cancel(&early)).await["appointment"]["cancellationFee"], json!(null));
    let cancelled = ada.changes("cancelAppointment", cancel(&late)).await;
    assert_eq!(
        (&cancelled["appointment"]["status"], &cancelled["appointment"]["cancellationFee"]),
        (&json!("CANCELLED"), &fee)
    );
    let by_staff = doctor.actor.changes("cancelAppointment", cancel(&staff)).await;
    assert_eq!(by_staff["appointment"]["cancellationFee"], json!(null), "{by_staff}");
    app.passes(TimeDelta::hours(2));
    ada.refreshes().await;
    assert_eq!(code(&ada.changes("cancelAppointment", cancel(&begun)).await), "CANCELLATION_WINDOW_PASSED");
}

#[tokio::test]
async fn an_admin_books_outside_of_hours_with_a_reason_and_never_over_another_claim() {
    let app = TestApp::start().await;
    let mut doctor = app.doctor("Dora").await;
    let ada = app.patient("Ada").await;
    let book = async |start: &str, reason: Value| {
        let input = json!({ "time": { "doctorId": doctor.id, "startsAt": start }, "patientId": ada.id, "override": true, "overrideReason": reason });
        app.admin.changes("bookAppointment", input).await
    };
    let booked = book("2026-06-01T20:10:00Z", json!("an emergency")).await;
    assert_eq!(booked["appointment"]["startsAt"], "2026-06-01T20:10:00Z", "{booked}");
    assert_eq!(history(&app, &booked["appointment"]["id"]).await["history"][0]["reason"], "an emergency");
    assert_eq!(code(&book("2026-06-01T20:20:00Z", json!("another")).await), "SLOT_TAKEN");
    assert_eq!(code(&book("2026-06-01T07:00:00Z", json!("yesterday")).await), "TOO_LATE");
    assert_eq!(code(&book("2026-06-01T21:00:30Z", json!("half a minute")).await), "INVALID");
    for nothing in [json!(null), json!(" ")] {
        assert_eq!(book("2026-06-01T21:00:00Z", nothing).await["userErrors"][0]["field"], json!(["overrideReason"]));
    }
    assert!(book("2029-06-01T21:00:00Z", json!("far ahead")).await["appointment"].is_object());
    let input = json!({ "time": { "doctorId": doctor.id, "startsAt": "2026-06-01T21:00:00Z" }, "patientId": ada.id, "override": true, "overrideReason": "me" });
    doctor.actor.refreshes().await;
    assert_eq!(code(&doctor.actor.changes("bookAppointment", input).await), "FORBIDDEN");
    app.admin
        .does("deactivateDoctor", "DeactivateDoctorInput", json!({ "doctorId": doctor.id }), "doctor { id }")
        .await;
    assert_eq!(code(&book("2026-06-01T21:00:00Z", json!("inactive")).await), "SLOT_UNAVAILABLE");
}
