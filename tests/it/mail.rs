//! Letters: what is really delivered, and what becomes of those that cannot be.

use crate::support::{Actor, Browser, PASSWORD, Postbox, Server, TestApp, TestDatabase, Way, code_in, eventually};
use chrono::TimeDelta;
use entity::{mail, ticket};
use sea_orm::EntityTrait;
use serde_json::{Value, json};

async fn app_with(postbox: &Postbox) -> TestApp {
    let url = postbox.url.clone();
    TestApp::start_with(|config| {
        config.smtp_url = Some(url.into());
        "Medislot <mail@clinic.example>".clone_into(&mut config.mail_from);
        config.link_url = Some("https://clinic.example/".to_owned());
    })
    .await
}

async fn rows(app: &TestApp) -> Vec<mail::Model> {
    mail::Entity::find().all(app.app.services.database.reader()).await.unwrap()
}

#[tokio::test]
async fn whoever_registers_gets_a_letter_by_smtp_whose_link_confirms_the_address() {
    let postbox = Postbox::open();
    let app = app_with(&postbox).await;
    let ada = app.patient("Ada").await;
    app.works().await;
    let letter = postbox.letter(&ada.email, "Confirm your e-mail address").await;
    assert_eq!(letter.from, "mail@clinic.example");
    assert!(letter.link().starts_with("https://clinic.example/account/verify-email#token="), "{}", letter.link());
    for header in
        ["Date: Mon, 01 Jun 2026 08:00:00", "Auto-Submitted: auto-generated", "Message-ID: <", "MIME-Version: 1.0"]
    {
        assert!(letter.raw.contains(header), "{header}: {}", letter.raw);
    }
    let viewer = "{ viewer { emailVerified } }";
    assert_eq!(ada.sees(viewer).await["viewer"]["emailVerified"], false);
    let input = json!({ "token": letter.token() });
    let verified = ada.does("verifyEmail", "VerifyEmailInput", input.clone(), "user { name }").await;
    assert_eq!(verified["user"]["name"], "Ada", "{verified}");
    assert_eq!(ada.sees(viewer).await["viewer"]["emailVerified"], true);
    let again = app.visitor().does("verifyEmail", "VerifyEmailInput", input, "user { name }").await;
    assert_eq!(crate::support::code(&again), "INVALID_TOKEN");
}

#[tokio::test]
async fn over_tls_letters_go_to_a_server_whose_certificate_is_trusted_and_to_no_other() {
    for way in [Way::StartTls, Way::Tls] {
        let postbox = Postbox::open_for(way);
        let app = app_with(&postbox).await;
        let ben = app.patient("Ben").await;
        app.works().await;
        assert_eq!((rows(&app).await[0].attempts, rows(&app).await[0].status), (1, mail::Status::Waiting), "{way:?}");
        assert!(postbox.letters(&ben.email).is_empty());

        let database = TestDatabase::create().await;
        let mut command = Server::command(&database, &["serve", "--listen", "127.0.0.1:0"]);
        command.env("MEDISLOT_SMTP_URL", &postbox.url).env("SSL_CERT_FILE", postbox.authority());
        let server = Server::spawn(command);
        let mut ada = Actor::visitor(&server.address);
        ada.registers("Ada").await;
        postbox.letter(&ada.email, "Confirm your e-mail address").await;
    }
}

#[tokio::test]
async fn no_row_ever_holds_the_secret_of_a_link_and_a_letter_that_was_sent_is_forgotten_but_for_its_kind() {
    let postbox = Postbox::open();
    let app = app_with(&postbox).await;
    let ada = app.patient("Ada").await;
    let waiting = rows(&app).await.remove(0);
    assert_eq!((&*waiting.recipient, waiting.status), (&*ada.email, mail::Status::Waiting));
    let tickets = || async { ticket::Entity::find().all(app.app.services.database.reader()).await.unwrap() };
    assert_eq!(tickets().await[0].hash, None, "there is no secret before there is a letter");
    app.works().await;
    let token = postbox.letter(&ada.email, "Confirm your e-mail address").await.token();
    let sent = rows(&app).await.remove(0);
    assert_eq!((&*sent.recipient, &*sent.content, sent.status), ("", "", mail::Status::Sent));
    assert_eq!(sent.letter, "verify-email");
    assert!(!format!("{:?}{sent:?}", tickets().await).contains(&token));
}

