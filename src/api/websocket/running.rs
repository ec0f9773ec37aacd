//! Operations that run over a socket, and what they say.

use crate::api::live::{Delivery, Member};
use async_graphql::{Response as Answer, ServerError};
use futures_util::{FutureExt, Stream, StreamExt, future::BoxFuture};
use serde_json::{Value, json};
use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

/// An operation that is running.
pub struct Running {
    /// How its messages name it: a string of JSON's.
    id: String,
    state: State,
}

enum State {
    /// A query or a mutation.
    Request(BoxFuture<'static, Answer>),
    /// A subscription.
    Subscription(Member),
    /// Nothing is left to say but that it is complete.
    Answered,
    Over,
}

/// A message of an operation, and whether it is over with that.
pub struct Saying {
    /// What is said.
    pub message: String,
    /// Whether there is no more to say.
    pub is_last: bool,
}

impl Running {
    /// A query or a mutation that answers so.
    pub fn request(id: &str, answer: impl Future<Output = Answer> + Send + 'static) -> Self {
        Self { id: json!(id).to_string(), state: State::Request(answer.boxed()) }
    }

    /// A subscription.
    pub fn subscription(id: &str, member: Member) -> Self {
        Self { id: json!(id).to_string(), state: State::Subscription(member) }
    }

    /// Whether it goes on until somebody ends it.
    pub fn is_subscription(&self) -> bool {
        matches!(self.state, State::Subscription(_))
    }

    fn answer(&self, payload: &str) -> Saying {
        let message = format!(r#"{{"id":{},"type":"next","payload":{payload}}}"#, self.id);
        Saying { message, is_last: false }
    }

    fn error(&mut self, errors: &[ServerError]) -> Saying {
        self.state = State::Over;
        let message = format!(r#"{{"id":{},"type":"error","payload":{}}}"#, self.id, json!(errors));
        Saying { message, is_last: true }
    }
}

impl Stream for Running {
    type Item = Saying;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Saying>> {
        let saying = match &mut self.state {
            State::Request(answer) => {
                let answer = ready!(answer.poll_unpin(context));
                // Where nothing ran there is no answer.
                if !answer.errors.is_empty() && answer.errors.iter().all(|error| error.path.is_empty()) {
                    self.error(&answer.errors)
                } else {
                    self.state = State::Answered;
                    self.answer(&json!(answer).to_string())
                }
            }
            State::Subscription(member) => match ready!(member.poll_next_unpin(context)) {
                Some(Delivery::Answer(answer)) => self.answer(&answer),
                Some(Delivery::End(errors)) => self.error(&errors),
                None => return Poll::Ready(None),
            },
            State::Answered => {
                self.state = State::Over;
                Saying { message: format!(r#"{{"id":{},"type":"complete"}}"#, self.id), is_last: true }
            }
            State::Over => return Poll::Ready(None),
        };
        Poll::Ready(Some(saying))
    }
}

/// The message that ends an operation with errors before it began.
pub fn errors(id: &str, errors: &[ServerError]) -> String {
    let message: Value = json!({ "id": id, "type": "error", "payload": errors });
    message.to_string()
}
