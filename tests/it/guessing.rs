//! Guessing is slow, and tells nothing.

use crate::support::{PASSWORD, TestApp, code};
use chrono::TimeDelta;
use entity::user;
use medislot::config::ProxyHeader;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, sea_query::Expr};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Tries to sign in, or to register, from some place behind the proxy; the answer.
async fn tries(app: &TestApp, mutation: &str, input: Value, place: &str) -> Value {
    let input_type = format!("{}{}Input", mutation[..1].to_uppercase(), &mutation[1..]);
    let query =
        format!("mutation ($input: {input_type}!) {{ {mutation}(input: $input) {{ userErrors {{ code message }} }} }}");
    let request = reqwest::Client::new().post(format!("http://{}/graphql", app.address));
    let request =
        request.header("x-forwarded-for", place).json(&json!({ "query": query, "variables": { "input": input } }));
    let answer: Value = request.send().await.unwrap().json().await.unwrap();
    answer["data"][mutation].clone()
}

async fn behind_a_proxy() -> TestApp {
    TestApp::start_with(|config| {
        (config.trusted_proxies, config.proxy_header) = (1, ProxyHeader::XForwardedFor);
        config.limits.attempts_from_one_place = 4;
    })
    .await
}

#[tokio::test]
async fn one_password_tried_on_many_addresses_makes_the_place_wait_that_it_comes_from() {
    let app = behind_a_proxy().await;
    let ada = app.patient("Ada").await;
    let guess = async |email: &str, place: &str| {
        code(&tries(&app, "login", json!({ "email": email, "password": "medislot" }), place).await)
    };
    for number in 0..4 {
        assert_eq!(guess(&format!("{number}@example.com"), "203.0.113.1").await, "INVALID_CREDENTIALS");
    }
    assert_eq!(guess("5@example.com", "203.0.113.1").await, "TOO_MANY_ATTEMPTS");
    assert_eq!(guess("5@example.com", "203.0.113.2").await, "INVALID_CREDENTIALS");
    // Whoever sits there with the right password waits as well, but not in vain.
    let right = json!({ "email": ada.email, "password": PASSWORD });
    let refused = tries(&app, "login", right.clone(), "203.0.113.1").await;
    assert_eq!(refused["userErrors"][0]["message"], "Too many attempts. Try again in 2 s.");
    app.passes(TimeDelta::seconds(2));
    assert_eq!(tries(&app, "login", right, "203.0.113.1").await["userErrors"], json!([]));
}

#[tokio::test]
async fn no_place_is_too_near_to_be_counted() {
    let app = behind_a_proxy().await;
    for place in ["::1", "0.0.0.0", "127.0.0.1"] {
        for expected in ["INVALID_CREDENTIALS"; 4].into_iter().chain(["TOO_MANY_ATTEMPTS"]) {
            let input = json!({ "email": format!("{}@example.com", uuid::Uuid::now_v7()), "password": "medislot" });
            assert_eq!(code(&tries(&app, "login", input, place).await), expected, "{place}");
        }
    }
}

#[tokio::test]
async fn who_asks_for_many_addresses_whether_they_are_taken_has_to_wait() {
    let app = behind_a_proxy().await;
    let ada = app.patient("Ada").await;
    let register = async |place: &str| {
        let input = json!({ "email": ada.email, "password": "violet otter gramophone", "name": "Ada" });
        code(&tries(&app, "register", input, place).await)
    };
    for _ in 0..4 {
        assert_eq!(register("203.0.113.1").await, "EMAIL_TAKEN");
    }
    assert_eq!(register("203.0.113.1").await, "TOO_MANY_ATTEMPTS");
    assert_eq!(register("203.0.113.2").await, "EMAIL_TAKEN");
}

#[tokio::test]
async fn a_request_with_a_hundred_logins_counts_as_a_hundred() {
    let app = TestApp::start_with(|config| {
        (config.limits.complexity, config.limits.budget) = (600_000, 600_000);
        config.limits.password_attempts = 3;
    })
    .await;
    let ada = app.patient("Ada").await;
    let logins = (0..100).map(|number| format!("a{number}: login(input: $input) {{ userErrors {{ code }} }} "));
    let query = format!("mutation ($input: LoginInput!) {{ {} }}", logins.collect::<String>());
    let input = json!({ "email": ada.email, "password": "wrong password" });
    let answer = ada.asks(&query, json!({ "input": input })).await;
    let payloads = answer["data"].as_object().unwrap_or_else(|| panic!("{answer}"));
    let tried = payloads.values().filter(|payload| code(payload) == "INVALID_CREDENTIALS").count();
    let refused = payloads.values().filter(|payload| code(payload) == "TOO_MANY_ATTEMPTS").count();
    assert_eq!((tried, refused), (3, 97));
}

