//! How operations begin: beside each other and whatever else is said on their socket.

use super::Close;
use crate::{
    api::{
        live::{self, Member, Subscriber},
        operation::{Api, Asked, refused},
        trace::RequestId,
    },
    graphql::Caller,
    kernel::{
        client::{Client, Principal},
        rejection::Rejection,
        viewer::Viewer,
    },
};
use async_graphql::{Response as Answer, ServerError, parser::types::OperationType};
use chrono::{DateTime, Utc};
use futures_util::{FutureExt, future::BoxFuture};
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

/// What an operation is once it has begun.
pub enum Started {
    /// A query or a mutation.
    Request(BoxFuture<'static, Answer>),
    /// A subscription, with its place among those of the socket.
    Subscription(Member, OwnedSemaphorePermit),
    /// Nothing: it cannot run.
    Refused(Arc<Vec<ServerError>>),
}

/// What it takes for an operation to begin.
pub struct Start {
    pub api: Arc<Api>,
    /// What proves who it is.
    pub authorization: Option<Arc<str>>,
    /// The program that they use.
    pub client: Client,
    /// Places for subscriptions.
    pub places: Arc<Semaphore>,
    /// The operations before it that have not begun yet: cancelled when they have.
    pub earlier: Vec<CancellationToken>,
}

impl Start {
    pub async fn run(self, asked: Asked) -> Result<Started, Close> {
        let Self { api, authorization, client, places, earlier } = self;
        // Anew for each operation: a session may have ended since the last one.
        let viewer = authenticate(&api, authorization.as_deref(), &client).await?.map(|(viewer, _)| viewer);
        let (principal, request_id) = (Principal::of(viewer.as_ref(), &client), RequestId::new().0);
        let operation = match api.admit(asked, (principal, 0), &request_id).await {
            Ok(operation) => operation,
            Err(errors) => return Ok(Started::Refused(Arc::new(errors))),
        };
        match operation.kind {
            OperationType::Subscription => {
                let Ok(place) = places.try_acquire_owned() else {
                    let message = "This connection has as many subscriptions as it may.";
                    return Ok(Started::Refused(Arc::new(vec![refused("BAD_USER_INPUT", message)])));
                };
                let joined = live::subscribe(&api, operation, Subscriber { viewer, authorization, client }).await;
                return Ok(joined.map_or_else(Started::Refused, |member| Started::Subscription(member, place)));
            }
            // What it does will be heard by the subscriptions that were asked for before it.
            OperationType::Mutation => {
                for begun in earlier {
                    begun.cancelled().await;
                }
            }
            OperationType::Query => {}
        }
        let caller = Caller::new(viewer, client);
        Ok(Started::Request(async move { api.execute(operation, caller, &request_id).await }.boxed()))
    }
}

/// Who it is, and until when that is proven.
pub async fn authenticate(
    api: &Api,
    authorization: Option<&str>,
    client: &Client,
) -> Result<Option<(Viewer, DateTime<Utc>)>, Close> {
    let Some(authorization) = authorization else { return Ok(None) };
    match api.authenticate(authorization).await {
        Ok(proven) => Ok(Some(proven)),
        Err(Rejection::Unauthenticated) => {
            // Whether there was enough or not, nothing more is done here.
            let _ = api.allowance.refuse(Principal::of(None, client)).await;
            Err(Close(4403, "Forbidden"))
        }
        Err(_) => Err(Close(1013, "Try again later")),
    }
}
