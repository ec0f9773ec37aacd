//! The program itself: two servers on one database, and how they end.

use crate::support::{Actor, Backend, Server, TestDatabase, codes, eventually};
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::{process::Stdio, time::Duration};

/// Two servers on one database with the demo data.
async fn two_servers() -> (TestDatabase, Server, Server) {
    let database = TestDatabase::create().await;
    assert!(Server::command(&database, &["seed"]).stdout(Stdio::null()).status().unwrap().success());
    let arguments = ["--now", "2026-06-01T08:00:00Z"];
    let (one, two) = (Server::start(&database, &arguments), Server::start(&database, &arguments));
    (database, one, two)
}

/// An open slot far enough away, and whose it is.
pub async fn open_slot(visitor: &Actor) -> (String, String) {
    let seen = visitor.sees("{ doctors(first: 1) { nodes { id nextSlots(first: 100) { id } } } }").await;
    let doctor = &seen["doctors"]["nodes"][0];
    let slot = doctor["nextSlots"].as_array().unwrap().last().unwrap();
    (slot["id"].as_str().unwrap().to_owned(), doctor["id"].as_str().unwrap().to_owned())
}

pub async fn demo_patient(address: &str) -> Actor {
    let mut patient = Actor::visitor(address);
    let input = json!({ "email": "patient@medislot.test", "password": "medislot-demo" });
    let payload = patient.does("login", "LoginInput", input, "session { accessToken }").await;
    patient.token = Some(payload["session"]["accessToken"].as_str().unwrap_or_else(|| panic!("{payload}")).to_owned());
    patient
}

#[tokio::test]
async fn of_two_hundred_who_want_one_slot_on_two_servers_exactly_one_gets_it() {
    let (_database, one, two) = two_servers().await;
    let actors = [demo_patient(&one.address).await, demo_patient(&two.address).await];
    let (slot, doctor) = open_slot(&actors[0]).await;
    let before = actors[0].sees(&format!("{{ doctor(id: \"{doctor}\") {{ calendarVersion }} }}")).await["doctor"]["calendarVersion"].as_i64();
    let payloads: Vec<Value> = join_all((0..200).map(|number| actors[number % 2].books(&slot))).await;
    let winners = payloads.iter().filter(|payload| payload["appointment"].is_object()).count();
    let losers =
        payloads.iter().filter(|payload| matches!(&*codes(payload).join(" "), "SLOT_TAKEN" | "SLOT_BUSY")).count();
    assert_eq!((winners, losers), (1, 199), "{payloads:?}");
    let after = actors[1].sees(&format!("{{ doctor(id: \"{doctor}\") {{ calendarVersion }} }}")).await["doctor"]["calendarVersion"].as_i64();
    assert_eq!(after, before.map(|version| version + 1));
}

#[tokio::test]
async fn a_booking_on_one_server_is_seen_by_who_watches_on_the_other_and_confirmed_by_either() {
    let (_database, one, two) = two_servers().await;
    let patient = demo_patient(&one.address).await;
    let (slot, doctor) = open_slot(&patient).await;
    let mut socket = Actor::visitor(&two.address).connects().await;
    socket
        .subscribes(
            "1",
            "subscription ($d: [ID!]) { slotEvents(doctorIds: $d) { kind version startsAt } }",
            json!({ "d": [doctor] }),
        )
        .await;
    socket.listens().await;
    let booked = patient.books(&slot).await["appointment"].clone();
    let event = socket.hears().await["payload"]["data"]["slotEvents"].clone();
    assert_eq!((&event["kind"], &event["startsAt"]), (&json!("SLOT_TAKEN"), &booked["startsAt"]));
    // The first process ends without a word; the other goes on.
    one.dies();
    let patient = demo_patient(&two.address).await;
    eventually("the booking is confirmed", async || {
        let seen = patient.sees(&format!("{{ appointment(id: {}) {{ status }} }}", booked["id"])).await;
        (seen["appointment"]["status"] == "CONFIRMED").then_some(())
    })
    .await;
    let cancelled = patient.cancels(&booked).await;
    assert_eq!(cancelled["appointment"]["status"], "CANCELLED", "{cancelled}");
    assert_eq!(socket.hears().await["payload"]["data"]["slotEvents"]["kind"], "SLOT_RELEASED");
}

