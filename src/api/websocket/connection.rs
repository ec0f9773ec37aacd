//! A conversation over one socket.

use super::{
    Close, PROTOCOL,
    running::{Running, Saying},
    said::{Payload, Said, authorization},
    start::{Start, authenticate},
};
use crate::{
    accounts::Ending,
    api::{
        allowance::Turn,
        operation::{Api, Lifetime},
    },
    kernel::client::{Client, Principal},
};
use axum::extract::ws::{CloseFrame, Message, WebSocket};
use chrono::{DateTime, Utc};
use futures_util::{FutureExt, SinkExt, StreamExt};
use serde_json::{Value, json};
use std::{ops::ControlFlow, pin::Pin, sync::Arc, time::Duration};
use tokio::{
    sync::Semaphore,
    time::{Instant, Interval, MissedTickBehavior, Sleep, interval_at, sleep, sleep_until, timeout},
};
use tokio_stream::StreamMap;

/// Who takes longer to take a message is gone.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often it is looked whether what is running when the process shall end has come to its end.
const MOMENT: Duration = Duration::from_millis(100);
/// How many messages are written at once.
const AT_ONCE: usize = 64;

const GONE: Close = Close(1001, "Gone");

/// A conversation over one socket.
pub struct Connection {
    api: Arc<Api>,
    socket: WebSocket,
    client: Client,
    /// Counts among the sockets of whoever it is.
    seat: Option<Turn>,
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
    /// When it is closed because the process shall end.
    leaving: Option<Pin<Box<Sleep>>>,
    pings: Interval,
    is_alive: bool,
    operations: StreamMap<String, Running>,
    /// Places for subscriptions.
    places: Arc<Semaphore>,
}

impl Connection {
    /// A conversation that has not begun.
    pub fn new(api: Arc<Api>, socket: WebSocket, client: Client) -> Self {
        let period = Duration::from_secs(api.limits.ping_seconds);
        let mut pings = interval_at(Instant::now() + period, period);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let deadline = Box::pin(sleep(Duration::from_secs(api.limits.init_seconds)));
        let places = Arc::new(Semaphore::new(api.limits.operations));
        Self {
            api,
            socket,
            client,
            seat: None,
            is_known: false,
            authorization: None,
            proven_until: None,
            ending: None,
            deadline,
            leaving: None,
            pings,
            is_alive: true,
            operations: StreamMap::new(),
            places,
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
        loop {
            let ending = self.ending.clone();
            tokio::select! {
                biased;
                () = due(&mut shutdown) => {
                    shutdown = None;
                    self.leaving.get_or_insert_with(|| Box::pin(sleep(Lifetime::moment())));
                }
                () = due(&mut self.leaving) => {
                    // What is running is finished first; it has an end of its own.
                    if self.requests() == 0 {
                        return Err(Close(1012, "Service restart"));
                    }
                    self.leaving = Some(Box::pin(sleep(MOMENT)));
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
    async fn tell(&mut self, id: String, saying: Result<Saying, Close>) -> Result<(), Close> {
        let told = async {
            let (mut next, mut count) = (Some((id, saying)), 0);
            while let Some((id, saying)) = next.take() {
                let Saying { message, is_last } = saying?;
                if is_last {
                    self.operations.remove(&id);
                }
                self.socket.feed(Message::text(message)).await.map_err(|_| GONE)?;
                count += 1;
                if count < AT_ONCE {
                    next = self.operations.next().now_or_never().flatten();
                }
            }
            self.socket.flush().await.map_err(|_| GONE)
        };
        timeout(PATIENCE, told).await.unwrap_or(Err(GONE))
    }

    /// How many queries and mutations are running, and operations of whatever kind are about to.
    fn requests(&self) -> usize {
        self.operations.values().filter(|operation| !operation.is_subscription()).count()
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
            Said::Subscribe { id, payload } => self.subscribe(id, payload)?,
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
        self.authorization = authorization(payload)?;
        let proven = authenticate(&self.api, self.authorization.as_deref(), &self.client).await?;
        self.is_known = true;
        self.proven_until = proven.as_ref().map(|(_, until)| *until);
        let viewer = proven.map(|(viewer, _)| viewer);
        self.seat = self.api.allowance.socket(Principal::of(viewer.as_ref(), &self.client));
        if self.seat.is_none() {
            return Err(Close(4429, "Too many connections"));
        }
        self.ending = viewer.map(|viewer| self.api.services.accounts.ending(viewer.session_id));
        self.deadline.set(sleep_until(Instant::now()));
        self.say(json!({ "type": "connection_ack" }).to_string()).await
    }

    /// Begins an operation, beside whatever else is said.
    fn subscribe(&mut self, id: String, payload: Payload) -> Result<(), Close> {
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
        if self.api.lifetime.shutdown.is_cancelled() {
            // Nothing begins here any more: the client comes again elsewhere, so the sooner the better.
            self.leaving = Some(Box::pin(sleep(Duration::ZERO)));
            return Ok(());
        }
        let start = Start {
            api: Arc::clone(&self.api),
            authorization: self.authorization.clone(),
            client: self.client.clone(),
            places: Arc::clone(&self.places),
            earlier: self.operations.values().filter_map(Running::beginning).collect(),
        };
        let starting = Running::starting(&id, start.run(asked));
        self.operations.insert(id, starting);
        Ok(())
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
