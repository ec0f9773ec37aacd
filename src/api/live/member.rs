//! One of those who share a subscription.

use super::answer::{Delivery, refusal};
use crate::{api::allowance::Turn, kernel::rejection::Rejection};
use futures_util::{Stream, StreamExt, stream::BoxStream};
use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};
use tokio::sync::mpsc;

/// What one subscriber is told: first what was missed, then what happens. Ends behind [`Delivery::End`].
pub struct Member {
    /// Given back as soon as it is told.
    missed: Option<BoxStream<'static, Delivery>>,
    deliveries: mpsc::Receiver<Delivery>,
    is_over: bool,
    _turn: Turn,
}

impl Member {
    /// Somebody who missed this, and follows that.
    pub fn new(missed: BoxStream<'static, Delivery>, deliveries: mpsc::Receiver<Delivery>, turn: Turn) -> Self {
        Self { missed: Some(missed), deliveries, is_over: false, _turn: turn }
    }
}

impl Stream for Member {
    type Item = Delivery;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Delivery>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        let missed = match &mut self.missed {
            Some(missed) => ready!(missed.poll_next_unpin(context)),
            None => None,
        };
        let delivery = if let Some(delivery) = missed {
            delivery
        } else {
            self.missed = None;
            // The queue ends without a word where it was full.
            ready!(self.deliveries.poll_recv(context)).unwrap_or_else(|| refusal(Rejection::ResumeRequired))
        };
        self.is_over = matches!(delivery, Delivery::End(_));
        Poll::Ready(Some(delivery))
    }
}
