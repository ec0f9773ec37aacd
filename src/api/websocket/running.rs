//! Operations that run over a socket, and what they say.

use async_graphql::{Response as Answer, ServerError};
use futures_util::{Stream, StreamExt, stream::BoxStream};
use serde_json::{Value, json};
use std::{
    pin::Pin,
    task::{Context, Poll},
};

/// An operation that is running.
pub struct Running {
    messages: BoxStream<'static, Saying>,
    /// Whether it goes on until somebody ends it.
    pub is_subscription: bool,
}

/// A message of an operation, and whether it is over with that.
pub struct Saying {
    /// What is said.
    pub message: Value,
    /// Whether there is no more to say.
    pub is_last: bool,
}

impl Running {
    /// An operation that answers so under this id.
    pub fn new(id: String, answers: impl Stream<Item = Answer> + Send + 'static, is_subscription: bool) -> Self {
        Self { messages: messages(id, answers, is_subscription).boxed(), is_subscription }
    }
}

impl Stream for Running {
    type Item = Saying;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Saying>> {
        self.messages.poll_next_unpin(context)
    }
}

/// What an operation says: each answer, and at the end that it is complete, or the errors that ended it.
fn messages(
    id: String,
    answers: impl Stream<Item = Answer> + Send + 'static,
    is_subscription: bool,
) -> impl Stream<Item = Saying> + Send {
    async_stream::stream! {
        let mut answers = Box::pin(answers);
        while let Some(answer) = answers.next().await {
            if ends(&answer, is_subscription) {
                yield Saying { message: errors(&id, &answer.errors), is_last: true };
                return;
            }
            yield Saying { message: json!({ "id": id, "type": "next", "payload": answer }), is_last: false };
        }
        yield Saying { message: json!({ "id": id, "type": "complete" }), is_last: true };
    }
}

/// Whether an answer is no answer: nothing ran, or the source of a subscription is over.
fn ends(answer: &Answer, is_subscription: bool) -> bool {
    let from_the_root = |error: &ServerError| error.path.len() <= usize::from(is_subscription);
    !answer.errors.is_empty() && answer.errors.iter().all(from_the_root)
}

/// The message that ends an operation with errors.
pub fn errors(id: &str, errors: &[ServerError]) -> Value {
    json!({ "id": id, "type": "error", "payload": errors })
}
