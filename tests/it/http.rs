//! GraphQL over HTTP.

use crate::support::{TestApp, eventually};
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const GRAPHQL: &str = "application/graphql-response+json";

fn url(app: &TestApp) -> String {
    format!("http://{}/graphql", app.address)
}

fn post(app: &TestApp, accept: &str, body: impl Into<String>) -> RequestBuilder {
    Client::new().post(url(app)).header("accept", accept).header("content-type", "application/json").body(body.into())
}

async fn sent(request: RequestBuilder) -> (StatusCode, Value) {
    let response = request.send().await.unwrap();
    let status = response.status();
    (status, serde_json::from_str(&response.text().await.unwrap()).unwrap_or(Value::Null))
}

#[tokio::test]
async fn an_answer_says_what_it_is_and_is_not_kept() {
    let app = TestApp::start().await;
    let query = json!({ "query": "{ __typename }" }).to_string();
    for (accept, content_type) in [
        (GRAPHQL, "application/graphql-response+json; charset=utf-8"),
        ("application/json", "application/json; charset=utf-8"),
        ("*/*", "application/json; charset=utf-8"),
    ] {
        let response = post(&app, accept, &*query).send().await.unwrap();
        assert_eq!(response.status(), 200);
        let headers = response.headers().clone();
        assert_eq!(headers["content-type"], content_type);
        assert_eq!(headers["cache-control"], "no-store");
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert!(headers.contains_key("x-request-id"));
        assert_eq!(response.json::<Value>().await.unwrap(), json!({ "data": { "__typename": "Query" } }));
    }
    assert_eq!(sent(post(&app, "text/html", query)).await.0, 406);
}

#[tokio::test]
async fn requests_that_cannot_run_are_400_or_200_for_those_who_take_only_json_and_never_have_data() {
    let app = TestApp::start().await;
    for query in [
        "{",
        "{ nothing }",
        "query A { __typename } query B { __typename }",
        "{ doctor(id: 1.5) { id } }",
        "query ($a: Int!) { doctors(first: $a) { totalCount } }",
        "",
    ] {
        let body = json!({ "query": query }).to_string();
        for (accept, status) in [(GRAPHQL, 400), ("application/json", 200)] {
            let (found, answer) = sent(post(&app, accept, &*body)).await;
            assert_eq!(found, status, "{query} {answer}");
            assert!(answer.get("data").is_none(), "{answer}");
            assert_eq!(answer["errors"][0]["extensions"]["code"], "BAD_USER_INPUT", "{answer}");
        }
    }
}

#[tokio::test]
async fn bodies_that_are_no_requests_are_refused_and_the_server_stays_up() {
    let app = TestApp::start().await;
    let deep = format!("{{\"query\": {}1{}}}", "[".repeat(5_000), "]".repeat(5_000));
    for body in [
        "",
        "nonsense",
        "[]",
        "[{\"query\": \"{ __typename }\"}]",
        "{}",
        "{\"query\": 1}",
        "{\"query\": null}",
        "{\"query\": \"{ __typename }\", \"variables\": []}",
        "{\"query\": \"{ __typename }\", \"variables\": \"{}\"}",
        "{\"query\": \"{ __typename }\", \"operationName\": 1}",
        "{\"query\": \"{ __typename }\", \"extensions\": 1}",
        "\u{FEFF}{}",
        &deep,
    ] {
        let (status, answer) = sent(post(&app, "application/json", body)).await;
        assert_eq!(status, 400, "{body}");
        assert_eq!(answer["errors"][0]["extensions"]["code"], "BAD_USER_INPUT");
    }
    let large = json!({ "query": "{ __typename }", "padding": "x".repeat(300 * 1_024) }).to_string();
    assert_eq!(sent(post(&app, "application/json", large)).await.0, 413);
    for (name, value) in [
        ("content-type", "text/plain"),
        ("content-type", "multipart/form-data; boundary=x"),
        ("content-encoding", "gzip"),
    ] {
        let request = Client::new()
            .post(url(&app))
            .header("content-type", "application/json")
            .body("{\"query\": \"{ __typename }\"}");
        let request = request.build().unwrap();
        let mut request = request;
        request.headers_mut().insert(name, value.parse().unwrap());
        assert_eq!(Client::new().execute(request).await.unwrap().status(), 415, "{value}");
    }
    assert_eq!(sent(post(&app, "application/json", "{\"query\": \"{ __typename }\"}")).await.0, 200);
}

