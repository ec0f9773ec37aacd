use super::*;

const ALLOWED: Allowed = Allowed { by_address: 2, by_origin: 4 };
const ADA: By<'_> = By::Address("ada@example.com");

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
}

/// How long one has to wait, in seconds.
async fn login(attempts: &Attempts, by: &[By<'_>], seconds: i64) -> i64 {
    match attempts.begin(Attempt::Login, by, at(seconds)).await {
        Ok(()) => 0,
        Err(Rejection::Refused(refusals)) => {
            let digits: String = refusals[0].message.chars().filter(char::is_ascii_digit).collect();
            digits.parse::<i64>().unwrap() - 1
        }
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test]
async fn after_as_many_as_are_allowed_one_waits_longer_each_time_and_success_forgets_them() {
    let attempts = Attempts::new(Some(ALLOWED), None);
    assert_eq!(login(&attempts, &[ADA], 0).await, 0);
    assert_eq!(login(&attempts, &[ADA], 0).await, 0);
    assert_eq!(login(&attempts, &[ADA], 0).await, 1);
    assert_eq!(login(&attempts, &[By::Address("ben@example.com")], 0).await, 0);
    assert_eq!(login(&attempts, &[ADA], 1).await, 0);
    assert_eq!(login(&attempts, &[ADA], 1).await, 2);
    attempts.succeeded(Attempt::Login, &[ADA]).await;
    assert_eq!(login(&attempts, &[ADA], 1).await, 0);
}

#[tokio::test]
async fn with_time_attempts_are_forgotten_one_by_one() {
    let attempts = Attempts::new(Some(ALLOWED), None);
    for _ in 0..2 {
        assert_eq!(login(&attempts, &[ADA], 0).await, 0);
    }
    assert_eq!(login(&attempts, &[ADA], 3_600).await, 0);
    assert_eq!(login(&attempts, &[ADA], 3_600).await, 1);
    assert_eq!(login(&attempts, &[ADA], 4 * 3_600).await, 0);
    assert_eq!(login(&attempts, &[ADA], 4 * 3_600).await, 0);
}

#[tokio::test]
async fn who_tries_one_password_on_many_addresses_waits_by_where_they_are_and_own_successes_do_not_help() {
    let (attempts, own) = (Attempts::new(Some(ALLOWED), None), By::Address("mallory@example.com"));
    let origin = By::Origin(Some("203.0.113.1".parse().unwrap()));
    for name in ["a", "b", "c"] {
        assert_eq!(login(&attempts, &[By::Address(name), origin], 0).await, 0);
    }
    assert_eq!(login(&attempts, &[own, origin], 0).await, 0);
    attempts.succeeded(Attempt::Login, &[own, origin]).await;
    assert_eq!(login(&attempts, &[By::Address("d"), origin], 0).await, 0);
    assert_eq!(login(&attempts, &[own, origin], 0).await, 1, "the fourth that failed");
    assert_eq!(login(&attempts, &[By::Address("e"), By::Origin(Some("203.0.113.2".parse().unwrap()))], 0).await, 0);
}

#[tokio::test]
async fn who_has_to_wait_by_one_is_not_counted_by_another() {
    let attempts = Attempts::new(Some(ALLOWED), None);
    let origin = By::Origin(Some("203.0.113.1".parse().unwrap()));
    for _ in 0..10 {
        login(&attempts, &[ADA, origin], 0).await;
    }
    assert_eq!(login(&attempts, &[By::Address("ben@example.com"), origin], 0).await, 0);
}
