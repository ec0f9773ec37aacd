//! The composition root: from settings to something that runs.

use crate::{
    accounts::{self, Accounts, Allowed, Attempts, OpenId, Passwords, Tokens},
    api::{self, Allowance, Api, Lifetime, Reader},
    audit::Audit,
    availability::{Availability, SharedCalendars},
    board::Boards,
    booking::Booking,
    calendar::{self, Hub, Publisher},
    config::{AcceptedDocuments, Config, RateLimits},
    demo::{Demo, Sizes},
    directory::{self, Directory},
    documents::Documents,
    graphql::{Pricing, Services, running, schema, sdl},
    infra::{
        budget::Budgets,
        bus::{Bus, LocalBus, RedisBus},
        db::{Database, Location},
        lock::{LocalLock, Lock, RedisLock},
        mail::{Captured, Carrier, SmsGateway, SmtpServer},
        redis::Redis,
    },
    kernel::{
        clock::{Clock, SystemClock, VirtualClock},
        rejection::Rejection,
    },
    mail::{Carriers, Mail},
    privacy::Privacy,
    worker,
};
use anyhow::{Context, Result, bail};
use secrecy::ExposeSecret;
use std::{collections::BTreeMap, sync::Arc};
use tokio::net::TcpListener;

/// Medislot, put together.
#[derive(Clone, Debug)]
pub struct App {
    /// What it was put together from.
    pub config: Config,
    /// The services.
    pub services: Services,
    /// What sends letters.
    pub mail: Arc<Mail>,
    openid: Arc<OpenId>,
    publisher: Publisher,
    /// Redis, and what its keys of this installation begin with.
    shared: Option<(Redis, String)>,
}

/// The clock that the settings ask for.
#[must_use]
pub fn clock(config: &Config) -> Arc<dyn Clock> {
    match config.now {
        None => Arc::new(SystemClock),
        Some(instant) if config.frozen => Arc::new(VirtualClock::frozen(instant)),
        Some(instant) => Arc::new(VirtualClock::running(instant)),
    }
}

/// Opens the database, made and migrated where it has to be.
///
/// # Errors
/// Where it cannot be reached, or migrated.
pub async fn open_database(config: &Config) -> Result<Database> {
    let location = if let Some(url) = &config.database_url {
        let url = url.expose_secret().to_owned();
        if !(url.starts_with("postgres://") || url.starts_with("postgresql://")) {
            bail!(
                "DATABASE_URL is an address of PostgreSQL (postgres://…); without one a file in the data folder is used"
            );
        }
        Location::Postgres { url }
    } else {
        let folder = config.data_dir.clone();
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("the data folder {} cannot be made", folder.display()))?;
        Location::Sqlite { folder }
    };
    Database::connect(&location).await.context("the database cannot be opened")
}

impl App {
    /// Puts everything together and connects it. Background work is begun by [`App::start_worker`].
    ///
    /// # Errors
    /// Where the settings are wrong, or the database cannot be used.
    pub async fn start(config: Config, clock: Arc<dyn Clock>) -> Result<Self> {
        Self::start_over(config, clock, |bus| bus).await
    }