#[tokio::test]
async fn documents_that_would_cost_too_much_are_refused_before_they_run() {
    let app = TestApp::start().await;
    let nested = format!("{{ node(id: {}{}) {{ id }} }}", "[".repeat(2_000), "]".repeat(2_000));
    let bomb: Vec<_> =
        (0..24).map(|number| format!("fragment f{number} on Query {{ ...f{0} ...f{0} }} ", number + 1)).collect();
    let bomb = format!("{{ ...f0 }} {} fragment f24 on Query {{ __typename }}", bomb.concat());
    let aliases: Vec<_> = (0..2_000).map(|number| format!("a{number}: __typename ")).collect();
    let aliases = aliases.concat();
    let costly =
        "{ clinics(first: 100) { nodes { doctors(first: 100) { nodes { nextSlots(first: 100) { id startsAt } } } } } }"
            .to_owned();
    let most = i32::MAX;
    let overflowing = format!(
        "{{ clinics(first: {most}) {{ nodes {{ doctors(first: {most}) {{ nodes {{ nextSlots(first: {most}) {{ id }} }} }} }} }} }}"
    );
    let searches: Vec<_> =
        (0..100).map(|number| format!("a{number}: slots(first: 1, filter: {{}}) {{ nodes {{ id }} }} ")).collect();
    let searches = format!("{{ {} }}", searches.concat());
    for query in [nested, bomb, format!("{{ {aliases} }}"), costly, overflowing, searches] {
        let begun = std::time::Instant::now();
        let (status, answer) = sent(post(&app, GRAPHQL, json!({ "query": query }).to_string())).await;
        assert_eq!(
            (status.as_u16(), &answer["errors"][0]["extensions"]["code"]),
            (400, &json!("QUERY_TOO_COMPLEX")),
            "{answer}"
        );
        assert!(begun.elapsed() < std::time::Duration::from_secs(2));
    }
}

#[tokio::test]
async fn queries_may_come_by_get_and_mutations_may_not() {
    let app = TestApp::start().await;
    let get = |query: &[(&str, &str)]| Client::new().get(reqwest::Url::parse_with_params(&url(&app), query).unwrap());
    let named = [
        ("query", "query A { a: __typename } query B($n: Int) { specialties(first: $n) { totalCount } }"),
        ("operationName", "B"),
        ("variables", "{\"n\": 1}"),
        ("extensions", ""),
    ];
    assert_eq!(sent(get(&named)).await, (StatusCode::OK, json!({ "data": { "specialties": { "totalCount": 0 } } })));
    let response = get(&[("query", "mutation { logout(input: {}) { userErrors { code } } }")]).send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.headers()["allow"].to_str().unwrap()), (405, "POST"));
    assert_eq!(sent(get(&[])).await.0, 400);
    assert_eq!(sent(get(&[("query", "{ __typename }"), ("variables", "nonsense")])).await.0, 400);
    for method in [Method::PUT, Method::DELETE, Method::PATCH] {
        assert_eq!(sent(Client::new().request(method, url(&app))).await.0, 405);
    }
}

