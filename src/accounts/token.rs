//! Access tokens: JSON Web Tokens (RFC 7519) signed with Ed25519 (RFC 8037).

use crate::{
    infra::db::Database,
    kernel::{
        clock::Clock,
        id::{SessionId, UserId},
        rejection::{Internal, Rejection},
    },
};
use ::entity::signing_key;
use aws_lc_rs::signature::Ed25519KeyPair;
use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, Validation,
    jwk::{Jwk, ThumbprintHash},
};
use sea_orm::{ActiveValue::Set, EntityTrait, sea_query::OnConflict};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use std::fmt;

/// How long an access token is good for.
const LIFETIME: TimeDelta = TimeDelta::minutes(15);
/// Who issues the tokens, and for whom.
const ISSUER: &str = "medislot";
/// The name of the key that a development installation makes for itself.
const DEVELOPMENT: &str = "development";

/// The key is not an Ed25519 private key in PKCS#8.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("not an Ed25519 private key (PKCS#8)")]
pub struct KeyError;

/// Signs and reads access tokens.
pub struct Tokens {
    key_id: String,
    signing: EncodingKey,
    verifying: DecodingKey,
    validation: Validation,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Tokens({})", self.key_id)
    }
}

#[derive(Deserialize, Serialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    sid: String,
    iat: i64,
    exp: i64,
}

impl Tokens {
    /// With a key that was given, in PEM.
    ///
    /// # Errors
    /// Where it is not a key of the right kind.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        Self::from_key(EncodingKey::from_ed_pem(pem.as_bytes()).map_err(|_| KeyError)?)
    }

    /// With the key of a development installation, made by whichever process comes first.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn from_database(database: &Database, clock: &dyn Clock) -> Result<Self, Rejection> {
        let broken = || Internal::new("the development signing key cannot be used");
        let private_key = || {
            let pair = Ed25519KeyPair::generate().map_err(|_| broken())?;
            Ok::<_, Internal>(pair.to_pkcs8v1().map_err(|_| broken())?.as_ref().to_vec())
        };
        let row = signing_key::ActiveModel {
            id: Set(DEVELOPMENT.to_owned()),
            private_key: Set(private_key()?),
            created_at: Set(clock.now()),
        };
        // Of several processes that start at once, one makes the key of all.
        let transaction = database.begin().await?;
        signing_key::Entity::insert(row)
            .on_conflict(OnConflict::column(signing_key::Column::Id).do_nothing().to_owned())
            .exec_without_returning(&*transaction)
            .await?;
        transaction.commit().await?;
        let key = signing_key::Entity::find_by_id(DEVELOPMENT.to_owned()).one(database.reader()).await?;
        let key = key.ok_or_else(broken)?;
        Ok(Self::from_key(EncodingKey::from_ed_der(&key.private_key)).map_err(|_| broken())?)
    }

    fn from_key(signing: EncodingKey) -> Result<Self, KeyError> {
        let public = Jwk::from_encoding_key(&signing, Algorithm::EdDSA).map_err(|_| KeyError)?;
        let verifying = DecodingKey::from_jwk(&public).map_err(|_| KeyError)?;
        let key_id = public.thumbprint(ThumbprintHash::SHA256).map_err(|_| KeyError)?;
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[ISSUER]);
        validation.set_required_spec_claims(&["iss", "aud", "sub", "exp"]);
        // The library asks the clock of the machine; ours may be a virtual one.
        validation.validate_exp = false;
        Ok(Self { key_id, signing, verifying, validation })
    }

    /// A token for a session, and when it expires.
    ///
    /// # Errors
    /// Where it cannot be signed.
    pub fn issue(
        &self,
        user_id: UserId,
        session_id: SessionId,
        now: DateTime<Utc>,
    ) -> Result<(SecretString, DateTime<Utc>), Rejection> {
        let expires_at = now + LIFETIME;
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: ISSUER.to_owned(),
            sub: user_id.to_string(),
            sid: session_id.to_string(),
            iat: now.timestamp(),
            exp: expires_at.timestamp(),
        };
        let header = Header { kid: Some(self.key_id.clone()), ..Header::new(Algorithm::EdDSA) };
        let token = jsonwebtoken::encode(&header, &claims, &self.signing);
        Ok((token.map_err(|_| Internal::new("a token cannot be signed"))?.into(), expires_at))
    }

    /// The session that a token proves at `now`, and until when; nothing where it proves none.
    #[must_use]
    pub fn read(&self, token: &str, now: DateTime<Utc>) -> Option<(SessionId, DateTime<Utc>)> {
        let claims = jsonwebtoken::decode::<Claims>(token, &self.verifying, &self.validation).ok()?.claims;
        let (issued_at, expires_at) =
            (DateTime::from_timestamp(claims.iat, 0)?, DateTime::from_timestamp(claims.exp, 0)?);
        // Two processes' clocks may differ by a little.
        let issued = issued_at <= now + TimeDelta::minutes(1);
        (issued && now < expires_at).then_some((claims.sid.parse().ok()?, expires_at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    fn tokens() -> Tokens {
        let pair = Ed25519KeyPair::generate().unwrap();
        Tokens::from_key(EncodingKey::from_ed_der(pair.to_pkcs8v1().unwrap().as_ref())).unwrap()
    }

    #[test]
    fn a_token_is_good_for_fifteen_minutes_of_our_own_clock() {
        let (tokens, now, session) = (tokens(), DateTime::UNIX_EPOCH, SessionId::new());
        let (token, _) = tokens.issue(UserId::new(), session, now).unwrap();
        let read = |at| tokens.read(token.expose_secret(), at).map(|(session, _)| session);
        assert_eq!(read(now), Some(session));
        assert_eq!(read(now + TimeDelta::seconds(899)), Some(session));
        assert_eq!(read(now + TimeDelta::minutes(15)), None);
        assert_eq!(read(now - TimeDelta::hours(1)), None, "from the future");
    }

    #[test]
    fn a_token_of_another_key_or_algorithm_or_audience_proves_nothing() {
        let (ours, theirs, now) = (tokens(), tokens(), DateTime::UNIX_EPOCH);
        let (token, _) = theirs.issue(UserId::new(), SessionId::new(), now).unwrap();
        assert!(ours.read(token.expose_secret(), now).is_none());
        let claims = |aud: &str| Claims {
            iss: ISSUER.to_owned(),
            aud: aud.to_owned(),
            sub: UserId::new().to_string(),
            sid: SessionId::new().to_string(),
            iat: 0,
            exp: 900,
        };
        let secret = EncodingKey::from_secret(b"guessed");
        let symmetric = jsonwebtoken::encode(&Header::default(), &claims(ISSUER), &secret).unwrap();
        assert!(ours.read(&symmetric, now).is_none());
        let header = Header::new(Algorithm::EdDSA);
        let elsewhere = jsonwebtoken::encode(&header, &claims("elsewhere"), &ours.signing).unwrap();
        assert!(ours.read(&elsewhere, now).is_none());
        assert!(ours.read("eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.", now).is_none());
        assert!(ours.read("", now).is_none());
    }
}
