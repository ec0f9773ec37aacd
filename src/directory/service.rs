//! Doctors and what they offer: found by everybody, kept by the doctor and by admins.

use super::{
    model::{Doctor, DoctorFilter, DoctorPatch, NewDoctor, SavedVisitType},
    store,
};
use crate::{
    accounts::{self, Accounts, LOCALE, RoleName},
    audit::{self, Entry},
    calendar::{self, Change, Move, Place, Publisher, Turn},
    infra::db::{Database, Transaction},
    kernel::{
        check::{Check, NAME},
        clock::Clock,
        id::{AuditEntryId, DoctorId, SpecialtyId, UserId},
        page::{Page, PageRequest},
        patch::Patch,
        rejection::{Code, Internal, Refusal, Rejection},
        viewer::Viewer,
    },
    mail::{self, Recipient},
};
use std::sync::Arc;

/// How many specialties, or visit types, a doctor has at most.
const MOST: usize = 100;

/// The directory of clinics, specialties and doctors.
#[derive(Debug)]
pub struct Directory {
    pub(super) database: Database,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) accounts: Arc<Accounts>,
    pub(super) publisher: Publisher,
    pub(super) hub: Arc<calendar::Hub>,
}

impl Directory {
    /// The directory in `database`.
    #[must_use]
    pub fn new(
        database: Database,
        clock: Arc<dyn Clock>,
        accounts: Arc<Accounts>,
        publisher: Publisher,
        hub: Arc<calendar::Hub>,
    ) -> Self {
        Self { database, clock, accounts, publisher, hub }
    }

    /// Listed doctors, by name.
    ///
    /// # Errors
    /// Where the cursor is none, or the database does not answer.
    pub async fn list_doctors(&self, filter: &DoctorFilter, request: &PageRequest) -> Result<Page<Doctor>, Rejection> {
        store::doctor_page(&self.database, filter, request).await
    }

    /// A doctor that the viewer may change; `field` is where the input names it.
    ///
    /// # Errors
    /// `NotFound` or `Forbidden`.
    pub async fn kept_doctor(&self, viewer: &Viewer, id: DoctorId, field: &str) -> Result<Doctor, Rejection> {
        let known = store::doctors(self.database.reader(), &[id]).await?.remove(&id);
        let doctor = known.ok_or_else(|| Refusal::not_found(field))?;
        if doctor.is_kept_by(viewer) { Ok(doctor) } else { Err(Rejection::Forbidden) }
    }

    /// The doctor that a user signs in as.
    ///
    /// # Errors
    /// Where the user has no profile, or the database does not answer.
    pub async fn doctor_of(&self, user_id: UserId) -> Result<DoctorId, Rejection> {
        let found = store::doctors_of_users(&self.database, &[user_id]).await?.remove(&user_id);
        Ok(found.ok_or_else(|| Internal::new("a doctor without a profile"))?.id)
    }