#[tokio::test]
async fn postgres_without_redis_works_and_events_are_read_from_the_log() {
    if Backend::chosen() == Backend::Sqlite {
        return;
    }
    let mut database = TestDatabase::create().await;
    database.redis_url = None;
    assert!(Server::command(&database, &["seed"]).stdout(Stdio::null()).status().unwrap().success());
    let log = database.folder.path().join("log");
    let mut command = Server::command(&database, &["serve", "--listen", "127.0.0.1:0"]);
    command.stderr(std::fs::File::create(&log).unwrap());
    let (one, two) = (Server::spawn(command), Server::start(&database, &[]));
    assert!(std::fs::read_to_string(&log).unwrap().contains("PostgreSQL without Redis"));
    let patient = demo_patient(&one.address).await;
    let (slot, doctor) = open_slot(&patient).await;
    let mut socket = Actor::visitor(&two.address).connects().await;
    socket
        .subscribes("1", "subscription ($d: [ID!]) { slotEvents(doctorIds: $d) { kind } }", json!({ "d": [doctor] }))
        .await;
    socket.listens().await;
    assert!(patient.books(&slot).await["appointment"].is_object());
    let event = tokio::time::timeout(Duration::from_millis(1_500), socket.hears()).await.unwrap();
    assert_eq!(event["payload"]["data"]["slotEvents"]["kind"], "SLOT_TAKEN");
}

#[tokio::test]
async fn redis_that_is_not_there_makes_booking_slower_and_no_less_right() {
    if Backend::chosen() == Backend::Sqlite {
        return;
    }
    let mut database = TestDatabase::create().await;
    database.redis_url = Some("redis://127.0.0.1:1".to_owned());
    assert!(Server::command(&database, &["seed"]).stdout(Stdio::null()).status().unwrap().success());
    let server = Server::start(&database, &[]);
    let patient = demo_patient(&server.address).await;
    let (slot, _) = open_slot(&patient).await;
    let payloads: Vec<Value> = join_all((0..20).map(|_| patient.books(&slot))).await;
    let winners = payloads.iter().filter(|payload| payload["appointment"].is_object()).count();
    assert_eq!(winners, 1, "{payloads:?}");
}

#[tokio::test]
async fn a_server_that_is_told_to_stop_lets_its_watchers_know_and_ends_well() {
    let database = TestDatabase::create().await;
    let server = Server::start(&database, &[]);
    let mut socket = Actor::visitor(&server.address).connects().await;
    let stopping = tokio::task::spawn_blocking(move || server.stops());
    assert_eq!(socket.is_closed().await, 1012);
    drop(socket);
    let (time, well) = stopping.await.unwrap();
    assert!(well && time < Duration::from_secs(20), "{time:?}");
}

#[tokio::test]
async fn a_mutation_over_server_sent_events_is_not_cut_by_the_end_of_the_server() {
    let database = TestDatabase::create().await;
    assert!(Server::command(&database, &["seed"]).stdout(Stdio::null()).status().unwrap().success());
    let server = Server::start(&database, &[]);
    let patient = demo_patient(&server.address).await;
    let (slot, doctor) = open_slot(&patient).await;
    // Somebody else has the calendar for longer than streams of events may last when the server is told to stop.
    let mut config = database.config();
    config.data_dir = database.folder.path().join("data");
    let elsewhere = medislot::app::open_database(&config).await.unwrap();
    let held_up = elsewhere.begin().await.unwrap();
    medislot::calendar::take_turn_in(&held_up, doctor.parse().unwrap()).await.unwrap();
    let query =
        "mutation ($input: BookAppointmentInput!) { bookAppointment(input: $input) { appointment { status } } }";
    let request = reqwest::Client::new().post(format!("http://{}/graphql", server.address));
    let request = request.bearer_auth(patient.token.as_deref().unwrap()).header("accept", "text/event-stream");
    let stream = request.json(&json!({ "query": query, "variables": { "input": { "slotId": slot } } })).send().await;
    let stream = tokio::spawn(stream.unwrap().text());
    let stopping = tokio::task::spawn_blocking(move || server.stops());
    tokio::time::sleep(Duration::from_millis(3_500)).await;
    drop(held_up);
    let streamed = stream.await.unwrap().unwrap();
    assert!(streamed.contains("\"status\":\"PENDING\"") && streamed.contains("event: complete"), "{streamed}");
    let (time, well) = stopping.await.unwrap();
    assert!(well && time > Duration::from_secs(3), "{time:?}");
}

