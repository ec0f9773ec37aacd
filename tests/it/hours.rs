//! The hours of doctors, the exceptions to them, and what of both is refused.

use crate::support::{TestApp, code, codes, starts};
use serde_json::{Value, json};

#[tokio::test]
async fn hours_that_make_no_sense_are_refused_and_the_old_ones_stay() {
    let app = TestApp::start().await;
    let doctor = app.doctor("Dora").await;
    let before = doctor.slots(&app, 7).await;
    let refused = doctor.works(json!([
        { "weekday": "MONDAY", "startTime": "09:00", "endTime": "09:00" },
        { "weekday": "TUESDAY", "startTime": "09:00", "endTime": "12:00", "slotMinutes": 20 },
        { "weekday": "TUESDAY", "startTime": "11:00", "endTime": "13:00", "slotMinutes": 30 },
        { "weekday": "FRIDAY", "startTime": "09:00", "endTime": "12:00", "effectiveFrom": "2026-07-01", "effectiveUntil": "2026-06-30" },
    ])).await;
    assert_eq!(codes(&refused), ["INVALID", "OVERLAPPING_RULES", "INVALID"]);
    let fields: Vec<_> = refused["userErrors"].as_array().unwrap().iter().map(|error| error["field"].clone()).collect();
    assert_eq!(
        fields,
        [json!(["rules", "0", "endTime"]), json!(["rules", "2"]), json!(["rules", "3", "effectiveUntil"])]
    );
    for wrong in ["25:00", "9:00", "24:30", "09:00:30"] {
        let answer = doctor.works(json!([{ "weekday": "MONDAY", "startTime": wrong, "endTime": "12:00" }])).await;
        assert_eq!(code(&answer), "BAD_USER_INPUT", "{wrong}");
    }
    assert_eq!(doctor.slots(&app, 7).await, before);
}

#[tokio::test]
async fn why_a_doctor_is_away_is_for_the_doctor_and_admins_alone() {
    let app = TestApp::start().await;
    let doctor = app.doctor("Dora").await;
    let input = json!({ "doctorId": doctor.id, "date": "2026-06-02", "kind": "BLOCK", "reason": "surgery" });
    let added = doctor.adds_override(input).await;
    assert_eq!(codes(&added), [""; 0], "{added}");
    let query =
        format!("{{ doctor(id: \"{}\") {{ availabilityOverrides {{ date kind startTime reason }} }} }}", doctor.id);
    let seen = |reason: Value| json!([{ "date": "2026-06-02", "kind": "BLOCK", "startTime": null, "reason": reason }]);
    assert_eq!(app.visitor().sees(&query).await["doctor"]["availabilityOverrides"], seen(json!(null)));
    assert_eq!(app.patient("Ada").await.sees(&query).await["doctor"]["availabilityOverrides"], seen(json!(null)));
    assert_eq!(doctor.actor.sees(&query).await["doctor"]["availabilityOverrides"], seen(json!("surgery")));
    assert_eq!(doctor.slots(&app, 2).await.len(), 6, "the second day is blocked");
}

#[tokio::test]
async fn overrides_add_replace_and_block_hours_and_can_be_taken_back() {
    let app = TestApp::start().await;
    let doctor = app.doctor("Dora").await;
    let booked = app.patient("Ada").await.books(&doctor.slots(&app, 1).await[0]).await;
    let add = async |date: &str, kind: &str, times: Option<(&str, &str)>| {
        let (start, end) = times.unzip();
        doctor
            .adds_override(
                json!({ "doctorId": doctor.id, "date": date, "kind": kind, "startTime": start, "endTime": end }),
            )
            .await
    };
    let day = async |day: u32| {
        let query = format!(
            "{{ doctor(id: \"{}\") {{ slots(from: \"2026-06-0{day}T00:00:00Z\", to: \"2026-06-0{}T00:00:00Z\") {{ startsAt }} }} }}",
            doctor.id,
            day + 1
        );
        starts(&app.visitor().sees(&query).await["doctor"]["slots"])
            .iter()
            .map(|start| start[6..].to_owned())
            .collect::<Vec<_>>()
            .join(" ")
    };
    add("2026-06-02", "EXTEND", Some(("12:00", "13:00"))).await;
    assert_eq!(day(2).await, "09:00 09:30 10:00 10:30 11:00 11:30 12:00 12:30");
    add("2026-06-03", "REPLACE", Some(("14:00", "15:00"))).await;
    assert_eq!(day(3).await, "14:00 14:30");
    let blocked = add("2026-06-01", "BLOCK", Some(("09:15", "11:00"))).await;
    assert_eq!(day(1).await, "11:00 11:30");
    assert_eq!(blocked["conflicts"], json!([{ "id": booked["appointment"]["id"] }]));
    assert_eq!(blocked["doctor"]["calendarVersion"], 6);
    let id = blocked["doctor"]["availabilityOverrides"][0]["id"].clone();
    let remove = async |actor: &crate::support::Actor| {
        let input = json!({ "overrideId": id });
        actor.does("removeAvailabilityOverride", "RemoveAvailabilityOverrideInput", input, "doctor { id }").await
    };
    assert_eq!(code(&remove(&app.doctor("Otto").await.actor).await), "FORBIDDEN");
    assert_eq!(remove(&doctor.actor).await["doctor"]["id"], doctor.id);
    assert_eq!(code(&remove(&doctor.actor).await), "NOT_FOUND");
    assert_eq!(day(1).await, "09:30 10:00 10:30 11:00 11:30");
}