    /// Makes a doctor: the account, the profile and the calendar.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound` of the clinic or a specialty, what is wrong with the input, `EmailTaken`, or `TooManyAttempts`.
    pub async fn create_doctor(&self, viewer: &Viewer, new: NewDoctor) -> Result<DoctorId, Rejection> {
        let known = store::clinics(self.database.reader(), &[new.clinic_id]).await?.remove(&new.clinic_id);
        let clinic = known.ok_or_else(|| Refusal::not_found("clinicId"))?;
        if !clinic.is_ruled_by(viewer) {
            return Err(Rejection::Forbidden);
        }
        let (user_id, password) = (UserId::new(), new.password.clone());
        let wants_link = password.is_none();
        let (doctor, account, specialties) = new.parts(user_id, &clinic);
        let mut check = Check::new();
        doctor.check(&mut check);
        check.finish()?;
        let specialties = distinct(specialties)?;
        self.accounts.count_invitation(viewer, &account.email).await?;
        let email = accounts::canonical_email(&account.email);
        let user = match self.accounts.prepare_invited(user_id, account, RoleName::Doctor, password).await {
            Err(rejection) => {
                let clinic = Some((clinic.id, clinic.name));
                return Err(self.accounts.invite_again(viewer, &email, RoleName::Doctor, clinic, rejection).await?);
            }
            Ok(user) => user,
        };
        let recipient = Recipient { user_id, address: user.email.clone(), locale: LOCALE.to_owned() };
        let now = self.clock.now();
        let transaction = self.database.begin().await?;
        // Locked, for nobody may delete it meanwhile.
        store::find_clinic_in(&transaction, clinic.id).await?.ok_or_else(|| Refusal::not_found("clinicId"))?;
        require_specialties_in(&transaction, &specialties).await?;
        accounts::insert_user_in(&transaction, user, now).await?;
        store::insert_doctor_in(&transaction, &doctor, &specialties).await?;
        if wants_link {
            mail::invite_in(&transaction, &recipient, Some(&clinic.name), now).await?;
        }
        let made = Entry {
            id: AuditEntryId::new(),
            at: now,
            actor_id: Some(viewer.user_id),
            patient_id: None,
            clinic_id: Some(clinic.id),
            action: "doctor.create".to_owned(),
            subject_id: Some(doctor.id.to_string()),
        };
        audit::record_in(&transaction, vec![made]).await?;
        calendar::open_in(&transaction, doctor.id).await?;
        let turn = calendar::take_turn_in(&transaction, doctor.id).await?;
        let joins = |place| Move { place, joins: true };
        let moves = specialties.iter().map(|id| joins(Place::Specialty(*id))).chain([joins(Place::Clinic(clinic.id))]);
        self.finish(transaction, turn, &moves.collect::<Vec<_>>()).await?;
        tracing::info!(doctor.id = %doctor.id, "doctor created");
        Ok(doctor.id)
    }

    /// Changes a doctor's profile or booking settings.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound` of the doctor or a specialty, or what is wrong with the input.
    pub async fn update_doctor(&self, viewer: &Viewer, id: DoctorId, patch: DoctorPatch) -> Result<(), Rejection> {
        let doctor = self.kept_doctor(viewer, id, "doctorId").await?;
        if patch.active.is_given() && !doctor.is_ruled_by(viewer) {
            return Err(Rejection::Forbidden);
        }
        let mut check = Check::new();
        let specialties = match patch.specialty_ids.clone() {
            Patch::Keep => None,
            Patch::Set(ids) => Some(distinct(ids)?),
            Patch::Clear => Some(Vec::new()),
        };
        let is_listed = matches!(patch.active, Patch::Set(true));
        let transaction = self.database.begin().await?;
        // Behind the calendar's row, so that no booking is judged by half of the change, nor anybody shown an old profile from memory.
        let turn = calendar::take_turn_in(&transaction, id).await?;
        let present = store::doctors(&*transaction, &[id]).await?.remove(&id);
        let mut doctor = present.ok_or_else(|| Refusal::not_found("doctorId"))?;
        let name = doctor.name.clone();
        patch.apply_to(&mut doctor, &mut check);
        check.finish()?;
        if is_listed {
            self.require_role(doctor.user_id).await?;
        }
        let mut moves = Vec::new();
        if let Some(specialties) = specialties {
            require_specialties_in(&transaction, &specialties).await?;
            let before = store::replace_specialties_in(&transaction, id, &specialties).await?;
            moves = moves_between(&before, &specialties);
        }
        store::update_doctor_in(&transaction, &doctor).await?;
        if doctor.name != name {
            accounts::rename_doctor_in(&transaction, doctor.user_id, &doctor.name).await?;
        }
        self.finish(transaction, turn, &moves).await
    }

