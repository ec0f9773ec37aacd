//! Taking care of one's own account.

use super::{
    context::Reach,
    failure::Failure,
    guard::For,
    input,
    scalars::{EmailAddress, TimeZone},
    session::{HASHING, SessionPayload},
    specialty::DeletePayload,
    user::User,
    user_error::{UserError, outcome},
};
use crate::{
    accounts::{self, Assurance, ProfilePatch},
    kernel::rejection::Rejection,
};
use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object, SimpleObject};
use secrecy::SecretString;

/// What became of a change of a user.
#[derive(SimpleObject)]
pub struct UserPayload {
    /// The user; null where something was refused.
    user: Option<User>,
    /// What was refused, and why; nothing was changed then.
    user_errors: Vec<UserError>,
}

impl UserPayload {
    /// The payload of a mutation of this user.
    pub fn from_outcome(result: Result<accounts::User, Rejection>) -> Result<Self, Failure> {
        let (user, user_errors) = outcome(result)?;
        Ok(Self { user: user.map(User::from), user_errors })
    }
}

/// The same answer whether or not anybody is known there.
#[derive(SimpleObject)]
pub struct RequestPayload {
    /// What was refused, and why; nothing was sent then.
    user_errors: Vec<UserError>,
}

impl RequestPayload {
    /// What came of a request.
    pub fn from_outcome(result: Result<(), Rejection>) -> Result<Self, Failure> {
        let (_, user_errors) = outcome(result)?;
        Ok(Self { user_errors })
    }
}

/// What became of the wish to have one's data.
#[derive(SimpleObject)]
pub struct ExportPayload {
    /// JSON; null where something was refused.
    data: Option<String>,
    /// What was refused, and why.
    user_errors: Vec<UserError>,
}

pub(super) fn assurance(password: Option<String>, code: Option<String>) -> Assurance {
    let (password, code) = (password.map(SecretString::from), code.map(SecretString::from));
    Assurance { password, password_field: "password", code, code_field: "code" }
}

/// Who has forgotten a password.
#[derive(InputObject)]
pub struct RequestPasswordResetInput {
    /// The address that you sign in with.
    email: EmailAddress,
}

/// A new password, and what allows it.
#[derive(InputObject)]
pub struct ResetPasswordInput {
    /// What stands behind `#token=` in the link of the letter.
    token: String,
    /// The new password, 8 characters to 1,000 bytes, and not easy to guess.
    password: String,
}

/// What proves an address.
#[derive(InputObject)]
pub struct VerifyEmailInput {
    /// What stands behind `#token=` in the link of the letter.
    token: String,
}

/// What proves a telephone number, and what shows that it is you who asks.
#[derive(InputObject)]
pub struct VerifyPhoneInput {
    /// The six digits that were sent there.
    code: String,
    /// Your password.
    password: Option<String>,
    /// A login code that you asked for at most a minute ago, where you have no password.
    login_code: Option<String>,
}

/// What shall be changed of yourself: an absent field stays, null clears it.
#[derive(InputObject)]
pub struct UpdateProfileInput {
    /// How you are called, at most 200 characters. A doctor's name is changed by `updateDoctor`.
    name: MaybeUndefined<String>,
    /// A telephone number with the code of its country. It is sent a code for `verifyPhone`, unless it is proven already.
    phone: MaybeUndefined<String>,
    /// The time zone that you live in.
    time_zone: MaybeUndefined<TimeZone>,
    /// The language that you read (BCP 47): letters come in it, where they can.
    locale: MaybeUndefined<String>,
}

/// Another address, and what shows that it is you who asks.
#[derive(InputObject)]
pub struct ChangeEmailInput {
    /// The new address; your own to have it confirmed once more.
    email: EmailAddress,
    /// Your password.
    password: Option<String>,
    /// A login code that you asked for at most a minute ago, where you have no password.
    code: Option<String>,
}

/// Another password, and what shows that it is you who asks.
#[derive(InputObject)]
pub struct ChangePasswordInput {
    /// The password that you have.
    current_password: Option<String>,
    /// A login code that you asked for at most a minute ago, where you have no password.
    code: Option<String>,
    /// The new password, 8 characters to 1,000 bytes, and not easy to guess.
    new_password: String,
}

/// What shows that it is you who leaves.
#[derive(InputObject)]
pub struct DeleteAccountInput {
    /// Your password.
    password: Option<String>,
    /// A login code that you asked for at most a minute ago, where you have no password.
    code: Option<String>,
}

/// What shows that it is you who asks.
#[derive(InputObject)]
pub struct ExportMyDataInput {
    /// Your password.
    password: Option<String>,
    /// A login code that you asked for at most a minute ago, where you have no password.
    code: Option<String>,
}

/// Mutations of one's own account.
#[derive(Default)]
pub struct AccountMutation;

#[Object]
impl AccountMutation {
    /// Ask for a letter whose link sets a new password, for an hour. Whether there is an account with this address is told to nobody but its
    /// owner.
    async fn request_password_reset(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Whose.")] input: RequestPasswordResetInput,
    ) -> Result<RequestPayload, Failure> {
        RequestPayload::from_outcome(
            context.services().accounts.request_password_reset(&input.email.0, context.caller().client()).await,
        )
    }

