//! Weekly hours: looking them over and setting them.

use super::{
    hours::is_ambiguous,
    model::{NewRule, Rule},
    service::{Availability, schedule},
    store::{self, Hours},
    zone::date_of,
};
use crate::{
    calendar, directory,
    kernel::{
        check::Check,
        id::{AvailabilityRuleId, DoctorId},
        rejection::{Code, Refusal, Rejection},
        viewer::Viewer,
    },
};
use chrono::{Days, NaiveDate};
use std::collections::BTreeSet;

/// How many rules a doctor has at most.
const MOST: usize = 100;
const DAY: i32 = 24 * 60;

impl Availability {
    /// Makes these the weekly hours of a doctor. Bookings that now lie outside of them stay.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`, or what is wrong with the rules.
    pub async fn set_rules(&self, viewer: &Viewer, doctor_id: DoctorId, rules: Vec<NewRule>) -> Result<(), Rejection> {
        self.directory.kept_doctor(viewer, doctor_id, "doctorId").await?;
        let transaction = self.database.begin().await?;
        let turn = calendar::take_turn_in(&transaction, doctor_id).await?;
        let doctor = directory::doctors(&*transaction, &[doctor_id]).await?.remove(&doctor_id);
        let doctor = doctor.ok_or_else(|| Refusal::not_found("doctorId"))?;
        let slot_minutes = doctor.slot_minutes;
        check_rules(&rules, slot_minutes)?;
        // A rule keeps the length that it is set with: a later change of the doctor's default moves no grid.
        let rule = |rule: NewRule| Rule {
            id: AvailabilityRuleId::new(),
            weekday: rule.weekday,
            start: rule.start,
            end: rule.end,
            slot_minutes: rule.slot_minutes.unwrap_or(slot_minutes),
            effective_from: rule.effective_from,
            effective_until: rule.effective_until,
        };
        let rules: Vec<_> = rules.into_iter().map(rule).collect();
        store::replace_rules_in(&transaction, doctor_id, &rules).await?;
        // The night of yesterday is not over yet.
        let today = date_of(doctor.time_zone, self.now()) - Days::new(1);
        let overrides = store::overrides_of(&*transaction, &[doctor_id], Some(today), None).await?.remove(&doctor_id);
        let overrides = overrides.unwrap_or_default();
        let dates: BTreeSet<_> = overrides.iter().map(|exception| exception.date).collect();
        let schedule = schedule(&doctor, Hours { rules, overrides }).without_blocks();
        if let Some(date) = dates.into_iter().find(|date| is_ambiguous(&schedule, *date)) {
            let message =
                format!("Hours that were added to {date} have slots of another length and cover some of this time.");
            return Err(Refusal::of("rules", Code::OverlappingRules, message).into());
        }
        self.finish(transaction, turn).await
    }
}

/// Looks over rules as they would hold together. A rule without a slot length has the doctor's.
pub fn check_rules(rules: &[NewRule], doctors_slot_minutes: i32) -> Result<(), Rejection> {
    if rules.len() > MOST {
        return Err(Refusal::of("rules", Code::Invalid, format!("At most {MOST} rules.")).into());
    }
    let mut check = Check::new();
    for (place, rule) in rules.iter().enumerate() {
        check_rule(&mut check, place, rule, doctors_slot_minutes);
        let slot = |rule: &NewRule| rule.slot_minutes.unwrap_or(doctors_slot_minutes);
        let clash = rules[..place].iter().any(|other| slot(other) != slot(rule) && share_time(other, rule));
        if clash {
            let message = "Another rule with slots of another length covers some of this time.";
            check.refuse(&format!("rules.{place}"), Code::OverlappingRules, message);
        }
    }
    check.finish()
}

fn check_rule(check: &mut Check, place: usize, rule: &NewRule, doctors_slot_minutes: i32) {
    let field = |name: &str| format!("rules.{place}.{name}");
    check.optional_number(&field("slotMinutes"), rule.slot_minutes, 5..=480);
    if i32::from(rule.start.minutes()) == DAY {
        check.refuse(&field("startTime"), Code::Invalid, "24:00 is the end of a day, not a start.");
    } else if rule.start == rule.end {
        check.refuse(&field("endTime"), Code::Invalid, "Start and end are the same.");
    } else if rule.slot_minutes.unwrap_or(doctors_slot_minutes) > length(rule) {
        check.refuse(&field("slotMinutes"), Code::Invalid, "A slot is longer than these hours.");
    }
    if let (Some(from), Some(until)) = (rule.effective_from, rule.effective_until)
        && from > until
    {
        check.refuse(&field("effectiveUntil"), Code::Invalid, "This is before the first date.");
    }
}

