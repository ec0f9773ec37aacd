//! The earliest times of many doctors, and lists by them.

use crate::support::{Actor, Doctor, TestApp, code, codes, eventually};
use chrono::TimeDelta;
use serde_json::{Value, json};

/// Three doctors of one clinic: Anna's mornings of this week are booked until Wednesday, Ben's are free, Cleo has no hours.
async fn three_doctors(app: &TestApp) -> (String, [Doctor; 3]) {
    let clinic = app.clinic("North").await;
    let hearts = app.specialty("Hearts").await;
    let make = async |name| app.doctor_in(name, &clinic, &[&hearts]).await;
    let doctors = [make("Anna").await, make("Ben").await, make("Cleo").await];
    let patient = app.patient("Ada").await;
    for slot in doctors[0].slots(app, 2).await {
        assert!(patient.books(&slot).await["appointment"].is_object());
    }
    doctors[2].works(json!([])).await;
    (clinic, doctors)
}

fn names(page: &Value) -> Vec<&str> {
    page["nodes"].as_array().unwrap().iter().map(|doctor| doctor["name"].as_str().unwrap()).collect()
}

/// Asks until all that has happened is known: events take a moment.
async fn finds(actor: &Actor, query: &str, expected: &[&str], place: &[&str]) {
    eventually(&format!("{query} finds {expected:?}"), async || {
        let seen = actor.sees(query).await;
        let page = place.iter().fold(&seen, |seen, field| &seen[field]);
        (names(page) == expected).then_some(())
    })
    .await;
}

#[tokio::test]
async fn doctors_are_listed_by_their_next_slot_and_those_without_one_come_last() {
    let app = TestApp::start().await;
    let (clinic, doctors) = three_doctors(&app).await;
    let visitor = app.visitor();
    finds(&visitor, "{ doctors(orderBy: NEXT_AVAILABLE) { nodes { name } } }", &["Ben", "Anna", "Cleo"], &["doctors"])
        .await;
    for (doctors, place) in [
        ("clinics { nodes { doctors(orderBy: NEXT_AVAILABLE) { totalCount nodes { name } } } }", "clinics"),
        ("specialties { nodes { doctors(orderBy: NEXT_AVAILABLE) { totalCount nodes { name } } } }", "specialties"),
    ] {
        let seen = visitor.sees(&format!("{{ {doctors} }}")).await;
        let list = &seen[place]["nodes"][0]["doctors"];
        assert_eq!((names(list), &list["totalCount"]), (vec!["Ben", "Anna", "Cleo"], &json!(3)));
    }
    let page = async |arguments: String| {
        let query = format!(
            "{{ doctors(orderBy: NEXT_AVAILABLE, {arguments}) {{ totalCount nodes {{ name }} pageInfo {{ startCursor endCursor hasNextPage hasPreviousPage }} }} }}"
        );
        visitor.sees(&query).await["doctors"].clone()
    };
    let first = page("first: 1".to_owned()).await;
    assert_eq!((names(&first), &first["pageInfo"]["hasNextPage"]), (vec!["Ben"], &json!(true)));
    // Ben's first slot is taken meanwhile; that moves him, and nobody else.
    app.patient("Ada").await.books(&doctors[1].slots(&app, 1).await[0]).await;
    let rest = page(format!("first: 2, after: {}", first["pageInfo"]["endCursor"])).await;
    // He is seen again where that is known already, and nobody is left out either way.
    assert!([vec!["Ben", "Anna"], vec!["Anna", "Cleo"]].contains(&names(&rest)), "{rest}");
    let last = page("last: 2".to_owned()).await;
    assert_eq!((names(&last), &last["totalCount"]), (vec!["Anna", "Cleo"], &json!(3)));
    let before = page(format!("last: 2, before: {}", last["pageInfo"]["startCursor"])).await;
    assert_eq!((names(&before), &before["pageInfo"]["hasPreviousPage"]), (vec!["Ben"], &json!(false)));
    let searched = page(format!("filter: {{ clinicId: \"{clinic}\", search: \"e\" }}")).await;
    assert_eq!(names(&searched), ["Ben", "Cleo"]);
}