    /// The same over a bus that `wrap` makes of the one that the settings ask for.
    ///
    /// # Errors
    /// Where the settings are wrong, or the database cannot be used.
    pub async fn start_over(
        config: Config,
        clock: Arc<dyn Clock>,
        wrap: impl FnOnce(Arc<dyn Bus>) -> Arc<dyn Bus>,
    ) -> Result<Self> {
        config.check()?;
        let database = open_database(&config).await?;
        let namespace = calendar::log_id(&database).await?.simple().to_string();
        let Coordination { redis, lock, bus, sessions, shared } = coordination(&config, &database, &namespace)?;
        let bus = wrap(bus);
        let tokens = match &config.signing_key {
            Some(key) => Tokens::from_pem(key.expose_secret()).context("MEDISLOT_SIGNING_KEY cannot be used")?,
            None => Tokens::from_database(&database, &*clock).await?,
        };
        let limits = &config.limits;
        let openid = OpenId::try_new(&config.oidc, &config.public_url(), Arc::clone(&clock))?;
        let carriers = carriers(&config, &database, &clock)?;
        let mail = Mail::new(database.clone(), Arc::clone(&clock), carriers, &config.link_url());
        let allowed = Allowed { by_address: limits.password_attempts, by_origin: limits.attempts_from_one_place };
        let attempts = (config.rate_limits == RateLimits::On).then_some(allowed);
        let counted = redis.map(|redis| (redis, namespace.clone()));
        let attempts = Attempts::new(attempts, counted.clone());
        let passwords =
            Passwords::try_new(limits.password_hashes).context("no thread can be begun to hash passwords")?;
        let accounts = Accounts::new(database.clone(), Arc::clone(&clock), tokens, passwords, attempts, sessions);
        let accounts = Arc::new(accounts);
        accounts::watch_sessions(&accounts);
        let announced = Arc::default();
        let publisher = Publisher::start(database.clone(), Arc::clone(&bus), Arc::clone(&announced));
        let roster = Arc::new(directory::Register(database.clone()));
        let hub = Hub::start(database.clone(), Arc::clone(&clock), bus, roster, announced).await?;
        let directory = Directory::new(
            database.clone(),
            Arc::clone(&clock),
            Arc::clone(&accounts),
            publisher.clone(),
            Arc::clone(&hub),
        );
        let directory = Arc::new(directory);
        let availability = Availability::new(
            database.clone(),
            Arc::clone(&clock),
            Arc::clone(&directory),
            publisher.clone(),
            Arc::clone(&hub),
            shared,
        );
        let availability = Arc::new(availability);
        let booking = Booking::new(
            database.clone(),
            Arc::clone(&clock),
            lock,
            namespace,
            publisher.clone(),
            Arc::clone(&availability),
        );
        let booking = Arc::new(booking);
        let boards = Arc::new(Boards {
            database: database.clone(),
            clock: Arc::clone(&clock),
            directory: Arc::clone(&directory),
            hub: Arc::clone(&hub),
        });
        let privacy = Arc::new(Privacy {
            database: database.clone(),
            clock: Arc::clone(&clock),
            accounts: Arc::clone(&accounts),
            booking: Arc::clone(&booking),
        });
        let audit = Arc::new(Audit::new(database.clone(), Arc::clone(&clock)));
        let services =
            Services { audit, accounts, directory, availability, boards, booking, privacy, hub, database, clock };
        Ok(Self { config, services, mail: Arc::new(mail), openid: Arc::new(openid), publisher, shared: counted })
    }

    /// Serves whoever connects, for as long as the lifetime lasts.
    pub fn serve(&self, listener: TcpListener, lifetime: Lifetime) -> impl Future<Output = ()> + Send + use<> {
        let development = !self.config.is_production();
        self.services.availability.warm_up();
        let limits = &self.config.limits;
        let are_limited = self.config.rate_limits == RateLimits::On;
        let budgets = are_limited.then(|| Budgets::new(limits.budget, self.shared.clone()));
        let api = Api {
            reader: Arc::new(Reader::new(&sdl(&schema(limits).finish()), *limits)),
            schema: running(limits),
            pricing: Pricing::new(limits),
            allowance: Arc::new(Allowance::new(budgets, limits)),
            services: self.services.clone(),
            documents: Arc::new(Documents::new(self.services.database.clone())),
            only_registered: self.config.documents == AcceptedDocuments::Registered,
            live: Arc::default(),
            limits: self.config.limits,
            introspection: self.config.introspection.unwrap_or(development),
            openid: Arc::clone(&self.openid),
            public_url: self.config.public_url().into(),
            link_url: self.config.link_url().trim_end_matches('/').into(),
            captured: development
                .then(|| Captured::new(self.services.database.clone(), Arc::clone(&self.services.clock))),
            development,
            trusted_proxies: self.config.trusted_proxies,
            proxy_header: self.config.proxy_header,
            allowed_origins: self.config.allowed_origins.clone().into(),
            clock: Arc::clone(&self.services.clock),
            lifetime,
        };
        api::serve(api, listener)
    }

