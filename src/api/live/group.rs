//! Those who share a subscription.

use super::{
    Key, Subscriber,
    answer::{Answers, Delivery, Soon, Told, ends, errors_of, refusal},
};
use crate::{
    calendar::Cursor,
    graphql::{Caller, Happening, News, Phase, Source},
    kernel::{
        id::SessionId,
        rejection::{Internal, Rejection},
    },
};
use async_graphql::ServerError;
use futures_util::{StreamExt, stream::BoxStream};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{mpsc, oneshot},
    time::{MissedTickBehavior, interval},
};

/// How often a group looks who has gone.
const ROUND: Duration = Duration::from_secs(5);

/// Somebody who wants to share.
pub struct Join {
    pub sender: mpsc::Sender<Told>,
    pub subscriber: Subscriber,
    pub after: Option<Cursor>,
    pub reply: oneshot::Sender<Result<BoxStream<'static, Delivery>, Arc<Vec<ServerError>>>>,
}

struct Sharer {
    sender: mpsc::Sender<Told>,
    subscriber: Subscriber,
}

/// Those who share a subscription, and its source.
pub struct Group {
    answers: Arc<Answers>,
    source: Box<dyn Source>,
    sharers: Vec<Sharer>,
    /// Who has missed something, by the mark that they wait for.
    waiting: Vec<(u64, Join)>,
}

impl Group {
    /// Opens the source and goes on until nobody shares it.
    pub async fn run(answers: Arc<Answers>, key: Key, mut joins: mpsc::Receiver<Join>, caller: Caller) {
        let source = match open(&answers, &caller).await {
            Ok(source) => source,
            Err(errors) => {
                answers.api.live.groups().remove(&key);
                return turn_away(joins, Vec::new(), &errors).await;
            }
        };
        let mut group = Self { answers, source, sharers: Vec::new(), waiting: Vec::new() };
        let mut rounds = interval(ROUND);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                Some(join) = joins.recv() => group.join(join),
                news = group.source.next() => match news {
                    Ok(News::Happened(happenings)) => for happening in happenings {
                        group.deliver(&happening).await;
                    },
                    Ok(News::Mark(mark)) => group.admit(mark),
                    Err(rejection) => {
                        group.answers.api.live.groups().remove(&key);
                        let errors = errors_of(rejection);
                        for sharer in &group.sharers {
                            let _ = sharer.sender.try_send(Told::Now(Delivery::End(Arc::clone(&errors))));
                        }
                        return turn_away(joins, group.waiting, &errors).await;
                    }
                },
                _ = rounds.tick() => {
                    if group.is_left() && group.answers.api.live.forget(&key, &joins) {
                        return;
                    }
                }
            }
        }
    }

    fn join(&mut self, join: Join) {
        if join.after.is_some() {
            // What was missed is read when everything that is in the cursor has come here too.
            self.waiting.push((self.source.mark(), join));
        } else {
            self.add(join);
        }
    }

    fn admit(&mut self, mark: u64) {
        for (wanted, join) in std::mem::take(&mut self.waiting) {
            if wanted <= mark {
                self.add(join);
            } else {
                self.waiting.push((wanted, join));
            }
        }
    }

    fn add(&mut self, join: Join) {
        let Join { sender, subscriber, after, reply } = join;
        let (answers, who) = (Arc::clone(&self.answers), subscriber.clone());
        let missed = self.source.join(after).filter_map(move |missed| {
            let (answers, who) = (Arc::clone(&answers), who.clone());
            async move {
                match missed {
                    Ok(happening) => answers.missed(&happening, &who).await,
                    Err(rejection) => Some(refusal(rejection)),
                }
            }
        });
        // Whoever does not wait any more is not added.
        if reply.send(Ok(missed.boxed())).is_ok() {
            self.sharers.push(Sharer { sender, subscriber });
        }
    }

    async fn deliver(&mut self, happening: &Happening) {
        let answers = &self.answers;
        let common = answers.common(happening).await;
        let mut by_session: HashMap<Option<SessionId>, Soon> = HashMap::new();
        self.sharers.retain(|Sharer { sender, subscriber }| {
            let told = match &common {
                Some(None) => return true,
                Some(Some(answer)) => Told::Now(answer.clone()),
                None => {
                    let session = subscriber.viewer.as_ref().map(|viewer| viewer.session_id);
                    let soon = by_session.entry(session).or_insert_with(|| answers.soon(happening, subscriber));
                    Told::Soon(soon.clone())
                }
            };
            let is_last = matches!(told, Told::Now(Delivery::End(_)));
            // Whoever is gone, or too slow, is let go: the others must not wait. The slow one is told by the end of the queue.
            sender.try_send(told).is_ok() && !is_last
        });
    }

    /// Whether nobody shares it any more.
    fn is_left(&mut self) -> bool {
        self.sharers.retain(|sharer| !sharer.sender.is_closed());
        self.waiting.retain(|(_, join)| !join.sender.is_closed());
        self.answers.forget_old();
        self.sharers.is_empty() && self.waiting.is_empty()
    }
}

/// Tells those who are about to join why they cannot. Whoever comes from now on begins anew.
async fn turn_away(mut joins: mpsc::Receiver<Join>, waiting: Vec<(u64, Join)>, errors: &Arc<Vec<ServerError>>) {
    joins.close();
    for (_, join) in waiting {
        let _ = join.reply.send(Err(Arc::clone(errors)));
    }
    while let Some(join) = joins.recv().await {
        let _ = join.reply.send(Err(Arc::clone(errors)));
    }
}

async fn open(answers: &Answers, caller: &Caller) -> Result<Box<dyn Source>, Arc<Vec<ServerError>>> {
    let place = Arc::new(Mutex::new(None));
    let phase = Phase::Open(Arc::clone(&place));
    let request_id = crate::api::trace::RequestId::new().0;
    let answer = answers.api.run_phase(&answers.operation, caller, phase, &request_id).await;
    if let Some(answer) = answer.filter(ends) {
        return Err(Arc::new(answer.errors));
    }
    let source = place.lock().unwrap_or_else(PoisonError::into_inner).take();
    let missing = || errors_of(Rejection::Internal(Internal::new("a subscription without a source")));
    source.ok_or_else(missing)
}
