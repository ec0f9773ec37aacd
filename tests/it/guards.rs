//! What stands behind a booking, each by itself: the lock, the calendar's row, the index and the constraint.

use crate::support::{Actor, Backend, TestApp, TestDatabase, code, codes, eventually};
use chrono::TimeDelta;
use futures_util::future::join_all;
use medislot::infra::db::Database;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter,
    QueryOrder, Statement, sea_query::Expr,
};
use serde_json::{Value, json};
use std::time::Duration;

async fn query(connection: &sea_orm::DatabaseConnection, sql: &str) -> i64 {
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    connection.query_one_raw(statement).await.unwrap().unwrap().try_get_by_index(0).unwrap()
}

/// Holds up every booking behind the calendar's row until it is dropped.
async fn hold_up(database: &Database, doctor_id: &str) -> medislot::infra::db::Transaction {
    let transaction = database.begin().await.unwrap();
    medislot::calendar::take_turn_in(&transaction, doctor_id.parse().unwrap()).await.unwrap();
    transaction
}

#[tokio::test]
async fn while_one_books_the_others_are_turned_away_by_the_lock_without_a_transaction() {
    let app = TestApp::start().await;
    let doctor = app.doctor("Dora").await;
    let slot = doctor.slots(&app, 1).await[0].clone();
    let mut patients = Vec::new();
    for _ in 0..5 {
        patients.push(app.patient("Ada").await);
    }
    let held_up = hold_up(&app.app.services.database, &doctor.id).await;
    let everybody = tokio::spawn({
        let (slot, patients) = (slot.clone(), patients.clone());
        async move { join_all(patients.iter().map(|patient| patient.books(&slot))).await }
    });
    // Only the one who has the lock may wait for the calendar; on PostgreSQL the waiting can be seen.
    if Backend::chosen() == Backend::Postgres {
        let waiting =
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
        let connection = app.app.services.database.reader();
        eventually("a booking waits", async || (query(connection, waiting).await > 0).then_some(())).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(query(connection, waiting).await, 1, "transactions of one slot");
    } else {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    drop(held_up);
    let payloads = everybody.await.unwrap();
    let busy = payloads.iter().filter(|payload| codes(payload) == ["SLOT_BUSY"]).count();
    let booked = payloads.iter().filter(|payload| payload["appointment"].is_object()).count();
    assert_eq!((booked, busy), (1, 4), "{payloads:?}");
}

#[tokio::test]
async fn a_slot_that_is_busy_costs_nothing_but_the_word() {
    let app = TestApp::start().await;
    let doctor = app.doctor("Dora").await;
    let (ada, ben) = (app.patient("Ada").await, app.patient("Ben").await);
    let slot = doctor.slots(&app, 1).await[0].clone();
    let held_up = hold_up(&app.app.services.database, &doctor.id).await;
    let winner = tokio::spawn({
        let slot = slot.clone();
        async move { ada.books(&slot).await }
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    let lost = tokio::time::timeout(Duration::from_secs(2), ben.books(&slot)).await.unwrap();
    assert_eq!(code(&lost), "SLOT_BUSY");
    assert_eq!(lost["userErrors"][0]["__typename"], "SlotUnavailable");
    drop(held_up);
    assert!(winner.await.unwrap()["appointment"].is_object());
    assert_eq!(code(&ben.books(&slot).await), "SLOT_TAKEN", "the lock was given back");
}

#[tokio::test]
async fn versions_of_a_calendar_have_no_gap_and_no_double_however_many_book_at_once() {
    let app = TestApp::start().await;
    let doctor = app.doctor("Dora").await;
    let slots = doctor.slots(&app, 8).await;
    let mut patients = Vec::new();
    for _ in 0..4 {
        patients.push(app.patient("Ada").await);
    }
    let bookings = slots.iter().take(40).enumerate().map(|(place, slot)| patients[place % 4].books(slot));
    let payloads: Vec<Value> = join_all(bookings).await;
    assert!(payloads.iter().all(|payload| payload["appointment"].is_object()), "{payloads:?}");
    let cancellations = payloads.iter().enumerate().skip(20).step_by(3);
    let cancelled =
        join_all(cancellations.map(|(place, payload)| patients[place % 4].cancels(&payload["appointment"]))).await;
    assert!(cancelled.iter().all(|payload| payload["appointment"].is_object()), "{cancelled:?}");
    let connection = app.app.services.database.reader();
    let events = entity::calendar_event::Entity::find()
        .order_by_asc(entity::calendar_event::Column::Version)
        .all(connection)
        .await
        .unwrap();
    let versions: Vec<_> = events.iter().map(|event| event.version).collect();
    let expected: Vec<_> = (1..=i32::try_from(versions.len()).unwrap()).collect();
    assert_eq!(versions, expected);
    assert_eq!(events.len(), 2 + 40 + cancelled.len());
    let seen = app.visitor().sees(&format!("{{ doctor(id: \"{}\") {{ calendarVersion }} }}", doctor.id)).await;
    assert_eq!(seen["doctor"]["calendarVersion"], versions.len());
}

/// Copies the one appointment there is, moved by some minutes, past everything that the server does.
async fn insert_copy(app: &TestApp, moved: i64, occupied: i64) -> Result<(), sea_orm::DbErr> {
    use sea_orm::{ActiveModelTrait, IntoActiveModel, Set};
    let connection = app.app.services.database.reader();
    let original = entity::appointment::Entity::find().one(connection).await.unwrap().unwrap();
    let moved = |instant| instant + chrono::TimeDelta::minutes(moved);
    let mut copy = original.clone().into_active_model();
    copy.id = Set(entity::id::AppointmentId::new());
    copy.reference = Set(uuid::Uuid::now_v7().simple().to_string());
    copy.starts_at = Set(moved(original.starts_at));
    copy.ends_at = Set(moved(original.ends_at));
    copy.occupied_from = Set(moved(original.occupied_from) + chrono::TimeDelta::minutes(occupied));
    copy.occupied_until = Set(moved(original.occupied_until));
    copy.insert(connection).await.map(|_| ())
}

async fn one_booking(app: &TestApp) {
    let doctor = app.doctor("Dora").await;
    let booked = app.patient("Ada").await.books(&doctor.slots(app, 1).await[2]).await;
    assert!(booked["appointment"].is_object());
}

#[tokio::test]
async fn the_constraint_refuses_claims_that_overlap_whoever_inserts_them() {
    let app = TestApp::start().await;
    one_booking(&app).await;
    for moved in [-29, -1, 0, 1, 29] {
        let error = insert_copy(&app, moved, 0).await.unwrap_err().to_string();
        let expected = if moved == 0 { "appointment" } else { "ex_appointment_overlap" };
        assert!(error.contains(expected), "{error}");
    }
    for moved in [-30, 30] {
        insert_copy(&app, moved, 0).await.unwrap();
    }
}

#[tokio::test]
async fn the_index_refuses_a_second_claim_of_one_start_even_without_the_constraint() {
    let app = TestApp::start().await;
    one_booking(&app).await;
    let connection = app.app.services.database.reader();
    let without = match Backend::chosen() {
        Backend::Postgres => "ALTER TABLE appointment DROP CONSTRAINT ex_appointment_overlap",
        Backend::Sqlite => "DROP TRIGGER ex_appointment_overlap_insert",
    };
    connection.execute_unprepared(without).await.unwrap();
    insert_copy(&app, 1, 0).await.unwrap();
    let error = insert_copy(&app, 0, 0).await.unwrap_err().to_string();
    assert!(error.contains("ux_appointment_start") || error.contains("appointment.starts_at"), "{error}");
}

#[tokio::test]
async fn a_claim_that_was_given_up_cannot_come_back_over_another() {
    let app = TestApp::start().await;
    let doctor = app.doctor("Dora").await;
    let ada = app.patient("Ada").await;
    let slot = doctor.slots(&app, 3).await[7].clone();
    let first = ada.books(&slot).await["appointment"].clone();
    ada.cancels(&first).await;
    assert!(ada.books(&slot).await["appointment"].is_object());
    let revived = entity::appointment::Entity::update_many()
        .col_expr(entity::appointment::Column::Status, Expr::value("CONFIRMED"))
        .filter(entity::appointment::Column::Status.eq(entity::appointment::AppointmentStatus::Cancelled))
        .exec(app.app.services.database.reader())
        .await;
    assert!(revived.is_err());
}

#[tokio::test]
async fn what_the_code_overlooks_the_database_refuses_and_the_patient_is_told_that_the_slot_is_taken() {
    let app = TestApp::start().await;
    one_booking(&app).await;
    // A claim that the rules take for dead, but whose row still keeps the time.
    entity::appointment::Entity::update_many()
        .col_expr(entity::appointment::Column::ExpiresAt, Expr::value(app.now()))
        .exec(app.app.services.database.reader())
        .await
        .unwrap();
    let time = serde_json::json!({ "doctorId": app.visitor().sees("{ doctors { nodes { id } } }").await["doctors"]["nodes"][0]["id"], "startsAt": "2026-06-01T10:00:00Z" });
    let ben = app.patient("Ben").await;
    let lost = ben
        .does("bookAppointment", "BookAppointmentInput", serde_json::json!({ "time": time }), "appointment { id }")
        .await;
    assert_eq!(code(&lost), "SLOT_TAKEN");
    assert_eq!(entity::appointment::Entity::find().count(app.app.services.database.reader()).await.unwrap(), 1);
}

/// Ten patients book, each with another doctor, with keys of their own, while the database writes for nobody; what they are told once it does.
async fn ten_book_together(app: &TestApp, slots: &[String], patients: &[Actor], key: &str) -> Vec<Value> {
    // SQLite has one writer.
    let transaction = app.app.services.database.begin().await.unwrap();
    if Backend::chosen() == Backend::Postgres {
        transaction.execute_unprepared("SELECT 1 FROM clinic FOR UPDATE").await.unwrap();
    }
    let booking = slots.iter().cloned().zip(patients.iter().cloned());
    let book = |(slot, patient): (String, Actor)| {
        let input = json!({ "slotId": slot, "idempotencyKey": key });
        tokio::spawn(async move { patient.changes("bookAppointment", input).await })
    };
    let booking: Vec<_> = booking.map(book).collect();
    if Backend::chosen() == Backend::Postgres {
        let connection = app.app.services.database.reader();
        let waiting =
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
        eventually("two bookings wait", async || (query(connection, waiting).await == 2).then_some(())).await;
    }
    // For those who come behind them.
    tokio::time::sleep(Duration::from_secs(1)).await;
    transaction.commit().await.unwrap();
    join_all(booking).await.into_iter().map(|told| told.unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_books_while_others_do_is_written_with_them_and_stands_or_falls_alone() {
    let app = TestApp::start().await;
    let (clinic, specialty) = (app.clinic("Clinic").await, app.specialty("Any").await);
    let (mut slots, mut patients) = (Vec::new(), Vec::new());
    for number in 0..10 {
        let doctor = app.doctor_in(&format!("Doctor {number}"), &clinic, &[&specialty]).await;
        slots.push(doctor.slots(&app, 1).await);
        patients.push(app.patient(&format!("Patient {number}")).await);
    }
    let connection = app.app.services.database.reader();
    let starts = |place: usize| slots.iter().map(|slots| slots[place].clone()).collect::<Vec<_>>();
    let told = ten_book_together(&app, &starts(2), &patients, "first").await;
    assert!(told.iter().all(|payload| payload["appointment"].is_object()), "{told:?}");
    if Backend::chosen() == Backend::Postgres {
        let transactions = query(connection, "SELECT count(DISTINCT transaction_id) FROM appointment_transition").await;
        assert!(transactions <= 5, "{transactions} transactions for ten bookings");
    }

    // What no process knows of: a claim that came past the calendar's version, half an hour before one of these.
    let last = told[9]["appointment"]["id"].as_str().unwrap().parse::<entity::id::AppointmentId>().unwrap();
    let last = entity::appointment::Entity::find_by_id(last).one(connection).await.unwrap().unwrap();
    let earlier = |instant| instant - TimeDelta::minutes(30);
    let hidden = entity::appointment::Model {
        id: entity::id::AppointmentId::new(),
        reference: "HIDDEN".to_owned(),
        starts_at: earlier(last.starts_at),
        ends_at: earlier(last.ends_at),
        occupied_from: earlier(last.occupied_from),
        occupied_until: earlier(last.occupied_until),
        ..last
    };
    hidden.into_active_model().insert(connection).await.unwrap();
    let told = ten_book_together(&app, &starts(1), &patients, "second").await;
    assert!(told[..9].iter().all(|payload| payload["appointment"].is_object()), "{told:?}");
    assert_eq!(code(&told[9]), "SLOT_TAKEN");

    // And one whose key was used for another time.
    let first = json!({ "slotId": slots[0][3], "idempotencyKey": "third" });
    assert!(patients[0].changes("bookAppointment", first).await["appointment"].is_object());
    let told = ten_book_together(&app, &starts(0), &patients, "third").await;
    assert_eq!(code(&told[0]), "IDEMPOTENCY_KEY_REUSED");
    assert!(told[1..].iter().all(|payload| payload["appointment"].is_object()), "{told:?}");
    let kept = "SELECT count(*) FROM idempotency_key";
    assert_eq!(query(connection, kept).await, 10 + 9 + 1 + 9);
    let numbered = "SELECT count(*) FROM calendar WHERE version <> (SELECT count(*) FROM calendar_event AS event WHERE event.doctor_id = calendar.doctor_id)";
    assert_eq!(query(connection, numbered).await, 0);
}

#[tokio::test]
async fn looking_for_an_overlap_does_not_look_at_a_doctors_whole_past() {
    if Backend::chosen() == Backend::Postgres {
        // There the constraint is an index.
        return;
    }
    let app = TestApp::start().await;
    let connection = app.app.services.database.reader();
    for trigger in ["ex_appointment_overlap_insert", "ex_appointment_overlap_update"] {
        let backend = connection.get_database_backend();
        let text = Statement::from_string(backend, format!("SELECT sql FROM sqlite_master WHERE name = '{trigger}'"));
        let text: String = connection.query_one_raw(text).await.unwrap().unwrap().try_get_by_index(0).unwrap();
        let question = text.split_once("EXISTS (").unwrap().1.split_once(")\n").unwrap().0;
        let columns = ["NEW.doctor_id", "NEW.id", "NEW.occupied_from", "NEW.occupied_until"];
        let question = columns.iter().fold(question.to_owned(), |question, column| question.replace(column, "'x'"));
        let plan = Statement::from_string(backend, format!("EXPLAIN QUERY PLAN {question}"));
        let rows = connection.query_all_raw(plan).await.unwrap();
        let plan: Vec<String> = rows.iter().map(|row| row.try_get("", "detail").unwrap()).collect();
        assert!(plan.iter().any(|line| line.contains("ix_appointment_occupied")), "{plan:?}");
    }
}

#[tokio::test]
async fn any_number_of_processes_may_migrate_at_once() {
    let database = TestDatabase::create().await;
    let opened = join_all((0..5).map(|_| async {
        let config = database.config();
        medislot::app::open_database(&config).await
    }));
    for result in opened.await {
        result.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_at_once_is_committed_whoever_stopped_waiting_for_a_turn() {
    if Backend::chosen() == Backend::Sqlite {
        // There nobody writes without a turn.
        return;
    }
    let app = TestApp::start().await;
    let database = &app.app.services.database;
    let sql = "INSERT INTO outbox (kind, subject_id, due_at) VALUES ('test', gen_random_uuid(), now()) RETURNING id";
    for round in 0..40 {
        let given_up = (0..20).map(|place| async move {
            let patience = Duration::from_micros(20 * (round + place));
            let _ = tokio::time::timeout(patience, database.begin()).await;
        });
        join_all(given_up).await;
        let statement = Statement::from_string(sea_orm::DbBackend::Postgres, sql);
        let written = (0..20).map(|_| database.reader().query_all_raw(statement.clone()));
        assert!(join_all(written).await.iter().all(Result::is_ok));
    }
    let other = medislot::app::open_database(&app.app.config).await.unwrap();
    assert_eq!(query(other.reader(), "SELECT count(*) FROM outbox WHERE kind = 'test'").await, 800);
}
