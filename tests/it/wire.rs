//! What comes over the wire: what it costs, by which name it is known, and what would end the process.

use crate::support::{Server, TestApp, TestDatabase, code};
use serde_json::{Value, json};

async fn answer(app: &TestApp, body: &Value) -> Value {
    let request = reqwest::Client::new().post(format!("http://{}/graphql", app.address));
    request.header("accept", "application/graphql-response+json").json(body).send().await.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn the_two_killers_get_an_error_over_every_transport_and_the_process_lives() {
    let app = TestApp::start().await;
    let brackets = format!("{{ doctor(id: {}{}) {{ id }} }}", "[".repeat(8_000), "]".repeat(8_000));
    let doubled = (0..30).map(|number| format!("fragment f{number} on Query {{ ...f{0} ...f{0} }} ", number + 1));
    let doubled = format!("{{ ...f0 }} {} fragment f30 on Query {{ __typename }}", doubled.collect::<String>());
    let mut socket = app.visitor().connects().await;
    for query in [&brackets, &doubled] {
        let begun = std::time::Instant::now();
        assert_eq!(code(&answer(&app, &json!({ "query": query })).await), "QUERY_TOO_COMPLEX");
        socket.subscribes("1", query, json!({})).await;
        let error = socket.hears().await;
        assert_eq!(error["payload"][0]["extensions"]["code"], "QUERY_TOO_COMPLEX", "{error}");
        let stream = reqwest::Client::new().post(format!("http://{}/graphql", app.address));
        let stream = stream.header("accept", "text/event-stream").json(&json!({ "query": query }));
        assert!(stream.send().await.unwrap().text().await.unwrap().contains("QUERY_TOO_COMPLEX"));
        assert!(begun.elapsed() < std::time::Duration::from_secs(2));
    }
    assert_eq!(answer(&app, &json!({ "query": "{ __typename }" })).await["data"]["__typename"], "Query");
}

#[tokio::test]
async fn a_request_is_told_what_it_costs_where_it_asks() {
    let app = TestApp::start().await;
    let cost = async |query: &str, asks: bool| {
        let body = json!({ "query": query, "extensions": { "cost": asks } });
        answer(&app, &body).await["extensions"]["cost"].clone()
    };
    assert_eq!(cost("{ __typename }", false).await, Value::Null);
    let few = cost("{ doctors(first: 2) { nodes { id name } } }", true).await.as_u64().unwrap();
    let many = cost("{ doctors(first: 100) { nodes { id name } } }", true).await.as_u64().unwrap();
    assert!(many > 40 * few, "{few} {many}: lists count by their size");
    let mut socket = app.visitor().connects().await;
    let payload = json!({ "query": "{ __typename }", "extensions": { "cost": true } });
    socket.says(json!({ "id": "1", "type": "subscribe", "payload": payload })).await;
    assert!(socket.hears().await["payload"]["extensions"]["cost"].is_u64());
}

#[tokio::test]
async fn a_subscription_is_told_what_it_costs_with_its_first_answer_where_it_asks() {
    let app = TestApp::start().await;
    let (doctor, other) = (app.doctor("Dora").await, app.doctor("Otto").await);
    let query = "subscription ($d: [ID!]) { slotEvents(doctorIds: $d) { version } }";
    let payload = |doctors: &[&String], asks: bool| json!({ "query": query, "variables": { "d": doctors }, "extensions": { "cost": asks } });
    let mut socket = app.visitor().connects().await;
    let subscriptions = [
        ("1", payload(&[&doctor.id], true)),
        ("2", payload(&[&doctor.id], false)),
        ("3", payload(&[&doctor.id, &other.id], true)),
    ];
    for (id, payload) in subscriptions {
        socket.says(json!({ "id": id, "type": "subscribe", "payload": payload })).await;
    }
    socket.listens().await;
    let stream = reqwest::Client::new().post(format!("http://{}/graphql", app.address));
    let stream = stream.header("accept", "text/event-stream").json(&payload(&[&doctor.id], true));
    let mut stream = stream.send().await.unwrap();
    let mut answers = std::collections::BTreeMap::new();
    for _ in 0..2 {
        doctor.works(json!([])).await;
        for _ in 0..3 {
            let message = socket.hears().await;
            let id = message["id"].as_str().unwrap().to_owned();
            answers.entry(id).or_insert_with(Vec::new).push(message["payload"].clone());
        }
    }
    let costs = |id: &str| [0, 1].map(|place: usize| answers[id][place]["extensions"]["cost"].clone());
    let [one, later] = costs("1");
    assert!(one.is_u64() && later.is_null(), "{answers:?}");
    assert_eq!(costs("2"), [Value::Null, Value::Null], "shared, and not asked for");
    assert!(costs("3")[0].as_u64() > one.as_u64(), "{answers:?}");
    assert_eq!(answers["1"][0]["data"], answers["2"][0]["data"]);
    let streamed = String::from_utf8(stream.chunk().await.unwrap().unwrap().to_vec()).unwrap();
    assert!(streamed.contains(&format!("\"extensions\":{{\"cost\":{one}}}")), "{streamed}");
}

#[tokio::test]
async fn what_is_watched_costs_as_many_times_as_there_are_doctors() {
    let app = TestApp::start().await;
    let mut socket = app.visitor().connects().await;
    let mut code = async |watch: &str, doctors: usize| {
        let ids: Vec<_> = (0..doctors).map(|_| entity::id::DoctorId::new().to_string()).collect();
        socket.subscribes("1", watch, json!({ "d": ids })).await;
        socket.hears().await["payload"][0]["extensions"]["code"].as_str().unwrap().to_owned()
    };
    let month = "from: \"2026-06-01T00:00:00Z\", to: \"2026-07-02T00:00:00Z\"";
    let board = format!(
        "subscription ($d: [ID!]) {{ slotBoard(doctorIds: $d, {month}) {{ slots {{ id startsAt status }} }} }}"
    );
    assert_eq!(code(&board, 1).await, "NOT_FOUND", "small enough, but there is no such doctor");
    assert_eq!(code(&board, 100).await, "QUERY_TOO_COMPLEX");
    let clinic = entity::id::ClinicId::new();
    let whole = |days: &str| {
        format!("subscription {{ slotBoard(clinicId: \"{clinic}\", {days}) {{ slots {{ id startsAt status }} }} }}")
    };
    assert_eq!(code(&whole(month), 0).await, "QUERY_TOO_COMPLEX");
    assert_eq!(code(&whole(&month.replace("07-02", "06-02")), 0).await, "NOT_FOUND");
    let slots = month.replace("07-02", "06-30");
    let events =
        format!("subscription ($d: [ID!]) {{ slotEvents(doctorIds: $d) {{ doctor {{ slots({slots}) {{ id }} }} }} }}");
    assert_eq!(code(&events, 1).await, "NOT_FOUND");
    assert_eq!(code(&events, 100).await, "QUERY_TOO_COMPLEX");
}

#[tokio::test]
async fn a_variable_that_may_be_null_does_not_stand_where_null_is_not_taken() {
    let app = TestApp::start().await;
    let body = json!({ "query": "query ($id: ID) { doctor(id: $id) { id } }", "variables": { "id": "doctor_01h455vb4pex5vsknk084sn02q" } });
    assert_eq!(code(&answer(&app, &body).await), "BAD_USER_INPUT");
}

#[tokio::test]
async fn a_subscription_may_name_its_field_in_a_fragment() {
    let app = TestApp::start().await;
    let doctor = app.doctor("Dora").await;
    let mut socket = app.visitor().connects().await;
    let query = "subscription ($d: [ID!]) { ...f } fragment f on Subscription { events: slotEvents(doctorIds: $d) { ...g } } fragment g on SlotEvent { version }";
    socket.watches("1", query, json!({ "d": [doctor.id] })).await;
    doctor.works(json!([])).await;
    assert_eq!(socket.hears().await["payload"], json!({ "data": { "events": { "version": 3 } } }));
}

#[tokio::test]
async fn documents_are_known_by_their_ids_and_nothing_else_is_taken_where_it_shall_not_be() {
    let database = TestDatabase::create().await;
    let file = database.folder.path().join("documents.json");
    std::fs::write(&file, json!({ "name": "query Name { __typename }", "watch": "subscription W($d: [ID!]) { slotEvents(doctorIds: $d) { version } }" }).to_string()).unwrap();
    let add = |file: &std::path::Path| {
        let output = Server::command(&database, &["documents", "add", file.to_str().unwrap()]).output().unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap())
    };
    assert_eq!(add(&file), (true, "name\nwatch\n".to_owned()));
    std::fs::write(&file, "{ doctors { totalCount } }").unwrap();
    let (is_added, id) = add(&file);
    assert!(is_added && id.starts_with("sha256:"));
    assert!(!add(std::path::Path::new("nowhere.graphql")).0);

    let mut config = database.config();
    config.data_dir = database.folder.path().join("data");
    config.documents = medislot::config::AcceptedDocuments::Registered;
    let app =
        medislot::app::App::start(config, std::sync::Arc::new(medislot::kernel::clock::SystemClock)).await.unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(app.serve(listener, medislot::api::Lifetime::default()));
    let send = async |body: Value| {
        let request = reqwest::Client::new().post(format!("http://{address}/graphql")).json(&body);
        request.send().await.unwrap().json::<Value>().await.unwrap()
    };
    assert_eq!(send(json!({ "documentId": "name" })).await["data"], json!({ "__typename": "Query" }));
    assert_eq!(send(json!({ "documentId": id.trim() })).await["data"]["doctors"]["totalCount"], 0);
    assert_eq!(send(json!({ "query": "{ doctors { totalCount } }" })).await["data"]["doctors"]["totalCount"], 0);
    assert_eq!(code(&send(json!({ "documentId": "unknown" })).await), "PERSISTED_QUERY_NOT_FOUND");
    assert_eq!(code(&send(json!({ "query": "{ __typename }" })).await), "PERSISTED_QUERY_NOT_FOUND");
    assert_eq!(code(&send(json!({ "query": "{ __typename }", "documentId": "name" })).await), "BAD_USER_INPUT");
    let by_get = reqwest::get(format!("http://{address}/graphql?documentId=name")).await.unwrap();
    assert_eq!(by_get.json::<Value>().await.unwrap()["data"]["__typename"], "Query");
    let mut socket = crate::support::Actor::visitor(&address).connects().await;
    socket.says(json!({ "id": "1", "type": "subscribe", "payload": { "documentId": "name" } })).await;
    assert_eq!(socket.hears().await["payload"]["data"]["__typename"], "Query");
}
