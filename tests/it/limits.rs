//! What one principal may spend, and have running at a time.

use crate::support::{Actor, Backend, Server, TestApp, TestDatabase, code, codes, eventually};
use medislot::config::{Config, ProxyHeader, RateLimits};
use reqwest::Response;
use serde_json::{Value, json};
use std::time::Instant;

/// Costs more than comes back while it is answered, on however busy a machine.
const DOCTORS: &str = "{ doctors(first: 100) { nodes { id nextSlots(first: 10) { startsAt } } } }";
const BUDGET: u32 = 20_000;

fn small_budget(config: &mut Config) {
    config.limits.budget = BUDGET;
    config.limits.complexity = 10_000;
}

/// What a query costs, as the server tells it.
async fn cost_of(actor: &Actor, query: &str) -> u32 {
    let body = json!({ "query": query, "extensions": { "cost": true } });
    let answer: Value = sends(actor, &body, &[]).await.json().await.unwrap();
    u32::try_from(answer["extensions"]["cost"].as_u64().unwrap_or_else(|| panic!("{answer}"))).unwrap()
}

async fn sends(actor: &Actor, body: &Value, headers: &[(&str, &str)]) -> Response {
    let mut request = reqwest::Client::new().post(format!("http://{}/graphql", actor.address)).json(body);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    if let Some(token) = &actor.token {
        request = request.bearer_auth(token);
    }
    request.send().await.unwrap()
}

/// Asks until it is too much; how often it was not, and the answer when it was.
async fn spends_all(actor: &Actor, headers: &[(&str, &str)]) -> (u32, Response) {
    for count in 0.. {
        let response = sends(actor, &json!({ "query": DOCTORS }), headers).await;
        if response.status() != 200 {
            return (count, response);
        }
        assert!(count < 1_000, "nobody is stopped");
    }
    unreachable!()
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).unwrap_or_else(|| panic!("no {name}")).to_str().unwrap()
}

#[tokio::test]
async fn making_an_account_for_somebody_costs_what_its_password_takes() {
    let app = TestApp::start().await;
    for mutation in [
        "createDoctor(input: { clinicId: \"nowhere\", specialtyIds: [], name: \"Dan\", email: \"dan@example.com\" })",
        "inviteUser(input: { clinicId: \"nowhere\", role: ADMIN, name: \"Dan\", email: \"dan@example.com\" })",
    ] {
        let cost = cost_of(&app.admin, &format!("mutation {{ {mutation} {{ userErrors {{ code }} }} }}")).await;
        assert!(cost >= 5_000, "{mutation} costs {cost}");
    }
}

#[tokio::test]
async fn whoever_has_spent_their_budget_is_told_when_to_come_back_and_nobody_else_suffers() {
    let app = TestApp::start_with(small_budget).await;
    let (ada, ben) = (app.patient("Ada").await, app.visitor());
    let cost = cost_of(&ada, DOCTORS).await;
    let begun = Instant::now();
    let (count, refused) = spends_all(&ada, &[]).await;
    let came_back = f64::from(BUDGET) * begun.elapsed().as_secs_f64() / 60.0;
    let spent = f64::from((count + 1) * cost);
    assert!(spent <= f64::from(BUDGET) + came_back + 1.0, "{spent}");
    assert!(spent + f64::from(2 * cost) > f64::from(BUDGET), "{spent}");

    assert_eq!(refused.status(), 429);
    let seconds: u64 = header(&refused, "retry-after").parse().unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
    assert_eq!(header(&refused, "ratelimit-policy"), "\"cost\";q=20000;w=60");
    assert!(header(&refused, "ratelimit").starts_with("\"cost\";r="));
    let answer: Value = refused.json().await.unwrap();
    assert_eq!(code(&answer), "RATE_LIMITED");
    assert_eq!(answer["errors"][0]["extensions"]["retryAfter"], json!(seconds));
    assert!(answer.get("data").is_none());

    // What is not paid does not happen.
    let login = json!({ "email": ada.email, "password": "correct horse battery" });
    assert_eq!(code(&ada.does("login", "LoginInput", login, "session { accessToken }").await), "RATE_LIMITED");
    assert!(ben.sees(DOCTORS).await["doctors"].is_object());
}

