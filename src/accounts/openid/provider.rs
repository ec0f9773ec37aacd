//! Third parties, as they describe themselves, and what they say of whom.

use super::description::{BELIEVED, Description, PATIENCE, REST, fetch};
use crate::{config::OpenIdProvider, kernel::clock::Clock};
use anyhow::{Context, Result, ensure};
use chrono::TimeDelta;
use openidconnect::{
    AccessToken, AccessTokenHash, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndUserName, IdTokenVerifier,
    IssuerUrl, LocalizedClaim, Nonce, OAuth2TokenResponse, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope,
    SubjectIdentifier, TokenResponse,
    core::{
        CoreAuthenticationFlow, CoreClient, CoreIdToken, CoreIdTokenVerifier, CoreJwsSigningAlgorithm as Algorithm,
        CoreProviderMetadata, CoreUserInfoClaims,
    },
};
use secrecy::{ExposeSecret, SecretString};
use std::{collections::HashMap, sync::Arc};

/// How far clocks may differ, and how old a proof may be.
const OLDEST: TimeDelta = TimeDelta::minutes(10);

/// Signed by somebody, and with a key of theirs: `none` and shared secrets are not among them.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RsaSsaPkcs1V15Sha256,
    Algorithm::RsaSsaPkcs1V15Sha384,
    Algorithm::RsaSsaPkcs1V15Sha512,
    Algorithm::RsaSsaPssSha256,
    Algorithm::RsaSsaPssSha384,
    Algorithm::RsaSsaPssSha512,
    Algorithm::EcdsaP256Sha256,
    Algorithm::EcdsaP384Sha384,
    Algorithm::EdDsa,
];

/// The third parties that people may come in by.
#[derive(Debug)]
pub struct OpenId {
    providers: HashMap<String, Provider>,
    http: reqwest::Client,
    clock: Arc<dyn Clock>,
}

#[derive(Debug)]
struct Provider {
    description: Description,
    client_id: ClientId,
    client_secret: Option<SecretString>,
    returns_to: RedirectUrl,
}

/// What the browser keeps while its user is away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secrets {
    /// Comes back with the user.
    pub state: String,
    /// Comes back in the proof.
    pub nonce: String,
    /// Shows that the code was asked for by whoever brings it (PKCE).
    pub verifier: String,
}

/// What a user comes back with.
#[derive(Debug)]
pub struct Return {
    /// What the third party exchanges for a proof.
    pub code: SecretString,
    /// What the browser has kept.
    pub secrets: Secrets,
}

/// Whom a third party says that somebody is.
#[derive(Debug)]
pub struct Claims {
    /// Who, by the third party's own name for them.
    pub subject: String,
    /// Their address.
    pub email: Option<String>,
    /// Whether the third party knows that it is theirs.
    pub email_verified: bool,
    /// How they are called.
    pub name: Option<String>,
}

impl OpenId {
    /// Users come back to `/auth/{name}/callback` below `public_url`.
    ///
    /// # Errors
    /// Where an address cannot be one.
    pub fn try_new(providers: &[OpenIdProvider], public_url: &str, clock: Arc<dyn Clock>) -> Result<Self> {
        let http = reqwest::Client::builder().timeout(PATIENCE).redirect(reqwest::redirect::Policy::none()).build()?;
        let provider = |settings: &OpenIdProvider| {
            let name = settings.name.clone();
            let returns_to = format!("{}/auth/{name}/callback", public_url.trim_end_matches('/'));
            let issuer = IssuerUrl::new(settings.issuer.clone()).with_context(|| format!("oidc {name}: issuer"))?;
            let provider = Provider {
                description: Description::new(issuer, http.clone()),
                client_id: ClientId::new(settings.client_id.clone()),
                client_secret: settings.client_secret.clone(),
                returns_to: RedirectUrl::new(returns_to).context("MEDISLOT_PUBLIC_URL is not an address")?,
            };
            Ok((name, provider))
        };
        Ok(Self { providers: providers.iter().map(provider).collect::<Result<_>>()?, http, clock })
    }

    /// Whether there is such a third party.
    #[must_use]
    pub fn knows(&self, name: &str) -> bool {
        self.providers.contains_key(name)
    }

