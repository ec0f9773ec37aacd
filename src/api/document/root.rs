//! The root field of a subscription, once it stands straight in its operation, and what is declared there.

use super::{operation, operation_mut};
use async_graphql::{
    Value as ConstValue,
    parser::types::{ExecutableDocument, Selection, VariableDefinition},
};
use async_graphql_value::Value;

/// The name of the root field of a subscription.
pub fn root_field<'a>(document: &'a ExecutableDocument, name: Option<&str>) -> Option<&'a str> {
    let operation = operation(document, name).ok()?;
    let field = operation.node.selection_set.node.items.first()?;
    if let Selection::Field(field) = &field.node { Some(field.node.name.node.as_str()) } else { None }
}

/// The value of an argument of the root field of a subscription.
pub fn root_argument<'a>(
    document: &'a mut ExecutableDocument,
    name: Option<&str>,
    argument: &str,
) -> Option<&'a mut Value> {
    let field = operation_mut(document, name)?.selection_set.node.items.first_mut()?;
    let Selection::Field(field) = &mut field.node else { return None };
    let mut arguments = field.node.arguments.iter_mut();
    arguments.find(|(name, _)| name.node == argument).map(|(_, value)| &mut value.node)
}

/// Whether the operation that is meant declares this variable.
pub fn declares(document: &ExecutableDocument, name: Option<&str>, variable: &str) -> bool {
    definition_of(document, name, variable).is_some()
}

/// The default of a variable of the operation that is meant.
pub fn default_of(document: &ExecutableDocument, name: Option<&str>, variable: &str) -> Option<ConstValue> {
    definition_of(document, name, variable)?.default_value.as_ref().map(|value| value.node.clone())
}

fn definition_of<'a>(
    document: &'a ExecutableDocument,
    name: Option<&str>,
    variable: &str,
) -> Option<&'a VariableDefinition> {
    let definitions = &operation(document, name).ok()?.node.variable_definitions;
    definitions.iter().map(|definition| &definition.node).find(|definition| definition.name.node == variable)
}
