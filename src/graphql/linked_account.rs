//! Third parties by which one comes in.

use super::{
    account::{UserPayload, assurance},
    context::Reach,
    failure::Failure,
    guard::For,
    loaders::fetch,
    scalars::DateTime,
    session::HASHING,
};
use crate::{accounts, kernel::id::UserId};
use async_graphql::{Context, Description, InputObject, Object};
use std::collections::HashMap;

/// A third party (OpenID Connect) by which one comes in.
#[derive(Description)]
pub struct LinkedAccount(pub accounts::Identity);

#[Object(use_type_description)]
impl LinkedAccount {
    /// The third party, as in `/auth/{provider}`.
    async fn provider(&self) -> &str {
        &self.0.provider
    }

    /// Since when.
    async fn linked_at(&self) -> DateTime {
        self.0.created_at.into()
    }
}

/// Which third party shall let nobody into your account any more.
#[derive(InputObject)]
pub struct UnlinkAccountInput {
    /// The third party, as `linkedAccounts` names it.
    provider: String,
}

/// Which third party may let somebody into your account again, and what shows that it is you who asks.
#[derive(InputObject)]
pub struct RelinkAccountInput {
    /// The third party, as `linkedAccounts` named it.
    provider: String,
    /// Your password.
    password: Option<String>,
    /// A login code that you asked for at most a minute ago, where you have no password.
    code: Option<String>,
}

/// Mutations of third parties by which one comes in.
#[derive(Default)]
pub struct LinkedAccountMutation;

#[Object]
impl LinkedAccountMutation {
    /// Let nobody into your account by a third party any more; all your other sessions end, and links and codes that you were sent before are worth
    /// nothing any more. A letter says so. Refused (`IN_USE`) where only codes by e-mail would be left: set a password first. Whoever comes by the third
    /// party again is turned away (`#error=UNLINKED`) until you allow it by `relinkAccount`.
    #[graphql(guard = "For::SignedIn")]
    async fn unlink_account(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which.")] input: UnlinkAccountInput,
    ) -> Result<UserPayload, Failure> {
        UserPayload::from_outcome(context.services().accounts.unlink(context.signed_in()?, &input.provider).await)
    }

    /// Allow a third party that you have unlinked to let somebody in again. Whoever comes by it with your confirmed address, as you can, is linked then,
    /// and a letter says so.
    #[graphql(guard = "For::SignedIn", complexity = "HASHING + child_complexity")]
    async fn relink_account(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which.")] input: RelinkAccountInput,
    ) -> Result<UserPayload, Failure> {
        let (viewer, assurance) = (context.signed_in()?, assurance(input.password, input.code));
        UserPayload::from_outcome(context.services().accounts.relink(viewer, &input.provider, assurance).await)
    }
}

fetch!(
    /// By whom the viewer comes in.
    OwnLinkedAccounts(services, caller): UserId => Vec<accounts::Identity>,
    |_keys| {
        let Some(viewer) = caller.viewer() else { return Ok(HashMap::new()) };
        let mut linked = accounts::identities_of(&services.database, viewer.user_id).await?;
        linked.retain(|identity| identity.unlinked_at.is_none());
        Ok([(viewer.user_id, linked)].into())
    }
);
