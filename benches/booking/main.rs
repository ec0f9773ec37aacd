//! What the README claims about booking: as fast as the database's own transactions, and a crowd that does not reach it.
//!
//! `cargo bench --bench booking` runs everything; a word behind `--` (`distinct`, `crowd`, `sqlite`) that part alone.

mod bare;
#[path = "../../tests/storm/cluster.rs"]
#[expect(
    dead_code,
    clippy::unwrap_used,
    reason = "shared with the storm, which breaks it, and where a panic is how to say no"
)]
mod cluster;
mod crowd;
mod distinct;
mod scene;
#[path = "../support/mod.rs"]
mod support;
mod wire;

use support::Report;

#[tokio::main]
async fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let is_wanted = |part: &str| words.is_empty() || words.iter().any(|word| word == part);
    let mut report = Report::default();
    if is_wanted("distinct") {
        distinct::on_postgres(&mut report).await;
    }
    if is_wanted("crowd") {
        crowd::wants_one_slot(&mut report).await;
    }
    if is_wanted("sqlite") {
        distinct::on_sqlite(&mut report).await;
    }
    report.finish();
}