    /// Where to send a user who wants to come in by this third party, and what their browser keeps meanwhile.
    ///
    /// # Errors
    /// Where there is no such third party, or it does not answer.
    pub async fn departure(&self, name: &str) -> Result<(String, Secrets)> {
        let provider = self.providers.get(name).context("no such provider")?;
        let client = CoreClient::from_provider_metadata(
            (*provider.description.read(BELIEVED).await?).clone(),
            provider.client_id.clone(),
            None,
        )
        .set_redirect_uri(provider.returns_to.clone());
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let (url, state, nonce) = client
            .authorize_url(CoreAuthenticationFlow::AuthorizationCode, CsrfToken::new_random, Nonce::new_random)
            .add_scope(Scope::new("email".to_owned()))
            .add_scope(Scope::new("profile".to_owned()))
            .set_pkce_challenge(challenge)
            .url();
        let secrets =
            Secrets { state: state.into_secret(), nonce: nonce.secret().clone(), verifier: verifier.into_secret() };
        Ok((url.into(), secrets))
    }

    /// Whom the third party says that the user is who comes back.
    ///
    /// # Errors
    /// Where it does not answer, or its proof proves nothing.
    pub async fn claims(&self, name: &str, back: Return) -> Result<Claims> {
        let provider = self.providers.get(name).context("no such provider")?;
        let http = |request| fetch(self.http.clone(), request);
        let secret = provider.client_secret.as_ref().map(|secret| ClientSecret::new(secret.expose_secret().to_owned()));
        let described = provider.description.read(BELIEVED).await?;
        let client = CoreClient::from_provider_metadata((*described).clone(), provider.client_id.clone(), secret)
            .set_redirect_uri(provider.returns_to.clone());
        let answer = client
            .exchange_code(AuthorizationCode::new(back.code.expose_secret().to_owned()))?
            .set_pkce_verifier(PkceCodeVerifier::new(back.secrets.verifier))
            .request_async(&http)
            .await
            .ok()
            .context("the code was not taken")?;
        let proof = answer.id_token().context("no proof")?;
        let (access, nonce) = (answer.access_token(), Nonce::new(back.secrets.nonce));
        let mut claims = self.verify(provider, &described, (proof, access), &nonce);
        if claims.is_err() {
            // It may be signed with a key that is newer than what was read.
            let described = provider.description.read(REST).await?;
            claims = self.verify(provider, &described, (proof, access), &nonce);
        }
        let mut claims = claims?;
        if claims.email.is_none() && client.user_info_url().is_some() {
            let subject = SubjectIdentifier::new(claims.subject.clone());
            let more = client.user_info(access.clone(), Some(subject))?.request_async(&http).await;
            let more: CoreUserInfoClaims = more.ok().context("no user info")?;
            claims.email = more.email().map(|email| email.to_string());
            claims.email_verified = more.email_verified() == Some(true);
            claims.name = claims.name.or_else(|| name_of(more.name()));
        }
        Ok(claims)
    }

    fn verify(
        &self,
        provider: &Provider,
        described: &CoreProviderMetadata,
        (proof, access): (&CoreIdToken, &AccessToken),
        nonce: &Nonce,
    ) -> Result<Claims> {
        let (clock, now) = (Arc::clone(&self.clock), self.clock.now());
        let verifier: CoreIdTokenVerifier = IdTokenVerifier::new_public_client(
            provider.client_id.clone(),
            provider.description.issuer().clone(),
            described.jwks().clone(),
        )
        .set_allowed_algs(ALGORITHMS)
        .set_time_fn(move || clock.now())
        .set_issue_time_verifier_fn(move |issued_at| {
            let age = now - issued_at;
            if age.abs() <= OLDEST { Ok(()) } else { Err("issued at another time".to_owned()) }
        });
        let claims = proof.claims(&verifier, nonce).ok().context("a proof that proves nothing")?;
        if let Some(expected) = claims.access_token_hash() {
            let algorithm = proof.signing_alg().ok().context("a proof without an algorithm")?;
            let key = proof.signing_key(&verifier).ok().context("a proof without a key")?;
            let actual = AccessTokenHash::from_token(access, algorithm, key).ok();
            ensure!(actual.as_ref() == Some(expected), "a proof for another token");
        }
        Ok(Claims {
            subject: claims.subject().to_string(),
            email: claims.email().map(|email| email.to_string()),
            email_verified: claims.email_verified() == Some(true),
            name: name_of(claims.name()),
        })
    }
}

fn name_of(name: Option<&LocalizedClaim<EndUserName>>) -> Option<String> {
    name.and_then(|name| name.iter().next()).map(|(_, name)| name.to_string())
}
