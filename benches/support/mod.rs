//! What the benchmarks share: the program in a process of its own, somebody who asks it, and numbers held against their limits.

#![allow(dead_code, reason = "no benchmark uses all of it")]

use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// The program, run as an operator would run it; ended when it is dropped.
pub struct Server {
    child: Child,
    /// Where it listens.
    pub address: String,
}

impl Server {
    /// A command of the program with these variables and nothing else of the environment.
    pub fn command(arguments: &[&str], variables: &[(&str, &str)]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_medislot"));
        command.args(arguments).env_clear().envs(variables.iter().copied());
        command
    }

    /// `medislot serve` on a free port, once it serves.
    pub fn start(arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let arguments = [&["serve", "--listen", "127.0.0.1:0"], arguments].concat();
        let mut command = Self::command(&arguments, variables);
        command.env("MEDISLOT_RATE_LIMITS", "off").stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("the program can be run");
        let mut lines = BufReader::new(child.stdout.take().expect("its output is ours")).lines();
        let first = lines.next().expect("the server ended").expect("its first line can be read");
        let address = first.split("http://").nth(1).and_then(|rest| rest.split('/').next());
        let address = address.expect("the first line tells the address").to_owned();
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address }
    }

    /// Names its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The most memory that it had so far, in megabytes.
    pub fn peak_megabytes(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
        line.trim_end_matches("kB").trim().parse::<f64>().unwrap_or(f64::NAN) / 1_024.0
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Somebody at a frontend, over one connection.
#[derive(Clone)]
pub struct Client {
    address: String,
    token: Option<String>,
    http: reqwest::Client,
}

impl Client {
    /// A visitor.
    pub fn new(server: &Server) -> Self {
        Self { address: format!("http://{}/graphql", server.address), token: None, http: reqwest::Client::new() }
    }

    /// Signs in with the password of the demo accounts.
    pub async fn signs_in(mut self, email: &str) -> Self {
        let login = "mutation ($input: LoginInput!) { login(input: $input) { session { accessToken } } }";
        let input = json!({ "email": email, "password": "medislot-demo" });
        let data = self.asks(login, &json!({ "input": input })).await;
        let token = data["login"]["session"]["accessToken"].as_str().unwrap_or_else(|| panic!("{email}: {data}"));
        self.token = Some(token.to_owned());
        self
    }

    /// Sends a document; its data. Top-level errors are the end of a benchmark.
    pub async fn asks(&self, query: &str, variables: &Value) -> Value {
        let mut answer = self.sends(query, variables).await;
        assert!(answer.get("errors").is_none(), "{answer}");
        answer["data"].take()
    }

    /// Sends a document; the whole answer.
    pub async fn sends(&self, query: &str, variables: &Value) -> Value {
        serde_json::from_slice(&self.receives(query, variables).await).expect("the answer is JSON")
    }

    /// The same, and notes how long it took until all of the answer was there.
    pub async fn times(&self, samples: &mut Samples, query: &str, variables: &Value) {
        let answer = samples.measure(self.receives(query, variables)).await;
        let answer: Value = serde_json::from_slice(&answer).expect("the answer is JSON");
        assert!(answer.get("errors").is_none(), "{answer}");
    }

    async fn receives(&self, query: &str, variables: &Value) -> Vec<u8> {
        let request = self.http.post(&self.address).json(&json!({ "query": query, "variables": variables }));
        let request = match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        let answer = request.send().await.expect("the server answers");
        answer.bytes().await.expect("all of the answer comes").into()
    }
}

/// How long each of many tries took.
#[derive(Default)]
pub struct Samples(Vec<Duration>);

impl Samples {
    /// Notes how long `future` takes.
    pub async fn measure<F: Future>(&mut self, future: F) -> F::Output {
        let begun = Instant::now();
        let output = future.await;
        self.0.push(begun.elapsed());
        output
    }

    /// Notes a duration that was measured elsewhere.
    pub fn push(&mut self, duration: Duration) {
        self.0.push(duration);
    }

    /// Joins others to these.
    pub fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// What this share of the tries stayed within (0.99: the 99th percentile), in milliseconds.
    pub fn percentile(&self, share: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a place"
        )]
        let place = (sorted.len() as f64 * share).ceil() as usize;
        sorted.get(place.saturating_sub(1)).map_or(f64::NAN, |duration| duration.as_secs_f64() * 1_000.0)
    }
}

/// Numbers against their limits, one a line: `name: value, limit, ratio`. Within its limit a number has a ratio of at most 1.
#[derive(Default)]
pub struct Report {
    missed: Vec<String>,
}

impl Report {
    /// A number that shall not be greater than `limit`.
    pub fn at_most(&mut self, name: &str, value: f64, limit: f64, unit: &str) {
        self.line(name, value, ("at most", limit), unit, value / limit);
    }

    /// A number that shall not be smaller than `limit`.
    pub fn at_least(&mut self, name: &str, value: f64, limit: f64, unit: &str) {
        self.line(name, value, ("at least", limit), unit, limit / value);
    }

    /// A number that has no limit.
    pub fn note(name: &str, value: f64, unit: &str) {
        println!("{name}: {value:.2} {unit}");
    }

    fn line(&mut self, name: &str, value: f64, (kind, limit): (&str, f64), unit: &str, ratio: f64) {
        let verdict = if ratio <= 1.0 { "" } else { "  MISSED" };
        println!("{name}: {value:.2} {unit}, {kind} {limit} {unit}, ratio {ratio:.2}{verdict}");
        if ratio > 1.0 || ratio.is_nan() {
            self.missed.push(name.to_owned());
        }
    }

    /// Tells what missed its limit, and ends the process accordingly.
    pub fn finish(self) {
        if !self.missed.is_empty() {
            println!("missed: {}", self.missed.join("; "));
            std::process::exit(1);
        }
    }
}
