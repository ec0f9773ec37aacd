//! A look at a parsed document before the library expands it: every fragment is measured once, however often it is spread. The library's own
//! checks expand each spread anew, and two dozen fragments that spread the next one twice would keep a core busy for many seconds.

mod measure;
mod rewrite;
mod root;

pub use rewrite::{unwrap_root, wrap_typenames};
pub use root::{declares, default_of, root_argument, root_field};

use super::operation::refused;
use crate::config::Limits;
use async_graphql::{
    Name, Positioned, ServerError, Value as ConstValue, Variables,
    parser::types::{
        DocumentOperations, ExecutableDocument, FragmentDefinition, OperationDefinition, OperationType, Selection,
        SelectionSet, VariableDefinition,
    },
};
use measure::Measure;
use std::collections::{HashMap, HashSet};

/// Why a document is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// It cannot be said which operation is meant, or it breaks a rule that the library does not check.
    Invalid(&'static str),
    /// It is too large once its fragments are expanded.
    TooComplex(&'static str),
}

impl From<Unfit> for Box<ServerError> {
    fn from(unfit: Unfit) -> Self {
        let (code, message) = match unfit {
            Unfit::Invalid(message) => ("BAD_USER_INPUT", message),
            Unfit::TooComplex(message) => ("QUERY_TOO_COMPLEX", message),
        };
        Self::new(refused(code, message))
    }
}

/// Looks how large a document is.
///
/// # Errors
/// `TooComplex`.
pub fn measure(document: &ExecutableDocument, limits: &Limits) -> Result<(), Unfit> {
    let mut measure = Measure::new(document);
    for (_, each) in document.operations.iter() {
        let size = measure.operation(&each.node);
        let ceilings = [
            (size.selections > limits.fields, "The document selects too many fields."),
            (size.depth > limits.depth, "The document is too deep."),
            (size.aliases > limits.aliases, "The document has too many aliases."),
            (size.directives > limits.directives, "The document has too many directives."),
        ];
        if let Some((_, message)) = ceilings.into_iter().find(|(is_over, _)| *is_over) {
            return Err(Unfit::TooComplex(message));
        }
    }
    Ok(())
}

/// The type of the operation that is meant, in a document that was measured.
///
/// # Errors
/// `Invalid`.
pub fn check(document: &ExecutableDocument, name: Option<&str>, variables: &Variables) -> Result<OperationType, Unfit> {
    let operation = operation(document, name)?;
    if !operation.node.variable_definitions.iter().all(|definition| is_given(&definition.node, variables)) {
        return Err(Unfit::Invalid("A variable that must not be null has no value."));
    }
    let (keys, is_conditional) = root_keys(&operation.node.selection_set.node, &document.fragments);
    match operation.node.ty {
        OperationType::Subscription if keys.len() != 1 => Err(Unfit::Invalid("A subscription has one root field.")),
        // Whether there is anything to subscribe to must not depend on variables (GraphQL, September 2025, 5.2.4.1).
        OperationType::Subscription if is_conditional => {
            Err(Unfit::Invalid("A subscription's root field takes no directives."))
        }
        // The library would do each of them.
        OperationType::Mutation if keys.iter().collect::<HashSet<_>>().len() != keys.len() => {
            Err(Unfit::Invalid("A mutation names each of its fields differently."))
        }
        other => Ok(other),
    }
}

fn operation<'a>(
    document: &'a ExecutableDocument,
    name: Option<&str>,
) -> Result<&'a Positioned<OperationDefinition>, Unfit> {
    match (&document.operations, name) {
        (DocumentOperations::Single(operation), None) => Ok(operation),
        (DocumentOperations::Multiple(operations), None) if operations.len() == 1 => {
            operations.values().next().ok_or(Unfit::Invalid("The document has no operation."))
        }
        (DocumentOperations::Multiple(operations), Some(name)) => {
            operations.get(name).ok_or(Unfit::Invalid("The document has no operation of this name."))
        }
        (DocumentOperations::Single(_), Some(_)) => Err(Unfit::Invalid("The document has no operation of this name.")),
        (DocumentOperations::Multiple(_), None) => Err(Unfit::Invalid("Say which operation is meant: operationName.")),
    }
}

fn operation_mut<'a>(document: &'a mut ExecutableDocument, name: Option<&str>) -> Option<&'a mut OperationDefinition> {
    let operation = match (&mut document.operations, name) {
        (DocumentOperations::Single(operation), _) => Some(operation),
        (DocumentOperations::Multiple(operations), Some(name)) => operations.get_mut(name),
        (DocumentOperations::Multiple(operations), None) => operations.values_mut().next(),
    };
    operation.map(|operation| &mut operation.node)
}

/// Whether a variable has a value where it must have one. The library would notice in the middle of the operation.
fn is_given(definition: &VariableDefinition, variables: &Variables) -> bool {
    let is_null = |value: &ConstValue| *value == ConstValue::Null;
    let given = variables.get(&definition.name.node);
    match given {
        Some(value) => definition.var_type.node.nullable || !is_null(value),
        None => definition.var_type.node.nullable || definition.default_value.is_some(),
    }
}