#[tokio::test]
async fn every_answer_tells_what_is_left() {
    let app = TestApp::start_with(small_budget).await;
    let ada = app.patient("Ada").await;
    let left = async || {
        let response = sends(&ada, &json!({ "query": DOCTORS }), &[]).await;
        let header = header(&response, "ratelimit").to_owned();
        let left = header.strip_prefix("\"cost\";r=").and_then(|rest| rest.split(';').next());
        left.unwrap_or_else(|| panic!("{header}")).parse::<u32>().unwrap()
    };
    let (first, second) = (left().await, left().await);
    assert!(second < first && first < BUDGET, "{first} {second}");
    // So does one to what could not be read, or by whom.
    let (mut forger, query) = (ada.clone(), json!({ "query": "{ __typename }" }));
    forger.token = Some("forged".to_owned());
    let malformed = |actor: &Actor| {
        let request = reqwest::Client::new().post(format!("http://{}/graphql", actor.address)).body("{");
        request.header("content-type", "application/json").send()
    };
    for (status, answer) in [
        (200, sends(&ada, &json!({ "query": "{ nothing }" }), &[]).await),
        (400, malformed(&ada).await.unwrap()),
        (401, sends(&forger, &query, &[]).await),
        (406, sends(&ada, &query, &[("accept", "image/png")]).await),
        (415, sends(&ada, &query, &[("content-encoding", "gzip")]).await),
        (413, sends(&ada, &json!({ "query": "x".repeat(300_000) }), &[]).await),
    ] {
        assert_eq!(answer.status(), status);
        assert!(header(&answer, "ratelimit").starts_with("\"cost\";r="), "{status}");
        assert_eq!(header(&answer, "ratelimit-policy"), "\"cost\";q=20000;w=60", "{status}");
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_paid_by_its_length() {
    let app = TestApp::start_with(small_budget).await;
    let ada = app.patient("Ada").await;
    for token in [ada.token.as_deref(), None] {
        for count in 0.. {
            let request = reqwest::Client::new().post(format!("http://{}/graphql", app.address));
            let request = request.header("content-type", "application/json").body("x".repeat(200_000));
            let request = if let Some(token) = token { request.bearer_auth(token) } else { request };
            let answer = request.send().await.unwrap();
            if answer.status() == 429 {
                assert!(count > 1 && header(&answer, "ratelimit").starts_with("\"cost\";r="), "{count}");
                break;
            }
            assert_eq!(answer.status(), 400);
            assert!(count < 20, "nobody is stopped");
        }
    }
}

#[tokio::test]
async fn what_is_too_large_or_wants_another_answer_is_paid_by_its_length_too() {
    let app = TestApp::start_with(small_budget).await;
    let left = async |length: usize, accept: &str, status: u16| {
        let request = reqwest::Client::new().post(format!("http://{}/graphql", app.address)).header("accept", accept);
        let request = request.header("content-type", "application/json").body("x".repeat(length));
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), status);
        let left = header(&answer, "ratelimit").strip_prefix("\"cost\";r=").unwrap();
        left.split(';').next().unwrap().parse::<u32>().unwrap()
    };
    let whole = left(1, "*/*", 400).await;
    let too_large = left(300_000, "*/*", 413).await;
    assert!(whole - too_large > 3_000, "{whole} {too_large}");
    let unacceptable = left(200_000, "image/png", 406).await;
    assert!(too_large - unacceptable > 2_000, "{too_large} {unacceptable}");
}