#[tokio::test]
async fn doctors_who_are_free_soon_are_found_in_either_order() {
    let app = TestApp::start().await;
    let (clinic, doctors) = three_doctors(&app).await;
    let visitor = app.visitor();
    for order in ["NAME", "NEXT_AVAILABLE"] {
        let query = |before: &str| {
            format!(
                "{{ doctors(orderBy: {order}, filter: {{ availableBefore: \"{before}\" }}) {{ totalCount nodes {{ name }} }} }}"
            )
        };
        finds(&visitor, &query("2026-06-03T09:00:00Z"), &["Ben"], &["doctors"]).await;
        let both = if order == "NAME" { ["Anna", "Ben"] } else { ["Ben", "Anna"] };
        finds(&visitor, &query("2026-06-03T09:00:01Z"), &both, &["doctors"]).await;
        finds(&visitor, &query("2026-06-01T08:00:00Z"), &[], &["doctors"]).await;
        let seen = visitor.sees(&query("2026-06-03T09:00:01Z")).await;
        assert_eq!(seen["doctors"]["totalCount"], 2);
        let in_clinic = format!(
            "{{ clinic(id: \"{clinic}\") {{ doctors(orderBy: {order}, filter: {{ availableBefore: \"2026-06-02T00:00:00Z\" }}) {{ nodes {{ name }} }} }} }}"
        );
        finds(&visitor, &in_clinic, &["Ben"], &["clinic", "doctors"]).await;
    }
    app.admin
        .does("deactivateDoctor", "DeactivateDoctorInput", json!({ "doctorId": doctors[1].id }), "doctor { id }")
        .await;
    finds(&visitor, "{ doctors(orderBy: NEXT_AVAILABLE) { nodes { name } } }", &["Anna", "Cleo"], &["doctors"]).await;
}

#[tokio::test]
async fn slots_of_all_doctors_are_found_by_duration_visit_type_and_status() {
    let app = TestApp::start().await;
    let (_, doctors) = three_doctors(&app).await;
    let search = async |filter: Value| {
        let query = "query ($f: SlotFilter!) { slots(first: 2, filter: $f) { nodes { startsAt status doctor { name } visitType { name } } } }";
        let found = app.visitor().asks(query, json!({ "f": filter })).await;
        let nodes = found["data"]["slots"]["nodes"].as_array().unwrap_or_else(|| panic!("{found}")).clone();
        let slot = |slot: Value| {
            format!(
                "{} {} {}",
                &slot["startsAt"].as_str().unwrap()[8..16],
                slot["doctor"]["name"].as_str().unwrap(),
                slot["status"].as_str().unwrap()
            )
        };
        nodes.into_iter().map(slot).collect::<Vec<_>>()
    };
    let finds = async |filter: Value, expected: [&str; 2]| {
        eventually(&format!("{filter} finds {expected:?}"), async || {
            (search(filter.clone()).await == expected).then_some(())
        })
        .await;
    };
    finds(json!({}), ["01T09:00 Ben OPEN", "01T09:30 Ben OPEN"]).await;
    finds(json!({ "durationMinutes": 90 }), ["01T09:00 Ben OPEN", "01T10:30 Ben OPEN"]).await;
    finds(json!({ "statuses": ["BOOKED"] }), ["01T09:00 Anna BOOKED", "01T09:30 Anna BOOKED"]).await;
    finds(json!({ "statuses": ["OPEN", "BOOKED"] }), ["01T09:00 Anna BOOKED", "01T09:00 Ben OPEN"]).await;
    finds(json!({ "from": "2026-06-03T10:45:00Z" }), ["03T11:00 Anna OPEN", "03T11:00 Ben OPEN"]).await;
    let input = json!({ "doctorId": doctors[0].id, "name": "Long", "durationMinutes": 60 });
    let made =
        doctors[0].actor.does("saveVisitType", "SaveVisitTypeInput", input, "doctor { visitTypes { id } }").await;
    let visit_type = made["doctor"]["visitTypes"][0]["id"].clone();
    finds(json!({ "visitTypeId": visit_type }), ["03T09:00 Anna OPEN", "03T10:00 Anna OPEN"]).await;
    assert!(search(json!({ "visitTypeId": visit_type, "doctorId": doctors[1].id })).await.is_empty());
    app.passes(TimeDelta::minutes(75));
    finds(json!({}), ["01T09:30 Ben OPEN", "01T10:00 Ben OPEN"]).await;
}

#[tokio::test]
async fn a_held_slot_is_shown_to_nobody_as_anybodys_and_is_free_again_when_time_is_up_without_a_worker() {
    let app = TestApp::start().await;
    let doctor = app.doctor("Dora").await;
    let ada = app.patient("Ada").await;
    let slot = doctor.slots(&app, 1).await[0].clone();
    ada.holds(&slot).await;
    let look = async || {
        let query = "query ($id: ID!) { slot(id: $id) { status heldUntil } }";
        app.visitor().asks(query, json!({ "id": slot })).await["data"]["slot"].clone()
    };
    assert_eq!(look().await, json!({ "status": "HELD", "heldUntil": "2026-06-01T08:10:00Z" }));
    let earliest = async || {
        app.visitor().sees("{ slots(first: 1, filter: {}) { nodes { id } } }").await["slots"]["nodes"][0]["id"].clone()
    };
    eventually("the hold is known", async || (earliest().await != json!(slot)).then_some(())).await;
    app.passes(TimeDelta::minutes(10));
    assert_eq!(look().await, json!({ "status": "OPEN", "heldUntil": null }));
    assert_eq!(earliest().await, json!(slot));
}

