//! Third parties by which one comes in.

use super::{account::UserPayload, context::Reach, failure::Failure, guard::For, loaders::fetch, scalars::DateTime};
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

/// Mutations of third parties by which one comes in.
#[derive(Default)]
pub struct LinkedAccountMutation;

#[Object]
impl LinkedAccountMutation {
    /// Let nobody into your account by a third party any more; all your other sessions end, and links and codes that you were sent before are worth
    /// nothing any more. A letter says so. Refused (`IN_USE`) where only codes by e-mail would be left: set a password first. Whoever comes by the third
    /// party with your confirmed address again, as you can, is linked again.
    #[graphql(guard = "For::SignedIn")]
    async fn unlink_account(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which.")] input: UnlinkAccountInput,
    ) -> Result<UserPayload, Failure> {
        UserPayload::from_outcome(context.services().accounts.unlink(context.signed_in()?, &input.provider).await)
    }
}

fetch!(
    /// By whom the viewer comes in.
    OwnLinkedAccounts(services, caller): UserId => Vec<accounts::Identity>,
    |_keys| {
        let Some(viewer) = caller.viewer() else { return Ok(HashMap::new()) };
        Ok([(viewer.user_id, accounts::identities_of(&services.database, viewer.user_id).await?)].into())
    }
);