#[tokio::test]
async fn what_is_refused_is_not_free_nor_are_variables() {
    let app = TestApp::start_with(small_budget).await;
    let mut ada = app.patient("Ada").await;
    let long = "x".repeat(200_000);
    let (nonsense, undeclared) = (format!("{{ {long} "), json!({ "long": long }));
    for body in [json!({ "query": nonsense }), json!({ "query": "{ __typename }", "variables": undeclared })] {
        for count in 0.. {
            let response = sends(&ada, &body, &[]).await;
            if response.status() == 429 {
                break;
            }
            assert!(count < 200, "nobody is stopped");
        }
        ada = app.patient("Ada").await;
    }
}

#[tokio::test]
async fn over_a_socket_only_the_operation_is_refused() {
    let app = TestApp::start_with(small_budget).await;
    let ada = app.patient("Ada").await;
    let mut socket = ada.connects().await;
    spends_all(&ada, &[]).await;
    socket.subscribes("1", DOCTORS, json!({})).await;
    let refused = socket.hears().await;
    assert_eq!((&refused["id"], &refused["type"]), (&json!("1"), &json!("error")));
    assert_eq!(refused["payload"][0]["extensions"]["code"], "RATE_LIMITED");
    assert!(refused["payload"][0]["extensions"]["retryAfter"].is_u64());
    socket.says(json!({ "type": "ping" })).await;
    assert_eq!(socket.hears().await["type"], "pong");
}

#[tokio::test]
async fn visitors_pay_by_address_and_proxies_are_believed_only_where_they_are_trusted() {
    let app = TestApp::start_with(small_budget).await;
    let visitor = app.visitor();
    spends_all(&visitor, &[("x-forwarded-for", "203.0.113.1")]).await;
    let elsewhere = sends(&visitor, &json!({ "query": DOCTORS }), &[("x-forwarded-for", "203.0.113.2")]).await;
    assert_eq!(elsewhere.status(), 429, "a client said where it is, and was believed");

    let behind_one = TestApp::start_with(|config| {
        small_budget(config);
        (config.trusted_proxies, config.proxy_header) = (1, ProxyHeader::XForwardedFor);
    })
    .await;
    let visitor = behind_one.visitor();
    spends_all(&visitor, &[("x-forwarded-for", "198.51.100.7, 203.0.113.1")]).await;
    let query = json!({ "query": DOCTORS });
    let spoofed = sends(&visitor, &query, &[("x-forwarded-for", "198.51.100.8, 203.0.113.1")]).await;
    assert_eq!(spoofed.status(), 429);
    let elsewhere = sends(&visitor, &query, &[("x-forwarded-for", "198.51.100.7, 203.0.113.2")]).await;
    assert_eq!(elsewhere.status(), 200);
}

#[tokio::test]
async fn without_rate_limits_budgets_are_lifted_and_the_limits_of_size_and_cost_are_not() {
    let app = TestApp::start_with(|config| {
        small_budget(config);
        (config.limits.requests, config.limits.subscriptions) = (1, 1);
        config.rate_limits = RateLimits::Off;
    })
    .await;
    let visitor = app.visitor();
    let cost = cost_of(&visitor, DOCTORS).await;
    for _ in 0..=BUDGET / cost {
        visitor.sees(DOCTORS).await;
    }
    let response = sends(&visitor, &json!({ "query": DOCTORS }), &[]).await;
    assert!(response.headers().get("ratelimit").is_none());
    let doctor = app.doctor("Dora").await;
    let events = format!("subscription {{ slotEvents(doctorIds: [\"{}\"]) {{ version }} }}", doctor.id);
    let mut socket = visitor.connects().await;
    for id in ["1", "2"] {
        socket.watches(id, &events, json!({})).await;
    }
    let costly = "{ doctors(first: 100) { nodes { specialties { doctors(first: 100) { nodes { id } } } } } }";
    assert_eq!(code(&visitor.asks(costly, json!({})).await), "QUERY_TOO_COMPLEX");
    let long = format!("{{ {} }}", "__typename ".repeat(4_000));
    assert_eq!(code(&visitor.asks(&long, json!({})).await), "QUERY_TOO_COMPLEX");
}

