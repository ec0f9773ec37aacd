//! What the README claims about looking for a free time: each number against its limit, and how it grows with doctors and appointments.
//!
//! `cargo bench --bench availability` runs on SQLite; with `BENCH_POSTGRES_URL` (the address of a server, with `/postgres`) and `REDIS_URL` on
//! those. The data are made once and kept for the day: in `target/bench-data`, or in databases named `medislot_bench_…`. A word behind `--`
//! chooses sizes: `small`, `doctors`, `large`; all of them where there is none.

mod support;

use chrono::{DateTime, TimeDelta, Utc};
use medislot::{
    app::App,
    availability::{Offer, Rule, Schedule, Weekday, slots},
    config::{Config, Limits},
    graphql::{Caller, Loaders, schema},
    kernel::{
        clock::{Clock, SystemClock},
        id::{AvailabilityRuleId, DoctorId},
        interval::Interval,
    },
};
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};
use std::{
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use support::{Client, Report, Samples, Server};

/// Name, doctors and appointments.
const SIZES: [(&str, u32, u32); 3] =
    [("small", 100, 10_000), ("doctors", 10_000, 10_000), ("large", 10_000, 1_000_000)];
/// How often each question is asked in a round.
const TRIES: usize = 1_000;
/// A machine that is a guest of another has moments that are not its own: of so many rounds the one in the middle counts.
const ROUNDS: usize = 5;
/// How often the first search is tried: each time it waits some seconds for all calendars.
const FIRST_TRIES: usize = 10;
const BOOKINGS_A_SECOND: usize = 50;
/// How many times as long a question may take where there is a hundred times as much: twice is what the cores of a guest differ by, and who
/// searches among all doctors for one of forty specialties passes over those of the others.
const GROWTH: f64 = 3.0;

const ONE_DOCTOR: &str = "query ($id: ID!, $from: DateTime!, $to: DateTime!, $version: Int) {
    doctor(id: $id) { name slots(from: $from, to: $to, minVersion: $version) { id startsAt endsAt } } }";
const TWENTY_DOCTORS: &str =
    "{ doctors(first: 20) { nodes { name specialties { name } clinic { name } nextSlots(first: 3) { startsAt } } } }";
const NEXT_AVAILABLE: &str = "{ doctors(first: 20, orderBy: NEXT_AVAILABLE) { nodes { name clinic { name } nextSlots(first: 1) { startsAt } } } }";
const EARLIEST: &str =
    "query ($filter: SlotFilter!) { slots(first: 20, filter: $filter) { nodes { id startsAt doctor { name } } } }";

fn now() -> DateTime<Utc> {
    SystemClock.now()
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let chosen: Vec<_> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let mut report = Report::default();
    expansion(&mut report);
    let mut all = Vec::new();
    for (name, doctors, appointments) in SIZES {
        if chosen.is_empty() || chosen.iter().any(|word| word == name) {
            let variables = data(name, doctors, appointments).await;
            all.push((name, measure(&variables, doctors, appointments).await));
        }
    }
    for (name, numbers) in &all {
        println!("\n{name} (of {ROUNDS} rounds the one in the middle)");
        for (what, value, limit, unit) in numbers {
            match limit {
                // The limits are those of the largest size.
                Some(limit) if *name == "large" => report.at_most(what, *value, *limit, unit),
                _ => Report::note(what, *value, unit),
            }
        }
    }
    for (less, more) in all.iter().zip(all.iter().skip(1)) {
        println!("\nfrom {} to {}", less.0, more.0);
        for (before, after) in less.1.iter().zip(&more.1) {
            let (what, times) = (before.0, after.1 / before.1);
            if what.ends_with("median") {
                report.at_most(what, times, GROWTH, "times");
            } else {
                Report::note(what, times, "times");
            }
        }
    }
    report.finish();
}

/// How many slots one core derives from rules.
fn expansion(report: &mut Report) {
    let time = |text: &str| text.parse().expect("a time of day");
    let rule = |weekday, start, end| Rule {
        id: AvailabilityRuleId::new(),
        weekday,
        start: time(start),
        end: time(end),
        slot_minutes: 20,
        effective_from: None,
        effective_until: None,
    };
    let weekdays = [Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri];
    let schedule = Schedule {
        doctor_id: DoctorId::new(),
        time_zone: "Europe/Warsaw".parse().expect("a zone"),
        slot_minutes: 20,
        min_notice_minutes: 0,
        max_advance_days: 60,
        active: true,
        rules: weekdays.iter().flat_map(|day| [rule(*day, "09:00", "12:00"), rule(*day, "13:00", "17:00")]).collect(),
        overrides: Vec::new(),
    };
    let now = now();
    let range = Interval { start: now, end: now + TimeDelta::days(60) };
    let begun = Instant::now();
    let mut found = 0_u32;
    while begun.elapsed() < Duration::from_secs(2) {
        let derived = slots(&schedule, &Offer::lasting(None, 0), std::hint::black_box(range), &[], now);
        found += u32::try_from(std::hint::black_box(derived).len()).expect("few");
    }
    let rate = f64::from(found) / begun.elapsed().as_secs_f64();
    report.at_least("pure expansion, one core", rate, 2_000_000.0, "slots/s");
}

