//! Coming in by a code.

use crate::support::{PASSWORD, Postbox, TestApp, code, codes};
use chrono::TimeDelta;
use medislot::kernel::client::Client;
use sea_orm::EntityTrait;
use serde_json::{Value, json};

const SESSION: &str = "session { accessToken user { id } }";
const SUBJECT: &str = "Your code to sign in";

async fn app_with(postbox: &Postbox) -> TestApp {
    let url = postbox.url.clone();
    TestApp::start_with(|config| config.smtp_url = Some(url.into())).await
}

async fn asks_for_code(app: &TestApp, input: Value) -> Value {
    app.visitor().does("requestLoginCode", "RequestLoginCodeInput", input, "").await
}

async fn comes_in(app: &TestApp, input: Value) -> Value {
    app.visitor().does("loginWithCode", "LoginWithCodeInput", input, SESSION).await
}

/// The codes that an address was sent, the oldest first.
fn sent(postbox: &Postbox, email: &str) -> Vec<String> {
    let letters = postbox.letters(email).into_iter().filter(|letter| letter.subject == SUBJECT);
    letters.map(|letter| letter.code()).collect()
}

#[tokio::test]
async fn a_code_of_six_digits_signs_in_once_and_proves_the_address() {
    let postbox = Postbox::open();
    let app = app_with(&postbox).await;
    let ada = app.patient("Ada").await;
    assert_eq!(codes(&asks_for_code(&app, json!({ "email": ada.email })).await), [""; 0]);
    app.works().await;
    let letter = postbox.letter(&ada.email, SUBJECT).await;
    let input = json!({ "email": ada.email.to_uppercase(), "code": letter.code() });
    let session = comes_in(&app, input.clone()).await;
    assert_eq!(session["session"]["user"]["id"], ada.id, "{session}");
    let mut came = app.visitor();
    came.token = session["session"]["accessToken"].as_str().map(str::to_owned);
    assert_eq!(came.sees("{ viewer { emailVerified } }").await["viewer"]["emailVerified"], true);
    assert_eq!(code(&comes_in(&app, input).await), "INVALID_TOKEN");
}

#[tokio::test]
async fn whoever_proves_an_address_first_locks_out_those_who_registered_it_without_having_it() {
    let postbox = Postbox::open();
    let app = app_with(&postbox).await;
    let thief = app.patient("Ada").await;
    let input = json!({ "email": thief.email });
    for is_first in [true, false] {
        asks_for_code(&app, input.clone()).await;
        app.works().await;
        let right = sent(&postbox, &thief.email).pop().unwrap();
        let session = comes_in(&app, json!({ "email": thief.email, "code": right })).await;
        assert!(session["session"].is_object(), "{session}");
        if is_first {
            let refused = thief.asks("{ viewer { id } }", json!({})).await;
            assert_eq!(refused["errors"][0]["extensions"]["code"], "UNAUTHENTICATED");
            let input = json!({ "email": thief.email, "password": PASSWORD });
            let refused = app.visitor().does("login", "LoginInput", input, SESSION).await;
            assert_eq!(code(&refused), "INVALID_CREDENTIALS");
            let mut ada = app.visitor();
            ada.token = session["session"]["accessToken"].as_str().map(str::to_owned);
            asks_for_code(&app, json!({ "email": thief.email })).await;
            app.works().await;
            let code = sent(&postbox, &thief.email).pop().unwrap();
            let input = json!({ "code": code, "newPassword": PASSWORD });
            ada.does("changePassword", "ChangePasswordInput", input, "user { id }").await;
        } else {
            // The address was proven before: a code is one more way in.
            let input = json!({ "email": thief.email, "password": PASSWORD });
            let session = app.visitor().does("login", "LoginInput", input, SESSION).await;
            assert!(session["session"].is_object(), "{session}");
        }
    }
}

