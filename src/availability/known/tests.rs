//! What is found in order is what looking at everything finds, whatever has happened and however much time has passed.

use super::{
    calendar::{Ask, DoctorCalendar, HORIZON, Offered},
    memory::Memory,
    merge::{Merge, Position, position},
};
use crate::{
    availability::{
        model::{Claim, Offer, Rule, Slot, SlotQuery, SlotStatus, Weekday},
        service::schedule,
        store::Hours,
    },
    calendar::{CalendarEvent, Change},
    directory::{Doctor, DoctorFilter},
    kernel::{
        id::{AvailabilityRuleId, ClinicId, SpecialtyId, VisitTypeId},
        interval::Interval,
        local_time::LocalTime,
    },
};
use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use uuid::Uuid;

fn noon() -> DateTime<Utc> {
    "2026-03-06T12:00:00Z".parse().unwrap()
}

fn any_rule() -> impl Strategy<Value = Rule> {
    let weekdays = vec![Weekday::Mon, Weekday::Wed, Weekday::Fri, Weekday::Sat, Weekday::Sun];
    let slot = prop::sample::select(vec![15, 30, 45]);
    (prop::sample::select(weekdays), 0_i16..1440, 1_i16..1440, slot).prop_map(
        |(weekday, start, length, slot_minutes)| Rule {
            id: AvailabilityRuleId::new(),
            weekday,
            start: LocalTime::from_minutes(start).unwrap(),
            end: LocalTime::from_minutes((start + length) % 1440).unwrap(),
            slot_minutes,
            effective_from: None,
            effective_until: None,
        },
    )
}

/// Claims one after the other: bookings, holds, and bookings that must be paid in time.
fn any_claims() -> impl Strategy<Value = Vec<Claim>> {
    prop::collection::vec((0_i64..400, 5_i64..400, any::<bool>(), prop::option::of(0_i64..5_000)), 0..14).prop_map(
        |claims| {
            let mut end = noon() - TimeDelta::hours(6);
            let claim = |(pause, length, is_hold, expiry): (i64, i64, bool, Option<i64>)| {
                let start = end + TimeDelta::minutes(pause);
                end = start + TimeDelta::minutes(length);
                let visit = Interval { start, end };
                let expires_at = expiry.or(is_hold.then_some(10)).map(|minutes| noon() + TimeDelta::minutes(minutes));
                Claim { visit, occupied: visit, is_hold, expires_at }
            };
            claims.into_iter().map(claim).collect()
        },
    )
}

fn any_calendar() -> impl Strategy<Value = DoctorCalendar> {
    let zone = prop::sample::select(vec!["UTC", "America/New_York", "Pacific/Kiritimati"]);
    let settings = (zone, 0_i32..600, 0_i32..6, prop::bool::weighted(0.9), 0_i32..20);
    (prop::collection::vec(any_rule(), 0..4), any_claims(), settings, 0_u128..2, 0_u128..2).prop_map(
        |(rules, claims, (zone, min_notice_minutes, max_advance_days, active, buffer_minutes), clinic, specialty)| {
            let doctor = Doctor {
                time_zone: zone.parse().unwrap(),
                buffer_minutes,
                min_notice_minutes,
                max_advance_days,
                active,
                ..Doctor::of(ClinicId(Uuid::from_u128(clinic)))
            };
            DoctorCalendar {
                schedule: schedule(&doctor, Hours { rules, overrides: Vec::new() }),
                doctor,
                read_at: noon(),
                known_until: noon() + HORIZON + TimeDelta::days(30),
                specialty_ids: vec![SpecialtyId(Uuid::from_u128(specialty))],
                visit_types: vec![Offered { id: VisitTypeId::new(), offer: Offer::lasting(Some(40), 0), active: true }],
                claims,
            }
        },
    )
}

#[derive(Clone, Debug)]
struct Asked {
    filter: DoctorFilter,
    duration: Option<i32>,
    statuses: Vec<SlotStatus>,
    from: i64,
    length: i64,
    page: usize,
}

