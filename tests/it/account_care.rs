//! Taking care of one's own account, and what is told of it by mail.

use crate::support::{Actor, Postbox, TestApp, code, codes};
use chrono::TimeDelta;
use medislot::kernel::client::Client;
use serde_json::{Value, json};

pub const PASSWORD: &str = "correct horse battery";
pub const NEW_PASSWORD: &str = "violet otter gramophone";
pub const SESSION: &str = "session { accessToken refreshToken user { id } }";

pub async fn app_with(postbox: &Postbox) -> TestApp {
    let url = postbox.url.clone();
    TestApp::start_with(|config| config.smtp_url = Some(url.into())).await
}

pub async fn signs_in(app: &TestApp, email: &str, password: &str) -> Value {
    let input = json!({ "email": email, "password": password });
    app.visitor().does("login", "LoginInput", input, SESSION).await
}

pub async fn is_in(actor: &Actor) -> bool {
    codes(&actor.asks("{ viewer { id } }", json!({})).await).is_empty()
}

async fn resets(app: &TestApp, token: &str, password: &str) -> Value {
    let input = json!({ "token": token, "password": password });
    app.visitor().does("resetPassword", "ResetPasswordInput", input, SESSION).await
}

async fn asks_for_reset(app: &TestApp, email: &str) -> Value {
    app.visitor().does("requestPasswordReset", "RequestPasswordResetInput", json!({ "email": email }), "").await
}

async fn verifies(actor: &Actor, token: &str) -> Value {
    actor.does("verifyEmail", "VerifyEmailInput", json!({ "token": token }), "user { id }").await
}

#[tokio::test]
async fn a_forgotten_password_is_set_again_by_a_link_that_works_once_and_ends_every_session() {
    let postbox = Postbox::open();
    let app = app_with(&postbox).await;
    let ada = app.patient("Ada").await;
    asks_for_reset(&app, &ada.email.to_uppercase()).await;
    app.works().await;
    let token = postbox.letter(&ada.email, "Set a new password").await.token();
    assert_eq!(code(&resets(&app, &token, "password").await), "WEAK_PASSWORD");
    assert!(is_in(&ada).await, "a refused password changes nothing");
    let set = resets(&app, &token, NEW_PASSWORD).await;
    assert_eq!(set["session"]["user"]["id"], ada.id, "{set}");
    assert!(!is_in(&ada).await);
    assert_eq!(code(&resets(&app, &token, "another otter gramophone").await), "INVALID_TOKEN");
    assert_eq!(code(&signs_in(&app, &ada.email, PASSWORD).await), "INVALID_CREDENTIALS");
    let mut back = app.visitor();
    back.token = signs_in(&app, &ada.email, NEW_PASSWORD).await["session"]["accessToken"].as_str().map(str::to_owned);
    assert_eq!(back.sees("{ viewer { emailVerified } }").await["viewer"]["emailVerified"], true, "the letter was read");
    app.works().await;
    postbox.letter(&ada.email, "Your password was changed").await;
}

#[tokio::test]
async fn a_reset_link_is_good_for_an_hour_and_only_the_last_one() {
    let postbox = Postbox::open();
    let app = app_with(&postbox).await;
    let ada = app.patient("Ada").await;
    let mut tokens = Vec::new();
    for _ in 0..2 {
        asks_for_reset(&app, &ada.email).await;
        app.works().await;
        let letters = postbox.letters(&ada.email).into_iter().filter(|letter| letter.subject == "Set a new password");
        tokens = letters.map(|letter| letter.token()).collect();
    }
    assert_eq!(tokens.len(), 2);
    let refused = [resets(&app, &tokens[0], NEW_PASSWORD).await, resets(&app, &tokens[1], NEW_PASSWORD).await];
    assert_eq!(refused.iter().filter(|answer| answer["session"].is_object()).count(), 1, "{refused:?}");
    asks_for_reset(&app, &ada.email).await;
    app.works().await;
    let mut letters = postbox.letters(&ada.email);
    letters.retain(|letter| letter.subject == "Set a new password");
    let last = letters.pop().unwrap();
    app.passes(TimeDelta::hours(1));
    assert_eq!(code(&resets(&app, &last.token(), NEW_PASSWORD).await), "INVALID_TOKEN");
}

#[tokio::test]
async fn nobody_learns_by_a_reset_who_has_an_account() {
    let postbox = Postbox::open();
    let app = app_with(&postbox).await;
    let ada = app.patient("Ada").await;
    assert_eq!(asks_for_reset(&app, &ada.email).await, asks_for_reset(&app, "nobody@example.com").await);
    let statements = async |email: &str| {
        let client = Client::default();
        let reset = app.app.services.accounts.request_password_reset(email, &client);
        let (result, count) = medislot::infra::db::count_statements(reset).await;
        result.unwrap();
        count
    };
    assert_eq!(statements(&ada.email).await, statements("nobody@example.com").await);
    app.works().await;
    assert!(postbox.letters("nobody@example.com").is_empty());
}

