//! GraphQL over WebSocket.

use crate::support::{Socket, TestApp, eventually};
use chrono::TimeDelta;
use serde_json::json;
use std::time::Duration;

const PROTOCOL: (&str, &str) = ("sec-websocket-protocol", "graphql-transport-ws");

#[tokio::test]
async fn queries_and_mutations_run_over_a_socket_too() {
    let app = TestApp::start().await;
    let mut socket = app.patient("Ada").await.connects().await;
    socket.subscribes("1", "{ viewer { name } }", json!({})).await;
    assert_eq!(
        socket.hears().await,
        json!({ "id": "1", "type": "next", "payload": { "data": { "viewer": { "name": "Ada" } } } })
    );
    assert_eq!(socket.hears().await, json!({ "id": "1", "type": "complete" }));
    socket.subscribes("1", "mutation { logout(input: {}) { userErrors { code } } }", json!({})).await;
    assert_eq!(socket.hears().await["payload"]["data"]["logout"]["userErrors"], json!([]));
    assert_eq!(socket.hears().await["type"], "complete");
    assert_eq!(socket.is_closed().await, 4403);
}

#[tokio::test]
async fn whoever_asks_whether_we_are_there_is_answered() {
    let app = TestApp::start().await;
    let mut socket = app.visitor().connects().await;
    socket.says(json!({ "type": "ping", "payload": { "a": 1 } })).await;
    assert_eq!(socket.hears().await, json!({ "type": "pong", "payload": { "a": 1 } }));
}

#[tokio::test]
async fn what_cannot_run_is_an_error_and_the_socket_stays() {
    let app = TestApp::start().await;
    let mut socket = app.visitor().connects().await;
    for (query, code) in [
        ("{", "BAD_USER_INPUT"),
        ("{ nothing }", "BAD_USER_INPUT"),
        ("subscription { slotEvents { kind } }", "BAD_USER_INPUT"),
        ("subscription { slotEvents(clinicId: \"nonsense\") { kind } }", "NOT_FOUND"),
        ("subscription { other: slotEvents(clinicId: \"nonsense\") { kind } }", "NOT_FOUND"),
        ("subscription { slotEvents(doctorIds: [\"doctor_01h455vb4pex5vsknk084sn02q\"]) { kind } }", "NOT_FOUND"),
    ] {
        socket.subscribes("1", query, json!({})).await;
        let error = socket.hears().await;
        assert_eq!(
            (&error["type"], &error["payload"][0]["extensions"]["code"]),
            (&json!("error"), &json!(code)),
            "{error}"
        );
    }
    socket.subscribes("1", "{ __typename }", json!({})).await;
    assert_eq!(socket.hears().await["type"], "next");
}

#[tokio::test]
async fn each_breach_of_the_protocol_has_its_close_code() {
    let app = TestApp::start_with(|config| config.limits.init_seconds = 1).await;
    let mut silent = Socket::open(&app.address).await;
    assert_eq!(silent.is_closed().await, 4408);
    for message in ["nonsense", "{}", "{\"type\": \"start\"}", "{\"type\": \"connection_init\", \"payload\": 1}"] {
        let mut socket = Socket::open(&app.address).await;
        socket.says_text(message).await;
        assert_eq!(socket.is_closed().await, 4400, "{message}");
    }
    let mut early = Socket::open(&app.address).await;
    early.subscribes("1", "{ __typename }", json!({})).await;
    assert_eq!(early.is_closed().await, 4401);
    let mut twice = app.visitor().connects().await;
    twice.says(json!({ "type": "connection_init" })).await;
    assert_eq!(twice.is_closed().await, 4429);
    let mut forged = Socket::open(&app.address).await;
    forged.says(json!({ "type": "connection_init", "payload": { "authorization": "Bearer forged" } })).await;
    assert_eq!(forged.is_closed().await, 4403);
    let doctor = app.doctor("Dora").await;
    let mut doubled = app.visitor().connects().await;
    for _ in 0..2 {
        doubled
            .subscribes(
                "1",
                "subscription ($d: [ID!]) { slotEvents(doctorIds: $d) { kind } }",
                json!({ "d": [doctor.id] }),
            )
            .await;
    }
    assert_eq!(doubled.is_closed().await, 4409);
    let mut large = Socket::open(&app.address).await;
    large.says_text(&"x".repeat(100_000)).await;
    assert_eq!(large.is_closed().await, 1009);
    let mut old = Socket::try_open(&app.address, &[]).await.unwrap();
    assert_eq!(old.is_closed().await, 4406);
}

