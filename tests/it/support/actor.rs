//! Somebody at a frontend: speaks GraphQL over HTTP, as a program would.

use super::Socket;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};

pub const PASSWORD: &str = "correct horse battery";

/// Somebody at a frontend.
#[derive(Clone)]
pub struct Actor {
    pub address: String,
    pub email: String,
    pub id: String,
    pub token: Option<String>,
    pub refresh_token: String,
    client: reqwest::Client,
}

const SESSION: &str = "session { accessToken expiresAt refreshToken user { id name role } }";

impl Actor {
    pub fn visitor(address: &str) -> Self {
        Self {
            address: address.to_owned(),
            email: String::new(),
            id: String::new(),
            token: None,
            refresh_token: String::new(),
            client: reqwest::Client::new(),
        }
    }

    /// Sends a document; the whole answer.
    pub async fn asks(&self, query: &str, variables: Value) -> Value {
        serde_json::from_str(&self.hears(query, variables).await).unwrap()
    }

    /// Sends a document; the whole answer, to the byte.
    pub async fn hears(&self, query: &str, variables: Value) -> String {
        let request = self.client.post(format!("http://{}/graphql", self.address));
        let request = request.header("accept", "application/graphql-response+json");
        let request = match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        let answer = request.json(&json!({ "query": query, "variables": variables })).send().await.unwrap();
        answer.text().await.unwrap()
    }

    /// Sends a query without variables; its data.
    pub async fn sees(&self, query: &str) -> Value {
        let answer = self.asks(query, json!({})).await;
        assert!(answer.get("errors").is_none(), "{answer}");
        answer["data"].clone()
    }

    /// Sends a mutation; its payload, or the whole answer where there is none.
    pub async fn does(&self, mutation: &str, input_type: &str, input: Value, selection: &str) -> Value {
        let errors = "userErrors { __typename code field message }";
        let query =
            format!("mutation ($input: {input_type}!) {{ {mutation}(input: $input) {{ {selection} {errors} }} }}");
        let answer = self.asks(&query, json!({ "input": input })).await;
        match &answer["data"][mutation] {
            Value::Null => answer,
            payload => payload.clone(),
        }
    }

    pub async fn registers(&mut self, name: &str) {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let email = format!(
            "{}.{number}@example.com",
            name.to_lowercase().replace(' ', ".").replace(|letter: char| !letter.is_ascii(), "x")
        );
        let input = json!({ "email": email, "password": PASSWORD, "name": name, "timeZone": "Europe/Warsaw" });
        let payload = self.does("register", "RegisterInput", input, SESSION).await;
        self.takes(&payload, &email);
    }

    pub async fn signs_in(&mut self, email: &str) {
        self.token = None;
        let input = json!({ "email": email, "password": PASSWORD });
        let payload = self.does("login", "LoginInput", input, SESSION).await;
        self.takes(&payload, email);
    }

    /// Goes on with the last refresh token; the payload.
    pub async fn refreshes(&mut self) -> Value {
        self.token = None;
        let input = json!({ "refreshToken": self.refresh_token });
        let payload = self.does("refreshSession", "RefreshSessionInput", input, SESSION).await;
        if payload["session"].is_object() {
            let email = self.email.clone();
            self.takes(&payload, &email);
        }
        payload
    }

    fn takes(&mut self, payload: &Value, email: &str) {
        let session = &payload["session"];
        let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("{payload}")).to_owned();
        self.token = Some(text(&session["accessToken"]));
        self.refresh_token = text(&session["refreshToken"]);
        self.id = text(&session["user"]["id"]);
        email.clone_into(&mut self.email);
    }

    /// Books a slot; the payload.
    pub async fn books(&self, slot: &str) -> Value {
        let selection = "appointment { id reference status startsAt endsAt version }";
        self.does("bookAppointment", "BookAppointmentInput", json!({ "slotId": slot }), selection).await
    }

    /// Holds a slot; the payload.
    pub async fn holds(&self, slot: &str) -> Value {
        self.does("holdSlot", "HoldSlotInput", json!({ "slotId": slot }), "appointment { id status expiresAt version }")
            .await
    }

    /// Sends a mutation of one appointment; the payload with what is of interest of it.
    pub async fn changes(&self, mutation: &str, input: Value) -> Value {
        let input_type = format!("{}{}Input", mutation[..1].to_uppercase(), &mutation[1..]);
        let selection = "appointment { id reference status startsAt version doctor { name } rescheduledFrom { id } rescheduledTo { id } cancellationFee { amount currency } cancellationReason expiresAt }";
        self.does(mutation, &input_type, input, selection).await
    }

    pub async fn cancels(&self, appointment: &Value) -> Value {
        let input = json!({ "appointmentId": appointment["id"], "reason": "ill" });
        self.does("cancelAppointment", "CancelAppointmentInput", input, "appointment { id status version }").await
    }

    /// Opens a WebSocket and says who is there.
    pub async fn connects(&self) -> Socket {
        let mut socket = Socket::open(&self.address).await;
        socket.init(self.token.as_deref()).await;
        socket
    }
}

/// The codes of the user errors of a payload, or of the top-level errors of an answer.
pub fn codes(answer: &Value) -> Vec<String> {
    let user_errors = answer["userErrors"].as_array().into_iter().flatten().map(|error| &error["code"]);
    let errors = answer["errors"].as_array().into_iter().flatten().map(|error| &error["extensions"]["code"]);
    user_errors.chain(errors).map(|code| code.as_str().unwrap_or("none").to_owned()).collect()
}

/// The one code.
pub fn code(answer: &Value) -> String {
    let codes = codes(answer);
    assert_eq!(codes.len(), 1, "{answer}");
    codes[0].clone()
}
