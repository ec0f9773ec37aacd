//! Inviting people: into a clinic, again, and those who have an account.

use crate::{
    members::{Scene, deactivates, invites},
    support::{Actor, PASSWORD, TestApp, code, codes},
};
use serde_json::{Value, json};

async fn books_for(actor: &Actor, slot: &str, patient: &str) -> Value {
    let input = json!({ "slotId": slot, "patientId": patient });
    actor.does("bookAppointment", "BookAppointmentInput", input, "appointment { id patient { email } }").await
}

#[tokio::test]
async fn admins_invite_admins_and_patients_into_their_clinic_and_doctors_patients() {
    let Scene { app, here, doctor, admin, other_admin, .. } = Scene::new().await;
    let invited = invites(&admin, "new.admin@example.com", "ADMIN", None).await;
    assert_eq!(
        (&invited["user"]["role"], &invited["user"]["clinic"]["id"]),
        (&json!("ADMIN"), &json!(here)),
        "{invited}"
    );
    let invited = invites(&doctor.actor, "New.Patient@example.com", "PATIENT", Some(&here)).await;
    assert_eq!(
        (&invited["user"]["email"], &invited["user"]["clinic"]),
        (&json!("new.patient@example.com"), &Value::Null)
    );
    let invited = invites(&app.admin, "new.root@example.com", "ADMIN", None).await;
    assert_eq!((&invited["user"]["role"], &invited["user"]["clinic"]), (&json!("ADMIN"), &Value::Null));

    let ada = app.patient("Ada").await;
    for (actor, role, clinic, refused) in [
        (&doctor.actor, "ADMIN", None, "FORBIDDEN"),
        (&other_admin, "PATIENT", Some(&*here), "FORBIDDEN"),
        (&other_admin, "ADMIN", Some(&*here), "FORBIDDEN"),
        (&ada, "PATIENT", None, "FORBIDDEN"),
        (&app.visitor(), "PATIENT", None, "UNAUTHENTICATED"),
        (&admin, "DOCTOR", None, "INVALID"),
        (&admin, "ADMIN", Some("clinic_nowhere"), "NOT_FOUND"),
        (&app.admin, "ADMIN", Some(&entity::id::ClinicId::new().to_string()), "NOT_FOUND"),
    ] {
        let answer = invites(actor, "nobody@example.com", role, clinic).await;
        assert_eq!(code(&answer), refused, "{role} {answer}");
    }
    assert_eq!(
        app.admin.sees("{ users(filter: { search: \"nobody@\" }) { totalCount } }").await["users"]["totalCount"],
        0
    );
}

#[tokio::test]
async fn who_is_invited_sets_a_password_by_the_link_and_doctors_too() {
    let Scene { app, here, admin, .. } = Scene::new().await;
    invites(&admin, "new.admin@example.com", "ADMIN", None).await;
    let specialty = app.specialty("Dermatology").await;
    let input = json!({ "clinicId": here, "specialtyIds": [specialty], "name": "Dan", "email": "dan@example.com" });
    let made = admin.does("createDoctor", "CreateDoctorInput", input, "doctor { id name }").await;
    assert_eq!(made["doctor"]["name"], "Dan", "{made}");
    for (email, role) in [("new.admin@example.com", "ADMIN"), ("dan@example.com", "DOCTOR")] {
        let login = json!({ "email": email, "password": "" });
        let refused = app.visitor().does("login", "LoginInput", login, "session { accessToken }").await;
        assert_eq!(code(&refused), "INVALID_CREDENTIALS");
        let input = json!({ "token": app.token_for(email, "accept-invitation").await, "password": PASSWORD });
        let set = app.visitor().does("resetPassword", "ResetPasswordInput", input, "session { user { role } }").await;
        assert_eq!(set["session"]["user"]["role"], role, "{set}");
        app.visitor().signs_in(email).await;
    }
}