#[tokio::test]
async fn a_socket_has_no_more_subscriptions_than_it_may_and_a_burst_of_queries_is_answered() {
    let app = TestApp::start_with(|config| config.limits.operations = 2).await;
    let doctor = app.doctor("Dora").await;
    let mut socket = app.visitor().connects().await;
    for id in ["1", "2", "3"] {
        let watch = "subscription ($d: [ID!]) { slotEvents(doctorIds: $d) { kind } }";
        socket.subscribes(id, watch, json!({ "d": [doctor.id] })).await;
    }
    let refused = socket.hears().await;
    assert_eq!(refused["type"], "error", "{refused}");
    socket.listens().await;
    for id in 0..50 {
        socket.subscribes(&format!("q{id}"), "{ __typename }", json!({})).await;
    }
    let mut answered = 0;
    while answered < 50 {
        answered += usize::from(socket.hears().await["type"] == "complete");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operation_that_begins_slowly_holds_up_nothing_else_on_its_socket() {
    let app = TestApp::start().await;
    let ada = app.patient("Ada").await;
    let mut socket = ada.connects().await;
    app.looks_up_slowly(&ada).await;
    let begun = std::time::Instant::now();
    socket.subscribes("1", "{ __typename }", json!({})).await;
    socket.says(json!({ "type": "ping" })).await;
    assert_eq!(socket.hears().await["type"], "pong");
    let pong = begun.elapsed();
    assert_eq!(socket.hears().await["type"], "next");
    let answer = begun.elapsed();
    assert!(answer > Duration::from_millis(500) && pong < answer / 2, "{pong:?}, {answer:?}");
}

#[tokio::test]
async fn nothing_begins_any_more_on_a_server_that_is_told_to_stop() {
    let app = TestApp::start().await;
    let mut sockets = Vec::new();
    for _ in 0..8 {
        sockets.push(app.visitor().connects().await);
    }
    let _app = app.stops();
    for socket in &mut sockets {
        socket.subscribes("1", "{ __typename }", json!({})).await;
    }
    for mut socket in sockets {
        assert_eq!(socket.hears_until_closed().await, (Vec::new(), 1012));
    }
}

#[tokio::test]
async fn nobody_has_more_sockets_than_they_may() {
    let limit = |config: &mut medislot::config::Config| {
        (config.limits.user_sockets, config.limits.visitor_sockets) = (2, 3);
    };
    let app = TestApp::start_with(limit).await;
    let (ada, ben) = (app.patient("Ada").await, app.patient("Ben").await);
    let is_refused = async |token: Option<&str>| {
        let mut socket = Socket::open(&app.address).await;
        let payload = token.map(|token| json!({ "authorization": format!("Bearer {token}") }));
        socket.says(json!({ "type": "connection_init", "payload": payload })).await;
        socket.next().await.err() == Some(4429)
    };
    let hers = [ada.connects().await, ada.connects().await];
    assert!(is_refused(ada.token.as_deref()).await);
    let _his = ben.connects().await;
    let _visitors = [app.visitor().connects().await, app.visitor().connects().await, app.visitor().connects().await];
    assert!(is_refused(None).await);
    let newcomers =
        [Socket::open(&app.address).await, Socket::open(&app.address).await, Socket::open(&app.address).await];
    let protocol = &[("sec-websocket-protocol", "graphql-transport-ws")];
    assert_eq!(Socket::try_open(&app.address, protocol).await.err(), Some(429), "whoever says nothing counts too");
    drop((hers, newcomers));
    eventually("there is room for newcomers", async || Socket::try_open(&app.address, protocol).await.ok()).await;
    eventually("her sockets are closed", async || (!is_refused(ada.token.as_deref()).await).then_some(())).await;
    let app = TestApp::start_with(|config| {
        limit(config);
        config.rate_limits = medislot::config::RateLimits::Off;
    })
    .await;
    let mut open = Vec::new();
    for _ in 0..5 {
        open.push(app.visitor().connects().await);
    }
}

#[tokio::test]
async fn a_client_that_says_goodbye_is_answered_in_kind() {
    let app = TestApp::start().await;
    let mut socket = app.visitor().connects().await;
    socket.closes(1000).await;
    assert_eq!(socket.is_closed().await, 1000);
}

#[tokio::test]
async fn a_socket_ends_with_the_token_that_opened_it() {
    let app = TestApp::start().await;
    let ada = app.patient("Ada").await;
    let mut socket = Socket::open(&app.address).await;
    app.passes(TimeDelta::minutes(15) - TimeDelta::milliseconds(500));
    socket.init(ada.token.as_deref()).await;
    assert!(socket.is_silent(Duration::from_millis(1_200)).await, "our clock stands still");
    app.passes(TimeDelta::milliseconds(500));
    assert_eq!(socket.is_closed().await, 4403);
    let mut late = Socket::open(&app.address).await;
    late.says(
        json!({ "type": "connection_init", "payload": { "authorization": format!("Bearer {}", ada.token.unwrap()) } }),
    )
    .await;
    assert_eq!(late.is_closed().await, 4403);
}

#[tokio::test]
async fn a_client_that_answers_no_ping_is_let_go() {
    let app = TestApp::start_with(|config| config.limits.ping_seconds = 1).await;
    let mut socket = app.visitor().connects().await;
    assert_eq!(socket.is_closed().await, 4499);
}

#[tokio::test]
async fn pages_of_other_origins_may_not_connect_where_origins_are_named() {
    let app = TestApp::start_with(|config| config.allowed_origins = vec!["https://clinic.example".to_owned()]).await;
    let connect = async |origin: &str| Socket::try_open(&app.address, &[PROTOCOL, ("origin", origin)]).await.err();
    assert_eq!(connect("https://clinic.example").await, None);
    assert_eq!(connect(&format!("http://{}", app.address)).await, None);
    assert_eq!(connect("https://evil.example").await, Some(403));
    assert_eq!(connect("null").await, Some(403));
}

#[tokio::test]
async fn a_socket_does_nothing_more_for_a_session_that_has_ended() {
    let app = TestApp::start().await;
    let ada = app.patient("Ada").await;
    let mut socket = ada.connects().await;
    ada.does("logout", "LogoutInput", json!({}), "").await;
    socket.subscribes("1", "{ viewer { email } }", json!({})).await;
    assert_eq!(socket.is_closed().await, 4403);
}

#[tokio::test]
async fn a_client_that_takes_what_it_is_sent_slowly_gets_all_of_it() {
    let app = TestApp::start_with(|config| config.limits.write_seconds = 2).await;
    let doctor = app.doctor("Dora").await;
    let input = json!({ "doctorId": doctor.id, "bio": "x".repeat(4_000) });
    doctor.actor.does("updateDoctor", "UpdateDoctorInput", input, "doctor { id }").await;
    let long = (0..40).map(|alias| format!("d{alias}: doctor {{ bio }}")).collect::<Vec<_>>().join(" ");
    let watch = format!("subscription {{ slotEvents(doctorIds: [\"{}\"]) {{ version {long} }} }}", doctor.id);
    let mut slow = Socket::open_narrow(&app.address).await;
    slow.init(None).await;
    slow.watches("1", &watch, json!({})).await;
    let changes = async {
        for _ in 0..80 {
            doctor.works(json!([])).await;
        }
    };
    let takes = async {
        let mut versions = Vec::new();
        for _ in 0..80 {
            versions.push(slow.hears().await["payload"]["data"]["slotEvents"]["version"].as_i64().unwrap());
            tokio::time::sleep(Duration::from_millis(80)).await;
        }
        versions
    };
    let ((), versions) = tokio::join!(changes, takes);
    assert_eq!(versions, (versions[0]..versions[0] + 80).collect::<Vec<_>>());
}