#[tokio::test]
async fn a_letter_is_tried_three_times_with_growing_pauses_and_then_given_up() {
    // Nobody listens there.
    let app = TestApp::start_with(|config| config.smtp_url = Some("smtp://127.0.0.1:9".into())).await;
    let ada = app.patient("Ada").await;
    let state = async || {
        let row = rows(&app).await.into_iter().find(|row| row.user_id.map(|id| id.to_string()) == Some(ada.id.clone()));
        let row = row.unwrap();
        (row.attempts, row.status, row.recipient.is_empty())
    };
    app.works().await;
    assert_eq!(state().await, (1, mail::Status::Waiting, false));
    app.passes(TimeDelta::seconds(59));
    app.works().await;
    assert_eq!(state().await.0, 1);
    app.passes(TimeDelta::seconds(1));
    app.works().await;
    assert_eq!(state().await.0, 2);
    app.passes(TimeDelta::minutes(5));
    app.works().await;
    assert_eq!(state().await, (3, mail::Status::Failed, true));
    app.passes(TimeDelta::days(1));
    app.works().await;
    assert_eq!(state().await.0, 3);
}

#[tokio::test]
async fn a_letter_that_was_sent_again_brings_a_link_that_works() {
    let postbox = Postbox::open();
    let app = app_with(&postbox).await;
    let ada = app.patient("Ada").await;
    app.works().await;
    // As after a crash between sending and writing that down.
    let transaction = app.app.services.database.begin().await.unwrap();
    let row = mail::ActiveModel {
        status: sea_orm::ActiveValue::Set(mail::Status::Waiting),
        recipient: sea_orm::ActiveValue::Set(ada.email.clone()),
        ..Default::default()
    };
    mail::Entity::update_many().set(row).exec(&*transaction).await.unwrap();
    transaction.commit().await.unwrap();
    app.passes(TimeDelta::minutes(1));
    app.works().await;
    let letters =
        eventually("two letters", async || Some(postbox.letters(&ada.email)).filter(|all| all.len() == 2)).await;
    let verify = async |token: String| {
        app.visitor().does("verifyEmail", "VerifyEmailInput", json!({ "token": token }), "user { id }").await
    };
    let answers = [verify(letters[0].token()).await, verify(letters[1].token()).await];
    assert_eq!(answers.iter().filter(|answer| answer["user"].is_object()).count(), 1, "{answers:?}");
    let ids: Vec<_> = letters.iter().map(|letter| message_id(&letter.raw)).collect();
    assert_eq!(ids[0], ids[1], "programs see that it is the same letter");
}

fn message_id(raw: &str) -> String {
    raw.lines().find(|line| line.starts_with("Message-ID:")).unwrap().to_owned()
}

#[tokio::test]
async fn two_workers_send_each_letter_once() {
    let postbox = Postbox::open();
    let app = app_with(&postbox).await;
    let mut patients = Vec::new();
    for number in 0..12 {
        patients.push(app.patient(&format!("Patient {number}")).await);
    }
    let work = async || while app.app.mail.send_due().await.unwrap() > 0 {};
    tokio::join!(work(), work(), work());
    for patient in patients {
        assert_eq!(postbox.letters(&patient.email).len(), 1);
    }
}

#[tokio::test]
async fn letters_come_in_the_language_of_their_reader() {
    let postbox = Postbox::open();
    let app = app_with(&postbox).await;
    let ada = app.patient("Ada").await;
    app.works().await;
    let token = postbox.letter(&ada.email, "Confirm your e-mail address").await.token();
    ada.does("verifyEmail", "VerifyEmailInput", json!({ "token": token }), "user { id }").await;
    ada.does("updateProfile", "UpdateProfileInput", json!({ "locale": "de-AT" }), "user { locale }").await;
    app.works().await;
    let letter = postbox.letter(&ada.email, "Ihre Angaben wurden geändert").await;
    assert!(letter.text.contains("wurde geändert: Sprache."), "{}", letter.text);
    assert!(letter.html.contains("<html lang=\"de\">"), "{}", letter.html);
}

async fn captured(app: &TestApp, path: &str, accept: &str) -> reqwest::Response {
    let request = reqwest::Client::new().get(format!("http://{}{path}", app.address)).header("accept", accept);
    request.send().await.unwrap()
}

