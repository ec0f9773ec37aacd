//! One of those who share a subscription.

use super::answer::{Delivery, Soon, Told, refusal};
use crate::kernel::rejection::Rejection;
use futures_util::{FutureExt, Stream, StreamExt, stream::BoxStream};
use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};
use tokio::sync::mpsc;

/// What one subscriber is told: first what was missed, then what happens. Ends behind [`Delivery::End`].
pub struct Member {
    /// Given back as soon as it is told.
    missed: Option<BoxStream<'static, Delivery>>,
    told: mpsc::Receiver<Told>,
    /// What comes next, when it is made.
    soon: Option<Soon>,
    /// What the subscription costs, until it is told: with the first answer.
    cost: Option<usize>,
    is_over: bool,
}

impl Member {
    /// Somebody who missed this, and follows that; and wants to know what it costs, where that is given.
    pub fn new(missed: BoxStream<'static, Delivery>, told: mpsc::Receiver<Told>, cost: Option<usize>) -> Self {
        Self { missed: Some(missed), told, soon: None, cost, is_over: false }
    }

    fn poll_delivery(&mut self, context: &mut Context<'_>) -> Poll<Delivery> {
        loop {
            if let Some(missed) = &mut self.missed {
                if let Some(delivery) = ready!(missed.poll_next_unpin(context)) {
                    return Poll::Ready(delivery);
                }
                self.missed = None;
            }
            if let Some(soon) = &mut self.soon {
                let made = ready!(soon.poll_unpin(context));
                self.soon = None;
                if let Some(delivery) = made {
                    return Poll::Ready(delivery);
                }
            }
            match ready!(self.told.poll_recv(context)) {
                Some(Told::Now(delivery)) => return Poll::Ready(delivery),
                Some(Told::Soon(soon)) => self.soon = Some(soon),
                // The queue ends without a word where it was full.
                None => return Poll::Ready(refusal(Rejection::ResumeRequired)),
            }
        }
    }
}

impl Stream for Member {
    type Item = Delivery;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Delivery>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        let mut delivery = ready!(self.poll_delivery(context));
        if let Delivery::Answer(answer) = &delivery
            && let Some(cost) = self.cost.take()
        {
            delivery = Delivery::Answer(with_cost(answer, cost).into());
        }
        self.is_over = matches!(delivery, Delivery::End(_));
        Poll::Ready(Some(delivery))
    }
}

/// An answer, as it is for somebody who wants to know what it costs. The answer itself is shared with those who do not.
fn with_cost(answer: &str, cost: usize) -> String {
    let open = answer.strip_suffix('}').unwrap_or(answer);
    format!(r#"{open},"extensions":{{"cost":{cost}}}}}"#)
}
