//! Who belongs where: inviting people, changing what they may be, and letting go of them.

use super::{
    account::UserPayload,
    clinic::ClinicPayload,
    context::Reach,
    failure::Failure,
    guard::For,
    input,
    page::{self, Arguments, connection},
    scalars::EmailAddress,
    user::{Role, User},
};
use crate::{
    accounts::{self, Invitation},
    kernel::page::Page,
};
use async_graphql::{Context, ID, InputObject, Object};
use secrecy::SecretString;

connection!(UserConnection, UserEdge, User, "users", counted);

/// Which users.
#[derive(Default, InputObject)]
pub struct UserFilter {
    /// Of this role.
    role: Option<Role>,
    /// Of this clinic: its admins, its doctors and its patients.
    clinic_id: Option<ID>,
    /// With this in their name or address, in any case, at most 200 characters.
    search: Option<String>,
    /// Those who may sign in (true), or those who may not (false).
    active: Option<bool>,
}

impl UserFilter {
    /// The filter; nothing where it names something that cannot be there.
    fn parse(self) -> Option<accounts::UserFilter> {
        Some(accounts::UserFilter {
            role: self.role.map(Into::into),
            clinic_id: self.clinic_id.map(|id| id.parse()).transpose().ok()?,
            search: self.search,
            active: self.active,
        })
    }
}

/// Queries about those who belong somewhere.
#[derive(Default)]
pub struct MemberQuery;

#[Object]
impl MemberQuery {
    /// Users by name. For admins: a clinic's see its admins, its doctors and its patients (those who have, or had, an appointment there, or let
    /// the clinic book for them), those of the platform everybody.
    #[graphql(guard = "For::Admins", complexity = "page::cost(first, last, child_complexity)")]
    async fn users(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "How many from the front, 1 to 100; 20 where nothing is said.")] first: Option<i32>,
        #[graphql(desc = "The cursor behind which to begin.")] after: Option<String>,
        #[graphql(desc = "How many from the back, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "The cursor before which to end.")] before: Option<String>,
        #[graphql(desc = "Only these.")] filter: Option<UserFilter>,
    ) -> Result<UserConnection, Failure> {
        let request = Arguments { first, after, last, before }.request(context)?;
        let Some(filter) = filter.unwrap_or_default().parse() else {
            return Ok(Page::<accounts::User>::empty().into());
        };
        let page = context.services().accounts.list_users(context.signed_in()?, &filter, &request).await?;
        User::page(context, page).await
    }
}

/// Who shall be able to sign in.
#[derive(InputObject)]
pub struct InviteUserInput {
    /// The e-mail address to sign in with.
    email: EmailAddress,
    /// How the person is called, at most 200 characters.
    name: String,
    /// What the person shall be: PATIENT or ADMIN. Doctors get their account by `createDoctor`.
    role: Role,
    /// The clinic that an admin shall rule, or whose staff shall book for a patient. Yours where nothing is said; for an admin of the platform none:
    /// an admin without a clinic rules the platform.
    clinic_id: Option<ID>,
    /// A telephone number with the code of its country.
    phone: Option<String>,
    /// The password to sign in with; where nothing is said, the person sets one by the link in the e-mail.
    password: Option<String>,
}

impl InviteUserInput {
    fn parse(self) -> Result<Invitation, crate::kernel::rejection::Rejection> {
        Ok(Invitation {
            clinic_id: self.clinic_id.map(|id| input::id(&id, "clinicId")).transpose()?,
            email: self.email.into(),
            name: self.name,
            role: self.role.into(),
            phone: self.phone,
            password: self.password.map(SecretString::from),
        })
    }
}

/// What somebody shall be from now on.
#[derive(InputObject)]
pub struct UpdateUserRoleInput {
    /// Who.
    user_id: ID,
    /// What: DOCTOR only for those who have a profile.
    role: Role,
    /// The clinic that an admin shall rule. Yours where nothing is said; for an admin of the platform none: an admin without a clinic rules the
    /// platform.
    clinic_id: Option<ID>,
}

