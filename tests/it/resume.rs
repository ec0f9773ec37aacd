//! Going on where one was interrupted: with no gap, and nothing twice.

use crate::support::{Backend, Socket, TestApp, TestDatabase, eventually};
use chrono::TimeDelta;
use medislot::infra::{
    bus::{Bus, Listener},
    redis::Down,
};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

const WATCH: &str = "subscription ($d: [ID!], $c: ID, $a: Cursor) { slotEvents(doctorIds: $d, clinicId: $c, after: $a) { cursor kind doctorId version } }";

async fn event(socket: &mut Socket) -> Value {
    let message = socket.hears().await;
    assert_eq!(message["type"], "next", "{message}");
    message["payload"]["data"]["slotEvents"].clone()
}

/// The code of the error that ends a subscription.
async fn refusal(socket: &mut Socket) -> Value {
    let message = socket.hears().await;
    assert_eq!(message["type"], "error", "{message}");
    message["payload"][0]["extensions"]["code"].clone()
}

#[tokio::test]
async fn whoever_comes_back_with_a_cursor_gets_what_was_missed_and_goes_on() {
    let app = TestApp::start().await;
    let (doctor, other) = (app.doctor("Dora").await, app.doctor("Otto").await);
    let mut socket = app.visitor().connects().await;
    socket.watches("1", WATCH, json!({ "d": [doctor.id] })).await;
    doctor.works(json!([])).await;
    let first = event(&mut socket).await;
    assert_eq!(first["version"], 3);
    drop(socket);
    for _ in 0..4 {
        doctor.works(json!([])).await;
        other.works(json!([])).await;
    }
    let mut cursor = first["cursor"].clone();
    // Interrupted behind each of them, also in the middle of what was missed.
    for version in 4..8 {
        let mut socket = app.visitor().connects().await;
        socket.subscribes("1", WATCH, json!({ "d": [doctor.id], "a": cursor })).await;
        let next = event(&mut socket).await;
        assert_eq!(next["version"], version);
        cursor = next["cursor"].clone();
    }
    let mut socket = app.visitor().connects().await;
    socket.subscribes("1", WATCH, json!({ "d": [doctor.id], "a": cursor })).await;
    assert!(socket.is_silent(Duration::from_millis(700)).await, "nothing comes twice");
    doctor.works(json!([])).await;
    assert_eq!(event(&mut socket).await["version"], 8);
    // The cursor is good for other doctors too: they are heard of from its moment on.
    let mut both = app.visitor().connects().await;
    both.subscribes("1", WATCH, json!({ "d": [doctor.id, other.id], "a": first["cursor"] })).await;
    let mut versions: HashMap<String, Vec<i64>> = HashMap::new();
    for _ in 0..9 {
        let event = event(&mut both).await;
        versions
            .entry(event["doctorId"].as_str().unwrap().to_owned())
            .or_default()
            .push(event["version"].as_i64().unwrap());
    }
    assert_eq!(versions[&doctor.id], [4, 5, 6, 7, 8]);
    assert_eq!(versions[&other.id], [3, 4, 5, 6]);
}

#[tokio::test]
async fn whoever_was_away_hears_of_doctors_who_left_and_joined_what_those_heard_who_stayed() {
    let app = TestApp::start().await;
    let (hearts, skins) = (app.specialty("Hearts").await, app.specialty("Skins").await);
    let clinic = app.clinic("North").await;
    let leaving = app.doctor_in("Dora", &clinic, &[&hearts]).await;
    let joining = app.doctor_in("Otto", &clinic, &[&skins]).await;
    let visiting = app.doctor_in("Emil", &clinic, &[&skins]).await;
    let watch =
        "subscription ($s: ID, $a: Cursor) { slotEvents(specialtyId: $s, after: $a) { cursor kind doctorId version } }";
    let mut stays = app.visitor().connects().await;
    stays.watches("1", watch, json!({ "s": hearts })).await;
    leaving.works(json!([])).await;
    let cursor = event(&mut stays).await["cursor"].clone();
    let practises = async |doctor: &crate::support::Doctor, specialties: &[&String]| {
        let input = json!({ "doctorId": doctor.id, "specialtyIds": specialties });
        let updated = app.admin.does("updateDoctor", "UpdateDoctorInput", input, "doctor { id }").await;
        assert!(updated["doctor"].is_object(), "{updated}");
    };
    for doctor in [&leaving, &joining, &visiting] {
        doctor.works(json!([])).await;
    }
    practises(&leaving, &[&skins]).await;
    practises(&joining, &[&hearts, &skins]).await;
    practises(&visiting, &[&hearts]).await;
    for doctor in [&leaving, &joining, &visiting] {
        doctor.works(json!([])).await;
    }
    practises(&visiting, &[&skins]).await;
    visiting.works(json!([])).await;
    let mut returns = app.visitor().connects().await;
    returns.subscribes("1", watch, json!({ "s": hearts, "a": cursor })).await;
    for socket in [&mut stays, &mut returns] {
        let mut versions: HashMap<String, Vec<i64>> = HashMap::new();
        for _ in 0..7 {
            let event = event(socket).await;
            let seen = versions.entry(event["doctorId"].as_str().unwrap().to_owned()).or_default();
            seen.push(event["version"].as_i64().unwrap());
        }
        assert_eq!(versions[&leaving.id], [4, 5]);
        assert_eq!(versions[&joining.id], [4, 5]);
        assert_eq!(versions[&visiting.id], [4, 5, 6]);
        assert!(socket.is_silent(Duration::from_millis(700)).await);
    }
}