fn any_asked() -> impl Strategy<Value = Asked> {
    use SlotStatus::{Booked, Held, Open};
    let statuses =
        prop::sample::select(vec![vec![Open], vec![Open], vec![Held], vec![Booked], vec![Open, Held, Booked]]);
    let clinic = prop::option::of((0_u128..2).prop_map(|id| ClinicId(Uuid::from_u128(id))));
    let specialty = prop::option::of((0_u128..2).prop_map(|id| SpecialtyId(Uuid::from_u128(id))));
    let duration = prop::option::of(prop::sample::select(vec![20, 60]));
    (clinic, specialty, duration, statuses, 0_i64..4_000, 1_i64..8_000, 1_usize..9).prop_map(
        |(clinic_id, specialty_id, duration, statuses, from, length, page)| Asked {
            filter: DoctorFilter { specialty_id, clinic_id, ..DoctorFilter::default() },
            duration,
            statuses,
            // Half of them ask for the present.
            from: if from < 2_000 { 0 } else { from },
            length,
            page,
        },
    )
}

fn ids(slots: &[Slot]) -> Vec<(Position, SlotStatus)> {
    slots.iter().map(|slot| (position(slot), slot.status)).collect()
}

/// All that is there, looked at one by one.
fn by_looking(memory: &Memory, asked: &Asked, query: &SlotQuery, now: DateTime<Utc>) -> Vec<Slot> {
    let all = memory.all(now);
    let matching = all.iter().filter(|calendar| calendar.matches(&asked.filter));
    let mut found: Vec<_> = matching.flat_map(|calendar| calendar.slots(&Ask { query, now }, query.range)).collect();
    found.sort_unstable_by_key(position);
    found
}

/// The same page by page.
async fn by_pages(memory: &Memory, asked: &Asked, query: &SlotQuery, now: DateTime<Utc>) -> Vec<Slot> {
    let mut found: Vec<Slot> = Vec::new();
    loop {
        let after = found.last().map(position);
        let range = Interval { start: after.map_or(query.range.start, |(start, _)| start), ..query.range };
        let (first_only, size, doctors) = (false, asked.page, &asked.filter);
        let merge = Merge { query, doctors, among: None, range, after, first_only, size };
        let page = if asked.statuses == [SlotStatus::Open] {
            merge.in_order(memory, now).await
        } else {
            merge.among_these(memory, memory.all(now), now).await
        };
        found.extend(&page);
        if page.len() < asked.page {
            return found;
        }
    }
}

