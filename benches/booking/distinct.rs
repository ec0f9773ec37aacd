//! Bookings of distinct slots.

use crate::{
    bare::Bare,
    cluster::{ADMIN, Cluster, PASSWORD},
    scene::{self, Scene},
    support::{Report, Samples, Server},
    wire::{Wire, is_booked},
};
use std::{
    io::Write,
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

const CLIENTS: usize = 32;
const DOCUMENT: &str = "mutation ($input: BookAppointmentInput!) {
    bookAppointment(input: $input) { appointment { id reference status } userErrors { code message } } }";
/// How long, and how often in turn.
const SECONDS: u64 = 5;
const ROUNDS: usize = 3;

/// Through GraphQL over PostgreSQL and Redis, against the bare transaction.
pub async fn on_postgres(report: &mut Report) {
    let cluster = Cluster::start().await;
    let server = scene::serve(&cluster);
    let scene = Scene::set(&server, CLIENTS, 5).await;
    let mut bare = Bare::prepare(&cluster).await;
    let mut clients = Clients::connect(&server, scene).await;
    clients.book(1).await;
    let (mut ours, mut theirs) = (0.0, 0.0);
    let mut samples = Samples::default();
    for _ in 0..ROUNDS {
        let bare_rate = bare.runs(SECONDS);
        let (rate, taken) = clients.book(SECONDS).await;
        samples.extend(taken);
        println!("bare transactions {bare_rate:.0}/s, bookings {rate:.0}/s");
        (ours, theirs) = (ours + rate, theirs + bare_rate);
    }
    Report::note("booking, p50", samples.percentile(0.5), "ms");
    Report::note("booking, p99", samples.percentile(0.99), "ms");
    report.at_least("bookings to bare transactions, 32 clients", ours / theirs, 0.9, "");
}

/// In the embedded form, each on disk before it is acknowledged.
pub async fn on_sqlite(report: &mut Report) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().to_str().expect("a path of text");
    let admin =
        Server::command(&["admin", ADMIN, "--data-dir", data], &[]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn();
    let mut admin = admin.expect("the program can be run");
    writeln!(admin.stdin.take().expect("its input"), "{PASSWORD}").expect("it reads");
    assert!(admin.wait().expect("it ends").success());
    let server = Server::start(&["--data-dir", data], &[]);
    let scene = Scene::set(&server, CLIENTS, 1).await;
    let mut clients = Clients::connect(&server, scene).await;
    let (rate, samples) = clients.book(2 * SECONDS).await;
    Report::note("booking on SQLite, p99", samples.percentile(0.99), "ms");
    report.at_least("bookings on SQLite, 32 clients", rate, 300.0, "/s");
}

/// 32 who book one slot after another, and never the same.
struct Clients {
    wires: Vec<Wire>,
    slots: Arc<Vec<String>>,
    next: Arc<AtomicUsize>,
}

impl Clients {
    async fn connect(server: &Server, scene: Scene) -> Self {
        let mut wires = Vec::new();
        for token in &scene.tokens {
            wires.push(Wire::connect(&server.address, token).await);
        }
        Self { wires, slots: Arc::new(scene.slots), next: Arc::default() }
    }

    /// Bookings a second over `seconds`, and how long each took.
    async fn book(&mut self, seconds: u64) -> (f64, Samples) {
        let begun = Instant::now();
        let until = begun + Duration::from_secs(seconds);
        let booking = self.wires.drain(..).map(|mut wire| {
            let (slots, next) = (Arc::clone(&self.slots), Arc::clone(&self.next));
            tokio::spawn(async move {
                let mut samples = Samples::default();
                while Instant::now() < until {
                    let slot = slots.get(next.fetch_add(1, Ordering::Relaxed)).expect("there are slots enough");
                    let (answer, took) = wire.books(DOCUMENT, slot).await;
                    assert!(is_booked(&answer), "{answer}");
                    samples.push(took);
                }
                (wire, samples)
            })
        });
        let booking: Vec<_> = booking.collect();
        let mut samples = Samples::default();
        for booking in booking {
            let (wire, taken) = booking.await.expect("nobody fails");
            self.wires.push(wire);
            samples.extend(taken);
        }
        #[expect(clippy::cast_precision_loss, reason = "a count")]
        let rate = samples.len() as f64 / begun.elapsed().as_secs_f64();
        (rate, samples)
    }
}