    /// Begins to do the background work.
    pub fn start_worker(&self) {
        let kept = chrono::TimeDelta::days(self.config.log_days.into());
        let services = &self.services;
        worker::start(&services.database, &services.clock, &self.publisher, &services.booking, &self.mail, kept);
    }

    /// Registers documents, so that clients may ask for them by their ids.
    ///
    /// # Errors
    /// Where the database refuses.
    pub async fn add_documents(&self, documents: BTreeMap<String, String>) -> Result<(), Rejection> {
        Documents::new(self.services.database.clone()).add(documents, &*self.services.clock).await
    }

    /// Makes the demo data in a database that has none of any kind, or goes on where that was interrupted; tells whether it did
    /// anything.
    ///
    /// # Errors
    /// Where the database refuses.
    pub async fn seed(&self) -> Result<bool, Rejection> {
        self.demo().seed().await
    }

    /// Makes the demo data, and more, up to these sizes; tells how many appointments more there are, or nothing where there were data.
    ///
    /// # Errors
    /// Where the database refuses.
    pub async fn seed_scale(&self, sizes: Sizes) -> Result<Option<usize>, Rejection> {
        self.demo().seed_scale(&self.services.database, sizes).await
    }

    fn demo(&self) -> Demo<'_> {
        let services = &self.services;
        Demo {
            clock: &*services.clock,
            accounts: &services.accounts,
            directory: &services.directory,
            availability: &services.availability,
            booking: &services.booking,
        }
    }
}

/// Who brings messages to people: a server each, in development a table where there is none.
fn carriers(config: &Config, database: &Database, clock: &Arc<dyn Clock>) -> Result<Carriers> {
    let captured = || -> Arc<dyn Carrier> { Arc::new(Captured::new(database.clone(), Arc::clone(clock))) };
    let captured = (!config.is_production()).then(captured);
    let email: Option<Arc<dyn Carrier>> = match &config.smtp_url {
        Some(url) => Some(Arc::new(SmtpServer::try_new(url, &config.mail_from, Arc::clone(clock))?)),
        None => captured.clone(),
    };
    let sms: Option<Arc<dyn Carrier>> = match &config.sms_url {
        Some(url) => Some(Arc::new(SmsGateway::try_new(url, config.sms_token.clone())?)),
        None => captured,
    };
    Ok(Carriers { email, sms })
}

/// How processes get along.
struct Coordination {
    redis: Option<Redis>,
    lock: Arc<dyn Lock>,
    bus: Arc<dyn Bus>,
    /// Tells which sessions have ended.
    sessions: Arc<dyn Bus>,
    shared: Option<SharedCalendars>,
}

/// Over Redis, or within this process.
fn coordination(config: &Config, database: &Database, namespace: &str) -> Result<Coordination> {
    let Some(url) = &config.redis_url else {
        if database.is_postgres() {
            tracing::warn!(
                "PostgreSQL without Redis: other processes' events come up to a second late, and every process has locks \
                 of its own, so a crowd after one slot costs the database more. Nothing is booked twice. Set REDIS_URL."
            );
        }
        let (lock, bus) = (Arc::new(LocalLock::default()), Arc::new(LocalBus::default()));
        let sessions = Arc::new(LocalBus::default());
        return Ok(Coordination { redis: None, lock, bus, sessions, shared: None });
    };
    let url = url.expose_secret().to_owned();
    let redis = Redis::try_new(&url).context("REDIS_URL is not an address of Redis")?;
    let channel = |name| format!("medislot:{namespace}:{name}");
    Ok(Coordination {
        redis: Some(redis.clone()),
        lock: Arc::new(RedisLock::new(redis.clone())),
        shared: Some(SharedCalendars::new(redis.clone(), namespace.to_owned())),
        sessions: Arc::new(RedisBus::new(redis.clone(), url.clone(), channel("sessions"))),
        bus: Arc::new(RedisBus::new(redis, url, channel("calendar"))),
    })
}
