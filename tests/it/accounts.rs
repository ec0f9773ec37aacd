//! Coming in, staying in, going out.

use crate::support::{TestApp, TestDatabase, code, codes};
use base64::{Engine, prelude::BASE64_STANDARD};
use chrono::TimeDelta;
use secrecy::ExposeSecret;
use serde_json::json;

#[tokio::test]
async fn a_patient_registers_and_is_somebody() {
    let app = TestApp::start().await;
    let ada = app.patient("Ada").await;
    let seen = ada
        .sees("{ viewer { name email role timeZone clinic { id } doctor { id } sessions { current device } } }")
        .await;
    assert_eq!(seen["viewer"]["name"], "Ada");
    assert_eq!(seen["viewer"]["email"], ada.email);
    assert_eq!(seen["viewer"]["role"], "PATIENT");
    assert_eq!(seen["viewer"]["timeZone"], "Europe/Warsaw");
    assert_eq!(seen["viewer"]["sessions"], json!([{ "current": true, "device": null }]));
    assert_eq!(app.visitor().sees("{ viewer { name } }").await, json!({ "viewer": null }));
}

#[tokio::test]
async fn an_address_has_one_account_in_whatever_case_it_is_written() {
    let app = TestApp::start().await;
    let ada = app.patient("Ada").await;
    let input = json!({ "email": ada.email.to_uppercase(), "password": "another correct battery", "name": "Ada II" });
    let refused = app.visitor().does("register", "RegisterInput", input, "session { accessToken }").await;
    assert_eq!(
        (code(&refused), refused["userErrors"][0]["field"].clone()),
        ("EMAIL_TAKEN".to_owned(), json!(["email"]))
    );
    let mut again = app.visitor();
    again.signs_in(&ada.email.to_uppercase()).await;
    assert_eq!(again.id, ada.id);
}

#[tokio::test]
async fn everything_that_is_wrong_with_an_account_is_said_at_once() {
    let app = TestApp::start().await;
    let input = json!({ "email": "ada@example.com", "password": "short", "name": " ", "phone": "1".repeat(201) });
    let refused = app.visitor().does("register", "RegisterInput", input, "session { accessToken }").await;
    assert_eq!(codes(&refused), ["WEAK_PASSWORD", "INVALID", "INVALID"]);
    assert_eq!(refused["session"], json!(null));
    let input = json!({ "email": "not an address", "password": "correct horse battery", "name": "Ada" });
    let answer = app.visitor().does("register", "RegisterInput", input, "session { accessToken }").await;
    assert_eq!(code(&answer), "BAD_USER_INPUT");
}

