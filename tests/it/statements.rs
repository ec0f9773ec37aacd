//! The number of SQL statements of a request does not grow with its result.

use crate::support::TestApp;
use async_graphql::Request;
use medislot::{
    config::Limits,
    graphql::{Caller, Loaders, schema},
    infra::db::count_statements,
    kernel::{
        client::Client,
        viewer::{Role, Viewer},
    },
};
use serde_json::json;

/// How many statements a query needs, as an admin of the platform, and how long its answer is.
async fn statements(app: &TestApp, query: &str) -> (u32, usize) {
    statements_of(app, app.root(), query).await
}

async fn statements_of(app: &TestApp, viewer: Viewer, query: &str) -> (u32, usize) {
    let services = &app.app.services;
    let caller = Caller::new(Some(viewer), Client::default());
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
    let mut made = 0;
    for upto in [1, 3, 8] {
        while made < upto {
            let doctor = app.doctor(&format!("Doctor {made}")).await;
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
            made += 1;
        }
        // The first time reads the calendars that this process does not know yet; of the others the best one counts, for a link that is
        // followed on two levels is loaded once or twice, as it happens.
        statements(&app, everything).await;
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
    statements_of(&app, patient.clone(), &book(&slots[0], "")).await;
    assert_eq!(statements_of(&app, patient, &book(&slots[1], "")).await.0, 1);
    let for_ada = format!(", patientId: \"{}\"", ada.id);
    assert_eq!(statements(&app, &book(&slots[2], &for_ada)).await.0, 2);
    assert_eq!(ada.sees("{ appointments { totalCount } }").await["appointments"]["totalCount"], 3);
}
