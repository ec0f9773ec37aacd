//! Changing what people may be, and letting go of them.

use super::{
    model::{BY_CREATE_DOCTOR, permit_change, place},
    notes::note_in,
    service::missing_clinic,
    store,
};
use crate::{
    accounts::{
        model::{RoleName, User},
        service::Accounts,
        store::end_sessions_of_in,
    },
    infra::db::Transaction,
    kernel::{
        id::{ClinicId, SessionId, UserId},
        rejection::{Code, Refusal, Rejection},
        viewer::{Role, Viewer},
    },
};
use chrono::{DateTime, Utc};

impl Accounts {
    /// Changes what somebody may be, in a transaction; tells which sessions end by that, or nothing where nothing changes. Wherever they are
    /// signed in, they have to sign in again.
    ///
    /// # Errors
    /// `NotFound` of the user or the clinic, `Forbidden`, also for oneself, or `Invalid` for a doctor without a profile.
    pub async fn change_role_in(
        &self,
        transaction: &Transaction,
        viewer: &Viewer,
        (id, role): (UserId, RoleName),
        named: Option<ClinicId>,
    ) -> Result<Option<Vec<SessionId>>, Rejection> {
        let (user, before) = permitted_in(transaction, viewer, id).await?;
        if let Some(clinic) = named
            && store::clinic_name_in(transaction, clinic).await?.is_none()
        {
            return Err(missing_clinic());
        }
        let clinic_id = match role {
            RoleName::Admin => place(viewer, role, named)?,
            RoleName::Doctor => {
                let profile = store::clinic_of_doctor_in(transaction, id).await?;
                let clinic = profile.ok_or_else(|| Refusal::of("role", Code::Invalid, BY_CREATE_DOCTOR))?;
                if named.is_some_and(|named| named != clinic) {
                    return Err(Refusal::of("clinicId", Code::Invalid, "The doctor works in another clinic.").into());
                }
                if !viewer.rules(clinic) {
                    return Err(Rejection::Forbidden);
                }
                None
            }
            RoleName::Patient if named.is_some() => {
                return Err(Refusal::of("clinicId", Code::Invalid, "A patient belongs to no clinic.").into());
            }
            RoleName::Patient => None,
        };
        if (user.role, user.clinic_id) == (role, clinic_id) {
            return Ok(None);
        }
        store::set_role_in(transaction, id, role, clinic_id).await?;
        let changed = ("user.role", &user, before.or(clinic_id));
        finish_in(transaction, viewer, changed, self.clock.now()).await.map(Some)
    }

    /// Lets somebody sign in no more, or again. What is open of theirs ends.
    ///
    /// # Errors
    /// `NotFound`, or `Forbidden`, also for oneself.
    pub async fn set_active(&self, viewer: &Viewer, id: UserId, active: bool) -> Result<User, Rejection> {
        let transaction = self.database.begin().await?;
        let (user, clinic_id) = permitted_in(&transaction, viewer, id).await?;
        if user.erased_at.is_some() && active {
            return Err(Refusal::of("userId", Code::Invalid, "The account was deleted.").into());
        }
        if user.active != active {
            store::set_active_in(&transaction, id, active).await?;
            let action = if active { "user.reactivate" } else { "user.deactivate" };
            let ended = finish_in(&transaction, viewer, (action, &user, clinic_id), self.clock.now()).await?;
            transaction.commit().await?;
            self.sessions_ended(ended).await;
        }
        self.user(id).await
    }
}

/// A user that the viewer may change, and the clinic whose admin or doctor it is. The rows of all admins of the platform are taken, so that of two
/// who let go of each other at once one stays: so there always is one.
async fn permitted_in(
    transaction: &Transaction,
    viewer: &Viewer,
    id: UserId,
) -> Result<(User, Option<ClinicId>), Rejection> {
    let admins = store::lock_with_platform_admins_in(transaction, id).await?;
    let user = store::find_in(transaction, viewer.scope(), id).await?;
    let user = user.ok_or_else(|| Refusal::not_found("userId"))?;
    let clinic_id = match user.role {
        RoleName::Admin => user.clinic_id,
        RoleName::Doctor => store::clinic_of_doctor_in(transaction, id).await?,
        RoleName::Patient => None,
    };
    permit_change(viewer, id, clinic_id)?;
    if viewer.role == Role::PlatformAdmin && !admins.contains(&viewer.user_id) {
        return Err(Rejection::Forbidden);
    }
    Ok((user, clinic_id))
}

/// Ends the sessions of whom a change concerns, and writes it down.
async fn finish_in(
    transaction: &Transaction,
    viewer: &Viewer,
    (action, user, clinic_id): (&str, &User, Option<ClinicId>),
    now: DateTime<Utc>,
) -> Result<Vec<SessionId>, Rejection> {
    let ended = end_sessions_of_in(transaction, user.id, None, now).await?;
    note_in(transaction, viewer, action, (user.id, user.role, clinic_id), now).await?;
    tracing::info!(user.id = %user.id, action, "changed");
    Ok(ended)
}