#[tokio::test]
async fn common_passwords_and_those_made_of_ones_own_name_are_refused() {
    let app = TestApp::start().await;
    let register = async |password: &str| {
        let input = json!({ "email": "augusta.king@example.com", "password": password, "name": "Ada Lovelace" });
        app.visitor().does("register", "RegisterInput", input, "session { accessToken }").await
    };
    for guessable in [
        "password",
        "Passw0rd",
        "12345678",
        "qwertyuiop",
        "aaaaaaaaaaaa",
        "iloveyou",
        "lovelace",
        "adalovelace",
        "yagjecc826",
    ] {
        let refused = register(guessable).await;
        assert_eq!(code(&refused), "WEAK_PASSWORD", "{guessable}");
        assert_eq!(refused["userErrors"][0]["field"], json!(["password"]));
    }
    assert!(register("violet otter gramophone").await["session"].is_object());
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_address_are_told_the_same() {
    let app = TestApp::start().await;
    let ada = app.patient("Ada").await;
    let login = async |email: &str| {
        let input = json!({ "email": email, "password": "wrong password" });
        app.visitor().does("login", "LoginInput", input, "session { accessToken }").await
    };
    assert_eq!(login(&ada.email).await, login("nobody@example.com").await);
    assert_eq!(code(&login(&ada.email).await), "INVALID_CREDENTIALS");
}

#[tokio::test]
async fn too_many_wrong_passwords_make_even_the_right_one_wait() {
    let app = TestApp::start_with(|config| config.limits.password_attempts = 2).await;
    let ada = app.patient("Ada").await;
    let login = async |password: &str| {
        let input = json!({ "email": ada.email, "password": password });
        app.visitor().does("login", "LoginInput", input, "session { accessToken }").await
    };
    for _ in 0..2 {
        assert_eq!(code(&login("wrong password").await), "INVALID_CREDENTIALS");
    }
    assert_eq!(code(&login("correct horse battery").await), "TOO_MANY_ATTEMPTS");
    // Whoever is signed in does not wait for what others tried, but for their own guesses.
    let change = async |password: &str| {
        let input = json!({ "currentPassword": password, "newPassword": "correct horse battery" });
        ada.does("changePassword", "ChangePasswordInput", input, "user { id }").await
    };
    assert_eq!(change("correct horse battery").await["user"]["id"], ada.id);
    for _ in 0..2 {
        assert_eq!(code(&change("wrong password").await), "INVALID_CREDENTIALS");
    }
    assert_eq!(code(&change("correct horse battery").await), "TOO_MANY_ATTEMPTS");
    app.passes(TimeDelta::seconds(2));
    assert!(login("correct horse battery").await["session"].is_object());
}

#[tokio::test]
async fn a_session_goes_on_by_its_refresh_token_long_after_the_access_token_expired() {
    let app = TestApp::start().await;
    let mut ada = app.patient("Ada").await;
    app.passes(TimeDelta::minutes(15));
    assert_eq!(code(&ada.asks("{ viewer { name } }", json!({})).await), "UNAUTHENTICATED");
    ada.refreshes().await;
    assert_eq!(ada.sees("{ viewer { name } }").await["viewer"]["name"], "Ada");
    app.passes(TimeDelta::days(30));
    assert_eq!(code(&ada.refreshes().await), "INVALID_TOKEN");
}

#[tokio::test]
async fn a_refresh_token_that_is_used_twice_ends_the_session() {
    let app = TestApp::start().await;
    let mut ada = app.patient("Ada").await;
    let mut thief = ada.clone();
    ada.refreshes().await;
    assert_eq!(code(&thief.refreshes().await), "INVALID_TOKEN");
    assert_eq!(code(&ada.asks("{ viewer { name } }", json!({})).await), "UNAUTHENTICATED");
    assert_eq!(code(&ada.refreshes().await), "INVALID_TOKEN");
}

#[tokio::test]
async fn a_refresh_token_that_nobody_was_given_ends_nothing() {
    let app = TestApp::start().await;
    let ada = app.patient("Ada").await;
    let input = json!({ "refreshToken": "x".repeat(64) });
    let refused = app.visitor().does("refreshSession", "RefreshSessionInput", input, "session { accessToken }").await;
    assert_eq!(code(&refused), "INVALID_TOKEN");
    assert_eq!(ada.sees("{ viewer { name } }").await["viewer"]["name"], "Ada");
}

#[tokio::test]
async fn one_signs_out_here_there_or_everywhere() {
    let app = TestApp::start().await;
    let here = app.patient("Ada").await;
    let (mut there, mut elsewhere) = (app.visitor(), app.visitor());
    there.signs_in(&here.email).await;
    elsewhere.signs_in(&here.email).await;
    let is_in =
        async |actor: &crate::support::Actor| codes(&actor.asks("{ viewer { id } }", json!({})).await).is_empty();
    let sessions = there.sees("{ viewer { sessions { id current } } }").await["viewer"]["sessions"].clone();
    let own = sessions.as_array().unwrap().iter().find(|session| session["current"] == true).unwrap()["id"].clone();

    let out = here.does("logout", "LogoutInput", json!({ "sessionId": own }), "").await;
    assert_eq!(codes(&out), [""; 0]);
    assert!(is_in(&here).await && !is_in(&there).await && is_in(&elsewhere).await);

    here.does("logout", "LogoutInput", json!({ "everywhere": true }), "").await;
    assert!(!is_in(&here).await && !is_in(&elsewhere).await);
}

#[tokio::test]
async fn nobody_signs_others_out_or_sees_their_sessions() {
    let app = TestApp::start().await;
    let (ada, ben) = (app.patient("Ada").await, app.patient("Ben").await);
    let session = ada.sees("{ viewer { sessions { id } } }").await["viewer"]["sessions"][0]["id"].clone();
    let refused = ben.does("logout", "LogoutInput", json!({ "sessionId": session }), "").await;
    assert_eq!(
        (code(&refused), refused["userErrors"][0]["field"].clone()),
        ("NOT_FOUND".to_owned(), json!(["sessionId"]))
    );
    let node = |id: &serde_json::Value| format!("{{ node(id: {id}) {{ id }} }}");
    assert_eq!(ben.sees(&node(&session)).await, json!({ "node": null }));
    assert_eq!(ada.sees(&node(&session)).await["node"]["id"], session);
    assert_eq!(ben.sees(&node(&json!(ada.id))).await, json!({ "node": null }));
}

#[tokio::test]
async fn a_token_that_is_garbled_expired_or_missing_its_scheme_is_no_visitors() {
    let app = TestApp::start().await;
    let ada = app.patient("Ada").await;
    let token = ada.token.clone().unwrap();
    let mut flipped = token.clone();
    flipped.replace_range(
        token.len() - 10..token.len() - 9,
        if token.as_bytes()[token.len() - 10] == b'A' { "B" } else { "A" },
    );
    for garbled in ["", "x", "eyJhbGciOiJub25lIn0.e30.", &flipped] {
        let mut stranger = app.visitor();
        stranger.token = Some(garbled.to_owned());
        let answer = stranger.asks("{ doctors { totalCount } }", json!({})).await;
        assert_eq!(code(&answer), "UNAUTHENTICATED", "{garbled}");
        assert!(answer.get("data").is_none());
    }
    let client = reqwest::Client::new();
    let request = client.post(format!("http://{}/graphql", app.address)).header("authorization", token);
    let response = request.json(&json!({ "query": "{ viewer { id } }" })).send().await.unwrap();
    assert_eq!(response.status(), 401);
    assert_eq!(response.headers()["www-authenticate"], "Bearer");
}

#[tokio::test]
async fn guessing_many_passwords_at_once_is_no_way_around_the_limit() {
    let app = TestApp::start_with(|config| config.limits.password_attempts = 2).await;
    let ada = app.patient("Ada").await;
    let visitor = app.visitor();
    let login = async || {
        let input = json!({ "email": ada.email, "password": "wrong password" });
        code(&visitor.does("login", "LoginInput", input, "session { accessToken }").await)
    };
    let codes = futures_util::future::join_all((0..12).map(|_| login())).await;
    assert_eq!(codes.iter().filter(|code| *code == "INVALID_CREDENTIALS").count(), 2, "{codes:?}");
    let aliases: Vec<_> = (0..20)
        .map(|number| {
            format!(
                "a{number}: login(input: {{ email: \"a@b.example\", password: \"x\" }}) {{ userErrors {{ code }} }} "
            )
        })
        .collect();
    let many = visitor.asks(&format!("mutation {{ {} }}", aliases.concat()), json!({})).await;
    assert_eq!(code(&many), "QUERY_TOO_COMPLEX");
}

#[tokio::test]
async fn whoever_signs_in_sees_their_own_address_in_the_answer() {
    let app = TestApp::start().await;
    let ada = app.patient("Ada").await;
    let input = json!({ "email": ada.email, "password": "correct horse battery" });
    let payload = app.visitor().does("login", "LoginInput", input, "session { user { email } }").await;
    assert_eq!(payload["session"]["user"]["email"], ada.email);
}

#[tokio::test]
async fn processes_that_start_at_once_sign_with_one_key() {
    let database = TestDatabase::create().await;
    let start = async || {
        let clock = std::sync::Arc::new(medislot::kernel::clock::SystemClock);
        medislot::app::App::start(database.config(), clock).await.unwrap()
    };
    let apps = futures_util::future::join_all((0..4).map(|_| start())).await;
    let account = medislot::accounts::Account {
        email: "ada@example.com".to_owned(),
        password: "correct horse battery".into(),
        name: "Ada".to_owned(),
        phone: None,
        time_zone: None,
    };
    let session =
        apps[0].services.accounts.register(account, &medislot::kernel::client::Client::default()).await.unwrap();
    for app in &apps {
        let token = secrecy::ExposeSecret::expose_secret(&session.access_token);
        assert!(app.services.accounts.authenticate(token).await.is_ok());
    }
}

/// An Ed25519 private key in PEM.
fn new_key() -> String {
    let key = aws_lc_rs::signature::Ed25519KeyPair::generate().unwrap().to_pkcs8v1().unwrap();
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", BASE64_STANDARD.encode(key))
}

#[tokio::test]
async fn keys_are_changed_without_signing_anybody_out() {
    let database = TestDatabase::create().await;
    let start = async |keys: String| {
        let config = medislot::config::Config { signing_key: Some(keys.into()), ..database.config() };
        let clock = std::sync::Arc::new(medislot::kernel::clock::SystemClock);
        medislot::app::App::start(config, clock).await.unwrap().services.accounts
    };
    let (old, new) = (new_key(), new_key());
    let before = start(old.clone()).await;
    let announced = start(format!("{old}{new}")).await;
    let changed = start(format!("{new}{old}")).await;
    let after = start(new).await;
    let account = medislot::accounts::Account {
        email: "ada@example.com".to_owned(),
        password: "correct horse battery".into(),
        name: "Ada".to_owned(),
        phone: None,
        time_zone: None,
    };
    let first = before.register(account, &medislot::kernel::client::Client::default()).await.unwrap();
    let first_token = first.access_token.expose_secret();
    assert!(changed.authenticate(first_token).await.is_ok());
    assert!(after.authenticate(first_token).await.is_err(), "the old key is gone");
    let second = changed.refresh(&first.refresh_token).await.unwrap();
    let second_token = second.access_token.expose_secret();
    assert!(announced.authenticate(second_token).await.is_ok(), "it knew the new key before that signed");
    assert!(before.authenticate(second_token).await.is_err());
    assert!(after.authenticate(second_token).await.is_ok());
    assert!(after.refresh(&second.refresh_token).await.is_ok());
}

#[tokio::test]
async fn public_keys_of_tokens_are_there_for_everybody_and_private_ones_for_nobody() {
    let app = TestApp::start().await;
    let ada = app.patient("Ada").await;
    let header = jsonwebtoken::decode_header(ada.token.as_deref().unwrap()).unwrap();
    let response = reqwest::get(format!("http://{}/.well-known/jwks.json", app.address)).await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/jwk-set+json");
    let keys = response.json::<serde_json::Value>().await.unwrap()["keys"].clone();
    let key = &keys.as_array().unwrap()[0];
    assert_eq!(key["kid"], json!(header.kid));
    assert_eq!(
        (&key["kty"], &key["crv"], &key["alg"], &key["use"]),
        (&json!("OKP"), &json!("Ed25519"), &json!("EdDSA"), &json!("sig"))
    );
    assert!(key.get("d").is_none());
}