#[tokio::test]
async fn health_is_told_and_graphiql_is_there_in_development() {
    let app = TestApp::start().await;
    let get = async |path: &str| Client::new().get(format!("http://{}{path}", app.address)).send().await.unwrap();
    assert_eq!(get("/healthz").await.status(), 200);
    assert_eq!(get("/readyz").await.status(), 200);
    assert_eq!(get("/nothing").await.status(), 404);
    let page = get("/").await;
    assert!(page.headers()["content-security-policy"].to_str().unwrap().contains("script-src 'self'"));
    assert!(page.text().await.unwrap().contains("graphiql"));
    assert_eq!(get("/graphiql/page.js").await.status(), 200);
    assert_eq!(get("/graphiql/..%2fCargo.toml").await.status(), 404);
}

#[tokio::test]
async fn introspection_is_a_switch() {
    let app = TestApp::start_with(|config| config.introspection = Some(false)).await;
    let (_, answer) =
        sent(post(&app, GRAPHQL, json!({ "query": "{ __schema { types { name } } }" }).to_string())).await;
    assert!(answer["data"]["__schema"].is_null(), "{answer}");
    let page = Client::new().get(format!("http://{}/", app.address)).send().await.unwrap();
    assert_eq!(page.status(), 404);
}

#[tokio::test]
async fn our_own_faults_show_nothing_of_the_inside_but_an_id_that_is_in_the_log() {
    use sea_orm::ConnectionTrait;
    let app = TestApp::start().await;
    app.app.services.database.reader().execute_unprepared("DROP TABLE availability_override").await.unwrap();
    let doctor = app.clinic("North").await;
    let specialty = app.specialty("Hearts").await;
    let input = json!({ "clinicId": doctor, "specialtyIds": [specialty], "name": "Dora", "email": "dora@example.com", "password": "violet otter gramophone" });
    let made = app.admin.does("createDoctor", "CreateDoctorInput", input, "doctor { id }").await;
    let body = json!({ "query": format!("{{ doctor(id: {}) {{ name nextSlots {{ id }} }} }}", made["doctor"]["id"]) })
        .to_string();
    let response = post(&app, GRAPHQL, body).header("x-request-id", "proxy-4711").send().await.unwrap();
    assert_eq!(response.headers()["x-request-id"], "proxy-4711");
    let text = response.text().await.unwrap();
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(answer["errors"][0]["extensions"], json!({ "code": "INTERNAL", "requestId": "proxy-4711" }), "{answer}");
    assert!(!text.contains("availability_override") && !text.contains("SELECT"), "{text}");
}

/// The events that a stream brings, until it ends or enough have come.
async fn events(response: &mut reqwest::Response, enough: usize) -> Vec<(String, Value)> {
    let (mut text, mut events) = (String::new(), Vec::new());
    while events.len() < enough {
        let chunk = tokio::time::timeout(std::time::Duration::from_secs(10), response.chunk()).await.unwrap().unwrap();
        let Some(chunk) = chunk else { break };
        text.push_str(std::str::from_utf8(&chunk).unwrap());
        while let Some((event, rest)) = text.split_once("\n\n") {
            let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim();
            events.push((field("event:").to_owned(), serde_json::from_str(field("data:")).unwrap_or_default()));
            text = rest.to_owned();
        }
    }
    events
}

#[tokio::test]
async fn operations_are_answered_by_a_stream_of_events_for_those_who_ask_for_one() {
    let app = TestApp::start().await;
    let ask = async |query: &str| {
        post(&app, "text/event-stream", json!({ "query": query }).to_string()).send().await.unwrap()
    };
    let mut answer = ask("{ __typename }").await;
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    assert_eq!(answer.headers()["cache-control"], "no-cache");
    let next = ("next".to_owned(), json!({ "data": { "__typename": "Query" } }));
    assert_eq!(events(&mut answer, 9).await, [next, ("complete".to_owned(), Value::Null)]);
    for (query, code) in
        [("{ nothing }", "BAD_USER_INPUT"), ("subscription { slotEvents(clinicId: \"x\") { kind } }", "NOT_FOUND")]
    {
        let refused = events(&mut ask(query).await, 9).await;
        assert_eq!(refused.len(), 2, "{refused:?}");
        assert_eq!(refused[0].1["errors"][0]["extensions"]["code"], code);
        assert_eq!(refused[1].0, "complete");
    }
    let doctor = app.doctor("Dora").await;
    let mut watching =
        ask(&format!("subscription {{ slotEvents(doctorIds: [\"{}\"]) {{ kind version }} }}", doctor.id)).await;
    // The subscription begins with the answer's body, not with its head.
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    doctor.works(json!([])).await;
    let heard = events(&mut watching, 1).await;
    let event = json!({ "data": { "slotEvents": { "kind": "SCHEDULE_CHANGED", "version": 3 } } });
    assert_eq!(heard, [("next".to_owned(), event)]);
    let refused =
        post(&app, "application/json", json!({ "query": "subscription { slotEvents { kind } }" }).to_string());
    assert_eq!(sent(refused).await.1["errors"][0]["extensions"]["code"], "BAD_USER_INPUT");
}

