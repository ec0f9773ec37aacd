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
    jwk::{Jwk, JwkSet, PublicKeyUse, ThumbprintHash},
};
use sea_orm::{ActiveValue::Set, EntityTrait, sea_query::OnConflict};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use std::{collections::HashMap, fmt};

/// How long an access token is good for.
pub(super) const LIFETIME: TimeDelta = TimeDelta::minutes(15);
/// Who issues the tokens, and for whom.
const ISSUER: &str = "medislot";
/// The name of the key that a development installation makes for itself.
const DEVELOPMENT: &str = "development";

/// How the block of a private key ends in PEM.
const END_OF_KEY: &str = "-----END PRIVATE KEY-----";

/// The keys are not Ed25519 private keys in PKCS#8, or there is none.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("not an Ed25519 private key (PKCS#8)")]
pub struct KeyError;

/// Why a token proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unproven {
    /// It is none, or signed in another way than ours are.
    NoToken,
    /// It names a key that we do not have.
    UnknownKey,
    /// Somebody else has signed it, or signed something else.
    NotOurs,
    /// It is not good yet.
    TooEarly,
    /// It was good.
    Over,
}

/// Signs access tokens with one key, and believes those of several: so keys can be changed while tokens of the last one are about.
pub struct Tokens {
    key_id: String,
    signing: EncodingKey,
    /// By the key's id.
    verifying: HashMap<String, DecodingKey>,
    public: JwkSet,
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nbf: Option<i64>,
    exp: i64,
}

impl Tokens {
    /// With the keys that were given, in PEM, one after another: the first signs, all are believed.
    ///
    /// # Errors
    /// Where one is not a key of the right kind, or there is none.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        let blocks = pem.split_inclusive(END_OF_KEY).map(str::trim).filter(|block| !block.is_empty());
        let keys = blocks.map(|block| EncodingKey::from_ed_pem(block.as_bytes()).map_err(|_| KeyError));
        Self::try_new(keys.collect::<Result<_, _>>()?)
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
        Ok(Self::try_new(vec![EncodingKey::from_ed_der(&key.private_key)]).map_err(|_| broken())?)
    }

    fn try_new(keys: Vec<EncodingKey>) -> Result<Self, KeyError> {
        let keys_in_public = keys.iter().map(public_key).collect::<Result<Vec<_>, _>>()?;
        let verifying = keys_in_public.iter().map(|(id, key)| {
            let key = DecodingKey::from_jwk(key).map_err(|_| KeyError)?;
            Ok((id.clone(), key))
        });
        let verifying = verifying.collect::<Result<_, KeyError>>()?;
        let signing = keys.into_iter().next().ok_or(KeyError)?;
        let key_id = keys_in_public.first().ok_or(KeyError)?.0.clone();
        let public = JwkSet { keys: keys_in_public.into_iter().map(|(_, key)| key).collect() };
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[ISSUER]);
        validation.set_required_spec_claims(&["iss", "aud", "sub", "exp"]);
        // The library asks the clock of the machine; ours may be a virtual one.
        validation.validate_exp = false;
        Ok(Self { key_id, signing, verifying, public, validation })
    }

    /// The public keys of all whose tokens are believed.
    #[must_use]
    pub fn public_keys(&self) -> &JwkSet {
        &self.public
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
            nbf: None,
            exp: expires_at.timestamp(),
        };
        let header = Header { kid: Some(self.key_id.clone()), ..Header::new(Algorithm::EdDSA) };
        let token = jsonwebtoken::encode(&header, &claims, &self.signing);
        Ok((token.map_err(|_| Internal::new("a token cannot be signed"))?.into(), expires_at))
    }

    /// The session that a token proves at `now`, and until when.
    ///
    /// # Errors
    /// Why it proves none.
    pub fn read(&self, token: &str, now: DateTime<Utc>) -> Result<(SessionId, DateTime<Utc>), Unproven> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| Unproven::NoToken)?;
        let key = header.kid.as_deref().and_then(|id| self.verifying.get(id)).ok_or(Unproven::UnknownKey)?;
        let decoded = jsonwebtoken::decode::<Claims>(token, key, &self.validation);
        let claims = decoded.map_err(|_| Unproven::NotOurs)?.claims;
        let instant = |seconds| DateTime::from_timestamp(seconds, 0).ok_or(Unproven::NotOurs);
        let (begins_at, expires_at) =
            (instant(claims.nbf.unwrap_or(claims.iat).max(claims.iat))?, instant(claims.exp)?);
        // Two processes' clocks may differ by a little.
        if begins_at > now + TimeDelta::minutes(1) {
            return Err(Unproven::TooEarly);
        }
        if now >= expires_at {
            return Err(Unproven::Over);
        }
        Ok((claims.sid.parse().map_err(|_| Unproven::NotOurs)?, expires_at))
    }
}