#[tokio::test]
async fn a_link_of_one_kind_opens_nothing_of_another() {
    let postbox = Postbox::open();
    let app = app_with(&postbox).await;
    let ada = app.patient("Ada").await;
    asks_for_reset(&app, &ada.email).await;
    app.works().await;
    let confirm = postbox.letter(&ada.email, "Confirm your e-mail address").await.token();
    let reset = postbox.letter(&ada.email, "Set a new password").await.token();
    assert_eq!(code(&resets(&app, &confirm, NEW_PASSWORD).await), "INVALID_TOKEN");
    assert_eq!(code(&verifies(&ada, &reset).await), "INVALID_TOKEN");
    for garbled in ["", "x", &"0".repeat(64), &"a".repeat(10_000), "\0", &format!("{reset}\r\n")] {
        assert_eq!(code(&resets(&app, garbled, NEW_PASSWORD).await), "INVALID_TOKEN");
        assert_eq!(code(&verifies(&ada, garbled).await), "INVALID_TOKEN");
    }
    assert!(resets(&app, &reset, NEW_PASSWORD).await["session"].is_object());
}

#[tokio::test]
async fn an_account_moves_to_another_address_when_that_is_confirmed_and_the_old_one_is_told() {
    let postbox = Postbox::open();
    let app = app_with(&postbox).await;
    let (ada, ben) = (app.patient("Ada").await, app.patient("Ben").await);
    let change = async |email: &str, password: &str| {
        let input = json!({ "email": email, "password": password });
        ada.does("changeEmail", "ChangeEmailInput", input, "").await
    };
    let wrong = change("ada@new.example", "wrong password").await;
    assert_eq!(
        (code(&wrong), &wrong["userErrors"][0]["field"]),
        ("INVALID_CREDENTIALS".to_owned(), &json!(["password"]))
    );
    assert_eq!(codes(&change("ada@new.example", PASSWORD).await), [""; 0]);
    asks_for_reset(&app, &ada.email).await;
    app.works().await;
    let reset = postbox.letter(&ada.email, "Set a new password").await.token();
    let token = postbox.letter("ada@new.example", "Confirm your new e-mail address").await.token();
    assert!(signs_in(&app, &ada.email, PASSWORD).await["session"].is_object(), "nothing is changed yet");
    assert_eq!(verifies(&ada, &token).await["user"]["id"], ada.id);
    assert!(signs_in(&app, "ada@new.example", PASSWORD).await["session"].is_object());
    assert_eq!(code(&signs_in(&app, &ada.email, PASSWORD).await), "INVALID_CREDENTIALS");
    app.works().await;
    postbox.letter(&ada.email, "Your e-mail address was changed").await;
    assert_eq!(code(&resets(&app, &reset, NEW_PASSWORD).await), "INVALID_TOKEN", "it was sent to an address of before");
    // Another's address is told the same, and nobody is written to.
    assert_eq!(codes(&change(&ben.email, PASSWORD).await), [""; 0]);
    app.works().await;
    assert!(postbox.letters(&ben.email).iter().all(|letter| letter.subject == "Confirm your e-mail address"));
}

#[tokio::test]
async fn nobody_makes_the_link_worthless_that_another_waits_for() {
    let postbox = Postbox::open();
    let app = app_with(&postbox).await;
    let (ada, mallory) = (app.patient("Ada").await, app.patient("Mallory").await);
    let wants = async |actor: &Actor, email: &str| {
        let input = json!({ "email": email, "password": PASSWORD });
        assert_eq!(codes(&actor.does("changeEmail", "ChangeEmailInput", input, "").await), [""; 0]);
        app.works().await;
    };
    app.works().await;
    let token = postbox.letter(&ada.email, "Confirm your e-mail address").await.token();
    wants(&mallory, &ada.email).await;
    assert_eq!(verifies(&ada, &token).await["user"]["id"], ada.id);
    wants(&ada, "ada@new.example").await;
    let token = postbox.letter("ada@new.example", "Confirm your new e-mail address").await.token();
    wants(&mallory, "ada@new.example").await;
    assert_eq!(verifies(&ada, &token).await["user"]["id"], ada.id);
}