#[tokio::test]
async fn the_cursor_of_a_doctor_goes_on_behind_the_slots_of_the_same_answer() {
    let app = TestApp::start().await;
    let doctor = app.doctor("Dora").await;
    let query = format!("{{ doctor(id: \"{}\") {{ calendarVersion calendarCursor }} }}", doctor.id);
    let seen = app.visitor().sees(&query).await["doctor"].clone();
    app.patient("Ada").await.books(&doctor.slots(&app, 3).await[7]).await;
    let mut socket = app.visitor().connects().await;
    let written_out = format!(
        "subscription {{ slotEvents(doctorIds: [\"{}\"], after: {}) {{ version kind }} }}",
        doctor.id, seen["calendarCursor"]
    );
    socket.subscribes("1", &written_out, json!({})).await;
    // The process may not have read the log since the doctor was made: what is older is not missed, it comes too.
    loop {
        let event = event(&mut socket).await;
        if event["version"].as_i64().unwrap() > seen["calendarVersion"].as_i64().unwrap() {
            assert_eq!(event, json!({ "version": 3, "kind": "SLOT_TAKEN" }));
            break;
        }
    }
}

#[tokio::test]
async fn cursors_of_other_logs_and_what_is_none_are_refused() {
    let (app, elsewhere) = (TestApp::start().await, TestApp::start().await);
    let (doctor, foreign) = (app.doctor("Dora").await, elsewhere.doctor("Dora").await);
    let query = format!("{{ doctor(id: \"{}\") {{ calendarCursor }} }}", foreign.id);
    let cursor = elsewhere.visitor().sees(&query).await["doctor"]["calendarCursor"].clone();
    let mut socket = app.visitor().connects().await;
    for (after, code) in
        [(cursor, "CURSOR_EXPIRED"), (json!("nonsense"), "BAD_USER_INPUT"), (json!(7), "BAD_USER_INPUT")]
    {
        socket.subscribes("1", WATCH, json!({ "d": [doctor.id], "a": after })).await;
        assert_eq!(refusal(&mut socket).await, code);
    }
    socket.watches("1", WATCH, json!({ "d": [doctor.id], "a": null })).await;
    doctor.works(json!([])).await;
    assert_eq!(event(&mut socket).await["version"], 3);
}

