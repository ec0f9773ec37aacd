//! GraphiQL, in a browser.

use crate::support::{Browser, Server, TestDatabase};
use std::process::Stdio;

const RUN: &str = ".graphiql-execute-button";
const RESULT: &str = ".result-window";

#[tokio::test]
async fn somebody_signs_in_asks_watches_and_sees_what_is_booked_in_another_tab() {
    let database = TestDatabase::create().await;
    assert!(Server::command(&database, &["seed"]).stdout(Stdio::null()).status().unwrap().success());
    let server = Server::start(&database, &[]);
    let address = format!("http://{}/", server.address);
    let mut browser = Browser::start().await;
    let (watching, booking) = (browser.opens(&address).await, browser.opens(&address).await);

    browser.clicks(&watching, "#demo button", "").await;
    browser.sees(&watching, "#who", "Signed in as").await;
    browser.clicks(&watching, ".graphiql-tab-button", "Browse").await;
    browser.clicks(&watching, RUN, "").await;
    browser.sees(&watching, RESULT, "nextSlots").await;
    browser.clicks(&watching, ".graphiql-tab-button", "Watch").await;
    browser.clicks(&watching, RUN, "").await;
    // The button stops what it has begun.
    browser.sees(&watching, "body", "").await;
    let stops = "document.querySelector('.graphiql-execute-button')?.getAttribute('aria-label') ?? ''";
    crate::support::eventually("the subscription runs", async || {
        browser.evaluates(&watching, stops).await.as_str().is_some_and(|label| label.starts_with("Stop")).then_some(())
    })
    .await;
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;

    browser.clicks(&booking, "#demo button[data-email='patient@medislot.test']", "").await;
    browser.sees(&booking, "#who", "patient").await;
    browser.clicks(&booking, ".graphiql-tab-button", "Book").await;
    browser.clicks(&booking, RUN, "").await;
    browser.sees(&booking, RESULT, "PENDING").await;

    browser.sees(&watching, RESULT, "SLOT_TAKEN").await;
}