proptest! {
    #[test]
    fn the_earliest_slots_are_those_that_looking_at_everybody_finds(
        calendars in prop::collection::vec(any_calendar(), 1..8),
        news in prop::collection::vec((any::<prop::sample::Index>(), any_claims()), 0..4),
        passed in prop::collection::vec((0_i64..1_500, any::<bool>(), any_asked()), 1..4),
    ) {
        let memory = Memory::new();
        let ids_known: Vec<_> = calendars.iter().map(|calendar| calendar.doctor.id).collect();
        memory.insert(calendars, noon());
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut news = news.into_iter();
        let mut now = noon();
        for (minutes, raises, asked) in passed {
            if let Some((who, claims)) = news.next() {
                let known = memory.find(ids_known[who.index(ids_known.len())]).unwrap();
                let doctor = Doctor { calendar_version: known.version() + 1, ..known.doctor.clone() };
                memory.insert(vec![DoctorCalendar { doctor, claims, ..(*known).clone() }], now);
            }
            now += TimeDelta::minutes(minutes);
            if raises {
                while !memory.raise(now) {}
            }
            let start = now + TimeDelta::minutes(asked.from);
            let query = SlotQuery {
                range: Interval { start, end: start + TimeDelta::minutes(asked.length) },
                visit_type_id: None,
                duration_minutes: asked.duration,
                statuses: asked.statuses.clone(),
            };
            let found = runtime.block_on(by_pages(&memory, &asked, &query, now));
            prop_assert_eq!(ids(&found), ids(&by_looking(&memory, &asked, &query, now)));
        }
    }

    #[test]
    fn doctors_stand_in_the_order_of_their_first_slots(
        calendars in prop::collection::vec(any_calendar(), 1..8), asked in any_asked(), minutes in 0_i64..3_000,
    ) {
        let memory = Memory::new();
        memory.insert(calendars, noon());
        let now = noon() + TimeDelta::minutes(minutes);
        let range = Interval { start: now, end: now + TimeDelta::days(30) };
        let (visit_type_id, statuses) = (None, vec![SlotStatus::Open]);
        let query = SlotQuery { range, visit_type_id, duration_minutes: None, statuses };
        let mut seen = std::collections::HashSet::new();
        let mut firsts = by_looking(&memory, &asked, &query, now);
        firsts.retain(|slot| seen.insert(slot.key.doctor_id));
        let size = usize::MAX;
        let merge =
            Merge { query: &query, doctors: &asked.filter, among: None, range, after: None, first_only: true, size };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        prop_assert_eq!(ids(&runtime.block_on(merge.in_order(&memory, now))), ids(&firsts));
        if let Some(first) = firsts.first() {
            let (start, (id, _)) = position(first);
            let merge = Merge { after: Some((start, (id, i32::MAX))), ..merge };
            prop_assert_eq!(ids(&runtime.block_on(merge.in_order(&memory, now))), ids(&firsts[1..]));
        }
    }

    #[test]
    fn what_is_known_as_far_as_the_horizon_is_not_given_up_for_a_part_of_it(
        calendar in any_calendar(), newer in 0_i32..3,
    ) {
        let memory = Memory::new();
        let id = calendar.doctor.id;
        let doctor = Doctor { calendar_version: calendar.version() + newer, ..calendar.doctor.clone() };
        let part = DoctorCalendar { doctor, known_until: noon() + TimeDelta::days(15), ..calendar.clone() };
        memory.insert(vec![part.clone()], noon());
        prop_assert_eq!(memory.all(noon()).len(), 0);
        memory.insert(vec![DoctorCalendar { doctor: part.doctor.clone(), ..calendar.clone() }], noon());
        prop_assert!(memory.find(id).unwrap().is_whole(noon()));
        let memory = Memory::new();
        memory.insert(vec![calendar], noon());
        memory.insert(vec![part], noon());
        prop_assert!(memory.find(id).unwrap().is_whole(noon()));
        prop_assert_eq!(memory.all(noon()).len(), 1);
    }

    #[test]
    fn what_is_shared_comes_back_as_it_was(calendar in any_calendar()) {
        let json = serde_json::to_vec(&calendar).unwrap();
        let back: DoctorCalendar = serde_json::from_slice(&json).unwrap();
        prop_assert_eq!(format!("{calendar:?}"), format!("{back:?}"));
    }

    #[test]
    fn a_calendar_after_an_event_has_the_claims_that_were_read_for_it_and_all_others(
        calendar in any_calendar(), later in any_claims(), from in 0_i64..3_000, length in 1_i64..600,
    ) {
        let start = noon() - TimeDelta::hours(6) + TimeDelta::minutes(from);
        let time = Interval { start, end: start + TimeDelta::minutes(length) };
        let at = |claims: &[Claim]| -> Vec<_> {
            claims.iter().filter(|claim| claim.occupied.overlaps(&time)).copied().collect()
        };
        let event = CalendarEvent {
            id: 1, doctor_id: calendar.doctor.id, version: 2, change: Change::Taken(time), occurred_at: noon(),
        };
        let read = at(&later);
        let others = |claims: &[Claim]| claims.iter().filter(|claim| !claim.occupied.overlaps(&time)).count();
        let untouched = others(&calendar.claims);
        let after = calendar.after(&[event], &read);
        prop_assert_eq!(after.version(), 2);
        prop_assert_eq!(at(&after.claims), read);
        prop_assert_eq!(others(&after.claims), untouched);
    }
}
