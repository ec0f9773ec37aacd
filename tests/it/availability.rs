//! The earliest times of many doctors, lists by them, and that nobody sees less than they know of.

use crate::support::{Actor, Backend, Doctor, Server, TestApp, TestDatabase, code, codes, eventually, instant};
use async_graphql::{Request, Response};
use chrono::TimeDelta;
use futures_util::future::join_all;
use medislot::{
    app::App,
    config::{Config, Limits},
    graphql::{Caller, Loaders, Services, schema},
    infra::db::count_statements,
    kernel::clock::{Clock, VirtualClock},
};
use serde_json::{Value, json};
use std::{
    process::Stdio,
    sync::Arc,
    time::{Duration, Instant},
};

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
async fn slots_are_at_least_as_new_as_the_version_that_is_asked_for() {
    let app = TestApp::start().await;
    let doctor = app.doctor("Dora").await;
    let ada = app.patient("Ada").await;
    let asks = async |version: Value| {
        let query = "query ($id: ID!, $v: Int) { doctor(id: $id) { calendarVersion nextSlots(first: 1, minVersion: $v) { startsAt }
            slots(from: \"2026-06-01T00:00:00Z\", to: \"2026-06-02T00:00:00Z\", minVersion: $v) { startsAt } } }";
        ada.asks(query, json!({ "id": doctor.id, "v": version })).await
    };
    let version = asks(json!(null)).await["data"]["doctor"]["calendarVersion"].as_i64().unwrap();
    for booked in 1..=5 {
        let first = doctor.slots(&app, 1).await[0].clone();
        assert!(ada.books(&first).await["appointment"].is_object());
        let seen = asks(json!(version + booked)).await["data"]["doctor"].clone();
        assert_eq!(seen["calendarVersion"], version + booked);
        let left: Vec<_> = seen["slots"].as_array().unwrap().clone();
        assert_eq!(i64::try_from(left.len()).unwrap(), 6 - booked, "one's own booking is never missing");
        assert_eq!(seen["nextSlots"][0], left[0]);
    }
    let begun = Instant::now();
    let early = asks(json!(version + 6)).await;
    assert!(!codes(&early).is_empty() && codes(&early).iter().all(|code| code == "UNAVAILABLE"), "{early}");
    assert!((Duration::from_millis(900)..Duration::from_secs(5)).contains(&begun.elapsed()), "{:?}", begun.elapsed());
    // Whoever is a moment too early is answered when it has happened.
    let first = doctor.slots(&app, 1).await[0].clone();
    let booking = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        ada.books(&first).await
    };
    let (seen, _) = tokio::join!(asks(json!(version + 6)), booking);
    assert_eq!(seen["data"]["doctor"]["slots"], json!([]), "{seen}");
}

/// A process that knows nothing, and is not told to read everything.
async fn cold_process(config: &Config) -> Services {
    let clock: Arc<dyn Clock> = Arc::new(VirtualClock::frozen(instant("2026-06-01T08:00:00Z")));
    App::start(config.clone(), clock).await.unwrap().services
}

/// What a process answers who asks for a doctor's slots, and how many statements that took.
async fn asks(services: &Services, doctor: &Doctor) -> (Response, u32) {
    let caller = Caller::default();
    let query = format!("{{ doctor(id: \"{}\") {{ nextSlots(first: 100) {{ startsAt }} }} }}", doctor.id);
    let request = Request::new(query).data(services.clone()).data(Loaders::new(services, &caller)).data(caller);
    count_statements(schema(&Limits::default()).finish().execute(request)).await
}

#[tokio::test]
async fn a_crowd_that_asks_for_what_nobody_knows_yet_has_it_read_once() {
    let database = TestDatabase::create().await;
    let config = database.config();
    let app = TestApp::start_on(database, config.clone()).await;
    let doctor = app.doctor("Dora").await;
    let cold = cold_process(&config).await;
    let answers = join_all((0..200).map(|_| asks(&cold, &doctor))).await;
    assert!(answers.iter().all(|(answer, _)| answer.errors.is_empty() && answer.data == answers[0].0.data));
    let statements: u32 = answers.iter().map(|(_, statements)| statements).sum();
    assert!((201..=210).contains(&statements), "{statements} statements for 200 who ask");
}