#[tokio::test]
async fn a_cursor_that_is_older_than_the_log_is_expired_and_the_history_of_appointments_stays() {
    let app = TestApp::start_with(|config| config.log_days = 1).await;
    let doctor = app.doctor("Dora").await;
    let mut socket = app.visitor().connects().await;
    socket.watches("1", WATCH, json!({ "d": [doctor.id] })).await;
    let ada = app.patient("Ada").await;
    let booked = ada.books(&doctor.slots(&app, 3).await[7]).await;
    let old = event(&mut socket).await["cursor"].clone();
    doctor.works(json!([])).await;
    event(&mut socket).await;
    // What is published is marked within a moment.
    tokio::time::sleep(Duration::from_millis(600)).await;
    app.passes(TimeDelta::hours(25));
    app.app.start_worker();
    eventually("the log is cut", async || {
        let mut socket = app.visitor().connects().await;
        socket.subscribes("1", WATCH, json!({ "d": [doctor.id], "a": old })).await;
        let message = socket.hears().await;
        (message["payload"][0]["extensions"]["code"] == "CURSOR_EXPIRED").then_some(())
    })
    .await;
    let mut ada = ada;
    let email = ada.email.clone();
    ada.signs_in(&email).await;
    let query = format!("{{ appointment(id: {}) {{ history {{ to }} }} }}", booked["appointment"]["id"]);
    assert!(!ada.sees(&query).await["appointment"]["history"].as_array().unwrap().is_empty());
    // Whoever is here goes on.
    let doctor_again = {
        let mut actor = app.visitor();
        actor.signs_in("dora@example.com").await;
        actor
    };
    let input = json!({ "doctorId": doctor.id, "rules": [] });
    doctor_again.does("setAvailability", "SetAvailabilityInput", input, "doctor { id }").await;
    assert_eq!(event(&mut socket).await["version"], 5);
}