#[tokio::test]
async fn in_development_mail_is_captured_and_shown_at_dev_mail() {
    let app = TestApp::start().await;
    let ada = app.patient("Ada").await;
    app.works().await;
    let list: Value = captured(&app, "/dev/mail", "application/json").await.json().await.unwrap();
    let message = list.as_array().unwrap().iter().find(|message| message["to"] == ada.email).unwrap();
    let page = captured(&app, &format!("/dev/mail/{}", message["id"]), "text/html").await;
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.contains("default-src 'none'"), "{policy}");
    let page = page.text().await.unwrap();
    let token = message["text"].as_str().unwrap().split_once("#token=").unwrap().1.split_whitespace().next().unwrap();
    assert!(page.contains(token) && page.contains(&ada.email), "{page}");
    assert!(
        captured(&app, "/dev/mail", "text/html").await.text().await.unwrap().contains("Confirm your e-mail address")
    );
    assert_eq!(captured(&app, "/dev/mail/1000000", "text/html").await.status(), 404);
    let verified =
        app.visitor().does("verifyEmail", "VerifyEmailInput", json!({ "token": token }), "user { id }").await;
    assert_eq!(verified["user"]["id"], ada.id);
}

#[tokio::test]
async fn production_shows_nobodys_mail() {
    let app = TestApp::start_with(|config| {
        config.environment = medislot::config::Environment::Production;
        let key = std::process::Command::new("openssl").args(["genpkey", "-algorithm", "ed25519"]).output().unwrap();
        config.signing_key = Some(String::from_utf8(key.stdout).unwrap().into());
        config.smtp_url = Some("smtp://127.0.0.1:9".into());
        config.public_url = Some("https://api.clinic.example".to_owned());
    })
    .await;
    assert_eq!(captured(&app, "/dev/mail", "text/html").await.status(), 404);
    app.patient("Ada").await;
    app.works().await;
    let rows = rows(&app).await;
    assert!(rows.iter().all(|row| row.status == mail::Status::Waiting), "without a server nothing pretends: {rows:?}");
    let kept = entity::captured_mail::Entity::find().all(app.app.services.database.reader()).await.unwrap();
    assert_eq!(kept, []);
}

#[tokio::test]
async fn text_messages_go_to_the_gateway_and_are_tried_again_where_it_stumbles() {
    use axum::{
        Json, Router,
        extract::State,
        http::{HeaderMap, StatusCode},
        routing::post,
    };
    use std::sync::{Arc, Mutex};
    type Heard = Arc<Mutex<Vec<(String, Value)>>>;
    async fn gateway(State(heard): State<Heard>, headers: HeaderMap, Json(body): Json<Value>) -> StatusCode {
        let mut heard = heard.lock().unwrap();
        heard.push((headers["authorization"].to_str().unwrap().to_owned(), body));
        if heard.len() == 1 { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::ACCEPTED }
    }
    let heard = Heard::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/send", listener.local_addr().unwrap());
    let router = Router::new().route("/send", post(gateway)).with_state(Arc::clone(&heard));
    tokio::spawn(axum::serve(listener, router).into_future());
    let app = TestApp::start_with(|config| {
        config.sms_url = Some(url.into());
        config.sms_token = Some("secret".into());
    })
    .await;
    let ada = app.patient("Ada").await;
    let input = json!({ "phone": "+48 22 555 01 23" });
    let changed = ada.does("updateProfile", "UpdateProfileInput", input, "user { phone phoneVerified }").await;
    assert_eq!(changed["user"], json!({ "phone": "+48225550123", "phoneVerified": false }));
    app.works().await;
    app.passes(TimeDelta::minutes(1));
    app.works().await;
    let heard = heard.lock().unwrap().clone();
    assert_eq!(heard.len(), 2);
    assert_eq!(heard[0].1["id"], heard[1].1["id"]);
    assert_eq!((&*heard[1].0, &heard[1].1["to"]), ("Bearer secret", &json!("+48225550123")));
    let input = json!({ "code": code_in(heard[1].1["text"].as_str().unwrap()), "password": PASSWORD });
    let verified = ada.does("verifyPhone", "VerifyPhoneInput", input, "user { phoneVerified }").await;
    assert_eq!(verified["user"]["phoneVerified"], true, "{verified}");
}

