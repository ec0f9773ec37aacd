//! A person's data as a whole: given out, and forgotten.

use crate::{
    account_care::{NEW_PASSWORD, PASSWORD, SESSION, app_with, is_in, signs_in},
    support::{Postbox, TestApp, code},
};
use serde_json::{Value, json};

#[tokio::test]
async fn a_deleted_account_leaves_a_history_that_is_nobodys() {
    let postbox = Postbox::open();
    let app = app_with(&postbox).await;
    let doctor = app.doctor("Dora").await;
    let ada = app.patient("Ada").await;
    let slots = doctor.slots(&app, 4).await;
    let mut visits = Vec::new();
    // One within the notice, when the clinic lets nobody cancel, and one far ahead.
    for slot in [&slots[2], slots.last().unwrap()] {
        let input = json!({ "slotId": slot, "notes": "Ada, 12 Main Street" });
        let booked = ada.does("bookAppointment", "BookAppointmentInput", input, "appointment { id }").await;
        visits.push(booked["appointment"]["id"].as_str().unwrap().to_owned());
    }
    app.works().await;
    ada.holds(&slots[4]).await;
    let delete = async |password: Value| {
        ada.does("deleteAccount", "DeleteAccountInput", json!({ "password": password }), "deletedId").await
    };
    assert_eq!(code(&delete(json!("wrong password")).await), "INVALID_CREDENTIALS");
    assert_eq!(code(&delete(Value::Null).await), "INVALID");
    assert!(is_in(&ada).await);
    assert_eq!(delete(json!(PASSWORD)).await["deletedId"], ada.id);
    assert!(!is_in(&ada).await);
    assert_eq!(code(&signs_in(&app, &ada.email, PASSWORD).await), "INVALID_CREDENTIALS");
    for visit in &visits {
        let query = format!(
            "{{ appointment(id: \"{visit}\") {{ status notes cancellationFee {{ amount }} patient {{ id name email phone active }} }} }}"
        );
        let seen = doctor.actor.sees(&query).await["appointment"].clone();
        let patient = json!({ "id": ada.id, "name": "Deleted account", "email": null, "phone": null, "active": false });
        let expected = json!({ "status": "CANCELLED", "notes": null, "cancellationFee": null, "patient": patient });
        assert_eq!(seen, expected);
    }
    assert_eq!(doctor.slots(&app, 4).await, slots, "the time is given back");
    app.works().await;
    let letter = postbox.letter(&ada.email, "Your account was deleted").await;
    assert!(!letter.raw.contains("Ada "), "{}", letter.raw);
    // The address is free again, and nothing of before comes with it.
    let input = json!({ "email": ada.email, "password": NEW_PASSWORD, "name": "Ada" });
    let again = app.visitor().does("register", "RegisterInput", input, SESSION).await;
    assert!(again["session"]["user"]["id"].is_string() && again["session"]["user"]["id"] != ada.id, "{again}");
}

#[tokio::test]
async fn what_was_booked_while_an_account_was_deleted_is_cancelled_by_the_worker() {
    let app = TestApp::start().await;
    let doctor = app.doctor("Dora").await;
    let ada = app.patient("Ada").await;
    let slots = doctor.slots(&app, 2).await;
    let booked = ada.books(&slots[3]).await["appointment"]["id"].as_str().unwrap().to_owned();
    let transaction = app.app.services.database.begin().await.unwrap();
    medislot::accounts::erase_in(&transaction, ada.id.parse().unwrap(), app.now()).await.unwrap();
    transaction.commit().await.unwrap();
    app.works().await;
    let seen = doctor.actor.sees(&format!("{{ appointment(id: \"{booked}\") {{ status }} }}")).await;
    assert_eq!(seen["appointment"]["status"], "CANCELLED");
}

#[tokio::test]
async fn doctors_and_the_last_admin_stay() {
    let app = TestApp::start().await;
    let doctor = app.doctor("Dora").await;
    for actor in [&doctor.actor, &app.admin] {
        let input = json!({ "password": PASSWORD });
        let refused = actor.does("deleteAccount", "DeleteAccountInput", input, "deletedId").await;
        assert_eq!(code(&refused), "IN_USE");
        assert!(is_in(actor).await);
    }
}

#[tokio::test]
async fn whoever_asks_gets_everything_that_is_kept_about_them_and_nothing_about_others() {
    let postbox = Postbox::open();
    let app = app_with(&postbox).await;
    let doctor = app.doctor("Dora").await;
    let (ada, ben) = (app.patient("Ada").await, app.patient("Ben").await);
    let slots = doctor.slots(&app, 4).await;
    let input = json!({ "slotId": slots.last(), "notes": "my knee" });
    ada.does("bookAppointment", "BookAppointmentInput", input, "appointment { id }").await;
    ben.books(&slots[slots.len() - 2]).await;
    app.works().await;
    let export = async |password: &str| {
        ada.does("exportMyData", "ExportMyDataInput", json!({ "password": password }), "data").await
    };
    let refused = export("wrong password").await;
    assert_eq!((code(&refused), &refused["data"]), ("INVALID_CREDENTIALS".to_owned(), &Value::Null));
    let exported = export(PASSWORD).await;
    let data: Value = serde_json::from_str(exported["data"].as_str().unwrap()).unwrap();
    assert_eq!(data["account"]["email"], ada.email);
    assert_eq!(data["account"]["role"], "PATIENT");
    assert_eq!(data["sessions"].as_array().unwrap().len(), 1);
    assert_eq!(data["letters"][0]["letter"], "verify-email");
    assert_eq!(data["appointments"].as_array().unwrap().len(), 1);
    assert_eq!(data["appointments"][0]["notes"], "my knee");
    assert_eq!(data["appointments"][0]["status"], "CONFIRMED");
    let steps = data["appointments"][0]["history"].as_array().unwrap();
    assert_eq!(steps.iter().map(|step| step["to"].as_str().unwrap()).collect::<Vec<_>>(), ["PENDING", "CONFIRMED"]);
    for secret in [&ben.id, &ben.email, "argon2", "password", "hash"] {
        assert!(!exported["data"].as_str().unwrap().contains(secret), "{secret}");
    }
    app.works().await;
    postbox.letter(&ada.email, "Your data were given out").await;
}