#[tokio::test]
async fn overrides_that_make_no_sense_are_refused() {
    let app = TestApp::start().await;
    let doctor = app.doctor("Dora").await;
    for (change, code, field) in [
        (json!({ "kind": "EXTEND" }), "INVALID", "startTime"),
        (json!({ "kind": "REPLACE", "startTime": "09:00" }), "INVALID", "endTime"),
        (json!({ "kind": "BLOCK", "endTime": "09:00" }), "INVALID", "startTime"),
        (json!({ "kind": "BLOCK", "startTime": "09:00", "endTime": "09:00" }), "INVALID", "endTime"),
        (json!({ "kind": "BLOCK", "startTime": "24:00", "endTime": "09:00" }), "INVALID", "startTime"),
        (json!({ "kind": "BLOCK", "slotMinutes": 30 }), "INVALID", "slotMinutes"),
        (json!({ "kind": "EXTEND", "startTime": "13:00", "endTime": "13:20" }), "INVALID", "slotMinutes"),
        (
            json!({ "kind": "EXTEND", "startTime": "11:00", "endTime": "13:00", "slotMinutes": 20 }),
            "OVERLAPPING_RULES",
            "startTime",
        ),
        (json!({ "kind": "BLOCK", "reason": "x".repeat(1_001) }), "INVALID", "reason"),
    ] {
        let mut input = json!({ "doctorId": doctor.id, "date": "2026-06-02" });
        input.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let refused = doctor.adds_override(input).await;
        let errors = (codes(&refused), refused["userErrors"][0]["field"].clone());
        assert!(errors.0.contains(&code.to_owned()) && errors.1 == json!([field]), "{change} {refused}");
    }
    let input = json!({ "doctorId": doctor.id, "date": "2026-02-30", "kind": "BLOCK" });
    assert_eq!(code(&doctor.adds_override(input).await), "BAD_USER_INPUT");
    assert_eq!(doctor.slots(&app, 2).await.len(), 12, "nothing was written");
}

#[tokio::test]
async fn hours_of_two_lengths_come_to_overlap_by_no_way_and_an_exception_keeps_its_length() {
    let app = TestApp::start().await;
    let doctor = app.doctor("Dora").await;
    let add = async |day: u32, kind: &str, times: Value, minutes: Value| {
        let date = format!("2026-06-0{day}");
        let input = json!({ "doctorId": doctor.id, "date": date, "kind": kind, "startTime": times[0], "endTime": times[1],
            "slotMinutes": minutes });
        let added = doctor.adds_override(input).await;
        assert_eq!(codes(&added), [""; 0], "{added}");
        let mut overrides = added["doctor"]["availabilityOverrides"].as_array().unwrap().iter();
        let this = overrides.find(|exception| exception["date"] == date && exception["kind"] == kind).unwrap();
        this["id"].as_str().unwrap().to_owned()
    };
    let remove = async |id: &str| {
        let input = json!({ "overrideId": id });
        doctor.actor.does("removeAvailabilityOverride", "RemoveAvailabilityOverrideInput", input, "doctor { id }").await
    };
    let refused = |answer: &Value, field: &str| {
        assert_eq!(codes(answer), ["OVERLAPPING_RULES"], "{answer}");
        assert_eq!(answer["userErrors"][0]["field"], json!([field]));
    };
    let longer = json!([{ "weekday": "TUESDAY", "startTime": "09:00", "endTime": "13:00", "slotMinutes": 30 }]);
    // An afternoon of long slots beside the morning; that the doctor is away then hides it only for now.
    let afternoon = add(2, "EXTEND", json!(["12:00", "14:00"]), json!(60)).await;
    add(2, "BLOCK", json!([null, null]), json!(null)).await;
    let before = doctor.slots(&app, 4).await;
    refused(&doctor.works(longer.clone()).await, "rules");
    // Long slots in the morning, as long as other hours take its place.
    let replacement = add(3, "REPLACE", json!(["15:00", "16:00"]), json!(null)).await;
    let morning = add(3, "EXTEND", json!(["10:00", "11:00"]), json!(60)).await;
    refused(&remove(&replacement).await, "overrideId");
    for id in [&morning, &replacement] {
        assert_eq!(codes(&remove(id).await), [""; 0]);
    }
    assert_eq!(doctor.slots(&app, 4).await, before);
    // Half hours, for that is what the doctor's slots are when it is added.
    add(4, "EXTEND", json!(["13:00", "14:00"]), json!(null)).await;
    let added = doctor.slots(&app, 4).await;
    assert_eq!(added.len(), before.len() + 2);
    let input = json!({ "doctorId": doctor.id, "slotMinutes": 60 });
    doctor.actor.does("updateDoctor", "UpdateDoctorInput", input, "doctor { id }").await;
    assert_eq!(doctor.slots(&app, 4).await, added);
    remove(&afternoon).await;
    assert_eq!(codes(&doctor.works(longer).await), [""; 0]);
}
