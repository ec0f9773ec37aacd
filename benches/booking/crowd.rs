//! A thousand who want one slot at once.

use crate::{
    cluster::Cluster,
    scene::{self, Scene},
    support::{Report, Samples},
    wire::{Wire, is_booked},
};
use serde_json::json;
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};
use tokio::sync::Barrier;

const CROWD: usize = 1_000;
const DOCUMENT: &str = "mutation ($input: BookAppointmentInput!) {
    bookAppointment(input: $input) { appointment { id reference status } userErrors { code message } } }";
/// What a loser sees who asks for help.
const WITH_ALTERNATIVES: &str = "mutation ($input: BookAppointmentInput!) { bookAppointment(input: $input) {
    appointment { id } userErrors { code message ... on SlotUnavailable { alternatives { id startsAt } } } } }";
const ROUNDS: usize = 3;
/// How long the database's log is looked at, with a crowd and without one.
const WINDOW: Duration = Duration::from_secs(2);

/// One wins, all are answered, and the database hardly notices.
pub async fn wants_one_slot(report: &mut Report) {
    let cluster = Cluster::start().await;
    let server = scene::serve(&cluster);
    let scene = Scene::set(&server, CROWD, 1).await;
    let mut slots = scene.slots.iter();
    let mut wires = Vec::new();
    for token in &scene.tokens {
        let mut wire = Wire::connect(&server.address, token).await;
        // The first booking of a connection and a user costs what no later one does.
        wire.books(DOCUMENT, slots.next().expect("slots")).await;
        wires.push(wire);
    }
    let (mut losers, mut everybody) = (Samples::default(), Samples::default());
    for _ in 0..ROUNDS {
        let own: Vec<&String> = slots.by_ref().take(CROWD).collect();
        let booked = wants(&mut wires, DOCUMENT, &own).await;
        assert!(booked.iter().all(|(is_booked, _)| *is_booked), "each slot had one who wanted it");
        for (_, took) in booked {
            everybody.push(took);
        }
        let answers = wants(&mut wires, DOCUMENT, &vec![slots.next().expect("slots"); CROWD]).await;
        assert_eq!(answers.iter().filter(|(is_booked, _)| *is_booked).count(), 1, "one wins");
        for (_, took) in answers.into_iter().filter(|(is_booked, _)| !is_booked) {
            losers.push(took);
        }
    }
    Report::note("1,000 for 1,000 slots, p99", everybody.percentile(0.99), "ms");
    report.at_most("1,000 for one slot: a loser's p99", losers.percentile(0.99), everybody.percentile(0.99), "ms");

    cluster.logs_statements(true).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let idle = transactions(&cluster, tokio::time::sleep(WINDOW)).await;
    let mut more = Vec::new();
    for document in [DOCUMENT, WITH_ALTERNATIVES] {
        let slot = slots.next().expect("slots");
        // They have just looked at the doctor's times, so their sessions are proven.
        look(&mut wires).await;
        let crowd = async {
            let ends = tokio::time::Instant::now() + WINDOW;
            wants(&mut wires, document, &vec![slot; CROWD]).await;
            tokio::time::sleep_until(ends).await;
        };
        #[expect(clippy::cast_precision_loss, reason = "a count")]
        more.push(transactions(&cluster, crowd).await as f64 - idle as f64);
    }
    report.at_most("1,000 for one slot: transactions", more[0], 20.0, "");
    Report::note("the same, all asking for alternatives: transactions", more[1], "");
}

/// All ask at once, each for their slot; who got it, and how long it took.
async fn wants(wires: &mut Vec<Wire>, document: &'static str, slots: &[&String]) -> Vec<(bool, Duration)> {
    let start = Arc::new(Barrier::new(wires.len()));
    let asking: Vec<_> = wires
        .drain(..)
        .zip(slots)
        .map(|(mut wire, slot)| {
            let (start, slot) = (Arc::clone(&start), (*slot).clone());
            tokio::spawn(async move {
                start.wait().await;
                let (answer, took) = wire.books(document, &slot).await;
                (wire, is_booked(&answer), took)
            })
        })
        .collect();
    let mut answers = Vec::new();
    for asking in asking {
        let (wire, is_booked, took) = asking.await.expect("everybody is answered");
        wires.push(wire);
        answers.push((is_booked, took));
    }
    answers
}

/// Everybody asks something that costs nothing but the proof of who they are.
async fn look(wires: &mut [Wire]) {
    let request = json!({ "query": "{ viewer { id } }" });
    futures_util::future::join_all(wires.iter_mut().map(|wire| wire.asks(&request))).await;
}

/// How many transactions the database logs meanwhile; says which statements came most often.
async fn transactions(cluster: &Cluster, meanwhile: impl Future<Output = ()>) -> usize {
    let before = cluster.log().len();
    meanwhile.await;
    let log = cluster.log();
    let mut statements: HashMap<&str, usize> = HashMap::new();
    let mut seen = HashSet::new();
    for line in log[before..].lines() {
        let Some((transaction, line)) = line.strip_prefix("transaction ").and_then(|line| line.split_once(": ")) else {
            continue;
        };
        seen.insert(transaction);
        let statement = line.split(": ").nth(1).unwrap_or(line);
        *statements.entry(statement.get(..100).unwrap_or(statement)).or_default() += 1;
    }
    let mut statements: Vec<_> = statements.into_iter().collect();
    statements.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    for (statement, count) in statements.iter().take(3) {
        println!("    {count} times {statement}");
    }
    seen.len()
}
