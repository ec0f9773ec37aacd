//! Passwords, hashed with Argon2id (RFC 9106) away from the threads that answer requests.

use crate::kernel::rejection::{Internal, Rejection};
use argon2::{Argon2, PasswordHasher, PasswordVerifier, password_hash::phc::PasswordHash};
use secrecy::{ExposeSecret, SecretString};
use std::sync::Arc;
use tokio::sync::{OnceCell, Semaphore};
use zxcvbn::{Score, zxcvbn};

/// Hashes and verifies passwords, a few at a time.
#[derive(Clone, Debug)]
pub struct Passwords {
    turns: Arc<Semaphore>,
    nobodys: Arc<OnceCell<String>>,
}

impl Passwords {
    /// At most `at_a_time` are worked on at a time.
    #[must_use]
    pub fn new(at_a_time: usize) -> Self {
        Self { turns: Arc::new(Semaphore::new(at_a_time)), nobodys: Arc::default() }
    }

    /// The hash of a password, as a PHC string.
    ///
    /// # Errors
    /// Where it cannot be computed.
    pub async fn hash(&self, password: SecretString) -> Result<String, Rejection> {
        self.work(move || {
            let hash: Result<PasswordHash, _> = Argon2::default().hash_password(password.expose_secret().as_bytes());
            hash.map(|hash| hash.to_string()).map_err(|_| Internal::new("a password cannot be hashed"))
        })
        .await?
        .map_err(Rejection::from)
    }

    /// Whether `password` has this hash. Where there is no hash, it takes as long to say no.
    ///
    /// # Errors
    /// Where it cannot be computed.
    pub async fn verify(&self, password: SecretString, hash: Option<String>) -> Result<bool, Rejection> {
        let known = hash.is_some();
        let hash = match hash {
            Some(hash) => hash,
            None => self.nobodys.get_or_try_init(|| self.hash(SecretString::from("nobody's"))).await?.clone(),
        };
        let matches = self.work(move || {
            Argon2::default().verify_password(password.expose_secret().as_bytes(), hash.as_str()).is_ok()
        });
        Ok(matches.await? && known)
    }

    /// Whether a password is among the common ones, made of what is known about its owner, or else found within a million guesses: more than
    /// anybody has whose failures make an account wait.
    ///
    /// # Errors
    /// Where it cannot be computed.
    pub async fn is_guessable(&self, password: SecretString, about_owner: Vec<String>) -> Result<bool, Rejection> {
        let judge = move || {
            let about_owner: Vec<_> = about_owner.iter().map(String::as_str).collect();
            // It looks at no more than the first hundred characters.
            zxcvbn(password.expose_secret(), &about_owner).score() < Score::Two
        };
        self.work(judge).await
    }

    async fn work<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Rejection> {
        let turns = Arc::clone(&self.turns);
        let turn = turns.acquire_owned().await.map_err(|_| Internal::new("passwords are not hashed any more"))?;
        let done = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work()
        });
        Ok(done.await.map_err(|_| Internal::new("hashing a password died"))?)
    }
}
