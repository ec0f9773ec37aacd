//! What a process knows by heart, and that nobody is shown less than they know of.

use crate::support::{Actor, Backend, Doctor, Server, TestApp, TestDatabase, codes, eventually, instant};
use async_graphql::{Request, Response};
use chrono::TimeDelta;
use futures_util::future::join_all;
use medislot::{
    app::App,
    config::{Config, Limits},
    directory::DoctorPatch,
    graphql::{Caller, Loaders, Services, schema},
    infra::{
        bus::{Bus, Listener},
        db::count_statements,
        redis::Down,
    },
    kernel::{
        clock::{Clock, VirtualClock},
        patch::Patch,
    },
};
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};
use std::{
    process::Stdio,
    sync::Arc,
    time::{Duration, Instant},
};

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
    answers(services, &format!("{{ doctor(id: \"{}\") {{ nextSlots(first: 100) {{ startsAt }} }} }}", doctor.id)).await
}

async fn answers(services: &Services, query: &str) -> (Response, u32) {
    let caller = Caller::default();
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
    assert!(statements <= 210, "{statements} statements for 200 who ask");
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
async fn a_process_that_begins_reads_what_keeps_time_just_as_it_was_written() {
    let database = TestDatabase::create().await;
    let config = database.config();
    let app = TestApp::start_on(database, config.clone()).await;
    let doctor = app.doctor("Dora").await;
    let input = json!({
        "doctorId": doctor.id, "name": "Long", "durationMinutes": 60, "stepMinutes": 30, "bufferBeforeMinutes": 10, "bufferAfterMinutes": 20,
    });
    let made = doctor.actor.does("saveVisitType", "SaveVisitTypeInput", input, "doctor { visitTypes { id } }").await;
    let visit_type = &made["doctor"]["visitTypes"][0]["id"];
    // Between two seconds.
    app.passes(TimeDelta::microseconds(123_456));
    let ada = app.patient("Ada").await;
    let query =
        format!("{{ doctor(id: \"{}\") {{ nextSlots(first: 1, visitTypeId: {visit_type}) {{ id }} }} }}", doctor.id);
    let long = app.visitor().sees(&query).await["doctor"]["nextSlots"][0]["id"].clone();
    assert!(ada.books(long.as_str().unwrap()).await["appointment"].is_object());
    assert!(ada.holds(doctor.slots(&app, 1).await.last().unwrap()).await["appointment"].is_object());
    let (id, start) = (doctor.id.parse().unwrap(), app.now());
    let claims = async |services: &Services| {
        services.availability.known_calendar(id, start).await.unwrap().unwrap().claims.clone()
    };
    let written = async || Some(claims(&app.app.services).await).filter(|claims| claims.len() == 2);
    let written = eventually("both are known", written).await;
    assert_eq!(claims(&cold_process(&config).await).await, written);
    let [booked, held] = &written[..] else { panic!("{written:?}") };
    assert_eq!((booked.is_hold, booked.expires_at), (false, None));
    assert_eq!(
        (booked.visit.start - booked.occupied.start, booked.occupied.end - booked.visit.end),
        (TimeDelta::minutes(10), TimeDelta::minutes(20))
    );
    assert_eq!((held.is_hold, held.expires_at), (true, Some(instant("2026-06-01T08:10:00.123456Z"))));
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
    // A search shows nothing that is taken; a doctor who is named is a second old at most.
    let taken = Instant::now();
    let query = format!(
        "{{ doctor(id: {}) {{ nextSlots(first: 1) {{ id }} }} slots(first: 1, filter: {{ doctorId: {0} }}) {{ nodes {{ id }} }} }}",
        first["id"]
    );
    loop {
        let is_due = taken.elapsed() > Duration::from_secs(1);
        let seen = visitor.sees(&query).await;
        assert_ne!(seen["slots"]["nodes"][0]["id"], first["nextSlots"][0]["id"]);
        if seen["doctor"]["nextSlots"] != first["nextSlots"] {
            break;
        }
        assert!(!is_due, "shown after {:?}", taken.elapsed());
    }
    // What becomes free is found by search as soon as the log was read.
    let cancelled = admin.cancels(&booked["appointment"]).await;
    assert_eq!(cancelled["appointment"]["status"], "CANCELLED", "{cancelled}");
    let freed = Instant::now();
    loop {
        let is_due = freed.elapsed() > Duration::from_secs(1);
        if earliest().await == first {
            break;
        }
        assert!(!is_due, "not free after {:?}", freed.elapsed());
    }
}

#[tokio::test]
async fn a_doctor_whom_a_process_knows_is_shown_without_a_question_to_the_database() {
    let database = TestDatabase::create().await;
    let config = database.config();
    let app = TestApp::start_on(database, config.clone()).await;
    let doctor = app.doctor("Dora").await;
    let process = cold_process(&config).await;
    let (first, statements) = asks(&process, &doctor).await;
    assert!(statements > 1, "{statements} statements of a process that knows nobody");
    eventually("the doctor is known", async || (asks(&process, &doctor).await.1 == 0).then_some(())).await;
    let (again, statements) = asks(&process, &doctor).await;
    assert_eq!((again.data, statements), (first.data, 0));
}

/// A bus that brings nobody anything.
#[derive(Debug)]
struct SilentBus(Arc<dyn Bus>);

#[async_trait::async_trait]
impl Bus for SilentBus {
    async fn publish(&self, _messages: Vec<String>) -> Result<(), Down> {
        Ok(())
    }

    fn listen(&self) -> Listener {
        self.0.listen()
    }
}

#[tokio::test]
async fn whoever_changes_a_doctor_is_shown_it_at_once_though_no_message_comes_round() {
    let database = TestDatabase::create().await;
    let config = database.config();
    let app = TestApp::start_over(database, config, |bus| Arc::new(SilentBus(bus))).await;
    let doctor = app.doctor("Dora").await;
    let sees = async || {
        let query = format!("{{ doctor(id: \"{}\") {{ name nextSlots {{ startsAt }} }} }}", doctor.id);
        app.visitor().sees(&query).await["doctor"].clone()
    };
    for round in 0..10 {
        let name = format!("Dr. Dora {round}");
        let input = json!({ "doctorId": doctor.id, "name": name });
        doctor.actor.does("updateDoctor", "UpdateDoctorInput", input, "doctor { id }").await;
        assert_eq!(sees().await["name"], json!(name));
        doctor.works(json!([])).await;
        assert_eq!(sees().await["nextSlots"], json!([]));
        doctor.works(json!([{ "weekday": "MONDAY", "startTime": "09:00", "endTime": "12:00" }])).await;
        assert_eq!(sees().await["nextSlots"].as_array().unwrap().len(), 3);
    }
}

#[tokio::test]
async fn whoever_hears_of_a_change_is_shown_it_though_their_process_could_not_read_the_hours_yet() {
    if Backend::chosen() == Backend::Sqlite {
        // There nobody who reads waits for somebody who writes.
        return;
    }
    let database = TestDatabase::create().await;
    let config = database.config();
    let app = TestApp::start_on(database, config.clone()).await;
    let doctor = app.doctor("Dora").await;
    let mut socket = app.visitor().connects().await;
    let watch = "subscription ($d: [ID!]) { slotEvents(doctorIds: $d) { version doctor { name calendarVersion } } }";
    socket.watches("1", watch, json!({ "d": [doctor.id] })).await;
    eventually("the doctor is known", async || (asks(&app.app.services, &doctor).await.1 == 0).then_some(())).await;
    let transaction = app.app.services.database.begin().await.unwrap();
    transaction.execute_unprepared("LOCK TABLE availability_rule IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let elsewhere = cold_process(&config).await;
    let patch = DoctorPatch { name: Patch::Set("Dr. Dora".to_owned()), ..DoctorPatch::default() };
    elsewhere.directory.update_doctor(&app.root(), doctor.id.parse().unwrap(), patch).await.unwrap();
    let event = socket.hears().await["payload"]["data"]["slotEvents"].clone();
    assert_eq!(event, json!({ "version": 3, "doctor": { "name": "Dr. Dora", "calendarVersion": 3 } }));
    transaction.commit().await.unwrap();
}

#[tokio::test]
async fn a_process_that_has_read_the_near_future_of_a_doctor_reads_the_rest_when_it_is_asked_for() {
    let database = TestDatabase::create().await;
    let config = database.config();
    let app = TestApp::start_on(database, config.clone()).await;
    let doctor = app.doctor("Dora").await;
    let (ada, far) = (app.patient("Ada").await, doctor.slots(&app, 40).await.pop().unwrap());
    let booked = ada.books(&far).await["appointment"].clone();
    let start = booked["startsAt"].as_str().unwrap();
    let process = cold_process(&config).await;
    let sees = async |query: &str| {
        let (answer, _) = answers(&process, query).await;
        assert!(answer.errors.is_empty(), "{query}: {:?}", answer.errors);
        serde_json::to_value(answer.data).unwrap()
    };
    let slots = async |from: &str, to: &str| {
        let query =
            format!("{{ doctor(id: \"{}\") {{ slots(from: \"{from}\", to: \"{to}\") {{ startsAt }} }} }}", doctor.id);
        sees(&query).await["doctor"]["slots"].as_array().unwrap().clone()
    };
    let day = format!("{}T00:00:00Z", &start[..10]);
    let is_free = async || {
        let free = slots(&day, &format!("{}T23:59:59Z", &start[..10])).await;
        free.iter().any(|slot| slot["startsAt"] == start)
    };
    assert_eq!(slots("2026-06-01T00:00:00Z", "2026-06-02T00:00:00Z").await.len(), 6);
    assert!(!is_free().await, "it is taken, six weeks ahead");
    // Of another doctor it knows the near future alone when somebody searches.
    let other = app.doctor("Otto").await;
    let taken = other.slots(&app, 40).await.pop().unwrap();
    ada.books(&taken).await;
    let process = cold_process(&config).await;
    let near = format!(
        "{{ doctor(id: \"{}\") {{ slots(from: \"2026-06-01T00:00:00Z\", to: \"2026-06-02T00:00:00Z\") {{ id }} }} }}",
        other.id
    );
    assert!(answers(&process, &near).await.0.errors.is_empty());
    let search = format!(
        "{{ slots(first: 100, filter: {{ from: \"{day}\", to: \"{}T23:59:59Z\" }}) {{ nodes {{ id doctor {{ name }} }} }} }}",
        &start[..10]
    );
    let (found, _) = answers(&process, &search).await;
    let found = serde_json::to_value(found.data).unwrap()["slots"]["nodes"].as_array().unwrap().clone();
    let of = |name: &str| found.iter().filter(|slot| slot["doctor"]["name"] == name).count();
    assert_eq!((of("Dora"), of("Otto")), (5, 5), "{found:?}");
    assert!(found.iter().all(|slot| slot["id"] != far && slot["id"] != taken));
}
