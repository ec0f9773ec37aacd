//! Redis only makes things faster: stopped, hung or emptied, bookings go on, and are right. And what the bus tells waits for no database.

use crate::support::{Backend, Server, TestApp, TestDatabase, code, codes};
use futures_util::future::join_all;
use serde_json::json;
use std::time::{Duration, Instant};
use tokio::{
    io::{AsyncReadExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// Somebody who answers the telephone and says nothing.
async fn silence() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            tokio::spawn(async move { while connection.read(&mut [0; 1024]).await.is_ok_and(|read| read > 0) {} });
        }
    });
    format!("redis://{address}")
}

async fn app_with_redis(url: String) -> TestApp {
    let database = TestDatabase::create().await;
    let mut config = database.config();
    config.redis_url = Some(url.into());
    TestApp::start_on(database, config).await
}

/// Ten patients after each of six slots: each slot has one winner, and nobody waits long.
async fn a_crowd_is_served(app: &TestApp) {
    let doctor = app.doctor("Dora").await;
    let slots = doctor.slots(app, 1).await;
    let mut patients = Vec::new();
    for _ in 0..10 {
        patients.push(app.patient("Ada").await);
    }
    let begun = Instant::now();
    for slot in &slots {
        let answers = join_all(patients.iter().map(|patient| patient.books(slot))).await;
        let winners = answers.iter().filter(|answer| answer["appointment"].is_object()).count();
        let losers =
            answers.iter().filter(|answer| matches!(&*codes(answer).concat(), "SLOT_TAKEN" | "SLOT_BUSY")).count();
        assert_eq!((winners, losers), (1, 9), "{answers:?}");
    }
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn bookings_go_on_where_redis_is_not_there() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = listener.local_addr().unwrap();
    drop(listener);
    a_crowd_is_served(&app_with_redis(format!("redis://{nobody}")).await).await;
}

#[tokio::test]
async fn bookings_go_on_where_redis_accepts_and_never_answers() {
    a_crowd_is_served(&app_with_redis(silence().await).await).await;
}

#[tokio::test]
async fn bookings_are_right_while_locks_are_lost_under_their_holders() {
    if Backend::chosen() == Backend::Sqlite {
        // There the lock is in the process, and cannot be lost.
        return;
    }
    let app = TestApp::start().await;
    let namespace = medislot::calendar::log_id(&app.app.services.database).await.unwrap().simple().to_string();
    let client = redis::Client::open(std::env::var("TEST_REDIS_URL").unwrap()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let losing = tokio::spawn(async move {
        // Every lock of this installation, gone as if its time were over, again and again.
        loop {
            let locks: Vec<String> = redis::cmd("KEYS")
                .arg(format!("medislot:{namespace}:lock:*"))
                .query_async(&mut connection)
                .await
                .unwrap();
            for lock in locks {
                let _: i64 = redis::cmd("DEL").arg(lock).query_async(&mut connection).await.unwrap();
            }
            tokio::task::yield_now().await;
        }
    });
    a_crowd_is_served(&app).await;
    losing.abort();
}

#[tokio::test]
async fn the_end_of_a_session_is_heard_while_the_database_does_not_answer() {
    if Backend::chosen() == Backend::Sqlite {
        // There is one process.
        return;
    }
    let database = TestDatabase::create().await;
    let elsewhere = Server::start(&database, &["--now", "2026-06-01T08:00:00Z"]);
    let config = database.config();
    let app = TestApp::start_on(database, config).await;
    let ada = app.patient("Ada").await;
    let mut socket = ada.connects().await;
    socket.watches("1", "subscription { appointmentEvents { transition { to } } }", json!({})).await;
    let mut there = ada.clone();
    there.address.clone_from(&elsewhere.address);
    assert!(there.sees("{ viewer { id } }").await["viewer"].is_object());
    // Nobody gets a connection here any more, and whoever looks into the database waits for one.
    let mut taken = Vec::new();
    let take = || tokio::time::timeout(Duration::from_millis(500), app.app.services.database.begin());
    while let Ok(transaction) = take().await {
        taken.push(transaction.unwrap());
    }
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(codes(&there.does("logout", "LogoutInput", json!({}), "").await), [""; 0]);
    let begun = Instant::now();
    assert_eq!(socket.is_closed().await, 4403);
    assert!(begun.elapsed() < Duration::from_millis(500), "{:?}", begun.elapsed());
}

/// A way to PostgreSQL whose connections can die without a word, as behind a switch that has lost its power: no answer, and no end.
struct Line {
    url: String,
    dead: watch::Sender<()>,
}

impl Line {
    async fn to(url: &str) -> Self {
        let (credentials, rest) = url.split_once('@').unwrap();
        let (server, name) = rest.split_once('/').unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("{credentials}@{}/{name}", listener.local_addr().unwrap());
        let dead = watch::Sender::new(());
        let (sender, server) = (dead.clone(), server.to_owned());
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let mut far = TcpStream::connect(&server).await.unwrap();
                let mut died = sender.subscribe();
                tokio::spawn(async move {
                    tokio::select! {
                        _ = copy_bidirectional(&mut near, &mut far) => {}
                        _ = died.changed() => std::future::pending().await,
                    }
                });
            }
        });
        Self { url, dead }
    }

    /// All connections that there are die; new ones are as good as any.
    fn dies(&self) {
        self.dead.send_replace(());
    }
}

#[tokio::test]
async fn bookings_go_on_after_the_connections_to_the_database_have_died_without_a_word() {
    if Backend::chosen() == Backend::Sqlite {
        // There the database is in the process.
        return;
    }
    let database = TestDatabase::create().await;
    let line = Line::to(database.postgres_url.as_deref().unwrap()).await;
    let mut config = database.config();
    config.database_url = Some(line.url.clone().into());
    let app = TestApp::start_on(database, config).await;
    let mut slots = Vec::new();
    for name in ["Dora", "Dirk", "Dana", "Dave"] {
        slots.push(app.doctor(name).await.slots(&app, 3).await);
    }
    let ada = app.patient("Ada").await;
    assert!(ada.books(&slots[0][0]).await["appointment"].is_object());
    line.dies();
    // More than are written at a time.
    let unlucky = join_all(slots.iter().map(|slots| ada.books(&slots[1])));
    let unlucky = tokio::time::timeout(Duration::from_secs(20), unlucky).await.unwrap();
    assert!(unlucky.iter().any(|answer| code(answer) == "UNAVAILABLE"), "{unlucky:?}");
    let booked = join_all(slots.iter().map(async |slots| {
        // What was not answered may have been written, so no slot is asked for twice.
        for slot in &slots[2..] {
            if ada.books(slot).await["appointment"].is_object() {
                return true;
            }
        }
        false
    }));
    let booked = tokio::time::timeout(Duration::from_secs(20), booked).await.unwrap();
    assert!(booked.iter().all(|booked| *booked), "{booked:?}");
}
