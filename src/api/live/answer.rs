//! Answering what happens: once for all for whom the answer is the same.

use super::{Subscriber, kept::Kept};
use crate::{
    api::{
        operation::{Api, Operation, server_error},
        trace::RequestId,
    },
    graphql::{Caller, Happening, Phase, reveal},
    kernel::rejection::{Internal, Rejection},
};
use async_graphql::{Response, ServerError, Value};
use futures_util::{
    FutureExt,
    future::{self, BoxFuture},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio_util::task::AbortOnDropHandle;

/// How many answers to what was missed are kept for others who missed the same, how many bytes of them, and for how long.
const KEPT: usize = 4_096;
const KEPT_BYTES: usize = 16 * 1_024 * 1_024;
const KEPT_FOR: Duration = Duration::from_secs(30);

/// What is delivered to a subscriber.
#[derive(Clone, Debug)]
pub enum Delivery {
    /// An answer, written down: shared by all who get it.
    Answer(Arc<str>),
    /// The errors that end the subscription.
    End(Arc<Vec<ServerError>>),
}

/// An answer of somebody's own that is being made.
pub type Soon = future::Shared<BoxFuture<'static, Written>>;

/// What waits for a subscriber.
#[derive(Clone, Debug)]
pub enum Told {
    /// What is delivered.
    Now(Delivery),
    /// What will be, when it is made.
    Soon(Soon),
}

/// Whether the answer to one thing, or to the opening of a source, is no answer: the root field came out null, or something failed that would
/// not fail again. The cursor of the next answer lies behind this one, so whoever passed over it would never see what it should have said.
pub fn ends(answer: &Response) -> bool {
    let is_ours = |error: &ServerError| {
        let code = error.extensions.as_ref().and_then(|extensions| extensions.get("code"));
        ["UNAVAILABLE", "INTERNAL"].iter().any(|ours| code == Some(&Value::from(*ours)))
    };
    let is_null = match &answer.data {
        Value::Object(fields) => fields.values().all(|field| *field == Value::Null),
        _ => true,
    };
    !answer.errors.is_empty() && (is_null || answer.errors.iter().any(is_ours))
}

/// Nothing where there is nothing to say.
pub type Written = Option<Delivery>;

/// The answers of one group.
pub struct Answers {
    pub api: Arc<Api>,
    pub operation: Operation,
    /// Whether an answer has turned out to depend on who gets it.
    is_personal: AtomicBool,
    kept: Kept,
}

impl Answers {
    pub fn new(api: Arc<Api>, operation: Operation) -> Self {
        Self { api, operation, is_personal: AtomicBool::new(false), kept: Kept::new(KEPT, KEPT_BYTES, KEPT_FOR) }
    }

    /// The answer for everybody; none where it depends on who gets it.
    pub async fn common(&self, happening: &Happening) -> Option<Written> {
        if self.is_personal.load(Ordering::Relaxed) {
            return None;
        }
        let visitor = Caller::default();
        let answer = self.write(happening, &visitor).await;
        if visitor.was_asked() {
            self.is_personal.store(true, Ordering::Relaxed);
            return None;
        }
        Some(answer)
    }

    /// The answer for one of those who get one of their own: with the rights that they have now.
    pub async fn personal(&self, happening: &Happening, subscriber: &Subscriber) -> Written {
        let viewer = match &subscriber.authorization {
            None => None,
            Some(authorization) => match self.api.authenticate(authorization).await {
                Ok((viewer, _)) => Some(viewer),
                Err(rejection) => return Some(refusal(rejection)),
            },
        };
        self.write(happening, &Caller::new(viewer, subscriber.client.clone())).await
    }

    /// The same, for whoever waits for it: begun now, beside others, so that nobody waits for the answers of somebody else.
    pub fn soon(self: &Arc<Self>, happening: &Happening, subscriber: &Subscriber) -> Soon {
        let (answers, happening, subscriber) = (Arc::clone(self), happening.clone(), subscriber.clone());
        let making = tokio::spawn(async move {
            let _turn = answers.api.live.personal.acquire().await;
            answers.personal(&happening, &subscriber).await
        });
        let died = || Some(refusal(Rejection::Internal(Internal::new("an answer was not made"))));
        AbortOnDropHandle::new(making).map(move |made| made.unwrap_or_else(|_| died())).boxed().shared()
    }

    /// The answer to something that was missed: whoever missed the same gets the same.
    pub async fn missed(&self, happening: &Happening, subscriber: &Subscriber) -> Written {
        let is_personal = self.is_personal.load(Ordering::Relaxed);
        let session = subscriber.viewer.as_ref().filter(|_| is_personal).map(|viewer| viewer.session_id);
        let key = (happening.key(), session);
        let place = self.kept.place(key.clone());
        let write = async {
            match self.common(happening).await {
                Some(answer) => Some(answer),
                None if is_personal => Some(self.personal(happening, subscriber).await),
                // It has just turned out that the place is not everybody's.
                None => None,
            }
        };
        let keep = async {
            let answer = write.await.ok_or(())?;
            self.kept.count(&key, &answer);
            Ok(answer)
        };
        match place.get_or_try_init(|| keep).await {
            Ok(answer) => answer.clone(),
            Err(()) => self.personal(happening, subscriber).await,
        }
    }

    /// Lets go of the answers to what was missed that were kept for long enough.
    pub fn forget_old(&self) {
        self.kept.forget_old();
    }

    async fn write(&self, happening: &Happening, caller: &Caller) -> Written {
        let request_id = RequestId::new().0;
        let phase = Phase::Answer(happening.clone());
        let answer = self.api.run_phase(&self.operation, caller, phase, &request_id).await?;
        if ends(&answer) {
            return Some(Delivery::End(Arc::new(answer.errors)));
        }
        Some(Delivery::Answer(serde_json::to_string(&answer).unwrap_or_default().into()))
    }
}

/// A rejection, as it ends a subscription.
pub fn refusal(rejection: Rejection) -> Delivery {
    Delivery::End(errors_of(rejection))
}

/// A rejection, as the client is told.
pub fn errors_of(rejection: Rejection) -> Arc<Vec<ServerError>> {
    let response = reveal(Response::from_errors(vec![server_error(rejection)]), &RequestId::new().0);
    Arc::new(response.errors)
}
