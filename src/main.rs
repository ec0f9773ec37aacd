//! The command line.

use anyhow::{Context, Result, bail, ensure};
use chrono::{DateTime, Utc};
use clap::{Args, Parser, Subcommand};
use medislot::{
    accounts::{Account, parse_email},
    api::Lifetime,
    app::{self, App},
    calendar,
    config::Config,
    demo::{self, Sizes},
    documents,
    graphql::schema,
    telemetry,
};
use secrecy::SecretString;
use std::{
    io::{IsTerminal, Write},
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::{net::TcpListener, signal::unix::SignalKind};

/// A request makes and drops hundreds of small values, which this does in half the time of the system's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long running requests may take when the process shall end.
const DRAIN: Duration = Duration::from_secs(15);

/// A GraphQL API, with live subscriptions, for booking medical appointments.
#[derive(Parser)]
#[command(version, about, args_conflicts_with_subcommands = true)]
struct CommandLine {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: Serve,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the API (this is what happens without a command).
    Serve(Serve),
    /// Do the background work alone: confirmations, forgotten events, old sessions.
    Worker(Common),
    /// Bring the database to the present schema, and end.
    Migrate(Common),
    /// Say that the database was restored from a backup: what clients and Redis remember of the time since is not believed any more.
    Restored(Common),
    /// Make demo data in an empty database.
    Seed(Seed),
    /// Make an admin of the platform; the password comes from standard input.
    Admin {
        /// The e-mail address to sign in with.
        #[arg(value_parser = parse_email)]
        email: String,
        #[command(flatten)]
        common: Common,
    },
    /// Print the GraphQL schema.
    Schema,
    /// Documents that clients may ask for by their id.
    #[command(subcommand)]
    Documents(Documents),
}

#[derive(Subcommand)]
enum Documents {
    /// Register the document of a file, or many: a JSON object from ids to documents. Prints the ids.
    Add {
        /// The file.
        file: PathBuf,
        #[command(flatten)]
        common: Common,
    },
}

#[derive(Args)]
struct Common {
    /// A file of settings (TOML) instead of ./medislot.toml.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The folder of the embedded database.
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
}

#[derive(Args)]
struct Seed {
    #[command(flatten)]
    common: Common,
    /// Make as much as a large installation has, to measure with.
    #[arg(long)]
    scale: bool,
    /// How many doctors, the twelve of the demo data among them (with --scale).
    #[arg(long, requires = "scale", value_name = "NUMBER", default_value_t = 10_000)]
    doctors: usize,
    /// How many specialties (with --scale).
    #[arg(long, requires = "scale", value_name = "NUMBER", default_value_t = 40)]
    specialties: usize,
    /// How many clinics, in six time zones (with --scale).
    #[arg(long, requires = "scale", value_name = "NUMBER", default_value_t = 50)]
    clinics: usize,
    /// How many days ahead something is booked, 1 to 366 (with --scale).
    #[arg(long, requires = "scale", value_name = "NUMBER", default_value_t = 60, value_parser = days)]
    days: usize,
    /// How many appointments (with --scale).
    #[arg(long, requires = "scale", value_name = "NUMBER", default_value_t = 1_000_000)]
    appointments: usize,
}

#[derive(Args)]
struct Serve {
    #[command(flatten)]
    common: Common,
    /// Where to listen.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Start on a virtual clock at this instant (RFC 3339).
    #[arg(long, value_name = "INSTANT")]
    now: Option<DateTime<Utc>>,
    /// Let the virtual clock stand still.
    #[arg(long)]
    frozen: bool,
    /// Leave the background work to others.
    #[arg(long)]
    no_worker: bool,
}

/// Nobody can be booked further ahead than a year.
fn days(number: &str) -> Result<usize, String> {
    let days = number.parse().ok().filter(|days| (1..=366).contains(days));
    days.ok_or_else(|| "a number from 1 to 366".to_owned())
}

impl Common {
    fn config(self) -> Result<Config> {
        let mut config = Config::read(self.config.as_deref())?;
        config.data_dir = self.data_dir.unwrap_or(config.data_dir);
        telemetry::start(config.log);
        Ok(config)
    }
}

impl Serve {
    fn config(self) -> Result<Config> {
        let mut config = self.common.config()?;
        config.listen = self.listen.unwrap_or(config.listen);
        config.now = self.now.or(config.now);
        config.frozen |= self.frozen;
        config.worker &= !self.no_worker;
        Ok(config)
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let CommandLine { command, serve: arguments } = CommandLine::parse();
    match command.unwrap_or(Command::Serve(arguments)) {
        Command::Serve(arguments) => serve(arguments.config()?).await,
        Command::Worker(common) => work(common.config()?).await,
        Command::Migrate(common) => {
            app::open_database(&common.config()?).await?;
            println!("The database is at the present schema.");
            Ok(())
        }
        Command::Restored(common) => {
            calendar::renew_log(&app::open_database(&common.config()?).await?).await?;
            println!("The log of changes is another now: start the servers, and whoever watched begins anew.");
            Ok(())
        }
        Command::Seed(arguments) => seed(arguments).await,
        Command::Admin { email, common } => make_admin(&email, common.config()?).await,
        Command::Documents(Documents::Add { file, common }) => add_documents(&file, common.config()?).await,
        Command::Schema => {
            print!("{}", medislot::graphql::sdl(&schema(&Config::default().limits).finish()));
            Ok(())
        }
    }
}

async fn start(config: Config) -> Result<App> {
    let clock = app::clock(&config);
    App::start(config, clock).await
}

async fn serve(config: Config) -> Result<()> {
    let listen = config.listen;
    let listener = TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
    let app = start(config).await?;
    let is_demo = app.config.database_url.is_none() && !app.config.is_production();
    if is_demo && let Err(error) = app.seed().await {
        tracing::warn!(%error, "the demo data are not complete: the next start goes on with them");
    }
    if app.config.worker {
        app.start_worker();
    }
    welcome(&app.config, listener.local_addr()?)?;
    let lifetime = Lifetime::default();
    let Lifetime { shutdown, sockets } = lifetime.clone();
    let server = tokio::spawn(app.serve(listener, lifetime));
    stopped().await?;
    tracing::info!("shutting down");
    shutdown.cancel();
    sockets.close();
    let drained = async {
        sockets.wait().await;
        server.await
    };
    if let Ok(end) = tokio::time::timeout(DRAIN, drained).await {
        end?;
    } else {
        tracing::warn!("some requests did not come to an end");
    }
    Ok(())
}

async fn work(config: Config) -> Result<()> {
    let app = start(config).await?;
    app.start_worker();
    tracing::info!("working");
    stopped().await?;
    tracing::info!("shutting down");
    Ok(())
}

async fn seed(arguments: Seed) -> Result<()> {
    let Seed { common, scale, doctors, specialties, clinics, days, appointments } = arguments;
    let config = common.config()?;
    ensure!(!config.is_production(), "demo data have no place in production: seed is refused");
    let app = start(config).await?;
    let made = if scale {
        let made = app.seed_scale(Sizes { doctors, specialties, clinics, days, appointments }).await?;
        made.map(|made| format!("Demo data made, and {made} appointments more."))
    } else {
        app.seed().await?.then(|| "Demo data made.".to_owned())
    };
    match made {
        Some(made) => println!("{made} {}", accounts()),
        None => println!("The database has data already: nothing was changed."),
    }
    Ok(())
}

async fn add_documents(file: &Path, config: Config) -> Result<()> {
    let name = file.display();
    let content = std::fs::read_to_string(file).with_context(|| format!("{name} cannot be read"))?;
    let documents = documents::read_file(&content).map_err(|wrong| anyhow::anyhow!("{name}: {wrong}"))?;
    let ids: Vec<_> = documents.keys().cloned().collect();
    start(config).await?.add_documents(documents).await?;
    for id in ids {
        println!("{id}");
    }
    Ok(())
}

async fn make_admin(email: &str, config: Config) -> Result<()> {
    let password = password()?;
    let app = start(config).await?;
    let account = Account {
        email: email.to_owned(),
        password,
        name: email.split('@').next().unwrap_or(email).to_owned(),
        phone: None,
        time_zone: None,
    };
    match app.services.accounts.create_platform_admin(account).await {
        Ok(id) => println!("{email} is an admin of the platform now ({id})."),
        Err(medislot::kernel::rejection::Rejection::Refused(refusals)) => {
            let messages: Vec<_> = refusals.iter().map(|refusal| refusal.message.as_ref()).collect();
            bail!("{}", messages.join(" "));
        }
        Err(other) => return Err(other.into()),
    }
    Ok(())
}

/// The password, typed unseen on a terminal, or the first line of what is piped in.
fn password() -> Result<SecretString> {
    if std::io::stdin().is_terminal() {
        return Ok(rpassword::prompt_password("Password: ")?.into());
    }
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).into())
}

fn accounts() -> String {
    let accounts = demo::ACCOUNTS.map(|(email, role)| format!("\n  {email}  ({role})"));
    format!("Sign in with the password {} as{}", demo::PASSWORD, accounts.concat())
}

/// Tells a newcomer where to go.
fn welcome(config: &Config, address: SocketAddr) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "Medislot serves http://{address}/graphql (HTTP and WebSocket).")?;
    if config.introspection.unwrap_or(!config.is_production()) {
        writeln!(out, "GraphiQL is at  http://{address}/")?;
    }
    if config.database_url.is_none() && !config.is_production() {
        writeln!(out, "{}", accounts())?;
    }
    Ok(out.flush()?)
}

/// Waits until the process is told to stop.
async fn stopped() -> Result<()> {
    let mut terminated = tokio::signal::unix::signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        _ = terminated.recv() => {}
    }
    Ok(())
}