#[tokio::test]
async fn cursors_of_the_time_before_a_restored_backup_are_expired() {
    let database = TestDatabase::create().await;
    assert!(Server::command(&database, &["seed"]).stdout(Stdio::null()).status().unwrap().success());
    let server = Server::start(&database, &[]);
    let patient = demo_patient(&server.address).await;
    let (_, doctor) = open_slot(&patient).await;
    let seen = patient.sees(&format!("{{ doctor(id: \"{doctor}\") {{ calendarCursor }} }}")).await;
    server.dies();
    assert!(Server::command(&database, &["restored"]).stdout(Stdio::null()).status().unwrap().success());
    let server = Server::start(&database, &[]);
    let mut socket = demo_patient(&server.address).await.connects().await;
    let query = "subscription ($d: [ID!], $a: Cursor) { slotEvents(doctorIds: $d, after: $a) { version } }";
    socket.subscribes("1", query, json!({ "d": [doctor], "a": seen["doctor"]["calendarCursor"] })).await;
    assert_eq!(socket.hears().await["payload"][0]["extensions"]["code"], "CURSOR_EXPIRED");
}

#[tokio::test]
async fn a_worker_alone_confirms_what_a_server_without_one_books() {
    let database = TestDatabase::create().await;
    assert!(Server::command(&database, &["seed"]).stdout(Stdio::null()).status().unwrap().success());
    let server = Server::start(&database, &["--no-worker"]);
    let patient = demo_patient(&server.address).await;
    let booked = patient.books(&open_slot(&patient).await.0).await["appointment"].clone();
    let status = async || {
        patient.sees(&format!("{{ appointment(id: {}) {{ status }} }}", booked["id"])).await["appointment"]["status"]
            .clone()
    };
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(status().await, "PENDING");
    let mut worker = Server::command(&database, &["worker"]).stdout(Stdio::null()).spawn().unwrap();
    eventually("the worker confirms", async || (status().await == "CONFIRMED").then_some(())).await;
    worker.kill().unwrap();
    worker.wait().unwrap();
}

#[tokio::test]
async fn whoever_signs_out_on_one_server_is_out_on_the_other_within_a_second_sockets_and_streams_too() {
    let (_database, one, two) = two_servers().await;
    let patient = demo_patient(&one.address).await;
    let mut there = patient.clone();
    there.address.clone_from(&two.address);
    let (_, doctor) = open_slot(&there).await;
    let watch = format!("subscription {{ slotEvents(doctorIds: [\"{doctor}\"]) {{ kind }} }}");
    let mut socket = there.connects().await;
    socket.subscribes("1", &watch, json!({})).await;
    let mut visitors = Actor::visitor(&two.address).connects().await;
    visitors.subscribes("1", &watch, json!({})).await;
    let stream = reqwest::Client::new().post(format!("http://{}/graphql", two.address));
    let stream = stream.bearer_auth(there.token.as_deref().unwrap()).header("accept", "text/event-stream");
    let stream = stream.json(&json!({ "query": watch })).send().await.unwrap();
    assert!(socket.is_silent(Duration::from_millis(1_500)).await, "it goes on while nobody signs out");

    assert_eq!(codes(&patient.does("logout", "LogoutInput", json!({}), "").await), [""; 0]);
    let out = tokio::time::Instant::now();
    assert_eq!(socket.is_closed().await, 4403);
    tokio::time::timeout(Duration::from_secs(5), stream.bytes()).await.expect("the stream ends").unwrap();
    eventually("the token is believed no more", async || {
        let seen = codes(&there.asks("{ viewer { id } }", json!({})).await);
        (seen == ["UNAUTHENTICATED"]).then_some(())
    })
    .await;
    // A second is promised; the machine that tests run on may be busy.
    assert!(out.elapsed() < Duration::from_secs(3), "{:?}", out.elapsed());
    assert!(visitors.is_silent(Duration::from_millis(100)).await, "others are left alone");
}

#[tokio::test]
async fn passwords_guessed_on_one_server_are_counted_on_the_other() {
    let (database, one, two) = two_servers().await;
    let guess = async |server: &Server| {
        let input = json!({ "email": "patient@medislot.test", "password": "wrong password" });
        let visitor = Actor::visitor(&server.address);
        codes(&visitor.does("login", "LoginInput", input, "session { accessToken }").await)
    };
    // The last one on the server whose clock is ahead.
    for number in 0..10 {
        assert_eq!(guess(if number % 2 == 0 { &two } else { &one }).await, ["INVALID_CREDENTIALS"]);
    }
    // Without Redis each process counts for itself.
    let expected = if database.redis_url.is_some() { "TOO_MANY_ATTEMPTS" } else { "INVALID_CREDENTIALS" };
    assert_eq!([guess(&one).await, guess(&two).await], [[expected], [expected]]);
}
