//! What a GraphQL request over HTTP consists of.

use super::operation::Asked;
use async_graphql::Variables;
use serde::Deserialize;
use serde_json::{Map, Value};

/// The members of a POST request.
#[derive(Deserialize)]
pub struct Parameters {
    query: Option<Value>,
    #[serde(rename = "documentId")]
    document_id: Option<Value>,
    #[serde(rename = "operationName")]
    operation_name: Option<Value>,
    variables: Option<Value>,
    extensions: Option<Value>,
}

impl Parameters {
    /// What is asked for.
    ///
    /// # Errors
    /// Why nothing is.
    pub fn asked(self) -> Result<Asked, &'static str> {
        let text = |value| match value {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err("`query`, `documentId` and `operationName` are strings."),
        };
        let (query, document_id) = (text(self.query)?, text(self.document_id)?);
        if query.is_some() == document_id.is_some() {
            return Err("Send `query`, or `documentId` in its place.");
        }
        let variables = object(self.variables).ok_or("`variables` is an object.")?;
        let extensions = object(self.extensions).ok_or("`extensions` is an object.")?;
        Ok(Asked {
            query,
            document_id,
            operation_name: text(self.operation_name)?,
            variables: Variables::from_json(Value::Object(variables)),
            wants_cost: wants_cost(&extensions),
        })
    }
}

/// Whether a client wants to know what its request costs.
pub fn wants_cost(extensions: &Map<String, Value>) -> bool {
    extensions.get("cost") == Some(&Value::Bool(true))
}

fn object(value: Option<Value>) -> Option<Map<String, Value>> {
    match value {
        None | Some(Value::Null) => Some(Map::new()),
        Some(Value::Object(object)) => Some(object),
        Some(_) => None,
    }
}

/// The parameters of a GET request; an empty one is none.
#[derive(Deserialize)]
pub struct QueryString {
    query: Option<String>,
    #[serde(rename = "documentId")]
    document_id: Option<String>,
    #[serde(rename = "operationName")]
    operation_name: Option<String>,
    variables: Option<String>,
    extensions: Option<String>,
}

impl QueryString {
    /// What is asked for.
    ///
    /// # Errors
    /// Why nothing is.
    pub fn asked(self) -> Result<Asked, &'static str> {
        let given = |value: Option<String>| value.filter(|value| !value.is_empty());
        let json = |value: Option<String>| {
            let parsed = given(value).map(|value| serde_json::from_str(&value)).transpose();
            parsed.map_err(|_| "`variables` and `extensions` are JSON.")
        };
        Parameters {
            query: given(self.query).map(Value::String),
            document_id: given(self.document_id).map(Value::String),
            operation_name: given(self.operation_name).map(Value::String),
            variables: json(self.variables)?,
            extensions: json(self.extensions)?,
        }
        .asked()
    }
}
