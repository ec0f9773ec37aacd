//! Tokens that prove nothing.

use crate::support::{Actor, Server, TestApp, TestDatabase, code, codes, eventually};
use base64::{Engine, prelude::BASE64_STANDARD, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::TimeDelta;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use medislot::infra::db::count_statements;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, sea_query::Expr};
use serde_json::{Value, json};
use std::time::Duration;

/// An Ed25519 private key in PEM.
pub fn new_key() -> String {
    let key = aws_lc_rs::signature::Ed25519KeyPair::generate().unwrap().to_pkcs8v1().unwrap();
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", BASE64_STANDARD.encode(key))
}

fn part(token: &str, number: usize) -> Value {
    let part = token.split('.').nth(number).unwrap();
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

fn encoded(value: &Value) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(value.to_string())
}

/// A token that `key` signed with these claims.
fn signed(key: &str, key_id: Option<&str>, claims: &Value) -> String {
    let header = Header { kid: key_id.map(str::to_owned), ..Header::new(Algorithm::EdDSA) };
    jsonwebtoken::encode(&header, claims, &EncodingKey::from_ed_pem(key.as_bytes()).unwrap()).unwrap()
}

#[tokio::test]
async fn only_a_token_that_we_signed_for_ourselves_for_this_time_proves_anything() {
    let key = new_key();
    let app = TestApp::start_with(|config| config.signing_key = Some(key.clone().into())).await;
    let ada = app.patient("Ada").await;
    let good = ada.token.clone().unwrap();
    let (header, claims) = (part(&good, 0), part(&good, 1));
    let key_id = header["kid"].as_str();
    let with = |name: &str, value: Value| {
        let mut claims = claims.clone();
        claims[name] = value;
        claims
    };
    let without = |name: &str| {
        let mut claims = claims.clone();
        claims.as_object_mut().unwrap().remove(name);
        claims
    };
    let at = |minutes: i64| json!((app.now() + TimeDelta::minutes(minutes)).timestamp());
    let keys: Value =
        reqwest::get(format!("http://{}/.well-known/jwks.json", app.address)).await.unwrap().json().await.unwrap();
    let public = BASE64_URL_SAFE_NO_PAD.decode(keys["keys"][0]["x"].as_str().unwrap()).unwrap();
    let symmetric = |secret: &[u8]| {
        let header = Header { kid: key_id.map(str::to_owned), ..Header::new(Algorithm::HS256) };
        jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(secret)).unwrap()
    };
    let signature = good.split('.').nth(2).unwrap();
    let bad = [
        ("alg none, unsigned", format!("{}.{}.", encoded(&json!({ "alg": "none", "kid": key_id })), encoded(&claims))),
        (
            "alg none, signed",
            format!("{}.{}.{signature}", encoded(&json!({ "alg": "none", "kid": key_id })), encoded(&claims)),
        ),
        ("HS256 with the public key", symmetric(&public)),
        ("HS256 with the public key as it is published", symmetric(keys["keys"][0]["x"].as_str().unwrap().as_bytes())),
        ("another's key", signed(&new_key(), key_id, &claims)),
        ("no key id", signed(&key, None, &claims)),
        ("an unknown key id", signed(&key, Some("unknown"), &claims)),
        ("for somebody else", signed(&key, key_id, &with("aud", json!("elsewhere")))),
        ("for nobody", signed(&key, key_id, &without("aud"))),
        ("by somebody else", signed(&key, key_id, &with("iss", json!("elsewhere")))),
        ("by nobody", signed(&key, key_id, &without("iss"))),
        ("expired", signed(&key, key_id, &with("exp", at(-1)))),
        ("without an end", signed(&key, key_id, &without("exp"))),
        ("issued in the future", signed(&key, key_id, &with("iat", at(5)))),
        ("not yet good", signed(&key, key_id, &with("nbf", at(5)))),
        ("at the end of time", signed(&key, key_id, &with("iat", json!(i64::MAX)))),
        ("of no session", signed(&key, key_id, &with("sid", json!("session_01h455vb4pex5vsknk084sn02q")))),
        ("of a session that is none", signed(&key, key_id, &with("sid", json!("' OR 1=1")))),
        (
            "other claims under our signature",
            format!(
                "{}.{}.{signature}",
                encoded(&header),
                encoded(&with("sub", json!("user_01h455vb4pex5vsknk084sn02q")))
            ),
        ),
    ];
    let ask = async |token: &str| {
        let request = reqwest::Client::new().post(format!("http://{}/graphql", app.address)).bearer_auth(token);
        request.json(&json!({ "query": "{ doctors { totalCount } }" })).send().await.unwrap()
    };
    for (what, token) in bad {
        let response = ask(&token).await;
        assert_eq!(response.status(), 401, "{what}");
        let answer: Value = response.json().await.unwrap();
        assert_eq!(codes(&answer), ["UNAUTHENTICATED"], "{what}");
        assert!(answer.get("data").is_none(), "{what}");
    }
    assert_eq!(ask(&signed(&key, key_id, &with("nbf", at(0)))).await.status(), 200, "what is changed above was good");
    assert_eq!(ask(&good).await.status(), 200);
}

