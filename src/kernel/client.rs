//! Where a request comes from, and against whom it counts.

use super::{id::UserId, viewer::Viewer};
use std::net::{IpAddr, Ipv4Addr};

/// The program that somebody uses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Client {
    /// What it calls itself.
    pub device: Option<String>,
    /// Where it is; of IPv6 only what a household has as a whole, the first 64 bits. Nowhere where the process asks itself.
    pub address: Option<IpAddr>,
}

/// Whose budget a request is paid from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Principal {
    /// Somebody who has signed in, wherever they are.
    User(UserId),
    /// All visitors at one address.
    Visitors(IpAddr),
}

impl Principal {
    /// The user who is signed in, or else the address.
    #[must_use]
    pub fn of(viewer: Option<&Viewer>, client: &Client) -> Self {
        let visitors = Self::Visitors(client.address.unwrap_or(Ipv4Addr::UNSPECIFIED.into()));
        viewer.map_or(visitors, |viewer| Self::User(viewer.user_id))
    }
}
