//! How many sockets somebody has.

use crate::kernel::id::UserId;
use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Somebody who has sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Principal {
    /// Somebody who has signed in.
    User(UserId),
    /// The visitors at an address.
    Visitors(IpAddr),
}

impl Principal {
    /// The visitors at this address. A household has 2^64 addresses of version 6: they count as one.
    pub fn visitors(address: IpAddr) -> Self {
        Self::Visitors(match address.to_canonical() {
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
            address @ IpAddr::V4(_) => address,
        })
    }
}

/// How many sockets there may be.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// Of one user.
    pub user: usize,
    /// Of the visitors at one address.
    pub visitors: usize,
}

/// Who has how many sockets on this process.
#[derive(Debug)]
pub struct Seats {
    room: Option<Room>,
    taken: Mutex<HashMap<Principal, usize>>,
}

/// A socket that counts until it is closed.
#[derive(Debug)]
pub struct Seat(Arc<Seats>, Principal);

impl Seats {
    /// So many for each; any number where nothing is said.
    #[must_use]
    pub fn new(room: Option<Room>) -> Arc<Self> {
        Arc::new(Self { room, taken: Mutex::default() })
    }

    /// A seat for one more socket; none where there are as many as there may be.
    #[must_use]
    pub fn take(self: &Arc<Self>, principal: Principal) -> Option<Seat> {
        let most = self.room.map_or(usize::MAX, |room| match principal {
            Principal::User(_) => room.user,
            Principal::Visitors(_) => room.visitors,
        });
        let mut taken = self.taken();
        let count = taken.entry(principal).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Seat(Arc::clone(self), principal))
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<Principal, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let Self(seats, principal) = self;
        let mut taken = seats.taken();
        match taken.get_mut(principal) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                taken.remove(principal);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_household_are_one_and_a_seat_that_is_given_back_is_free() {
        let seats = Seats::new(Some(Room { user: 1, visitors: 2 }));
        let sit = |address: &str| seats.take(Principal::visitors(address.parse().unwrap()));
        let first = sit("2001:db8:1:2::1").unwrap();
        let _second = sit("2001:db8:1:2:ffff::2").unwrap();
        assert!(sit("2001:db8:1:2::3").is_none());
        let _elsewhere = sit("2001:db8:1:3::3").unwrap();
        drop(first);
        let _third = sit("2001:db8:1:2::3").unwrap();
        let _mapped = (sit("192.0.2.1").unwrap(), sit("::ffff:192.0.2.1").unwrap());
        assert!(sit("192.0.2.1").is_none());
        let user = Principal::User(UserId::new());
        drop(seats.take(user));
        let _one = seats.take(user).unwrap();
        assert!(seats.take(user).is_none());
        let endless = Seats::new(None);
        let taken: Vec<_> = (0..1_000).map(|_| endless.take(user).unwrap()).collect();
        drop(taken);
        assert!(endless.taken().is_empty());
    }
}