#[tokio::test]
async fn whoever_registered_an_address_without_having_it_is_left_no_way_in_by_its_first_proof() {
    let postbox = Postbox::open();
    let app = app_with(&postbox).await;
    let visitor = app.visitor();
    for (way, phone) in [("code", "+48225550141"), ("reset", "+48225550142"), ("link", "+48225550143")] {
        let mallory = app.patient("Mallory").await;
        app.confirms_phone(&mallory, phone).await;
        let elsewhere = format!("{way}@mallory.example");
        if way != "link" {
            let input = json!({ "email": elsewhere, "password": PASSWORD });
            assert_eq!(codes(&mallory.does("changeEmail", "ChangeEmailInput", input, "").await), [""; 0]);
            app.works().await;
        }
        let proven = match way {
            "code" => {
                asks_for_code(&app, json!({ "email": mallory.email })).await;
                app.works().await;
                let right = sent(&postbox, &mallory.email).remove(0);
                comes_in(&app, json!({ "email": mallory.email, "code": right })).await
            }
            "reset" => {
                let input = json!({ "email": mallory.email });
                visitor.does("requestPasswordReset", "RequestPasswordResetInput", input, "").await;
                app.works().await;
                let token = postbox.letter(&mallory.email, "Set a new password").await.token();
                let input = json!({ "token": token, "password": "violet otter gramophone" });
                visitor.does("resetPassword", "ResetPasswordInput", input, SESSION).await
            }
            _ => {
                let token = postbox.letter(&mallory.email, "Confirm your e-mail address").await.token();
                visitor.does("verifyEmail", "VerifyEmailInput", json!({ "token": token }), "user { id }").await
            }
        };
        assert_eq!(codes(&proven), [""; 0], "{way}");
        assert_eq!(code(&mallory.asks("{ viewer { id } }", json!({})).await), "UNAUTHENTICATED", "{way}");
        let input = json!({ "email": mallory.email, "password": PASSWORD });
        let refused = visitor.does("login", "LoginInput", input, SESSION).await;
        assert_eq!(code(&refused), "INVALID_CREDENTIALS", "{way}");
        let before = app.message_to(phone).await;
        asks_for_code(&app, json!({ "phone": phone })).await;
        app.works().await;
        assert_eq!(app.message_to(phone).await, before, "{way}");
        if way != "link" {
            let token = postbox.letter(&elsewhere, "Confirm your new e-mail address").await.token();
            let moved = visitor.does("verifyEmail", "VerifyEmailInput", json!({ "token": token }), "user { id }").await;
            assert_eq!(code(&moved), "INVALID_TOKEN", "{way}");
        }
        let told = if way == "reset" { "Your password was changed" } else { "Your account was made safe" };
        postbox.letter(&mallory.email, told).await;
    }
}

#[tokio::test]
async fn a_code_is_good_for_ten_minutes() {
    let postbox = Postbox::open();
    let app = app_with(&postbox).await;
    let ada = app.patient("Ada").await;
    asks_for_code(&app, json!({ "email": ada.email })).await;
    app.works().await;
    let right = sent(&postbox, &ada.email).remove(0);
    app.passes(TimeDelta::minutes(10));
    assert_eq!(code(&comes_in(&app, json!({ "email": ada.email, "code": right })).await), "INVALID_TOKEN");
}

#[tokio::test]
async fn after_five_wrong_tries_the_right_code_is_worth_nothing() {
    let postbox = Postbox::open();
    let app = app_with(&postbox).await;
    let ada = app.patient("Ada").await;
    asks_for_code(&app, json!({ "email": ada.email })).await;
    app.works().await;
    let right = sent(&postbox, &ada.email).remove(0);
    let wrong = if right == "000000" { "000001" } else { "000000" };
    let attempt = async || comes_in(&app, json!({ "email": ada.email, "code": wrong })).await;
    let refused = futures_util::future::join_all((0..5).map(|_| attempt())).await;
    assert!(refused.iter().all(|answer| code(answer) == "INVALID_TOKEN"), "{refused:?}");
    assert_eq!(code(&comes_in(&app, json!({ "email": ada.email, "code": right })).await), "INVALID_TOKEN");
}

#[tokio::test]
async fn of_many_who_use_a_code_at_once_one_comes_in() {
    let postbox = Postbox::open();
    let app = app_with(&postbox).await;
    let ada = app.patient("Ada").await;
    asks_for_code(&app, json!({ "email": ada.email })).await;
    app.works().await;
    let right = sent(&postbox, &ada.email).remove(0);
    let attempt = async || comes_in(&app, json!({ "email": ada.email, "code": right })).await;
    let answers = futures_util::future::join_all((0..5).map(|_| attempt())).await;
    assert_eq!(answers.iter().filter(|answer| answer["session"].is_object()).count(), 1, "{answers:?}");
}

#[tokio::test]
async fn only_the_code_that_was_asked_for_last_is_good_and_only_for_its_address() {
    let postbox = Postbox::open();
    let app = app_with(&postbox).await;
    let (ada, ben) = (app.patient("Ada").await, app.patient("Ben").await);
    for _ in 0..2 {
        asks_for_code(&app, json!({ "email": ada.email })).await;
        app.works().await;
    }
    let both = sent(&postbox, &ada.email);
    assert_eq!(both.len(), 2);
    asks_for_code(&app, json!({ "email": ben.email })).await;
    app.works().await;
    let bens = sent(&postbox, &ben.email).remove(0);
    let come = async |code: &str| comes_in(&app, json!({ "email": ada.email, "code": code })).await;
    if !both.contains(&bens) {
        assert_eq!(code(&come(&bens).await), "INVALID_TOKEN");
    }
    let answers = [come(&both[0]).await, come(&both[1]).await];
    let came_in = answers.iter().filter(|answer| answer["session"].is_object()).count();
    assert_eq!(came_in, 1, "{answers:?}");
}

