//! Name, telephone number, time zone and language.

use super::{assurance::Assurance, store};
use crate::{
    accounts::{Accounts, Attempt, By, PHONE_EXPECTED, RoleName, User, note_own_in, parse_phone},
    kernel::{
        check::Check,
        patch::Patch,
        rejection::{Code, Refusal, Rejection},
        viewer::Viewer,
    },
    mail::{self, Letter, Purpose, Recipient},
};
use chrono_tz::Tz;
use secrecy::SecretString;
use serde_json::json;

/// What is to become different.
#[derive(Clone, Debug, Default)]
pub struct ProfilePatch {
    /// How the person is called.
    pub name: Patch<String>,
    /// Their telephone number.
    pub phone: Patch<String>,
    /// The time zone that they live in.
    pub time_zone: Patch<Tz>,
    /// The language that they read (BCP 47).
    pub locale: Patch<String>,
}

impl ProfilePatch {
    /// The user as they would be.
    fn apply(self, user: &User) -> Result<User, Rejection> {
        let mut check = Check::new();
        let mut changed = user.clone();
        if let Patch::Set(name) = &self.name {
            check.name("name", name);
            if user.role == RoleName::Doctor && name.trim() != user.name {
                let message = "Patients see this name in the doctor's profile: it is changed there, by updateDoctor.";
                check.refuse("name", Code::Invalid, message);
            }
        }
        self.name.apply_to(&mut changed.name, &mut check, "name");
        changed.name = String::from(changed.name.trim());
        if let Patch::Set(phone) = &self.phone
            && parse_phone(phone).is_none()
        {
            check.refuse("phone", Code::Invalid, PHONE_EXPECTED);
        }
        self.phone.apply_to_optional(&mut changed.phone);
        changed.phone = changed.phone.map(|phone| parse_phone(&phone).unwrap_or(phone));
        changed.phone_verified &= changed.phone == user.phone;
        self.time_zone.apply_to(&mut changed.time_zone, &mut check, "timeZone");
        if let Patch::Set(locale) = &self.locale
            && !is_locale(locale)
        {
            check.refuse("locale", Code::Invalid, "A language by its BCP 47 tag, such as de or pt-BR.");
        }
        self.locale.apply_to(&mut changed.locale, &mut check, "locale");
        check.finish()?;
        Ok(changed)
    }
}

/// Whether it has the form of a language tag (BCP 47).
fn is_locale(text: &str) -> bool {
    let mut parts = text.split('-');
    let language = parts.next().unwrap_or_default();
    let is_language = (2..=3).contains(&language.len()) && language.bytes().all(|byte| byte.is_ascii_alphabetic());
    let is_part = |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    text.len() <= 35 && is_language && parts.all(is_part)
}

fn changes(before: &User, after: &User) -> Vec<&'static str> {
    let fields = [
        (before.name != after.name, "name"),
        (before.phone != after.phone, "phone"),
        (before.time_zone != after.time_zone, "timeZone"),
        (before.locale != after.locale, "locale"),
    ];
    fields.into_iter().filter_map(|(differs, field)| differs.then_some(field)).collect()
}

impl Accounts {
    /// Changes what the viewer is known by; a letter says so, unless nobody has proven the address: whoever named another's must not have letters
    /// sent there. A telephone number that is not proven yet is sent a code for [`Accounts::verify_phone`], also when it is given again.
    ///
    /// # Errors
    /// What is wrong with the input, `TooManyAttempts`.
    pub async fn update_profile(&self, viewer: &Viewer, patch: ProfilePatch) -> Result<User, Rejection> {
        let now = self.clock.now();
        self.attempts.begin(Attempt::Change, &[By::Account(viewer.user_id)], now).await?;
        let given = if let Patch::Set(phone) = &patch.phone { parse_phone(phone) } else { None };
        if let Some(phone) = &given {
            self.attempts.begin(Attempt::Code, &[By::Account(viewer.user_id), By::Address(phone)], now).await?;
        }
        let transaction = self.database.begin().await?;
        crate::accounts::lock_user_in(&transaction, viewer.user_id).await?;
        let before = store::find_in(&transaction, viewer.user_id).await?.ok_or(Rejection::Unauthenticated)?;
        let after = patch.apply(&before)?;
        let changed = changes(&before, &after);
        if !changed.is_empty() {
            store::save_profile_in(&transaction, &after).await?;
            note_own_in(&transaction, &after, "user.update", now).await?;
            if after.email_verified {
                let content = json!({ "changed": changed });
                mail::tell_in(&transaction, Letter::ProfileChanged, &after.recipient(), content, now).await?;
            }
        }
        if let Some(phone) = after.phone.clone().filter(|_| given.is_some() && !after.phone_verified) {
            let recipient = Recipient { address: phone, ..after.recipient() };
            mail::write_with_ticket_in(&transaction, Letter::ConfirmPhone, Purpose::Phone, &recipient, now).await?;
        }
        transaction.commit().await?;
        if before.time_zone != after.time_zone {
            self.look_again_at(after.id).await;
        }
        Ok(after)
    }

    /// Proves the viewer's telephone number with the code that was sent there: a way in from now on, and nobody else's any more. A letter says so.
    ///
    /// # Errors
    /// What [`Accounts::assure`] refuses: somebody at a screen that was left open could make their own number a way in. `InvalidToken`,
    /// `TooManyAttempts`.
    pub async fn verify_phone(
        &self,
        viewer: &Viewer,
        code: &SecretString,
        assurance: Assurance,
    ) -> Result<User, Rejection> {
        let wrong = || Refusal::of("code", Code::InvalidToken, "The code is wrong, was used, or is over.");
        let user = self.assure(viewer, assurance).await?;
        let (now, by) = (self.clock.now(), [By::Account(user.id)]);
        self.attempts.begin(Attempt::Redeem, &by, now).await?;
        let phone = user.phone.ok_or_else(wrong)?;
        let own = (Some(user.id), &*phone);
        mail::prove_code(&self.database, Purpose::Phone, own, code, now).await?.ok_or_else(wrong)?;
        let transaction = self.database.begin().await?;
        let user = self.lock_viewer_in(&transaction, viewer, now).await?;
        store::verify_phone_in(&transaction, user.id, &phone, now).await?;
        note_own_in(&transaction, &user, "user.verify_phone", now).await?;
        mail::tell_in(&transaction, Letter::PhoneConfirmed, &user.recipient(), json!({}), now).await?;
        transaction.commit().await?;
        self.attempts.succeeded(Attempt::Redeem, &by).await;
        self.user(user.id).await
    }
}

#[cfg(test)]
mod tests {
    use super::is_locale;

    #[test]
    fn a_language_is_named_by_its_tag() {
        assert!(["en", "de-AT", "pt-BR", "zh-Hant-TW", "sl-rozaj-1994"].into_iter().all(is_locale));
        assert!(!["", "e", "english", "en_US", "de-", "en-\r\nX: y", "1a", "de-abcdefghi"].into_iter().any(is_locale));
    }
}
