//! What was booked: cancelling it, who sees it, and how it comes out.

use crate::support::{TestApp, code};
use chrono::TimeDelta;
use serde_json::{Value, json};

#[tokio::test]
async fn a_patient_cancels_in_time_and_the_time_is_free_again() {
    let app = TestApp::start().await;
    let doctor = app.doctor("Dora").await;
    let ada = app.patient("Ada").await;
    let slots = doctor.slots(&app, 3).await;
    let booked = ada.books(&slots[7]).await["appointment"].clone();
    app.works().await;
    let cancelled = ada.cancels(&booked).await;
    assert_eq!(cancelled["appointment"], json!({ "id": booked["id"], "status": "CANCELLED", "version": 3 }));
    let query = format!(
        "{{ appointment(id: {}) {{ cancelledBy {{ name }} cancellationReason cancellableUntil }} }}",
        booked["id"]
    );
    assert_eq!(
        ada.sees(&query).await["appointment"],
        json!({ "cancelledBy": { "name": "Ada" }, "cancellationReason": "ill", "cancellableUntil": null })
    );
    assert_eq!(code(&ada.cancels(&booked).await), "INVALID_TRANSITION");
    assert!(app.patient("Ben").await.books(&slots[7]).await["appointment"].is_object());
}

#[tokio::test]
async fn the_notice_for_cancelling_counts_to_the_instant_and_binds_patients_alone() {
    let app = TestApp::start().await;
    let mut doctor = app.doctor("Dora").await;
    let mut ada = app.patient("Ada").await;
    let slots = doctor.slots(&app, 3).await;
    let (first, second) =
        (ada.books(&slots[6]).await["appointment"].clone(), ada.books(&slots[7]).await["appointment"].clone());
    app.passes(TimeDelta::hours(1));
    ada.refreshes().await;
    assert_eq!(ada.cancels(&first).await["appointment"]["status"], "CANCELLED", "exactly 24 hours before");
    app.passes(TimeDelta::minutes(30) + TimeDelta::microseconds(1));
    ada.refreshes().await;
    doctor.actor.refreshes().await;
    assert_eq!(code(&ada.cancels(&second).await), "CANCELLATION_WINDOW_PASSED");
    let long = json!({ "appointmentId": second["id"], "reason": "x".repeat(1_001) });
    assert_eq!(
        code(&doctor.actor.does("cancelAppointment", "CancelAppointmentInput", long, "appointment { id }").await),
        "INVALID"
    );
    assert_eq!(doctor.actor.cancels(&second).await["appointment"]["status"], "CANCELLED");
}

#[tokio::test]
async fn a_cancelled_booking_is_not_confirmed() {
    let app = TestApp::start().await;
    let doctor = app.doctor("Dora").await;
    let ada = app.patient("Ada").await;
    let booked = ada.books(&doctor.slots(&app, 3).await[7]).await["appointment"].clone();
    ada.cancels(&booked).await;
    app.works().await;
    assert_eq!(
        ada.sees(&format!("{{ appointment(id: {}) {{ status }} }}", booked["id"])).await["appointment"]["status"],
        "CANCELLED"
    );
}