#[tokio::test]
async fn nobody_learns_by_a_code_who_has_an_account() {
    let postbox = Postbox::open();
    let app = app_with(&postbox).await;
    let ada = app.patient("Ada").await;
    let (known, unknown) = (json!({ "email": ada.email }), json!({ "email": "nobody@example.com" }));
    assert_eq!(asks_for_code(&app, known).await, asks_for_code(&app, unknown).await);
    let statements = async |email: &str| {
        use medislot::accounts::{CodeAddress, CodeLogin};
        let accounts = &app.app.services.accounts;
        let address = || CodeAddress::Email(email.to_owned());
        let login = CodeLogin { address: Some(address()), code: "123 456".into() };
        let both = async {
            accounts.request_login_code(address(), &Client::default()).await.unwrap();
            accounts.login_with_code(login, &Client::default()).await.unwrap_err();
        };
        medislot::infra::db::count_statements(both).await.1
    };
    assert_eq!(statements(&ada.email).await, statements("nobody@example.com").await);
    let wrong = async |email: &str| comes_in(&app, json!({ "email": email, "code": "123 456" })).await;
    assert_eq!(wrong(&ada.email).await, wrong("nobody@example.com").await);
    app.works().await;
    assert!(postbox.letters("nobody@example.com").is_empty());
}

#[tokio::test]
async fn whoever_has_no_password_shows_by_a_code_that_it_is_them() {
    use sea_orm::sea_query::Expr;
    let postbox = Postbox::open();
    let app = app_with(&postbox).await;
    let ada = app.patient("Ada").await;
    let transaction = app.app.services.database.begin().await.unwrap();
    let update = entity::user::Entity::update_many().col_expr(entity::user::Column::PasswordHash, Expr::value(""));
    update.exec(&*transaction).await.unwrap();
    transaction.commit().await.unwrap();
    for password in ["", "correct horse battery"] {
        let input = json!({ "email": ada.email, "password": password });
        let refused = app.visitor().does("login", "LoginInput", input, SESSION).await;
        assert_eq!(code(&refused), "INVALID_CREDENTIALS", "no password is not the empty one");
    }
    let change = async |code: Value| {
        let input = json!({ "code": code, "newPassword": "violet otter gramophone" });
        ada.does("changePassword", "ChangePasswordInput", input, "user { id }").await
    };
    let refused = change(Value::Null).await;
    assert_eq!((code(&refused), &refused["userErrors"][0]["field"]), ("INVALID".to_owned(), &json!(["code"])));
    asks_for_code(&app, json!({ "email": ada.email })).await;
    app.works().await;
    assert_eq!(code(&change(json!("wrong")).await), "INVALID_CREDENTIALS");
    app.passes(TimeDelta::seconds(61));
    let old = sent(&postbox, &ada.email).remove(0);
    assert_eq!(code(&change(json!(old)).await), "INVALID_CREDENTIALS", "it would still sign in");
    asks_for_code(&app, json!({ "email": ada.email })).await;
    app.works().await;
    app.passes(TimeDelta::seconds(60));
    assert_eq!(change(json!(sent(&postbox, &ada.email).remove(1))).await["user"]["id"], ada.id);
    let input = json!({ "email": ada.email, "password": "violet otter gramophone" });
    assert!(app.visitor().does("login", "LoginInput", input, SESSION).await["session"].is_object());
}

#[tokio::test]
async fn a_code_wants_one_address_that_can_be_one() {
    let app = TestApp::start().await;
    let both = json!({ "email": "ada@example.com", "phone": "+48225550123" });
    for input in [json!({}), both, json!({ "phone": "call me" }), json!({ "phone": "1".repeat(10_000) })] {
        assert_eq!(code(&asks_for_code(&app, input).await), "INVALID");
    }
    for email in ["ada@example.com\r\nBcc: ben@example.com", "\u{430}da@example.com", "ada"] {
        assert_eq!(code(&asks_for_code(&app, json!({ "email": email })).await), "BAD_USER_INPUT");
    }
    let long = "1".repeat(10_000);
    for wrong in ["", "123456", "١٢٣٤٥٦", "\0", &long] {
        assert_eq!(code(&comes_in(&app, json!({ "email": "ada@example.com", "code": wrong })).await), "INVALID_TOKEN");
        assert_eq!(code(&comes_in(&app, json!({ "code": wrong })).await), "INVALID_TOKEN");
    }
}

#[tokio::test]
async fn nobodys_letter_box_is_flooded_with_codes_whether_it_is_known_or_not() {
    let app = TestApp::start_with(|config| config.limits.password_attempts = 4).await;
    let ada = app.patient("Ada").await;
    for email in [&*ada.email, "nobody@example.com"] {
        for expected in [0, 0, 1] {
            let refused = codes(&asks_for_code(&app, json!({ "email": email })).await);
            assert_eq!(refused, vec!["TOO_MANY_ATTEMPTS"; expected], "{email}");
        }
    }
    let letters = entity::mail::Entity::find().all(app.app.services.database.reader()).await.unwrap();
    assert_eq!(letters.iter().filter(|letter| letter.letter == "login-code").count(), 4, "two of each, as much work");
}
