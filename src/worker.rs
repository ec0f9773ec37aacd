//! Background work. Any number of processes may do it side by side; each piece is done once.

use crate::{
    accounts,
    booking::{self, Booking},
    calendar,
    infra::{db::Database, supervise::supervise},
    kernel::clock::Clock,
    mail::{self, Mail},
    privacy,
};
use chrono::TimeDelta;
use std::sync::Arc;

/// Begins to do the background work, for as long as the process lives. The log of changes is kept for `log_kept`.
pub fn start(
    database: &Database,
    clock: &Arc<dyn Clock>,
    publisher: &calendar::Publisher,
    booking: &Arc<Booking>,
    letters: &Arc<Mail>,
    log_kept: TimeDelta,
) {
    let (db, time) = (database.clone(), Arc::clone(clock));
    supervise("calendar.cut_log", move || {
        let (db, time) = (db.clone(), Arc::clone(&time));
        async move { calendar::cut_log(&db, &*time, log_kept).await }
    });
    let (db, time) = (database.clone(), Arc::clone(clock));
    supervise("booking.confirm", move || {
        let (db, time) = (db.clone(), Arc::clone(&time));
        async move { booking::confirm(&db, &*time).await }
    });
    let appointments = Arc::clone(booking);
    supervise("booking.expire", move || {
        let appointments = Arc::clone(&appointments);
        async move { booking::expire(&appointments).await }
    });
    let appointments = Arc::clone(booking);
    supervise("booking.forget_keys", move || {
        let appointments = Arc::clone(&appointments);
        async move { booking::forget_keys(&appointments).await }
    });
    let (db, time, publisher) = (database.clone(), Arc::clone(clock), publisher.clone());
    supervise("calendar.relay", move || {
        let (db, time, publisher) = (db.clone(), Arc::clone(&time), publisher.clone());
        async move { calendar::relay(&db, &publisher, &*time).await }
    });
    let appointments = Arc::clone(booking);
    supervise("privacy.look_after", move || {
        let appointments = Arc::clone(&appointments);
        async move { privacy::look_after(&appointments).await }
    });
    let post = Arc::clone(letters);
    supervise("mail.send", move || {
        let post = Arc::clone(&post);
        async move { mail::send(&post).await }
    });
    let post = Arc::clone(letters);
    supervise("mail.forget", move || {
        let post = Arc::clone(&post);
        async move { mail::forget(&post).await }
    });
    let (db, time) = (database.clone(), Arc::clone(clock));
    supervise("accounts.forget_sessions", move || {
        let (db, time) = (db.clone(), Arc::clone(&time));
        async move { accounts::forget_sessions(&db, &*time).await }
    });
}
