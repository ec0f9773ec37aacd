//! How a board is kept right, driven step by step.

use crate::support::{Backend, Socket, TestApp, instant};
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::{StreamExt, TryStreamExt};
use medislot::{
    availability::{SlotKey, SlotStatus},
    board::{Board, BoardKind, BoardMessage, BoardQuery, Turn},
    calendar::{Cursor, Place, Selection},
    config::RateLimits,
    kernel::{interval::Interval, rejection::Rejection},
};
use sea_orm::ConnectionTrait;
use serde_json::json;
use std::{collections::BTreeMap, time::Duration};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(10);

/// What somebody has of a board who has taken all of its messages.
type Held = BTreeMap<SlotKey, (SlotStatus, Option<DateTime<Utc>>)>;

fn take(held: &mut Held, message: &BoardMessage) {
    if message.kind == BoardKind::Snapshot {
        held.retain(|key, _| key.doctor_id != message.doctor_id);
    }
    held.extend(message.slots.iter().map(|slot| (slot.key, (slot.status, slot.held_until))));
    held.retain(|key, _| !message.removed.contains(key));
}

/// The board of a selection for the first day.
async fn open(app: &TestApp, selection: Selection) -> Board {
    let start = instant("2026-06-01T08:00:00Z");
    let range = Interval { start, end: start + TimeDelta::days(1) };
    app.app.services.boards.open(selection, BoardQuery { range, visit_type_id: None }).await.unwrap()
}

async fn next(board: &mut Board) -> Result<Turn, Rejection> {
    timeout(PATIENCE, board.next()).await.expect("nothing comes of the board")
}

/// The messages that come until everything is on it that is committed by now.
async fn brought_up(board: &mut Board) -> Vec<BoardMessage> {
    let (wanted, mut messages) = (board.mark(), Vec::new());
    loop {
        match next(board).await.unwrap() {
            Turn::Changed(more) => messages.extend(more),
            Turn::Mark(mark) if mark >= wanted => return messages,
            Turn::Mark(_) => {}
        }
    }
}

async fn joined(board: &Board, after: Option<&Cursor>) -> Vec<BoardMessage> {
    board.join(after.cloned()).try_collect().await.unwrap()
}

#[tokio::test]
async fn whoever_is_cut_off_behind_any_message_misses_nothing_that_time_has_changed() {
    let app = TestApp::start().await;
    let (doctor, other, third) = (app.doctor("Dora").await, app.doctor("Otto").await, app.doctor("Tara").await);
    app.passes(TimeDelta::minutes(51));
    let free = doctor.slots(&app, 1).await;
    let (ada, bob) = (app.patient("Ada").await, app.patient("Bob").await);
    ada.holds(&other.slots(&app, 1).await[5]).await;
    let ids = [&doctor, &other, &third].map(|doctor| doctor.id.parse().unwrap());
    let mut board = open(&app, Selection::Doctors(ids.into())).await;
    let mut told = joined(&board, None).await;
    told.extend(brought_up(&mut board).await);
    // Between two looks at the clock a slot of each begins and a hold is over; somebody joins, and one of them is booked.
    app.passes(TimeDelta::minutes(11));
    told.extend(brought_up(&mut board).await);
    let late = joined(&board, None).await;
    bob.books(&free[3]).await;
    let behind = told.len();
    told.extend(brought_up(&mut board).await);
    while let Ok(turn) = timeout(Duration::from_millis(1_500), board.next()).await {
        if let Turn::Changed(more) = turn.unwrap() {
            told.extend(more);
        }
    }
    let late = late.iter().chain(&told[behind..]).cloned().collect();
    let mut whole = Held::new();
    for message in joined(&open(&app, Selection::Doctors(ids.into())).await, None).await {
        take(&mut whole, &message);
    }
    assert_eq!((whole.len(), whole.values().filter(|(status, _)| *status == SlotStatus::Booked).count()), (15, 1));
    for told in [told, late] {
        let mut held = Held::new();
        for message in &told {
            take(&mut held, message);
            let mut again = held.clone();
            for missed in joined(&board, Some(&message.cursor)).await {
                take(&mut again, &missed);
            }
            assert_eq!(again, whole, "cut off behind {message:?}");
        }
        assert_eq!(held, whole, "and who stays has the same");
    }
}

