//! What the README claims about looking for a free time.

mod support;

use support::{Client, Report, Samples, Server};

#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().to_str().expect("a path of text");
    let server = Server::start(&["--data-dir", data], &[]);
    let client = Client::new(&server);
    let mut samples = Samples::default();
    for _ in 0..100 {
        samples.measure(client.asks("{ slots(first: 20, filter: {}) { nodes { id } } }", &serde_json::json!({}))).await;
    }
    let mut report = Report::default();
    report.at_most("earliest 20 slots, p99", samples.percentile(0.99), 20.0, "ms");
    report.finish();
}
