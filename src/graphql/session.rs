//! Signing in and out.

use super::{
    context::Reach,
    failure::Failure,
    guard::For,
    input,
    loaders::fetch,
    scalars::{DateTime, EmailAddress, TimeZone},
    user::User,
    user_error::{UserError, outcome},
};
use crate::{
    accounts::{self, Account, Credentials, IssuedSession, SignOut},
    kernel::{
        id::UserId,
        rejection::{Code, Refusal, Rejection},
        viewer::Viewer,
    },
};
use async_graphql::{Context, Description, ID, InputObject, Object, SimpleObject};
use secrecy::{ExposeSecret, SecretString};
use std::collections::HashMap;

/// A place where one is signed in.
#[derive(Clone, Description)]
pub struct SignIn {
    sign_in: accounts::SignIn,
    current: bool,
}

impl SignIn {
    /// A session of the viewer's.
    pub fn new(sign_in: accounts::SignIn, viewer: &Viewer) -> Self {
        let current = sign_in.id == viewer.session_id;
        Self { sign_in, current }
    }
}

#[Object(use_type_description)]
impl SignIn {
    /// Names the session.
    pub async fn id(&self) -> ID {
        self.sign_in.id.into()
    }

    /// What the client called itself; null where it did not.
    async fn device(&self) -> Option<&str> {
        self.sign_in.device.as_deref()
    }

    /// Since when.
    async fn created_at(&self) -> DateTime {
        self.sign_in.created_at.into()
    }

    /// When the session was last refreshed.
    async fn last_used_at(&self) -> DateTime {
        self.sign_in.last_used_at.into()
    }

    /// Whether it is the session that asks.
    async fn current(&self) -> bool {
        self.current
    }
}

/// A session that has just begun or goes on. Send the access token as `Authorization: Bearer …`, over WebSocket as `authorization` in
/// `connection_init`; when it expires, get the next one by `refreshSession`.
#[derive(Description)]
pub struct Session(IssuedSession);

#[Object(use_type_description)]
impl Session {
    /// Proves to the API who you are.
    async fn access_token(&self) -> &str {
        self.0.access_token.expose_secret()
    }

    /// When the access token expires.
    async fn expires_at(&self) -> DateTime {
        self.0.expires_at.into()
    }

    /// Continues the session, once. Keep it safe.
    async fn refresh_token(&self) -> &str {
        self.0.refresh_token.expose_secret()
    }

    /// Who is signed in.
    async fn user(&self) -> User {
        User::oneself(self.0.user.clone())
    }
}

/// What became of the wish to sign in.
#[derive(SimpleObject)]
pub struct SessionPayload {
    /// The session; null where something was refused.
    session: Option<Session>,
    /// What was refused, and why.
    user_errors: Vec<UserError>,
}

impl SessionPayload {
    /// What came of it.
    pub fn from_outcome(result: Result<IssuedSession, Rejection>) -> Result<Self, Failure> {
        let (session, user_errors) = outcome(result)?;
        Ok(Self { session: session.map(Session), user_errors })
    }
}

/// Who wants to have an account.
#[derive(InputObject)]
pub struct RegisterInput {
    /// The e-mail address to sign in with.
    email: EmailAddress,
    /// The password to sign in with, 8 characters to 1,000 bytes, and not easy to guess.
    password: String,
    /// How you are called, at most 200 characters.
    name: String,
    /// A telephone number with the code of its country; `updateProfile` has it confirmed.
    phone: Option<String>,
    /// The time zone that you live in; UTC where nothing is said.
    time_zone: Option<TimeZone>,
}

/// Who wants to sign in.
#[derive(InputObject)]
pub struct LoginInput {
    /// The e-mail address.
    email: EmailAddress,
    /// The password.
    password: String,
}

/// Which session shall go on.
#[derive(InputObject)]
pub struct RefreshSessionInput {
    /// The refresh token that came last.
    refresh_token: String,
}

/// Which sessions shall end: this one where nothing is said, one of your own, or every one.
#[derive(InputObject)]
pub struct LogoutInput {
    /// One of your own; not together with `everywhere`.
    session_id: Option<ID>,
    /// Every one of your own.
    #[graphql(default_with = "Some(false)")]
    everywhere: Option<bool>,
}

impl LogoutInput {
    fn parse(self) -> Result<SignOut, Rejection> {
        match (self.session_id, self.everywhere.unwrap_or(false)) {
            (Some(_), true) => {
                Err(Refusal::of("everywhere", Code::Invalid, "Give either `sessionId` or `everywhere`.").into())
            }
            (Some(id), false) => Ok(SignOut::There(input::id(&id, "sessionId")?)),
            (None, true) => Ok(SignOut::Everywhere),
            (None, false) => Ok(SignOut::Here),
        }
    }
}

/// What became of the wish to sign out.
#[derive(SimpleObject)]
pub struct LogoutPayload {
    /// What was refused, and why; no session was ended then.
    user_errors: Vec<UserError>,
}

/// What hashing a password costs, so that one request cannot ask for many.
pub const HASHING: usize = 5_000;

/// Mutations of sessions.
#[derive(Default)]
pub struct SessionMutation;

#[Object]
impl SessionMutation {
    /// Make a patient's account, and sign in.
    #[graphql(complexity = "HASHING + child_complexity")]
    async fn register(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Who you are.")] input: RegisterInput,
    ) -> Result<SessionPayload, Failure> {
        let account = Account {
            email: input.email.into(),
            password: SecretString::from(input.password),
            name: input.name,
            phone: input.phone,
            time_zone: input.time_zone.map(Into::into),
        };
        let device = context.caller().device().map(str::to_owned);
        SessionPayload::from_outcome(context.services().accounts.register(account, device).await)
    }

    /// Sign in with e-mail and password. Unknown addresses and wrong passwords are told the same.
    #[graphql(complexity = "HASHING + child_complexity")]
    async fn login(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Who you are.")] input: LoginInput,
    ) -> Result<SessionPayload, Failure> {
        let credentials = Credentials { email: input.email.into(), password: SecretString::from(input.password) };
        let device = context.caller().device().map(str::to_owned);
        SessionPayload::from_outcome(context.services().accounts.login(credentials, device).await)
    }

    /// Get the next access token. Each refresh token works once; using one twice ends the whole session.
    async fn refresh_session(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which session.")] input: RefreshSessionInput,
    ) -> Result<SessionPayload, Failure> {
        let token = SecretString::from(input.refresh_token);
        SessionPayload::from_outcome(context.services().accounts.refresh(&token).await)
    }

    /// Sign out.
    #[graphql(guard = "For::SignedIn")]
    async fn logout(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Where.")] input: LogoutInput,
    ) -> Result<LogoutPayload, Failure> {
        let logout = async { context.services().accounts.logout(context.signed_in()?, input.parse()?).await };
        let (_, user_errors) = outcome(logout.await)?;
        Ok(LogoutPayload { user_errors })
    }
}

fetch!(
    /// Where the viewer is signed in.
    OwnSessions(services, caller): UserId => Vec<accounts::SignIn>,
    |_keys| {
        let Some(viewer) = caller.viewer() else { return Ok(HashMap::new()) };
        Ok([(viewer.user_id, services.accounts.sessions(viewer).await?)].into())
    }
);