    /// Set a password with the token of a letter, also of an invitation; another user's is `INVALID_TOKEN` where you are signed in, and stays good. All
    /// sessions end, and a new one begins. A telephone number has to be confirmed again before it is a way in. Where it is the first proof that the
    /// e-mail address is the user's, the number of whoever had set a password is forgotten altogether: somebody else may have registered the address.
    #[graphql(complexity = "HASHING + child_complexity")]
    async fn reset_password(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which.")] input: ResetPasswordInput,
    ) -> Result<SessionPayload, Failure> {
        let (token, password) = (SecretString::from(input.token), SecretString::from(input.password));
        let (accounts, caller) = (&context.services().accounts, context.caller());
        let reset = accounts.reset_password(&token, password, caller.viewer(), caller.client());
        SessionPayload::from_outcome(reset.await)
    }

    /// Confirm an address with the token of a letter; another user's is `INVALID_TOKEN` where you are signed in, and stays good. Where the address is not
    /// the one that you signed in with so far, it is from now on. Send your access token along: somebody else may have registered the address, so where
    /// it is confirmed for the first time, and not by a session of the account, the password and the telephone number are forgotten and all
    /// sessions end. A letter says so; sign in with a code then, or set a new password.
    async fn verify_email(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which.")] input: VerifyEmailInput,
    ) -> Result<UserPayload, Failure> {
        let token = SecretString::from(input.token);
        let (accounts, caller) = (&context.services().accounts, context.caller());
        UserPayload::from_outcome(accounts.verify_email(&token, caller.viewer(), caller.client()).await)
    }

    /// Confirm your telephone number with the code that was sent there. From now on it is a way in, and nobody else's; a letter says so. Changing or
    /// resetting the password ends that, until it is confirmed again.
    #[graphql(guard = "For::SignedIn", complexity = "HASHING + child_complexity")]
    async fn verify_phone(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which.")] input: VerifyPhoneInput,
    ) -> Result<UserPayload, Failure> {
        let assurance = Assurance { code_field: "loginCode", ..assurance(input.password, input.login_code) };
        let (viewer, code) = (context.signed_in()?, SecretString::from(input.code));
        UserPayload::from_outcome(context.services().accounts.verify_phone(viewer, &code, assurance).await)
    }

    /// Change what you are known by; a letter says so, if you have confirmed your address. Who changes something too often has to wait
    /// (`TOO_MANY_ATTEMPTS`).
    #[graphql(guard = "For::SignedIn")]
    async fn update_profile(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "What.")] input: UpdateProfileInput,
    ) -> Result<UserPayload, Failure> {
        let patch = ProfilePatch {
            name: input::patch(input.name),
            phone: input::patch(input.phone),
            time_zone: input::patch(input.time_zone),
            locale: input::patch(input.locale),
        };
        UserPayload::from_outcome(context.services().accounts.update_profile(context.signed_in()?, patch).await)
    }

    /// Ask for a letter to another address whose link makes it yours, for 3 days. The old one is told now, and when that happens; changing the
    /// password makes the link worthless.
    #[graphql(guard = "For::SignedIn", complexity = "HASHING + child_complexity")]
    async fn change_email(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which.")] input: ChangeEmailInput,
    ) -> Result<RequestPayload, Failure> {
        let assurance = assurance(input.password, input.code);
        let accounts = &context.services().accounts;
        RequestPayload::from_outcome(accounts.change_email(context.signed_in()?, &input.email.0, assurance).await)
    }

    /// Change your password; all your other sessions end, links and codes that you were sent before are worth nothing any more, and a telephone
    /// number has to be confirmed again before it is a way in.
    #[graphql(guard = "For::SignedIn", complexity = "2 * HASHING + child_complexity")]
    async fn change_password(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which.")] input: ChangePasswordInput,
    ) -> Result<UserPayload, Failure> {
        let assurance =
            Assurance { password_field: "currentPassword", ..assurance(input.current_password, input.code) };
        let (viewer, password) = (context.signed_in()?, SecretString::from(input.new_password));
        UserPayload::from_outcome(context.services().accounts.change_password(viewer, assurance, password).await)
    }

    /// Delete your account: what is known about you is erased, visits to come are cancelled free of charge, and your medical history does not
    /// say any more whose it is. Not for who is or was a doctor, nor for the last admin of the platform (`IN_USE`).
    #[graphql(guard = "For::SignedIn", complexity = "HASHING + child_complexity")]
    async fn delete_account(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "That it is you.")] input: DeleteAccountInput,
    ) -> Result<DeletePayload, Failure> {
        let assurance = assurance(input.password, input.code);
        let deleted = context.services().privacy.delete_account(context.signed_in()?, assurance).await;
        let (deleted, user_errors) = outcome(deleted)?;
        Ok(DeletePayload { deleted_id: deleted.map(ID::from), user_errors })
    }

    /// Get everything that is kept about you.
    #[graphql(guard = "For::SignedIn", complexity = "HASHING + child_complexity")]
    async fn export_my_data(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "That it is you.")] input: ExportMyDataInput,
    ) -> Result<ExportPayload, Failure> {
        let assurance = assurance(input.password, input.code);
        let exported = context.services().privacy.export(context.signed_in()?, assurance).await;
        let (data, user_errors) = outcome(exported)?;
        Ok(ExportPayload { data: data.map(|data| data.to_string()), user_errors })
    }
}