#[tokio::test]
async fn directives_of_typename_are_directives_like_others() {
    let app = TestApp::start().await;
    let ask = async |query: &str, variables: Value| app.visitor().asks(query, variables).await;
    let query = "query ($no: Boolean!) { a: __typename @skip(if: $no) b: __typename }";
    assert_eq!(ask(query, json!({ "no": true })).await, json!({ "data": { "b": "Query" } }));
    assert_eq!(ask(query, json!({ "no": false })).await, json!({ "data": { "a": "Query", "b": "Query" } }));
    for wrong in
        ["{ __typename @skip(if: 1) }", "{ __typename @skip }", "{ __typename @nope }", "{ ... @nope { __typename } }"]
    {
        assert_eq!(ask(wrong, json!({})).await["errors"][0]["extensions"]["code"], "BAD_USER_INPUT", "{wrong}");
    }
}

#[tokio::test]
async fn a_stream_whose_client_stops_reading_ends() {
    let app = TestApp::start_with(|config| (config.limits.write_seconds, config.limits.subscriptions) = (1, 1)).await;
    let doctor = app.doctor("Dora").await;
    let input = json!({ "doctorId": doctor.id, "bio": "x".repeat(4_000) });
    doctor.actor.does("updateDoctor", "UpdateDoctorInput", input, "doctor { id }").await;
    let long = (0..40).map(|alias| format!("d{alias}: doctor {{ bio }}")).collect::<Vec<_>>().join(" ");
    let watch = format!("subscription {{ slotEvents(doctorIds: [\"{}\"]) {{ {long} }} }}", doctor.id);
    let body = json!({ "query": watch }).to_string();
    let mut silent = TcpStream::connect(&app.address).await.unwrap();
    let head = "POST /graphql HTTP/1.1\r\nhost: here\r\naccept: text/event-stream\r\ncontent-type: application/json";
    silent.write_all(format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    silent.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
    let another = async || post(&app, "text/event-stream", body.clone()).send().await.unwrap().status();
    assert_eq!(another().await, 429);
    // More than the system keeps for somebody who does not read.
    for _ in 0..100 {
        doctor.works(json!([])).await;
    }
    eventually("its place is given to another one", async || (another().await == 200).then_some(())).await;
}

#[tokio::test]
async fn a_connection_that_brings_no_request_is_closed() {
    let app = TestApp::start_with(|config| config.limits.idle_seconds = 1).await;
    for beginning in ["", "GET /healthz HTTP/1.1\r\nhost:", "GET /healthz HTTP/1.1\r\nhost: here\r\n\r\n"] {
        let mut connection = TcpStream::connect(&app.address).await.unwrap();
        connection.write_all(beginning.as_bytes()).await.unwrap();
        let mut answer = String::new();
        let end = connection.read_to_string(&mut answer);
        tokio::time::timeout(std::time::Duration::from_secs(10), end).await.expect("it is left open").unwrap();
        assert_eq!(answer.contains("200 OK"), beginning.ends_with("\r\n\r\n"), "{answer}");
    }
}
