//! The database against itself, and against what everybody was told.

use crate::{cluster::Cluster, ledger::Ledger};
use entity::id::AppointmentId;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, QueryResult, Statement};
use std::collections::HashMap;
use uuid::Uuid;

/// Holds everything against everything.
pub async fn stands(cluster: &Cluster, ledger: &Ledger) {
    let database = sea_orm::Database::connect(cluster.database_url()).await.unwrap();
    for (promise, sql) in IMPOSSIBLE {
        let found = rows(&database, sql).await;
        let found: Vec<String> = found.iter().map(|row| row.try_get_by_index(0).unwrap()).collect();
        assert!(found.is_empty(), "{promise}: {found:?}");
    }
    log_tells_the_present(&database).await;
    everybody_was_told_the_truth(&database, ledger).await;
    keys_made_one_each(&database, ledger).await;
}

/// What no row may show.
const IMPOSSIBLE: [(&str, &str); 5] = [
    (
        "two claims overlap",
        "SELECT a.id::text FROM appointment a JOIN appointment b ON a.doctor_id = b.doctor_id AND a.id < b.id
         WHERE a.status NOT IN ('CANCELLED', 'EXPIRED') AND b.status NOT IN ('CANCELLED', 'EXPIRED')
           AND a.occupied_from < b.occupied_until AND b.occupied_from < a.occupied_until",
    ),
    (
        "a version is missing or double",
        "SELECT c.doctor_id::text FROM calendar c LEFT JOIN calendar_event e USING (doctor_id)
         GROUP BY c.doctor_id, c.version
         HAVING count(e.version) <> c.version OR count(DISTINCT e.version) <> c.version
             OR coalesce(min(e.version), 1) <> 1 OR coalesce(max(e.version), 0) <> c.version",
    ),
    (
        "a history does not lead to its appointment's state",
        "SELECT a.id::text FROM appointment a LEFT JOIN LATERAL (
             SELECT to_status FROM appointment_transition WHERE appointment_id = a.id ORDER BY id DESC LIMIT 1
         ) last ON true WHERE last.to_status IS DISTINCT FROM a.status",
    ),
    (
        "a step does not begin where the one before ended",
        "SELECT appointment_id::text FROM (
             SELECT appointment_id, from_status,
                    lag(to_status) OVER (PARTITION BY appointment_id ORDER BY id) AS before
             FROM appointment_transition
         ) steps WHERE from_status IS DISTINCT FROM before",
    ),
    (
        "a step is not in the table of moves",
        "SELECT appointment_id::text FROM appointment_transition
         WHERE (coalesce(from_status, '-'), to_status) NOT IN (
             ('-', 'HELD'), ('-', 'PENDING'), ('HELD', 'PENDING'), ('HELD', 'EXPIRED'), ('HELD', 'CANCELLED'),
             ('PENDING', 'CONFIRMED'), ('PENDING', 'CANCELLED'), ('CONFIRMED', 'CANCELLED'))",
    ),
];

/// Read in order, the log of each doctor never has two visits at a time, and ends with the claims that there are.
async fn log_tells_the_present(database: &DatabaseConnection) {
    let claims =
        "SELECT doctor_id, extract(epoch FROM starts_at)::int8, extract(epoch FROM ends_at)::int8 FROM appointment
                  WHERE status NOT IN ('CANCELLED', 'EXPIRED')";
    let mut present: HashMap<Uuid, Vec<(i64, i64)>> = HashMap::new();
    for row in rows(database, claims).await {
        present.entry(get(&row, 0)).or_default().push((get(&row, 1), get(&row, 2)));
    }
    let log = "SELECT doctor_id, extract(epoch FROM starts_at)::int8, extract(epoch FROM ends_at)::int8, kind, version
               FROM calendar_event WHERE kind <> 'SCHEDULE_CHANGED' ORDER BY doctor_id, version";
    let mut told: HashMap<Uuid, Vec<(i64, i64)>> = HashMap::new();
    for row in rows(database, log).await {
        let (doctor, visit, kind): (Uuid, (i64, i64), String) =
            (get(&row, 0), (get(&row, 1), get(&row, 2)), get(&row, 3));
        let visits = told.entry(doctor).or_default();
        let place = visits.iter().position(|other| *other == visit);
        match (kind.as_str(), place) {
            ("SLOT_RELEASED", Some(place)) => drop(visits.swap_remove(place)),
            // A hold that is renewed, or booked.
            ("SLOT_HELD" | "SLOT_TAKEN", Some(_)) => {}
            ("SLOT_HELD" | "SLOT_TAKEN", None) => {
                let overlaps = visits.iter().any(|other| other.0 < visit.1 && visit.0 < other.1);
                assert!(!overlaps, "{doctor} has two visits at version {}", get::<i32>(&row, 4));
                visits.push(visit);
            }
            _ => panic!("{doctor}: {kind} of what was free, at version {}", get::<i32>(&row, 4)),
        }
    }
    for visits in told.values_mut().chain(present.values_mut()) {
        visits.sort_unstable();
    }
    told.retain(|_, visits| !visits.is_empty());
    assert_eq!(told, present, "the log tells another present");
}

/// What was acknowledged is there, once, as it was acknowledged, and has ended only if somebody asked for that.
async fn everybody_was_told_the_truth(database: &DatabaseConnection, ledger: &Ledger) {
    let sql =
        "SELECT id, status, to_char(starts_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') FROM appointment";
    let mut found: HashMap<Uuid, (String, String)> = HashMap::new();
    for row in rows(database, sql).await {
        found.insert(get(&row, 0), (get(&row, 1), get(&row, 2)));
    }
    for (id, told) in ledger.told() {
        let key = id.parse::<AppointmentId>().unwrap().0;
        let (status, starts_at) = found.get(&key).unwrap_or_else(|| panic!("{id} was acknowledged, and is not there"));
        assert_eq!(*starts_at, told.starts_at, "{id}");
        let is_right = match status.as_str() {
            "PENDING" | "CONFIRMED" => true,
            "HELD" | "EXPIRED" => told.is_hold,
            _ => ledger.was_given_up(&id),
        };
        assert!(is_right, "{id} is {status}: {told:?}");
    }
    for id in ledger.gone() {
        let status = &found[&id.parse::<AppointmentId>().unwrap().0].0;
        assert_eq!(status, "CANCELLED", "{id} was acknowledged to have ended");
    }
    println!("{} appointments, {} acknowledged", found.len(), ledger.told().len());
}

/// A key makes one appointment, a refusal none.
async fn keys_made_one_each(database: &DatabaseConnection, ledger: &Ledger) {
    // What replaces another appointment has its notes.
    let sql = "SELECT notes, id FROM appointment WHERE notes IS NOT NULL AND rescheduled_from IS NULL";
    let mut made: HashMap<String, Uuid> = HashMap::new();
    for row in rows(database, sql).await {
        let before = made.insert(get(&row, 0), get(&row, 1));
        assert!(before.is_none(), "one booking made two appointments: {before:?}");
    }
    for (notes, id) in ledger.made() {
        assert_eq!(made.get(&notes), Some(&id.parse::<AppointmentId>().unwrap().0), "{id}");
    }
    for notes in ledger.refused() {
        assert!(!made.contains_key(&notes), "a booking was refused, and made");
    }
}

async fn rows(database: &DatabaseConnection, sql: &str) -> Vec<QueryResult> {
    database.query_all_raw(Statement::from_string(DbBackend::Postgres, sql)).await.unwrap()
}

fn get<T: sea_orm::TryGetable>(row: &QueryResult, place: usize) -> T {
    row.try_get_by_index(place).unwrap()
}
