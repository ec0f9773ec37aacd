//! Doctors who are none any more.

use super::{model::Doctor, service::Directory, store};
use crate::{
    accounts::{self, RoleName, User},
    calendar,
    kernel::{
        id::{ClinicId, UserId},
        rejection::{Code, Refusal, Rejection},
        viewer::Viewer,
    },
};

impl Directory {
    /// Changes what somebody may be. Who is no doctor any more is off the list by that, as by [`Directory::deactivate_doctor`]; and wherever they are
    /// signed in, they have to sign in again.
    ///
    /// # Errors
    /// What [`accounts::Accounts::change_role_in`] refuses.
    pub async fn change_role(
        &self,
        viewer: &Viewer,
        id: UserId,
        role: RoleName,
        clinic_id: Option<ClinicId>,
    ) -> Result<User, Rejection> {
        let profile = store::doctors_of_users(&self.database, &[id]).await?.remove(&id);
        let leaves = profile.filter(|_| role != RoleName::Doctor);
        let transaction = self.database.begin().await?;
        let turn = match leaves {
            Some(doctor) => {
                // Before the row of the user, as whoever changes the doctor.
                Some(calendar::take_turn_in(&transaction, doctor.id).await?)
            }
            None => None,
        };
        if let Some(ended) = self.accounts.change_role_in(&transaction, viewer, (id, role), clinic_id).await? {
            match turn {
                Some(turn) => {
                    for doctor in store::doctors(&*transaction, &[turn.doctor_id()]).await?.into_values() {
                        store::update_doctor_in(&transaction, &Doctor { active: false, ..doctor }).await?;
                    }
                    self.finish(transaction, turn, &[]).await?;
                }
                None => transaction.commit().await?,
            }
            self.accounts.sessions_ended(ended).await;
        }
        accounts::users(&self.database, &[id]).await?.remove(&id).ok_or(Rejection::NotFound)
    }

    /// Only who signs in as a doctor can be booked.
    pub(super) async fn require_role(&self, user_id: UserId) -> Result<(), Rejection> {
        let user = accounts::users(&self.database, &[user_id]).await?.remove(&user_id);
        if user.is_some_and(|user| user.role == RoleName::Doctor) {
            return Ok(());
        }
        let message = "The person is no doctor any more: updateUserRole makes them one again.";
        Err(Refusal::of("active", Code::Invalid, message).into())
    }
}