#[tokio::test]
async fn a_password_that_is_changed_while_it_is_looked_at_lets_nobody_in() {
    let app = TestApp::start_with(|config| config.limits.password_hashes = 1).await;
    let (ada, ben) = (app.patient("Ada").await, app.patient("Ben").await);
    let login = |email: String| {
        let visitor = app.visitor();
        let input = json!({ "email": email, "password": PASSWORD });
        tokio::spawn(async move { visitor.does("login", "LoginInput", input, "session { accessToken }").await })
    };
    // Those before them keep the only thread that hashes busy until everything is changed.
    let before: Vec<_> = (0..40).map(|number| login(format!("{number}@example.com"))).collect();
    tokio::time::sleep(Duration::from_millis(20)).await;
    let theirs = [login(ada.email.clone()), login(ben.email.clone())];
    tokio::time::sleep(Duration::from_millis(100)).await;
    let transaction = app.app.services.database.begin().await.unwrap();
    for (column, value, id) in [
        (user::Column::PasswordHash, Expr::value("another"), &ada.id),
        (user::Column::Active, Expr::value(false), &ben.id),
    ] {
        let update = user::Entity::update_many().col_expr(column, value);
        let update = update.filter(user::Column::Id.eq(id.parse::<entity::id::UserId>().unwrap()));
        update.exec(&*transaction).await.unwrap();
    }
    transaction.commit().await.unwrap();
    assert!(!before.iter().all(tokio::task::JoinHandle::is_finished), "there was nothing to wait for");
    for login in theirs {
        assert_eq!(code(&login.await.unwrap()), "INVALID_CREDENTIALS");
    }
}

#[tokio::test]
async fn an_unknown_address_takes_as_long_as_a_known_one_from_the_first_try_on() {
    let app = TestApp::start().await;
    let ada = app.patient("Ada").await;
    let visitor = app.visitor();
    let time = async |email: &str| {
        let begun = Instant::now();
        let input = json!({ "email": email, "password": "wrong password" });
        assert_eq!(code(&visitor.does("login", "LoginInput", input, "").await), "INVALID_CREDENTIALS");
        begun.elapsed()
    };
    let (mut unknown, mut known) = (Duration::MAX, Duration::MAX);
    for _ in 0..8 {
        unknown = unknown.min(time("nobody@example.com").await);
        known = known.min(time(&ada.email).await);
    }
    let (less, more) = (unknown.min(known), unknown.max(known));
    // What it would take without hashing is a twentieth of that.
    assert!(more < 2 * less + Duration::from_millis(5), "{unknown:?} {known:?}");
}

#[tokio::test]
async fn nobody_has_letters_sent_without_end_by_changing_a_profile_and_none_to_an_address_that_nobody_has_proven() {
    let app = TestApp::start_with(|config| config.limits.password_attempts = 4).await;
    let ada = app.patient("Ada").await;
    let change = async |zone: &str| {
        let input = json!({ "timeZone": zone });
        let changed = ada.does("updateProfile", "UpdateProfileInput", input, "user { timeZone }").await;
        app.works().await;
        changed
    };
    let confirm = app.token_for(&ada.email, "verify-email").await;
    assert_eq!(change("Europe/Berlin").await["user"]["timeZone"], "Europe/Berlin");
    let last = app.message_to(&ada.email).await.unwrap();
    assert!(last.contains(&confirm), "nobody knows yet whose address it is: {last}");
    ada.does("verifyEmail", "VerifyEmailInput", json!({ "token": confirm }), "user { id }").await;
    assert_eq!(change("Europe/Paris").await["user"]["timeZone"], "Europe/Paris");
    let last = app.message_to(&ada.email).await.unwrap();
    assert!(last.contains("your time zone changed"), "{last}");
    for zone in ["Europe/Berlin", "Europe/Paris"] {
        assert_eq!(change(zone).await["user"]["timeZone"], zone);
    }
    assert_eq!(code(&change("Europe/Berlin").await), "TOO_MANY_ATTEMPTS");
    assert_eq!(ada.sees("{ viewer { timeZone } }").await["viewer"]["timeZone"], "Europe/Paris");
    app.passes(TimeDelta::seconds(2));
    assert_eq!(change("Europe/Berlin").await["user"]["timeZone"], "Europe/Berlin");
}
