//! A rule of the specification that the library does not check: a variable that may be null does not stand where null is not taken (All
//! Variable Usages Are Allowed).

use super::document::Unfit;
use async_graphql::{
    Name, Positioned, Value as ConstValue,
    parser::{
        parse_schema,
        types::{
            BaseType, Directive, ExecutableDocument, Field, FragmentDefinition, InputValueDefinition, OperationType,
            Selection, SelectionSet, Type, TypeKind, TypeSystemDefinition, VariableDefinition,
        },
    },
};
use async_graphql_value::Value;
use std::collections::{HashMap, HashSet};

/// Something that takes a value.
#[derive(Debug)]
struct Place {
    of: Type,
    has_default: bool,
}

#[derive(Debug)]
struct FieldPlaces {
    of: String,
    arguments: HashMap<String, Place>,
}

/// Which types the places of a schema have.
#[derive(Debug, Default)]
pub struct Positions {
    fields: HashMap<String, HashMap<String, FieldPlaces>>,
    inputs: HashMap<String, HashMap<String, Place>>,
}

fn base(of: &Type) -> &str {
    match &of.base {
        BaseType::Named(name) => name.as_str(),
        BaseType::List(item) => base(item),
    }
}

fn places(definitions: Vec<Positioned<InputValueDefinition>>) -> HashMap<String, Place> {
    let place = |definition: Positioned<InputValueDefinition>| {
        let InputValueDefinition { name, ty, default_value, .. } = definition.node;
        let has_default = default_value.is_some_and(|value| value.node != ConstValue::Null);
        (name.node.to_string(), Place { of: ty.node, has_default })
    };
    definitions.into_iter().map(place).collect()
}

impl Positions {
    /// The places of a schema, by its definition. None where that cannot be read.
    #[must_use]
    pub fn of(sdl: &str) -> Self {
        let mut positions = Self::default();
        let Ok(schema) = parse_schema(sdl) else { return positions };
        for definition in schema.definitions {
            let TypeSystemDefinition::Type(definition) = definition else { continue };
            let name = definition.node.name.node.to_string();
            let fields = match definition.node.kind {
                TypeKind::Object(object) => object.fields,
                TypeKind::Interface(interface) => interface.fields,
                TypeKind::InputObject(input) => {
                    positions.inputs.insert(name, places(input.fields));
                    continue;
                }
                _ => continue,
            };
            let field = |field: Positioned<async_graphql::parser::types::FieldDefinition>| {
                let field = field.node;
                let of = base(&field.ty.node).to_owned();
                (field.name.node.to_string(), FieldPlaces { of, arguments: places(field.arguments) })
            };
            positions.fields.insert(name, fields.into_iter().map(field).collect());
        }
        // Of what every schema has and none defines, one field takes no null: `__type(name: String!)`.
        if let (Some(query), Some(of)) = (positions.fields.get_mut("Query"), Type::new("String!")) {
            let arguments = HashMap::from([("name".to_owned(), Place { of, has_default: false })]);
            query.insert("__type".to_owned(), FieldPlaces { of: "__Type".to_owned(), arguments });
        }
        positions
    }

    /// Looks over where the variables of a document stand.
    ///
    /// # Errors
    /// `Invalid` where one that may be null stands where null is not taken.
    pub fn check(&self, document: &ExecutableDocument) -> Result<(), Unfit> {
        for (_, operation) in document.operations.iter() {
            let root = match operation.node.ty {
                OperationType::Query => "Query",
                OperationType::Mutation => "Mutation",
                OperationType::Subscription => "Subscription",
            };
            let variables = operation.node.variable_definitions.iter();
            let variables = variables.map(|variable| (variable.node.name.node.as_str(), &variable.node)).collect();
            let walk = Walk { positions: self, fragments: &document.fragments, variables };
            walk.directives(&operation.node.directives)?;
            walk.selections(&operation.node.selection_set.node, root, &mut HashSet::new())?;
        }
        Ok(())
    }
}

struct Walk<'a> {
    positions: &'a Positions,
    fragments: &'a HashMap<Name, Positioned<FragmentDefinition>>,
    variables: HashMap<&'a str, &'a VariableDefinition>,
}