#[tokio::test]
async fn input_that_makes_no_sense_is_refused_with_its_path_and_nothing_is_written() {
    let app = TestApp::start().await;
    let (doctor, other) = (app.doctor("Dora").await, app.doctor("Otto").await);
    let save = async |actor: &Actor, input: Value| {
        actor.does("saveVisitType", "SaveVisitTypeInput", input, "doctor { visitTypes { id } }").await
    };
    let visit = json!({ "doctorId": other.id, "name": "Check-up", "durationMinutes": 30 });
    let foreign = save(&other.actor, visit).await["doctor"]["visitTypes"][0]["id"].clone();
    let state = async || {
        let query = format!(
            "{{ doctor(id: \"{}\") {{ calendarVersion slotMinutes availabilityRules {{ id }} availabilityOverrides {{ id }} visitTypes {{ id }} }} }}",
            doctor.id
        );
        doctor.actor.sees(&query).await
    };
    let before = state().await;
    let hours = |more: Value| {
        let mut rule = json!({ "weekday": "MONDAY", "startTime": "09:00", "endTime": "12:00" });
        rule.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        rule
    };
    let works = async |rules: Value| doctor.works(rules).await;
    let refused = |answer: &Value, code: &str, field: Value| {
        assert_eq!((codes(answer)[0].as_str(), &answer["userErrors"][0]["field"]), (code, &field), "{answer}");
    };
    refused(
        &works(json!([hours(json!({})), hours(json!({ "startTime": "11:00", "slotMinutes": 20 }))])).await,
        "OVERLAPPING_RULES",
        json!(["rules", "1"]),
    );
    refused(
        &works(json!([hours(json!({ "effectiveFrom": "2026-07-02", "effectiveUntil": "2026-07-01" }))])).await,
        "INVALID",
        json!(["rules", "0", "effectiveUntil"]),
    );
    for minutes in [-1, 0, 4, 481, i32::MAX] {
        let answer = works(json!([hours(json!({ "slotMinutes": minutes }))])).await;
        refused(&answer, "INVALID", json!(["rules", "0", "slotMinutes"]));
        let visit = json!({ "doctorId": doctor.id, "name": "Visit", "durationMinutes": minutes });
        refused(&save(&doctor.actor, visit).await, "INVALID", json!(["durationMinutes"]));
        let settings = json!({ "doctorId": doctor.id, "slotMinutes": minutes });
        let answer = doctor.actor.does("updateDoctor", "UpdateDoctorInput", settings, "doctor { id }").await;
        refused(&answer, "INVALID", json!(["slotMinutes"]));
    }
    for (field, value) in [("bufferBeforeMinutes", 241), ("bufferAfterMinutes", -1), ("stepMinutes", 4)] {
        let visit = json!({ "doctorId": doctor.id, "name": "Visit", "durationMinutes": 30, field: value });
        refused(&save(&doctor.actor, visit).await, "INVALID", json!([field]));
    }
    for (field, value) in [("bufferMinutes", 241), ("minNoticeMinutes", 43_201), ("maxAdvanceDays", 367)] {
        let settings = json!({ "doctorId": doctor.id, field: value });
        let answer = doctor.actor.does("updateDoctor", "UpdateDoctorInput", settings, "doctor { id }").await;
        refused(&answer, "INVALID", json!([field]));
    }
    let stolen = json!({ "doctorId": doctor.id, "visitTypeId": foreign, "name": "Visit", "durationMinutes": 30 });
    refused(&save(&doctor.actor, stolen).await, "NOT_FOUND", json!(["visitTypeId"]));
    let zone = json!({ "doctorId": doctor.id, "timeZone": "Mars/Olympus" });
    let answer = doctor.actor.does("updateDoctor", "UpdateDoctorInput", zone, "doctor { id }").await;
    assert_eq!(code(&answer), "BAD_USER_INPUT");
    assert_eq!(code(&works(json!([hours(json!({ "endTime": "25:00" }))])).await), "BAD_USER_INPUT");
    assert_eq!(code(&works(json!([hours(json!({ "effectiveFrom": "2026-02-30" }))])).await), "BAD_USER_INPUT");
    let day = json!({ "doctorId": doctor.id, "date": "2026-02-30", "kind": "BLOCK" });
    let answer =
        doctor.actor.does("addAvailabilityOverride", "AddAvailabilityOverrideInput", day, "doctor { id }").await;
    assert_eq!(code(&answer), "BAD_USER_INPUT");
    assert_eq!(state().await, before, "nothing was written");
}
