//! All ceilings.

use anyhow::{Result, ensure};
use serde::Deserialize;

/// All ceilings, with which the cost of a request is bounded before it runs.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// The largest body of a request, in bytes.
    pub body_bytes: usize,
    /// The largest message over a WebSocket, in bytes.
    pub message_bytes: usize,
    /// The longest document, in bytes.
    pub document_bytes: usize,
    /// How many tokens a document may have.
    pub tokens: usize,
    /// How deep brackets may nest in a document.
    pub brackets: usize,
    /// How deep fields may nest, fragments expanded.
    pub depth: usize,
    /// How many fields a document may select, fragments expanded.
    pub fields: usize,
    /// How many fields a document may call by another name, fragments expanded.
    pub aliases: usize,
    /// How many directives a document may have, fragments expanded.
    pub directives: usize,
    /// How much a request may cost: one for each field, times the items of its lists.
    pub complexity: usize,
    /// How long an operation may take, in seconds. No transaction lasts longer.
    pub operation_seconds: u64,
    /// How many subscriptions, and as many queries and mutations, may run over one WebSocket.
    pub operations: usize,
    /// How many sockets a user may have, on each process.
    pub user_sockets: usize,
    /// How many sockets the visitors at one address may have, on each process, and how many that have not said yet who is there; behind a proxy
    /// all of them are at one.
    pub visitor_sockets: usize,
    /// How long a connection may be open without a request, and how long the head of one may take, in seconds: longer than the proxies in front
    /// keep connections (most a minute), which would otherwise send a request over one that is just closed.
    pub idle_seconds: u64,
    /// How long a connection waits for the other side to take something before it is cut, in seconds.
    pub write_seconds: u64,
    /// How long a WebSocket may wait before it says who is there, in seconds.
    pub init_seconds: u64,
    /// After how many seconds a WebSocket is asked whether it is still there.
    pub ping_seconds: u64,
    /// How many events wait for a slow subscriber before its subscription ends.
    pub queued_events: usize,
    /// What the requests of one user, or of all visitors at one address, may cost in a minute; so much may be saved up and spent at once.
    pub budget: u32,
    /// How many queries and mutations of one user, or of all visitors at one address, may run at a time in one process.
    pub requests: usize,
    /// How many subscriptions of one user, or of all visitors at one address, may be open at a time in one process.
    pub subscriptions: usize,
    /// How many passwords are hashed at a time.
    pub password_hashes: usize,
    /// How many wrong passwords or codes, or changes of its profile, an account stands before it makes the next one wait, and half as many messages
    /// that somebody asks to have sent there; with time they are forgotten.
    pub password_attempts: u32,
    /// How many attempts of each kind (wrong passwords, registrations, codes, resets) may come from one address of the network, where many
    /// people may be, before the next one waits.
    pub attempts_from_one_place: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 256 * 1024,
            message_bytes: 64 * 1024,
            document_bytes: 32 * 1024,
            tokens: 2_000,
            brackets: 64,
            depth: 20,
            fields: 1_000,
            aliases: 100,
            directives: 50,
            complexity: 50_000,
            operation_seconds: 10,
            operations: 50,
            user_sockets: 50,
            visitor_sockets: 1_000,
            idle_seconds: 75,
            write_seconds: 10,
            init_seconds: 5,
            ping_seconds: 20,
            queued_events: 256,
            budget: 600_000,
            requests: 250,
            subscriptions: 1_000,
            password_hashes: 2,
            password_attempts: 10,
            attempts_from_one_place: 100,
        }
    }
}

impl Limits {
    pub(super) fn check(&self) -> Result<()> {
        let sizes = [
            self.body_bytes,
            self.message_bytes,
            self.document_bytes,
            self.tokens,
            self.brackets,
            self.depth,
            self.fields,
            self.aliases,
            self.directives,
            self.complexity,
            self.operations,
            self.user_sockets,
            self.visitor_sockets,
            self.queued_events,
            self.requests,
            self.subscriptions,
            self.password_hashes,
        ];
        let seconds =
            [self.operation_seconds, self.idle_seconds, self.write_seconds, self.init_seconds, self.ping_seconds];
        let are_set = sizes.iter().all(|size| *size > 0) && seconds.iter().all(|seconds| *seconds > 0);
        let attempts = [self.password_attempts, self.attempts_from_one_place];
        ensure!(are_set && attempts.iter().all(|count| *count > 0), "no limit may be 0");
        ensure!(
            usize::try_from(self.budget)? >= self.complexity,
            "a budget allows at least one request of the highest complexity"
        );
        Ok(())
    }
}
