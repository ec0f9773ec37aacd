//! The ways to a thing of every type: by its ID, or over the fields of other things.

use super::{scene::Scene, shape::Shape};
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};

/// How many ways to a type are remembered: where one leads to nothing, the next may not.
const MOST: usize = 8;

/// Fields from the root on, each with its arguments; `… on Type` among them.
pub type Way = Vec<String>;

/// A document that goes this way and selects that.
pub fn document(way: &[String], selection: &str) -> String {
    let braces = "}".repeat(way.len() + 1);
    format!("{{ {} {{ {selection} {braces}", way.join(" { "))
}

/// A field with its arguments, and what to select of it.
pub fn written(scene: &Scene, shape: &Shape, of: &str, field: &str) -> String {
    let field = shape.field(of, field);
    let needs_some = field.arguments.iter().any(|argument| argument.of.is_needed);
    let arguments = scene.arguments(of, &field.name, needs_some);
    let arguments = arguments.unwrap_or_else(|| panic!("with which arguments to try {of}.{}?", field.name));
    format!("{}{}", field.name, in_brackets(&arguments))
}

/// Arguments as a document has them.
pub fn in_brackets(arguments: &Value) -> String {
    let written = literal(arguments);
    let inner = &written[1..written.len() - 1];
    if inner.is_empty() { String::new() } else { format!("({inner})") }
}

fn literal(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let fields: Vec<_> = fields.iter().map(|(name, value)| format!("{name}: {}", literal(value))).collect();
            format!("{{{}}}", fields.join(", "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(literal).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

/// The ways to things of every type that queries lead to.
pub fn all(scene: &Scene, shape: &Shape) -> BTreeMap<String, Vec<Way>> {
    let mut ways: BTreeMap<String, Vec<Way>> = BTreeMap::new();
    // What everybody may ask for comes before what is reached over things.
    let mut next = VecDeque::from(["Query".to_owned()]);
    for of in shape.objects().filter(|of| shape.0[*of].interfaces.contains(&"Node".to_owned())) {
        let things = scene.things.get(of.as_str()).unwrap_or_else(|| panic!("put a {of} into the scene"));
        let by_id = things.iter().map(|id| vec![format!("node(id: \"{id}\")"), format!("... on {of}")]);
        ways.insert(of.clone(), by_id.collect());
        next.push_back(of.clone());
    }
    while let Some(of) = next.pop_front() {
        let starts = ways.get(&of).cloned().unwrap_or_else(|| vec![Vec::new()]);
        for field in shape.fields(&of) {
            let target = &field.of.name;
            let is_thing = scene.things.contains_key(target.as_str());
            if field.of.kind != "OBJECT" || is_thing || (ways.contains_key(target) && of == "Query") {
                continue;
            }
            let step = written(scene, shape, &of, &field.name);
            let known = ways.entry(target.clone()).or_default();
            if known.is_empty() {
                next.push_back(target.clone());
            }
            for start in &starts {
                if known.len() < MOST && start.len() < 8 {
                    known.push(start.iter().cloned().chain([step.clone()]).collect());
                }
            }
        }
    }
    ways
}
