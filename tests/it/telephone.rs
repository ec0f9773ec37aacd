//! A telephone number as a way in.

use crate::support::{Actor, PASSWORD, TestApp, code, code_in, codes};
use serde_json::{Value, json};

const SESSION: &str = "session { accessToken user { id } }";
const NEW_PASSWORD: &str = "violet otter gramophone";

async fn asks_for_code(app: &TestApp, input: Value) -> Value {
    app.visitor().does("requestLoginCode", "RequestLoginCodeInput", input, "").await
}

async fn comes_in(app: &TestApp, input: Value) -> Value {
    app.visitor().does("loginWithCode", "LoginWithCodeInput", input, SESSION).await
}

/// Whether a code to this number lets anybody in.
async fn is_way_in(app: &TestApp, phone: &str) -> bool {
    let before = app.message_to(phone).await;
    assert_eq!(codes(&asks_for_code(app, json!({ "phone": phone })).await), [""; 0]);
    app.works().await;
    let message = app.message_to(phone).await;
    if message == before {
        return false;
    }
    comes_in(app, json!({ "phone": phone, "code": code_in(&message.unwrap()) })).await["session"].is_object()
}

async fn verifies(actor: &Actor, input: Value) -> Value {
    actor.does("verifyPhone", "VerifyPhoneInput", input, "user { phoneVerified }").await
}

#[tokio::test]
async fn a_confirmed_telephone_is_a_way_in() {
    let app = TestApp::start().await;
    let ada = app.patient("Ada").await;
    let phone = "+48225550123";
    ada.does("updateProfile", "UpdateProfileInput", json!({ "phone": phone }), "user { id }").await;
    app.works().await;
    asks_for_code(&app, json!({ "phone": phone })).await;
    app.works().await;
    let text = app.message_to(phone).await.unwrap();
    assert!(!text.contains("sign in"), "a number that nobody has confirmed is no way in: {text}");
    app.confirms_phone(&ada, phone).await;
    asks_for_code(&app, json!({ "phone": "+48 22 555-01-23" })).await;
    app.works().await;
    let input = json!({ "phone": "+48 (22) 5550123", "code": code_in(&app.message_to(phone).await.unwrap()) });
    let session = comes_in(&app, input.clone()).await;
    assert_eq!(session["session"]["user"]["id"], ada.id, "{session}");
    assert_eq!(code(&comes_in(&app, input).await), "INVALID_TOKEN");
}

#[tokio::test]
async fn a_number_belongs_to_whoever_confirmed_it_last() {
    let app = TestApp::start().await;
    let (ada, ben) = (app.patient("Ada").await, app.patient("Ben").await);
    let phone = "+48225550199";
    app.confirms_phone(&ada, phone).await;
    ben.does("updateProfile", "UpdateProfileInput", json!({ "phone": phone }), "user { id }").await;
    app.works().await;
    let bens_code = code_in(&app.message_to(phone).await.unwrap());
    let input = json!({ "code": bens_code, "password": PASSWORD });
    // Ada gives it once more, and guesses: Ben's code is for Ben, and no guess of hers uses it up.
    ada.does("updateProfile", "UpdateProfileInput", json!({ "phone": null }), "user { id }").await;
    ada.does("updateProfile", "UpdateProfileInput", json!({ "phone": phone }), "user { id }").await;
    app.works().await;
    for _ in 0..6 {
        let stolen = ada.does("verifyPhone", "VerifyPhoneInput", input.clone(), "user { id }").await;
        assert_eq!(code(&stolen), "INVALID_TOKEN", "a code is for whom it was made");
    }
    let verified = ben.does("verifyPhone", "VerifyPhoneInput", input, "user { phoneVerified }").await;
    assert_eq!(verified["user"]["phoneVerified"], true, "{verified}");
    assert_eq!(ada.sees("{ viewer { phoneVerified } }").await["viewer"]["phoneVerified"], false);
    asks_for_code(&app, json!({ "phone": phone })).await;
    app.works().await;
    let input = json!({ "phone": phone, "code": code_in(&app.message_to(phone).await.unwrap()) });
    assert_eq!(comes_in(&app, input).await["session"]["user"]["id"], ben.id);
}

#[tokio::test]
async fn whoever_finds_a_session_that_was_left_open_makes_no_number_a_way_in() {
    let app = TestApp::start().await;
    let thief = app.patient("Ada").await;
    let phone = "+48225550171";
    thief.does("updateProfile", "UpdateProfileInput", json!({ "phone": phone }), "user { id }").await;
    app.works().await;
    let sent = code_in(&app.message_to(phone).await.unwrap());
    for (password, refused) in [(Value::Null, "INVALID"), (json!("not the password"), "INVALID_CREDENTIALS")] {
        let answer = verifies(&thief, json!({ "code": sent, "password": password })).await;
        assert_eq!((code(&answer), &answer["userErrors"][0]["field"]), (refused.to_owned(), &json!(["password"])));
    }
    assert!(!is_way_in(&app, phone).await);
    let verified = verifies(&thief, json!({ "code": sent, "password": PASSWORD })).await;
    assert_eq!(verified["user"]["phoneVerified"], true, "what was refused used nothing up: {verified}");
}

