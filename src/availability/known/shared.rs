//! Calendars that one process has read, for the others: in Redis, by doctor and version, for some minutes. A version is never written
//! twice with less in it, so nothing here can be stale; and nothing is missed where Redis is down.

use super::calendar::DoctorCalendar;
use crate::{infra::redis::Redis, kernel::id::DoctorId};
use chrono::{DateTime, Utc};

/// How long a calendar is kept, in seconds: as long as it takes to begin anew on many machines, one after the other.
const KEPT_SECONDS: u64 = 900;
/// Calendars that are longer are read from the database: Redis is not to be kept busy by one of them.
const LONGEST: usize = 512 * 1024;

/// What processes share of the calendars that they have read.
#[derive(Clone, Debug)]
pub struct SharedCalendars {
    redis: Redis,
    namespace: String,
}

impl SharedCalendars {
    /// Over this Redis. Installations that share it keep apart by their namespace.
    #[must_use]
    pub fn new(redis: Redis, namespace: String) -> Self {
        Self { redis, namespace }
    }

    fn key(&self, doctor_id: DoctorId, version: i32) -> String {
        format!("medislot:{}:slots:{doctor_id}:{version}", self.namespace)
    }

    /// Those of these calendars that somebody has read. None where Redis does not answer.
    pub async fn get(&self, versions: &[(DoctorId, i32)], now: DateTime<Utc>) -> Vec<DoctorCalendar> {
        if versions.is_empty() {
            return Vec::new();
        }
        let keys: Vec<_> = versions.iter().map(|(id, version)| self.key(*id, *version)).collect();
        let found: Result<Vec<Option<Vec<u8>>>, _> = self
            .redis
            .run(|mut connection| async move { redis::cmd("MGET").arg(keys).query_async(&mut connection).await })
            .await;
        let found = found.unwrap_or_default().into_iter().flatten();
        // What another release wrote may look different: then it is as good as not there.
        let calendars = found.filter_map(|json| serde_json::from_slice::<DoctorCalendar>(&json).ok());
        calendars.filter(|calendar| calendar.is_whole(now)).collect()
    }

    /// Shares those of these calendars that are whole, if Redis takes them.
    pub async fn put(&self, calendars: &[DoctorCalendar], now: DateTime<Utc>) {
        let mut pipeline = redis::pipe();
        let mut some = false;
        for calendar in calendars.iter().filter(|calendar| calendar.is_whole(now)) {
            let Ok(json) = serde_json::to_vec(calendar) else { continue };
            if json.len() <= LONGEST {
                some = true;
                let key = self.key(calendar.doctor.id, calendar.version());
                pipeline.set_ex(key, json, KEPT_SECONDS).ignore();
            }
        }
        if some {
            let sent =
                self.redis.run(|mut connection| async move { pipeline.query_async::<()>(&mut connection).await });
            // Whoever does not find it reads it.
            let _ = sent.await;
        }
    }
}
