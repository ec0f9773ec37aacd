//! Booking.

use crate::support::{TestApp, code, eventually};
use chrono::TimeDelta;
use serde_json::{Value, json};

#[tokio::test]
async fn a_patient_books_and_the_worker_confirms() {
    let app = TestApp::start().await;
    let doctor = app.doctor("Dora").await;
    let ada = app.patient("Ada").await;
    let input = json!({ "slotId": doctor.slots(&app, 1).await[0], "notes": "the knee" });
    let selection = "appointment { id reference status startsAt endsAt timeZone notes version cancellableUntil doctor { name } patient { name email } clinic { name } visitType { id } }";
    let booked = ada.does("bookAppointment", "BookAppointmentInput", input, selection).await;
    let appointment = &booked["appointment"];
    assert_eq!(appointment["status"], "PENDING", "{booked}");
    assert_eq!(appointment["timeZone"], "Europe/Warsaw");
    assert_eq!(appointment["notes"], "the knee");
    assert_eq!(appointment["cancellableUntil"], "2026-05-31T09:00:00Z");
    assert_eq!(appointment["patient"], json!({ "name": "Ada", "email": ada.email }));
    assert_eq!(appointment["reference"].as_str().unwrap().len(), 8);
    app.works().await;
    let query = format!(
        "{{ appointment(id: {}) {{ status version history {{ from to actor {{ name email }} reason }} }} }}",
        appointment["id"]
    );
    assert_eq!(
        ada.sees(&query).await["appointment"],
        json!({ "status": "CONFIRMED", "version": 2, "history": [
        { "from": null, "to": "PENDING", "actor": { "name": "Ada", "email": ada.email }, "reason": null },
        { "from": "PENDING", "to": "CONFIRMED", "actor": null, "reason": null },
    ] })
    );
    let by_reference = format!(
        "{{ appointment(reference: \"{}\") {{ id }} }}",
        appointment["reference"].as_str().unwrap().to_lowercase()
    );
    assert_eq!(ada.sees(&by_reference).await["appointment"]["id"], appointment["id"]);
}

#[tokio::test]
async fn a_running_worker_confirms_within_a_second() {
    let app = TestApp::start().await;
    app.app.start_worker();
    let doctor = app.doctor("Dora").await;
    let ada = app.patient("Ada").await;
    let booked = ada.books(&doctor.slots(&app, 1).await[0]).await;
    let begun = std::time::Instant::now();
    eventually("the booking is confirmed", async || {
        let seen = ada.sees(&format!("{{ appointment(id: {}) {{ status }} }}", booked["appointment"]["id"])).await;
        (seen["appointment"]["status"] == "CONFIRMED").then_some(())
    })
    .await;
    assert!(begun.elapsed() < std::time::Duration::from_secs(1), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_slot_is_booked_once_and_the_second_learns_what_is_free_instead() {
    let app = TestApp::start().await;
    let doctor = app.doctor("Dora").await;
    let (ada, ben) = (app.patient("Ada").await, app.patient("Ben").await);
    let slots = doctor.slots(&app, 1).await;
    ada.books(&slots[0]).await;
    let input = json!({ "slotId": slots[0] });
    let query = "mutation ($input: BookAppointmentInput!) { bookAppointment(input: $input) { appointment { id }
        userErrors { __typename code field message ... on SlotUnavailable { alternatives { id status } } } } }";
    let lost = ben.asks(query, json!({ "input": input })).await["data"]["bookAppointment"].clone();
    assert_eq!(lost["appointment"], json!(null));
    let error = &lost["userErrors"][0];
    assert_eq!(
        (&error["__typename"], &error["code"], &error["field"]),
        (&json!("SlotUnavailable"), &json!("SLOT_TAKEN"), &json!(["slotId"]))
    );
    let alternatives: Vec<_> =
        error["alternatives"].as_array().unwrap().iter().map(|slot| slot["id"].as_str().unwrap()).collect();
    assert_eq!(alternatives, slots[1..6]);
}

