//! Deleting an account, and giving out everything that is kept about a person.

use crate::{
    accounts::{self, Accounts, Assurance, User},
    audit,
    booking::{Appointment, Booking, Transition},
    directory,
    infra::db::Database,
    kernel::{
        clock::Clock,
        id::UserId,
        rejection::{Code, Refusal, Rejection},
        viewer::{Role, Viewer},
    },
    mail::{self, Letter},
};
use serde_json::{Value, json};
use std::{fmt, sync::Arc};

/// A person's data as a whole.
#[derive(Debug)]
pub struct Privacy {
    /// Where they are.
    pub database: Database,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Who they are.
    pub accounts: Arc<Accounts>,
    /// What they booked.
    pub booking: Arc<Booking>,
}

impl Privacy {
    /// Deletes the viewer's account: what is personal is erased, visits to come are cancelled, sessions end. Appointments remain, and do not
    /// say any more whose they were.
    ///
    /// # Errors
    /// What [`Accounts::assure`] refuses; `InUse` for whoever is or was a doctor, whose patients' history names them, and for the
    /// last admin of the platform.
    #[tracing::instrument(name = "privacy.delete", skip_all, fields(user.id = %viewer.user_id))]
    pub async fn delete_account(&self, viewer: &Viewer, assurance: Assurance) -> Result<UserId, Rejection> {
        let user = self.accounts.assure(viewer, assurance).await?;
        // Whatever they may be by now: patients' history names them.
        if directory::doctors_of_users(&self.database, &[user.id]).await?.contains_key(&user.id) {
            let message = "Patients' records name you as their doctor: ask the admin of your clinic to deactivate you.";
            return Err(Refusal::new(Code::InUse, message).into());
        }
        let now = self.clock.now();
        let transaction = self.database.begin().await?;
        let admins = accounts::lock_with_platform_admins_in(&transaction, user.id).await?;
        if viewer.role == Role::PlatformAdmin && admins.iter().all(|id| *id == user.id) {
            return Err(Refusal::new(Code::InUse, "Nobody else rules the platform: make another admin first.").into());
        }
        mail::forget_of_in(&transaction, user.id).await?;
        // A link to join a clinic is void before what was joined is left.
        mail::revoke_in(&transaction, user.id).await?;
        accounts::leave_clinics_in(&transaction, user.id).await?;
        let ended = accounts::erase_in(&transaction, user.id, now).await?;
        accounts::note_own_in(&transaction, &user, "user.delete", now).await?;
        mail::tell_in(&transaction, Letter::AccountDeleted, &user.recipient(), json!({}), now).await?;
        transaction.commit().await?;
        self.accounts.sessions_ended(ended).await;
        tracing::info!("deleted an account");
        if let Err(error) = self.booking.release_patient(user.id).await {
            tracing::warn!(%error, "what is to come is left to the worker");
        }
        Ok(user.id)
    }

    /// Everything that is kept about the viewer, as JSON.
    ///
    /// # Errors
    /// What [`Accounts::assure`] refuses.
    #[tracing::instrument(name = "privacy.export", skip_all, fields(user.id = %viewer.user_id))]
    pub async fn export(&self, viewer: &Viewer, assurance: Assurance) -> Result<Value, Rejection> {
        let user = self.accounts.assure(viewer, assurance).await?;
        let now = self.clock.now();
        let sessions = accounts::sessions_kept(&self.database, user.id).await?;
        let identities = accounts::identities_of(&self.database, user.id).await?;
        let letters = mail::of_user(&self.database, user.id).await?;
        let clinics = accounts::joined_clinics(&self.database, viewer).await?;
        let log = audit::about(&self.database, viewer).await?;
        let appointments = self.booking.everything_of(viewer).await?;
        let transaction = self.database.begin().await?;
        mail::tell_in(&transaction, Letter::DataExported, &user.recipient(), json!({}), now).await?;
        accounts::note_own_in(&transaction, &user, "user.export", now).await?;
        transaction.commit().await?;
        tracing::info!("gave out everything about a user");
        Ok(json!({
            "exportedAt": now,
            "account": account(&user),
            "sessions": sessions.iter().map(|(sign_in, ended_at)| json!({
                "id": sign_in.id.to_string(),
                "device": sign_in.device,
                "createdAt": sign_in.created_at,
                "lastUsedAt": sign_in.last_used_at,
                "endedAt": ended_at,
            })).collect::<Vec<_>>(),
            "signInProviders": identities.iter().map(|identity| json!({
                "provider": identity.provider,
                "subject": identity.subject,
                "createdAt": identity.created_at,
                "unlinkedAt": identity.unlinked_at,
            })).collect::<Vec<_>>(),
            "letters": letters.iter().map(|sent| json!({
                "letter": sent.letter,
                "channel": constant(&sent.channel),
                "status": constant(&sent.status),
                "createdAt": sent.created_at,
            })).collect::<Vec<_>>(),
            "clinics": clinics.iter().map(|(id, since)| json!({
                "clinicId": id.to_string(),
                "since": since,
            })).collect::<Vec<_>>(),
            "log": log.iter().map(|entry| json!({
                "action": entry.action,
                "at": entry.at,
                "actorId": entry.actor_id.map(|id| id.to_string()),
                "clinicId": entry.clinic_id.map(|id| id.to_string()),
                "subjectId": entry.subject_id,
            })).collect::<Vec<_>>(),
            "appointments": appointments.iter().map(appointment).collect::<Vec<_>>(),
        }))
    }
}

fn account(user: &User) -> Value {
    json!({
        "id": user.id.to_string(),
        "email": user.email,
        "emailVerified": user.email_verified,
        "name": user.name,
        "phone": user.phone,
        "phoneVerified": user.phone_verified,
        "role": constant(&user.role),
        "clinicId": user.clinic_id.map(|id| id.to_string()),
        "timeZone": user.time_zone.name(),
        "locale": user.locale,
        "active": user.active,
    })
}

fn appointment((appointment, history): &(Appointment, Vec<Transition>)) -> Value {
    let step = |step: &Transition| {
        json!({
            "from": step.from.as_ref().map(constant),
            "to": constant(&step.to),
            "actorId": step.actor_id.map(|id| id.to_string()),
            "reason": step.reason,
            "at": step.at,
        })
    };
    json!({
        "id": appointment.id.to_string(),
        "reference": appointment.reference,
        "doctorId": appointment.doctor_id.to_string(),
        "clinicId": appointment.clinic_id.to_string(),
        "visitTypeId": appointment.visit_type_id.map(|id| id.to_string()),
        "startsAt": appointment.visit.start,
        "endsAt": appointment.visit.end,
        "timeZone": appointment.time_zone.name(),
        "status": constant(&appointment.status),
        "notes": appointment.notes,
        "cancellationFee": appointment.cancellation_fee.as_ref().map(|fee| json!({
            "amount": fee.amount,
            "currency": fee.currency,
        })),
        "rescheduledFrom": appointment.rescheduled_from.map(|id| id.to_string()),
        "createdAt": appointment.created_at,
        "history": history.iter().map(step).collect::<Vec<_>>(),
    })
}

/// A value of an enumeration as the schema writes it.
fn constant(value: &impl fmt::Debug) -> String {
    let name = format!("{value:?}");
    let mut written = String::new();
    for (place, letter) in name.char_indices() {
        if place > 0 && letter.is_ascii_uppercase() {
            written.push('_');
        }
        written.push(letter.to_ascii_uppercase());
    }
    written
}
