//! What live events cost: ten thousand sockets against a bare WebSocket server in the same run, the memory of an idle client, and a thousand
//! clients who come back at once. `cargo bench --bench live`, on a quiet machine; `DATABASE_URL` and `REDIS_URL` choose the large form.

mod support;

use futures_util::{SinkExt, StreamExt, future::join_all};
use serde_json::{Value, json};
use std::{
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use support::{Client, Report, Samples, Server};
use tokio::{net::TcpStream, sync::mpsc, task::JoinSet};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{Message, client::IntoClientRequest, protocol::WebSocketConfig},
};

const CLIENTS: usize = 10_000;
const TURNS: usize = 4;
const ROUNDS: usize = 10;
const WATCH: &str = "subscription ($d: [ID!], $a: Cursor) { slotEvents(doctorIds: $d, after: $a) { cursor kind doctorId version startsAt endsAt occurredAt } }";

type Socket = WebSocketStream<TcpStream>;

/// Microseconds since 1970, which two processes of one machine agree on.
#[expect(clippy::disallowed_methods, reason = "two processes compare the machine's clock")]
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_micros().try_into().unwrap_or(u64::MAX)
}

async fn open(address: &str) -> Socket {
    let mut request = format!("ws://{address}/graphql").into_client_request().expect("an address");
    request.headers_mut().insert("sec-websocket-protocol", "graphql-transport-ws".parse().expect("a protocol"));
    let config = WebSocketConfig::default().read_buffer_size(1_024).write_buffer_size(0);
    loop {
        let Ok(stream) = TcpStream::connect(address).await else { continue };
        let opened = client_async_with_config(request.clone(), stream, Some(config)).await;
        if let Ok((socket, _)) = opened {
            return socket;
        }
    }
}

async fn subscribe(address: &str, variables: &Value) -> Socket {
    let mut socket = open(address).await;
    let payload = json!({ "query": WATCH, "variables": variables });
    for message in [
        json!({ "type": "connection_init" }),
        json!({ "id": "1", "type": "subscribe", "payload": payload }),
        json!({ "id": "2", "type": "subscribe", "payload": { "query": "mutation { __typename }" } }),
    ] {
        socket.send(Message::text(message.to_string())).await.expect("the server listens");
    }
    loop {
        let text = text(&mut socket).await;
        if text.contains("\"id\":\"2\"") && text.contains("\"complete\"") {
            return socket;
        }
    }
}

async fn text(socket: &mut Socket) -> String {
    loop {
        if let Message::Text(text) = socket.next().await.expect("the server is there").expect("the server is well") {
            return text.to_string();
        }
    }
}

/// Many who listen; gone when this is dropped.
struct Crowd {
    heard: mpsc::UnboundedReceiver<(usize, u64, String)>,
    _listening: JoinSet<()>,
}

impl Crowd {
    /// The next thing that any of them hears: who, when and what.
    async fn hears(&mut self) -> (usize, u64, String) {
        let next = tokio::time::timeout(Duration::from_secs(10), self.heard.recv()).await;
        next.expect("something is lost").expect("somebody hears")
    }
}

/// Opens many sockets, some at a time, and lets each tell what it hears.
async fn crowd<F: Future<Output = Socket>>(count: usize, connect: impl Fn(usize) -> F) -> Crowd {
    let (heard, receiver) = mpsc::unbounded_channel();
    let mut listening = JoinSet::new();
    for begin in (0..count).step_by(200) {
        let sockets = join_all((begin..count.min(begin + 200)).map(&connect)).await;
        for (place, mut socket) in sockets.into_iter().enumerate() {
            let heard = heard.clone();
            listening.spawn(async move {
                while let Some(Ok(message)) = socket.next().await {
                    let at = now();
                    let Message::Text(text) = message else { continue };
                    if text.contains("\"type\":\"ping\"") {
                        let _ = socket.send(Message::text("{\"type\":\"pong\"}")).await;
                    } else if heard.send((begin + place, at, text.to_string())).is_err() {
                        break;
                    }
                }
            });
        }
    }
    Crowd { heard: receiver, _listening: listening }
}

fn microseconds(text: &str) -> u64 {
    let message: Value = serde_json::from_str(text).expect("JSON");
    let at = message["payload"]["data"]["slotEvents"]["occurredAt"].as_str().unwrap_or_else(|| panic!("{text}"));
    let at: chrono::DateTime<chrono::Utc> = at.parse().expect("an instant");
    at.timestamp_micros().try_into().unwrap_or(0)
}

