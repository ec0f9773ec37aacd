//! Looking for a free time.

use crate::support::{TestApp, code, codes, starts};
use chrono::TimeDelta;
use serde_json::{Value, json};

#[tokio::test]
async fn a_visitor_sees_the_slots_of_a_doctor_with_their_statuses() {
    let app = TestApp::start().await;
    let doctor = app.doctor("Dora").await;
    let ada = app.patient("Ada").await;
    ada.books(&doctor.slots(&app, 1).await[1]).await;
    let query = "query ($id: ID!, $s: [SlotStatus!]) { doctor(id: $id) { nextSlots(first: 2) { startsAt }
        slots(from: \"2026-06-01T00:00:00Z\", to: \"2026-06-02T00:00:00Z\", statuses: $s) { startsAt endsAt status doctor { name } visitType { id } } } }";
    let open = app.visitor().asks(query, json!({ "id": doctor.id })).await["data"]["doctor"].clone();
    assert_eq!(starts(&open["slots"]), ["06-01T09:00", "06-01T10:00", "06-01T10:30", "06-01T11:00", "06-01T11:30"]);
    assert_eq!(starts(&open["nextSlots"]), ["06-01T09:00", "06-01T10:00"]);
    assert_eq!(
        open["slots"][0],
        json!({ "startsAt": "2026-06-01T09:00:00Z", "endsAt": "2026-06-01T09:30:00Z", "status": "OPEN", "doctor": { "name": "Dora" }, "visitType": null })
    );
    let booked = app.visitor().asks(query, json!({ "id": doctor.id, "s": ["BOOKED"] })).await;
    assert_eq!(starts(&booked["data"]["doctor"]["slots"]), ["06-01T09:30"]);
}

#[tokio::test]
async fn the_past_is_not_offered() {
    let app = TestApp::start().await;
    let doctor = app.doctor("Dora").await;
    app.passes(TimeDelta::minutes(150));
    assert_eq!(doctor.slots(&app, 1).await.len(), 3 + 3, "the rest of today, and tomorrow until half past ten");
}

#[tokio::test]
async fn the_next_slots_are_found_however_far_away_they_are() {
    let app = TestApp::start().await;
    let doctor = app.doctor("Dora").await;
    let rule = |from| json!({ "weekday": "MONDAY", "startTime": "09:00", "endTime": "09:30", "effectiveFrom": from });
    doctor.works(json!([rule("2026-07-20")])).await;
    let seen = app.visitor().sees(&format!("{{ doctor(id: \"{}\") {{ nextSlots {{ startsAt }} }} }}", doctor.id)).await;
    assert_eq!(starts(&seen["doctor"]["nextSlots"]), ["07-20T09:00", "07-27T09:00"], "within the horizon of 60 days");
}

#[tokio::test]
async fn a_visit_type_has_its_own_grid_and_a_duration_may_be_asked_for_instead() {
    let app = TestApp::start().await;
    let doctor = app.doctor("Dora").await;
    let input = json!({ "doctorId": doctor.id, "name": "Long", "durationMinutes": 60, "stepMinutes": 45 });
    let made = doctor.actor.does("saveVisitType", "SaveVisitTypeInput", input, "doctor { visitTypes { id } }").await;
    let visit_type = made["doctor"]["visitTypes"][0]["id"].clone();
    let slots = async |arguments: String| {
        let query = format!(
            "{{ doctor(id: \"{}\") {{ slots(from: \"2026-06-02T00:00:00Z\", to: \"2026-06-03T00:00:00Z\", {arguments}) {{ startsAt visitType {{ name }} }} }} }}",
            doctor.id
        );
        app.visitor().asks(&query, json!({})).await
    };
    let long = slots(format!("visitTypeId: {visit_type}")).await;
    assert_eq!(starts(&long["data"]["doctor"]["slots"]), ["06-02T09:00", "06-02T09:45", "06-02T10:30"]);
    assert_eq!(long["data"]["doctor"]["slots"][0]["visitType"]["name"], "Long");
    let lasting = slots("durationMinutes: 50".to_owned()).await;
    assert_eq!(starts(&lasting["data"]["doctor"]["slots"]), ["06-02T09:00", "06-02T09:50", "06-02T10:40"]);
    assert_eq!(code(&slots(format!("durationMinutes: 50, visitTypeId: {visit_type}")).await), "BAD_USER_INPUT");
    assert_eq!(code(&slots("durationMinutes: 4".to_owned()).await), "BAD_USER_INPUT");
    let other = app.doctor("Otto").await;
    let foreign = format!("{{ doctor(id: \"{}\") {{ nextSlots(visitTypeId: {visit_type}) {{ id }} }} }}", other.id);
    assert_eq!(app.visitor().sees(&foreign).await["doctor"]["nextSlots"], json!([]));
}

#[tokio::test]
async fn ranges_that_make_no_sense_are_refused() {
    let app = TestApp::start().await;
    let doctor = app.doctor("Dora").await;
    for (from, to) in [
        ("2026-06-02T00:00:00Z", "2026-06-01T00:00:00Z"),
        ("2026-06-02T00:00:00Z", "2026-06-02T00:00:00Z"),
        ("2026-06-01T00:00:00Z", "2026-08-02T00:00:01Z"),
        ("2026-02-30T00:00:00Z", "2026-03-02T00:00:00Z"),
        ("2026-06-01T25:00:00Z", "2026-06-02T00:00:00Z"),
        ("0000-01-01T00:00:00Z", "0000-01-02T00:00:00Z"),
        ("tomorrow", "later"),
    ] {
        let query = format!("{{ doctor(id: \"{}\") {{ slots(from: \"{from}\", to: \"{to}\") {{ id }} }} }}", doctor.id);
        assert_eq!(codes(&app.visitor().asks(&query, json!({})).await)[0], "BAD_USER_INPUT", "{from}");
        let query = format!("{{ slots(filter: {{ from: \"{from}\", to: \"{to}\" }}) {{ nodes {{ id }} }} }}");
        assert_eq!(codes(&app.visitor().asks(&query, json!({})).await)[0], "BAD_USER_INPUT", "{from}");
    }
    let far = format!(
        "{{ doctor(id: \"{}\") {{ slots(from: \"9999-12-30T00:00:00Z\", to: \"9999-12-31T00:00:00Z\") {{ id }} }} }}",
        doctor.id
    );
    assert_eq!(app.visitor().sees(&far).await["doctor"]["slots"], json!([]));
}

#[tokio::test]
async fn the_earliest_slots_over_all_doctors_come_page_by_page_while_others_book() {
    let app = TestApp::start().await;
    let clinic = app.clinic("North").await;
    let hearts = app.specialty("Hearts").await;
    let doctors = [app.doctor_in("Dora", &clinic, &[&hearts]).await, app.doctor_in("Otto", &clinic, &[&hearts]).await];
    app.doctor("Elsewhere").await;
    let page = async |after: Value| {
        let query = "query ($f: SlotFilter!, $after: String) { slots(first: 3, after: $after, filter: $f) { nodes { startsAt doctor { id } } pageInfo { endCursor hasNextPage } } }";
        let variables = json!({ "f": { "specialtyId": hearts, "clinicId": clinic }, "after": after });
        app.visitor().asks(query, variables).await["data"]["slots"].clone()
    };
    let first = page(json!(null)).await;
    assert_eq!(starts(&first["nodes"]), ["06-01T09:00", "06-01T09:00", "06-01T09:30"]);
    assert_eq!(first["nodes"][0]["doctor"]["id"], doctors[0].id, "of one start, by doctor");
    app.patient("Ada").await.books(&doctors[1].slots(&app, 1).await[1]).await;
    let second = page(first["pageInfo"]["endCursor"].clone()).await;
    assert_eq!(starts(&second["nodes"]), ["06-01T10:00", "06-01T10:00", "06-01T10:30"]);
    let one = app
        .visitor()
        .asks(
            "query ($f: SlotFilter!) { slots(first: 100, filter: $f) { nodes { startsAt } pageInfo { hasNextPage } } }",
            json!({ "f": { "doctorId": doctors[0].id, "to": "2026-06-03T00:00:00Z" } }),
        )
        .await;
    assert_eq!(one["data"]["slots"]["nodes"].as_array().unwrap().len(), 12);
    assert_eq!(one["data"]["slots"]["pageInfo"]["hasNextPage"], false);
    let nobody = app
        .visitor()
        .asks(
            "query ($f: SlotFilter!) { slots(filter: $f) { nodes { id } } }",
            json!({ "f": { "doctorId": "nonsense" } }),
        )
        .await;
    assert_eq!(nobody["data"]["slots"]["nodes"], json!([]));
}

#[tokio::test]
async fn a_slot_keeps_its_id_and_is_null_when_it_is_no_longer_offered() {
    let app = TestApp::start().await;
    let doctor = app.doctor("Dora").await;
    let slot = doctor.slots(&app, 1).await[0].clone();
    let look = async || {
        app.visitor().asks("query ($id: ID!) { slot(id: $id) { id status startsAt } }", json!({ "id": slot })).await["data"]["slot"].clone()
    };
    assert_eq!(look().await, json!({ "id": slot, "status": "OPEN", "startsAt": "2026-06-01T09:00:00Z" }));
    app.patient("Ada").await.books(&slot).await;
    assert_eq!(look().await["status"], "BOOKED");
    doctor.works(json!([])).await;
    assert_eq!(look().await, json!(null));
}

#[tokio::test]
async fn every_rule_against_a_time_is_told_and_the_next_one_that_is_free() {
    let app = TestApp::start().await;
    let doctor = app.doctor("Dora").await;
    let settings = json!({ "doctorId": doctor.id, "minNoticeMinutes": 90, "maxAdvanceDays": 10 });
    doctor.actor.does("updateDoctor", "UpdateDoctorInput", settings, "doctor { id }").await;
    let ada = app.patient("Ada").await;
    ada.books(&doctor.slots(&app, 2).await[6]).await;
    doctor.adds_override(json!({ "doctorId": doctor.id, "date": "2026-06-03", "kind": "BLOCK" })).await;
    let why = async |starts_at: &str, more: &str| {
        let query = format!(
            "{{ whyUnavailable(doctorId: \"{}\", startsAt: \"{starts_at}\"{more}) {{ reasons {{ rule minutes }} nextOpen {{ startsAt }} }} }}",
            doctor.id
        );
        let seen = app.visitor().sees(&query).await["whyUnavailable"].clone();
        let rules: Vec<_> = seen["reasons"]
            .as_array()
            .unwrap()
            .iter()
            .map(|reason| {
                let minutes = reason["minutes"].as_i64().map(|minutes| format!("({minutes})")).unwrap_or_default();
                format!("{}{minutes}", reason["rule"].as_str().unwrap())
            })
            .collect();
        (
            rules.join(" "),
            seen["nextOpen"]["startsAt"].as_str().map(|start| start[5..16].to_owned()).unwrap_or_default(),
        )
    };
    let told = |rules: &str, next: &str| (rules.to_owned(), next.to_owned());
    assert_eq!(why("2026-06-02T10:00:00Z", "").await, told("", "06-02T10:00"));
    assert_eq!(why("2026-06-01T09:00:00Z", "").await, told("NOTICE(30)", "06-01T09:30"));
    assert_eq!(why("2026-06-02T09:30:00Z", "").await, told("TAKEN", "06-02T10:00"));
    assert_eq!(why("2026-06-02T10:10:00Z", "").await, told("OFF_GRID", "06-02T10:30"));
    assert_eq!(why("2026-06-03T13:00:00Z", "").await, told("OUTSIDE_HOURS BLOCKED", "06-04T09:00"));
    assert_eq!(why("2026-06-12T09:00:00Z", "").await, told("HORIZON", ""));
    assert_eq!(why("2026-06-02T10:30:00Z", ", durationMinutes: 45").await, told("DURATION", "06-02T10:30"));
    let query = format!(
        "{{ whyUnavailable(doctorId: \"{}\", startsAt: \"2026-06-02T10:30:00Z\", durationMinutes: 45) {{ nextOpen {{ endsAt }} }} }}",
        doctor.id
    );
    let next = app.visitor().sees(&query).await["whyUnavailable"]["nextOpen"].clone();
    assert_eq!(next["endsAt"], "2026-06-02T11:00:00Z", "one that can be booked");
    let buffer = json!({ "doctorId": doctor.id, "bufferMinutes": 15 });
    doctor.actor.does("updateDoctor", "UpdateDoctorInput", buffer, "doctor { id }").await;
    assert_eq!(why("2026-06-02T09:00:00Z", "").await, told("TOO_CLOSE(15)", "06-02T10:30"));
    app.admin
        .does("deactivateDoctor", "DeactivateDoctorInput", json!({ "doctorId": doctor.id }), "doctor { id }")
        .await;
    assert_eq!(why("2026-06-02T10:30:00Z", "").await, told("INACTIVE", ""));
    let missing = app
        .visitor()
        .asks(
            "{ whyUnavailable(doctorId: \"nonsense\", startsAt: \"2026-06-02T09:00:00Z\") { reasons { rule } } }",
            json!({}),
        )
        .await;
    assert_eq!(code(&missing), "NOT_FOUND");
}

#[tokio::test]
async fn a_slot_that_begins_in_this_second_is_offered_and_can_be_booked_but_not_between_two_starts() {
    let app = TestApp::start().await;
    let doctor = app.doctor("Dora").await;
    app.passes(TimeDelta::hours(1) + TimeDelta::milliseconds(500));
    let ada = app.patient("Ada").await;
    let time = json!({ "doctorId": doctor.id, "startsAt": "2026-06-01T09:30:00.000001Z" });
    let between =
        ada.does("bookAppointment", "BookAppointmentInput", json!({ "time": time }), "appointment { id }").await;
    assert_eq!(code(&between), "SLOT_UNAVAILABLE");
    let query = format!(
        "{{ doctor(id: \"{}\") {{ slots(from: \"2026-06-01T09:00:00.000001Z\", to: \"2026-06-01T10:00:00Z\") {{ startsAt }} nextSlots(first: null) {{ startsAt }} }} }}",
        doctor.id
    );
    let earliest = ada.sees("{ slots(first: 3, filter: {}) { nodes { startsAt } } }").await["slots"]["nodes"].clone();
    assert_eq!(starts(&earliest), ["06-01T09:00", "06-01T09:30", "06-01T10:00"]);
    let seen = ada.sees(&query).await["doctor"].clone();
    assert_eq!(starts(&seen["slots"]), ["06-01T09:30"]);
    assert_eq!(starts(&seen["nextSlots"]), ["06-01T09:00", "06-01T09:30", "06-01T10:00"]);
    assert!(ada.books(&doctor.slots(&app, 1).await[0]).await["appointment"].is_object());
}
