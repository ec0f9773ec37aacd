//! A conversation over one socket.

use super::{
    PROTOCOL,
    running::{Running, Saying, errors},
    seats::{Principal, Seat},
};
use crate::{
    accounts::Ending,
    api::{
        http::wants_cost,
        live::{self, Subscriber},
        operation::{Api, Asked, Lifetime, refused},
        trace::RequestId,
    },
    graphql::Caller,
    kernel::{rejection::Rejection, viewer::Viewer},
};
use async_graphql::{Variables, parser::types::OperationType};
use axum::extract::ws::{CloseFrame, Message, WebSocket};
use chrono::{DateTime, Utc};
use futures_util::{FutureExt, SinkExt, StreamExt};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::{net::IpAddr, ops::ControlFlow, pin::Pin, sync::Arc, time::Duration};
use tokio::time::{Instant, Interval, MissedTickBehavior, Sleep, interval_at, sleep, sleep_until, timeout};
use tokio_stream::StreamMap;

/// Who takes longer to take a message is gone.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often it is looked whether what is running when the process shall end has come to its end.
const MOMENT: Duration = Duration::from_millis(100);
/// How many messages are written at once.
const AT_ONCE: usize = 64;

/// Why a connection is closed.
struct Close(u16, &'static str);

const GONE: Close = Close(1001, "Gone");

/// What a client may say.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Said {
    ConnectionInit { payload: Option<Value> },
    Ping { payload: Option<Value> },
    Pong {},
    Subscribe { id: String, payload: Payload },
    Complete { id: String },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload {
    query: Option<String>,
    document_id: Option<String>,
    operation_name: Option<String>,
    variables: Option<Map<String, Value>>,
    extensions: Option<Map<String, Value>>,
}

impl Payload {
    fn asked(self) -> Result<Asked, Close> {
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

/// The other side.
pub struct Peer {
    /// Where it is.
    pub address: IpAddr,
    /// What the client calls itself.
    pub device: Option<String>,
}

/// A conversation over one socket.
pub struct Connection {
    api: Arc<Api>,
    socket: WebSocket,
    peer: Peer,
    /// Counts among the sockets of whoever it is.
    seat: Option<Seat>,
    /// Whether it was said who it is.
    is_known: bool,
    /// What proves it.
    authorization: Option<Arc<str>>,
    /// Until when it does.
    proven_until: Option<DateTime<Utc>>,
    /// The end of the session.
    ending: Option<Ending>,
    /// When something has to have happened: first that somebody says who they are, then that the token is over.
    deadline: Pin<Box<Sleep>>,
    pings: Interval,
    is_alive: bool,
    operations: StreamMap<String, Running>,
}

impl Connection {
    /// A conversation that has not begun.
    pub fn new(api: Arc<Api>, socket: WebSocket, peer: Peer) -> Self {
        let period = Duration::from_secs(api.limits.ping_seconds);
        let mut pings = interval_at(Instant::now() + period, period);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let deadline = Box::pin(sleep(Duration::from_secs(api.limits.init_seconds)));
        Self {
            api,
            socket,
            peer,
            seat: None,
            is_known: false,
            authorization: None,
            proven_until: None,
            ending: None,
            deadline,
            pings,
            is_alive: true,
            operations: StreamMap::new(),
        }
    }

    /// Goes on until one side ends it, and says goodbye.
    pub async fn run(mut self) {
        let end = match self.socket.protocol() {
            Some(protocol) if protocol == PROTOCOL => self.converse().await,
            _ => Err(Close(4406, "Subprotocol not acceptable")),
        };
        // What was running ends here, not when both sides have said goodbye.
        self.operations.clear();
        // Nobody waits for a process that shall end.
        let patience = if self.api.lifetime.shutdown.is_cancelled() { PATIENCE / 5 } else { PATIENCE };
        let goodbye = async {
            if let Err(Close(code, reason)) = end {
                tracing::debug!(code, reason, "websocket closed");
                let frame = Message::Close(Some(CloseFrame { code, reason: reason.into() }));
                let _ = self.socket.send(frame).await;
            }
            while let Some(Ok(_)) = self.socket.recv().await {}
        };
        // Whoever does not answer is left.
        let _ = timeout(patience, goodbye).await;
    }

    /// Goes on until the other side is gone, or there is a reason to close.
    async fn converse(&mut self) -> Result<(), Close> {
        let mut shutdown = Some(Box::pin(self.api.lifetime.shutdown.clone().cancelled_owned()));
        let mut leaving: Option<Pin<Box<Sleep>>> = None;
        loop {
            let ending = self.ending.clone();
            tokio::select! {
                biased;
                () = due(&mut shutdown) => {
                    shutdown = None;
                    leaving = Some(Box::pin(sleep(Lifetime::moment())));
                }
                () = due(&mut leaving) => {
                    // What is running is finished first; it has an end of its own.
                    if self.requests() == 0 {
                        return Err(Close(1012, "Service restart"));
                    }
                    leaving = Some(Box::pin(sleep(MOMENT)));
                }
                () = &mut self.deadline => self.over()?,
                () = async { if let Some(ending) = &ending { ending.come().await } }, if ending.is_some() => {
                    return Err(Close(4403, "Session ended"));
                }
                _ = self.pings.tick() => self.ping().await?,
                // Who asks faster than is answered is not heard meanwhile.
                message = self.socket.recv(), if self.requests() < self.api.limits.operations => match message {
                    None => return Ok(()),
                    // On the heap, and only while somebody says something: most sockets are silent most of the time.
                    Some(Ok(message)) => if Box::pin(self.hear(message)).await?.is_break() { return Ok(()) },
                    Some(Err(error)) => return Err(unreadable(&error)),
                },
                Some((id, saying)) = self.operations.next(), if !self.operations.is_empty() => {
                    self.tell(id, saying).await?;
                },
            }
        }
    }

    /// Says what an operation has to say, and what others have to say at this moment, in one go.
    async fn tell(&mut self, id: String, saying: Saying) -> Result<(), Close> {
        let told = async {
            let mut next = Some((id, saying));
            for _ in 0..AT_ONCE {
                let Some((id, Saying { message, is_last })) = next else { break };
                if is_last {
                    self.operations.remove(&id);
                }
                self.socket.feed(Message::text(message)).await.map_err(|_| GONE)?;
                next = self.operations.next().now_or_never().flatten();
            }
            if let Some((id, Saying { message, is_last })) = next {
                if is_last {
                    self.operations.remove(&id);
                }
                self.socket.feed(Message::text(message)).await.map_err(|_| GONE)?;
            }
            self.socket.flush().await.map_err(|_| GONE)
        };
        timeout(PATIENCE, told).await.unwrap_or(Err(GONE))
    }

    /// How many queries and mutations are running.
    fn requests(&self) -> usize {
        self.operations.len() - self.subscriptions()
    }

    /// How many subscriptions are running.
    fn subscriptions(&self) -> usize {
        self.operations.values().filter(|operation| operation.is_subscription()).count()
    }

    /// The deadline has come.
    fn over(&mut self) -> Result<(), Close> {
        let Some(until) = self.proven_until else {
            if !self.is_known {
                return Err(Close(4408, "Connection initialisation timeout"));
            }
            self.deadline.as_mut().reset(Instant::now() + Duration::from_hours(24));
            return Ok(());
        };
        // A virtual clock may stand still while ours goes on.
        match (until - self.api.clock.now()).to_std() {
            Ok(left) if !left.is_zero() => {
                self.deadline.as_mut().reset(Instant::now() + left.max(Duration::from_secs(1)));
                Ok(())
            }
            _ => Err(Close(4403, "Token expired")),
        }
    }

    async fn ping(&mut self) -> Result<(), Close> {
        if !std::mem::replace(&mut self.is_alive, false) {
            return Err(Close(4499, "Terminated"));
        }
        self.say(json!({ "type": "ping" }).to_string()).await
    }

    async fn say(&mut self, message: String) -> Result<(), Close> {
        let sent = timeout(PATIENCE, self.socket.send(Message::text(message))).await;
        if let Ok(Ok(())) = sent { Ok(()) } else { Err(GONE) }
    }

    async fn hear(&mut self, message: Message) -> Result<ControlFlow<()>, Close> {
        self.is_alive = true;
        let text = match message {
            Message::Text(text) => text,
            Message::Close(_) => return Ok(ControlFlow::Break(())),
            Message::Binary(_) => return Err(Close(4400, "Messages are text")),
            Message::Ping(_) | Message::Pong(_) => return Ok(ControlFlow::Continue(())),
        };
        match serde_json::from_str(&text).map_err(|_| Close(4400, "Invalid message"))? {
            Said::ConnectionInit { payload } => self.init(payload).await?,
            Said::Ping { payload: None } => self.say(json!({ "type": "pong" }).to_string()).await?,
            Said::Ping { payload: Some(payload) } => {
                self.say(json!({ "type": "pong", "payload": payload }).to_string()).await?;
            }
            Said::Pong {} => {}
            Said::Subscribe { id, payload } => self.subscribe(id, payload).await?,
            Said::Complete { id } => {
                self.operations.remove(&id);
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    async fn init(&mut self, payload: Option<Value>) -> Result<(), Close> {
        if self.is_known {
            return Err(Close(4429, "Too many initialisation requests"));
        }
        let parameters = match payload {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(parameters)) => parameters,
            Some(_) => return Err(Close(4400, "Invalid message")),
        };
        let authorization = parameters.iter().find(|(name, _)| name.eq_ignore_ascii_case("authorization"));
        self.authorization = match authorization.map(|(_, value)| value) {
            None | Some(Value::Null) => None,
            Some(Value::String(value)) => Some(value.as_str().into()),
            Some(_) => return Err(Close(4403, "Forbidden")),
        };
        let viewer = self.authenticate().await?;
        let principal = match &viewer {
            Some(viewer) => Principal::User(viewer.user_id),
            None => Principal::visitors(self.peer.address),
        };
        self.seat = self.api.seats.take(principal);
        if self.seat.is_none() {
            return Err(Close(4429, "Too many connections"));
        }
        self.ending = viewer.map(|viewer| self.api.services.accounts.ending(viewer.session_id));
        self.deadline.set(sleep_until(Instant::now()));
        self.say(json!({ "type": "connection_ack" }).to_string()).await
    }

    /// Looks who it is, anew for each operation: a session may have ended since the last one.
    async fn authenticate(&mut self) -> Result<Option<Viewer>, Close> {
        let viewer = match &self.authorization {
            None => None,
            Some(authorization) => match self.api.authenticate(authorization).await {
                Ok((viewer, until)) => {
                    self.proven_until = Some(until);
                    Some(viewer)
                }
                Err(Rejection::Unauthenticated) => return Err(Close(4403, "Forbidden")),
                Err(_) => return Err(Close(1013, "Try again later")),
            },
        };
        self.is_known = true;
        Ok(viewer)
    }

    async fn subscribe(&mut self, id: String, payload: Payload) -> Result<(), Close> {
        if !self.is_known {
            return Err(Close(4401, "Unauthorized"));
        }
        if id.is_empty() || id.len() > 255 {
            return Err(Close(4400, "Invalid message"));
        }
        if self.operations.contains_key(&id) {
            return Err(Close(4409, "Subscriber already exists"));
        }
        let asked = payload.asked()?;
        let viewer = self.authenticate().await?;
        let operation = match self.api.admit(asked).await {
            Ok(operation) => operation,
            Err(error) => return self.say(errors(&id, &[*error])).await,
        };
        if operation.kind != OperationType::Subscription {
            let (api, caller) = (Arc::clone(&self.api), Caller::new(viewer, self.peer.device.clone()));
            let answer = async move { api.execute(operation, caller, &RequestId::new().0).await };
            self.operations.insert(id.clone(), Running::request(&id, answer));
            return Ok(());
        }
        if self.subscriptions() >= self.api.limits.operations {
            let message = "This connection has as many subscriptions as it may.";
            return self.say(errors(&id, &[refused("BAD_USER_INPUT", message)])).await;
        }
        let subscriber = Subscriber { viewer, authorization: self.authorization.clone() };
        // Waited for: what the client does next it will hear of.
        match live::subscribe(&self.api, operation, subscriber).await {
            Ok(member) => {
                self.operations.insert(id.clone(), Running::subscription(&id, member));
                Ok(())
            }
            Err(refused) => self.say(errors(&id, &refused)).await,
        }
    }
}

/// Waits for something that may not be expected at all.
async fn due(something: &mut Option<Pin<Box<impl Future<Output = ()>>>>) {
    match something {
        Some(something) => something.as_mut().await,
        None => std::future::pending().await,
    }
}

fn unreadable(error: &axum::Error) -> Close {
    let text = error.to_string();
    if text.contains("too long") || text.contains("too big") || text.contains("exceeds") {
        Close(1009, "Message too big")
    } else {
        Close(1002, "Protocol error")
    }
}