/// The response keys of the root fields, fragments expanded, and whether a directive stands on the way to any. Only called for documents that are small.
fn root_keys<'a>(
    set: &'a SelectionSet,
    fragments: &'a HashMap<Name, Positioned<FragmentDefinition>>,
) -> (Vec<&'a str>, bool) {
    let (mut keys, mut pending, mut seen) = (Vec::new(), vec![set], HashSet::new());
    let mut is_conditional = false;
    while let Some(set) = pending.pop() {
        for selection in &set.items {
            is_conditional |= !selection.node.directives().is_empty();
            match &selection.node {
                Selection::Field(field) => keys.push(field.node.response_key().node.as_str()),
                Selection::InlineFragment(fragment) => pending.push(&fragment.node.selection_set.node),
                Selection::FragmentSpread(spread) => {
                    let name = &spread.node.fragment_name.node;
                    if let Some(fragment) = fragments.get(name).filter(|_| seen.insert(name)) {
                        pending.push(&fragment.node.selection_set.node);
                    }
                }
            }
        }
    }
    (keys, is_conditional)
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_graphql::parser::parse_query;

    fn verdict(document: &str, name: Option<&str>) -> Result<OperationType, Unfit> {
        let document = parse_query(document).unwrap();
        super::measure(&document, &Limits::default())?;
        check(&document, name, &Variables::default())
    }

    /// Fragments of which each spreads the next one twice.
    fn bomb(fragments: usize) -> String {
        let each = |number: usize| format!("fragment f{number} on Query {{ ...f{} ...f{} }}", number + 1, number + 1);
        let last = format!("fragment f{fragments} on Query {{ __typename }}");
        format!("{{ ...f0 }} {} {last}", (0..fragments).map(each).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn fragments_that_double_are_refused_after_a_look_at_each() {
        let document = parse_query(bomb(60)).unwrap();
        let mut measure = Measure::new(&document);
        for (_, operation) in document.operations.iter() {
            assert!(measure.operation(&operation.node).selections > 1 << 60);
        }
        assert_eq!(measure.visited, 1 + 60 * 2 + 1);
        assert_eq!(verdict(&bomb(60), None), Err(Unfit::TooComplex("The document selects too many fields.")));
    }

    #[test]
    fn a_fragment_that_spreads_itself_is_measured_all_the_same() {
        assert_eq!(verdict("{ ...f } fragment f on Query { a ...f }", None), Ok(OperationType::Query));
    }

    #[test]
    fn a_variable_that_must_not_be_null_has_a_value() {
        let verdict = |document: &str, variables: serde_json::Value| {
            let variables = Variables::from_json(variables);
            check(&parse_query(document).unwrap(), None, &variables).is_ok()
        };
        let null = || serde_json::json!({ "a": null });
        assert!(!verdict("query ($a: ID!) { node(id: $a) { id } }", serde_json::json!({})));
        assert!(!verdict("query ($a: ID!) { node(id: $a) { id } }", null()));
        assert!(!verdict("query ($a: ID! = 1) { node(id: $a) { id } }", null()));
        assert!(verdict("query ($a: ID! = 1) { node(id: $a) { id } }", serde_json::json!({})));
        assert!(verdict("query ($a: ID) { node(id: $a) { id } }", null()));
    }

    #[test]
    fn depth_counts_through_fragments() {
        let chain = |length: usize| {
            let each = |number: usize| format!("fragment f{number} on Query {{ a {{ ...f{} }} }}", number + 1);
            let last = format!("fragment f{length} on Query {{ b }}");
            format!("{{ ...f0 }} {} {last}", (0..length).map(each).collect::<Vec<_>>().join(" "))
        };
        assert_eq!(verdict(&chain(19), None), Ok(OperationType::Query));
        assert_eq!(verdict(&chain(20), None), Err(Unfit::TooComplex("The document is too deep.")));
    }

    #[test]
    fn aliases_and_directives_count_through_fragments() {
        let named = |times: usize| (0..times).map(|number| format!("a{number}: a")).collect::<Vec<_>>().join(" ");
        let twice = |fields: &str| format!("{{ ...f b {{ ...f }} }} fragment f on Query {{ {fields} }}");
        assert_eq!(verdict(&twice(&named(50)), None), Ok(OperationType::Query));
        let too_many = Err(Unfit::TooComplex("The document has too many aliases."));
        assert_eq!(verdict(&twice(&named(51)), None), too_many);
        assert_eq!(verdict(&format!("{{ {} }}", named(101)), None), too_many);
        let conditional = |times: usize| "a @include(if: true) ... @skip(if: false) { a } ".repeat(times);
        assert_eq!(verdict(&twice(&conditional(12)), None), Ok(OperationType::Query));
        let too_many = Err(Unfit::TooComplex("The document has too many directives."));
        assert_eq!(verdict(&twice(&conditional(13)), None), too_many);
        assert_eq!(verdict(&format!("query {}{{ a }}", "@a ".repeat(51)), None), too_many);
        assert_eq!(verdict(&format!("query ($v: Int {}) {{ a }}", "@a ".repeat(51)), None), too_many);
        assert_eq!(verdict(&format!("{{ ...f }} fragment f on Query {}{{ a }}", "@a ".repeat(51)), None), too_many);
    }

    #[test]
    fn the_operation_that_is_meant_must_be_said_and_be_there() {
        let two = "query A { a } mutation B { b }";
        assert_eq!(verdict(two, Some("B")), Ok(OperationType::Mutation));
        assert!(verdict(two, None).is_err());
        assert!(verdict(two, Some("C")).is_err());
        assert!(verdict("{ a }", Some("A")).is_err());
    }

    #[test]
    fn a_mutation_that_repeats_a_key_and_a_subscription_with_two_fields_are_refused() {
        assert!(verdict("mutation { book book }", None).is_err());
        assert_eq!(verdict("mutation { one: book two: book }", None), Ok(OperationType::Mutation));
        assert!(verdict("subscription { a b }", None).is_err());
        assert!(verdict("subscription { a ...f } fragment f on Subscription { b }", None).is_err());
        assert_eq!(verdict("subscription { a }", None), Ok(OperationType::Subscription));
        for conditional in ["a @skip(if: true)", "... @include(if: false) { a }"] {
            assert!(verdict(&format!("subscription {{ {conditional} }}"), None).is_err(), "{conditional}");
        }
    }
}
