//! Many patients at once, two server processes, and everything that can break breaks under them: processes are killed, Redis is stopped,
//! hangs or forgets, PostgreSQL crashes and recovers. Afterwards the database and what the patients were told are held against each other.
//!
//! `STORM_SECONDS=600 cargo test --test storm -- --nocapture` makes it long.

#![expect(clippy::unwrap_used, reason = "in a test a panic is how to say no")]

#[expect(dead_code, reason = "the benchmarks ask it for more")]
mod cluster;
mod disaster;
mod frontend;
mod ledger;
mod patient;
mod scene;
mod verdict;

use cluster::Cluster;
use ledger::Ledger;
use scene::Scene;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

const PATIENTS: usize = 16;

#[tokio::test(flavor = "multi_thread")]
async fn whatever_breaks_nobody_is_booked_twice_and_nobody_is_forgotten() {
    let seconds = std::env::var("STORM_SECONDS").map_or(20, |seconds| seconds.parse().unwrap());
    let cluster = Arc::new(Cluster::start().await);
    for number in 0..2 {
        cluster.starts_server(number).await;
    }
    let scene = Arc::new(Scene::set(&cluster, PATIENTS).await);
    let ledger = Arc::new(Ledger::default());
    let is_over = Arc::new(AtomicBool::new(false));

    let begun = Instant::now();
    let mut people = tokio::task::JoinSet::new();
    for number in 0..PATIENTS {
        people.spawn(patient::lives(Arc::clone(&scene), Arc::clone(&ledger), number, Arc::clone(&is_over)));
    }
    people.spawn(patient::swaps(Arc::clone(&scene), Arc::clone(&ledger), Arc::clone(&is_over)));
    disaster::strikes(&cluster, &ledger, Duration::from_secs(seconds)).await;
    is_over.store(true, Ordering::Relaxed);
    // Whoever got no answer asks until there is one.
    let patience = tokio::time::timeout(Duration::from_secs(90), people.join_all()).await;
    assert!(patience.is_ok(), "somebody is never answered");

    println!("{} s: {}", begun.elapsed().as_secs(), ledger.figures());
    verdict::stands(&cluster, &ledger).await;
    ledger.assert_lively();
}
