//! What a client may say.

use super::Close;
use crate::api::{operation::Asked, parameters::wants_cost};
use async_graphql::Variables;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::sync::Arc;

/// A message of a client.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Said {
    /// Who it is.
    ConnectionInit { payload: Option<Value> },
    /// Whether we are there.
    Ping { payload: Option<Value> },
    /// That it is there.
    Pong {},
    /// An operation.
    Subscribe { id: String, payload: Payload },
    /// That an operation is not wanted any more.
    Complete { id: String },
}

/// What is asked for in an operation.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Payload {
    query: Option<String>,
    document_id: Option<String>,
    operation_name: Option<String>,
    variables: Option<Map<String, Value>>,
    extensions: Option<Map<String, Value>>,
}

impl Payload {
    pub fn asked(self) -> Result<Asked, Close> {
        if self.query.is_some() == self.document_id.is_some() {
            return Err(Close(4400, "Invalid message"));
        }
        Ok(Asked {
            query: self.query,
            document_id: self.document_id,
            operation_name: self.operation_name,
            variables: Variables::from_json(Value::Object(self.variables.unwrap_or_default())),
            wants_cost: self.extensions.is_some_and(|extensions| wants_cost(&extensions)),
        })
    }
}

/// What proves who it is, as `connection_init` has it.
pub fn authorization(payload: Option<Value>) -> Result<Option<Arc<str>>, Close> {
    let parameters = match payload {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Object(parameters)) => parameters,
        Some(_) => return Err(Close(4400, "Invalid message")),
    };
    let authorization = parameters.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("authorization"));
    match authorization.map(|(_, value)| value) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(value)) => Ok(Some(value.into())),
        Some(_) => Err(Close(4403, "Forbidden")),
    }
}
