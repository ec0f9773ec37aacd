//! What an operator can set: defaults, then a TOML file, then `MEDISLOT_…` variables, then the command line.

mod limits;

pub use limits::Limits;

use anyhow::{Context, Result, ensure};
use chrono::{DateTime, Datelike, Utc};
use secrecy::SecretString;
use serde::Deserialize;
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

/// Everything that can be set.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Whether this installation serves real patients.
    pub environment: Environment,
    /// Where the server listens.
    pub listen: SocketAddr,
    /// The folder of the embedded database.
    pub data_dir: PathBuf,
    /// PostgreSQL; the embedded database where it is not set. Also read from `DATABASE_URL`.
    pub database_url: Option<SecretString>,
    /// Redis; lock and bus within the process where it is not set. Also read from `REDIS_URL`.
    pub redis_url: Option<SecretString>,
    /// Ed25519 private keys in PEM (PKCS#8), one after another: the first signs access tokens, those of all are believed.
    pub signing_key: Option<SecretString>,
    /// The mail server: `smtps://user:password@host`, `smtp://user:password@host:587?tls=required` (STARTTLS), or `smtp://host:25`. Where it
    /// is not set mail is captured in development; production does not start.
    pub smtp_url: Option<SecretString>,
    /// Whom e-mails are from.
    pub mail_from: String,
    /// A gateway for text messages: told `{"id", "to", "text"}` by POST. Where it is not set they are captured in development, and fail in production.
    pub sms_url: Option<SecretString>,
    /// The bearer token that the gateway is told.
    pub sms_token: Option<SecretString>,
    /// The address by which browsers reach this server; `http://` and where it listens, where it is not set. Production needs one with `https://`.
    pub public_url: Option<String>,
    /// Where links of letters lead: to pages `account/…` below this address; `public_url` where it is not set.
    pub link_url: Option<String>,
    /// Third parties that people may come in by (OpenID Connect).
    pub oidc: Vec<OpenIdProvider>,
    /// Start on a virtual clock at this instant.
    pub now: Option<DateTime<Utc>>,
    /// Let the virtual clock stand still.
    pub frozen: bool,
    /// Do the background work within the server.
    pub worker: bool,
    /// How log lines look.
    pub log: LogFormat,
    /// Whether budgets, delays after wrong passwords and what one principal may have at a time are enforced; sizes, depth and cost always are.
    pub rate_limits: RateLimits,
    /// How many proxies stand in front of the server, one behind the other, and tell where a request comes from: what they add is believed, what
    /// the client itself says is not.
    pub trusted_proxies: usize,
    /// In which header they tell it.
    pub proxy_header: ProxyHeader,
    /// The web origins whose pages may use the API; any in development where none is named.
    pub allowed_origins: Vec<String>,
    /// Whether the schema may be asked for its own description; by default only in development.
    pub introspection: Option<bool>,
    /// Which documents are taken.
    pub documents: AcceptedDocuments,
    /// How many days the log of changes goes back: whoever was away for longer begins anew.
    pub log_days: u32,
    /// All ceilings.
    pub limits: Limits,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            environment: Environment::Development,
            listen: SocketAddr::from(([127, 0, 0, 1], 8000)),
            data_dir: PathBuf::from("data"),
            database_url: None,
            redis_url: None,
            signing_key: None,
            smtp_url: None,
            mail_from: "Medislot <medislot@localhost>".to_owned(),
            sms_url: None,
            sms_token: None,
            public_url: None,
            link_url: None,
            oidc: Vec::new(),
            now: None,
            frozen: false,
            worker: true,
            log: LogFormat::Auto,
            rate_limits: RateLimits::On,
            trusted_proxies: 0,
            proxy_header: ProxyHeader::XForwardedFor,
            allowed_origins: Vec::new(),
            introspection: None,
            documents: AcceptedDocuments::Any,
            log_days: 30,
            limits: Limits::default(),
        }
    }
}

/// A third party that people may come in by, at `/auth/{name}`. It is told to send them back to `/auth/{name}/callback` below `public_url`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenIdProvider {
    /// What it is called here: small letters, digits and hyphens.
    pub name: String,
    /// The address that it describes itself below.
    pub issuer: String,
    /// What it calls us.
    pub client_id: String,
    /// What we show it to be ourselves; none for a public client.
    pub client_secret: Option<SecretString>,
}