impl<'a> Walk<'a> {
    fn selections(&self, set: &'a SelectionSet, of: &str, seen: &mut HashSet<&'a str>) -> Result<(), Unfit> {
        for selection in &set.items {
            match &selection.node {
                Selection::Field(field) => self.field(&field.node, of, seen)?,
                Selection::InlineFragment(fragment) => {
                    self.directives(&fragment.node.directives)?;
                    let condition = fragment.node.type_condition.as_ref();
                    let of = condition.map_or(of, |condition| condition.node.on.node.as_str());
                    self.selections(&fragment.node.selection_set.node, of, seen)?;
                }
                Selection::FragmentSpread(spread) => {
                    self.directives(&spread.node.directives)?;
                    let name = spread.node.fragment_name.node.as_str();
                    // What a fragment is on does not depend on where it is spread, so once is enough.
                    if let Some(fragment) = self.fragments.get(name).filter(|_| seen.insert(name)) {
                        let of = fragment.node.type_condition.node.on.node.as_str();
                        self.selections(&fragment.node.selection_set.node, of, seen)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn field(&self, field: &'a Field, of: &str, seen: &mut HashSet<&'a str>) -> Result<(), Unfit> {
        self.directives(&field.directives)?;
        // What is not there is for the library to refuse.
        let Some(known) = self.positions.fields.get(of).and_then(|fields| fields.get(field.name.node.as_str())) else {
            return Ok(());
        };
        for (name, value) in &field.arguments {
            if let Some(place) = known.arguments.get(name.node.as_str()) {
                self.value(&value.node, &place.of, place.has_default)?;
            }
        }
        self.selections(&field.selection_set.node, &known.of, seen)
    }

    fn directives(&self, directives: &[Positioned<Directive>]) -> Result<(), Unfit> {
        // Of the specification's own directives, these take a value: `if: Boolean!`.
        let conditions =
            directives.iter().filter(|directive| matches!(directive.node.name.node.as_str(), "include" | "skip"));
        let Some(boolean) = Type::new("Boolean!") else { return Ok(()) };
        for directive in conditions {
            for (_, value) in &directive.node.arguments {
                self.value(&value.node, &boolean, false)?;
            }
        }
        Ok(())
    }

    fn value(&self, value: &Value, of: &Type, has_default: bool) -> Result<(), Unfit> {
        match (value, &of.base) {
            (Value::Variable(name), _) => self.variable(name, of, has_default),
            (Value::List(items), BaseType::List(item)) => {
                items.iter().try_for_each(|value| self.value(value, item, false))
            }
            (Value::Object(fields), BaseType::Named(input)) => {
                let Some(places) = self.positions.inputs.get(input.as_str()) else { return Ok(()) };
                for (name, value) in fields {
                    if let Some(place) = places.get(name.as_str()) {
                        self.value(value, &place.of, place.has_default)?;
                    }
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn variable(&self, name: &Name, of: &Type, has_default: bool) -> Result<(), Unfit> {
        let Some(variable) = self.variables.get(name.as_str()) else { return Ok(()) };
        let default = variable.default_value.as_ref();
        let is_filled = has_default || default.is_some_and(|value| value.node != ConstValue::Null);
        if allows(&variable.var_type.node, of, is_filled) {
            Ok(())
        } else {
            Err(Unfit::Invalid("A variable that may be null, or hold null, stands where null is not taken."))
        }
    }
}

/// Whether a variable of type `given` may stand in a place of type `taken`, as far as null is concerned.
fn allows(given: &Type, taken: &Type, is_filled: bool) -> bool {
    if !taken.nullable && given.nullable && !is_filled {
        return false;
    }
    match (&given.base, &taken.base) {
        (BaseType::List(given), BaseType::List(taken)) => allows(given, taken, false),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_graphql::parser::parse_query;

    const SCHEMA: &str = "type Query { node(id: ID!): Node  nodes(ids: [ID!]!): [Node]  page(first: Int! = 20): Node  find(filter: Filter!): Node }
        interface Node { id: ID!  page(size: Int!): Node } type Subscription { events(of: [ID!]): Node }
        input Filter { name: String!  tags: [String!]  most: Int! = 3 }";

    fn is_allowed(document: &str) -> bool {
        Positions::of(SCHEMA).check(&parse_query(document).unwrap()).is_ok()
    }

    #[test]
    fn a_variable_that_may_be_null_stands_only_where_null_is_taken() {
        assert!(is_allowed("query ($a: ID!) { node(id: $a) { id } }"));
        assert!(!is_allowed("query ($a: ID) { node(id: $a) { id } }"));
        assert!(is_allowed("query ($a: ID = \"x\") { node(id: $a) { id } }"));
        assert!(!is_allowed("query ($a: ID = null) { node(id: $a) { id } }"));
        assert!(is_allowed("query ($a: Int) { page(first: $a) { id } }"), "the place has a default");
        assert!(!is_allowed("query ($a: [ID]!) { nodes(ids: $a) { id } }"));
        assert!(is_allowed("query ($a: [ID!]!) { nodes(ids: $a) { id } }"));
        assert!(!is_allowed("query ($a: ID) { nodes(ids: [$a]) { id } }"));
        assert!(!is_allowed("query ($a: String) { __type(name: $a) { name } }"));
        assert!(is_allowed("subscription ($a: [ID!]) { events(of: $a) { id } }"));
    }

    #[test]
    fn also_in_objects_directives_and_fragments() {
        assert!(!is_allowed("query ($a: String) { find(filter: { name: $a }) { id } }"));
        assert!(is_allowed("query ($a: Int) { find(filter: { name: \"a\", most: $a }) { id } }"));
        assert!(!is_allowed("query ($a: String) { find(filter: { name: \"a\", tags: [$a] }) { id } }"));
        assert!(!is_allowed("query ($a: Boolean) { node(id: 1) { id @include(if: $a) } }"));
        assert!(is_allowed("query ($a: Boolean!) { node(id: 1) { id @skip(if: $a) } }"));
        let nested = |of: &str| {
            format!(
                "query ($a: {of}) {{ node(id: 1) {{ ...f }} }} fragment f on Node {{ ... {{ page(size: $a) {{ id ...f }} }} }}"
            )
        };
        assert!(is_allowed(&nested("Int!")));
        assert!(!is_allowed(&nested("Int")));
    }
}
