//! Who belongs where: inviting people, changing what they may be, and letting go of them.

use crate::support::{Actor, TestApp, code, codes, eventually};
use serde_json::{Value, json};

const PASSWORD: &str = "correct horse battery";
const WHO: &str = "user { id email name role active clinic { id } }";

async fn invites(actor: &Actor, email: &str, role: &str, clinic: Option<&str>) -> Value {
    let input = json!({ "email": email, "name": "Somebody New", "role": role, "clinicId": clinic });
    actor.does("inviteUser", "InviteUserInput", input, WHO).await
}

async fn changes_role(actor: &Actor, id: &str, role: &str, clinic: Option<&str>) -> Value {
    let input = json!({ "userId": id, "role": role, "clinicId": clinic });
    actor.does("updateUserRole", "UpdateUserRoleInput", input, WHO).await
}

async fn deactivates(actor: &Actor, id: &str) -> Value {
    actor.does("deactivateUser", "DeactivateUserInput", json!({ "userId": id }), WHO).await
}

async fn books_for(actor: &Actor, slot: &str, patient: &str) -> Value {
    let input = json!({ "slotId": slot, "patientId": patient });
    actor.does("bookAppointment", "BookAppointmentInput", input, "appointment { id patient { email } }").await
}

/// A clinic with a doctor and an admin, and another clinic with an admin.
struct Scene {
    app: TestApp,
    here: String,
    there: String,
    doctor: crate::support::Doctor,
    admin: Actor,
    other_admin: Actor,
}