#[tokio::test]
async fn one_has_so_many_operations_at_a_time() {
    let app = TestApp::start_with(|config| (config.limits.requests, config.limits.subscriptions) = (1, 1)).await;
    let doctor = app.doctor("Dora").await;
    let (ada, ben) = (app.patient("Ada").await, app.patient("Ben").await);
    let slot = doctor.slots(&app, 1).await[0].clone();
    let transaction = app.app.services.database.begin().await.unwrap();
    medislot::calendar::take_turn_in(&transaction, doctor.id.parse().unwrap()).await.unwrap();
    let booking = tokio::spawn({
        let (ada, slot) = (ada.clone(), slot.clone());
        async move {
            // It may find the other one running.
            loop {
                let held = ada.holds(&slot).await;
                if codes(&held) != ["RATE_LIMITED"] {
                    return held;
                }
            }
        }
    });
    let refused = eventually("a second one is refused", async || {
        let response = sends(&ada, &json!({ "query": "{ viewer { id } }" }), &[]).await;
        (response.status() == 429).then_some(response)
    })
    .await;
    assert_eq!(header(&refused, "retry-after"), "1");
    assert!(ben.sees("{ viewer { id } }").await["viewer"].is_object());
    drop(transaction);
    assert!(booking.await.unwrap()["appointment"].is_object());
    assert!(ada.sees("{ viewer { id } }").await["viewer"].is_object());

    let events = &format!("subscription {{ slotEvents(doctorIds: [\"{}\"]) {{ version }} }}", doctor.id);
    let (mut here, mut there) = (ada.connects().await, ada.connects().await);
    here.watches("1", events, json!({})).await;
    there.subscribes("1", events, json!({})).await;
    assert_eq!(there.hears().await["payload"][0]["extensions"]["code"], "RATE_LIMITED");
    let streamed = sends(&ada, &json!({ "query": events }), &[("accept", "text/event-stream")]).await;
    assert_eq!(streamed.status(), 429);
    here.says(json!({ "type": "complete", "id": "1" })).await;
    eventually("there is room again", async || {
        there.subscribes("2", events, json!({})).await;
        there.says(json!({ "type": "ping" })).await;
        let is_open = there.hears().await["type"] == "pong";
        if !is_open {
            there.hears().await;
        }
        is_open.then_some(())
    })
    .await;
}

#[tokio::test]
async fn all_processes_take_from_one_budget() {
    if Backend::chosen() == Backend::Sqlite {
        return;
    }
    let database = TestDatabase::create().await;
    let start = || {
        let mut command = Server::command(&database, &["serve", "--listen", "127.0.0.1:0"]);
        command.env("MEDISLOT_LIMITS__BUDGET", BUDGET.to_string()).env("MEDISLOT_LIMITS__COMPLEXITY", "10000");
        Server::spawn(command)
    };
    let (one, two) = (start(), start());
    let mut ada = Actor::visitor(&one.address);
    ada.registers("Ada").await;
    let mut there = ada.clone();
    there.address.clone_from(&two.address);
    let cost = cost_of(&there, DOCTORS).await;
    let (count, _) = spends_all(&ada, &[]).await;
    let (rest, _) = spends_all(&there, &[]).await;
    assert!(count * cost > BUDGET / 2, "{count} of {cost}");
    assert!(rest <= 5, "the other process had a budget of its own: {rest} after {count}");
}

#[tokio::test]
async fn where_redis_does_not_answer_each_process_counts_for_itself() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = listener.local_addr().unwrap();
    drop(listener);
    let app = TestApp::start_with(|config| {
        small_budget(config);
        config.redis_url = Some(format!("redis://{nobody}").into());
    })
    .await;
    let ada = app.patient("Ada").await;
    let (count, refused) = spends_all(&ada, &[]).await;
    assert!(count > 0);
    assert_eq!(codes(&refused.json().await.unwrap()), ["RATE_LIMITED"]);
}
