//! The bare transaction, by PostgreSQL's own benchmark.

use crate::{cluster::Cluster, support::Server};
use sea_orm::ConnectionTrait;
use std::process::{Command, Stdio};

/// A clinic, a hundred doctors and a patient (the first doctor) of its own, in the same tables.
const PEOPLE: &str = "
INSERT INTO clinic SELECT (jsonb_populate_record(model, jsonb_build_object(
        'id', '00000000-0000-7000-a000-000000000001', 'slug', 'bare'))).*
    FROM (SELECT c FROM clinic c LIMIT 1) model (model);
INSERT INTO \"user\" SELECT (jsonb_populate_record(model, jsonb_build_object(
        'id', '00000000-0000-7000-9000-' || lpad(number::text, 12, '0'), 'email', 'bare.' || number || '@example.com'))).*
    FROM generate_series(1, 100) number, (SELECT u FROM \"user\" u WHERE role = 'DOCTOR' LIMIT 1) model (model);
INSERT INTO doctor SELECT (jsonb_populate_record(model, jsonb_build_object(
        'id', '00000000-0000-7000-8000-' || lpad(number::text, 12, '0'),
        'user_id', '00000000-0000-7000-9000-' || lpad(number::text, 12, '0'), 'active', false))).*
    FROM generate_series(1, 100) number, (SELECT d FROM doctor d LIMIT 1) model (model);
INSERT INTO calendar SELECT (jsonb_populate_record(model, jsonb_build_object('doctor_id', d.id, 'version', 0))).*
    FROM doctor d, (SELECT c FROM calendar c LIMIT 1) model (model)
    WHERE d.id::text LIKE '00000000-0000-7000-8000-%';";

/// The bare transaction, in a database of its own beside that of the bookings: nobody follows what it writes.
pub struct Bare {
    url: String,
    program: std::path::PathBuf,
    runs: usize,
}

impl Bare {
    pub async fn prepare(cluster: &Cluster) -> Self {
        let server = sea_orm::Database::connect(cluster.database_url()).await.expect("the database answers");
        server.execute_unprepared("CREATE DATABASE bare").await.expect("a database is made");
        let url = cluster.database_url();
        let (address, _) = url.rsplit_once('/').expect("an address that ends with a database");
        let url = format!("{address}/bare");
        let seeded = Server::command(&["seed"], &[("DATABASE_URL", &url)]).stdout(Stdio::null()).status();
        assert!(seeded.expect("the program can be run").success());
        let database = sea_orm::Database::connect(&url).await.expect("the database answers");
        database.execute_unprepared(PEOPLE).await.expect("people are made");
        Self { url, program: cluster.pgbench(), runs: 0 }
    }

    /// Transactions a second of 32 clients over `seconds`.
    pub fn runs(&mut self, seconds: u64) -> f64 {
        let mut command = Command::new(&self.program);
        command.args([
            "--no-vacuum",
            "--protocol",
            "prepared",
            "--client",
            "32",
            "--jobs",
            "2",
            "--time",
            &seconds.to_string(),
        ]);
        command.args(["--define", &format!("number={}", self.runs * 1_000_000)]);
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/bare_booking.sql");
        let output = command.args(["--file", script, &self.url]).output().expect("pgbench runs");
        self.runs += 1;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && text.contains("failed transactions: 0 "), "{text}{errors}");
        let rate = text.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
        rate.unwrap_or_else(|| panic!("{text}{errors}"))
    }
}
