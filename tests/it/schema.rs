//! The schema's document, and what the library that executes it must not do.

use crate::support::TestApp;
use medislot::{config::Limits, graphql};
use serde_json::json;

#[test]
fn the_printed_schema_is_the_one_in_the_repository() {
    let printed = graphql::sdl(&graphql::schema(&Limits::default()).finish());
    let kept = std::fs::read_to_string("schema.graphql").unwrap_or_default();
    assert!(printed == kept, "the schema changed: cargo run -- schema > schema.graphql");
}

#[test]
fn everything_in_the_schema_is_described() {
    let printed = graphql::sdl(&graphql::schema(&Limits::default()).finish());
    let mut described = false;
    let kinds = ["type ", "input ", "enum ", "interface ", "scalar "];
    for line in printed.lines().map(str::trim).take_while(|line| !line.starts_with("schema {")) {
        let is_description = line.starts_with('"') || line.ends_with("\"\"\"");
        let is_member = line.contains(": ") && !line.starts_with(')') || line.ends_with('(');
        let declares = !is_description && (is_member || kinds.iter().any(|kind| line.starts_with(kind)));
        assert!(described || !declares || line.starts_with("directive"), "not described: {line}");
        described = is_description || (described && !declares && !line.is_empty());
    }
}

#[tokio::test]
async fn fields_are_answered_in_the_order_in_which_they_are_asked_for() {
    let app = TestApp::start().await;
    let doctor = app.doctor("Dora").await;
    let query = format!(
        "{{ doctor(id: \"{}\") {{ clinic {{ name }} name nextSlots {{ id }} id specialties {{ name }} }} }}",
        doctor.id
    );
    let client = reqwest::Client::new();
    let request = client.post(format!("http://{}/graphql", app.address)).json(&json!({ "query": query }));
    let body = request.send().await.unwrap().text().await.unwrap();
    let places: Vec<_> = ["\"clinic\"", "\"nextSlots\"", "\"specialties\""].map(|key| body.find(key).unwrap()).to_vec();
    assert!(places.is_sorted(), "{body}");
}

#[tokio::test]
async fn a_field_that_must_not_be_null_takes_its_parent_with_it() {
    let app = TestApp::start().await;
    let doctor = app.doctor("Dora").await;
    let reversed = "slots(from: \"2026-06-02T00:00:00Z\", to: \"2026-06-01T00:00:00Z\") { id }";
    let query = format!("{{ doctor(id: \"{}\") {{ name {reversed} }} specialties {{ totalCount }} }}", doctor.id);
    let answer = app.visitor().asks(&query, json!({})).await;
    assert_eq!(answer["data"], json!({ "doctor": null, "specialties": { "totalCount": 1 } }), "{answer}");
    assert_eq!(answer["errors"][0]["path"], json!(["doctor", "slots"]));
    assert_eq!(answer["errors"][0]["extensions"]["code"], "BAD_USER_INPUT");
}
