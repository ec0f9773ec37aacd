//! Subscriptions. Those of the same document, variables and rights are one for the server: their source is opened once, each thing that happens
//! is answered and written down once, and the bytes go to all who share it.

mod answer;
mod group;
mod kept;
mod member;

pub use answer::Delivery;
pub use member::Member;

use super::{
    document,
    operation::{Api, Operation, refused, server_error},
    trace::RequestId,
};
use crate::{
    calendar::Cursor,
    graphql::{Caller, reveal},
    kernel::{
        client::{Client, Principal},
        id::SessionId,
        rejection::{Internal, Rejection},
        viewer::Viewer,
    },
};
use answer::Answers;
use async_graphql::{Response, ServerError, Value as ConstValue};
use async_graphql_value::Value;
use group::{Group, Join};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::{Semaphore, mpsc, oneshot};

/// How many may be about to join one group.
const JOINING: usize = 100_000;
/// How many answers for one only are made at a time.
const PERSONAL: usize = 16;
/// The root fields whose source is the same for everybody.
const PUBLIC: [&str; 2] = ["slotEvents", "slotBoard"];

/// What subscriptions share if it is the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    query: String,
    operation_name: Option<String>,
    variables: String,
    /// Where the source depends on who asks.
    session: Option<SessionId>,
}

/// Who subscribes, and how that is proven.
#[derive(Clone, Debug)]
pub struct Subscriber {
    /// Who is signed in; nobody for a visitor.
    pub viewer: Option<Viewer>,
    /// The value of the `Authorization` header.
    pub authorization: Option<Arc<str>>,
    /// The program that they use.
    pub client: Client,
}

/// The subscriptions that are running in this process.
pub struct Live {
    groups: Mutex<HashMap<Key, mpsc::Sender<Join>>>,
    /// Turns at making answers for one only.
    personal: Semaphore,
}

impl Default for Live {
    fn default() -> Self {
        Self { groups: Mutex::default(), personal: Semaphore::new(PERSONAL) }
    }
}

impl Live {
    fn groups(&self) -> MutexGuard<'_, HashMap<Key, mpsc::Sender<Join>>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets a group that nobody shares any more, unless somebody is about to join.
    fn forget(&self, key: &Key, joins: &mpsc::Receiver<Join>) -> bool {
        let mut groups = self.groups();
        let is_over = joins.is_empty();
        if is_over {
            groups.remove(key);
        }
        is_over
    }
}

/// Subscribes. When this is done whatever happens from now on will come.
///
/// # Errors
/// What the client is told instead.
pub async fn subscribe(
    api: &Arc<Api>,
    mut operation: Operation,
    subscriber: Subscriber,
) -> Result<Member, Arc<Vec<ServerError>>> {
    let request_id = RequestId::new().0;
    let refuse = |error: ServerError| {
        let response = reveal(Response::from_errors(vec![error]), &request_id);
        Arc::new(response.errors)
    };
    let turn = api.allowance.subscription(Principal::of(subscriber.viewer.as_ref(), &subscriber.client));
    let turn = turn.map_err(refuse)?;
    let after = take_after(&mut operation).map_err(|error| refuse(*error))?;
    let is_public = document::root_field(&operation.document, operation.name.as_deref())
        .is_some_and(|field| PUBLIC.contains(&field));
    let session = subscriber.viewer.as_ref().filter(|_| !is_public).map(|viewer| viewer.session_id);
    let key = Key {
        query: operation.query.to_string(),
        operation_name: operation.name.clone(),
        variables: serde_json::to_string(&operation.variables).unwrap_or_default(),
        session,
    };
    let cost = operation.wants_cost.then_some(operation.cost);
    let (sender, told) = mpsc::channel(api.limits.queued_events);
    let (reply, joined) = oneshot::channel();
    let caller = Caller::new(subscriber.viewer.clone().filter(|_| !is_public), Client::default());
    let join = Join { sender, subscriber, after, reply };
    send(api, key, join, operation, caller);
    let patience = Duration::from_secs(api.limits.operation_seconds);
    match tokio::time::timeout(patience, joined).await {
        Ok(Ok(Ok(missed))) => Ok(Member::new(missed, told, cost, turn)),
        Ok(Ok(Err(errors))) => Err(errors),
        Ok(Err(_)) | Err(_) => {
            let cause = Internal::new("a subscription could not be opened in time");
            Err(refuse(server_error(Rejection::Unavailable(cause))))
        }
    }
}

/// Hands a subscriber over to the group that it shares, which begins with it where there is none.
fn send(api: &Arc<Api>, key: Key, join: Join, operation: Operation, caller: Caller) {
    let mut groups = api.live.groups();
    let join = match groups.get(&key).map(mpsc::Sender::try_reserve) {
        Some(Ok(place)) => return place.send(join),
        // Too many at once: the subscriber is told that nobody answers.
        Some(Err(mpsc::error::TrySendError::Full(()))) => return,
        // None, or one that died.
        Some(Err(mpsc::error::TrySendError::Closed(()))) | None => join,
    };
    let (group, joins) = mpsc::channel(JOINING);
    // There is room.
    let _ = group.try_send(join);
    groups.insert(key.clone(), group);
    let answers = Arc::new(Answers::new(Arc::clone(api), operation));
    tokio::spawn(Group::run(answers, key, joins, caller));
}

/// Takes the cursor out of a subscription: what is left is the same for all who share it.
fn take_after(operation: &mut Operation) -> Result<Option<Cursor>, Box<ServerError>> {
    let invalid = || {
        Box::new(refused(
            "BAD_USER_INPUT",
            "Invalid value for argument \"after\": expected a cursor that an event or a doctor has given",
        ))
    };
    let name = operation.name.as_deref();
    let Some(argument) = document::root_argument(Arc::make_mut(&mut operation.document), name, "after") else {
        return Ok(None);
    };
    let given = if let Value::Variable(variable) = argument {
        let variable = variable.clone();
        match operation.variables.get_mut(&variable) {
            Some(value) => std::mem::take(value),
            None => document::default_of(&operation.document, name, &variable).unwrap_or_default(),
        }
    } else {
        let literal = std::mem::replace(argument, Value::Null).into_const().ok_or_else(invalid)?;
        if let ConstValue::String(text) = &literal {
            operation.query = without_cursor(&operation.query, text).into();
        }
        literal
    };
    match given {
        ConstValue::Null => Ok(None),
        ConstValue::String(text) => Ok(Some(text.parse().map_err(|_| invalid())?)),
        _ => Err(invalid()),
    }
}

/// The document without the cursor in it, so that those who differ in nothing else are one group. The cursor goes with its quotes, which no
/// name can hold: a document that has the same letters in a name stays another.
fn without_cursor(query: &str, cursor: &str) -> String {
    query.replace(&format!("\"{cursor}\""), "\"\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_that_differ_in_their_cursors_are_alike_and_those_that_differ_in_a_name_are_not() {
        let document = |cursor: &str, alias: &str| {
            let query = format!("subscription {{ slotEvents(after: \"{cursor}\") {{ {alias}: version }} }}");
            without_cursor(&query, cursor)
        };
        assert_eq!(document("AON9", "s"), document("BPM8", "s"));
        assert_ne!(document("AON9", "sAON9"), document("AON9", "s"));
    }
}