#[tokio::test]
async fn refused_tokens_are_paid_by_where_they_come_from() {
    let app = TestApp::start_with(|config| {
        (config.trusted_proxies, config.proxy_header) = (1, medislot::config::ProxyHeader::XForwardedFor);
        // As good as used up by the first login.
        (config.limits.complexity, config.limits.budget) = (5_200, 5_200);
    })
    .await;
    let client = reqwest::Client::new();
    let asks = async |place: &str, token: Option<&str>, query: &str| {
        let request = client.post(format!("http://{}/graphql", app.address)).header("x-forwarded-for", place);
        let request = if let Some(token) = token { request.bearer_auth(token) } else { request };
        let answer = request.json(&json!({ "query": query })).send().await.unwrap();
        assert!(answer.headers().contains_key("ratelimit"), "{}", answer.status());
        answer.status().as_u16()
    };
    let login = r#"mutation { login(input: { email: "a@example.com", password: "wrong" }) { userErrors { code } } }"#;
    assert_eq!(asks("203.0.113.1", None, login).await, 200);
    let from = async |place: &str| {
        let refused = (0..400).map(|_| asks(place, Some("forged"), "{ viewer { id } }"));
        futures_util::future::join_all(refused).await
    };
    assert!(from("203.0.113.1").await.contains(&401));
    // Something comes back meanwhile.
    eventually("it is spent", async || from("203.0.113.1").await.contains(&429).then_some(())).await;
    assert!(from("203.0.113.2").await.iter().all(|status| *status == 401), "it has a budget of its own");
}

#[tokio::test]
async fn a_session_that_has_ended_is_looked_up_once_in_a_second_at_most() {
    let app = TestApp::start().await;
    let (ada, ben) = (app.patient("Ada").await, app.patient("Ben").await);
    let services = &app.app.services;
    let uses = async |actor: &Actor| {
        let (proven, statements) =
            count_statements(services.accounts.authenticate(actor.token.as_deref().unwrap())).await;
        (proven.is_ok(), statements)
    };
    assert_eq!(codes(&ada.does("logout", "LogoutInput", json!({}), "").await), [""; 0]);
    // Ben's has ended, long ago, where nobody is told.
    let transaction = services.database.begin().await.unwrap();
    entity::session::Entity::update_many()
        .col_expr(entity::session::Column::EndedAt, Expr::value(app.now() - TimeDelta::hours(1)))
        .filter(entity::session::Column::UserId.eq(ben.id.parse::<entity::id::UserId>().unwrap()))
        .exec(&*transaction)
        .await
        .unwrap();
    transaction.commit().await.unwrap();
    // What was known of them is not believed any more.
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    assert_eq!(uses(&ada).await, (false, 0));
    assert_eq!([uses(&ben).await, uses(&ben).await], [(false, 1), (false, 0)]);
}

