//! Asking for things by the IDs of what is hidden, and of nothing.

use super::{
    scene::Scene,
    shape::Shape,
    ways::{all, document, in_brackets},
};
use entity::id::{
    AppointmentId, AuditEntryId, AvailabilityOverrideId, ClinicId, DoctorId, SessionId, SpecialtyId, UserId,
    VisitTypeId,
};
use medislot::availability::SlotKey;
use serde_json::{Value, json};

/// What is not for everybody to see.
const HIDDEN: [&str; 4] = ["User", "SignIn", "Appointment", "AuditEntry"];
/// The patient, the doctor and the admin of the platform: whatever else they are tried with is theirs.
const ENTITLED: [usize; 3] = [1, 3, 8];

/// A place that takes an ID.
#[derive(Debug)]
pub struct Place {
    of: String,
    field: String,
    path: Vec<String>,
    is_list: bool,
}

/// All places of the schema that take an ID, but those of subscriptions, which name only what everybody sees.
pub fn places(scene: &Scene, shape: &Shape) -> Vec<Place> {
    let roots = ["Query", "Mutation"].map(str::to_owned);
    let mut places = Vec::new();
    for of in roots.into_iter().chain(scene.things.keys().map(|of| (*of).to_owned())) {
        for field in shape.fields(&of) {
            for (path, is_list) in shape.id_places(&field.arguments) {
                places.push(Place { of: of.clone(), field: field.name.clone(), path, is_list });
            }
        }
    }
    places
}

/// The types of what may be named there.
fn types(place: &Place, present: &Value) -> Vec<&'static str> {
    if place.of == "Query" && matches!(&*place.field, "node" | "nodes") {
        return HIDDEN.to_vec();
    }
    let present = present.as_str().or(present[0].as_str()).unwrap_or_default();
    let named = place.path.last().unwrap().trim_end_matches('s').trim_end_matches("Id").to_lowercase();
    let kind = present.rsplit_once('_').map_or(&*named, |(kind, _)| kind);
    let known = [
        ("user", "User"),
        ("patient", "User"),
        ("actor", "User"),
        ("session", "SignIn"),
        ("appointment", "Appointment"),
        ("hold", "Appointment"),
        ("audit_entry", "AuditEntry"),
        ("doctor", "Doctor"),
        ("clinic", "Clinic"),
        ("specialty", "Specialty"),
        ("visit_type", "VisitType"),
        ("visittype", "VisitType"),
        ("slot", "Slot"),
        ("availability_override", "AvailabilityOverride"),
    ];
    let found = known.iter().find(|(name, _)| *name == kind);
    // What follows the prefix of a slot's ID may have an underscore.
    vec![found.map_or_else(
        || if kind.starts_with("slot") { "Slot" } else { panic!("what does {place:?} name?") },
        |(_, of)| of,
    )]
}

/// An ID of such a thing that is not there.
fn unknown(scene: &Scene, of: &str) -> String {
    match of {
        "User" => UserId::new().to_string(),
        "SignIn" => SessionId::new().to_string(),
        "Appointment" => AppointmentId::new().to_string(),
        "AuditEntry" => AuditEntryId::new().to_string(),
        "Doctor" => DoctorId::new().to_string(),
        "Clinic" => ClinicId::new().to_string(),
        "Specialty" => SpecialtyId::new().to_string(),
        "VisitType" => VisitTypeId::new().to_string(),
        "AvailabilityOverride" => AvailabilityOverrideId::new().to_string(),
        "Slot" => {
            let known: SlotKey = scene.thing("Slot").parse().unwrap();
            SlotKey { doctor_id: DoctorId::new(), ..known }.to_string()
        }
        _ => panic!("what is the ID of a {of}?"),
    }
}

/// Tries a place by one of those who look; tells how many hidden things were asked for.
pub async fn compare(scene: &Scene, shape: &Shape, place: &Place, eye: usize) -> usize {
    let actor = &scene.actors[eye];
    let base = base(scene, shape, place, eye).await;
    let mut compared = 0;
    for of in types(place, base.pointer(&format!("/{}", place.path.join("/"))).unwrap_or(&Value::Null)) {
        let say = async |id: &str| {
            let mut arguments = base.clone();
            set(&mut arguments, &place.path, if place.is_list { json!([id]) } else { json!(id) });
            let (query, variables) = operation(scene, shape, place, &arguments);
            actor.hears(&query, variables).await
        };
        let of_nothing = say(&unknown(scene, of)).await;
        // Whoever may do none of it at all is told so, or what else is wrong.
        if ENTITLED.contains(&eye) && !of_nothing.contains("FORBIDDEN") {
            assert_eq!(say("nothing").await, of_nothing, "{place:?}, malformed, by {eye}");
        }
        let id = scene.things.get(of).map_or("", |things| &things[0]);
        let sees = actor.sees(&format!("{{ node(id: \"{id}\") {{ id }} }}")).await;
        if HIDDEN.contains(&of) && sees["node"].is_null() {
            assert_eq!(say(id).await, of_nothing, "{place:?}, hidden, by {eye}");
            compared += 1;
        }
    }
    compared
}

/// What a place is tried with beside the ID.
async fn base(scene: &Scene, shape: &Shape, place: &Place, eye: usize) -> Value {
    if place.of != "Mutation" {
        let needs_some = shape.field(&place.of, &place.field).arguments.iter().any(|argument| argument.of.is_needed);
        return scene.arguments(&place.of, &place.field, needs_some).unwrap();
    }
    let mut input = scene.input(&place.field, eye).await.unwrap();
    if place.field == "bookAppointment" && place.path[1] != "patientId" && place.path[1] != "slotId" {
        input.as_object_mut().unwrap().remove("slotId");
        if place.path[1] == "time" {
            input["time"] = json!({ "doctorId": scene.thing("Doctor"), "startsAt": scene.app.now() });
        }
    }
    json!({ "input": input })
}

fn set(value: &mut Value, path: &[String], id: Value) {
    match path {
        [] => *value = id,
        [first, rest @ ..] => set(&mut value[first.as_str()], rest, id),
    }
}

fn operation(scene: &Scene, shape: &Shape, place: &Place, arguments: &Value) -> (String, Value) {
    let field = shape.field(&place.of, &place.field);
    if place.of == "Mutation" {
        let (name, input_type) = (&place.field, &field.arguments[0].of.name);
        let selection = "userErrors { __typename code message field }";
        let query = format!("mutation ($input: {input_type}!) {{ {name}(input: $input) {{ {selection} }} }}");
        return (query, arguments.clone());
    }
    let selection = format!("{}{}{}", place.field, in_brackets(arguments), shape.selection(&field.of));
    let way = if place.of == "Query" { Vec::new() } else { all(scene, shape)[&place.of][0].clone() };
    let query = if way.is_empty() { format!("{{ {selection} }}") } else { document(&way, &selection) };
    (query, json!({}))
}
