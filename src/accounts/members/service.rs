//! Listing people, and inviting them.

use super::{
    model::{BY_CREATE_DOCTOR, Invitation, UserFilter, place},
    notes::note_in,
    store,
};
use crate::{
    accounts::{
        Attempt, By, care,
        model::{Account, LOCALE, NewUser, PHONE_EXPECTED, RoleName, User, canonical_email, parse_phone},
        service::Accounts,
        store::{email_taken, find_by_email, insert_user_in},
    },
    audit::{self, Entry},
    kernel::{
        check::{Check, NAME},
        id::{ClinicId, UserId},
        page::{Page, PageRequest},
        rejection::{Code, Refusal, Rejection},
        viewer::Viewer,
    },
    mail::{self, Purpose, Recipient},
};
use chrono_tz::Tz;
use secrecy::SecretString;

impl Accounts {
    /// The users that an admin may see: those of a clinic, its patients among them, or all.
    ///
    /// # Errors
    /// Where the cursor is none, what is searched for is too long, or the database does not answer.
    pub async fn list_users(
        &self,
        viewer: &Viewer,
        filter: &UserFilter,
        request: &PageRequest,
    ) -> Result<Page<User>, Rejection> {
        let search = filter.search.as_deref().unwrap_or_default();
        if search.chars().count() > NAME || search.contains('\0') {
            return Err(Rejection::BadInput("`search` has at most 200 characters, and no NUL.".into()));
        }
        store::page(&self.database, viewer.scope(), filter, request).await
    }

    /// Counts that the viewer makes an account for whoever has this address: they are sent a letter, and the answer tells whether they have one.
    ///
    /// # Errors
    /// `TooManyAttempts`.
    pub async fn count_invitation(&self, viewer: &Viewer, email: &str) -> Result<(), Rejection> {
        let email = canonical_email(email);
        let by = [By::Account(viewer.user_id), By::Address(&email)];
        self.attempts.begin(Attempt::Invite, &by, self.clock.now()).await
    }

    /// Makes an account for somebody, who is sent a link that sets its password where none is given. Whoever has an account is written to by
    /// [`Accounts::invite_again`] instead.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound` of the clinic, what is wrong with the input, `EmailTaken`, or `TooManyAttempts`.
    pub async fn invite(&self, viewer: &Viewer, invitation: Invitation) -> Result<User, Rejection> {
        let named = match invitation.clinic_id {
            Some(id) => Some(store::clinic_name(&self.database, id).await?.ok_or_else(missing_clinic)?),
            None => None,
        };
        let (role, clinic_id) = (invitation.role, place(viewer, invitation.role, invitation.clinic_id)?);
        if role == RoleName::Doctor {
            return Err(Refusal::of("role", Code::Invalid, BY_CREATE_DOCTOR).into());
        }
        let clinic_name = match (named, clinic_id) {
            (None, Some(id)) => store::clinic_name(&self.database, id).await?,
            (named, _) => named,
        };
        let clinic = clinic_id.zip(clinic_name);
        let wants_link = invitation.password.is_none();
        let email = canonical_email(&invitation.email);
        let account = Account {
            email: invitation.email,
            password: SecretString::from(String::new()),
            name: invitation.name,
            phone: invitation.phone,
            time_zone: None,
        };
        self.count_invitation(viewer, &email).await?;
        let id = UserId::new();
        let new = match self.prepare_invited(id, account, role, invitation.password).await {
            Err(rejection) => return Err(self.invite_again(viewer, &email, role, clinic, rejection).await?),
            Ok(new) => new,
        };
        let admins_clinic = clinic_id.filter(|_| role == RoleName::Admin);
        let now = self.clock.now();
        let recipient = Recipient { user_id: id, address: new.email.clone(), locale: LOCALE.to_owned() };
        let transaction = self.database.begin().await?;
        insert_user_in(&transaction, NewUser { clinic_id: admins_clinic, ..new }, now).await?;
        if let Some((clinic_id, _)) = clinic.as_ref().filter(|_| role == RoleName::Patient) {
            store::join_in(&transaction, *clinic_id, id, now).await?;
        }
        if wants_link {
            let name = clinic.as_ref().map(|(_, name)| name.as_str());
            mail::invite_in(&transaction, &recipient, name, now).await?;
        }
        note_in(&transaction, viewer, "user.invite", (id, role, clinic_id), now).await?;
        transaction.commit().await?;
        tracing::info!(user.id = %id, ?role, "invited");
        self.user(id).await
    }

    /// A user with this id and account, ready to be written; without a password where none is given: then a link that is sent has to set one.
    ///
    /// # Errors
    /// What is wrong with the input, or `EmailTaken`.
    pub async fn prepare_invited(
        &self,
        id: UserId,
        account: Account,
        role: RoleName,
        password: Option<SecretString>,
    ) -> Result<NewUser, Rejection> {
        if let Some(password) = password {
            return self.prepare(id, Account { password, ..account }, role).await;
        }
        let mut check = Check::new();
        check.name("name", &account.name);
        let phone = account.phone.as_deref().map(|phone| parse_phone(phone).ok_or(()));
        if phone == Some(Err(())) {
            check.refuse("phone", Code::Invalid, PHONE_EXPECTED);
        }
        check.finish()?;
        let email = canonical_email(&account.email);
        if find_by_email(&self.database, &email).await?.is_some() {
            return Err(email_taken());
        }
        Ok(NewUser {
            id,
            email,
            password_hash: String::new(),
            name: account.name.trim().to_owned(),
            phone: phone.and_then(Result::ok),
            role,
            clinic_id: None,
            time_zone: account.time_zone.unwrap_or(Tz::UTC),
        })
    }

