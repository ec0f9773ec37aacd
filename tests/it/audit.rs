//! Who saw or changed which patient's data.

use crate::support::{Actor, Backend, TestApp, code};
use chrono::TimeDelta;
use medislot::{
    audit::{READ_APPOINTMENT, READ_LOG, Sight, Sights},
    infra::db::count_statements,
};
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

/// The log as somebody sees it, the latest entry first.
async fn log(of: &Actor, filter: Value) -> Vec<Value> {
    let query = "query ($filter: AuditFilter) {
        auditLog(first: 100, filter: $filter) { nodes { id at action subjectId actor { name } patient { id name } } } }";
    let answer = of.asks(query, json!({ "filter": filter })).await;
    answer["data"]["auditLog"]["nodes"].as_array().unwrap_or_else(|| panic!("{answer}")).clone()
}

fn actions(log: &[Value]) -> Vec<&str> {
    log.iter().map(|entry| entry["action"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn whoever_reads_a_patients_appointments_is_written_down_and_the_patient_is_not() {
    let app = TestApp::start().await;
    let doctor = app.doctor("Dora").await;
    let ada = app.patient("Ada").await;
    let slots = doctor.slots(&app, 2).await;
    let booked = ada.books(&slots[0]).await["appointment"]["id"].clone();
    ada.books(&slots[1]).await;
    ada.sees("{ appointments { nodes { id patient { email } } } viewer { appointments { nodes { id } } } }").await;
    let about = log(&app.admin, json!({ "patientId": ada.id })).await;
    assert_eq!(actions(&about), ["user.register", "appointment.book", "appointment.book"]);

    app.passes(TimeDelta::minutes(1));
    doctor.actor.sees("{ appointments { nodes { reference patient { name } } } }").await;
    let seen = log(&app.admin, json!({ "action": "appointment.read" })).await;
    assert_eq!(seen.len(), 2);
    assert!(seen.iter().any(|entry| entry["subjectId"] == booked), "{seen:?}");
    assert_eq!((&seen[0]["actor"]["name"], &seen[0]["patient"]["id"]), (&json!("Dora"), &json!(ada.id)));
    assert_eq!(seen[0]["at"], "2026-06-01T08:01:00Z");

    // How to reach the patient is another thing to know.
    doctor.actor.sees("{ appointments(first: 1) { nodes { patient { email } } } }").await;
    let seen = log(&app.admin, json!({ "action": "patient.read", "patientId": ada.id })).await;
    assert_eq!((seen.len(), &seen[0]["subjectId"]), (1, &json!(ada.id)));
}

#[tokio::test]
async fn every_way_to_an_appointment_is_written_down() {
    let app = TestApp::start().await;
    let doctor = app.doctor("Dora").await;
    let ada = app.patient("Ada").await;
    let booked = ada.books(doctor.slots(&app, 2).await.last().unwrap()).await["appointment"].clone();
    let (id, reference) = (booked["id"].as_str().unwrap(), booked["reference"].as_str().unwrap());
    for query in [
        format!("{{ node(id: \"{id}\") {{ id }} }}"),
        format!("{{ nodes(ids: [\"{id}\"]) {{ id }} }}"),
        format!("{{ appointment(id: \"{id}\") {{ status }} }}"),
        format!("{{ appointment(reference: \"{reference}\") {{ notes }} }}"),
        "{ appointments(last: 1) { edges { node { id } } } }".to_owned(),
        format!("{{ node(id: \"{}\") {{ ... on User {{ appointments {{ nodes {{ id }} }} }} }} }}", ada.id),
    ] {
        let before = log(&app.admin, json!({ "action": "appointment.read" })).await.len();
        doctor.actor.sees(&query).await;
        let after = log(&app.admin, json!({ "action": "appointment.read" })).await.len();
        assert_eq!(after, before + 1, "{query}");
    }
    let stale = json!({ "appointmentId": id, "version": 7 });
    let selection = "userErrors { ... on VersionConflict { current { status } } }";
    let before = log(&app.admin, json!({ "action": "appointment.read" })).await.len();
    doctor.actor.does("cancelAppointment", "CancelAppointmentInput", stale, selection).await;
    assert_eq!(log(&app.admin, json!({ "action": "appointment.read" })).await.len(), before + 1);

    let mut socket = doctor.actor.connects().await;
    socket.watches("events", "subscription { appointmentEvents { appointment { id } } }", json!({})).await;
    ada.cancels(&booked).await;
    assert_eq!(socket.hears().await["payload"]["data"]["appointmentEvents"]["appointment"]["id"], id);
    assert_eq!(log(&app.admin, json!({ "action": "appointment.read" })).await.len(), before + 2);
}

#[tokio::test]
async fn whoever_is_listed_is_written_down_as_read_if_they_are_a_patient_there_whatever_they_are_by_now() {
    let app = TestApp::start().await;
    let (here, there) = (app.clinic("Here").await, app.clinic("There").await);
    let specialty = app.specialty("Cardiology").await;
    let doctor = app.doctor_in("Dora", &here, &[&specialty]).await;
    let (own, other) = (app.clinic_admin("Olga", &here).await, app.clinic_admin("Otto", &there).await);
    let (ada, ben) = (app.patient("Ada").await, app.patient("Ben").await);
    let slots = doctor.slots(&app, 2).await;
    ada.books(&slots[0]).await;
    ben.books(&slots[1]).await;
    let input = json!({ "userId": ben.id, "role": "ADMIN", "clinicId": there });
    app.admin.does("updateUserRole", "UpdateUserRoleInput", input, "user { role }").await;
    app.patient("Zoe").await;
    let list = "{ users { nodes { name } } }";
    for (reader, patients) in [(&own, vec!["Ada", "Ben"]), (&other, vec![]), (&app.admin, vec!["Ada", "Ben", "Zoe"])] {
        reader.sees(list).await;
        let read = log(&app.admin, json!({ "action": "patient.read", "actorId": reader.id })).await;
        let mut names: Vec<_> = read.iter().map(|entry| entry["patient"]["name"].as_str().unwrap()).collect();
        names.sort_unstable();
        assert_eq!(names, patients);
    }
    let email = format!("{{ node(id: \"{}\") {{ ... on User {{ email }} }} }}", ben.id);
    own.sees(&email).await;
    assert_eq!(log(&app.admin, json!({ "patientId": ben.id, "actorId": own.id })).await.len(), 2);
    assert!(log(&app.admin, json!({ "action": "patient.read", "actorId": other.id })).await.is_empty());
}

#[tokio::test]
async fn what_is_done_to_an_appointment_is_in_the_log_with_who_did_it() {
    let app = TestApp::start().await;
    let doctor = app.doctor("Dora").await;
    let ada = app.patient("Ada").await;
    let booked = ada.books(&doctor.slots(&app, 2).await[0]).await["appointment"].clone();
    app.works().await;
    app.passes(TimeDelta::minutes(1));
    doctor.actor.cancels(&booked).await;
    let about = log(&app.admin, json!({ "patientId": ada.id })).await;
    assert_eq!(actions(&about)[..2], ["appointment.read", "appointment.cancel"]);
    let mut steps = actions(&about)[2..].to_vec();
    steps.sort_unstable();
    assert_eq!(steps, ["appointment.book", "appointment.confirm", "user.register"]);
    let by_system = log(&app.admin, json!({ "action": "appointment.confirm" })).await;
    assert_eq!(by_system[0]["actor"], Value::Null);
    let of_doctor = log(&app.admin, json!({ "actorId": doctor.actor.id, "from": "2026-06-01T08:01:00Z" })).await;
    assert_eq!(actions(&of_doctor), ["appointment.read", "appointment.cancel"]);
    assert!(log(&app.admin, json!({ "actorId": doctor.actor.id, "to": "2026-06-01T08:01:00Z" })).await.is_empty());
    for entry in about {
        let query = format!("{{ node(id: {}) {{ ... on AuditEntry {{ action }} }} }}", entry["id"]);
        assert_eq!(app.admin.sees(&query).await["node"]["action"], entry["action"]);
        assert_eq!(doctor.actor.sees(&query).await["node"], Value::Null);
    }
}

#[tokio::test]
async fn what_patients_do_to_their_own_account_is_written_down_too() {
    let app = TestApp::start().await;
    let ada = app.patient("Ada").await;
    let token = app.token_for(&ada.email, "verify-email").await;
    ada.does("verifyEmail", "VerifyEmailInput", json!({ "token": token }), "user { id }").await;
    let input = json!({ "name": "Ada Lovelace" });
    ada.does("updateProfile", "UpdateProfileInput", input, "user { name }").await;
    let input = json!({ "currentPassword": "correct horse battery", "newPassword": "violet otter gramophone" });
    ada.does("changePassword", "ChangePasswordInput", input, "user { id }").await;
    for mutation in ["exportMyData", "deleteAccount"] {
        let input_type = format!("{}{}Input", mutation[..1].to_uppercase(), &mutation[1..]);
        let input = json!({ "password": "violet otter gramophone" });
        let done = ada.does(mutation, &input_type, input, "__typename").await;
        assert_eq!(done["userErrors"], json!([]), "{done}");
    }
    let log = log(&app.admin, json!({ "patientId": ada.id, "actorId": ada.id })).await;
    let mut seen = actions(&log);
    seen.sort_unstable();
    let own =
        ["user.change_password", "user.delete", "user.export", "user.register", "user.update", "user.verify_email"];
    assert_eq!(seen, own);
}

#[tokio::test]
async fn a_clinics_admin_sees_what_concerns_the_clinic_and_others_nothing() {
    let app = TestApp::start().await;
    let (here, there) = (app.clinic("Here").await, app.clinic("There").await);
    let specialty = app.specialty("Cardiology").await;
    let doctor = app.doctor_in("Dora", &here, &[&specialty]).await;
    let ada = app.patient("Ada").await;
    ada.books(&doctor.slots(&app, 2).await[0]).await;
    doctor.actor.sees("{ appointments { nodes { patient { email } } } }").await;
    let (own, other) = (app.clinic_admin("Olga", &here).await, app.clinic_admin("Otto", &there).await);
    assert_eq!(log(&own, json!({ "patientId": ada.id })).await.len(), 3);
    assert_eq!(actions(&log(&other, Value::Null).await), ["user.invite"]);
    assert!(log(&other, json!({ "patientId": ada.id })).await.is_empty());
    let entry = log(&own, Value::Null).await[0]["id"].clone();
    let query = format!("{{ node(id: {entry}) {{ id }} }}");
    assert_eq!(
        (own.sees(&query).await["node"]["id"].clone(), other.sees(&query).await["node"].clone()),
        (entry, Value::Null)
    );
    for stranger in [&doctor.actor, &ada] {
        assert_eq!(code(&stranger.asks("{ auditLog { nodes { id } } }", json!({})).await), "FORBIDDEN");
    }
    assert_eq!(code(&app.visitor().asks("{ auditLog { nodes { id } } }", json!({})).await), "UNAUTHENTICATED");
}

#[tokio::test]
async fn whoever_reads_in_the_log_about_a_patient_is_in_it_themselves() {
    let app = TestApp::start().await;
    let (here, there) = (app.clinic("Here").await, app.clinic("There").await);
    let specialty = app.specialty("Cardiology").await;
    let doctor = app.doctor_in("Dora", &here, &[&specialty]).await;
    let ada = app.patient("Ada").await;
    for slot in doctor.slots(&app, 2).await.iter().take(2) {
        ada.books(slot).await;
    }
    let (own, other) = (app.clinic_admin("Olga", &here).await, app.clinic_admin("Otto", &there).await);
    let readers = async || {
        let who =
            own.sees("{ auditLog(filter: { action: \"audit.read\" }) { nodes { actor { id } patient { id } } } }");
        who.await["auditLog"]["nodes"].as_array().unwrap().clone()
    };
    assert!(readers().await.is_empty());
    let seen = own.sees("{ auditLog(filter: { action: \"appointment.book\" }) { nodes { id } } }").await;
    let entry = json!({ "actor": { "id": own.id }, "patient": { "id": ada.id } });
    assert_eq!(readers().await, [entry], "once, though two entries are about her");
    own.sees(&format!("{{ node(id: {}) {{ id }} }}", seen["auditLog"]["nodes"][0]["id"])).await;
    assert_eq!(readers().await.len(), 2);
    other.sees("{ auditLog { nodes { id } } }").await;
    let query = json!({ "actorId": other.id });
    assert!(log(&app.admin, query.clone()).await.is_empty());
    let seen = app.admin.asks(
        "query ($filter: AuditFilter) { auditLog(filter: $filter) { nodes { action } } }",
        json!({ "filter": query }),
    );
    assert_eq!(seen.await["data"]["auditLog"]["nodes"], json!([]), "no patient is concerned");
}

#[tokio::test]
async fn the_log_does_not_grow_by_looking_at_who_has_read_it() {
    let app = TestApp::start().await;
    let ada = app.patient("Ada").await;
    assert_eq!(actions(&log(&app.admin, Value::Null).await), ["user.register"]);
    let readers = async || log(&app.admin, json!({ "action": READ_LOG })).await;
    let first = readers().await;
    assert_eq!((first.len(), &first[0]["patient"]["id"]), (1, &json!(ada.id)));
    app.admin.sees(&format!("{{ node(id: {}) {{ id }} }}", first[0]["id"])).await;
    assert_eq!(readers().await, first);
    assert_eq!(
        actions(&log(&app.admin, Value::Null).await),
        ["user.register"],
        "they are found by whoever asks for them"
    );
    assert_eq!(readers().await.len(), 2);
}

#[tokio::test]
async fn a_clinic_does_not_learn_from_the_log_whose_address_it_is_that_it_has_asked() {
    let app = TestApp::start().await;
    let there = app.clinic("There").await;
    let other = app.clinic_admin("Otto", &there).await;
    let ada = app.patient("Ada").await;
    let input = json!({ "email": ada.email, "name": "Whoever", "role": "PATIENT" });
    assert_eq!(code(&other.does("inviteUser", "InviteUserInput", input, "user { id }").await), "EMAIL_TAKEN");
    let about = async |of: &Actor, filter: Value| {
        let log = log(of, filter).await;
        log.iter().map(|entry| (entry["patient"].clone(), entry["subjectId"].clone())).collect::<Vec<_>>()
    };
    let asked = json!({ "action": "patient.ask" });
    let named = (json!({ "id": ada.id, "name": "Ada" }), json!(ada.id));
    assert_eq!(about(&other, asked.clone()).await, [(Value::Null, Value::Null)]);
    assert_eq!(about(&app.admin, asked.clone()).await, std::slice::from_ref(&named));
    let everything = other.sees("{ auditLog(first: 100) { nodes { patient { id } subjectId } } }").await.to_string();
    let readers = "{ auditLog(filter: { action: \"audit.read\" }) { nodes { patient { id } subjectId } } }";
    let readers = other.sees(readers).await.to_string();
    assert!(![everything, readers].iter().any(|seen| seen.contains(&ada.id)), "nor by who has read of it");
    assert!(about(&other, json!({ "patientId": ada.id })).await.is_empty());
    let input = json!({ "token": app.token_for(&ada.email, "join-clinic").await });
    ada.does("acceptInvitation", "AcceptInvitationInput", input, "clinic { id }").await;
    assert_eq!(about(&other, asked).await, [named], "whoever has said yes is known");
    assert_eq!(log(&other, json!({ "patientId": ada.id })).await.len(), 2);
}

#[tokio::test]
async fn a_clinics_admin_sees_who_made_and_who_changed_its_doctors() {
    let app = TestApp::start().await;
    let here = app.clinic("Here").await;
    let specialty = app.specialty("Cardiology").await;
    let doctor = app.doctor_in("Dora", &here, &[&specialty]).await;
    let own = app.clinic_admin("Olga", &here).await;
    app.passes(TimeDelta::minutes(1));
    let input = json!({ "userId": doctor.actor.id });
    app.admin.does("deactivateUser", "DeactivateUserInput", input, "user { id }").await;
    let seen = log(&own, Value::Null).await;
    assert_eq!(actions(&seen), ["user.deactivate", "user.invite", "doctor.create"]);
    assert_eq!((&seen[2]["subjectId"], &seen[2]["actor"]["name"]), (&json!(doctor.id), &json!("Root")));
}

#[tokio::test]
async fn the_log_is_read_page_by_page_without_gap_or_repetition_also_within_one_instant() {
    let app = TestApp::start().await;
    let doctor = app.doctor("Dora").await;
    let ada = app.patient("Ada").await;
    for slot in doctor.slots(&app, 2).await.iter().take(3) {
        ada.books(slot).await;
        doctor.actor.sees("{ appointments { nodes { id } } }").await;
    }
    let all: Vec<_> = log(&app.admin, Value::Null).await.iter().map(|entry| entry["id"].clone()).collect();
    assert_eq!(all.len(), 11);
    let (mut paged, mut after) = (Vec::new(), Value::Null);
    loop {
        let query = "query ($after: String) { auditLog(first: 2, after: $after) { nodes { id } pageInfo { hasNextPage endCursor } } }";
        let page = app.admin.asks(query, json!({ "after": after })).await["data"]["auditLog"].clone();
        paged.extend(page["nodes"].as_array().unwrap().iter().map(|entry| entry["id"].clone()));
        after = page["pageInfo"]["endCursor"].clone();
        if page["pageInfo"]["hasNextPage"] == false {
            break;
        }
    }
    assert_eq!(paged, all);
    for nonsense in [json!({ "patientId": "nobody" }), json!({ "action": "\0" }), json!({ "actorId": doctor.id })] {
        assert!(log(&app.admin, nonsense).await.is_empty());
    }
    let query = "{ auditLog(after: \"nonsense\") { nodes { id } } }";
    assert_eq!(code(&app.admin.asks(query, json!({})).await), "BAD_USER_INPUT");
}

#[tokio::test]
async fn the_database_refuses_to_change_or_to_remove_what_is_written_down() {
    let app = TestApp::start().await;
    let doctor = app.doctor("Dora").await;
    let ada = app.patient("Ada").await;
    ada.books(&doctor.slots(&app, 2).await[0]).await;
    doctor.actor.sees("{ appointments { nodes { id } } }").await;
    let connection = app.app.services.database.reader();
    for statement in [
        "UPDATE audit_entry SET action = 'nothing'",
        "DELETE FROM audit_entry",
        "UPDATE appointment_transition SET actor_id = NULL",
        "UPDATE appointment_transition SET to_status = 'CANCELLED'",
        "DELETE FROM appointment_transition",
        "UPDATE appointment SET patient_id = clinic_id",
        "UPDATE appointment SET clinic_id = patient_id",
    ] {
        let refused = connection.execute_unprepared(statement).await;
        assert!(refused.is_err_and(|error| error.to_string().contains("append_only")), "{statement}");
    }
    if Backend::chosen() == Backend::Sqlite {
        for statement in [
            "INSERT OR REPLACE INTO audit_entry SELECT id, at, actor_id, patient_id, clinic_id, 'nothing', NULL FROM audit_entry",
            "REPLACE INTO appointment_transition (id, appointment_id, to_status, at)
                SELECT id, appointment_id, 'EXPIRED', at FROM appointment_transition",
            "REPLACE INTO appointment (id, reference, doctor_id, clinic_id, patient_id, starts_at, ends_at, occupied_from, occupied_until,
                time_zone, status, version, created_at)
                SELECT id, reference, doctor_id, clinic_id, patient_id, starts_at, ends_at, occupied_from, occupied_until,
                    time_zone, status, version, created_at FROM appointment",
        ] {
            let refused = connection.execute_unprepared(statement).await;
            assert!(refused.is_err_and(|error| error.to_string().contains("append_only")), "{statement}");
        }
    }
    assert_eq!(log(&app.admin, Value::Null).await.len(), 4);
}

#[tokio::test]
async fn nobody_is_shown_what_cannot_be_written_down() {
    let app = TestApp::start().await;
    let doctor = app.doctor("Dora").await;
    let ada = app.patient("Ada").await;
    ada.books(&doctor.slots(&app, 2).await[0]).await;
    app.app.services.database.reader().execute_unprepared("DROP TABLE audit_entry").await.unwrap();
    let query = "{ appointments { nodes { id } } }";
    let answer = doctor.actor.asks(query, json!({})).await;
    assert_eq!((code(&answer), &answer["data"]), ("INTERNAL".to_owned(), &Value::Null));
    assert_eq!(ada.sees(query).await["appointments"]["nodes"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_hundred_sights_are_written_in_as_many_statements_as_one() {
    let app = TestApp::start().await;
    let mut counts = Vec::new();
    for number in [1, 100] {
        let sights = Sights::default();
        for _ in 0..number {
            let patient_id = entity::id::UserId::new();
            let subject_id = entity::id::AppointmentId::new().to_string();
            sights.note(&app.root(), Sight { action: READ_APPOINTMENT, patient_id, clinic_id: None, subject_id });
        }
        let (written, count) = count_statements(app.app.services.audit.write(Some(&app.root()), &sights)).await;
        written.unwrap();
        counts.push(count);
    }
    assert_eq!(counts[0], counts[1]);
    assert_eq!(log(&app.admin, Value::Null).await.len(), 100);
}
