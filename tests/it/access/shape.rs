//! The schema, as it describes itself.

use crate::support::Actor;
use serde_json::Value;
use std::collections::BTreeMap;

/// What a field or an argument is of.
#[derive(Clone, Debug)]
pub struct Of {
    pub name: String,
    pub kind: String,
    pub is_list: bool,
    pub is_needed: bool,
}

#[derive(Clone, Debug)]
pub struct Argument {
    pub name: String,
    pub of: Of,
}

#[derive(Clone, Debug)]
pub struct Field {
    pub name: String,
    pub arguments: Vec<Argument>,
    pub of: Of,
}

#[derive(Clone, Debug)]
pub struct Type {
    pub kind: String,
    pub fields: Vec<Field>,
    pub inputs: Vec<Argument>,
    pub interfaces: Vec<String>,
}

/// All types by their names.
pub struct Shape(pub BTreeMap<String, Type>);

const OF: &str = "type { kind name ofType { kind name ofType { kind name ofType { kind name } } } }";

impl Shape {
    pub async fn read(visitor: &Actor) -> Self {
        let query = format!(
            "{{ __schema {{ types {{ kind name interfaces {{ name }} inputFields {{ name defaultValue {OF} }}
                fields(includeDeprecated: true) {{ name args {{ name defaultValue {OF} }} {OF} }} }} }} }}"
        );
        let seen = visitor.sees(&query).await;
        let types = list(&seen["__schema"]["types"]).iter().filter(|kind| !text(&kind["name"]).starts_with("__"));
        Self(types.map(|kind| (text(&kind["name"]), Type::read(kind))).collect())
    }

    pub fn fields(&self, name: &str) -> &[Field] {
        &self.0[name].fields
    }

    pub fn field(&self, of: &str, name: &str) -> &Field {
        self.fields(of).iter().find(|field| field.name == name).unwrap_or_else(|| panic!("there is no {of}.{name}"))
    }

    /// The types of things that have fields, beside the three roots.
    pub fn objects(&self) -> impl Iterator<Item = &String> {
        let is_object = |(name, kind): &(&String, &Type)| {
            kind.kind == "OBJECT" && !["Query", "Mutation", "Subscription"].contains(&name.as_str())
        };
        self.0.iter().filter(is_object).map(|(name, _)| name)
    }

    /// What to select of something of this type, to see that it is there.
    pub fn selection(&self, of: &Of) -> &'static str {
        match &*of.kind {
            "OBJECT" if self.fields(&of.name).iter().any(|field| field.name == "nodes") => " { nodes { __typename } }",
            "OBJECT" | "INTERFACE" | "UNION" => " { __typename }",
            _ => "",
        }
    }

    /// The places within these arguments that name something by its ID, as paths, and whether they name several.
    pub fn id_places(&self, arguments: &[Argument]) -> Vec<(Vec<String>, bool)> {
        let mut places = Vec::new();
        for argument in arguments {
            if argument.of.name == "ID" {
                places.push((vec![argument.name.clone()], argument.of.is_list));
            } else if argument.of.kind == "INPUT_OBJECT" && !argument.of.is_list {
                for (mut place, is_list) in self.id_places(&self.0[&argument.of.name].inputs) {
                    place.insert(0, argument.name.clone());
                    places.push((place, is_list));
                }
            }
        }
        places
    }
}

impl Type {
    fn read(kind: &Value) -> Self {
        let field = |field: &Value| Field {
            name: text(&field["name"]),
            arguments: list(&field["args"]).iter().map(argument).collect(),
            of: of(&field["type"]),
        };
        Self {
            kind: text(&kind["kind"]),
            fields: list(&kind["fields"]).iter().map(field).collect(),
            inputs: list(&kind["inputFields"]).iter().map(argument).collect(),
            interfaces: list(&kind["interfaces"]).iter().map(|interface| text(&interface["name"])).collect(),
        }
    }
}

fn argument(argument: &Value) -> Argument {
    let of = of(&argument["type"]);
    let is_needed = of.is_needed && argument["defaultValue"].is_null();
    Argument { name: text(&argument["name"]), of: Of { is_needed, ..of } }
}

fn of(given: &Value) -> Of {
    let (mut inner, mut is_list) = (given, false);
    while !inner["ofType"].is_null() {
        is_list |= inner["kind"] == "LIST";
        inner = &inner["ofType"];
    }
    Of { name: text(&inner["name"]), kind: text(&inner["kind"]), is_list, is_needed: given["kind"] == "NON_NULL" }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
