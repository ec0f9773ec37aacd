//! Writing down what is done to accounts.

use crate::{
    accounts::model::{RoleName, User},
    audit::{self, Entry},
    infra::db::Transaction,
    kernel::{
        id::{AuditEntryId, ClinicId, UserId},
        rejection::Rejection,
        viewer::Viewer,
    },
};
use chrono::{DateTime, Utc};

/// Writes down what a user does to their own account, in the transaction of that.
///
/// # Errors
/// Where the database refuses.
pub async fn note_own_in(
    transaction: &Transaction,
    user: &User,
    action: &str,
    now: DateTime<Utc>,
) -> Result<(), Rejection> {
    let entry = Entry::of_oneself(user.id, user.role == RoleName::Patient, action, now);
    audit::record_in(transaction, vec![entry]).await
}

/// Writes down what an admin or a doctor does to the account of a user of this role, in the transaction of that.
pub async fn note_in(
    transaction: &Transaction,
    viewer: &Viewer,
    action: &str,
    (id, role, clinic_id): (UserId, RoleName, Option<ClinicId>),
    now: DateTime<Utc>,
) -> Result<(), Rejection> {
    let entry = Entry {
        id: AuditEntryId::new(),
        at: now,
        actor_id: Some(viewer.user_id),
        patient_id: (role == RoleName::Patient).then_some(id),
        clinic_id,
        action: action.to_owned(),
        subject_id: Some(id.to_string()),
    };
    audit::record_in(transaction, vec![entry]).await
}