#[tokio::test]
async fn an_invitation_that_has_run_out_is_sent_again_by_the_same_clinic_until_somebody_has_come_in() {
    let Scene { app, here, doctor, admin, .. } = Scene::new().await;
    let specialty = app.specialty("Dermatology").await;
    let creates_doctor = async |actor: &Actor| {
        let input = json!({ "clinicId": here, "specialtyIds": [specialty], "name": "Dan", "email": "dan@example.com" });
        actor.does("createDoctor", "CreateDoctorInput", input, "doctor { id }").await
    };
    for email in ["ada@example.com", "ola@example.com", "dan@example.com"] {
        let again = async || {
            let mut staff = if email == "ada@example.com" { doctor.actor.clone() } else { admin.clone() };
            let address = staff.email.clone();
            staff.signs_in(&address).await;
            match email {
                "dan@example.com" => creates_doctor(&staff).await,
                "ola@example.com" => invites(&staff, email, "ADMIN", None).await,
                _ => invites(&staff, email, "PATIENT", None).await,
            }
        };
        assert_eq!(codes(&again().await), [""; 0]);
        let first = app.token_for(email, "accept-invitation").await;
        app.passes(chrono::TimeDelta::days(7));
        let sets = async |token: &str| {
            let input = json!({ "token": token, "password": PASSWORD });
            app.visitor().does("resetPassword", "ResetPasswordInput", input, "session { accessToken }").await
        };
        assert_eq!(code(&sets(&first).await), "INVALID_TOKEN");
        let before = app.message_to(email).await;
        assert_eq!(code(&again().await), "EMAIL_TAKEN");
        app.works().await;
        let letter = app.message_to(email).await.unwrap();
        assert_ne!(Some(&letter), before.as_ref(), "another link for {email}");
        let token = letter.split_once("/account/accept-invitation#token=").unwrap().1;
        let set = sets(token.split_whitespace().next().unwrap()).await;
        assert!(set["session"].is_object(), "{set}");
        app.works().await;
        let before = app.message_to(email).await;
        assert_eq!(code(&again().await), "EMAIL_TAKEN");
        app.works().await;
        assert_eq!(app.message_to(email).await, before, "whoever has come in needs no invitation");
    }
}

#[tokio::test]
async fn an_admin_of_the_platform_sends_the_invitation_of_a_patient_without_a_clinic_again_and_no_other() {
    let Scene { app, doctor, .. } = Scene::new().await;
    let ben = app.patient("Ben").await;
    invites(&app.admin, "zoe@example.com", "PATIENT", None).await;
    invites(&doctor.actor, "ada@example.com", "PATIENT", None).await;
    app.works().await;
    app.passes(chrono::TimeDelta::days(7));
    let mut root = app.admin.clone();
    root.signs_in(&app.admin.email).await;
    for (email, again) in [("zoe@example.com", true), ("ada@example.com", false), (&*ben.email, false)] {
        let before = app.message_to(email).await;
        assert_eq!(code(&invites(&root, email, "PATIENT", None).await), "EMAIL_TAKEN");
        app.works().await;
        assert_eq!(app.message_to(email).await != before, again, "{email}");
    }
    let letter = app.message_to("zoe@example.com").await.unwrap();
    let token = letter.split_once("/account/accept-invitation#token=").unwrap().1.split_whitespace().next().unwrap();
    let input = json!({ "token": token, "password": PASSWORD });
    let set = app.visitor().does("resetPassword", "ResetPasswordInput", input, "session { accessToken }").await;
    assert!(set["session"].is_object(), "{set}");
}