    /// Takes a doctor off the list: no new bookings; the appointments remain.
    ///
    /// # Errors
    /// `Forbidden` or `NotFound`.
    pub async fn deactivate_doctor(&self, viewer: &Viewer, id: DoctorId) -> Result<(), Rejection> {
        let patch = DoctorPatch { active: Patch::Set(false), ..DoctorPatch::default() };
        self.update_doctor(viewer, id, patch).await
    }

    /// Saves a visit type of a doctor.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound` of the doctor or the visit type, or what is wrong with the input.
    pub async fn save_visit_type(&self, viewer: &Viewer, saved: SavedVisitType) -> Result<(), Rejection> {
        let SavedVisitType { replaces, mut visit_type } = saved;
        let doctor_id = visit_type.doctor_id;
        self.kept_doctor(viewer, doctor_id, "doctorId").await?;
        let mut check = Check::new();
        visit_type.check(&mut check);
        check.finish()?;
        let transaction = self.database.begin().await?;
        let turn = calendar::take_turn_in(&transaction, doctor_id).await?;
        if let Some(id) = replaces {
            let known = store::visit_types(&*transaction, &[id]).await?.remove(&id);
            known.filter(|known| known.doctor_id == doctor_id).ok_or_else(|| Refusal::not_found("visitTypeId"))?;
            visit_type.id = id;
            store::update_visit_type_in(&transaction, &visit_type).await?;
        } else {
            if store::count_visit_types_in(&transaction, doctor_id).await? >= MOST as u64 {
                return Err(Refusal::new(Code::Invalid, format!("A doctor has at most {MOST} visit types.")).into());
            }
            store::insert_visit_type_in(&transaction, &visit_type).await?;
        }
        self.finish(transaction, turn, &[]).await
    }

    /// Writes the event of a change of the profile or the schedule, and what it moves, makes it true and tells everybody.
    pub(super) async fn finish(&self, transaction: Transaction, turn: Turn, moves: &[Move]) -> Result<(), Rejection> {
        let now = turn.now(&*self.clock);
        let events = calendar::record_in(&transaction, turn, &[Change::ScheduleChanged], now).await?;
        for event in &events {
            calendar::record_moves_in(&transaction, event, moves).await?;
        }
        transaction.commit().await?;
        self.publisher.publish(&events).await;
        Ok(())
    }
}

/// Looks over what is searched for.
///
/// # Errors
/// `BadInput`.
pub fn check_search(search: Option<&str>) -> Result<(), Rejection> {
    let search = search.unwrap_or_default();
    if search.chars().count() > NAME || search.contains('\0') {
        return Err(Rejection::BadInput("`search` has at most 200 characters, and no NUL.".into()));
    }
    Ok(())
}

/// Which specialties are joined and left by those who practised the ones and practise the others.
fn moves_between(before: &[SpecialtyId], after: &[SpecialtyId]) -> Vec<Move> {
    let one = |id: &SpecialtyId, joins| Move { place: Place::Specialty(*id), joins };
    let joined = after.iter().filter(|id| !before.contains(id)).map(|id| one(id, true));
    let left = before.iter().filter(|id| !after.contains(id)).map(|id| one(id, false));
    joined.chain(left).collect()
}

fn distinct(mut ids: Vec<SpecialtyId>) -> Result<Vec<SpecialtyId>, Rejection> {
    if ids.is_empty() || ids.len() > MOST {
        return Err(Refusal::of("specialtyIds", Code::Invalid, format!("Between 1 and {MOST} specialties.")).into());
    }
    let mut seen = std::collections::HashSet::new();
    ids.retain(|id| seen.insert(*id));
    Ok(ids)
}

async fn require_specialties_in(transaction: &Transaction, ids: &[SpecialtyId]) -> Result<(), Rejection> {
    let missing = store::missing_specialties_in(transaction, ids).await?;
    let refusals: Vec<_> = missing.iter().map(|place| Refusal::not_found(&format!("specialtyIds.{place}"))).collect();
    if refusals.is_empty() { Ok(()) } else { Err(Rejection::Refused(refusals)) }
}
