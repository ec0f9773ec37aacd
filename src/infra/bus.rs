//! Messages from process to process, fast and without a promise: whoever needs every message reads the rest from the database.

use super::redis::{Down, Redis};
use crate::infra::supervise::supervise;
use fred::{
    clients::SubscriberClient,
    prelude::{Builder, ClientLike, Config, EventInterface, PubsubInterface, ReconnectPolicy},
};
use std::{fmt, sync::Arc, time::Duration};
use tokio::{
    sync::broadcast::{self, error::RecvError},
    task::AbortHandle,
    time::{interval, timeout},
};

/// How many signals wait for a process that is busy with others.
const CAPACITY: usize = 4_096;

/// What comes over the bus.
#[derive(Clone, Debug)]
pub enum Signal {
    /// A message.
    Message(Arc<str>),
    /// Messages may have been lost.
    Gap,
}

/// Carries messages to every process that listens, this one included.
#[async_trait::async_trait]
pub trait Bus: fmt::Debug + Send + Sync {
    /// Sends messages, in order.
    async fn publish(&self, messages: Vec<String>) -> Result<(), Down>;

    /// Listens from now on.
    fn listen(&self) -> Listener;
}

/// Hears what comes over the bus.
#[derive(Debug)]
pub struct Listener(broadcast::Receiver<Signal>);

impl Listener {
    /// The next signal; a gap where this listener was too slow.
    pub async fn next(&mut self) -> Signal {
        match self.0.recv().await {
            Ok(signal) => signal,
            Err(RecvError::Lagged(_)) => Signal::Gap,
            // The sender lives as long as the process: there will be nothing any more.
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

/// A bus within this process.
#[derive(Debug)]
pub struct LocalBus {
    sender: broadcast::Sender<Signal>,
}

impl Default for LocalBus {
    fn default() -> Self {
        Self { sender: broadcast::Sender::new(CAPACITY) }
    }
}

#[async_trait::async_trait]
impl Bus for LocalBus {
    async fn publish(&self, messages: Vec<String>) -> Result<(), Down> {
        for message in messages {
            // Nobody may be listening.
            let _ = self.sender.send(Signal::Message(message.into()));
        }
        Ok(())
    }

    fn listen(&self) -> Listener {
        Listener(self.sender.subscribe())
    }
}

/// A channel of Redis pub/sub: published with one client, received with one that subscribes again by itself.
#[derive(Debug)]
pub struct RedisBus {
    redis: Redis,
    channel: String,
    sender: broadcast::Sender<Signal>,
}

impl RedisBus {
    /// A bus over `channel` of the Redis at `url`. It begins to listen when Redis can be reached.
    #[must_use]
    pub fn new(redis: Redis, url: String, channel: String) -> Self {
        let sender = broadcast::Sender::new(CAPACITY);
        let (signals, subscribed) = (sender.clone(), channel.clone());
        supervise("bus", move || receive(url.clone(), subscribed.clone(), signals.clone()));
        Self { redis, channel, sender }
    }
}

#[async_trait::async_trait]
impl Bus for RedisBus {
    async fn publish(&self, messages: Vec<String>) -> Result<(), Down> {
        let mut pipeline = redis::pipe();
        for message in &messages {
            pipeline.publish(&self.channel, message).ignore();
        }
        self.redis.run(|mut connection| async move { pipeline.query_async(&mut connection).await }).await
    }

    fn listen(&self) -> Listener {
        Listener(self.sender.subscribe())
    }
}

async fn receive(url: String, channel: String, signals: broadcast::Sender<Signal>) -> anyhow::Result<()> {
    let client = Builder::from_config(Config::from_url(&url)?)
        .with_connection_config(|connection| connection.connection_timeout = Duration::from_secs(2))
        .with_performance_config(|performance| performance.broadcast_channel_capacity = CAPACITY)
        .set_policy(ReconnectPolicy::new_exponential(0, 100, 5_000, 2))
        .build_subscriber_client()?;
    let mut messages = client.message_rx();
    let mut reconnections = client.reconnect_rx();
    let tasks = [client.connect().abort_handle(), client.manage_subscriptions().abort_handle()];
    let _stop = Stop { client: client.clone(), tasks };
    // A client that could not connect at first would wait here for ever: a new one is made instead.
    timeout(Duration::from_secs(5), client.subscribe(channel)).await??;
    // What was published before is in the log.
    let _ = signals.send(Signal::Gap);
    let mut check = interval(Duration::from_secs(2));
    loop {
        tokio::select! {
            message = messages.recv() => match message {
                Ok(message) => if let Some(text) = message.value.as_string() {
                    let _ = signals.send(Signal::Message(text.into()));
                },
                Err(RecvError::Lagged(_)) => { let _ = signals.send(Signal::Gap); },
                Err(RecvError::Closed) => break,
            },
            _ = reconnections.recv() => { let _ = signals.send(Signal::Gap); },
            // A connection that is dead at the other end says nothing, for ever.
            _ = check.tick() => if !is_alive(&client).await {
                let _ = client.force_reconnection().await;
            },
        }
    }
    anyhow::bail!("the subscriber ended")
}

async fn is_alive(client: &SubscriberClient) -> bool {
    matches!(timeout(Duration::from_secs(1), client.ping::<()>(None)).await, Ok(Ok(())))
}

/// Ends what the client does in the background when its task ends.
struct Stop {
    client: SubscriberClient,
    tasks: [AbortHandle; 2],
}

impl Drop for Stop {
    fn drop(&mut self) {
        let client = self.client.clone();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { timeout(Duration::from_secs(1), client.quit()).await });
        }
        for task in &self.tasks {
            task.abort();
        }
    }
}