#[tokio::test]
async fn a_link_leaves_the_password_to_whoever_is_signed_in_and_to_nobody_else() {
    let postbox = Postbox::open();
    let app = app_with(&postbox).await;
    let (ada, ben) = (app.patient("Ada").await, app.patient("Ben").await);
    app.works().await;
    for (of, by) in [(&ada, &ada), (&ben, &app.visitor())] {
        let token = postbox.letter(&of.email, "Confirm your e-mail address").await.token();
        assert_eq!(verifies(by, &token).await["user"]["id"], of.id);
    }
    assert!(is_in(&ada).await && signs_in(&app, &ada.email, PASSWORD).await["session"].is_object());
    assert!(!is_in(&ben).await);
    assert_eq!(code(&signs_in(&app, &ben.email, PASSWORD).await), "INVALID_CREDENTIALS");
    // Nor does it to whoever moved an account to an address that they do not have.
    let input = json!({ "email": "victim@example.com", "password": PASSWORD });
    ada.does("changeEmail", "ChangeEmailInput", input, "").await;
    app.works().await;
    let token = postbox.letter("victim@example.com", "Confirm your new e-mail address").await.token();
    assert_eq!(verifies(&app.visitor(), &token).await["user"]["id"], ada.id);
    assert!(!is_in(&ada).await);
    assert_eq!(code(&signs_in(&app, "victim@example.com", PASSWORD).await), "INVALID_CREDENTIALS");
    app.works().await;
    postbox.letter("victim@example.com", "Your account was made safe").await;
}

#[tokio::test]
async fn a_link_of_another_user_opens_nothing_for_whoever_is_signed_in_and_stays_good() {
    let app = TestApp::start().await;
    let (ada, ben) = (app.patient("Ada").await, app.patient("Ben").await);
    let doctor = app.doctor("Dora").await;
    let input = json!({ "email": ada.email, "name": "Ada", "role": "PATIENT" });
    doctor.actor.does("inviteUser", "InviteUserInput", input, "user { id }").await;
    asks_for_reset(&app, &ada.email).await;
    for (page, mutation, input_type, selection) in [
        ("join-clinic", "acceptInvitation", "AcceptInvitationInput", "clinic { id }"),
        ("verify-email", "verifyEmail", "VerifyEmailInput", "user { id }"),
        ("reset-password", "resetPassword", "ResetPasswordInput", SESSION),
    ] {
        let mut input = json!({ "token": app.token_for(&ada.email, page).await });
        if mutation == "resetPassword" {
            input["password"] = json!(NEW_PASSWORD);
        }
        let refused = ben.does(mutation, input_type, input.clone(), selection).await;
        assert_eq!(code(&refused), "INVALID_TOKEN", "{mutation}");
        let mut unknown = input.clone();
        unknown["token"] = json!("nonsense");
        assert_eq!(ben.does(mutation, input_type, unknown, selection).await, refused, "{mutation}");
        assert!(is_in(&ada).await && signs_in(&app, &ada.email, PASSWORD).await["session"].is_object(), "{mutation}");
        let own = ada.does(mutation, input_type, input, selection).await;
        assert_eq!(codes(&own), [""; 0], "{mutation} {own}");
    }
}

#[tokio::test]
async fn of_two_who_want_one_address_the_first_to_confirm_it_gets_it() {
    let postbox = Postbox::open();
    let app = app_with(&postbox).await;
    let (ada, ben) = (app.patient("Ada").await, app.patient("Ben").await);
    let mut tokens = Vec::new();
    for actor in [&ada, &ben] {
        let input = json!({ "email": "shared@example.com", "password": PASSWORD });
        actor.does("changeEmail", "ChangeEmailInput", input, "").await;
        app.works().await;
        tokens.push(postbox.letters("shared@example.com").pop().unwrap().token());
    }
    let answers = [verifies(&ada, &tokens[0]).await, verifies(&ben, &tokens[1]).await];
    assert_eq!(answers.iter().filter(|answer| answer["user"].is_object()).count(), 1, "{answers:?}");
}

#[tokio::test]
async fn an_account_does_not_move_to_where_somebody_wanted_it_before_the_password_was_changed() {
    let postbox = Postbox::open();
    let app = app_with(&postbox).await;
    let ada = app.patient("Ada").await;
    let mut mallory = app.visitor();
    mallory.signs_in(&ada.email).await;
    let input = json!({ "email": "mallory@example.com", "password": PASSWORD });
    mallory.does("changeEmail", "ChangeEmailInput", input, "").await;
    app.works().await;
    postbox.letter(&ada.email, "Your e-mail address is to be changed").await;
    let token = postbox.letter("mallory@example.com", "Confirm your new e-mail address").await.token();
    let input = json!({ "currentPassword": PASSWORD, "newPassword": NEW_PASSWORD });
    ada.does("changePassword", "ChangePasswordInput", input, "user { id }").await;
    assert_eq!(code(&verifies(&app.visitor(), &token).await), "INVALID_TOKEN");
    assert!(is_in(&ada).await && signs_in(&app, &ada.email, NEW_PASSWORD).await["session"].is_object());
}