    /// Writes to somebody who could not be invited because they have an account. If it is the clinic's, or the platform's where none is named, and
    /// nobody has proven the address, the invitation is sent again: its link may be over. A patient of others is asked whether the staff of the clinic may book for them. Hands the
    /// rejection back.
    ///
    /// # Errors
    /// Where the database refuses.
    pub async fn invite_again(
        &self,
        viewer: &Viewer,
        email: &str,
        role: RoleName,
        clinic: Option<(ClinicId, String)>,
        rejection: Rejection,
    ) -> Result<Rejection, Rejection> {
        if !is_email_taken(&rejection) {
            return Ok(rejection);
        }
        let known = find_by_email(&self.database, email).await?;
        let known = known.filter(|(user, _)| user.active && user.role == role);
        let Some((user, password_hash)) = known else { return Ok(rejection) };
        let (clinic_id, name) = clinic.unzip();
        let now = self.clock.now();
        let transaction = self.database.begin().await?;
        let is_own = match (role, clinic_id) {
            (RoleName::Admin, _) => user.clinic_id == clinic_id,
            (RoleName::Doctor, _) => store::clinic_of_doctor_in(&transaction, user.id).await? == clinic_id,
            (RoleName::Patient, Some(id)) => store::has_joined_in(&transaction, id, user.id).await?,
            // Made by an admin of the platform, and nobody has come in yet.
            (RoleName::Patient, None) => {
                password_hash.is_empty() && !store::has_clinic_in(&transaction, user.id).await?
            }
        };
        let action = match (clinic_id, &name) {
            _ if is_own && !user.email_verified => {
                mail::invite_in(&transaction, &user.recipient(), name.as_deref(), now).await?;
                "user.invite"
            }
            (Some(id), Some(name)) if role == RoleName::Patient && !is_own => {
                mail::ask_to_join_in(&transaction, &user.recipient(), mail::Clinic { id, name }, now).await?;
                audit::ASK_PATIENT
            }
            _ => return Ok(rejection),
        };
        note_in(&transaction, viewer, action, (user.id, role, clinic_id), now).await?;
        transaction.commit().await?;
        tracing::info!(user.id = %user.id, action, "written to, who has an account");
        Ok(rejection)
    }

    /// Lets the staff of the clinic book that has asked by this link. Whoever opens it reads what is sent to the address: where nobody has shown
    /// that before, and it is not the user who is signed in, every way in that there was is forgotten first, and every session ends.
    ///
    /// # Errors
    /// `InvalidToken`, also for another user's.
    pub async fn accept_invitation(
        &self,
        token: &SecretString,
        viewer: Option<&Viewer>,
    ) -> Result<ClinicId, Rejection> {
        let message = "The link is used, over, or for another account: ask the clinic for another.";
        let invalid = || Refusal::of("token", Code::InvalidToken, message);
        let now = self.clock.now();
        let seen = self.read_own_link(&[Purpose::Joining], token, viewer).await?.ok_or_else(invalid)?;
        let transaction = self.database.begin().await?;
        let user = care::find_locked_in(&transaction, seen.user_id).await?.map(|(user, _)| user);
        let proof = mail::prove_link_in(&transaction, &[Purpose::Joining], token, now).await?.ok_or_else(invalid)?;
        let user = user.filter(|user| user.active && user.email == proof.address).ok_or_else(invalid)?;
        let clinic_id = proof.clinic_id.ok_or_else(invalid)?;
        let is_own = viewer.is_some_and(|viewer| viewer.user_id == user.id);
        let ended = care::prove_email_in(&transaction, &user, is_own, now).await?;
        store::join_in(&transaction, clinic_id, user.id, now).await?;
        let accepted = Entry::of_oneself(user.id, true, "clinic.accept", now);
        let (clinic, subject) = (Some(clinic_id), Some(clinic_id.to_string()));
        let accepted = Entry { clinic_id: clinic, subject_id: subject, ..accepted };
        audit::record_in(&transaction, vec![accepted]).await?;
        transaction.commit().await?;
        self.sessions_ended(ended).await;
        tracing::info!(user.id = %user.id, clinic.id = %clinic_id, "accepted a clinic");
        Ok(clinic_id)
    }
}

pub(super) fn missing_clinic() -> Rejection {
    Refusal::not_found("clinicId").into()
}

fn is_email_taken(rejection: &Rejection) -> bool {
    matches!(rejection, Rejection::Refused(refusals) if refusals.iter().all(|refusal| refusal.code == Code::EmailTaken))
}
