//! Redis only makes things faster: stopped, hung or emptied, bookings go on, and are right. And what the bus tells waits for no database.

use crate::support::{Backend, Server, TestApp, TestDatabase, codes};
use futures_util::future::join_all;
use serde_json::json;
use std::time::{Duration, Instant};
use tokio::{io::AsyncReadExt, net::TcpListener};

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