impl Scene {
    async fn new() -> Self {
        let app = TestApp::start().await;
        let (here, there) = (app.clinic("Here").await, app.clinic("There").await);
        let specialty = app.specialty("Cardiology").await;
        let doctor = app.doctor_in("Dora", &here, &[&specialty]).await;
        let admin = app.clinic_admin("Olga", &here).await;
        let other_admin = app.clinic_admin("Otto", &there).await;
        Self { app, here, there, doctor, admin, other_admin }
    }
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
async fn who_leaves_is_no_clinics_any_more_and_is_given_before_what_is_known_of_that() {
    let Scene { app, here, admin, .. } = Scene::new().await;
    let ada = app.patient("Ada").await;
    invites(&admin, &ada.email, "PATIENT", None).await;
    let input = json!({ "token": app.token_for(&ada.email, "join-clinic").await });
    ada.does("acceptInvitation", "AcceptInvitationInput", input, "clinic { id }").await;
    let patients = async || admin.sees("{ users(filter: { role: PATIENT }) { nodes { id } } }").await["users"].clone();
    assert_eq!(patients().await["nodes"], json!([{ "id": ada.id }]));
    let input = json!({ "password": PASSWORD });
    let exported = ada.does("exportMyData", "ExportMyDataInput", input.clone(), "data").await;
    let data: Value = serde_json::from_str(exported["data"].as_str().unwrap()).unwrap();
    assert_eq!(data["clinics"], json!([{ "clinicId": here, "since": "2026-06-01T08:00:00Z" }]));
    let expected =
        [("patient.read", &admin.id, &ada.id), ("clinic.accept", &ada.id, &here), ("patient.ask", &admin.id, &ada.id)]
            .map(|(action, actor, subject)| {
                let at = "2026-06-01T08:00:00Z";
                json!({ "action": action, "at": at, "actorId": actor, "clinicId": here, "subjectId": subject })
            });
    let mut log = data["log"].as_array().unwrap().clone();
    log.retain(|entry| entry["clinicId"] == here);
    assert_eq!(json!(log), json!(expected));
    let deleted = ada.does("deleteAccount", "DeleteAccountInput", input, "deletedId").await;
    assert_eq!(deleted["deletedId"], json!(ada.id), "{deleted}");
    assert_eq!(patients().await["nodes"], json!([]));
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

#[tokio::test]
async fn who_becomes_something_else_has_to_sign_in_again_and_what_was_open_ends() {
    let Scene { app, here, admin, .. } = Scene::new().await;
    let mut colleague = app.clinic_admin("Ola", &here).await;
    let mut socket = colleague.connects().await;
    socket.watches("mine", "subscription { appointmentEvents { appointment { id } } }", json!({})).await;
    let changed = changes_role(&admin, &colleague.id, "PATIENT", None).await;
    assert_eq!((&changed["user"]["role"], &changed["user"]["clinic"]), (&json!("PATIENT"), &Value::Null), "{changed}");
    assert_eq!(socket.is_closed().await, 4403);
    assert_eq!(code(&colleague.asks("{ users { totalCount } }", json!({})).await), "UNAUTHENTICATED");
    assert_eq!(code(&colleague.refreshes().await), "INVALID_TOKEN");
    let email = colleague.email.clone();
    colleague.signs_in(&email).await;
    assert_eq!(code(&colleague.asks("{ users { totalCount } }", json!({})).await), "FORBIDDEN");
    // Not the clinic's to change any more: it does not even see them.
    assert_eq!(code(&changes_role(&admin, &colleague.id, "ADMIN", None).await), "NOT_FOUND");
    let back = changes_role(&app.admin, &colleague.id, "ADMIN", Some(&here)).await;
    assert_eq!(back["user"]["clinic"]["id"], json!(here));
}

#[tokio::test]
async fn who_is_no_doctor_any_more_is_off_the_list_until_they_are_one_again() {
    let Scene { app, doctor, admin, .. } = Scene::new().await;
    let ada = app.patient("Ada").await;
    let slots = doctor.slots(&app, 3).await;
    let booked = ada.books(&slots[0]).await["appointment"].clone();
    let mut socket = ada.connects().await;
    let watched = json!({ "ids": [doctor.id] });
    socket
        .watches("slots", "subscription ($ids: [ID!]!) { slotEvents(doctorIds: $ids) { __typename } }", watched)
        .await;
    assert_eq!(changes_role(&admin, &doctor.actor.id, "PATIENT", None).await["user"]["role"], "PATIENT");
    assert_eq!(socket.hears().await["type"], "next", "whoever watches is told");
    let listed = async || app.visitor().sees("{ doctors { totalCount } }").await["doctors"]["totalCount"].clone();
    assert_eq!(listed().await, 0);
    assert_eq!(code(&ada.books(&slots[1]).await), "SLOT_UNAVAILABLE");
    let query = format!("{{ appointment(id: {}) {{ doctor {{ name }} status }} }}", booked["id"]);
    assert_eq!(ada.sees(&query).await["appointment"]["doctor"]["name"], "Dora", "the appointment remains");

    let update = async |input: Value| admin.does("updateDoctor", "UpdateDoctorInput", input, "doctor { name }").await;
    assert_eq!(code(&update(json!({ "doctorId": doctor.id, "active": true })).await), "INVALID");
    let renamed = update(json!({ "doctorId": doctor.id, "name": "Dr. Dora" })).await;
    assert_eq!(renamed["doctor"]["name"], "Dr. Dora");
    let mut dora = app.visitor();
    dora.signs_in(&doctor.actor.email).await;
    assert_eq!(dora.sees("{ viewer { name } }").await["viewer"]["name"], "Dora", "it is the profile's name alone");
    let input = json!({ "password": PASSWORD });
    let refused = dora.does("deleteAccount", "DeleteAccountInput", input, "__typename").await;
    assert_eq!(code(&refused), "IN_USE", "patients' history names them");

    assert_eq!(changes_role(&app.admin, &dora.id, "DOCTOR", None).await["user"]["role"], "DOCTOR");
    assert_eq!(listed().await, 0);
    assert!(update(json!({ "doctorId": doctor.id, "active": true })).await["doctor"].is_object());
    assert_eq!(listed().await, 1);
    assert!(ada.books(&slots[1]).await["appointment"].is_object());
}

#[tokio::test]
async fn who_is_deactivated_is_out_within_a_second_and_comes_in_again_only_when_reactivated() {
    let Scene { app, doctor, admin, .. } = Scene::new().await;
    let mut dora = doctor.actor.clone();
    let mut socket = dora.connects().await;
    socket.watches("mine", "subscription { appointmentEvents { appointment { id } } }", json!({})).await;
    let gone = deactivates(&admin, &dora.id).await;
    assert_eq!(gone["user"]["active"], false, "{gone}");
    assert_eq!(socket.is_closed().await, 4403);
    assert_eq!(code(&dora.asks("{ viewer { name } }", json!({})).await), "UNAUTHENTICATED");
    assert_eq!(code(&dora.refreshes().await), "INVALID_TOKEN");
    let login = json!({ "email": dora.email, "password": PASSWORD });
    let refused = app.visitor().does("login", "LoginInput", login, "session { accessToken }").await;
    assert_eq!(code(&refused), "INVALID_CREDENTIALS");
    let email = dora.email.clone();
    let input = json!({ "userId": dora.id });
    let back = admin.does("reactivateUser", "ReactivateUserInput", input, WHO).await;
    assert_eq!(back["user"]["active"], true, "{back}");
    dora.signs_in(&email).await;
    let log = app.admin.sees("{ auditLog(first: 2) { nodes { action subjectId actor { name } } } }").await;
    let entry = |action| json!({ "action": action, "subjectId": dora.id, "actor": { "name": "Olga" } });
    assert_eq!(log["auditLog"]["nodes"], json!([entry("user.reactivate"), entry("user.deactivate")]));
}

#[tokio::test]
async fn nobody_changes_themselves_or_whom_they_do_not_rule() {
    let Scene { app, here, doctor, admin, other_admin, .. } = Scene::new().await;
    let ada = app.patient("Ada").await;
    ada.books(&doctor.slots(&app, 3).await[0]).await;
    for (actor, id, refused) in [
        (&admin, &admin.id, "FORBIDDEN"),
        (&app.admin, &app.admin.id, "FORBIDDEN"),
        // Seen by the clinic, but not the clinic's.
        (&admin, &ada.id, "FORBIDDEN"),
        (&other_admin, &ada.id, "NOT_FOUND"),
        (&other_admin, &admin.id, "NOT_FOUND"),
        (&other_admin, &doctor.actor.id, "NOT_FOUND"),
        (&admin, &app.admin.id, "NOT_FOUND"),
        (&doctor.actor, &ada.id, "FORBIDDEN"),
        (&ada, &ada.id, "FORBIDDEN"),
    ] {
        assert_eq!(code(&deactivates(actor, id).await), refused);
        assert_eq!(code(&changes_role(actor, id, "ADMIN", None).await), refused);
    }
    assert_eq!(code(&changes_role(&app.admin, &ada.id, "DOCTOR", None).await), "INVALID");
    assert_eq!(code(&changes_role(&app.admin, &doctor.actor.id, "PATIENT", Some(&here)).await), "INVALID");
    assert_eq!(code(&changes_role(&other_admin, "nobody", "PATIENT", None).await), "NOT_FOUND");
}

#[tokio::test]
async fn an_admin_who_visits_another_clinic_is_not_that_clinics_to_change() {
    let Scene { app, there, doctor, admin, .. } = Scene::new().await;
    let slots = doctor.slots(&app, 3).await;
    for (name, slot, clinic) in [("Ada", &slots[0], Some(&*there)), ("Ben", &slots[1], None)] {
        let visitor = app.patient(name).await;
        visitor.books(slot).await;
        changes_role(&app.admin, &visitor.id, "ADMIN", clinic).await;
        for answer in [
            deactivates(&admin, &visitor.id).await,
            changes_role(&admin, &visitor.id, "ADMIN", None).await,
            changes_role(&admin, &visitor.id, "PATIENT", None).await,
            admin.does("reactivateUser", "ReactivateUserInput", json!({ "userId": visitor.id }), WHO).await,
        ] {
            assert_eq!(code(&answer), "FORBIDDEN", "{answer}");
        }
    }
    let still = "{ users(filter: { role: ADMIN, active: true }) { nodes { name clinic { name } } } }";
    let still = app.admin.sees(still).await["users"]["nodes"].clone();
    assert_eq!(
        still.as_array().unwrap()[..2],
        [json!({ "name": "Ada", "clinic": { "name": "There" } }), json!({ "name": "Ben", "clinic": null })]
    );
}

#[tokio::test]
async fn a_clinic_does_not_learn_which_of_its_patients_are_another_clinics_too() {
    let Scene { app, here, there, doctor, admin, other_admin } = Scene::new().await;
    let specialty = app.specialty("Dermatology").await;
    let other_doctor = app.doctor_in("Dan", &there, &[&specialty]).await;
    let ada = app.patient("Ada").await;
    for doctor in [&doctor, &other_doctor] {
        assert!(ada.books(&doctor.slots(&app, 3).await[0]).await["appointment"].is_object());
    }
    let patients = async |actor: &Actor, clinic: &str| {
        let query = format!(
            "{{ users(filter: {{ clinicId: \"{clinic}\", role: PATIENT }}) {{ totalCount nodes {{ name }} }} }}"
        );
        actor.sees(&query).await["users"].clone()
    };
    let (none, one) =
        (json!({ "totalCount": 0, "nodes": [] }), json!({ "totalCount": 1, "nodes": [{ "name": "Ada" }] }));
    assert_eq!((patients(&admin, &here).await, patients(&admin, &there).await), (one.clone(), none.clone()));
    assert_eq!((patients(&other_admin, &here).await, patients(&other_admin, &there).await), (none, one.clone()));
    assert_eq!((patients(&app.admin, &here).await, patients(&app.admin, &there).await), (one.clone(), one));
}

#[tokio::test]
async fn of_two_admins_of_the_platform_who_let_go_of_each_other_at_once_one_stays() {
    let app = TestApp::start().await;
    let mut second = app.visitor();
    let input = json!({ "email": "second@example.com", "name": "Second", "role": "ADMIN", "password": PASSWORD });
    app.admin.does("inviteUser", "InviteUserInput", input, WHO).await;
    second.signs_in("second@example.com").await;
    let (one, other) =
        tokio::join!(deactivates(&app.admin, &second.id), changes_role(&second, &app.admin.id, "PATIENT", None));
    let done = [&one, &other].into_iter().filter(|answer| answer["user"].is_object()).count();
    assert_eq!(done, 1, "{one} {other}");
    let mut stayed = app.visitor();
    let email = if one["user"].is_object() { "root@example.com" } else { "second@example.com" };
    eventually("whoever stayed rules the platform", async || {
        stayed.signs_in(email).await;
        let count = stayed.sees("{ users(filter: { role: ADMIN, active: true }) { totalCount } }").await;
        (count["users"]["totalCount"] == 1).then_some(())
    })
    .await;
}

#[tokio::test]
async fn users_are_listed_by_name_searched_and_paged_within_what_an_admin_rules() {
    let Scene { app, here, doctor, admin, other_admin, .. } = Scene::new().await;
    let ada = app.patient("Ada").await;
    ada.books(&doctor.slots(&app, 3).await[0]).await;
    app.patient("Zoe").await;
    let names = async |actor: &Actor, filter: &str| {
        let page = actor.sees(&format!("{{ users(filter: {{ {filter} }}) {{ totalCount nodes {{ name }} }} }}")).await;
        let nodes = page["users"]["nodes"].as_array().unwrap().clone();
        assert_eq!(page["users"]["totalCount"], nodes.len());
        nodes.iter().map(|user| user["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&admin, "").await, ["Ada", "Dora", "Olga"]);
    assert_eq!(names(&other_admin, "").await, ["Otto"]);
    assert_eq!(names(&app.admin, "").await, ["Ada", "Dora", "Olga", "Otto", "Root", "Zoe"]);
    assert_eq!(names(&app.admin, &format!("clinicId: \"{here}\"")).await, ["Ada", "Dora", "Olga"]);
    assert!(names(&other_admin, &format!("clinicId: \"{here}\"")).await.is_empty());
    assert!(names(&admin, "clinicId: \"nowhere\"").await.is_empty());
    assert_eq!(names(&admin, "search: \"ORA\"").await, ["Dora"]);
    assert!(names(&app.admin, "search: \"%\"").await.is_empty());
    assert_eq!(names(&app.admin, "role: PATIENT").await, ["Ada", "Zoe"]);
    deactivates(&app.admin, &ada.id).await;
    assert_eq!(names(&app.admin, "active: false").await, ["Ada"]);
    let first = app.admin.sees("{ users(first: 2) { nodes { name } pageInfo { endCursor hasNextPage } } }").await;
    assert_eq!(first["users"]["nodes"], json!([{ "name": "Ada" }, { "name": "Dora" }]));
    let query =
        format!("{{ users(first: 9, after: {}) {{ nodes {{ name }} }} }}", first["users"]["pageInfo"]["endCursor"]);
    assert_eq!(app.admin.sees(&query).await["users"]["nodes"].as_array().unwrap().len(), 4);
    for stranger in [&doctor.actor, &ada] {
        let answer = stranger.asks("{ users { totalCount } }", json!({})).await;
        assert!(["FORBIDDEN", "UNAUTHENTICATED"].contains(&&*code(&answer)), "{answer}");
    }
    let endless = format!("{{ users(filter: {{ search: \"{}\" }}) {{ totalCount }} }}", "a".repeat(201));
    assert_eq!(code(&admin.asks(&endless, json!({})).await), "BAD_USER_INPUT");
}