/// Who shall not be able to sign in any more.
#[derive(InputObject)]
pub struct DeactivateUserInput {
    /// Who.
    user_id: ID,
}

/// Who shall be able to sign in again.
#[derive(InputObject)]
pub struct ReactivateUserInput {
    /// Who.
    user_id: ID,
}

/// Which clinic's staff shall be able to book for you.
#[derive(InputObject)]
pub struct AcceptInvitationInput {
    /// The token of the link in the e-mail that asks.
    token: String,
}

/// Mutations of those who belong somewhere.
#[derive(Default)]
pub struct MemberMutation;

#[Object]
impl MemberMutation {
    /// Make an account for somebody: an admin or a patient by an admin, a patient by a doctor of the clinic. Who is invited sets a password by the
    /// link in the e-mail (or has the `password` given here). The staff of the clinic may book for a patient whose account it has made. An e-mail that is
    /// registered is `EMAIL_TAKEN`; a patient is then asked by e-mail to accept the clinic, whose staff may book for them from then on. Whose account
    /// your clinic has made, and who has not confirmed the address yet, is sent the invitation again. Whoever invites very many people, or one person
    /// again and again, waits (`TOO_MANY_ATTEMPTS`).
    #[graphql(guard = "For::Staff", complexity = "super::session::HASHING + child_complexity")]
    async fn invite_user(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Who, and as what.")] input: InviteUserInput,
    ) -> Result<UserPayload, Failure> {
        let invite = async { context.services().accounts.invite(context.signed_in()?, input.parse()?).await };
        UserPayload::from_outcome(invite.await)
    }

    /// Let the staff of the clinic that asks in the e-mail book for you. The e-mail is read by whoever has the address: send your access token along,
    /// as to `verifyEmail`, or else, where the address was never confirmed before, the password and the telephone number are forgotten and all
    /// sessions end. Where you are signed in as somebody else, the link is `INVALID_TOKEN`, and stays good.
    async fn accept_invitation(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "What the e-mail says.")] input: AcceptInvitationInput,
    ) -> Result<ClinicPayload, Failure> {
        let token = SecretString::from(input.token);
        let accepted = context.services().accounts.accept_invitation(&token, context.viewer()).await;
        ClinicPayload::from_id(context, accepted).await
    }

    /// Change what somebody may be. For admins: a clinic's change its admins and doctors, those of the platform everybody; nobody changes
    /// themselves. Wherever the person is signed in, they have to sign in again. Who is no doctor any more is off the list, as by `deactivateDoctor`.
    #[graphql(guard = "For::Admins")]
    async fn update_user_role(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Who, and what.")] input: UpdateUserRoleInput,
    ) -> Result<UserPayload, Failure> {
        let change = async {
            let id = input::id(&input.user_id, "userId")?;
            let clinic_id = input.clinic_id.map(|id| input::id(&id, "clinicId")).transpose()?;
            let viewer = context.signed_in()?;
            context.services().directory.change_role(viewer, id, input.role.into(), clinic_id).await
        };
        UserPayload::from_outcome(change.await)
    }

    /// Let somebody sign in no more: what is open of theirs ends within a second. For admins, of the same people as `updateUserRole`. A doctor stays
    /// listed until `deactivateDoctor`; appointments remain.
    #[graphql(guard = "For::Admins")]
    async fn deactivate_user(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Who.")] input: DeactivateUserInput,
    ) -> Result<UserPayload, Failure> {
        set_active(context, &input.user_id, false).await
    }

    /// Let somebody sign in again who was deactivated. For admins, of the same people as `updateUserRole`.
    #[graphql(guard = "For::Admins")]
    async fn reactivate_user(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Who.")] input: ReactivateUserInput,
    ) -> Result<UserPayload, Failure> {
        set_active(context, &input.user_id, true).await
    }
}

async fn set_active(context: &Context<'_>, id: &ID, active: bool) -> Result<UserPayload, Failure> {
    let change = async {
        let id = input::id(id, "userId")?;
        context.services().accounts.set_active(context.signed_in()?, id, active).await
    };
    UserPayload::from_outcome(change.await)
}
