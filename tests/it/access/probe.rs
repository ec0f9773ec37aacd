//! Trying what the schema has.

use super::{
    scene::{EYES, Scene},
    shape::{Field, Shape},
    ways::{Way, all, document, written},
};
use crate::support::{Actor, codes};
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::{collections::BTreeMap, time::Duration};

/// What came of it, in the order of those who tried.
pub type Outcomes = Vec<String>;
type Seen = BTreeMap<String, Outcomes>;

/// What became of the errors of an answer; nothing where it has none.
fn refused(answer: &Value) -> Option<String> {
    let code = answer["errors"][0]["extensions"]["code"].as_str()?;
    Some(match code {
        "FORBIDDEN" => "forbidden".to_owned(),
        "UNAUTHENTICATED" => "unauthenticated".to_owned(),
        "NOT_FOUND" => "absent".to_owned(),
        _ => panic!("it was tried the wrong way: {answer}"),
    })
}

/// What a value says: that there is one, none, or none in a list.
fn told(value: &Value) -> &'static str {
    let is_empty = |value: &Value| value.as_array().is_some_and(Vec::is_empty);
    match value {
        Value::Null => "null",
        value if is_empty(value) || is_empty(&value["nodes"]) => "empty",
        _ => "yes",
    }
}

/// What somebody sees of a field at the end of a way.
fn look(answer: &Value, way: &[String], field: &str) -> String {
    if let Some(refused) = refused(answer) {
        return refused;
    }
    let mut value = &answer["data"];
    for step in way.iter().filter(|step| !step.starts_with("...")) {
        value = &value[step.split('(').next().unwrap()];
        if let Some(items) = value.as_array() {
            value = items.last().unwrap_or(&Value::Null);
        }
        if value.is_null() {
            return "absent".to_owned();
        }
    }
    told(&value[field]).to_owned()
}

async fn ask(actor: &Actor, way: &[String], field: &Field, selection: &str) -> String {
    look(&actor.asks(&document(way, selection), json!({})).await, way, &field.name)
}

/// The fields of `Query`.
pub async fn queries(scene: &Scene, shape: &Shape, seen: &mut Seen) {
    for field in shape.fields("Query") {
        let selection = written(scene, shape, "Query", &field.name) + shape.selection(&field.of);
        let query = format!("{{ {selection} }}");
        let tries = scene.actors.iter().map(|actor| async {
            let answer = actor.asks(&query, json!({})).await;
            // A list of things by their IDs has its places whether or not something is there.
            let found = &answer["data"][&field.name];
            let found = if field.name == "nodes" { &found[0] } else { found };
            refused(&answer).unwrap_or_else(|| told(found).to_owned())
        });
        seen.insert(format!("Query.{}", field.name), join_all(tries).await);
    }
}

/// The fields of all things that queries lead to: of one that has a value there for its patient or the admin of the platform, if any has.
pub async fn things(scene: &Scene, shape: &Shape, seen: &mut Seen) {
    let (patient, root) = (&scene.actors[1], &scene.actors[8]);
    for (of, ways) in all(scene, shape) {
        for field in shape.fields(&of) {
            let selection = written(scene, shape, &of, &field.name) + shape.selection(&field.of);
            let mut best: &Way = &ways[0];
            for way in &ways {
                let found = [ask(root, way, field, &selection).await, ask(patient, way, field, &selection).await];
                if found.contains(&"yes".to_owned()) {
                    best = way;
                    break;
                }
            }
            let tries = scene.actors.iter().map(|actor| ask(actor, best, field, &selection));
            seen.insert(format!("{of}.{}", field.name), join_all(tries).await);
        }
    }
}

/// The fields of a user whom a link leads to: of the doctor, over an appointment of the patient's that the doctor has moved.
pub async fn links(scene: &Scene, shape: &Shape, seen: &mut Seen) {
    let moved = &scene.things["Appointment"][3];
    let way = [format!("node(id: \"{moved}\")"), "... on Appointment".to_owned(), "cancelledBy".to_owned()];
    for field in shape.fields("User") {
        let selection = written(scene, shape, "User", &field.name) + shape.selection(&field.of);
        let tries = scene.actors.iter().map(|actor| ask(actor, &way, field, &selection));
        seen.insert(format!("Appointment.cancelledBy.{}", field.name), join_all(tries).await);
    }
}

fn input_type(mutation: &Field) -> &str {
    &mutation.arguments[0].of.name
}

/// All fields of a type, each with what to select of it.
fn everything(scene: &Scene, shape: &Shape, of: &str) -> String {
    let select = |field: &Field| written(scene, shape, of, &field.name) + shape.selection(&field.of);
    shape.fields(of).iter().map(select).collect::<Vec<_>>().join(" ")
}

/// The mutations, and the fields of what they return.
pub async fn mutations(scene: &Scene, shape: &Shape, seen: &mut Seen) {
    for mutation in shape.fields("Mutation") {
        let (name, payload) = (&mutation.name, &mutation.of.name);
        let is_new = !seen.contains_key(&format!("{payload}.userErrors"));
        let everything = everything(scene, shape, payload);
        let query = format!(
            "mutation ($input: {}!) {{ {name}(input: $input) {{ {everything} userErrors {{ code }} }} }}",
            input_type(mutation)
        );
        for (eye, actor) in scene.actors.iter().enumerate() {
            let input = scene.input(name, eye).await.unwrap_or_else(|| panic!("with which input to try {name}?"));
            let mut actor = actor.clone();
            if name == "logout" && actor.token.is_some() {
                // In a session of its own.
                let email = actor.email.clone();
                actor.signs_in(&email).await;
            }
            let answer = actor.asks(&query, json!({ "input": input })).await;
            let found = &answer["data"][name];
            let outcome = refused(&answer).unwrap_or_else(|| {
                let is_absent = codes(found).iter().any(|code| code == "NOT_FOUND");
                if is_absent { "absent".to_owned() } else { "yes".to_owned() }
            });
            for field in shape.fields(payload).iter().filter(|_| is_new) {
                let outcome = if outcome == "yes" { told(&found[&field.name]).to_owned() } else { outcome.clone() };
                seen.entry(format!("{payload}.{}", field.name)).or_default().push(outcome);
            }
            seen.entry(format!("Mutation.{name}")).or_default().push(outcome);
        }
    }
}