impl OpenIdProvider {
    fn check(&self, is_production: bool) -> Result<()> {
        let Self { name, issuer, .. } = self;
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        ensure!((1..=40).contains(&name.len()) && name.bytes().all(is_plain), "oidc: a name is a-z, 0-9 and -: {name}");
        ensure!(!is_production || issuer.starts_with("https://"), "oidc {name}: production needs an issuer with https");
        Ok(())
    }
}

/// Whether an installation serves real patients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Environment {
    /// Demo data, GraphiQL, a signing key made by itself.
    Development,
    /// Keys must be given; nothing may pretend.
    Production,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Readable on a terminal, JSON elsewhere.
    Auto,
    /// Readable.
    Text,
    /// One JSON object a line.
    Json,
}

/// Whether the budgets of clients are enforced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RateLimits {
    /// They are.
    On,
    /// They are not: for load tests.
    Off,
}

/// The header in which proxies tell where a request comes from; whoever is asked by the other one may have written it themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProxyHeader {
    /// `X-Forwarded-For`.
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

/// Which documents are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AcceptedDocuments {
    /// Any that is small enough.
    Any,
    /// Only those that were registered with `medislot documents add`.
    Registered,
}

impl Config {
    /// Reads the file (`medislot.toml` in this folder where none is named and there is one) and the environment.
    ///
    /// # Errors
    /// Where something is set that does not exist, or cannot be.
    pub fn read(file: Option<&Path>) -> Result<Self> {
        let file = match file {
            Some(path) => config::File::from(path).required(true),
            None => config::File::with_name("medislot.toml").required(false),
        };
        let variables = config::Environment::with_prefix("MEDISLOT")
            .prefix_separator("_")
            .separator("__")
            .ignore_empty(true)
            .try_parsing(true)
            .list_separator(",")
            .with_list_parse_key("allowed_origins");
        let environment = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        config::Config::builder()
            .add_source(file)
            .set_override_option("database_url", environment("DATABASE_URL"))?
            .set_override_option("redis_url", environment("REDIS_URL"))?
            .add_source(variables)
            .build()?
            .try_deserialize()
            .context("the configuration cannot be read")
    }

    /// Whether this is a production installation.
    #[must_use]
    pub fn is_production(&self) -> bool {
        self.environment == Environment::Production
    }

    /// The address by which browsers reach this server.
    #[must_use]
    pub fn public_url(&self) -> String {
        self.public_url.clone().unwrap_or_else(|| format!("http://{}", self.listen))
    }

    /// Where links of letters lead.
    #[must_use]
    pub fn link_url(&self) -> String {
        self.link_url.clone().unwrap_or_else(|| self.public_url())
    }

    /// Looks over what was set as a whole.
    ///
    /// # Errors
    /// Where production lacks a key, a mail server or an address that browsers reach safely, or is told to pretend; or where a clock is frozen that is not virtual.
    pub fn check(&self) -> Result<()> {
        ensure!(self.now.is_some() || !self.frozen, "--frozen needs --now: the real clock cannot stand still");
        if let Some(now) = self.now {
            ensure!((1970..=9000).contains(&now.year()), "--now is between the years 1970 and 9000");
        }
        ensure!((1..=3_650).contains(&self.log_days), "the log of changes goes back between 1 and 3650 days");
        self.limits.check()?;
        for provider in &self.oidc {
            provider.check(self.is_production())?;
            let others = self.oidc.iter().filter(|other| other.name == provider.name).count();
            ensure!(others == 1, "oidc: two providers are called {}", provider.name);
        }
        if self.is_production() {
            ensure!(self.now.is_none(), "production runs on the real clock: --now is refused");
            ensure!(
                self.signing_key.is_some(),
                "production needs MEDISLOT_SIGNING_KEY, an Ed25519 private key in PEM: openssl genpkey -algorithm ed25519"
            );
            ensure!(self.smtp_url.is_some(), "production needs a mail server: MEDISLOT_SMTP_URL");
            let are_safe = [self.public_url(), self.link_url()].iter().all(|url| url.starts_with("https://"));
            ensure!(are_safe, "production needs MEDISLOT_PUBLIC_URL, and what else links lead to, with https");
            ensure!(
                self.rate_limits == RateLimits::On,
                "production does not run without rate limits: MEDISLOT_RATE_LIMITS=off is refused"
            );
        }
        Ok(())
    }
}