/// The variables of a server with so many doctors and appointments, which are made where they are not there.
async fn data(name: &str, doctors: u32, appointments: u32) -> Vec<(String, String)> {
    let today = now().date_naive();
    let folder = std::path::absolute(format!("target/bench-data/{today}/{name}")).expect("a path");
    std::fs::create_dir_all(&folder).expect("a folder for the data");
    let mut variables = vec![("MEDISLOT_DATA_DIR".to_owned(), folder.display().to_string())];
    if let Ok(server) = std::env::var("BENCH_POSTGRES_URL") {
        let database = format!("medislot_bench_{name}_{}", today.format("%m%d"));
        let connection = sea_orm::Database::connect(&server).await.expect("PostgreSQL answers");
        // It may be there already.
        let _ = connection.execute_unprepared(&format!("CREATE DATABASE {database}")).await;
        let (address, _) = server.rsplit_once('/').expect("an address that ends with a database");
        variables.push(("DATABASE_URL".to_owned(), format!("{address}/{database}")));
        variables.extend(std::env::var("REDIS_URL").ok().map(|url| ("REDIS_URL".to_owned(), url)));
    }
    let (doctors, appointments) = (doctors.to_string(), appointments.to_string());
    let arguments = ["seed", "--scale", "--doctors", &doctors, "--appointments", &appointments];
    let begun = Instant::now();
    let mut seed = Server::command(&arguments, &borrowed(&variables));
    seed.env("MEDISLOT_LOG", "text").env("RUST_LOG", "warn").stdout(Stdio::null());
    assert!(seed.status().expect("the program can be run").success(), "the data could not be made");
    Report::note(&format!("{name}: data are there after"), begun.elapsed().as_secs_f64(), "s");
    if let Some((_, database)) = variables.iter().find(|(name, _)| name == "DATABASE_URL") {
        // What PostgreSQL has to do about so much that is new it would do at some moment of the measurement.
        let connection = sea_orm::Database::connect(database).await.expect("PostgreSQL answers");
        for statement in ["VACUUM", "CHECKPOINT"] {
            connection.execute_unprepared(statement).await.expect("the database can be tidied up");
        }
    }
    variables
}

