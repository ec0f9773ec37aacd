//! The number of SQL statements of a request does not grow with its result.

use crate::support::{TestApp, TestDatabase, eventually, instant};
use async_graphql::Request;
use medislot::{
    app::App,
    config::Limits,
    demo::Sizes,
    graphql::{Caller, Loaders, Services, schema},
    infra::db::count_statements,
    kernel::{
        client::Client,
        clock::VirtualClock,
        viewer::{Role, Viewer},
    },
};
use serde_json::json;
use std::sync::Arc;

/// How many statements a query needs, as an admin of the platform, and how long its answer is.
async fn statements(app: &TestApp, query: &str) -> (u32, usize) {
    statements_of(&app.app.services, Some(app.root()), query).await
}

async fn statements_of(services: &Services, viewer: Option<Viewer>, query: &str) -> (u32, usize) {
    let caller = Caller::new(viewer, Client::default());
    let request = Request::new(query).data(services.clone()).data(Loaders::new(services, &caller)).data(caller);
    let (response, count) = count_statements(schema(&Limits::default()).finish().execute(request)).await;
    assert!(response.errors.is_empty(), "{:?}", response.errors);
    (count, response.data.to_string().len())
}

#[tokio::test]
async fn a_hundred_times_as_much_takes_as_many_statements() {
    let app = TestApp::start().await;
    let everything = "{
        doctors(first: 100) { totalCount nodes { name clinic { name doctors(first: 5) { totalCount nodes { name } } }
            specialties { name doctors(first: 5) { nodes { id } } } visitTypes { name } availabilityRules { weekday } availabilityOverrides { date }
            slots(from: \"2026-06-01T00:00:00Z\", to: \"2026-06-03T00:00:00Z\", statuses: [OPEN, BOOKED]) { status visitType { id } }
            nextSlots { startsAt doctor { name } } } }
        appointments(first: 100) { totalCount nodes { reference doctor { name } clinic { name } patient { name email appointments(first: 3) { totalCount nodes { id } } }
            visitType { name } cancelledBy { name } cancellableUntil history { to actor { name } } } }
        clinics { nodes { doctors { nodes { name } } } }
        slots(first: 50, filter: {}) { nodes { startsAt doctor { name } } }
    }";
    let mut seen = Vec::new();
    let mut made = Vec::new();
    for upto in [1, 3, 8] {
        while made.len() < upto {
            let doctor = app.doctor(&format!("Doctor {}", made.len())).await;
            let patient = app.patient("Ada").await;
            for slot in doctor.slots(&app, 3).await.iter().skip(7).take(upto) {
                let booked = patient.books(slot).await;
                assert!(booked["appointment"].is_object(), "{booked}");
                if upto == 3 {
                    patient.cancels(&booked["appointment"]).await;
                }
            }
            let input = json!({ "doctorId": doctor.id, "name": "Check-up", "durationMinutes": 30 });
            doctor.actor.does("saveVisitType", "SaveVisitTypeInput", input, "doctor { id }").await;
            made.push(format!("d{}: doctor(id: \"{}\") {{ name }}", made.len(), doctor.id));
        }
        // The first time reads the calendars that this process does not know yet; of those after it the best one counts, for a link that is
        // followed on two levels is loaded once or twice, as it happens.
        statements(&app, everything).await;
        let doctors = format!("{{ {} }}", made.join(" "));
        eventually("all is known", async || (statements(&app, &doctors).await.0 == 0).then_some(())).await;
        let mut least = statements(&app, everything).await;
        for _ in 0..4 {
            least = least.min(statements(&app, everything).await);
        }
        seen.push(least);
    }
    let [(first, short), (_, _), (last, long)] = seen[..] else { panic!() };
    assert!(long > 5 * short, "the answer grew: {seen:?}");
    // One statement for each doctor would be seven more.
    assert!(last <= first + 6, "the statements grew: {seen:?}");
}

#[tokio::test]
async fn a_page_of_doctors_with_all_that_a_frontend_shows_takes_few_statements() {
    let app = TestApp::start().await;
    for number in 0..3 {
        app.doctor(&format!("Doctor {number}")).await;
    }
    let page = "{ doctors(first: 20) { nodes { name clinic { name } specialties { name } nextSlots { startsAt } } } }";
    let (cold, _) = statements(&app, page).await;
    let (warm, _) = statements(&app, page).await;
    assert!(cold <= 10 && warm <= 4, "{cold} statements, and {warm} from memory");
}

#[tokio::test]
async fn a_hundred_doctors_with_their_next_slots_take_exactly_as_many_statements_as_one() {
    let database = TestDatabase::create().await;
    let config = database.config();
    let process = async || {
        let clock = Arc::new(VirtualClock::frozen(instant("2026-06-01T08:00:00Z")));
        App::start(config.clone(), clock).await.unwrap()
    };
    let sizes = Sizes { doctors: 100, specialties: 8, clinics: 6, days: 10, appointments: 1_000 };
    process().await.seed_scale(sizes).await.unwrap();
    let ask = async |process: &App, first: u32| {
        let query = format!(
            "{{ doctors(first: {first}) {{ nodes {{ name clinic {{ name }} specialties {{ name }} nextSlots(first: 3) {{ startsAt }} }} }} }}"
        );
        statements_of(&process.services, None, &query).await
    };
    // Each knows nothing at first; then all that it was asked for.
    let (one, other) = (process().await, process().await);
    for most in [10, 4] {
        let ((few, short), (many, long)) = (ask(&one, 1).await, ask(&other, 100).await);
        assert!(long > 50 * short, "{short} and {long} bytes");
        assert!(few == many && few <= most, "{few} statements for one doctor, {many} for a hundred");
    }
}

#[tokio::test]
async fn fifty_sessions_by_id_take_one_statement() {
    let app = TestApp::start().await;
    let ids: Vec<_> = (0..50).map(|_| format!("\"{}\"", entity::id::SessionId::new())).collect();
    let (count, _) = statements(&app, &format!("{{ nodes(ids: [{}]) {{ id }} }}", ids.join(", "))).await;
    assert_eq!(count, 1);
}

#[tokio::test]
async fn a_booking_that_nobody_contends_for_goes_once_to_the_database_and_for_somebody_else_twice() {
    let app = TestApp::start().await;
    let slots = app.doctor("Dora").await.slots(&app, 1).await;
    let ada = app.patient("Ada").await;
    let patient = Viewer { user_id: ada.id.parse().unwrap(), role: Role::Patient, ..app.root() };
    let book = |slot: &str, more: &str| {
        let input = format!("slotId: \"{slot}\", idempotencyKey: \"{slot}\"{more}");
        format!("mutation {{ bookAppointment(input: {{ {input} }}) {{ appointment {{ id }} userErrors {{ code }} }} }}")
    };
    // The first one reads the calendar, which this process does not know yet.
    statements_of(&app.app.services, Some(patient.clone()), &book(&slots[0], "")).await;
    assert_eq!(statements_of(&app.app.services, Some(patient), &book(&slots[1], "")).await.0, 1);
    let for_ada = format!(", patientId: \"{}\"", ada.id);
    assert_eq!(statements(&app, &book(&slots[2], &for_ada)).await.0, 2);
    assert_eq!(ada.sees("{ appointments { totalCount } }").await["appointments"]["totalCount"], 3);
}