#[tokio::test]
async fn who_loses_a_doctors_last_slot_is_shown_colleagues_of_the_same_specialty_in_the_same_clinic() {
    let app = TestApp::start().await;
    let (clinic, elsewhere) = (app.clinic("Here").await, app.clinic("Elsewhere").await);
    let (skin, heart) = (app.specialty("Dermatology").await, app.specialty("Cardiology").await);
    let dora = app.doctor_in("Dora", &clinic, &[&skin, &heart]).await;
    let emil = app.doctor_in("Emil", &clinic, &[&heart]).await;
    app.doctor_in("Fay", &elsewhere, &[&heart]).await;
    let only = json!({ "weekday": "MONDAY", "startTime": "09:00", "endTime": "09:30", "slotMinutes": 30, "effectiveUntil": "2026-06-01" });
    dora.works(json!([only])).await;
    let (ada, ben) = (app.patient("Ada").await, app.patient("Ben").await);
    let slot = dora.slots(&app, 1).await[0].clone();
    ada.books(&slot).await;
    // A search waits until the process knows all calendars; a loser does not.
    ben.sees("{ slots(first: 1, filter: {}) { nodes { id } } }").await;
    let query = "mutation ($input: BookAppointmentInput!) { bookAppointment(input: $input) {
        userErrors { code ... on SlotUnavailable { alternatives { id } } } } }";
    let lost = ben.asks(query, json!({ "input": { "slotId": slot } })).await["data"]["bookAppointment"].clone();
    let alternatives = lost["userErrors"][0]["alternatives"].as_array().unwrap().iter();
    let alternatives: Vec<_> = alternatives.map(|slot| slot["id"].as_str().unwrap()).collect();
    assert_eq!(alternatives, emil.slots(&app, 1).await[..5], "{lost}");
}

#[tokio::test]
async fn a_visit_keeps_the_time_that_it_needs_pauses_included() {
    let app = TestApp::start().await;
    let doctor = app.doctor("Dora").await;
    let ada = app.patient("Ada").await;
    let input = json!({ "doctorId": doctor.id, "name": "Long", "durationMinutes": 60, "stepMinutes": 30, "bufferBeforeMinutes": 10, "bufferAfterMinutes": 20 });
    let made = doctor.actor.does("saveVisitType", "SaveVisitTypeInput", input, "doctor { visitTypes { id } }").await;
    let time = json!({ "doctorId": doctor.id, "startsAt": "2026-06-01T10:00:00Z", "visitTypeId": made["doctor"]["visitTypes"][0]["id"] });
    let booked = ada
        .does(
            "bookAppointment",
            "BookAppointmentInput",
            json!({ "time": time }),
            "appointment { endsAt visitType { name } }",
        )
        .await;
    assert_eq!(booked["appointment"], json!({ "endsAt": "2026-06-01T11:00:00Z", "visitType": { "name": "Long" } }));
    let open = app.visitor().sees(&format!("{{ doctor(id: \"{}\") {{ slots(from: \"2026-06-01T09:00:00Z\", to: \"2026-06-01T12:00:00Z\") {{ startsAt }} }} }}", doctor.id)).await;
    assert_eq!(
        open["doctor"]["slots"],
        json!([{ "startsAt": "2026-06-01T09:00:00Z" }, { "startsAt": "2026-06-01T11:30:00Z" }])
    );
    let settings = json!({ "doctorId": doctor.id, "bufferMinutes": 60 });
    doctor.actor.does("updateDoctor", "UpdateDoctorInput", settings, "doctor { id }").await;
    let taken = ada
        .does(
            "bookAppointment",
            "BookAppointmentInput",
            json!({ "time": { "doctorId": doctor.id, "startsAt": "2026-06-01T09:00:00Z" } }),
            "appointment { id }",
        )
        .await;
    assert_eq!(code(&taken), "SLOT_TAKEN", "with the longer pause it would run into the visit at ten");
}