fn borrowed(variables: &[(String, String)]) -> Vec<(&str, &str)> {
    variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

type Numbers = Vec<(&'static str, f64, Option<f64>, &'static str)>;

async fn measure(variables: &[(String, String)], doctor_count: u32, appointment_count: u32) -> Numbers {
    let server = Server::start(&[], &borrowed(variables));
    let client = Client::new(&server);
    let begun = Instant::now();
    // Where the disk has never been read before, it takes longer than a search waits.
    let mut tries = 1;
    while client.sends(EARLIEST, &json!({ "filter": {} })).await.get("errors").is_some() {
        assert!(tries < FIRST_TRIES, "the server does not come to know its calendars");
        tries += 1;
    }
    let warm = begun.elapsed().as_secs_f64();
    // What an interrupted run has left is not what is measured.
    let admin = client.clone().signs_in("admin@medislot.test").await;
    let there = admin.asks("{ doctors { totalCount } appointments { totalCount } }", &json!({})).await;
    for (what, least) in [("doctors", doctor_count), ("appointments", appointment_count)] {
        let count = there[what]["totalCount"].as_u64().expect("a number");
        assert!(count >= u64::from(least), "only {count} {what} are there: remove the data, and begin anew");
    }
    let specialty = client.asks("{ specialties(first: 1) { nodes { id } } }", &json!({})).await;
    let specialty = specialty["specialties"]["nodes"][0]["id"].clone();
    let everybody = doctors(&client, &["Doctor 010", "Doctor 011", "Doctor 0000", "Doctor 0001", "Doctor 0004"]).await;
    // Fifty of them; of the largest size twenty are busy.
    let doctors = doctors(&client, &["Doctor 0002", "Doctor 0003", "Doctor 0005", "Doctor 0006", "Doctor 0007"]).await;
    let (all, one) = (json!({ "filter": {} }), json!({ "filter": { "specialtyId": specialty } }));
    let cached = cached(&client, &doctors).await;
    let uncached = uncached(&admin, &doctors).await;
    let everybody = [&everybody[..], &doctors].concat();
    let unknown = unknown(variables, &everybody).await;
    let twenty = repeat(&client, TWENTY_DOCTORS, &json!({})).await;
    let next_available = repeat(&client, NEXT_AVAILABLE, &json!({})).await;
    let (quiet_all, quiet_one) = (repeat(&client, EARLIEST, &all).await, repeat(&client, EARLIEST, &one).await);
    let booked = Arc::new(AtomicUsize::new(0));
    let bookings = tokio::spawn(book(client.clone(), doctors, Arc::clone(&booked)));
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (begun, before) = (Instant::now(), booked.load(Ordering::Relaxed));
    let (busy_all, busy_one) = (repeat(&client, EARLIEST, &all).await, repeat(&client, EARLIEST, &one).await);
    let seconds = usize::try_from(begun.elapsed().as_secs()).expect("not for years");
    let booked = booked.load(Ordering::Relaxed) - before;
    assert!(booked * 10 >= 9 * BOOKINGS_A_SECOND * seconds, "only {booked} bookings in {seconds} s");
    bookings.abort();
    let in_the_middle = |rounds: &[Samples], share| {
        let mut numbers: Vec<_> = rounds.iter().map(|samples| samples.percentile(share)).collect();
        numbers.sort_unstable_by(f64::total_cmp);
        numbers[numbers.len() / 2]
    };
    let p99 = |rounds: &[Samples]| in_the_middle(rounds, 0.99);
    let median = |rounds: &[Samples]| in_the_middle(rounds, 0.5);
    vec![
        ("all calendars known after", warm, None, "s"),
        ("peak memory", server.peak_megabytes(), None, "MB"),
        ("one doctor, 14 days, from memory, median", median(&cached), None, "ms"),
        ("one doctor, 14 days, from memory, p99", p99(&cached), Some(2.0), "ms"),
        ("one doctor, 14 days, not known to the process, median", median(&unknown), None, "ms"),
        ("one doctor, 14 days, not known to the process, p99", p99(&unknown), Some(10.0), "ms"),
        ("one doctor, 14 days, after a change, median", median(&uncached), None, "ms"),
        ("one doctor, 14 days, after a change, p99", p99(&uncached), Some(10.0), "ms"),
        ("20 doctors with specialty, clinic and next 3 slots, median", median(&twenty), None, "ms"),
        ("20 doctors with specialty, clinic and next 3 slots, p99", p99(&twenty), Some(20.0), "ms"),
        ("20 doctors by their next slot, median", median(&next_available), None, "ms"),
        ("20 doctors by their next slot, p99", p99(&next_available), Some(20.0), "ms"),
        ("earliest 20 slots of all doctors, median", median(&quiet_all), None, "ms"),
        ("earliest 20 slots of all doctors, p99", p99(&quiet_all), Some(20.0), "ms"),
        ("earliest 20 slots of one specialty, median", median(&quiet_one), None, "ms"),
        ("earliest 20 slots of one specialty, p99", p99(&quiet_one), Some(20.0), "ms"),
        ("the same of all doctors, 50 bookings a second, median", median(&busy_all), None, "ms"),
        ("the same of all doctors, 50 bookings a second, p99", p99(&busy_all), Some(20.0), "ms"),
        ("the same of one specialty, 50 bookings a second, median", median(&busy_one), None, "ms"),
        ("the same of one specialty, 50 bookings a second, p99", p99(&busy_one), Some(20.0), "ms"),
    ]
}

/// The doctors with these names, and a digit more or two.
async fn doctors(client: &Client, names: &[&str]) -> Vec<Value> {
    let mut ids = Vec::new();
    for search in names {
        let query = "query ($search: String) { doctors(first: 100, filter: { search: $search }) { nodes { id } } }";
        let found = client.asks(query, &json!({ "search": search })).await;
        ids.extend(found["doctors"]["nodes"].as_array().into_iter().flatten().map(|doctor| doctor["id"].clone()));
    }
    ids
}

/// Asks something else each time, which depends on how often was asked before; what each round of it took.
async fn rounds(client: &Client, query: &str, tries: usize, variables: impl AsyncFn(usize) -> Value) -> Vec<Samples> {
    let mut rounds = Vec::with_capacity(ROUNDS);
    for round in 0..ROUNDS {
        let mut samples = Samples::default();
        for number in 0..tries {
            let variables = variables(round * tries + number).await;
            client.times(&mut samples, query, &variables).await;
        }
        rounds.push(samples);
    }
    rounds
}

async fn repeat(client: &Client, query: &str, variables: &Value) -> Vec<Samples> {
    rounds(client, query, TRIES, async |_| variables.clone()).await
}

fn fortnight(doctor: &Value, version: &Value) -> Value {
    let from = now();
    json!({ "id": doctor, "from": from, "to": from + TimeDelta::days(14), "version": version })
}

async fn cached(client: &Client, doctors: &[Value]) -> Vec<Samples> {
    rounds(client, ONE_DOCTOR, TRIES, async |number| fortnight(&doctors[number % doctors.len()], &Value::Null)).await
}

/// Asks for each doctor once, in a process that has just begun, knows nobody and shares nothing: all is read from the database. In this process
/// and without a network, for a server reads everybody as soon as it serves.
async fn unknown(variables: &[(String, String)], doctors: &[Value]) -> Vec<Samples> {
    let value = |name: &str| variables.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
    let mut rounds = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let config = Config {
            data_dir: value("MEDISLOT_DATA_DIR").unwrap_or_default().into(),
            database_url: value("DATABASE_URL").map(Into::into),
            ..Config::default()
        };
        let doctors = doctors.to_vec();
        // It ends with its runtime: nobody shall be kept busy by it later.
        let round = tokio::task::spawn_blocking(move || {
            let runtime = tokio::runtime::Runtime::new().expect("a runtime");
            let samples = runtime.block_on(one_by_one(config, &doctors));
            runtime.shutdown_background();
            samples
        });
        rounds.push(round.await.expect("a round"));
    }
    rounds
}