#[tokio::test]
async fn appointments_are_for_those_whom_they_concern() {
    let app = TestApp::start().await;
    let (doctor, other) = (app.doctor("Dora").await, app.doctor("Otto").await);
    let (ada, ben) = (app.patient("Ada").await, app.patient("Ben").await);
    let clinic = app.visitor().sees(&format!("{{ doctor(id: \"{}\") {{ clinic {{ id }} }} }}", doctor.id)).await["doctor"]["clinic"]["id"].as_str().unwrap().to_owned();
    let (own_admin, other_admin) =
        (app.clinic_admin("Carl", &clinic).await, app.clinic_admin("Cora", &app.clinic("North").await).await);
    let booked = ada.books(&doctor.slots(&app, 3).await[7]).await["appointment"].clone();
    let look = format!("{{ appointment(id: {id}) {{ id }} node(id: {id}) {{ id }} }}", id = booked["id"]);
    let list = "{ appointments { totalCount nodes { id } } }";
    for actor in [&ada, &doctor.actor, &own_admin, &app.admin] {
        assert_eq!(
            actor.sees(&look).await,
            json!({ "appointment": { "id": booked["id"] }, "node": { "id": booked["id"] } })
        );
        assert_eq!(
            actor.sees(list).await["appointments"],
            json!({ "totalCount": 1, "nodes": [{ "id": booked["id"] }] })
        );
    }
    for actor in [&ben, &other.actor, &other_admin] {
        assert_eq!(actor.sees(&look).await, json!({ "appointment": null, "node": null }));
        assert_eq!(actor.sees(list).await["appointments"], json!({ "totalCount": 0, "nodes": [] }));
        assert_eq!(code(&actor.cancels(&booked).await), "NOT_FOUND");
    }
    assert_eq!(app.visitor().sees(&look).await, json!({ "appointment": null, "node": null }));
    assert_eq!(code(&app.visitor().asks(list, json!({})).await), "UNAUTHENTICATED");
    let patient =
        format!("{{ node(id: \"{}\") {{ ... on User {{ name email appointments {{ totalCount }} }} }} }}", ada.id);
    assert_eq!(
        doctor.actor.sees(&patient).await["node"],
        json!({ "name": "Ada", "email": ada.email, "appointments": { "totalCount": 1 } })
    );
    assert_eq!(other.actor.sees(&patient).await, json!({ "node": null }));
}

#[tokio::test]
async fn staff_book_for_patients_whom_they_know_and_patients_for_themselves() {
    let app = TestApp::start().await;
    let (doctor, other) = (app.doctor("Dora").await, app.doctor("Otto").await);
    let (ada, ben) = (app.patient("Ada").await, app.patient("Ben").await);
    let slots = doctor.slots(&app, 3).await;
    ada.books(&slots[7]).await;
    let book = async |actor: &crate::support::Actor, slot: &str, patient: Value| {
        let input = json!({ "slotId": slot, "patientId": patient });
        actor.does("bookAppointment", "BookAppointmentInput", input, "appointment { patient { name } timeZone }").await
    };
    let booked = book(&doctor.actor, &slots[8], json!(ada.id)).await;
    assert_eq!(booked["appointment"], json!({ "patient": { "name": "Ada" }, "timeZone": "Europe/Warsaw" }));
    assert_eq!(code(&book(&doctor.actor, &slots[9], json!(ben.id)).await), "NOT_FOUND");
    assert_eq!(code(&book(&doctor.actor, &slots[9], json!(null)).await), "INVALID");
    assert_eq!(code(&book(&ben, &slots[9], json!(ada.id)).await), "NOT_FOUND");
    assert_eq!(code(&book(&doctor.actor, &other.slots(&app, 3).await[0], json!(ada.id)).await), "FORBIDDEN");
    assert!(book(&app.admin, &slots[9], json!(ben.id)).await["appointment"].is_object());
}