/// What is done to people who visit the clinic and belong somewhere else, and whether one is told who visits both.
pub async fn belongings(scene: &Scene, shape: &Shape, seen: &mut Seen) {
    for (who, id, present) in &scene.visitors {
        for name in ["updateUserRole", "deactivateUser", "reactivateUser"] {
            let input = if name == "updateUserRole" { present.clone() } else { json!({ "userId": id }) };
            let of = input_type(shape.field("Mutation", name));
            let query = format!("mutation ($input: {of}!) {{ {name}(input: $input) {{ userErrors {{ code }} }} }}");
            for actor in &scene.actors {
                let answer = actor.asks(&query, json!({ "input": input })).await;
                let is_done = answer["data"][name]["userErrors"] == json!([]);
                let is_absent = codes(&answer["data"][name]).iter().any(|code| code == "NOT_FOUND");
                let outcome = refused(&answer).unwrap_or_else(|| {
                    assert!(is_done || is_absent, "{answer}");
                    if is_done { "yes".to_owned() } else { "absent".to_owned() }
                });
                seen.entry(format!("Mutation.{name} of {who}")).or_default().push(outcome);
            }
        }
    }
    let query = format!("{{ users(filter: {{ clinicId: \"{}\", role: PATIENT }}) {{ nodes {{ id }} }} }}", scene.there);
    for actor in &scene.actors {
        let answer = actor.asks(&query, json!({})).await;
        let outcome = refused(&answer).unwrap_or_else(|| told(&answer["data"]["users"]).to_owned());
        seen.entry("Query.users of another clinic".to_owned()).or_default().push(outcome);
    }
}

/// What only mutations lead to: a session, and the errors that users can act on.
pub async fn errors(scene: &Scene, shape: &Shape, seen: &mut Seen) {
    let (taken, stale) = (scene.slot(), scene.appointment().await);
    scene.actors[1].books(&taken).await;
    let stale = json!({ "appointmentId": stale, "version": 99 });
    for (of, mutation, place) in [
        ("Session", "login", "session"),
        ("InputError", "refreshSession", "userErrors"),
        ("SlotUnavailable", "bookAppointment", "userErrors"),
        ("VersionConflict", "cancelAppointment", "userErrors"),
    ] {
        let everything = everything(scene, shape, of);
        let query = format!(
            "mutation ($input: {}!) {{ {mutation}(input: $input) {{ {place} {{ ... on {of} {{ {everything} }} }} }} }}",
            input_type(shape.field("Mutation", mutation))
        );
        for (eye, actor) in scene.actors.iter().enumerate() {
            let mut input = scene.input(mutation, eye).await.unwrap();
            match of {
                "SlotUnavailable" => input["slotId"] = json!(taken),
                "VersionConflict" => input = stale.clone(),
                _ => {}
            }
            let answer = actor.asks(&query, json!({ "input": input })).await;
            let found = &answer["data"][mutation][place];
            let found = if found.is_array() { &found[0] } else { found };
            for field in shape.fields(of) {
                let is_there = found.get(&field.name).is_some();
                let told = if is_there { told(&found[&field.name]) } else { "absent" };
                let outcome = refused(&answer).unwrap_or_else(|| told.to_owned());
                seen.entry(format!("{of}.{}", field.name)).or_default().push(outcome);
            }
        }
    }
}

/// The subscriptions, and the fields of what they tell: when the patient books with the doctor.
pub async fn subscriptions(scene: &Scene, shape: &Shape, seen: &mut Seen) {
    for subscription in shape.fields("Subscription") {
        let (name, of) = (&subscription.name, &subscription.of.name);
        let field = written(scene, shape, "Subscription", name);
        let query = format!("subscription {{ {field} {{ {} }} }}", everything(scene, shape, of));
        let mut sockets = Vec::new();
        for actor in &scene.actors {
            let mut socket = actor.connects().await;
            socket.subscribes("it", &query, json!({})).await;
            sockets.push(socket);
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
        scene.appointment().await;
        let heard = sockets.iter_mut().map(|socket| tokio::time::timeout(Duration::from_secs(3), socket.next()));
        for (eye, heard) in join_all(heard).await.into_iter().enumerate() {
            let message =
                heard.map_or(Value::Null, |heard| heard.unwrap_or_else(|code| panic!("{name} {eye}: {code}")));
            let outcome = match message["type"].as_str() {
                None => Some("silent".to_owned()),
                Some("error") => refused(&json!({ "errors": message["payload"] })),
                Some(_) => refused(&message["payload"]),
            };
            let told_of = &message["payload"]["data"][name];
            for field in shape.fields(of) {
                let outcome = outcome.clone().unwrap_or_else(|| told(&told_of[&field.name]).to_owned());
                seen.entry(format!("{of}.{}", field.name)).or_default().push(outcome);
            }
            seen.entry(format!("Subscription.{name}")).or_default().push(outcome.unwrap_or_else(|| "yes".to_owned()));
        }
    }
    assert!(seen.values().all(|outcomes| outcomes.len() == EYES.len()));
}