#[tokio::test]
async fn what_cannot_be_booked_says_why() {
    let app = TestApp::start().await;
    let doctor = app.doctor("Dora").await;
    let mut ada = app.patient("Ada").await;
    let slots = doctor.slots(&app, 2).await;
    let patient = ada.clone();
    let at = async |starts_at: &str, more: Value| {
        let mut time = json!({ "doctorId": doctor.id, "startsAt": starts_at });
        time.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        patient.does("bookAppointment", "BookAppointmentInput", json!({ "time": time }), "appointment { id }").await
    };
    assert_eq!(code(&at("2026-05-31T09:00:00Z", json!({})).await), "TOO_LATE");
    assert_eq!(code(&at("2026-06-02T09:10:00Z", json!({})).await), "SLOT_UNAVAILABLE");
    assert_eq!(code(&at("2026-06-02T09:00:00.5Z", json!({})).await), "SLOT_UNAVAILABLE");
    assert_eq!(code(&at("2026-08-20T09:00:00Z", json!({})).await), "TOO_FAR_AHEAD");
    assert_eq!(code(&at("9999-12-31T23:59:59Z", json!({})).await), "SLOT_UNAVAILABLE");
    assert_eq!(
        code(&at("2026-06-02T09:00:00Z", json!({ "durationMinutes": 45 })).await),
        "SLOT_UNAVAILABLE",
        "no length that is offered"
    );
    assert_eq!(code(&at("2026-06-02T09:00:00Z", json!({ "durationMinutes": 1 })).await), "INVALID");
    assert_eq!(code(&at("2026-06-02T09:00:00Z", json!({ "visitTypeId": "nonsense" })).await), "NOT_FOUND");
    app.passes(TimeDelta::hours(2));
    ada.refreshes().await;
    assert_eq!(code(&ada.books(&slots[0]).await), "TOO_LATE");
    for unknown in ["nonsense", "", "slot_AAAA", &doctor.id, "slot_AAAAAGoddMAAAAAeAZ6BdKn4cXqM_rYcTCVUMg"] {
        let refused = ada.books(unknown).await;
        assert_eq!(
            (code(&refused), refused["userErrors"][0]["field"].clone()),
            ("NOT_FOUND".to_owned(), json!(["slotId"])),
            "{unknown}"
        );
    }
    let mut admin = app.admin.clone();
    admin.refreshes().await;
    admin.does("deactivateDoctor", "DeactivateDoctorInput", json!({ "doctorId": doctor.id }), "doctor { id }").await;
    assert_eq!(code(&ada.books(&slots[8]).await), "SLOT_UNAVAILABLE");
    assert_eq!(admin.sees("{ appointments { totalCount } }").await["appointments"]["totalCount"], 0);
}

#[tokio::test]
async fn inputs_that_make_no_sense_are_refused() {
    let app = TestApp::start().await;
    let doctor = app.doctor("Dora").await;
    let ada = app.patient("Ada").await;
    let slot = doctor.slots(&app, 1).await[0].clone();
    let book =
        async |input: Value| ada.does("bookAppointment", "BookAppointmentInput", input, "appointment { id }").await;
    let time = json!({ "doctorId": doctor.id, "startsAt": "2026-06-01T09:00:00Z" });
    assert_eq!(code(&book(json!({})).await), "INVALID");
    assert_eq!(code(&book(json!({ "slotId": slot, "time": time })).await), "INVALID");
    assert_eq!(code(&book(json!({ "slotId": slot, "notes": "x".repeat(4_001) })).await), "INVALID");
    assert_eq!(code(&book(json!({ "slotId": slot, "notes": "nul \u{0}" })).await), "INVALID");
    assert_eq!(code(&book(json!({ "slotId": slot, "timeZone": "Nowhere" })).await), "BAD_USER_INPUT");
    assert_eq!(code(&book(json!({ "slotId": slot, "holdId": "x" })).await), "INVALID");
    assert_eq!(code(&book(json!({ "holdId": "x" })).await), "NOT_FOUND");
    let nobody = entity::id::DoctorId::new().to_string();
    let nothing = entity::id::VisitTypeId::new().to_string();
    for (doctor_id, visit_type_id, field) in [
        (&nobody, None, "doctorId"),
        (&doctor.id, Some(&*nothing), "visitTypeId"),
        (&doctor.id, Some("x"), "visitTypeId"),
    ] {
        let time = json!({ "doctorId": doctor_id, "visitTypeId": visit_type_id, "startsAt": "2026-06-01T09:00:00Z" });
        let unknown = book(json!({ "time": time })).await;
        assert_eq!((&*code(&unknown), &unknown["userErrors"][0]["field"]), ("NOT_FOUND", &json!(["time", field])));
    }
    assert_eq!(code(&book(json!({ "slotId": slot, "overrideReason": "because" })).await), "INVALID");
    assert_eq!(
        code(&book(json!({ "slotId": slot, "override": true, "overrideReason": "because" })).await),
        "FORBIDDEN"
    );
    assert_eq!(code(&book(json!({ "slotId": slot, "idempotencyKey": "" })).await), "INVALID");
    assert_eq!(code(&book(json!({ "slotId": slot, "idempotencyKey": "k".repeat(256) })).await), "INVALID");
    assert_eq!(code(&book(json!({ "slotId": slot, "idempotencyKey": "nul \u{0}" })).await), "INVALID");
    let visitor = app.visitor().books(&slot).await;
    assert_eq!(code(&visitor), "UNAUTHENTICATED");
    assert!(book(json!({ "slotId": slot, "notes": "x".repeat(4_000) })).await["appointment"].is_object());
}