/// The public half of a key, and its id: the thumbprint of RFC 7638.
fn public_key(key: &EncodingKey) -> Result<(String, Jwk), KeyError> {
    let mut public = Jwk::from_encoding_key(key, Algorithm::EdDSA).map_err(|_| KeyError)?;
    let id = public.thumbprint(ThumbprintHash::SHA256).map_err(|_| KeyError)?;
    public.common.key_id = Some(id.clone());
    public.common.public_key_use = Some(PublicKeyUse::Signature);
    Ok((id, public))
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::{Engine, prelude::BASE64_STANDARD};
    use secrecy::ExposeSecret;

    fn pem() -> String {
        let pair = Ed25519KeyPair::generate().unwrap().to_pkcs8v1().unwrap();
        format!("-----BEGIN PRIVATE KEY-----\n{}\n{END_OF_KEY}\n", BASE64_STANDARD.encode(pair))
    }

    fn tokens() -> Tokens {
        Tokens::from_pem(&pem()).unwrap()
    }

    #[test]
    fn a_new_key_signs_while_tokens_of_the_old_one_are_believed_until_it_is_taken_away() {
        let (old, new, now) = (pem(), pem(), DateTime::UNIX_EPOCH);
        let (before, after) = (Tokens::from_pem(&old).unwrap(), Tokens::from_pem(&new).unwrap());
        let both = Tokens::from_pem(&format!("{new}\n{old}")).unwrap();
        let issue = |tokens: &Tokens| tokens.issue(UserId::new(), SessionId::new(), now).unwrap().0;
        let reads = |tokens: &Tokens, token: &SecretString| tokens.read(token.expose_secret(), now).is_ok();
        let (of_old, of_both) = (issue(&before), issue(&both));
        assert!(reads(&both, &of_old) && reads(&both, &of_both));
        assert!(!reads(&after, &of_old) && reads(&after, &of_both) && !reads(&before, &of_both));
        assert_eq!(both.public_keys().keys.len(), 2);
        assert!(both.public_keys().find(&before.key_id).is_some() && both.key_id == after.key_id);
    }

    #[test]
    fn what_is_no_key_or_none_at_all_is_refused() {
        let with_more = format!("{}nonsense", pem());
        for pem in ["", "nonsense", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", &with_more] {
            assert!(Tokens::from_pem(pem).is_err(), "{pem}");
        }
    }

    #[test]
    fn a_token_is_good_for_fifteen_minutes_of_our_own_clock() {
        let (tokens, now, session) = (tokens(), DateTime::UNIX_EPOCH, SessionId::new());
        let (token, _) = tokens.issue(UserId::new(), session, now).unwrap();
        let read = |at| tokens.read(token.expose_secret(), at).map(|(session, _)| session);
        assert_eq!(read(now), Ok(session));
        assert_eq!(read(now + TimeDelta::seconds(899)), Ok(session));
        assert_eq!(read(now + TimeDelta::minutes(15)), Err(Unproven::Over));
        assert_eq!(read(now - TimeDelta::hours(1)), Err(Unproven::TooEarly), "from the future");
    }

    #[test]
    fn a_token_of_another_key_or_algorithm_or_audience_proves_nothing() {
        let (ours, theirs, now) = (tokens(), tokens(), DateTime::UNIX_EPOCH);
        let (token, _) = theirs.issue(UserId::new(), SessionId::new(), now).unwrap();
        let reads = |token: &str| ours.read(token, now).map(|_| ());
        assert_eq!(reads(token.expose_secret()), Err(Unproven::UnknownKey));
        let claims = |aud: &str| Claims {
            iss: ISSUER.to_owned(),
            aud: aud.to_owned(),
            sub: UserId::new().to_string(),
            sid: SessionId::new().to_string(),
            iat: 0,
            nbf: None,
            exp: 900,
        };
        let secret = EncodingKey::from_secret(b"guessed");
        let symmetric = jsonwebtoken::encode(&Header::default(), &claims(ISSUER), &secret).unwrap();
        assert_eq!(reads(&symmetric), Err(Unproven::UnknownKey));
        let of = |kid: Option<&str>, aud: &str, key: &EncodingKey| {
            let header = Header { kid: kid.map(str::to_owned), ..Header::new(Algorithm::EdDSA) };
            jsonwebtoken::encode(&header, &claims(aud), key).unwrap()
        };
        let ours_id = Some(ours.key_id.as_str());
        assert_eq!(reads(&of(ours_id, ISSUER, &ours.signing)), Ok(()));
        for (kid, aud, key, why) in [
            (ours_id, "elsewhere", &ours.signing, Unproven::NotOurs),
            (ours_id, ISSUER, &theirs.signing, Unproven::NotOurs),
            (None, ISSUER, &ours.signing, Unproven::UnknownKey),
            (Some("unknown"), ISSUER, &ours.signing, Unproven::UnknownKey),
        ] {
            assert_eq!(reads(&of(kid, aud, key)), Err(why), "{kid:?} {aud}");
        }
        assert_eq!(reads("eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0."), Err(Unproven::NoToken));
        assert_eq!(reads(""), Err(Unproven::NoToken));
    }
}
