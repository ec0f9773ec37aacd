//! HTTP with as little of it as possible: the load shares its machine with what it loads.

use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// A connection that is kept, of somebody who is signed in.
pub struct Wire {
    stream: TcpStream,
    head: String,
    answer: Vec<u8>,
}

impl Wire {
    pub async fn connect(address: &str, token: &str) -> Self {
        let stream = TcpStream::connect(address).await.expect("the server listens");
        stream.set_nodelay(true).expect("a socket");
        let head = format!(
            "POST /graphql HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\nauthorization: Bearer {token}\r\n"
        );
        Self { stream, head, answer: Vec::with_capacity(4_096) }
    }

    /// Books a slot; the answer, and how long it took.
    pub async fn books(&mut self, document: &str, slot: &str) -> (String, Duration) {
        self.asks(&json!({ "query": document, "variables": { "input": { "slotId": slot } } })).await
    }

    /// Sends a request; the answer, and how long it took.
    pub async fn asks(&mut self, request: &Value) -> (String, Duration) {
        let body = request.to_string();
        let request = format!("{}content-length: {}\r\n\r\n{body}", self.head, body.len());
        let begun = Instant::now();
        self.stream.write_all(request.as_bytes()).await.expect("the server reads");
        let answer = self.reads().await;
        (answer, begun.elapsed())
    }

    /// The body of one answer.
    async fn reads(&mut self) -> String {
        self.answer.clear();
        loop {
            let read = self.stream.read_buf(&mut self.answer).await.expect("the server writes");
            assert!(read > 0, "the server hung up");
            let Some(end) = self.answer.windows(4).position(|bytes| bytes == b"\r\n\r\n") else { continue };
            let head = std::str::from_utf8(&self.answer[..end]).expect("text").to_ascii_lowercase();
            let length = head.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
            let length: usize = length.and_then(|length| length.parse().ok()).expect("a length");
            if self.answer.len() >= end + 4 + length {
                return String::from_utf8_lossy(&self.answer[end + 4..]).into_owned();
            }
        }
    }
}

/// Whether the answer is an appointment; what else it is, is a user error.
pub fn is_booked(answer: &str) -> bool {
    let answer: Value = serde_json::from_str(answer).expect("JSON");
    assert!(answer.get("errors").is_none(), "{answer}");
    answer["data"]["bookAppointment"]["appointment"].is_object()
}