#[tokio::test]
async fn a_process_that_begins_finds_over_redis_what_another_has_read() {
    if Backend::chosen() == Backend::Sqlite {
        return;
    }
    let database = TestDatabase::create().await;
    let mut config = database.config();
    let app = TestApp::start_on(database, config.clone()).await;
    let doctor = app.doctor("Dora").await;
    app.patient("Ada").await.books(&doctor.slots(&app, 1).await[0]).await;
    let (first, read) = asks(&cold_process(&config).await, &doctor).await;
    let (second, found) = asks(&cold_process(&config).await, &doctor).await;
    assert_eq!((read, found), (7, 2), "the doctor and the version are always asked for");
    assert_eq!(first.data, second.data);
    // Where Redis is down everything is read.
    config.redis_url = Some("redis://127.0.0.1:1".into());
    let (third, read) = asks(&cold_process(&config).await, &doctor).await;
    assert_eq!((third.data, read), (first.data, 7));
}

#[tokio::test]
async fn another_process_shows_a_booking_within_a_second_even_where_no_message_comes_through() {
    if Backend::chosen() == Backend::Sqlite {
        return;
    }
    let mut database = TestDatabase::create().await;
    assert!(Server::command(&database, &["seed"]).stdout(Stdio::null()).status().unwrap().success());
    // No slot begins so soon that it is too late for it a moment later.
    let arguments = ["--now", "2026-06-01T08:10:00Z"];
    let one = Server::start(&database, &arguments);
    // The other one has a Redis of its own mind: nobody is there.
    database.redis_url = Some("redis://127.0.0.1:1".to_owned());
    let two = Server::start(&database, &arguments);
    let signed_in = async |email: &str| {
        let mut actor = Actor::visitor(&one.address);
        let input = json!({ "email": email, "password": "medislot-demo" });
        let payload = actor.does("login", "LoginInput", input, "session { accessToken }").await;
        actor.token = Some(payload["session"]["accessToken"].as_str().unwrap().to_owned());
        actor
    };
    let (patient, admin) = (signed_in("patient@medislot.test").await, signed_in("admin@medislot.test").await);
    let visitor = Actor::visitor(&two.address);
    let earliest = async || {
        visitor.sees("{ doctors(first: 1, orderBy: NEXT_AVAILABLE) { nodes { id nextSlots(first: 1) { id } } } }").await
            ["doctors"]["nodes"][0]
            .clone()
    };
    let first = earliest().await;
    let booked = patient.books(first["nextSlots"][0]["id"].as_str().unwrap()).await;
    assert!(booked["appointment"].is_object(), "{booked}");
    // A doctor who is named is read anew at once, for the version tells; a search shows nothing that is taken either.
    let query = format!(
        "{{ doctor(id: {}) {{ nextSlots(first: 1) {{ id }} }} slots(first: 1, filter: {{ doctorId: {0} }}) {{ nodes {{ id }} }} }}",
        first["id"]
    );
    let seen = visitor.sees(&query).await;
    assert_ne!(seen["doctor"]["nextSlots"], first["nextSlots"]);
    assert_ne!(seen["slots"]["nodes"][0]["id"], first["nextSlots"][0]["id"]);
    // What becomes free is found by search as soon as the log was read.
    let cancelled = admin.cancels(&booked["appointment"]).await;
    assert_eq!(cancelled["appointment"]["status"], "CANCELLED", "{cancelled}");
    let freed = Instant::now();
    eventually("it is free again", async || (earliest().await == first).then_some(())).await;
    assert!(freed.elapsed() < Duration::from_secs(3), "{:?}", freed.elapsed());
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