#[tokio::test]
async fn who_has_no_password_confirms_a_number_with_a_code_of_this_minute() {
    let app = TestApp::start().await;
    let mut ada = app.patient("Ada").await;
    app.works().await;
    // The first proof of the address forgets the password.
    asks_for_code(&app, json!({ "email": ada.email })).await;
    app.works().await;
    let input = json!({ "email": ada.email, "code": code_in(&app.message_to(&ada.email).await.unwrap()) });
    ada.token = comes_in(&app, input).await["session"]["accessToken"].as_str().map(str::to_owned);
    let phone = "+48225550172";
    ada.does("updateProfile", "UpdateProfileInput", json!({ "phone": phone }), "user { id }").await;
    app.works().await;
    let sent = code_in(&app.message_to(phone).await.unwrap());
    let refused = verifies(&ada, json!({ "code": sent, "password": PASSWORD })).await;
    assert_eq!((code(&refused), &refused["userErrors"][0]["field"]), ("INVALID".to_owned(), &json!(["loginCode"])));
    asks_for_code(&app, json!({ "email": ada.email })).await;
    app.works().await;
    let login_code = code_in(&app.message_to(&ada.email).await.unwrap());
    let verified = verifies(&ada, json!({ "code": sent, "loginCode": login_code })).await;
    assert_eq!(verified["user"]["phoneVerified"], true, "{verified}");
}

#[tokio::test]
async fn a_number_that_has_become_a_way_in_is_told_by_letter_also_where_it_was_there_before() {
    let app = TestApp::start().await;
    let mut ada = app.visitor();
    let phone = "+48225550173";
    let input = json!({ "email": "ada@example.com", "password": PASSWORD, "name": "Ada", "phone": phone });
    ada.does("register", "RegisterInput", input, SESSION).await;
    ada.signs_in("ada@example.com").await;
    app.confirms_phone(&ada, phone).await;
    app.works().await;
    let letter = app.message_to(&ada.email).await.unwrap();
    assert!(letter.contains("From now on a code that is sent to it signs in."), "{letter}");
    assert!(letter.contains("change your password at once"), "{letter}");
    assert!(!letter.contains(phone), "letters say no more than they must: {letter}");
}

#[tokio::test]
async fn a_password_that_is_changed_or_reset_leaves_no_number_that_is_a_way_in() {
    let app = TestApp::start().await;
    for (phone, way) in [("+48225550174", "change"), ("+48225550175", "reset")] {
        let mut ada = app.patient("Ada").await;
        let input = json!({ "token": app.token_for(&ada.email, "verify-email").await });
        ada.does("verifyEmail", "VerifyEmailInput", input, "user { id }").await;
        app.confirms_phone(&ada, phone).await;
        assert!(is_way_in(&app, phone).await);
        if way == "change" {
            let input = json!({ "currentPassword": PASSWORD, "newPassword": NEW_PASSWORD });
            let selection = "user { phone phoneVerified }";
            let changed = ada.does("changePassword", "ChangePasswordInput", input, selection).await;
            assert_eq!(changed["user"], json!({ "phone": phone, "phoneVerified": false }), "{changed}");
        } else {
            let input = json!({ "email": ada.email });
            app.visitor().does("requestPasswordReset", "RequestPasswordResetInput", input, "").await;
            let input = json!({ "token": app.token_for(&ada.email, "reset-password").await, "password": NEW_PASSWORD });
            let set = app.visitor().does("resetPassword", "ResetPasswordInput", input, SESSION).await;
            ada.token = set["session"]["accessToken"].as_str().map(str::to_owned);
        }
        let still = json!({ "phone": phone, "phoneVerified": false });
        assert_eq!(ada.sees("{ viewer { phone phoneVerified } }").await["viewer"], still, "{way}");
        assert!(!is_way_in(&app, phone).await, "{way}");
        app.works().await;
        let letter = app.message_to(&ada.email).await.unwrap();
        assert!(letter.contains("it has to be confirmed again"), "{letter}");
    }
}

#[tokio::test]
async fn the_first_proof_of_an_address_forgets_the_number_of_whoever_registered_it_and_keeps_one_of_an_invitation() {
    let app = TestApp::start().await;
    let phone = "+48225550174";
    let number_of = async |email: &str| {
        let query = format!("{{ users(filter: {{ search: \"{email}\" }}) {{ nodes {{ emailVerified phone }} }} }}");
        app.admin.sees(&query).await["users"]["nodes"][0].clone()
    };
    let mallory = app.patient("Victim").await;
    mallory.does("updateProfile", "UpdateProfileInput", json!({ "phone": phone }), "user { id }").await;
    let input = json!({ "token": app.token_for(&mallory.email, "verify-email").await });
    app.visitor().does("verifyEmail", "VerifyEmailInput", input, "user { id }").await;
    assert_eq!(number_of(&mallory.email).await, json!({ "emailVerified": true, "phone": null }));

    let input = json!({ "email": "ada@example.com", "name": "Ada", "role": "PATIENT", "phone": phone });
    app.admin.does("inviteUser", "InviteUserInput", input, "user { id }").await;
    let token = app.token_for("ada@example.com", "accept-invitation").await;
    let input = json!({ "token": token, "password": PASSWORD });
    app.visitor().does("resetPassword", "ResetPasswordInput", input, SESSION).await;
    assert_eq!(number_of("ada@example.com").await, json!({ "emailVerified": true, "phone": phone }));
}