/// A server that sends what it is told to every socket: this program, run as `--bare`.
async fn serve_bare() {
    use axum::{
        Router,
        extract::WebSocketUpgrade,
        routing::{get, post},
    };
    let sender = tokio::sync::broadcast::Sender::<axum::extract::ws::Utf8Bytes>::new(64);
    let (listening, sending) = (sender.clone(), sender);
    let upgrade = async move |upgrade: WebSocketUpgrade| {
        let mut messages = listening.subscribe();
        let upgrade = upgrade.protocols(["graphql-transport-ws"]);
        upgrade.on_upgrade(async move |mut socket| {
            while let Ok(text) = messages.recv().await {
                if socket.send(axum::extract::ws::Message::Text(text)).await.is_err() {
                    break;
                }
            }
        })
    };
    let send = async move |text: String| {
        let _ = sending.send(text.into());
    };
    let router = Router::new().route("/graphql", get(upgrade)).route("/send", post(send));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    println!("http://{}/", listener.local_addr().expect("an address"));
    axum::serve(listener, router).await.expect("it serves");
}

struct Bare(Child, String);

impl Bare {
    fn start() -> Self {
        let program = std::env::current_exe().expect("this program");
        let mut child = Command::new(program).arg("--bare").stdout(Stdio::piped()).spawn().expect("it can be run");
        let mut line = String::new();
        let out = child.stdout.take().expect("its output");
        std::io::BufRead::read_line(&mut std::io::BufReader::new(out), &mut line).expect("its address");
        let address = line.trim().trim_start_matches("http://").trim_end_matches('/').to_owned();
        Self(child, address)
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// How long bytes that are ready take to everybody.
async fn bare(bytes: &str) -> Samples {
    let server = Bare::start();
    let mut heard = crowd(CLIENTS, |_| open(&server.1)).await;
    let client = reqwest::Client::new();
    let mut samples = Samples::default();
    for round in 0..=ROUNDS {
        let sent = now();
        client.post(format!("http://{}/send", server.1)).body(bytes.to_owned()).send().await.expect("it is there");
        for _ in 0..CLIENTS {
            let (_, at, _) = heard.hears().await;
            if round > 0 {
                samples.push(Duration::from_micros(at.saturating_sub(sent)));
            }
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    samples
}

/// How long a change of a doctor's takes to everybody who watches, and what they are told of it.
async fn watched(server: &Server, admin: &Client, doctor: &str) -> (Samples, String) {
    let watch = json!({ "d": [doctor] });
    let mut heard = crowd(CLIENTS, |_| subscribe(&server.address, &watch)).await;
    let (mut samples, mut told) = (Samples::default(), String::new());
    for round in 0..=ROUNDS {
        change(admin, doctor).await;
        for _ in 0..CLIENTS {
            let (_, at, text) = heard.hears().await;
            if round > 0 {
                samples.push(Duration::from_micros(at.saturating_sub(microseconds(&text))));
            }
            told = text;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    (samples, told)
}

/// The memory of one of many who watch and are told nothing, in kilobytes.
async fn idle(server: &Server, doctor: &str) -> f64 {
    let watch = json!({ "d": [doctor] });
    let _few = crowd(1_000, |_| subscribe(&server.address, &watch)).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let few = resident_kilobytes(server);
    let _more = crowd(CLIENTS - 1_000, |_| subscribe(&server.address, &watch)).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    (resident_kilobytes(server) - few) / 9_000.0
}

fn resident_kilobytes(server: &Server) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.trim_end_matches("kB").trim().parse().unwrap_or(f64::NAN)
}

async fn change(admin: &Client, doctor: &str) {
    let query = "mutation ($d: ID!) { setAvailability(input: { doctorId: $d, rules: [{ weekday: MONDAY, startTime: \"09:00\", endTime: \"17:00\" }] }) { doctor { id } } }";
    admin.asks(query, &json!({ "d": doctor })).await;
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    if std::env::args().any(|argument| argument == "--bare") {
        return serve_bare().await;
    }
    if std::env::var_os("MANY_FILES").is_none() {
        let program = std::env::current_exe().expect("this program");
        let script = "ulimit -n $(ulimit -Hn); exec \"$0\"";
        let status = Command::new("sh").args(["-c", script]).arg(program).env("MANY_FILES", "1").status();
        std::process::exit(status.ok().and_then(|status| status.code()).unwrap_or(1));
    }
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().display().to_string();
    let mut variables = vec![("MEDISLOT_DATA_DIR".to_owned(), data)];
    variables.extend(std::env::vars().filter(|(name, _)| matches!(&**name, "DATABASE_URL" | "REDIS_URL")));
    let variables: Vec<_> = variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let seeded = Server::command(&["seed"], &variables).status().expect("the program can be run");
    assert!(seeded.success());
    let server = Server::start(&[], &variables);
    let admin = Client::new(&server).signs_in("admin@medislot.test").await;
    let seen = admin.asks("{ doctors(first: 12) { nodes { id calendarCursor } } }", &json!({})).await;
    let doctor = seen["doctors"]["nodes"][0]["id"].as_str().expect("a doctor").to_owned();
    let mut report = Report::default();

    report.at_most("memory of an idle client", idle(&server, &doctor).await, 10.0, "kB");
    // In turn, so that both have the same of what else the machine does.
    let (mut ours, mut theirs) = (Samples::default(), Samples::default());
    for _ in 0..TURNS {
        let (samples, told) = watched(&server, &admin, &doctor).await;
        ours.extend(samples);
        theirs.extend(bare(&told).await);
    }
    let bare = theirs.percentile(0.99);
    Report::note("bare server, 10,000 sockets, p99", bare, "ms");
    report.at_most("10,000 clients on one doctor, p99", ours.percentile(0.99), 1.5 * bare, "ms");

    spread(&server, &admin, &mut report, bare).await;
    resume(&server, &admin, &doctor, &mut report).await;
    report.finish();
}

/// A hundred clients on each of many doctors, fifty bookings a second.
async fn spread(server: &Server, admin: &Client, report: &mut Report, bare: f64) {
    let places = admin.asks("{ clinics { nodes { id } } specialties { nodes { id } } }", &json!({})).await;
    let create = "mutation ($input: CreateDoctorInput!) { createDoctor(input: $input) { doctor { id } } }";
    let next = "query ($d: ID!) { doctor(id: $d) { nextSlots(first: 5) { id } } }";
    let (mut doctors, mut slots) = (Vec::new(), Vec::new());
    for number in 0..100 {
        let input = json!({ "clinicId": places["clinics"]["nodes"][0]["id"], "specialtyIds": [places["specialties"]["nodes"][0]["id"]],
            "name": format!("Doctor {number}"), "email": format!("doctor{number}@bench.test"), "password": "correct horse battery" });
        let made = admin.asks(create, &json!({ "input": input })).await;
        let doctor = made["createDoctor"]["doctor"]["id"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned();
        change(admin, &doctor).await;
        let seen = admin.asks(next, &json!({ "d": doctor })).await;
        slots.push(seen["doctor"]["nextSlots"].clone());
        doctors.push(doctor);
    }
    let patient = Client::new(server).signs_in("patient@medislot.test").await;
    let watches: Vec<_> = doctors.iter().map(|doctor| json!({ "d": [doctor] })).collect();
    let mut heard = crowd(CLIENTS, |place| subscribe(&server.address, &watches[place / 100])).await;
    let bookings = 500_usize;
    let expected = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&expected);
    let listening = tokio::spawn(async move {
        let (mut samples, mut last) = (Samples::default(), vec![0_i64; CLIENTS]);
        while samples.len() < bookings * 100 {
            let (place, at, text) = heard.hears().await;
            let message: Value = serde_json::from_str(&text).expect("JSON");
            let version = message["payload"]["data"]["slotEvents"]["version"].as_i64().expect("a version");
            assert!(last[place] == 0 || version == last[place] + 1, "{} then {version}", last[place]);
            last[place] = version;
            samples.push(Duration::from_micros(at.saturating_sub(microseconds(&text))));
            counting.fetch_add(1, Ordering::Relaxed);
        }
        samples
    });
    let mut ticks = tokio::time::interval(Duration::from_millis(20));
    let mut tasks = Vec::new();
    for number in 0..bookings {
        ticks.tick().await;
        let (patient, slot) = (patient.clone(), slots[number % 100][number / 100]["id"].clone());
        tasks.push(tokio::spawn(async move {
            let book = "mutation ($slot: ID!) { bookAppointment(input: { slotId: $slot }) { appointment { id } userErrors { code } } }";
            let booked = patient.asks(book, &json!({ "slot": slot })).await;
            assert!(booked["bookAppointment"]["appointment"]["id"].is_string(), "{booked}");
        }));
    }
    join_all(tasks).await;
    let samples = listening.await.expect("all was heard");
    report.at_most("100 clients on each of 100 doctors, p99", samples.percentile(0.99), 2.5 * bare, "ms");
}

/// A thousand clients who come back at once, five hundred events later.
async fn resume(server: &Server, admin: &Client, doctor: &str, report: &mut Report) {
    let seen = admin
        .asks("query ($d: ID!) { doctor(id: $d) { calendarVersion calendarCursor } }", &json!({ "d": doctor }))
        .await;
    for _ in 0..500 {
        change(admin, doctor).await;
    }
    let watch = json!({ "d": [doctor], "a": seen["doctor"]["calendarCursor"] });
    let begun = Instant::now();
    let clients = (0..1_000).map(|_| {
        let (address, watch) = (server.address.clone(), watch.clone());
        tokio::spawn(async move {
            let mut socket = open(&address).await;
            let payload = json!({ "query": WATCH, "variables": watch });
            for message in
                [json!({ "type": "connection_init" }), json!({ "id": "1", "type": "subscribe", "payload": payload })]
            {
                socket.send(Message::text(message.to_string())).await.expect("the server listens");
            }
            let mut events = 0;
            while events < 500 {
                events += usize::from(text(&mut socket).await.contains("\"next\""));
            }
        })
    });
    join_all(clients).await;
    report.at_most("1,000 clients come back 500 events later", begun.elapsed().as_secs_f64(), 5.0, "s");
}