#[tokio::test]
async fn however_often_somebody_joins_a_board_is_drawn() {
    let app = TestApp::start().await;
    let doctor = app.doctor("Dora").await;
    let mut board = open(&app, Selection::Doctors([doctor.id.parse().unwrap()].into())).await;
    doctor.works(json!([])).await;
    let interrupted = async {
        loop {
            tokio::select! {
                biased;
                turn = board.next() => return turn,
                () = tokio::task::yield_now() => {}
            }
        }
    };
    let turn = timeout(PATIENCE, interrupted).await.expect("each who joins begins it anew");
    assert!(matches!(turn, Ok(Turn::Changed(messages)) if messages[0].removed.len() == 6));
}

#[tokio::test]
async fn a_board_whose_hub_has_let_go_tells_nothing_but_that() {
    let app = TestApp::start().await;
    let (clinic, specialty) = (app.clinic("North").await, app.specialty("Hearts").await);
    let doctor = app.doctor_in("Dora", &clinic, &[&specialty]).await;
    let free = doctor.slots(&app, 1).await;
    let (ada, bob) = (app.patient("Ada").await, app.patient("Bob").await);
    let mut board = open(&app, Selection::Place(Place::Clinic(clinic.parse().unwrap()))).await;
    let start = joined(&board, None).await[0].cursor.as_ref().clone();
    let start = Cursor { unfinished: false, ..start };
    ada.books(&free[2]).await;
    brought_up(&mut board).await;
    let before = board.join(Some(start.clone()));
    // Another booking has come to the board and is not drawn yet, when too much is missed.
    let mut watch = app.app.services.hub.watch(Selection::All);
    bob.books(&free[4]).await;
    assert!(timeout(PATIENCE, watch.next()).await.unwrap().unwrap().is_ok());
    let id = doctor.id.parse::<entity::id::DoctorId>().unwrap().0;
    let id = match Backend::chosen() {
        Backend::Postgres => format!("'{id}'"),
        Backend::Sqlite => format!("x'{}'", id.simple()),
    };
    let many = format!(
        "INSERT INTO calendar_event (doctor_id, version, kind, occurred_at, published)
         WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 10001)
         SELECT {id}, 1000 + n, 'SCHEDULE_CHANGED', '2026-06-01 08:00:00+00:00', TRUE FROM c"
    );
    let transaction = app.app.services.database.begin().await.unwrap();
    transaction.execute_unprepared(&many).await.unwrap();
    transaction.commit().await.unwrap();
    let until_let_go = async { while watch.next().await.unwrap().is_ok() {} };
    timeout(PATIENCE, until_let_go).await.unwrap();
    // Who belongs to the clinic was known when the first came back, and is not any more.
    let missed: Vec<_> = before.try_collect().await.unwrap();
    assert!(matches!(&missed[..], [message] if message.kind == BoardKind::Snapshot), "{missed:?}");
    let missed: Result<Vec<_>, _> = board.join(Some(start)).try_collect().await;
    assert!(matches!(missed, Err(Rejection::ResumeRequired)), "{missed:?}");
    let turn = next(&mut board).await;
    assert!(matches!(turn, Err(Rejection::ResumeRequired)), "{turn:?}");
}

#[tokio::test]
async fn a_place_that_has_outgrown_its_board_says_so() {
    async fn hears_of(socket: &mut Socket) -> String {
        let message = socket.hears().await;
        message["payload"]["data"]["slotBoard"]["doctorId"].as_str().unwrap_or_else(|| panic!("{message}")).to_owned()
    }
    // Whoever invites a hundred people in a row waits.
    let app = TestApp::start_with(|config| config.rate_limits = RateLimits::Off).await;
    let (clinic, specialty) = (app.clinic("North").await, app.specialty("Hearts").await);
    let arrives = async |number: usize| {
        let email = format!("doctor{number}@example.com");
        let input = json!({ "clinicId": clinic, "specialtyIds": [specialty], "name": "Dora", "email": email });
        let made = app.admin.does("createDoctor", "CreateDoctorInput", input, "doctor { id }").await;
        made["doctor"]["id"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned()
    };
    for number in 1..100 {
        arrives(number).await;
    }
    let watch = "subscription ($c: ID!, $from: DateTime!, $to: DateTime!) { slotBoard(clinicId: $c, from: $from, to: $to) { doctorId } }";
    let day = json!({ "c": clinic, "from": "2026-06-01T08:00:00Z", "to": "2026-06-02T08:00:00Z" });
    let mut socket = app.visitor().connects().await;
    socket.subscribes("1", watch, day).await;
    for _ in 1..100 {
        hears_of(&mut socket).await;
    }
    let newcomer = arrives(100).await;
    assert_eq!(hears_of(&mut socket).await, newcomer);
    arrives(101).await;
    let refused = socket.hears().await;
    assert_eq!(refused["payload"][0]["extensions"]["code"], "BAD_USER_INPUT", "{refused}");
}
