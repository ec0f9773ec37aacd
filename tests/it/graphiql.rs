//! GraphiQL, in a browser.

use crate::support::{Browser, Server, Tab, TestDatabase, eventually};
use std::{process::Stdio, time::Duration};

const RUN: &str = ".graphiql-execute-button";
const RESULT: &str = ".result-window";

/// Turns to a tab of GraphiQL, which takes a moment to see what is in it, and runs that.
async fn runs(browser: &mut Browser, page: &Tab, operation: &str) {
    browser.clicks(page, ".graphiql-tab-button", operation).await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    browser.clicks(page, RUN, "").await;
}

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
    runs(&mut browser, &watching, "Browse").await;
    browser.sees(&watching, RESULT, "nextSlots").await;
    runs(&mut browser, &watching, "Watch").await;
    // The button stops what it has begun.
    let stops = "document.querySelector('.graphiql-execute-button')?.getAttribute('aria-label') ?? ''";
    eventually("the subscription runs", async || {
        browser.evaluates(&watching, stops).await.as_str().is_some_and(|label| label.starts_with("Stop")).then_some(())
    })
    .await;
    tokio::time::sleep(Duration::from_secs(3)).await;

    browser.clicks(&booking, "#demo button[data-email='patient@medislot.test']", "").await;
    browser.sees(&booking, "#who", "patient").await;
    runs(&mut browser, &booking, "Book").await;
    browser.sees(&booking, RESULT, "PENDING").await;

    browser.sees(&watching, RESULT, "SLOT_TAKEN").await;
}
