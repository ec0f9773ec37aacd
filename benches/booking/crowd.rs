//! A thousand who want one slot at once.

use crate::{
    cluster::Cluster,
    scene::Scene,
    support::{Report, Samples},
    wire::{Wire, is_booked},
};
use std::{collections::HashSet, sync::Arc, time::Duration};
use tokio::sync::Barrier;

const CROWD: usize = 1_000;
const DOCUMENT: &str = "mutation ($input: BookAppointmentInput!) { bookAppointment(input: $input) {
    appointment { id reference status } userErrors { code message ... on SlotUnavailable { alternatives { id startsAt } } } } }";
const ROUNDS: usize = 3;

/// One wins, all are answered, and the database hardly notices.
pub async fn wants_one_slot(report: &mut Report) {
    let cluster = Cluster::start().await;
    let server = cluster.server();
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
        let booked = wants(&mut wires, &own).await;
        assert!(booked.iter().all(|(is_booked, _)| *is_booked), "each slot had one who wanted it");
        booked.into_iter().for_each(|(_, took)| everybody.push(took));
        let answers = wants(&mut wires, &vec![slots.next().expect("slots"); CROWD]).await;
        assert_eq!(answers.iter().filter(|(is_booked, _)| *is_booked).count(), 1, "one wins");
        answers.into_iter().filter(|(is_booked, _)| !is_booked).for_each(|(_, took)| losers.push(took));
    }
    Report::note("1,000 for 1,000 slots, p99", everybody.percentile(0.99), "ms");
    report.at_most("1,000 for one slot: a loser's p99", losers.percentile(0.99), everybody.percentile(0.99), "ms");

    cluster.logs_statements(true).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let idle = transactions(&cluster, tokio::time::sleep(Duration::from_secs(2))).await;
    let slot = slots.next().expect("slots");
    let seen = transactions(&cluster, async {
        let ends = tokio::time::Instant::now() + Duration::from_secs(2);
        wants(&mut wires, &vec![slot; CROWD]).await;
        tokio::time::sleep_until(ends).await;
    });
    let seen = seen.await;
    println!("transactions: {seen} in the two seconds of a crowd, {idle} in two without");
    #[expect(clippy::cast_precision_loss, reason = "a count")]
    let more = seen as f64 - idle as f64;
    report.at_most("1,000 for one slot: transactions", more, 20.0, "");
}

/// All ask at once, each for their slot; who got it, and how long it took.
async fn wants(wires: &mut Vec<Wire>, slots: &[&String]) -> Vec<(bool, Duration)> {
    let start = Arc::new(Barrier::new(wires.len()));
    let asking: Vec<_> = wires
        .drain(..)
        .zip(slots)
        .map(|(mut wire, slot)| {
            let (start, slot) = (Arc::clone(&start), (*slot).clone());
            tokio::spawn(async move {
                start.wait().await;
                let (answer, took) = wire.books(DOCUMENT, &slot).await;
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

/// How many transactions the database logs meanwhile.
async fn transactions(cluster: &Cluster, meanwhile: impl Future<Output = ()>) -> usize {
    let before = cluster.log().len();
    meanwhile.await;
    let log = cluster.log();
    let lines = log[before..].lines();
    let named = lines.filter_map(|line| line.split("transaction ").nth(1)?.split(':').next());
    named.collect::<HashSet<_>>().len()
}