#[tokio::test]
async fn whoever_is_about_to_join_when_too_much_was_missed_is_told_to_come_again() {
    use sea_orm::ConnectionTrait;
    if Backend::chosen() == Backend::Sqlite {
        // There nobody who reads waits for somebody who writes.
        return;
    }
    let app = TestApp::start().await;
    let doctor = app.doctor("Dora").await;
    let mut here = app.visitor().connects().await;
    // The same variables, or they would not share a source.
    here.watches("1", WATCH, json!({ "d": [doctor.id], "a": null })).await;
    doctor.works(json!([])).await;
    let cursor = event(&mut here).await["cursor"].clone();
    let transaction = app.app.services.database.begin().await.unwrap();
    transaction.execute_unprepared("LOCK TABLE calendar_event IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let id = doctor.id.parse::<entity::id::DoctorId>().unwrap().0;
    let many = format!(
        "INSERT INTO calendar_event (doctor_id, version, kind, occurred_at, published)
         SELECT '{id}', 1000 + number, 'SCHEDULE_CHANGED', now(), TRUE FROM generate_series(1, 10001) AS number"
    );
    transaction.execute_unprepared(&many).await.unwrap();
    // By now whoever reads the log waits for the lock; then somebody wants to join.
    tokio::time::sleep(Duration::from_millis(800)).await;
    let mut back = app.visitor().connects().await;
    back.subscribes("1", WATCH, json!({ "d": [doctor.id], "a": cursor })).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    transaction.commit().await.unwrap();
    for socket in [&mut here, &mut back] {
        assert_eq!(refusal(socket).await, "RESUME_REQUIRED");
    }
}

/// A bus that loses, repeats and reorders messages.
#[derive(Debug)]
struct FaultyBus {
    bus: Arc<dyn Bus>,
    kept_back: Mutex<Vec<String>>,
}

#[async_trait::async_trait]
impl Bus for FaultyBus {
    async fn publish(&self, messages: Vec<String>) -> Result<(), Down> {
        let mut sent = Vec::new();
        {
            let mut kept_back = self.kept_back.lock().unwrap();
            for message in messages {
                match rand::random_range(0..6) {
                    0 => {}
                    1 => sent.extend([message.clone(), message]),
                    2 => kept_back.push(message),
                    _ => sent.push(message),
                }
            }
            if rand::random() {
                sent.extend(kept_back.drain(..).rev());
            }
        }
        self.bus.publish(sent).await
    }

    fn listen(&self) -> Listener {
        self.bus.listen()
    }
}

/// Somebody who watches a clinic, and is interrupted time and again. The versions that they saw of each doctor.
async fn watches(app: &TestApp, clinic: &str, until: i64, doctors: usize) -> HashMap<String, Vec<i64>> {
    let mut versions: HashMap<String, Vec<i64>> = HashMap::new();
    let mut cursor = Value::Null;
    loop {
        let mut socket = app.visitor().connects().await;
        socket.subscribes("1", WATCH, json!({ "c": clinic, "a": cursor })).await;
        for _ in 0..rand::random_range(1..20) {
            let event = event(&mut socket).await;
            let seen = versions.entry(event["doctorId"].as_str().unwrap().to_owned()).or_default();
            seen.push(event["version"].as_i64().unwrap());
            cursor = event["cursor"].clone();
            if versions.len() == doctors && versions.values().all(|seen| seen.last() == Some(&until)) {
                return versions;
            }
        }
    }
}

#[tokio::test]
async fn a_bus_that_loses_repeats_and_reorders_costs_nobody_an_event() {
    let database = TestDatabase::create().await;
    let config = database.config();
    let app =
        TestApp::start_over(database, config, |bus| Arc::new(FaultyBus { bus, kept_back: Mutex::default() })).await;
    let clinic = app.clinic("North").await;
    let specialty = app.specialty("Hearts").await;
    let mut doctors = Vec::new();
    for name in ["Dora", "Otto", "Emil"] {
        doctors.push(app.doctor_in(name, &clinic, &[&specialty]).await);
    }
    // All that was published so far has come, in its own odd way.
    tokio::time::sleep(Duration::from_millis(700)).await;
    let changes = 25;
    let last = 2 + changes;
    let change = async |doctor: &crate::support::Doctor| {
        for _ in 0..changes {
            doctor.works(json!([])).await;
        }
    };
    let clients = futures_util::future::join_all((0..6).map(|_| watches(&app, &clinic, last, doctors.len())));
    let begun = async {
        // They are all there before the first change.
        tokio::time::sleep(Duration::from_millis(500)).await;
        tokio::join!(change(&doctors[0]), change(&doctors[1]), change(&doctors[2]));
    };
    let patience = Duration::from_mins(1);
    let (seen, ()) =
        tokio::time::timeout(patience, async { tokio::join!(clients, begun) }).await.expect("somebody waits in vain");
    for versions in seen {
        for seen in versions.values() {
            assert_eq!(*seen, (3..=last).collect::<Vec<_>>());
        }
    }
}

#[tokio::test]
async fn an_event_that_could_not_be_answered_ends_the_subscription_and_comes_when_the_database_is_well_again() {
    let app = TestApp::start().await;
    let doctor = app.doctor("Dora").await;
    let watch = "subscription ($d: [ID!], $a: Cursor) { slotEvents(doctorIds: $d, after: $a) { cursor version doctor { specialties { name } } } }";
    let after = |cursor: &Value| json!({ "d": [doctor.id], "a": cursor });
    let (mut socket, mut other) = (app.visitor().connects().await, app.visitor().connects().await);
    socket.watches("1", watch, after(&Value::Null)).await;
    doctor.works(json!([])).await;
    let seen = event(&mut socket).await;
    assert_eq!(seen["version"], 3);
    app.renames("specialty", "lost").await;
    doctor.works(json!([])).await;
    assert_eq!(refusal(&mut socket).await, "INTERNAL");
    // Whoever comes back now is no better off, and whoever does later does not get what the first one got.
    other.subscribes("1", watch, after(&seen["cursor"])).await;
    assert_eq!(refusal(&mut other).await, "INTERNAL");
    app.renames("lost", "specialty").await;
    for socket in [&mut socket, &mut other] {
        socket.subscribes("1", watch, after(&seen["cursor"])).await;
        let event = event(socket).await;
        let specialties = json!([{ "name": "Dora's specialty" }]);
        assert_eq!((&event["version"], &event["doctor"]["specialties"]), (&json!(4), &specialties));
    }
}

#[tokio::test]
async fn variables_that_a_document_does_not_declare_part_nobody_from_those_who_share_its_answers() {
    // There the position moves with whatever happens in the server's other databases, and whoever comes later shares nothing.
    if Backend::chosen() == Backend::Postgres {
        return;
    }
    let app = TestApp::start().await;
    let doctor = app.doctor("Dora").await;
    let watch = "subscription ($d: [ID!], $a: Cursor) { slotEvents(doctorIds: $d, after: $a) { cursor version doctor { specialties { name } } } }";
    let mut sockets = Vec::new();
    for _ in 0..3 {
        sockets.push(app.visitor().connects().await);
    }
    sockets[0].watches("1", watch, json!({ "d": [doctor.id], "a": null })).await;
    for _ in 0..2 {
        doctor.works(json!([])).await;
    }
    let cursor = event(&mut sockets[0]).await["cursor"].clone();
    let mut comes_back = async |number: usize| {
        let socket = &mut sockets[number];
        socket.subscribes("1", watch, json!({ "d": [doctor.id], "a": cursor, "undeclared": number })).await;
        event(socket).await
    };
    let first = comes_back(1).await;
    // By now it could not be made again.
    app.renames("specialty", "lost").await;
    assert_eq!(comes_back(2).await, first);
}
