//! Lists, page by page.

use crate::{
    directory::names,
    support::{TestApp, code},
};
use serde_json::json;

#[tokio::test]
async fn pages_lead_through_a_list_both_ways_whatever_is_added_meanwhile() {
    let app = TestApp::start().await;
    for name in ["B", "D", "F", "H"] {
        app.specialty(name).await;
    }
    let page = async |arguments: &str| {
        let query = format!(
            "{{ specialties({arguments}) {{ nodes {{ name }} pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} }} }}"
        );
        app.visitor().sees(&query).await["specialties"].clone()
    };
    let first = page("first: 2").await;
    assert_eq!(names(&first["nodes"]), ["B", "D"]);
    assert_eq!(
        (&first["pageInfo"]["hasNextPage"], &first["pageInfo"]["hasPreviousPage"]),
        (&json!(true), &json!(false))
    );
    app.specialty("A").await;
    app.specialty("E").await;
    let second = page(&format!("first: 2, after: {}", first["pageInfo"]["endCursor"])).await;
    assert_eq!(names(&second["nodes"]), ["E", "F"]);
    let back = page(&format!("last: 2, before: {}", second["pageInfo"]["startCursor"])).await;
    assert_eq!(names(&back["nodes"]), ["B", "D"]);
    assert_eq!(back["pageInfo"]["hasPreviousPage"], true);
    assert_eq!(names(&page("last: 1").await["nodes"]), ["H"]);
}

#[tokio::test]
async fn pages_that_make_no_sense_are_refused() {
    let app = TestApp::start().await;
    let foreign = {
        app.clinic("North").await;
        app.visitor().sees("{ clinics { pageInfo { endCursor } } }").await["clinics"]["pageInfo"]["endCursor"].clone()
    };
    for wrong in [
        "first: 0",
        "first: -1",
        "first: 101",
        "last: 0",
        "first: 1, last: 1",
        "after: \"nonsense\"",
        &format!("after: {foreign}"),
    ] {
        let answer = app.visitor().asks(&format!("{{ specialties({wrong}) {{ nodes {{ id }} }} }}"), json!({})).await;
        assert_eq!(code(&answer), "BAD_USER_INPUT", "{wrong}");
    }
}

#[tokio::test]
async fn what_cannot_be_a_name_or_a_place_in_a_list_is_not_found() {
    use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
    let app = TestApp::start().await;
    let nul = app
        .admin
        .asks("{ specialty(slug: \"a\\u0000b\") { id } appointment(reference: \"a\\u0000b\") { id } }", json!({}))
        .await;
    assert_eq!(nul, json!({ "data": { "specialty": null, "appointment": null } }));
    for (list, key) in [
        ("doctors", json!(["doctors", ["a\u{0}b", "01890000-0000-7000-8000-000000000000"]])),
        (
            "appointments",
            json!(["appointments by start", ["-262143-01-01T00:00:00Z", "01890000-0000-7000-8000-000000000000"]]),
        ),
    ] {
        let cursor = BASE64_URL_SAFE_NO_PAD.encode(key.to_string());
        let answer = app.admin.asks(&format!("{{ {list}(after: \"{cursor}\") {{ totalCount }} }}"), json!({})).await;
        assert_eq!(code(&answer), "BAD_USER_INPUT", "{answer}");
    }
}
