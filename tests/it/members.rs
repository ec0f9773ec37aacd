//! Who belongs where: changing what people may be, and letting go of them.

use crate::support::{Actor, TestApp, code, eventually};
use serde_json::{Value, json};

const PASSWORD: &str = "correct horse battery";
const WHO: &str = "user { id email name role active clinic { id } }";

pub async fn invites(actor: &Actor, email: &str, role: &str, clinic: Option<&str>) -> Value {
    let input = json!({ "email": email, "name": "Somebody New", "role": role, "clinicId": clinic });
    actor.does("inviteUser", "InviteUserInput", input, WHO).await
}

async fn changes_role(actor: &Actor, id: &str, role: &str, clinic: Option<&str>) -> Value {
    let input = json!({ "userId": id, "role": role, "clinicId": clinic });
    actor.does("updateUserRole", "UpdateUserRoleInput", input, WHO).await
}

pub async fn deactivates(actor: &Actor, id: &str) -> Value {
    actor.does("deactivateUser", "DeactivateUserInput", json!({ "userId": id }), WHO).await
}

/// A clinic with a doctor and an admin, and another clinic with an admin.
pub struct Scene {
    pub app: TestApp,
    pub here: String,
    pub there: String,
    pub doctor: crate::support::Doctor,
    pub admin: Actor,
    pub other_admin: Actor,
}

impl Scene {
    pub async fn new() -> Self {
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