#[tokio::test]
async fn nobody_sends_an_invitation_again_to_an_account_that_is_not_their_clinics() {
    let Scene { app, there, admin, other_admin, .. } = Scene::new().await;
    let specialty = app.specialty("Dermatology").await;
    invites(&admin, "ola@example.com", "ADMIN", None).await;
    invites(&admin, "ada@example.com", "PATIENT", None).await;
    let ben = app.patient("Ben").await;
    app.works().await;
    for (email, role, letter) in [
        ("ola@example.com", "ADMIN", "accept-invitation"),
        ("ola@example.com", "DOCTOR", "accept-invitation"),
        ("ada@example.com", "ADMIN", "accept-invitation"),
        ("ada@example.com", "PATIENT", "join-clinic"),
        (&*ben.email, "PATIENT", "join-clinic"),
        (&*ben.email, "ADMIN", "join-clinic"),
    ] {
        let answer = if role == "DOCTOR" {
            let input = json!({ "clinicId": there, "specialtyIds": [specialty], "name": "Dan", "email": email });
            other_admin.does("createDoctor", "CreateDoctorInput", input, "doctor { id }").await
        } else {
            invites(&other_admin, email, role, None).await
        };
        assert_eq!(code(&answer), "EMAIL_TAKEN");
        app.works().await;
        let last = app.message_to(email).await.unwrap();
        assert!(last.contains(&format!("/account/{letter}#")), "{email} {role} {last}");
        assert_eq!(last.contains("There asks"), letter == "join-clinic", "{last}");
    }
    let of_other = "{ auditLog(filter: { action: \"user.invite\" }) { nodes { id } } }";
    let noted = other_admin.sees(of_other).await["auditLog"]["nodes"].as_array().unwrap().len();
    assert_eq!(noted, 1, "only the admin's own");
}

#[tokio::test]
async fn a_patient_who_is_registered_is_asked_and_booked_for_once_they_accept() {
    let Scene { app, here, doctor, admin, other_admin, .. } = Scene::new().await;
    let ada = app.patient("Ada").await;
    let slots = doctor.slots(&app, 3).await;
    assert_eq!(code(&invites(&doctor.actor, &ada.email, "PATIENT", None).await), "EMAIL_TAKEN");
    for staff in [&doctor.actor, &admin] {
        assert_eq!(code(&books_for(staff, &slots[0], &ada.id).await), "NOT_FOUND");
    }
    let input = json!({ "token": app.token_for(&ada.email, "join-clinic").await });
    let visitor = app.visitor();
    let accept =
        async || visitor.does("acceptInvitation", "AcceptInvitationInput", input.clone(), "clinic { id }").await;
    assert_eq!(accept().await["clinic"]["id"], json!(here));
    assert_eq!(code(&accept().await), "INVALID_TOKEN");
    for (staff, slot) in [(&doctor.actor, &slots[0]), (&admin, &slots[1])] {
        assert_eq!(books_for(staff, slot, &ada.id).await["appointment"]["patient"]["email"], json!(ada.email));
    }
    assert_eq!(code(&books_for(&other_admin, &slots[2], &ada.id).await), "NOT_FOUND");
    let own = "{ users(filter: { role: PATIENT }) { nodes { id email } } }";
    assert_eq!(admin.sees(own).await["users"]["nodes"], json!([{ "id": ada.id, "email": ada.email }]));
    assert_eq!(other_admin.sees(own).await["users"]["nodes"], json!([]));
    // Nobody is asked for what they have said yes to.
    let letters = async || app.admin.sees("{ auditLog(filter: { action: \"patient.ask\" }) { nodes { id } } }").await;
    let asked = letters().await;
    assert_eq!(code(&invites(&admin, &ada.email, "PATIENT", None).await), "EMAIL_TAKEN");
    assert_eq!(letters().await, asked);
}

