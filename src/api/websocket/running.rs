//! Operations that run over a socket, and what they say.

use super::{Close, start::Started};
use crate::api::live::{Delivery, Member};
use async_graphql::{Response as Answer, ServerError};
use futures_util::{FutureExt, Stream, StreamExt, future::BoxFuture};
use serde_json::json;
use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;

/// An operation that is running.
pub struct Running {
    /// How its messages name it: a string of JSON's.
    id: String,
    state: State,
}

enum State {
    /// Not yet; the token is cancelled when it is, or will not be.
    Starting(BoxFuture<'static, Result<Started, Close>>, CancellationToken),
    /// A query or a mutation.
    Request(BoxFuture<'static, Answer>),
    /// A subscription.
    Subscription {
        member: Member,
        /// Among those of the socket.
        _place: OwnedSemaphorePermit,
    },
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
    /// An operation that is about to begin.
    pub fn starting(id: &str, start: impl Future<Output = Result<Started, Close>> + Send + 'static) -> Self {
        let begun = CancellationToken::new();
        let guard = begun.clone().drop_guard();
        let start = async move {
            let _guard = guard;
            start.await
        };
        Self { id: json!(id).to_string(), state: State::Starting(start.boxed(), begun) }
    }

    /// Cancelled when it has begun; nothing where it has.
    pub fn beginning(&self) -> Option<CancellationToken> {
        if let State::Starting(_, begun) = &self.state { Some(begun.clone()) } else { None }
    }

    /// Whether it goes on until somebody ends it.
    pub fn is_subscription(&self) -> bool {
        matches!(self.state, State::Subscription { .. })
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
    type Item = Result<Saying, Close>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let State::Starting(start, _) = &mut self.state {
            self.state = match ready!(start.poll_unpin(context)) {
                Ok(Started::Request(answer)) => State::Request(answer),
                Ok(Started::Subscription(member, place)) => State::Subscription { member, _place: place },
                Ok(Started::Refused(errors)) => return Poll::Ready(Some(Ok(self.error(&errors)))),
                Err(close) => return Poll::Ready(Some(Err(close))),
            };
        }
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
            State::Subscription { member, .. } => match ready!(member.poll_next_unpin(context)) {
                Some(Delivery::Answer(answer)) => self.answer(&answer),
                Some(Delivery::End(errors)) => self.error(&errors),
                None => return Poll::Ready(None),
            },
            State::Answered => {
                self.state = State::Over;
                Saying { message: format!(r#"{{"id":{},"type":"complete"}}"#, self.id), is_last: true }
            }
            State::Starting(..) | State::Over => return Poll::Ready(None),
        };
        Poll::Ready(Some(Ok(saying)))
    }
}