#[tokio::test]
async fn the_link_of_a_letter_opens_a_page_that_does_what_it_says() {
    let app = TestApp::start().await;
    let ada = app.patient("Ada").await;
    let link = async |person: &Actor, subject: &str| {
        app.works().await;
        let list: Value = captured(&app, "/dev/mail", "application/json").await.json().await.unwrap();
        let letter =
            list.as_array().unwrap().iter().find(|letter| letter["to"] == person.email && letter["subject"] == subject);
        let (_, rest) = letter.unwrap()["text"].as_str().unwrap().split_once("/account/").unwrap();
        format!("http://{}/account/{}", app.address, rest.split_whitespace().next().unwrap())
    };
    let mut browser = Browser::start().await;
    // Whoever shows that it is their account keeps the password and whatever they are signed in to.
    let ben = app.patient("Ben").await;
    let tab = browser.opens(&link(&ben, "Confirm your e-mail address").await).await;
    browser.sees(&tab, "#title", "Confirm your e-mail address").await;
    let fill =
        |name: &str, value: &str| format!("document.querySelector('[name={name}]').value = {value:?}; location.hash");
    browser.evaluates(&tab, &fill("email", &ben.email)).await;
    browser.evaluates(&tab, &fill("current", "not the password")).await;
    browser.clicks(&tab, "#button", "Confirm").await;
    browser.sees(&tab, "#notice", "E-mail or password is wrong.").await;
    browser.evaluates(&tab, &fill("current", PASSWORD)).await;
    browser.clicks(&tab, "#button", "Confirm").await;
    browser.sees(&tab, "#notice", "The address is confirmed.").await;
    assert_eq!(ben.sees("{ viewer { emailVerified } }").await["viewer"]["emailVerified"], true);
    // So they do where a clinic asks.
    let cem = app.patient("Cem").await;
    let doctor = app.doctor("Dora").await;
    let input = json!({ "email": cem.email, "name": "Cem", "role": "PATIENT" });
    doctor.actor.does("inviteUser", "InviteUserInput", input, "user { id }").await;
    let tab = browser.opens(&link(&cem, "A clinic asks to book for you").await).await;
    browser.sees(&tab, "#title", "Let the clinic book for you").await;
    browser.evaluates(&tab, &fill("email", &cem.email)).await;
    browser.evaluates(&tab, &fill("current", PASSWORD)).await;
    browser.clicks(&tab, "#button", "Accept").await;
    browser.sees(&tab, "#notice", "The clinic may book for you from now on.").await;
    assert_eq!(cem.sees("{ viewer { emailVerified } }").await["viewer"]["emailVerified"], true);

    let tab = browser.opens(&link(&ada, "Confirm your e-mail address").await).await;
    browser.clicks(&tab, "#button", "Confirm").await;
    browser.sees(&tab, "#notice", "The address is confirmed.").await;
    // The page does not know who is signed in elsewhere.
    let refused = ada.asks("{ viewer { id } }", json!({})).await;
    assert_eq!(crate::support::code(&refused), "UNAUTHENTICATED");
    let input = json!({ "email": ada.email });
    app.visitor().does("requestPasswordReset", "RequestPasswordResetInput", input, "").await;

    let tab = browser.opens(&link(&ada, "Set a new password").await).await;
    browser.sees(&tab, "#title", "Set a new password").await;
    assert_eq!(
        browser.evaluates(&tab, &fill("password", "password")).await,
        "",
        "the token does not stay in the address"
    );
    browser.clicks(&tab, "#button", "Set password").await;
    browser.sees(&tab, "#notice", "Too easy to guess").await;
    browser.evaluates(&tab, &fill("password", "violet otter gramophone")).await;
    browser.clicks(&tab, "#button", "Set password").await;
    browser.sees(&tab, "#notice", "You are signed in as Ada.").await;
}

#[tokio::test]
async fn where_encryption_is_required_nothing_is_sent_without() {
    let postbox = Postbox::open();
    let url = format!("{}?tls=required", postbox.url);
    let app = TestApp::start_with(|config| config.smtp_url = Some(url.into())).await;
    let ada = app.patient("Ada").await;
    app.works().await;
    assert!(postbox.letters(&ada.email).is_empty());
    assert!(rows(&app).await.iter().all(|row| row.status != mail::Status::Sent));
}

#[tokio::test]
async fn a_server_does_not_start_with_a_mail_server_or_sender_that_cannot_be() {
    for (url, from) in [("mail.clinic.example", "mail@clinic.example"), ("smtp://127.0.0.1:25", "mail at clinic")] {
        let database = crate::support::TestDatabase::create().await;
        let mut config = database.config();
        config.smtp_url = Some(url.into());
        config.mail_from = String::from(from);
        let clock = std::sync::Arc::new(medislot::kernel::clock::SystemClock);
        let error = medislot::app::App::start(config, clock).await.unwrap_err().to_string();
        assert!(error.contains("MEDISLOT_SMTP_URL") || error.contains("MEDISLOT_MAIL_FROM"), "{error}");
    }
}