#[tokio::test]
async fn whoever_registered_the_address_of_a_patient_is_out_before_the_clinic_that_the_patient_accepts_books() {
    let Scene { app, here, doctor, .. } = Scene::new().await;
    let mut mallory = app.patient("Victim").await;
    assert_eq!(code(&invites(&doctor.actor, &mallory.email, "PATIENT", None).await), "EMAIL_TAKEN");
    let input = json!({ "token": app.token_for(&mallory.email, "join-clinic").await });
    let accepted = app.visitor().does("acceptInvitation", "AcceptInvitationInput", input, "clinic { id }").await;
    assert_eq!(accepted["clinic"]["id"], json!(here), "{accepted}");
    let slot = doctor.slots(&app, 3).await.remove(0);
    assert!(books_for(&doctor.actor, &slot, &mallory.id).await["appointment"].is_object());
    let looks = "{ appointments { nodes { notes } } }";
    assert_eq!(code(&mallory.asks(looks, json!({})).await), "UNAUTHENTICATED");
    assert_eq!(code(&mallory.refreshes().await), "INVALID_TOKEN");
    let login = json!({ "email": mallory.email, "password": PASSWORD });
    let refused = app.visitor().does("login", "LoginInput", login, "session { accessToken }").await;
    assert_eq!(code(&refused), "INVALID_CREDENTIALS");
    let users = "{ users(filter: { role: PATIENT }) { nodes { emailVerified } } }";
    assert_eq!(app.admin.sees(users).await["users"]["nodes"], json!([{ "emailVerified": true }]));
}

#[tokio::test]
async fn what_a_clinic_has_asked_can_be_answered_when_the_ways_into_the_account_have_become_others() {
    let Scene { app, here, there, doctor, other_admin, .. } = Scene::new().await;
    let mut ada = app.patient("Ada").await;
    let accepts = async |token: &str| {
        let input = json!({ "token": token });
        app.visitor().does("acceptInvitation", "AcceptInvitationInput", input, "clinic { id }").await
    };
    invites(&doctor.actor, &ada.email, "PATIENT", None).await;
    let first = app.token_for(&ada.email, "join-clinic").await;
    invites(&other_admin, &ada.email, "PATIENT", None).await;
    app.works().await;
    let letter = app.message_to(&ada.email).await.unwrap();
    let second = letter.split_once("/account/join-clinic#token=").unwrap().1.split_whitespace().next().unwrap();
    // Whoever accepts has proven the address, and nobody before them.
    assert_eq!(accepts(&first).await["clinic"]["id"], json!(here));
    let email = json!({ "email": ada.email });
    app.visitor().does("requestPasswordReset", "RequestPasswordResetInput", email, "").await;
    let input = json!({ "token": app.token_for(&ada.email, "reset-password").await, "password": PASSWORD });
    app.visitor().does("resetPassword", "ResetPasswordInput", input, "session { accessToken }").await;
    let email = ada.email.clone();
    ada.signs_in(&email).await;
    let input = json!({ "currentPassword": PASSWORD, "newPassword": "violet otter gramophone" });
    assert_eq!(codes(&ada.does("changePassword", "ChangePasswordInput", input, "user { id }").await), [""; 0]);
    assert_eq!(accepts(second).await["clinic"]["id"], json!(there));
}

#[tokio::test]
async fn a_patient_who_is_signed_in_accepts_a_clinic_and_keeps_the_password() {
    let Scene { app, here, doctor, .. } = Scene::new().await;
    let ada = app.patient("Ada").await;
    invites(&doctor.actor, &ada.email, "PATIENT", None).await;
    let input = json!({ "token": app.token_for(&ada.email, "join-clinic").await });
    let accepted = ada.does("acceptInvitation", "AcceptInvitationInput", input, "clinic { id }").await;
    assert_eq!(accepted["clinic"]["id"], json!(here), "{accepted}");
    assert_eq!(ada.sees("{ viewer { emailVerified } }").await["viewer"]["emailVerified"], true);
    app.visitor().signs_in(&ada.email).await;
}

