//! Coming in by a code.

use super::{
    account::RequestPayload, context::Reach, failure::Failure, scalars::EmailAddress, session::SessionPayload,
};
use crate::{
    accounts::{CodeAddress, CodeLogin},
    kernel::rejection::{Code, Refusal, Rejection},
};
use async_graphql::{Context, InputObject, Object};
use secrecy::SecretString;

/// Where a code shall be sent: exactly one of the two.
#[derive(InputObject)]
pub struct RequestLoginCodeInput {
    /// The address that you sign in with.
    email: Option<EmailAddress>,
    /// Your telephone number, as it was confirmed by `verifyPhone`: the code comes as a text message.
    phone: Option<String>,
}

/// A code, and where it was sent: exactly one of the two, or neither for the code that a third party's sign-in came back with.
#[derive(InputObject)]
pub struct LoginWithCodeInput {
    /// The address that the code was sent to.
    email: Option<EmailAddress>,
    /// The telephone number that the code was sent to.
    phone: Option<String>,
    /// The code.
    code: String,
}

fn address(email: Option<EmailAddress>, phone: Option<String>) -> Result<Option<CodeAddress>, Rejection> {
    match (email, phone) {
        (Some(_), Some(_)) => Err(Refusal::of("phone", Code::Invalid, "Give either `email` or `phone`.").into()),
        (Some(email), None) => Ok(Some(CodeAddress::Email(email.into()))),
        (None, Some(phone)) => Ok(Some(CodeAddress::Phone(phone))),
        (None, None) => Ok(None),
    }
}

/// Mutations of login codes.
#[derive(Default)]
pub struct LoginCodeMutation;

#[Object]
impl LoginCodeMutation {
    /// Ask for a code of six digits that signs in, for 10 minutes; one that was asked for before is worth nothing any more. Whether there is an
    /// account is told to nobody but its owner.
    async fn request_login_code(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Where to.")] input: RequestLoginCodeInput,
    ) -> Result<RequestPayload, Failure> {
        let request = async {
            let neither = || Refusal::of("email", Code::Invalid, "Give either `email` or `phone`.");
            let address = address(input.email, input.phone)?.ok_or_else(neither)?;
            context.services().accounts.request_login_code(address, context.caller().client()).await
        };
        RequestPayload::from_outcome(request.await)
    }

    /// Sign in with a code. It works once, and can be tried five times. Where it is the first proof that the e-mail address is the user's, the password
    /// that was set before and the telephone number are forgotten and all other sessions end: somebody else may have registered the address.
    async fn login_with_code(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which.")] input: LoginWithCodeInput,
    ) -> Result<SessionPayload, Failure> {
        let login = async {
            let (address, code) = (address(input.email, input.phone)?, SecretString::from(input.code));
            context.services().accounts.login_with_code(CodeLogin { address, code }, context.caller().client()).await
        };
        SessionPayload::from_outcome(login.await)
    }
}