/// How long the hours last on the clock.
fn length(rule: &NewRule) -> i32 {
    let minutes = i32::from(rule.end.minutes() - rule.start.minutes());
    if minutes > 0 { minutes } else { minutes + DAY }
}

/// Whether two rules cover the same time of the same weekday while both hold.
fn share_time(one: &NewRule, other: &NewRule) -> bool {
    let ends_before = |rule: &NewRule, next: &NewRule| {
        i32::from(rule.start.minutes()) + length(rule) <= i32::from(next.start.minutes())
    };
    let last = |rule: &NewRule| rule.effective_until.unwrap_or(NaiveDate::MAX);
    let first = |rule: &NewRule| rule.effective_from.unwrap_or(NaiveDate::MIN);
    one.weekday == other.weekday
        && first(one) <= last(other)
        && first(other) <= last(one)
        && !ends_before(one, other)
        && !ends_before(other, one)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::Weekday;

    fn rule(start: &str, end: &str, slot_minutes: Option<i32>) -> NewRule {
        NewRule {
            weekday: Weekday::Mon,
            start: start.parse().unwrap(),
            end: end.parse().unwrap(),
            slot_minutes,
            effective_from: None,
            effective_until: None,
        }
    }

    fn refusals(rules: &[NewRule]) -> Vec<(Code, String)> {
        match check_rules(rules, 30) {
            Ok(()) => Vec::new(),
            Err(Rejection::Refused(refusals)) => {
                refusals.into_iter().map(|refusal| (refusal.code, refusal.field.join("."))).collect()
            }
            Err(other) => panic!("{other}"),
        }
    }

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn hours_that_make_sense_are_accepted() {
        assert_eq!(refusals(&[]), []);
        let overnight = rule("22:00", "02:00", Some(60));
        assert_eq!(
            refusals(&[rule("09:00", "12:00", None), rule("00:00", "24:00", Some(30)), overnight.clone()]),
            [(Code::OverlappingRules, "rules.2".to_owned())]
        );
        assert_eq!(refusals(&[rule("09:00", "12:00", None), rule("12:00", "22:00", Some(20)), overnight]), []);
    }

    #[test]
    fn each_rule_that_makes_no_sense_is_refused_where_it_is_wrong() {
        let reversed = NewRule {
            effective_from: Some(date("2026-02-01")),
            effective_until: Some(date("2026-01-31")),
            ..rule("09:00", "12:00", None)
        };
        let wrong = [
            rule("09:00", "09:00", None),
            rule("24:00", "12:00", None),
            rule("13:00", "13:20", None),
            rule("14:00", "16:00", Some(4)),
            rule("16:00", "18:00", Some(481)),
            reversed,
        ];
        let places: Vec<_> = wrong.iter().map(|rule| refusals(std::slice::from_ref(rule))[0].1.clone()).collect();
        assert_eq!(
            places,
            [
                "rules.0.endTime",
                "rules.0.startTime",
                "rules.0.slotMinutes",
                "rules.0.slotMinutes",
                "rules.0.slotMinutes",
                "rules.0.effectiveUntil"
            ]
        );
    }

    #[test]
    fn rules_of_different_lengths_may_share_hours_only_where_they_do_not_share_dates() {
        let spring = NewRule { effective_until: Some(date("2026-05-31")), ..rule("09:00", "12:00", Some(20)) };
        let summer = NewRule { effective_from: Some(date("2026-06-01")), ..rule("09:00", "12:00", Some(30)) };
        assert_eq!(refusals(&[spring.clone(), summer.clone()]), []);
        let overlapping = NewRule { effective_from: Some(date("2026-05-31")), ..summer };
        assert_eq!(refusals(&[spring, overlapping]), [(Code::OverlappingRules, "rules.1".to_owned())]);
    }

    #[test]
    fn rules_of_one_length_may_overlap() {
        assert_eq!(refusals(&[rule("09:00", "12:00", None), rule("11:00", "13:00", Some(30))]), []);
    }
}