#[tokio::test]
async fn a_clinic_is_not_accepted_by_a_letter_to_an_address_that_the_account_has_left() {
    let Scene { app, doctor, admin, .. } = Scene::new().await;
    let (ada, ben) = (app.patient("Ada").await, app.patient("Ben").await);
    let mut tokens = Vec::new();
    for patient in [&ada, &ben] {
        invites(&doctor.actor, &patient.email, "PATIENT", None).await;
        tokens.push(app.token_for(&patient.email, "join-clinic").await);
    }
    let input = json!({ "email": "ada@new.example", "password": PASSWORD });
    ada.does("changeEmail", "ChangeEmailInput", input, "").await;
    let input = json!({ "token": app.token_for("ada@new.example", "verify-email").await });
    ada.does("verifyEmail", "VerifyEmailInput", input, "user { id }").await;
    assert_eq!(deactivates(&app.admin, &ben.id).await["user"]["active"], false);
    for token in tokens {
        let input = json!({ "token": token });
        let refused = app.visitor().does("acceptInvitation", "AcceptInvitationInput", input, "clinic { id }").await;
        assert_eq!(code(&refused), "INVALID_TOKEN");
    }
    assert_eq!(admin.sees("{ users(filter: { role: PATIENT }) { totalCount } }").await["users"]["totalCount"], 0);
}

#[tokio::test]
async fn who_is_registered_as_a_patient_is_not_asked_to_join_by_being_invited_as_an_admin() {
    let Scene { app, admin, .. } = Scene::new().await;
    let ada = app.patient("Ada").await;
    assert_eq!(code(&invites(&admin, &ada.email, "ADMIN", None).await), "EMAIL_TAKEN");
    let asked = app.admin.sees("{ auditLog(filter: { action: \"patient.ask\" }) { nodes { id } } }").await;
    assert_eq!(asked["auditLog"]["nodes"], json!([]));
}

#[tokio::test]
async fn invitations_are_counted_by_who_makes_them_and_by_who_gets_them() {
    let app = TestApp::start_with(|config| {
        config.limits.password_attempts = 4;
        config.limits.attempts_from_one_place = 6;
    })
    .await;
    let here = app.clinic("Here").await;
    let specialty = app.specialty("Cardiology").await;
    let (admin, second) = (app.clinic_admin("Olga", &here).await, app.clinic_admin("Ola", &here).await);
    let ada = app.patient("Ada").await;
    let creates_doctor = async |actor: &Actor, email: &str| {
        let input = json!({ "clinicId": here, "specialtyIds": [specialty], "name": "Dan", "email": email });
        codes(&actor.does("createDoctor", "CreateDoctorInput", input, "doctor { id }").await)
    };
    for _ in 0..2 {
        assert_eq!(code(&invites(&admin, &ada.email, "PATIENT", None).await), "EMAIL_TAKEN");
    }
    assert_eq!(code(&invites(&second, &ada.email.to_uppercase(), "PATIENT", None).await), "TOO_MANY_ATTEMPTS");
    assert_eq!(creates_doctor(&second, &ada.email).await, ["TOO_MANY_ATTEMPTS"]);
    for number in 0..3 {
        let invited = invites(&admin, &format!("{number}@example.com"), "PATIENT", None).await;
        assert!(invited["user"].is_object(), "{invited}");
    }
    assert!(creates_doctor(&admin, "dan@example.com").await.is_empty());
    assert_eq!(creates_doctor(&admin, "dora@example.com").await, ["TOO_MANY_ATTEMPTS"]);
    assert_eq!(code(&invites(&admin, "3@example.com", "PATIENT", None).await), "TOO_MANY_ATTEMPTS");
    app.passes(chrono::TimeDelta::minutes(5));
    assert!(creates_doctor(&admin, "dora@example.com").await.is_empty());
    assert!(invites(&second, "4@example.com", "PATIENT", None).await["user"].is_object());
}

#[tokio::test]
async fn a_clinic_books_for_a_patient_whose_account_it_has_made() {
    let Scene { app, doctor, admin, other_admin, .. } = Scene::new().await;
    let invited = invites(&admin, "ada@example.com", "PATIENT", None).await;
    let id = invited["user"]["id"].as_str().unwrap();
    let slots = doctor.slots(&app, 3).await;
    assert!(books_for(&doctor.actor, &slots[0], id).await["appointment"].is_object());
    assert_eq!(code(&books_for(&other_admin, &slots[1], id).await), "NOT_FOUND");
}