#[tokio::test]
async fn what_is_refused_stands_in_the_log_without_token_password_or_address() {
    let database = TestDatabase::create().await;
    let path = database.folder.path().join("log");
    let mut command = Server::command(&database, &["serve", "--listen", "127.0.0.1:0"]);
    command.env("RUST_LOG", "trace").stderr(std::fs::File::create(&path).unwrap());
    let server = Server::spawn(command);
    let mut ada = Actor::visitor(&server.address);
    ada.registers("Ada").await;
    let good = ada.token.clone().unwrap();
    let claims = good.split('.').nth(1).unwrap();
    let forged = format!("{}.{claims}.", encoded(&json!({ "alg": "none" })));
    for token in [&good, &forged, &good.replace('.', "!")] {
        let mut actor = ada.clone();
        actor.token = Some(token.clone());
        actor.asks("{ viewer { id } }", json!({})).await;
    }
    let garbled = reqwest::Client::new().post(format!("http://{}/graphql", server.address));
    let garbled =
        garbled.header("authorization", b"Bearer \xe9".as_slice()).json(&json!({ "query": "{ __typename }" }));
    assert_eq!(garbled.send().await.unwrap().status(), 401);
    let input = json!({ "email": ada.email, "password": "wrong horse battery" });
    let refused = ada.does("login", "LoginInput", input, "session { accessToken }").await;
    assert_eq!(code(&refused), "INVALID_CREDENTIALS");
    let spent = ada.refresh_token.clone();
    ada.refreshes().await;
    let mut thief = ada.clone();
    thief.refresh_token.clone_from(&spent);
    assert_eq!(code(&thief.refreshes().await), "INVALID_TOKEN");
    thief.refresh_token = "no token that ever was".to_owned();
    assert_eq!(code(&thief.refreshes().await), "INVALID_TOKEN");
    let (visitor, endless) = (Actor::visitor(&server.address), format!("{}@example.com", "a".repeat(10_000)));
    for email in ["eve@example.com\r\nBcc: mallory@example.com", "\u{430}da@example.com", &endless] {
        let input = json!({ "email": email, "password": "wrong horse battery" });
        let login = "mutation ($input: LoginInput!) { login(input: $input) { userErrors { code } } }";
        assert_eq!(code(&visitor.asks(login, json!({ "input": input })).await), "BAD_USER_INPUT");
    }
    eventually("there are too many", async || {
        let input = json!({ "email": "nobody@example.com", "password": "wrong horse battery" });
        let refused = visitor.does("login", "LoginInput", input, "session { accessToken }").await;
        (code(&refused) == "TOO_MANY_ATTEMPTS").then_some(())
    })
    .await;
    let told = [
        "used twice",
        "\"why\":\"NoToken\"",
        "refused an authorization that is no text",
        "\"code\":\"InvalidCredentials\"",
        "\"code\":\"InvalidToken\",\"field\":\"refreshToken\"",
        "\"scalar\":\"EmailAddress\"",
        "\"attempt\":\"Login\"",
    ];
    let log = eventually("the log is written", async || {
        let log = std::fs::read_to_string(&path).unwrap();
        let is_refusal = |line: &&str| line.contains("refused") || line.contains("used twice");
        let refusals: Vec<_> = log.lines().filter(is_refusal).collect();
        let missing = told.iter().find(|told| !refusals.iter().any(|line| line.contains(**told)));
        missing.is_none().then_some(log)
    })
    .await;
    let [eve, aaa] = ["eve@example.com", &endless[..100]];
    let secrets = [
        claims,
        &good,
        &spent,
        &ada.refresh_token,
        "wrong horse battery",
        "correct horse battery",
        &ada.email,
        eve,
        aaa,
    ];
    for secret in secrets {
        assert!(!log.contains(secret), "{:?}", log.lines().find(|line| line.contains(secret)));
    }
}