async fn one_by_one(config: Config, doctors: &[Value]) -> Samples {
    let services = App::start(config, Arc::new(SystemClock)).await.expect("a process can begin").services;
    let schema = schema(&Limits::default()).finish();
    let mut samples = Samples::default();
    for (place, doctor) in doctors.iter().enumerate() {
        // The first of them do not count: connections have to be made, and statements to be prepared.
        if place == doctors.len() / 5 {
            samples = Samples::default();
        }
        let caller = Caller::default();
        let request = async_graphql::Request::new(ONE_DOCTOR)
            .variables(async_graphql::Variables::from_json(fortnight(doctor, &Value::Null)))
            .data(services.clone())
            .data(Loaders::new(&services, &caller))
            .data(caller);
        let asked = async { serde_json::to_vec(&schema.execute(request).await).expect("an answer") };
        let answer = samples.measure(asked).await;
        assert!(answer.starts_with(b"{\"data\""), "{}", String::from_utf8_lossy(&answer));
    }
    samples
}

/// Asks for each version of a calendar once: right after the doctor's hours were set.
async fn uncached(admin: &Client, doctors: &[Value]) -> Vec<Samples> {
    let set =
        "mutation ($input: SetAvailabilityInput!) { setAvailability(input: $input) { doctor { calendarVersion } } }";
    let days = ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY"];
    let rules = days.map(|day| json!({ "weekday": day, "startTime": "09:00", "endTime": "17:00" }));
    let changed = async |number: usize| {
        let doctor = &doctors[number % doctors.len()];
        let done = admin.asks(set, &json!({ "input": { "doctorId": doctor, "rules": rules } })).await;
        fortnight(doctor, &done["setAvailability"]["doctor"]["calendarVersion"])
    };
    rounds(admin, ONE_DOCTOR, TRIES / 5, changed).await
}

/// Books, evenly, until it is told to stop.
async fn book(client: Client, doctors: Vec<Value>, booked: Arc<AtomicUsize>) {
    let patient = client.clone().signs_in("patient.1@scale.medislot.test").await;
    let mut slots: Vec<Vec<Value>> = Vec::new();
    for doctor in &doctors {
        let query = "query ($id: ID!) { doctor(id: $id) { nextSlots(first: 100) { id } } }";
        let found = client.asks(query, &json!({ "id": doctor })).await;
        slots.push(
            found["doctor"]["nextSlots"].as_array().into_iter().flatten().map(|slot| slot["id"].clone()).collect(),
        );
    }
    let mut tick = tokio::time::interval(Duration::from_secs(1) / u32::try_from(BOOKINGS_A_SECOND).expect("few"));
    for round in 0..100 {
        for of_doctor in &slots {
            let Some(slot) = of_doctor.get(round) else { continue };
            tick.tick().await;
            let (patient, slot, booked) = (patient.clone(), slot.clone(), Arc::clone(&booked));
            tokio::spawn(async move {
                let query = "mutation ($input: BookAppointmentInput!) { bookAppointment(input: $input) { appointment { id } } }";
                let answer = patient.sends(query, &json!({ "input": { "slotId": slot } })).await;
                if answer["data"]["bookAppointment"]["appointment"].is_object() {
                    booked.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    }
}
