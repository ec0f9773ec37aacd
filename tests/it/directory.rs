//! Finding clinics, specialties and doctors, and keeping them.

use crate::support::{TestApp, code, codes};
use serde_json::{Value, json};

pub fn names(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|node| node["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn doctors_are_found_by_clinic_specialty_and_words() {
    let app = TestApp::start().await;
    let (north, south) = (app.clinic("North").await, app.clinic("South").await);
    let (hearts, skins) = (app.specialty("Hearts").await, app.specialty("Skins").await);
    app.doctor_in("Zoë Alt", &north, &[&hearts]).await;
    app.doctor_in("Max Berg", &north, &[&hearts, &skins]).await;
    app.doctor_in("Ida 100%", &south, &[&skins]).await;
    let find = async |filter: Value| {
        let answer = app
            .visitor()
            .asks(
                "query ($f: DoctorFilter) { doctors(filter: $f) { totalCount nodes { name } } }",
                json!({ "f": filter }),
            )
            .await;
        let doctors = answer["data"]["doctors"].clone();
        assert_eq!(doctors["totalCount"], doctors["nodes"].as_array().unwrap().len(), "{answer}");
        names(&doctors["nodes"]).join(", ")
    };
    assert_eq!(find(json!({})).await, "Ida 100%, Max Berg, Zoë Alt");
    assert_eq!(find(json!({ "clinicId": north })).await, "Max Berg, Zoë Alt");
    assert_eq!(find(json!({ "specialtyId": skins, "clinicId": north })).await, "Max Berg");
    assert_eq!(find(json!({ "search": "zOË" })).await, "Zoë Alt");
    assert_eq!(find(json!({ "search": "%" })).await, "Ida 100%", "a word is a word, not a pattern");
    assert_eq!(find(json!({ "clinicId": "clinic_nonsense" })).await, "");
    assert_eq!(find(json!({ "clinicId": hearts })).await, "");
    let nested = app.visitor().sees("{ specialties { nodes { name doctors(first: 1) { totalCount nodes { name } pageInfo { hasNextPage } } } } clinics { nodes { doctors { nodes { name } } } } }").await;
    let hearts = &nested["specialties"]["nodes"][0]["doctors"];
    assert_eq!(
        *hearts,
        json!({ "totalCount": 2, "nodes": [{ "name": "Max Berg" }], "pageInfo": { "hasNextPage": true } })
    );
    assert_eq!(names(&nested["clinics"]["nodes"][1]["doctors"]["nodes"]), ["Ida 100%"]);
}

#[tokio::test]
async fn only_platform_admins_make_clinics_and_specialties() {
    let app = TestApp::start().await;
    let doctor = app.doctor("Dora").await;
    let clinic = app.clinic("North").await;
    let (patient, clinic_admin) = (app.patient("Ada").await, app.clinic_admin("Carl", &clinic).await);
    for (actor, expected) in [
        (&app.visitor(), "UNAUTHENTICATED"),
        (&patient, "FORBIDDEN"),
        (&doctor.actor, "FORBIDDEN"),
        (&clinic_admin, "FORBIDDEN"),
    ] {
        let made =
            actor.does("createSpecialty", "CreateSpecialtyInput", json!({ "name": "Mine" }), "specialty { id }").await;
        assert_eq!(code(&made), expected);
        let input = json!({ "name": "Mine", "timeZone": "UTC" });
        assert_eq!(code(&actor.does("createClinic", "CreateClinicInput", input, "clinic { id }").await), expected);
    }
    assert_eq!(
        app.visitor().sees("{ specialties { totalCount } clinics { totalCount } }").await,
        json!({ "specialties": { "totalCount": 1 }, "clinics": { "totalCount": 2 } })
    );
}

#[tokio::test]
async fn a_clinics_admin_edits_that_clinic_and_no_other() {
    let app = TestApp::start().await;
    let (north, south) = (app.clinic("North").await, app.clinic("South").await);
    let carl = app.clinic_admin("Carl", &north).await;
    let update = async |id: &str| {
        let input = json!({ "id": id, "phone": "112", "cancellationNoticeHours": 48 });
        carl.does("updateClinic", "UpdateClinicInput", input, "clinic { name phone cancellationNoticeHours }").await
    };
    assert_eq!(
        update(&north).await["clinic"],
        json!({ "name": "North", "phone": "112", "cancellationNoticeHours": 48 })
    );
    assert_eq!(code(&update(&south).await), "FORBIDDEN");
    let cleared = carl
        .does("updateClinic", "UpdateClinicInput", json!({ "id": north, "phone": null }), "clinic { name phone }")
        .await;
    assert_eq!(cleared["clinic"], json!({ "name": "North", "phone": null }));
    let emptied =
        carl.does("updateClinic", "UpdateClinicInput", json!({ "id": north, "name": null }), "clinic { name }").await;
    assert_eq!((code(&emptied), emptied["userErrors"][0]["field"].clone()), ("INVALID".to_owned(), json!(["name"])));
}

#[tokio::test]
async fn names_in_addresses_are_unique_and_what_is_in_use_stays() {
    let app = TestApp::start().await;
    let doctor = app.doctor("Dora").await;
    let clinic = app
        .visitor()
        .sees(&format!("{{ doctor(id: \"{}\") {{ clinic {{ id slug }} specialties {{ id slug }} }} }}", doctor.id))
        .await["doctor"]
        .clone();
    assert_eq!(clinic["clinic"]["slug"], "dora-s-clinic");
    let input = json!({ "name": "Other", "slug": "dora-s-clinic", "timeZone": "UTC" });
    let taken = app.admin.does("createClinic", "CreateClinicInput", input, "clinic { id }").await;
    assert_eq!((code(&taken), taken["userErrors"][0]["field"].clone()), ("TAKEN".to_owned(), json!(["slug"])));
    let used =
        app.admin.does("deleteClinic", "DeleteInput", json!({ "id": clinic["clinic"]["id"] }), "deletedId").await;
    assert_eq!(code(&used), "IN_USE");
    let used = app
        .admin
        .does("deleteSpecialty", "DeleteInput", json!({ "id": clinic["specialties"][0]["id"] }), "deletedId")
        .await;
    assert_eq!(code(&used), "IN_USE");
    let empty = app.clinic("Empty").await;
    let deleted = app.admin.does("deleteClinic", "DeleteInput", json!({ "id": empty }), "deletedId").await;
    assert_eq!(deleted["deletedId"], empty);
    assert_eq!(
        code(&app.admin.does("deleteClinic", "DeleteInput", json!({ "id": empty }), "deletedId").await),
        "NOT_FOUND"
    );
}

#[tokio::test]
async fn a_doctor_is_made_changed_taken_off_the_list_and_brought_back() {
    let app = TestApp::start().await;
    let clinic = app.clinic("North").await;
    let carl = app.clinic_admin("Carl", &clinic).await;
    let doctor = app.doctor_in("Dora", &clinic, &[&app.specialty("Hearts").await]).await;
    let listed =
        async || app.visitor().sees("{ doctors { nodes { name bufferMinutes } } }").await["doctors"]["nodes"].clone();

    let input = json!({ "doctorId": doctor.id, "name": "Dora Doe", "bufferMinutes": 5 });
    let changed = doctor.actor.does("updateDoctor", "UpdateDoctorInput", input, "doctor { name bufferMinutes }").await;
    assert_eq!(changed["doctor"], json!({ "name": "Dora Doe", "bufferMinutes": 5 }));
    assert_eq!(doctor.actor.sees("{ viewer { name } }").await["viewer"]["name"], "Dora Doe");

    let active = async |actor: &crate::support::Actor, active: bool| {
        let input = json!({ "doctorId": doctor.id, "active": active });
        actor.does("updateDoctor", "UpdateDoctorInput", input, "doctor { active }").await
    };
    assert_eq!(code(&active(&doctor.actor, false).await), "FORBIDDEN");
    let gone = carl
        .does("deactivateDoctor", "DeactivateDoctorInput", json!({ "doctorId": doctor.id }), "doctor { active }")
        .await;
    assert_eq!(gone["doctor"]["active"], false);
    assert_eq!(listed().await, json!([]));
    assert_eq!(doctor.slots(&app, 3).await, [""; 0]);
    assert_eq!(active(&carl, true).await["doctor"]["active"], true);
    assert_eq!(listed().await, json!([{ "name": "Dora Doe", "bufferMinutes": 5 }]));
}

#[tokio::test]
async fn nobody_keeps_a_doctor_of_another_clinic() {
    let app = TestApp::start().await;
    let doctor = app.doctor("Dora").await;
    let other = app.doctor("Otto").await;
    let carl = app.clinic_admin("Carl", &app.clinic("North").await).await;
    let ada = app.patient("Ada").await;
    for actor in [&carl, &other.actor, &ada] {
        let input = json!({ "doctorId": doctor.id, "name": "Hijacked" });
        assert_eq!(code(&actor.does("updateDoctor", "UpdateDoctorInput", input, "doctor { id }").await), "FORBIDDEN");
        let input = json!({ "doctorId": doctor.id, "rules": [] });
        assert_eq!(
            code(&actor.does("setAvailability", "SetAvailabilityInput", input, "doctor { id }").await),
            "FORBIDDEN"
        );
        let input = json!({ "doctorId": doctor.id, "name": "Chat", "durationMinutes": 30 });
        assert_eq!(code(&actor.does("saveVisitType", "SaveVisitTypeInput", input, "doctor { id }").await), "FORBIDDEN");
    }
    assert!(!doctor.slots(&app, 3).await.is_empty());
}

#[tokio::test]
async fn a_doctor_that_makes_no_sense_is_refused_and_nothing_is_written() {
    let app = TestApp::start().await;
    let (clinic, specialty) = (app.clinic("North").await, app.specialty("Hearts").await);
    let create = async |change: Value| {
        let mut input = json!({ "clinicId": clinic, "specialtyIds": [specialty], "name": "Dora", "email": "dora@example.com", "password": "violet otter gramophone" });
        input.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        app.admin.does("createDoctor", "CreateDoctorInput", input, "doctor { id }").await
    };
    for (change, field) in [
        (json!({ "slotMinutes": 4 }), "slotMinutes"),
        (json!({ "bufferMinutes": 241 }), "bufferMinutes"),
        (json!({ "minNoticeMinutes": -1 }), "minNoticeMinutes"),
        (json!({ "maxAdvanceDays": 367 }), "maxAdvanceDays"),
        (json!({ "bio": "x".repeat(4_001) }), "bio"),
        (json!({ "name": "Do\u{0}ra" }), "name"),
        (json!({ "specialtyIds": [] }), "specialtyIds"),
        (json!({ "password": "short" }), "password"),
    ] {
        let refused = create(change).await;
        assert_eq!(refused["userErrors"][0]["field"], json!([field]), "{refused}");
    }
    let unknown = create(json!({ "specialtyIds": [specialty, clinic] })).await;
    assert_eq!(
        (code(&unknown), unknown["userErrors"][0]["field"].clone()),
        ("NOT_FOUND".to_owned(), json!(["specialtyIds", "1"]))
    );
    assert_eq!(code(&create(json!({ "email": "root@example.com" })).await), "EMAIL_TAKEN");
    assert_eq!(code(&create(json!({ "timeZone": "Mars/Olympus" })).await), "BAD_USER_INPUT");
    assert_eq!(app.visitor().sees("{ doctors { totalCount } }").await["doctors"]["totalCount"], 0);
    assert!(create(json!({})).await["doctor"]["id"].is_string(), "the address is free: nothing was written");
}

#[tokio::test]
async fn visit_types_are_made_changed_and_kept_apart() {
    let app = TestApp::start().await;
    let (doctor, other) = (app.doctor("Dora").await, app.doctor("Otto").await);
    let save = async |doctor: &crate::support::Doctor, change: Value| {
        let mut input = json!({ "doctorId": doctor.id, "name": "Check-up", "durationMinutes": 30 });
        input.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        doctor
            .actor
            .does(
                "saveVisitType",
                "SaveVisitTypeInput",
                input,
                "doctor { visitTypes { id name durationMinutes mode active price { amount currency } } }",
            )
            .await
    };
    let made = save(&doctor, json!({ "price": { "amount": 1250, "currency": "EUR" }, "mode": "VIDEO" })).await["doctor"]["visitTypes"][0].clone();
    assert_eq!(made["price"], json!({ "amount": 1250, "currency": "EUR" }));
    let changed = save(&doctor, json!({ "visitTypeId": made["id"], "durationMinutes": 45, "active": false })).await["doctor"]["visitTypes"].clone();
    assert_eq!(
        changed,
        json!([{ "id": made["id"], "name": "Check-up", "durationMinutes": 45, "mode": "IN_PERSON", "active": false, "price": null }])
    );
    let foreign = save(&other, json!({ "visitTypeId": made["id"] })).await;
    assert_eq!(
        (code(&foreign), foreign["userErrors"][0]["field"].clone()),
        ("NOT_FOUND".to_owned(), json!(["visitTypeId"]))
    );
    for (change, field) in [
        (json!({ "durationMinutes": 481 }), json!(["durationMinutes"])),
        (json!({ "stepMinutes": 0 }), json!(["stepMinutes"])),
        (json!({ "bufferBeforeMinutes": -1 }), json!(["bufferBeforeMinutes"])),
        (json!({ "price": { "amount": -1, "currency": "EUR" } }), json!(["price", "amount"])),
        (json!({ "price": { "amount": 1, "currency": "BTC" } }), json!(["price", "currency"])),
    ] {
        let refused = save(&doctor, change).await;
        assert_eq!((codes(&refused), refused["userErrors"][0]["field"].clone()), (vec!["INVALID".to_owned()], field));
    }
}

#[tokio::test]
async fn anything_is_found_by_its_id_and_what_is_not_there_is_null() {
    let app = TestApp::start().await;
    let doctor = app.doctor("Dora").await;
    let slot = doctor.slots(&app, 2).await[0].clone();
    let ids = app
        .visitor()
        .sees(&format!(
            "{{ doctor(id: \"{}\") {{ clinic {{ id }} specialties {{ id }} availabilityRules {{ id }} }} }}",
            doctor.id
        ))
        .await["doctor"]
        .clone();
    let asked = json!([
        doctor.id,
        ids["clinic"]["id"],
        ids["specialties"][0]["id"],
        ids["availabilityRules"][0]["id"],
        slot,
        "doctor_01h455vb4pex5vsknk084sn02q",
        "nonsense",
        "",
        "user_01h455vb4pex5vsknk084sn02q",
        "slot_AAAA"
    ]);
    let answer = app
        .visitor()
        .asks("query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }", json!({ "ids": asked }))
        .await;
    let found: Vec<_> =
        answer["data"]["nodes"].as_array().unwrap().iter().map(|node| node["__typename"].as_str()).collect();
    assert_eq!(
        found,
        [
            Some("Doctor"),
            Some("Clinic"),
            Some("Specialty"),
            Some("AvailabilityRule"),
            Some("Slot"),
            None,
            None,
            None,
            None,
            None
        ]
    );
    let many = vec!["x"; 101];
    assert_eq!(
        code(&app.visitor().asks("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", json!({ "ids": many })).await),
        "BAD_USER_INPUT"
    );
}

#[tokio::test]
async fn changes_of_different_fields_at_once_are_all_kept() {
    let app = TestApp::start().await;
    let clinic = app.clinic("North").await;
    let doctor = app.doctor_in("Dora", &clinic, &[&app.specialty("Hearts").await]).await;
    for round in 0..5 {
        let (address, phone) = (format!("street {round}"), format!("{round}"));
        let update = async |field: &str, value: &str| {
            let input = json!({ "id": clinic, field: value });
            app.admin.does("updateClinic", "UpdateClinicInput", input, "clinic { id }").await
        };
        tokio::join!(update("address", &address), update("phone", &phone));
        let seen = app.visitor().sees(&format!("{{ clinic(id: \"{clinic}\") {{ address phone }} }}")).await;
        assert_eq!(seen["clinic"], json!({ "address": address, "phone": phone }));

        let active = async |active: bool| {
            let input = json!({ "doctorId": doctor.id, "active": active });
            app.admin.does("updateDoctor", "UpdateDoctorInput", input, "doctor { active }").await
        };
        let title = async |title: String| {
            let input = json!({ "doctorId": doctor.id, "title": title });
            doctor.actor.does("updateDoctor", "UpdateDoctorInput", input, "doctor { id }").await
        };
        active(true).await;
        tokio::join!(active(false), title(format!("a{round}")), title(format!("b{round}")), title(format!("c{round}")));
        let seen = app.visitor().sees(&format!("{{ doctor(id: \"{}\") {{ active }} }}", doctor.id)).await;
        assert_eq!(seen["doctor"]["active"], false, "in round {round} the doctor came back");
    }
}
