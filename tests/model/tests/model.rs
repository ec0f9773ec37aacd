//! Every promise holds while all guards stand, fails when those that serve it are gone, and is kept by just the sets that are written down.

use model::{
    Guard, Guards, Promise,
    booking::{self, Booking, Goal, Start},
    events::{self, Events},
};
use stateright::{Checker, HasDiscoveries, Model};
use std::{
    collections::BTreeSet,
    fmt::{Debug, Write},
    hash::Hash,
};

/// Who meets whom.
const SCENARIOS: [[Goal; 2]; 6] = [
    [Goal::Book(Start::Early), Goal::Book(Start::Early)],
    [Goal::Book(Start::Early), Goal::Book(Start::Late)],
    [Goal::HoldThenBook(Start::Early), Goal::Book(Start::Late)],
    [Goal::HoldThenBook(Start::Early), Goal::HoldThenBook(Start::Late)],
    [Goal::BookThenMove(Start::Early), Goal::Book(Start::Late)],
    [Goal::HoldThenBook(Start::Early), Goal::BookThenMove(Start::Early)],
];

/// What was found: of `names`, or of all properties.
fn discoveries<M>(model: M, names: &[&'static str]) -> BTreeSet<&'static str>
where
    M: Model + Send + Sync + 'static,
    M::State: Hash + Send + Sync + Clone + PartialEq + Debug,
    M::Action: Clone + PartialEq + Debug + Send + Sync,
{
    let wanted = match names {
        [] => HasDiscoveries::All,
        names => HasDiscoveries::AnyOf(names.iter().copied().collect()),
    };
    let checker = model.checker().finish_when(wanted).spawn_bfs().join();
    checker.discoveries().into_keys().collect()
}

fn book(goals: [Goal; 2], guards: Guards) -> Booking {
    Booking { goals, guards, locks_expire: true }
}

/// Whether a promise of bookings is kept, whoever meets.
fn bookings_keep(promise: &Promise, guards: Guards) -> bool {
    SCENARIOS.iter().all(|goals| !discoveries(book(*goals, guards), &[promise.name]).contains(promise.name))
}

fn events_keep(promise: &Promise, guards: Guards) -> bool {
    !discoveries(Events { guards, loses: true }, &[promise.name]).contains(promise.name)
}

/// The smallest sets of its guards that keep a promise, the guards of other promises standing. What contains such a set is not tried:
/// one guard more breaks nothing.
fn smallest(promise: &Promise, keep: fn(&Promise, Guards) -> bool) -> Vec<Vec<Guard>> {
    let guards = promise.served_by;
    let mut sets: Vec<usize> = (0..1 << guards.len()).collect();
    sets.sort_by_key(|set| set.count_ones());
    let mut sufficient: Vec<usize> = Vec::new();
    let members = |set: usize| {
        let is_in = |place: &usize| set & (1 << place) != 0;
        (0..guards.len()).filter(is_in).map(|place| guards[place]).collect::<Vec<_>>()
    };
    for set in sets {
        if sufficient.iter().any(|smaller| set & smaller == *smaller) {
            continue;
        }
        if keep(promise, Guards::ALL.without(guards).with(&members(set))) {
            sufficient.push(set);
        }
    }
    sufficient.into_iter().map(members).collect()
}

fn assert_suffices(promises: &[Promise], keep: fn(&Promise, Guards) -> bool) {
    for promise in promises {
        assert_eq!(smallest(promise, keep), promise.suffices, "{}", promise.name);
    }
}

/// What each guard does for each promise, as Markdown.
fn table() -> String {
    let mut table = "| promise | guard | alone | without it |\n|---|---|---|---|\n".to_owned();
    for promise in booking::PROMISES.iter().chain(events::PROMISES) {
        for (place, guard) in promise.served_by.iter().enumerate() {
            let name = if place == 0 { promise.name } else { "" };
            let alone = if promise.suffices.contains(&&[*guard][..]) { "kept" } else { "broken" };
            let without = promise.suffices.iter().any(|set| !set.contains(guard));
            let without = if without { "kept" } else { "broken" };
            let _ = writeln!(table, "| {name} | {} | {alone} | {without} |", guard.name());
        }
    }
    table
}

#[test]
fn every_promise_of_bookings_is_kept_whoever_meets() {
    let mut reached = BTreeSet::new();
    for goals in SCENARIOS {
        let checker = book(goals, Guards::ALL).checker().finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
        for promise in booking::PROMISES {
            checker.assert_no_discovery(promise.name);
        }
        println!("{goals:?}: {} states", checker.unique_state_count());
        reached.extend(checker.discoveries().into_keys());
    }
    assert_eq!(reached, booking::REACHED.iter().copied().collect());
}

#[test]
fn every_promise_of_events_is_kept_whatever_the_bus_does() {
    let checker = Events { guards: Guards::ALL, loses: true }
        .checker()
        .finish_when(HasDiscoveries::AnyFailures)
        .spawn_bfs()
        .join();
    for promise in events::PROMISES {
        checker.assert_no_discovery(promise.name);
    }
    println!("events: {} states", checker.unique_state_count());
    assert_eq!(checker.discoveries().into_keys().collect::<BTreeSet<_>>(), events::REACHED.iter().copied().collect());
}

#[test]
fn a_promise_is_broken_when_every_guard_that_serves_it_is_gone() {
    for promise in booking::PROMISES {
        assert!(!bookings_keep(promise, Guards::ALL.without(promise.served_by)), "{}", promise.name);
    }
    for promise in events::PROMISES {
        assert!(!events_keep(promise, Guards::ALL.without(promise.served_by)), "{}", promise.name);
    }
}

#[test]
fn bookings_are_kept_right_by_the_guards_that_are_written_down() {
    assert_suffices(booking::PROMISES, bookings_keep);
}

#[test]
fn events_are_kept_right_by_the_guards_that_are_written_down() {
    assert_suffices(events::PROMISES, events_keep);
}

#[test]
fn the_architecture_shows_what_was_found() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../ARCHITECTURE.md"));
    let table = table();
    assert!(page.is_ok_and(|page| page.contains(&table)), "ARCHITECTURE.md is to have this table:\n{table}");
}

#[test]
fn the_lock_alone_would_do_if_it_never_expired_and_all_wanted_the_same_start() {
    let promise = &booking::PROMISES[0];
    let guards = Guards::ALL.without(promise.served_by).with(&[Guard::Lock]);
    let finds = |goals, locks_expire| {
        let found = discoveries(Booking { goals, guards, locks_expire }, &[promise.name]);
        found.contains(promise.name)
    };
    assert!(!finds(SCENARIOS[0], false));
    assert!(finds(SCENARIOS[0], true), "its time is over while its holder goes on");
    assert!(finds(SCENARIOS[1], false), "the times overlap, and have locks of their own");
}

#[test]
fn the_relay_alone_would_do_if_the_bus_lost_nothing() {
    let promise = &events::PROMISES[1];
    let guards = Guards::ALL.without(promise.served_by);
    let finds = |guards, loses| discoveries(Events { guards, loses }, &[promise.name]).contains(promise.name);
    assert!(!finds(guards.with(&[Guard::Relay, Guard::GapReading]), false));
    assert!(finds(guards.with(&[Guard::Publishing, Guard::GapReading]), false), "a process dies before it publishes");
    assert!(finds(guards.with(&[Guard::Relay, Guard::GapReading]), true), "the last message is lost");
}