#[tokio::test]
async fn appointments_are_listed_in_the_order_and_with_the_filter_that_is_asked_for() {
    let app = TestApp::start().await;
    let doctor = app.doctor("Dora").await;
    let ada = app.patient("Ada").await;
    let slots = doctor.slots(&app, 4).await;
    for place in [7, 19, 13] {
        ada.books(&slots[place]).await;
        app.passes(TimeDelta::seconds(1));
    }
    let list = async |arguments: &str| {
        let seen = ada
            .sees(&format!("{{ appointments({arguments}) {{ nodes {{ startsAt }} pageInfo {{ endCursor }} }} }}"))
            .await;
        let days: Vec<_> = seen["appointments"]["nodes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|node| node["startsAt"].as_str().unwrap()[8..10].to_owned())
            .collect();
        (days.join(" "), seen["appointments"]["pageInfo"]["endCursor"].clone())
    };
    assert_eq!(list("first: 5").await.0, "02 03 04");
    assert_eq!(list("orderBy: STARTS_AT_DESC").await.0, "04 03 02");
    let (days, cursor) = list("first: 2, orderBy: CREATED_AT_DESC").await;
    assert_eq!(days, "03 04");
    assert_eq!(list(&format!("orderBy: CREATED_AT_DESC, after: {cursor}")).await.0, "02");
    assert_eq!(list("filter: { from: \"2026-06-03T00:00:00Z\", to: \"2026-06-04T00:00:00Z\" }").await.0, "03");
    assert_eq!(list("filter: { statuses: [CANCELLED] }").await.0, "");
}

#[tokio::test]
async fn the_doctor_says_how_a_visit_came_out_once_it_has_begun() {
    let app = TestApp::start().await;
    let (mut doctor, mut other) = (app.doctor("Dora").await, app.doctor("Otto").await);
    let ada = app.patient("Ada").await;
    let slots = doctor.slots(&app, 1).await;
    let (first, second) =
        (ada.books(&slots[0]).await["appointment"].clone(), ada.books(&slots[1]).await["appointment"].clone());
    app.works().await;
    let conclude = async |actor: &crate::support::Actor, mutation: &str, appointment: &Value, version: Option<i32>| {
        let input = json!({ "appointmentId": appointment["id"], "version": version });
        actor.does(mutation, "AppointmentActionInput", input, "appointment { status version history { to } }").await
    };
    assert_eq!(code(&conclude(&doctor.actor, "completeAppointment", &first, None).await), "INVALID_TRANSITION");
    assert_eq!(code(&conclude(&ada, "completeAppointment", &first, None).await), "FORBIDDEN");
    app.passes(TimeDelta::minutes(60));
    doctor.actor.refreshes().await;
    other.actor.refreshes().await;
    assert_eq!(code(&conclude(&other.actor, "markNoShow", &first, None).await), "NOT_FOUND");
    let stale = conclude(&doctor.actor, "completeAppointment", &first, Some(1)).await;
    assert_eq!(
        (code(&stale), stale["userErrors"][0]["__typename"].clone()),
        ("VERSION_CONFLICT".to_owned(), json!("VersionConflict"))
    );
    let completed = conclude(&doctor.actor, "completeAppointment", &first, Some(2)).await;
    assert_eq!(
        completed["appointment"],
        json!({ "status": "COMPLETED", "version": 3, "history": [{ "to": "PENDING" }, { "to": "CONFIRMED" }, { "to": "COMPLETED" }] })
    );
    assert_eq!(code(&conclude(&doctor.actor, "markNoShow", &first, None).await), "INVALID_TRANSITION");
    app.passes(TimeDelta::minutes(30));
    doctor.actor.refreshes().await;
    assert_eq!(conclude(&doctor.actor, "markNoShow", &second, None).await["appointment"]["status"], "NO_SHOW");
    let seen = app.visitor().sees(&format!("{{ doctor(id: \"{}\") {{ calendarVersion }} }}", doctor.id)).await;
    assert_eq!(seen["doctor"]["calendarVersion"], 2 + 2, "nobody's board changed");
}

#[tokio::test]
async fn whoever_saw_an_old_version_is_shown_the_present_one_and_changes_nothing() {
    let app = TestApp::start().await;
    let doctor = app.doctor("Dora").await;
    let ada = app.patient("Ada").await;
    let booked = ada.books(&doctor.slots(&app, 3).await[7]).await["appointment"].clone();
    app.works().await;
    let query = "mutation ($input: CancelAppointmentInput!) { cancelAppointment(input: $input) {
        appointment { status } userErrors { code field ... on VersionConflict { current { status version } } } } }";
    let cancel = async |version: i32| {
        let input = json!({ "appointmentId": booked["id"], "version": version });
        ada.asks(query, json!({ "input": input })).await["data"]["cancelAppointment"].clone()
    };
    let current = json!({ "status": "CONFIRMED", "version": 2 });
    let error = json!({ "code": "VERSION_CONFLICT", "field": ["version"], "current": current });
    assert_eq!(cancel(1).await, json!({ "appointment": null, "userErrors": [error] }));
    assert_eq!(cancel(2).await, json!({ "appointment": { "status": "CANCELLED" }, "userErrors": [] }));
}
