//! What the README claims about accounts: proving who one is and paying for a request cost next to nothing, and hashing passwords disturbs nobody
//! who reads.
//!
//! `cargo bench --bench accounts` runs on SQLite, with data of its own; with `REDIS_URL` budgets are measured there too. A word behind `--` chooses
//! what is measured: `tokens`, `budgets`, `passwords`; all of it where there is none.

mod support;

use aws_lc_rs::signature::Ed25519KeyPair;
use base64::{Engine, prelude::BASE64_STANDARD};
use chrono::TimeDelta;
use entity::session;
use medislot::{
    accounts::{Account, Accounts, Tokens},
    app::App,
    config::Config,
    infra::{budget::Budgets, db::count_statements, redis::Redis},
    kernel::{
        client::{Client as Program, Principal},
        clock::{Clock, SystemClock},
        id::{SessionId, UserId},
    },
};
use sea_orm::{ActiveValue::Set, EntityTrait};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use support::{Client, Report, Samples, Server};
use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};

/// How often somebody pays.
const PAYMENTS: u32 = 10_000;
/// How often a token is verified.
const TRIES: usize = 20_000;
/// How many people use their tokens in turns.
const PEOPLE: usize = 5_000;
/// How many of them come at once.
const AT_ONCE: usize = 50;
/// How many requests are sent with a token, and as many without.
const REQUESTS: usize = 5_000;
const LOGINS_A_SECOND: u64 = 50;
const READS_A_SECOND: u64 = 200;
/// How often it is quiet and busy, in turns, and for how long each time.
const ROUNDS: usize = 4;
const ROUND: Duration = Duration::from_secs(10);

const EMAIL: &str = "ada@example.com";
const PASSWORD: &str = "correct horse battery";

const SMALL: &str = "{ __typename }";
const READ: &str =
    "{ doctors(first: 20) { nodes { name specialties { name } clinic { name } nextSlots(first: 3) { startsAt } } } }";

