//! GraphQL over HTTP, where any answer may be missing.

use crate::cluster::PASSWORD;
use serde_json::{Value, json};
use std::{sync::Mutex, time::Duration};

/// Longer than the server lets anything take.
const PATIENCE: Duration = Duration::from_secs(12);

/// What a storm may answer; all else is wrong.
const EXPECTED: [&str; 6] =
    ["SLOT_TAKEN", "SLOT_BUSY", "TOO_MANY_HOLDS", "HOLD_NOT_RENEWABLE", "HOLD_EXPIRED", "INVALID_TRANSITION"];

/// How it came out.
#[derive(Clone, Debug)]
pub enum Answer {
    /// The payload.
    Done(Value),
    /// The code of the user error: nothing was done.
    Refused(String),
    /// No answer, or that something does not work at the moment: nobody knows.
    Lost,
}

/// Somebody who is signed in, and asks either server.
pub struct Frontend {
    email: String,
    addresses: [String; 2],
    token: Mutex<String>,
    client: reqwest::Client,
}

impl Frontend {
    pub fn new(addresses: &[String; 2], email: &str) -> Self {
        let client = reqwest::Client::builder().timeout(PATIENCE).build().unwrap();
        Self { email: email.to_owned(), addresses: addresses.clone(), token: Mutex::new(String::new()), client }
    }

    pub async fn signs_in(&self) {
        let query = "mutation ($input: LoginInput!) { login(input: $input) { session { accessToken } } }";
        let input = json!({ "email": self.email, "password": PASSWORD });
        let answer = self.asks(0, query, &json!({ "input": input })).await;
        self.takes(&answer.unwrap()["data"]["login"]);
    }

    pub fn takes(&self, payload: &Value) {
        let token = payload["session"]["accessToken"].as_str().unwrap_or_else(|| panic!("{payload}"));
        token.clone_into(&mut self.token.lock().unwrap());
    }

    /// The whole answer, if there is one.
    pub async fn asks(&self, server: usize, query: &str, variables: &Value) -> Option<Value> {
        let token = self.token.lock().unwrap().clone();
        let request = self.client.post(format!("http://{}/graphql", self.addresses[server]));
        let request = if token.is_empty() { request } else { request.bearer_auth(token) };
        let answer = request.json(&json!({ "query": query, "variables": variables })).send().await.ok()?;
        answer.json().await.ok()
    }

    /// Sends a mutation to one of the servers.
    pub async fn does(&self, server: usize, mutation: &str, input: &Value) -> Answer {
        let input_type = format!("{}{}Input", mutation[..1].to_uppercase(), &mutation[1..]);
        let appointment = "{ id startsAt endsAt status doctor { id } }";
        let selection = match mutation {
            "swapAppointments" => format!("first {appointment} second {appointment}"),
            _ => format!("appointment {appointment}"),
        };
        let query = format!(
            "mutation ($input: {input_type}!) {{ {mutation}(input: $input) {{ {selection} userErrors {{ code field }} }} }}"
        );
        let Some(answer) = self.asks(server, &query, &json!({ "input": input })).await else { return Answer::Lost };
        let code = |error: &Value| error["code"].as_str().unwrap_or_default().to_owned();
        match answer["errors"][0]["extensions"]["code"].as_str() {
            None => match answer["data"][mutation]["userErrors"].as_array().unwrap().first() {
                None => Answer::Done(answer["data"][mutation].clone()),
                Some(error) => {
                    assert!(EXPECTED.contains(&code(error).as_str()), "{mutation} {input}: {answer}");
                    Answer::Refused(code(error))
                }
            },
            Some("UNAVAILABLE") => Answer::Lost,
            Some(_) => panic!("{mutation}: {answer}"),
        }
    }
}
