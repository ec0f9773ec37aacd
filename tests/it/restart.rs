//! Servers that are replaced while people work.

use crate::support::{Actor, Server, Socket, TestDatabase};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

const WATCH: &str =
    "subscription ($d: [ID!], $a: Cursor) { slotEvents(doctorIds: $d, after: $a) { cursor version kind startsAt } }";

/// The servers that there are at this moment.
#[derive(Clone)]
struct Cluster(Arc<Mutex<Vec<String>>>);

impl Cluster {
    fn any(&self) -> String {
        let addresses = self.0.lock().unwrap();
        addresses[rand::random_range(0..addresses.len())].clone()
    }
}

async fn connect(cluster: &Cluster) -> Option<Socket> {
    let mut socket =
        Socket::try_open(&cluster.any(), &[("sec-websocket-protocol", "graphql-transport-ws")]).await.ok()?;
    socket.says(json!({ "type": "connection_init" })).await;
    let ack = socket.next().await.ok()?;
    (ack["type"] == "connection_ack").then_some(socket)
}

/// Watches a doctor from a cursor on, over whichever server there is, until all is over and the last version has come.
async fn watches(cluster: Cluster, doctor: String, mut cursor: Value, last: Arc<Mutex<Option<i64>>>) -> Vec<Value> {
    let mut events: Vec<Value> = Vec::new();
    loop {
        let Some(mut socket) = connect(&cluster).await else {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        socket.subscribes("1", WATCH, json!({ "d": [doctor], "a": cursor })).await;
        loop {
            let seen = events.last().and_then(|event| event["version"].as_i64());
            if seen.is_some() && seen == *last.lock().unwrap() {
                return events;
            }
            match tokio::time::timeout(Duration::from_millis(300), socket.next()).await {
                Err(_) => {}
                Ok(Err(code)) => {
                    assert!(matches!(code, 1012 | 1006 | 1001), "closed with {code}");
                    break;
                }
                Ok(Ok(message)) => {
                    assert_eq!(message["type"], "next", "{message}");
                    let event = message["payload"]["data"]["slotEvents"].clone();
                    cursor = event["cursor"].clone();
                    events.push(event);
                }
            }
        }
    }
}

/// Books one slot after another and lets it go again, over whichever server there is; each with a key, so that it may be tried again.
async fn books(cluster: Cluster, token: String, slots: Vec<String>, is_over: Arc<AtomicBool>) -> Vec<(String, Value)> {
    let client = reqwest::Client::new();
    let mut booked = Vec::new();
    for (number, slot) in slots.into_iter().enumerate() {
        if is_over.load(Ordering::Relaxed) {
            break;
        }
        let query = "mutation ($input: BookAppointmentInput!) { bookAppointment(input: $input) { appointment { id startsAt } userErrors { code } } }";
        let input = json!({ "slotId": slot, "idempotencyKey": format!("{number} {slot}") });
        let body = json!({ "query": query, "variables": { "input": input } });
        loop {
            let request = client.post(format!("http://{}/graphql", cluster.any())).bearer_auth(&token).json(&body);
            let Ok(response) = request.send().await else {
                tokio::time::sleep(Duration::from_millis(10)).await;
                continue;
            };
            let Ok(answer) = response.json::<Value>().await else { continue };
            let appointment = answer["data"]["bookAppointment"]["appointment"].clone();
            assert!(appointment.is_object(), "{answer}");
            booked.push((slot, appointment));
            break;
        }
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    booked
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_under_load_loses_no_event_and_no_booking() {
    let database = TestDatabase::create().await;
    assert!(Server::command(&database, &["seed"]).status().unwrap().success());
    let arguments = ["--now", "2026-06-01T08:00:00Z"];
    let start = || Server::start(&database, &arguments);
    let mut servers = vec![start(), start()];
    let addresses = |servers: &[Server]| servers.iter().map(|server| server.address.clone()).collect::<Vec<_>>();
    let cluster = Cluster(Arc::new(Mutex::new(addresses(&servers))));
    let visitor = Actor::visitor(&servers[0].address);
    let seen = visitor
        .sees("{ doctors(first: 1) { nodes { id calendarVersion calendarCursor nextSlots(first: 100) { id } } } }")
        .await;
    let doctor = &seen["doctors"]["nodes"][0];
    let (id, before) = (doctor["id"].as_str().unwrap().to_owned(), doctor["calendarVersion"].as_i64().unwrap());
    let slots: Vec<_> = doctor["nextSlots"]
        .as_array()
        .unwrap()
        .iter()
        // The next ones may have begun before it is their turn.
        .skip(5)
        .rev()
        .map(|slot| slot["id"].as_str().unwrap().to_owned())
        .collect();
    let mut patient = Actor::visitor(&servers[0].address);
    let input = json!({ "email": "patient@medislot.test", "password": "medislot-demo" });
    let login = patient.does("login", "LoginInput", input, "session { accessToken }").await;
    let token = login["session"]["accessToken"].as_str().unwrap().to_owned();
    patient.token = Some(token.clone());

    let (is_over, last) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(None)));
    let watching: Vec<_> = (0..4)
        .map(|_| {
            tokio::spawn(watches(cluster.clone(), id.clone(), doctor["calendarCursor"].clone(), Arc::clone(&last)))
        })
        .collect();
    let booking = tokio::spawn(books(cluster.clone(), token.clone(), slots, Arc::clone(&is_over)));
    for _ in 0..2 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let new = start();
        let old = servers.remove(0);
        servers.push(new);
        *cluster.0.lock().unwrap() = addresses(&servers);
        let (time, well) = tokio::task::spawn_blocking(move || old.stops()).await.unwrap();
        assert!(well && time < Duration::from_secs(20), "{time:?}");
    }
    is_over.store(true, Ordering::Relaxed);
    let booked = booking.await.unwrap();
    patient.address = servers[0].address.clone();
    let query = format!("{{ doctor(id: \"{id}\") {{ calendarVersion }} }}");
    let after = patient.sees(&query).await["doctor"]["calendarVersion"].as_i64().unwrap();
    assert_eq!(after, before + i64::try_from(booked.len()).unwrap());
    *last.lock().unwrap() = Some(after);
    for watching in watching {
        let events = tokio::time::timeout(Duration::from_secs(20), watching).await.expect("an event is lost").unwrap();
        // What was older than the cursor's moment may have been known already.
        let events: Vec<_> = events.iter().filter(|event| event["version"].as_i64().unwrap() > before).collect();
        let versions: Vec<_> = events.iter().map(|event| event["version"].as_i64().unwrap()).collect();
        assert_eq!(versions, (before + 1..=after).collect::<Vec<_>>());
        let starts: BTreeSet<_> = events.iter().map(|event| event["startsAt"].to_string()).collect();
        assert!(booked.iter().all(|(_, appointment)| starts.contains(&appointment["startsAt"].to_string())));
    }
}
