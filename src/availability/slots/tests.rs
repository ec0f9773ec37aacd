//! The worked examples of the rules, and what must hold whatever the rules are.

use super::{
    super::{
        model::{Override, OverrideKind, Rule},
        reasons::reasons,
    },
    *,
};
use crate::kernel::id::{AvailabilityOverrideId, AvailabilityRuleId, DoctorId};
use chrono::Weekday;
use proptest::prelude::*;

const NOW: &str = "2025-12-31T00:00:00Z";

fn instant(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn day(date: &str) -> Interval {
    let start = instant(&format!("{date}T00:00:00Z"));
    Interval { start, end: start + TimeDelta::days(1) }
}

fn schedule(zone: &str, rules: Vec<Rule>, overrides: Vec<Override>) -> Schedule {
    Schedule {
        doctor_id: DoctorId::new(),
        time_zone: zone.parse().unwrap(),
        slot_minutes: 30,
        min_notice_minutes: 0,
        max_advance_days: 366,
        active: true,
        rules,
        overrides,
    }
}

fn rule(weekday: Weekday, start: &str, end: &str, slot_minutes: i32) -> Rule {
    Rule {
        id: AvailabilityRuleId::new(),
        weekday,
        start: start.parse().unwrap(),
        end: end.parse().unwrap(),
        slot_minutes,
        effective_from: None,
        effective_until: None,
    }
}

fn exception(date: &str, kind: OverrideKind, times: Option<(&str, &str)>) -> Override {
    Override {
        id: AvailabilityOverrideId::new(),
        date: date.parse().unwrap(),
        kind,
        times: times.map(|(start, end)| (start.parse().unwrap(), end.parse().unwrap())),
        slot_minutes: None,
        reason: None,
    }
}

fn plain() -> Offer {
    Offer { duration_minutes: None, step_minutes: None, before_minutes: 0, after_minutes: 0 }
}

fn times(found: &[(Candidate, SlotStatus)]) -> String {
    let open = found.iter().filter(|(_, status)| *status == SlotStatus::Open);
    open.map(|(candidate, _)| candidate.visit.start.format("%H:%M").to_string()).collect::<Vec<_>>().join(" ")
}

fn starts(schedule: &Schedule, offer: Offer, date: &str) -> String {
    times(&slots(schedule, &offer, day(date), &[], instant(NOW)))
}

fn booked(start: &str, end: &str) -> Claim {
    {
        let occupied = Interval { start: instant(start), end: instant(end) };
        Claim { visit: occupied, occupied, is_hold: false, expires_at: None }
    }
}

#[test]
fn winter_in_warsaw() {
    let schedule = schedule("Europe/Warsaw", vec![rule(Weekday::Wed, "09:00", "12:00", 30)], vec![]);
    assert_eq!(starts(&schedule, plain(), "2026-01-14"), "08:00 08:30 09:00 09:30 10:00 10:30");
}

#[test]
fn the_afternoon_of_the_day_on_which_clocks_go_forward() {
    let schedule = schedule("America/New_York", vec![rule(Weekday::Sun, "13:00", "18:00", 60)], vec![]);
    assert_eq!(starts(&schedule, plain(), "2026-03-08"), "17:00 18:00 19:00 20:00 21:00");
}

#[test]
fn an_hour_that_does_not_exist_is_not_offered() {
    let schedule = schedule("America/New_York", vec![rule(Weekday::Sun, "01:00", "05:00", 60)], vec![]);
    assert_eq!(starts(&schedule, plain(), "2026-03-08"), "06:00 07:00 08:00");
}

#[test]
fn an_hour_that_comes_twice_is_offered_twice() {
    let schedule = schedule("America/New_York", vec![rule(Weekday::Sun, "01:00", "02:00", 30)], vec![]);
    assert_eq!(starts(&schedule, plain(), "2026-11-01"), "05:00 05:30 06:00 06:30");
}

#[test]
fn a_friday_night_belongs_to_friday_and_reaches_into_saturday() {
    let schedule = schedule("America/New_York", vec![rule(Weekday::Fri, "22:00", "02:00", 60)], vec![]);
    assert_eq!(starts(&schedule, plain(), "2026-06-06"), "02:00 03:00 04:00 05:00");
}

#[test]
fn hours_that_overlap_become_one_and_keep_the_grid_of_the_first() {
    let rules = vec![rule(Weekday::Mon, "11:20", "12:40", 20), rule(Weekday::Mon, "11:00", "12:00", 20)];
    assert_eq!(starts(&schedule("UTC", rules, vec![]), plain(), "2026-06-15"), "11:00 11:20 11:40 12:00 12:20");
}

#[test]
fn a_pause_after_each_visit_widens_the_grid() {
    let schedule = schedule("UTC", vec![rule(Weekday::Mon, "09:00", "12:00", 30)], vec![]);
    let offer = Offer { after_minutes: 10, ..plain() };
    assert_eq!(starts(&schedule, offer, "2026-06-15"), "09:00 09:40 10:20 11:00");
}

#[test]
fn pauses_before_and_after_add_up_between_two_visits() {
    let schedule = schedule("UTC", vec![rule(Weekday::Mon, "09:00", "12:00", 20)], vec![]);
    let offer = Offer { step_minutes: Some(10), before_minutes: 5, ..plain() };
    let claims = [booked("2026-06-15T10:00:00Z", "2026-06-15T10:40:00Z")];
    let found = slots(&schedule, &offer, day("2026-06-15"), &claims, instant(NOW));
    assert_eq!(times(&found), "09:00 09:10 09:20 09:30 09:40 10:50 11:00 11:10 11:20 11:30 11:40");
}

#[test]
fn a_replacement_takes_the_place_of_the_weekly_hours_and_an_extension_adds_to_them() {
    let rules = vec![rule(Weekday::Mon, "09:00", "10:00", 30)];
    let replaced = exception("2026-06-15", OverrideKind::Replace, Some(("14:00", "15:00")));
    let extended = exception("2026-06-22", OverrideKind::Extend, Some(("10:00", "11:00")));
    let schedule = schedule("UTC", rules, vec![replaced, extended]);
    assert_eq!(starts(&schedule, plain(), "2026-06-15"), "14:00 14:30");
    assert_eq!(starts(&schedule, plain(), "2026-06-22"), "09:00 09:30 10:00 10:30");
    assert_eq!(starts(&schedule, plain(), "2026-06-29"), "09:00 09:30");
}

#[test]
fn what_replaces_the_next_day_leaves_the_spill_of_the_night_alone() {
    let rules = vec![rule(Weekday::Fri, "22:00", "02:00", 60)];
    let replaced = exception("2026-06-06", OverrideKind::Replace, Some(("10:00", "11:00")));
    let schedule = schedule("UTC", rules, vec![Override { slot_minutes: Some(60), ..replaced }]);
    assert_eq!(starts(&schedule, plain(), "2026-06-06"), "00:00 01:00 10:00");
}

#[test]
fn a_block_takes_away_what_it_touches_and_a_blocked_date_its_spill_too() {
    let rules = vec![rule(Weekday::Fri, "22:00", "02:00", 60), rule(Weekday::Sat, "09:00", "12:00", 60)];
    let part = exception("2026-06-06", OverrideKind::Block, Some(("10:30", "11:00")));
    assert_eq!(starts(&schedule("UTC", rules.clone(), vec![part]), plain(), "2026-06-06"), "00:00 01:00 09:00 11:00");
    let friday = exception("2026-06-05", OverrideKind::Block, None);
    assert_eq!(starts(&schedule("UTC", rules.clone(), vec![friday]), plain(), "2026-06-06"), "09:00 10:00 11:00");
    let saturday = exception("2026-06-06", OverrideKind::Block, None);
    let closed = schedule("UTC", rules, vec![saturday]);
    assert_eq!(starts(&closed, plain(), "2026-06-06"), "", "a block also takes what began the day before");
    assert_eq!(starts(&closed, plain(), "2026-06-05"), "22:00 23:00");
}

#[test]
fn rules_hold_from_their_first_date_to_their_last() {
    let bounded = Rule {
        effective_from: Some("2026-06-15".parse().unwrap()),
        effective_until: Some("2026-06-15".parse().unwrap()),
        ..rule(Weekday::Mon, "09:00", "10:00", 60)
    };
    let schedule = schedule("UTC", vec![bounded], vec![]);
    assert_eq!(starts(&schedule, plain(), "2026-06-08"), "");
    assert_eq!(starts(&schedule, plain(), "2026-06-15"), "09:00");
    assert_eq!(starts(&schedule, plain(), "2026-06-22"), "");
}

#[test]
fn notice_and_horizon_are_inclusive_and_now_is_cut_to_the_second() {
    let limited = Schedule {
        min_notice_minutes: 60,
        max_advance_days: 7,
        ..schedule("UTC", vec![rule(Weekday::Mon, "09:00", "12:00", 60)], vec![])
    };
    let on = |date: &str, now: &str| times(&slots(&limited, &plain(), day(date), &[], instant(now)));
    assert_eq!(on("2026-06-15", "2026-06-15T09:00:00.900Z"), "10:00 11:00");
    assert_eq!(on("2026-06-15", "2026-06-15T09:00:01Z"), "11:00");
    assert_eq!(on("2026-06-15", "2026-06-08T23:59:59Z"), "09:00 10:00 11:00");
    assert_eq!(on("2026-06-15", "2026-06-07T23:59:59Z"), "");
}

#[test]
fn the_horizon_is_a_date_of_the_doctors() {
    let limited = Schedule {
        max_advance_days: 1,
        ..schedule("Pacific/Auckland", vec![rule(Weekday::Tue, "08:00", "09:00", 60)], vec![])
    };
    // In Auckland it is Monday already.
    let found = slots(&limited, &plain(), day("2026-06-15"), &[], instant("2026-06-14T12:00:00Z"));
    assert_eq!(times(&found), "20:00");
    assert!(slots(&limited, &plain(), day("2026-06-15"), &[], instant("2026-06-14T11:59:59Z")).is_empty());
}

#[test]
fn a_hold_is_dead_the_instant_it_expires() {
    let schedule = schedule("UTC", vec![rule(Weekday::Mon, "09:00", "11:00", 60)], vec![]);
    let hold = Claim {
        is_hold: true,
        expires_at: Some(instant("2026-06-15T08:00:00Z")),
        ..booked("2026-06-15T09:00:00Z", "2026-06-15T10:00:00Z")
    };
    let status = |now| slots(&schedule, &plain(), day("2026-06-15"), &[hold], instant(now))[0].1;
    assert_eq!(status("2026-06-15T07:59:59Z"), SlotStatus::Held);
    assert_eq!(status("2026-06-15T08:00:00Z"), SlotStatus::Open);
}

#[test]
fn what_overlaps_a_booking_and_a_hold_is_booked() {
    let schedule = schedule("UTC", vec![rule(Weekday::Mon, "09:00", "11:00", 60)], vec![]);
    let hold = Claim { is_hold: true, ..booked("2026-06-15T09:00:00Z", "2026-06-15T09:30:00Z") };
    let claims = [hold, booked("2026-06-15T09:30:00Z", "2026-06-15T10:00:00Z")];
    let found = slots(&schedule, &plain(), day("2026-06-15"), &claims, instant(NOW));
    assert_eq!(found.iter().map(|(_, status)| *status).collect::<Vec<_>>(), [SlotStatus::Booked, SlotStatus::Open]);
}

#[test]
fn an_inactive_doctor_offers_nothing() {
    let inactive =
        Schedule { active: false, ..schedule("UTC", vec![rule(Weekday::Mon, "09:00", "11:00", 60)], vec![]) };
    assert!(slots(&inactive, &plain(), day("2026-06-15"), &[], instant(NOW)).is_empty());
}

#[test]
fn each_reason_against_a_visit_has_its_verdict() {
    let limited =
        Schedule { max_advance_days: 7, ..schedule("UTC", vec![rule(Weekday::Mon, "09:00", "11:00", 60)], vec![]) };
    let claims = [booked("2026-06-15T10:00:00Z", "2026-06-15T11:00:00Z")];
    let verdict = |start| judge(&limited, &plain(), instant(start), &claims, instant("2026-06-12T12:00:00Z"));
    assert_eq!(
        verdict("2026-06-15T09:00:00Z"),
        Verdict::Open {
            visit: booked("2026-06-15T09:00:00Z", "2026-06-15T10:00:00Z").occupied,
            is_of_slot_length: true
        }
    );
    assert_eq!(verdict("2026-06-15T09:30:00Z"), Verdict::NotOffered);
    assert_eq!(verdict("2026-06-15T10:00:00Z"), Verdict::Taken);
    assert_eq!(verdict("2026-06-08T09:00:00Z"), Verdict::TooLate);
    assert_eq!(verdict("2026-06-22T09:00:00Z"), Verdict::TooFarAhead);
    let inactive = Schedule { active: false, ..limited.clone() };
    let now = instant("2026-06-12T12:00:00Z");
    assert_eq!(judge(&inactive, &plain(), instant("2026-06-15T09:00:00Z"), &[], now), Verdict::NotOffered);
}

fn any_rule() -> impl Strategy<Value = Rule> {
    let weekday = prop::sample::select(vec![Weekday::Sat, Weekday::Sun, Weekday::Mon]);
    let slot = prop::sample::select(vec![15, 20, 30, 60]);
    (weekday, 0_i16..1440, 0_i16..=1440, slot).prop_map(|(weekday, start, end, slot_minutes)| Rule {
        start: LocalTime::from_minutes(start).unwrap(),
        end: LocalTime::from_minutes(end).unwrap(),
        ..rule(weekday, "00:00", "24:00", slot_minutes)
    })
}

fn any_override() -> impl Strategy<Value = Override> {
    let kind = prop::sample::select(vec![OverrideKind::Block, OverrideKind::Extend, OverrideKind::Replace]);
    (0_u64..4, kind, any::<bool>(), 0_i16..1440, 0_i16..=1440).prop_map(|(offset, kind, whole, start, end)| Override {
        date: NaiveDate::from_ymd_opt(2026, 3, 7).unwrap() + Days::new(offset),
        times: (!whole || kind != OverrideKind::Block)
            .then(|| (LocalTime::from_minutes(start).unwrap(), LocalTime::from_minutes(end).unwrap())),
        ..exception("2026-03-07", kind, None)
    })
}

fn any_schedule() -> impl Strategy<Value = Schedule> {
    let zone = prop::sample::select(vec!["UTC", "America/New_York", "Asia/Kathmandu", "Pacific/Kiritimati"]);
    let rules = prop::collection::vec(any_rule(), 0..5);
    let overrides = prop::collection::vec(any_override(), 0..4);
    (zone, rules, overrides).prop_map(|(zone, rules, overrides)| schedule(zone, rules, overrides))
}

fn any_offer() -> impl Strategy<Value = Offer> {
    let duration = prop::option::of(5_i32..120);
    (duration, prop::option::of(5_i32..60), 0_i32..30, 0_i32..30).prop_map(|(duration_minutes, step, before, after)| {
        Offer { duration_minutes, step_minutes: step, before_minutes: before, after_minutes: after }
    })
}

/// Claims that follow each other with some pause.
fn any_claims() -> impl Strategy<Value = Vec<Claim>> {
    prop::collection::vec((0_i64..600, 5_i64..120, any::<bool>()), 0..12).prop_map(|claims| {
        let mut end = instant("2026-03-07T00:00:00Z");
        let claim = |(pause, length, is_hold): (i64, i64, bool)| {
            let start = end + TimeDelta::minutes(pause);
            end = start + TimeDelta::minutes(length);
            {
                let occupied = Interval { start, end };
                Claim { visit: occupied, occupied, is_hold, expires_at: None }
            }
        };
        claims.into_iter().map(claim).collect()
    })
}

/// The rules word for word, candidate by candidate, for as long as one has patience.
fn by_the_book(schedule: &Schedule, offer: &Offer, range: Interval, claims: &[Claim]) -> Vec<(Interval, SlotStatus)> {
    use super::super::hours::windows_of;
    let mut found = Vec::new();
    for date in NaiveDate::from_ymd_opt(2026, 3, 4).unwrap().iter_days().take(9) {
        for window in windows_of(schedule, date) {
            let duration = offer.duration_minutes.unwrap_or(window.slot_minutes);
            let step = offer.step_minutes.unwrap_or(duration + offer.before_minutes + offer.after_minutes);
            let mut start = window.interval.start;
            while start + TimeDelta::minutes(duration.into()) <= window.interval.end {
                let visit = Interval { start, end: start + TimeDelta::minutes(duration.into()) };
                let blocked = schedule.overrides.iter().any(|exception| {
                    let (from, until) = exception.times.unwrap_or((LocalTime::MIDNIGHT, LocalTime::MIDNIGHT));
                    let end_date = exception.date + Days::new(u64::from(until <= from));
                    let block = Interval {
                        start: to_utc(schedule.time_zone, from.on(exception.date)),
                        end: to_utc(schedule.time_zone, until.on(end_date)),
                    };
                    exception.kind == OverrideKind::Block && block.start < block.end && block.overlaps(&visit)
                });
                let conflict = claims.iter().filter(|claim| claim.occupied.overlaps(&offer.occupied(visit)));
                let statuses = conflict.map(|claim| if claim.is_hold { SlotStatus::Held } else { SlotStatus::Booked });
                if !blocked && range.contains(start) {
                    found.push((visit, statuses.max().unwrap_or(SlotStatus::Open)));
                }
                start += TimeDelta::minutes(step.into());
            }
        }
    }
    found.sort();
    found.dedup();
    found
}

proptest! {
    #[test]
    fn slots_are_what_the_rules_say_word_for_word(
        schedule in any_schedule(), offer in any_offer(), claims in any_claims(), from in 0_i64..2880, length in 1_i64..4000,
    ) {
        let start = instant("2026-03-07T00:00:00Z") + TimeDelta::minutes(from);
        let range = Interval { start, end: start + TimeDelta::minutes(length) };
        let found = slots(&schedule, &offer, range, &claims, instant(NOW));
        let found: Vec<_> = found.into_iter().map(|(candidate, status)| (candidate.visit, status)).collect();
        prop_assert_eq!(found, by_the_book(&schedule, &offer, range, &claims));
    }

    #[test]
    fn a_range_in_two_parts_offers_what_the_whole_does(
        schedule in any_schedule(), offer in any_offer(), claims in any_claims(), cut in 1_i64..4319,
    ) {
        let start = instant("2026-03-07T00:00:00Z");
        let (middle, end) = (start + TimeDelta::minutes(cut), start + TimeDelta::minutes(4320));
        let of = |start, end| slots(&schedule, &offer, Interval { start, end }, &claims, instant(NOW));
        prop_assert_eq!([of(start, middle), of(middle, end)].concat(), of(start, end));
    }

    #[test]
    fn every_slot_is_judged_as_it_is_listed_and_once_booked_it_is_taken(
        schedule in any_schedule(), offer in any_offer(), claims in any_claims(),
    ) {
        let start = instant("2026-03-07T00:00:00Z");
        let range = Interval { start, end: start + TimeDelta::days(3) };
        let now = instant(NOW);
        for (candidate, status) in slots(&schedule, &offer, range, &claims, now) {
            let minutes = (candidate.visit.end - candidate.visit.start).num_minutes();
            let offer = Offer { duration_minutes: i32::try_from(minutes).ok(), ..offer };
            let verdict = judge(&schedule, &offer, candidate.visit.start, &claims, now);
            prop_assert_eq!(matches!(verdict, Verdict::Open { .. }), status == SlotStatus::Open);
            if status == SlotStatus::Open {
                let occupied = offer.occupied(candidate.visit);
                let claim = Claim { visit: candidate.visit, occupied, is_hold: false, expires_at: None };
                let claims = [claims.as_slice(), &[claim]].concat();
                prop_assert_eq!(judge(&schedule, &offer, candidate.visit.start, &claims, now), Verdict::Taken);
            }
        }
    }

    #[test]
    fn a_time_can_be_booked_exactly_where_nothing_speaks_against_it(
        schedule in any_schedule(), offer in any_offer(), claims in any_claims(),
        minute in 0_i64..4320, step in prop::sample::select(vec![1_i64, 5, 15, 60]), notice in 0_i32..2000,
    ) {
        let schedule = Schedule { min_notice_minutes: notice, max_advance_days: 2, ..schedule };
        let start = instant("2026-03-07T00:00:00Z") + TimeDelta::minutes(minute / step * step);
        let now = instant("2026-03-06T12:00:00Z");
        let verdict = judge(&schedule, &offer, start, &claims, now);
        let reasons = reasons(&schedule, &offer, start, &claims, now, true, |_| true);
        prop_assert_eq!(matches!(verdict, Verdict::Open { .. }), reasons.is_empty(), "{:?} {:?}", verdict, reasons);
    }
}
