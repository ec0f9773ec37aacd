//! Passwords, hashed with Argon2id (RFC 9106) away from the threads that answer requests.

use crate::kernel::rejection::{Internal, Rejection};
use argon2::{Argon2, PasswordHasher, PasswordVerifier, password_hash::phc::PasswordHash};
use secrecy::{ExposeSecret, SecretString};
use std::{
    collections::HashSet,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, LazyLock, Mutex, PoisonError},
    thread,
};
use tokio::sync::{OnceCell, mpsc, oneshot};
use zxcvbn::{Score, zxcvbn};

/// The most common passwords that are long enough, in order: those that Django refuses.
const COMMON: &str = include_str!("common_passwords.txt");

/// How many passwords may wait for their turn.
const QUEUE: usize = 256;
/// By how much the threads that hash stand back behind those that answer requests, which take a core from them at any moment.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

type Work = Box<dyn FnOnce() + Send>;

/// Hashes and verifies passwords, a few at a time.
#[derive(Clone, Debug)]
pub struct Passwords {
    work: mpsc::Sender<Work>,
    nobodys: Arc<OnceCell<String>>,
}

impl Passwords {
    /// Has so many threads that work on them.
    ///
    /// # Errors
    /// Where they cannot be begun.
    pub fn try_new(threads: usize) -> io::Result<Self> {
        let (sender, work) = mpsc::channel(QUEUE);
        let work = Arc::new(Mutex::new(work));
        for _ in 0..threads {
            let work = Arc::clone(&work);
            thread::Builder::new().name("passwords".to_owned()).spawn(move || serve(&work))?;
        }
        Ok(Self { work: sender, nobodys: Arc::default() })
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
        // Whether it is needed or not: the first who is unknown would wait for it.
        let nobodys = self.nobodys.get_or_try_init(|| self.hash(SecretString::from("nobody's"))).await?;
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| nobodys.clone());
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
            is_common(password.expose_secret()) || zxcvbn(password.expose_secret(), &about_owner).score() < Score::Two
        };
        self.work(judge).await
    }

    async fn work<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Rejection> {
        let (reply, done) = oneshot::channel();
        let work = move || {
            // Where nobody waits any more there is nothing to do.
            if !reply.is_closed() {
                let _ = reply.send(work());
            }
        };
        let queued = self.work.try_send(Box::new(work));
        queued.map_err(|_| Rejection::Unavailable(Internal::new("too many passwords wait to be hashed")))?;
        Ok(done.await.map_err(|_| Internal::new("hashing a password died"))?)
    }
}

/// Works until there can be no more work.
fn serve(work: &Mutex<mpsc::Receiver<Work>>) {
    stand_back();
    loop {
        let next = work.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
        let Some(next) = next else { return };
        // Whoever waits for it is told; the thread goes on.
        let _ = catch_unwind(AssertUnwindSafe(next));
    }
}

/// On Linux the priority of a process is that of its calling thread.
fn stand_back() {
    #[cfg(target_os = "linux")]
    if rustix::process::setpriority_process(None, NICENESS).is_err() {
        tracing::warn!("hashing passwords has the priority of everything else");
    }
}

/// Whether many people have this password, in whatever case they write it.
fn is_common(password: &str) -> bool {
    static WORDS: LazyLock<HashSet<&str>> = LazyLock::new(|| COMMON.lines().collect());
    WORDS.contains(&*password.trim().to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_that_look_random_and_are_common_are_common() {
        assert!(is_common("yagjecc826") && is_common(" 29rsavoy") && is_common("YagJecc826"));
        assert!(!is_common("violet otter gramophone"));
    }

    #[tokio::test]
    async fn work_that_dies_is_told_and_the_next_is_done() {
        let passwords = Passwords::try_new(1).unwrap();
        let died = passwords.work(|| -> () { panic!("on purpose") }).await;
        assert!(matches!(died, Err(Rejection::Internal(_))));
        let hash = passwords.hash("correct horse battery".into()).await.unwrap();
        assert!(passwords.verify("correct horse battery".into(), Some(hash.clone())).await.unwrap());
        assert!(!passwords.verify("wrong".into(), Some(hash)).await.unwrap());
        assert!(!passwords.verify("nobody's".into(), None).await.unwrap());
    }

    #[tokio::test]
    async fn whoever_finds_too_many_waiting_is_told_at_once() {
        let passwords = Passwords::try_new(1).unwrap();
        let (release, wait) = std::sync::mpsc::channel::<()>();
        let mut waiting = vec![tokio::spawn({
            let passwords = passwords.clone();
            async move { passwords.work(move || wait.recv().is_err()).await }
        })];
        let mut refused = false;
        for _ in 0..QUEUE + 2 {
            let passwords = passwords.clone();
            let mut work = Box::pin(async move { passwords.work(|| true).await });
            match futures_util::poll!(&mut work) {
                std::task::Poll::Ready(answer) => refused |= matches!(answer, Err(Rejection::Unavailable(_))),
                std::task::Poll::Pending => waiting.push(tokio::spawn(work)),
            }
            tokio::task::yield_now().await;
        }
        assert!(refused);
        drop(release);
        for work in waiting {
            assert!(work.await.unwrap().unwrap());
        }
    }
}