#[tokio::main]
async fn main() {
    let chosen: Vec<_> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let is_chosen = |what: &str| chosen.is_empty() || chosen.iter().any(|word| word == what);
    let mut report = Report::default();
    if is_chosen("budgets") {
        payments("a budget in the process", Budgets::new(u32::MAX, None), 1).await;
        if let Ok(url) = std::env::var("REDIS_URL") {
            let redis = || Some((Redis::try_new(&url).expect("an address"), UserId::new().to_string()));
            payments(
                "a budget in Redis, a hundred requests from an advance",
                Budgets::new(1_000_000_000, redis()),
                100_000,
            )
            .await;
            payments("a budget in Redis, asked for each request", Budgets::new(1_000_000_000, redis()), 9_900_000)
                .await;
        }
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().display().to_string();
    let server = Server::start(&[], &[("MEDISLOT_DATA_DIR", &path)]);
    if is_chosen("tokens") {
        verification(&mut report).await;
        requests(&mut report, &server).await;
    }
    if is_chosen("passwords") {
        hashing(&mut report, &server).await;
    }
    report.finish();
}

/// Somebody who pays again and again.
async fn payments(name: &str, budgets: Budgets, cost: u32) {
    let payers: Vec<_> = (0..100).map(|_| UserId::new()).collect();
    let mut samples = Samples::default();
    let begun = Instant::now();
    for _ in 0..PAYMENTS {
        // Each of many, so that no budget is spent.
        let principal = Principal::User(payers[samples.len() % payers.len()]);
        let paid = samples.measure(budgets.spend(principal, cost)).await;
        assert!(paid.is_ok(), "there is enough");
    }
    Report::note(&format!("{name}, median"), samples.percentile(0.5) * 1_000.0, "µs");
    Report::note(&format!("{name}, mean"), begun.elapsed().as_secs_f64() * 1e6 / f64::from(PAYMENTS), "µs");
}

/// The thing itself, without a request around it.
async fn verification(report: &mut Report) {
    let folder = tempfile::tempdir().expect("a folder");
    let key = Ed25519KeyPair::generate().and_then(|pair| pair.to_pkcs8v1()).expect("a key");
    let key = BASE64_STANDARD.encode(key);
    let key = format!("-----BEGIN PRIVATE KEY-----\n{key}\n-----END PRIVATE KEY-----\n");
    let config =
        Config { data_dir: folder.path().to_owned(), signing_key: Some(key.clone().into()), ..Config::default() };
    let app = App::start(config, Arc::new(SystemClock)).await.expect("it starts");
    let accounts = &app.services.accounts;
    let account = Account {
        email: EMAIL.to_owned(),
        password: PASSWORD.into(),
        name: "Ada".to_owned(),
        phone: None,
        time_zone: None,
    };
    let session = accounts.register(account, &Program::default()).await.expect("she registers");
    let token = session.access_token.expose_secret();
    let (samples, statements) = count_statements(verify(accounts, &[token.to_owned()], TRIES, Duration::ZERO)).await;
    // One before it is known, and one for each second in which the machine had other things to do.
    assert!(statements <= 5, "{statements} statements for {TRIES} verifications");
    report.at_most("a token and its session, median", samples.percentile(0.5) * 1_000.0, 50.0, "µs");
    Report::note("a token and its session, p99", samples.percentile(0.99) * 1_000.0, "µs");

    // Many at a frontend, each of whom asks for something once every two seconds.
    let tokens = many_sign_in(&app, &key, session.user.id).await;
    verify(accounts, &tokens, PEOPLE, Duration::ZERO).await;
    let groups = u32::try_from(PEOPLE / AT_ONCE).expect("few");
    let (samples, statements) =
        count_statements(verify(accounts, &tokens, 5 * PEOPLE, Duration::from_secs(2) / groups)).await;
    report.at_most(
        "statements in 25,000 requests of five thousand people in ten seconds",
        f64::from(statements),
        250.0,
        "",
    );
    report.at_most("a token of one of many, median", samples.percentile(0.5) * 1_000.0, 50.0, "µs");
}

/// The tokens of as many sessions as there are people. They are what signing in would have written, but for hashing thousands of passwords; to
/// whoever verifies tokens it is the same whether they are one user's.
async fn many_sign_in(app: &App, key: &str, user_id: UserId) -> Vec<String> {
    let (now, sessions) = (SystemClock.now(), (0..PEOPLE).map(|_| SessionId::new()).collect::<Vec<_>>());
    let row = |id: &SessionId| session::ActiveModel {
        id: Set(*id),
        user_id: Set(user_id),
        device: Set(None),
        created_at: Set(now),
        last_used_at: Set(now),
        expires_at: Set(now + TimeDelta::days(30)),
        ended_at: Set(None),
    };
    let transaction = app.services.database.begin().await.expect("a transaction");
    for some in sessions.chunks(500) {
        session::Entity::insert_many(some.iter().map(row)).exec(&*transaction).await.expect("sessions");
    }
    transaction.commit().await.expect("they are written");
    let issuer = Tokens::from_pem(key).expect("a key");
    let token = |id| issuer.issue(user_id, id, now).expect("a token").0.expose_secret().to_owned();
    sessions.into_iter().map(token).collect()
}

/// Verifies tokens in turns, with a pause after those that come at once.
async fn verify(accounts: &Accounts, tokens: &[String], tries: usize, pause: Duration) -> Samples {
    let mut samples = Samples::default();
    for (number, token) in tokens.iter().cycle().take(tries).enumerate() {
        let proven = samples.measure(accounts.authenticate(token)).await;
        assert!(std::hint::black_box(proven).is_ok(), "the token is good");
        if number % AT_ONCE == 0 && !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
    }
    samples
}

/// What a token adds to the smallest request over one connection: with and without it in turns.
async fn requests(report: &mut Report, server: &Server) {
    let visitor = Client::new(server);
    let patient = visitor.clone().signs_in("patient@medislot.test").await;
    let (mut without, mut with) = (Samples::default(), Samples::default());
    for _ in 0..REQUESTS {
        without.measure(visitor.asks(SMALL, &Value::Null)).await;
        with.measure(patient.asks(SMALL, &Value::Null)).await;
    }
    let [without, with] = [&without, &with].map(|samples| samples.percentile(0.5) * 1_000.0);
    Report::note("the smallest request of a visitor, median", without, "µs");
    report.at_most("a token adds to that, median", (with - without).max(0.0), 50.0, "µs");
}

/// Reads while nobody signs in, and while many try to.
async fn hashing(report: &mut Report, server: &Server) {
    let client = Client::new(server);
    reads(&client).await;
    let (mut quiet, mut busy, mut logins) = (Samples::default(), Samples::default(), 0);
    for _ in 0..ROUNDS {
        quiet.extend(reads(&client).await);
        let trying = tokio::spawn(tries_to_sign_in(client.clone()));
        busy.extend(reads(&client).await);
        logins += trying.await.expect("they come to an end");
    }
    #[expect(clippy::cast_precision_loss, reason = "few")]
    let (rate, wanted) = (logins as f64 / (ROUND.as_secs_f64() * ROUNDS as f64), LOGINS_A_SECOND as f64);
    Report::note("logins that were tried", wanted, "/s");
    Report::note("logins that were answered", rate, "/s");
    Report::note("reads while nobody signs in, median", quiet.percentile(0.5), "ms");
    Report::note("reads while many try to, median", busy.percentile(0.5), "ms");
    Report::note("reads while nobody signs in, p99", quiet.percentile(0.99), "ms");
    report.at_most("reads while many try to, p99", busy.percentile(0.99), 2.0 * quiet.percentile(0.99), "ms");
}

/// Reads evenly for one round.
async fn reads(client: &Client) -> Samples {
    let mut samples = Samples::default();
    let mut ticks = interval(Duration::from_millis(1_000 / READS_A_SECOND));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let begun = Instant::now();
    while begun.elapsed() < ROUND {
        ticks.tick().await;
        samples.measure(client.asks(READ, &Value::Null)).await;
    }
    samples
}

/// Tries evenly to sign in for one round, with right passwords, wrong ones and unknown addresses; how many were answered.
async fn tries_to_sign_in(client: Client) -> usize {
    let login = "mutation ($input: LoginInput!) { login(input: $input) { userErrors { code } } }";
    let people = [
        ("patient@medislot.test", "medislot-demo"),
        ("doctor@medislot.test", "not the password"),
        ("nobody@medislot.test", "medislot-demo"),
    ];
    let mut ticks = interval(Duration::from_millis(1_000 / LOGINS_A_SECOND));
    let mut trying = JoinSet::new();
    let begun = Instant::now();
    for (email, password) in people.into_iter().cycle() {
        ticks.tick().await;
        if begun.elapsed() >= ROUND {
            break;
        }
        let client = client.clone();
        let input = json!({ "input": { "email": email, "password": password } });
        trying.spawn(async move { client.sends(login, &input).await["data"]["login"].is_object() });
    }
    trying.join_all().await.into_iter().filter(|is_answered| *is_answered).count()
}