#[tokio::test]
async fn a_changed_password_ends_all_other_sessions() {
    let postbox = Postbox::open();
    let app = app_with(&postbox).await;
    let ada = app.patient("Ada").await;
    let mut elsewhere = app.visitor();
    elsewhere.signs_in(&ada.email).await;
    let change = async |current: Value, new: &str| {
        let input = json!({ "currentPassword": current, "newPassword": new });
        ada.does("changePassword", "ChangePasswordInput", input, "user { id }").await
    };
    let refused = change(json!("wrong password"), NEW_PASSWORD).await;
    assert_eq!(refused["userErrors"][0]["field"], json!(["currentPassword"]));
    assert_eq!(code(&refused), "INVALID_CREDENTIALS");
    assert_eq!(code(&change(Value::Null, NEW_PASSWORD).await), "INVALID");
    let weak = change(json!(PASSWORD), "password").await;
    assert_eq!((code(&weak), &weak["userErrors"][0]["field"]), ("WEAK_PASSWORD".to_owned(), &json!(["newPassword"])));
    assert!(is_in(&elsewhere).await);
    assert_eq!(change(json!(PASSWORD), NEW_PASSWORD).await["user"]["id"], ada.id);
    assert!(is_in(&ada).await && !is_in(&elsewhere).await);
    assert!(signs_in(&app, &ada.email, NEW_PASSWORD).await["session"].is_object());
    app.works().await;
    postbox.letter(&ada.email, "Your password was changed").await;
}

#[tokio::test]
async fn a_profile_is_changed_field_by_field_and_what_cannot_be_is_said_at_once() {
    let postbox = Postbox::open();
    let app = app_with(&postbox).await;
    let ada = app.patient("Ada").await;
    app.works().await;
    verifies(&ada, &postbox.letter(&ada.email, "Confirm your e-mail address").await.token()).await;
    let change = async |input: Value| {
        ada.does("updateProfile", "UpdateProfileInput", input, "user { name phone timeZone locale }").await
    };
    let wrong = json!({ "name": " ", "phone": "call me", "timeZone": null, "locale": "en\r\nBcc: ben@example.com" });
    let refused = change(wrong).await;
    assert_eq!(codes(&refused), ["INVALID"; 4]);
    let unchanged = json!({ "name": "Ada", "phone": null, "timeZone": "Europe/Warsaw", "locale": "en" });
    assert_eq!(ada.sees("{ viewer { name phone timeZone locale } }").await["viewer"], unchanged);
    let long = change(json!({ "name": "a".repeat(10_000) })).await;
    assert_eq!(code(&long), "INVALID");
    let changed = change(json!({ "name": " Ada Lovelace ", "phone": "+44 20 7946 0018" })).await;
    let expected =
        json!({ "name": "Ada Lovelace", "phone": "+442079460018", "timeZone": "Europe/Warsaw", "locale": "en" });
    assert_eq!(changed["user"], expected);
    assert_eq!(change(json!({ "phone": null })).await["user"]["phone"], Value::Null);
    app.works().await;
    let letters = postbox.letters(&ada.email);
    let told: Vec<_> = letters.iter().filter(|letter| letter.subject == "Your details were changed").collect();
    assert_eq!(told.len(), 2);
    assert!(told.iter().any(|letter| letter.text.contains("your name, your telephone number changed")), "{told:?}");
    assert!(letters.iter().all(|letter| !letter.raw.contains("Lovelace")), "letters say no more than they must");
}

#[tokio::test]
async fn visitors_have_no_account_to_take_care_of() {
    let app = TestApp::start().await;
    let visitor = app.visitor();
    for (mutation, input_type, input, selection) in [
        ("updateProfile", "UpdateProfileInput", json!({ "name": "Ada" }), "user { id }"),
        ("changeEmail", "ChangeEmailInput", json!({ "email": "ada@example.com" }), ""),
        ("changePassword", "ChangePasswordInput", json!({ "newPassword": NEW_PASSWORD }), "user { id }"),
        ("verifyPhone", "VerifyPhoneInput", json!({ "code": "123456" }), "user { id }"),
        ("unlinkAccount", "UnlinkAccountInput", json!({ "provider": "hospital" }), "user { id }"),
        ("relinkAccount", "RelinkAccountInput", json!({ "provider": "hospital" }), "user { id }"),
        ("deleteAccount", "DeleteAccountInput", json!({}), "deletedId"),
        ("exportMyData", "ExportMyDataInput", json!({}), "data"),
    ] {
        assert_eq!(code(&visitor.does(mutation, input_type, input, selection).await), "UNAUTHENTICATED", "{mutation}");
    }
}
