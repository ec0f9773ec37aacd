//! The protocol of bookings and of their events as two models that meet at the log: [`booking`] writes it, [`events`] brings it to those
//! who watch. The crate `stateright` visits every interleaving of their steps, with crashes, locks that expire, lost answers, lost
//! and repeated messages at every point. Every guard can be taken out, and the tests show what breaks then.

pub mod booking;
pub mod events;
mod guard;

pub use guard::{Guard, Guards};

/// A promise, the guards that serve it, and which sets of them keep it.
#[derive(Clone, Copy, Debug)]
pub struct Promise {
    /// What is promised, as the property is called.
    pub name: &'static str,
    /// Every guard that serves it.
    pub served_by: &'static [Guard],
    /// The smallest sets of these that suffice.
    pub suffices: &'static [&'static [Guard]],
}
