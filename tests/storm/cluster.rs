//! PostgreSQL, Redis and two servers, each of which can be broken and mended.

use sea_orm::ConnectionTrait;
use std::{
    fs::{self, File},
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::Mutex,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// The one who made everything.
pub const ADMIN: &str = "admin@example.com";
/// Everybody's.
pub const PASSWORD: &str = "medislot-demo";

/// A process; killed when it is dropped.
struct Process(Child);

impl Process {
    fn start(command: &mut Command) -> Self {
        Self(command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap())
    }

    fn signal(&self, signal: &str) {
        assert!(Command::new("kill").args([signal, &self.0.id().to_string()]).status().unwrap().success());
    }

    /// Sends a signal that ends it, and sees it end.
    fn ends_by(mut self, signal: &str) {
        self.signal(signal);
        self.0.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Everything that Medislot runs on in its large form, on ports of its own. Fields are dropped in order: servers first.
pub struct Cluster {
    servers: [Mutex<Option<Process>>; 2],
    /// Where the servers listen.
    pub addresses: [String; 2],
    redis: Mutex<Option<Process>>,
    redis_port: u16,
    postgres: Mutex<Option<Process>>,
    postgres_port: u16,
    programs: PathBuf,
    folder: TempDir,
}

impl Cluster {
    /// Starts PostgreSQL and Redis, with an admin of the platform and nothing else in the database.
    pub async fn start() -> Self {
        // Not in TMPDIR: the user postgres may have no way into root's.
        let folder = tempfile::Builder::new().prefix("medislot-storm.").tempdir_in("/tmp").unwrap();
        let [postgres_port, redis_port, one, two] = free_ports();
        let cluster = Self {
            servers: [Mutex::new(None), Mutex::new(None)],
            addresses: [one, two].map(|port| format!("127.0.0.1:{port}")),
            redis: Mutex::new(None),
            redis_port,
            postgres: Mutex::new(None),
            postgres_port,
            programs: postgres_programs(),
            folder,
        };
        cluster.makes_postgres();
        cluster.starts_postgres().await;
        cluster.starts_redis();
        let mut admin = cluster.program(&["admin", ADMIN]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        std::io::Write::write_all(&mut admin.stdin.take().unwrap(), format!("{PASSWORD}\n").as_bytes()).unwrap();
        assert!(admin.wait().unwrap().success());
        cluster
    }

    /// How to reach the database.
    pub fn database_url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.postgres_port)
    }

    fn program(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_medislot"));
        command.args(arguments).env_clear().current_dir(self.folder.path());
        command.envs(self.variables());
        command
    }

    /// What tells a server of all this.
    pub fn variables(&self) -> [(&'static str, String); 3] {
        let redis = format!("redis://127.0.0.1:{}", self.redis_port);
        [("DATABASE_URL", self.database_url()), ("REDIS_URL", redis), ("MEDISLOT_RATE_LIMITS", "off".to_owned())]
    }

    /// Starts a server, again and again while it cannot, and sees it ready.
    pub async fn starts_server(&self, number: usize) {
        let address = &self.addresses[number];
        let begun = Instant::now();
        let mut process = Process::start(self.program(&["serve", "--listen", address]).stderr(Stdio::null()));
        loop {
            assert!(begun.elapsed() < Duration::from_secs(30), "a server does not start");
            if let Ok(answer) = reqwest::get(format!("http://{address}/healthz")).await
                && answer.status().is_success()
            {
                break;
            }
            if process.0.try_wait().unwrap().is_some() {
                process = Process::start(self.program(&["serve", "--listen", address]).stderr(Stdio::null()));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        *self.servers[number].lock().unwrap() = Some(process);
    }

    /// Kills a server in the middle of whatever it does.
    pub fn kills_server(&self, number: usize) {
        self.servers[number].lock().unwrap().take().unwrap().ends_by("-KILL");
    }

    /// Starts Redis, empty.
    pub fn starts_redis(&self) {
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port"]);
        command.arg(self.redis_port.to_string()).current_dir(self.folder.path());
        *self.redis.lock().unwrap() = Some(Process::start(&mut command));
    }

    /// Kills Redis.
    pub fn kills_redis(&self) {
        self.redis.lock().unwrap().take().unwrap().ends_by("-KILL");
    }

    /// Lets Redis accept and never answer, or go on.
    pub fn lets_redis_hang(&self, hang: bool) {
        self.redis.lock().unwrap().as_ref().unwrap().signal(if hang { "-STOP" } else { "-CONT" });
    }

    /// Makes Redis forget every lock.
    pub fn flushes_redis(&self) {
        let port = self.redis_port.to_string();
        let flushed = Command::new("redis-cli").args(["-p", &port, "flushall"]).stdout(Stdio::null()).status();
        assert!(flushed.unwrap().success());
    }

    /// Lets PostgreSQL log every statement, or not.
    pub async fn logs_statements(&self, all: bool) {
        let database = sea_orm::Database::connect(self.database_url()).await.unwrap();
        let which = if all { "all" } else { "none" };
        database.execute_unprepared(&format!("ALTER SYSTEM SET log_statement = '{which}'")).await.unwrap();
        database.execute_unprepared("SELECT pg_reload_conf()").await.unwrap();
        database.close().await.unwrap();
    }

    /// What PostgreSQL has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// PostgreSQL's own benchmark.
    pub fn pgbench(&self) -> PathBuf {
        let beside = self.programs.join("pgbench");
        if beside.is_file() { beside } else { "pgbench".into() }
    }

    fn makes_postgres(&self) {
        let data = self.folder.path().join("postgres");
        fs::create_dir(&data).unwrap();
        if is_root() {
            for folder in [self.folder.path(), &data] {
                assert!(Command::new("chown").arg("postgres").arg(folder).status().unwrap().success());
            }
        }
        let mut initdb = self.postgres_program("initdb");
        initdb.args(["-A", "trust", "-U", "postgres", "-E", "UTF8", "-D"]).arg(&data);
        assert!(initdb.stdout(Stdio::null()).status().unwrap().success());
    }

    /// Starts PostgreSQL, with every commit on disk before it is acknowledged, and sees it recovered.
    pub async fn starts_postgres(&self) {
        let mut command = self.postgres_program("postgres");
        command.args([
            "-c",
            "listen_addresses=127.0.0.1",
            "-c",
            "max_connections=200",
            "-c",
            "log_line_prefix=transaction %v: ",
            "-p",
        ]);
        command.arg(self.postgres_port.to_string()).arg("-k").arg(self.folder.path());
        command.arg("-D").arg(self.folder.path().join("postgres"));
        let log = File::options().create(true).append(true).open(self.folder.path().join("log")).unwrap();
        *self.postgres.lock().unwrap() = Some(Process::start(command.stderr(log)));
        let begun = Instant::now();
        while sea_orm::Database::connect(self.database_url()).await.is_err() {
            assert!(begun.elapsed() < Duration::from_mins(1), "PostgreSQL does not start");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Ends PostgreSQL as a crash would: it recovers from its log when it starts again.
    pub fn crashes_postgres(&self) {
        self.postgres.lock().unwrap().take().unwrap().ends_by("-QUIT");
    }

    /// PostgreSQL refuses to run as root.
    fn postgres_program(&self, name: &str) -> Command {
        let program = self.programs.join(name);
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--init-groups"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.current_dir(self.folder.path());
        command
    }
}

impl Drop for Cluster {
    /// The postmaster ends its children, which a signal that it cannot hear would leave alone.
    fn drop(&mut self) {
        if let Ok(Some(postgres)) = self.postgres.get_mut().map(Option::take) {
            postgres.ends_by("-QUIT");
        }
    }
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().unwrap().stdout == b"0\n"
}

/// Debian and Homebrew keep the server's programs out of PATH, in a folder for each version.
fn postgres_programs() -> PathBuf {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<_> = std::env::split_paths(&paths).collect();
    for (parent, inside) in [("/usr/lib/postgresql", "bin"), ("/opt/homebrew/opt", "bin"), ("/usr/local/opt", "bin")] {
        let mut versions: Vec<_> =
            fs::read_dir(parent).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        versions.sort();
        folders.extend(versions.into_iter().rev().map(|version| version.join(inside)));
    }
    let found = folders.into_iter().find(|folder| folder.join("initdb").is_file());
    found.expect("PostgreSQL's server is needed: install it, or run scripts/test, which says how")
}

/// Below the ports that systems hand out by themselves, so that no test's own socket takes one while its owner is down.
fn free_ports<const N: usize>() -> [u16; N] {
    let mut taken = Vec::new();
    std::array::from_fn(|_| {
        loop {
            let port = rand::random_range(20_000..32_000);
            if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)) {
                taken.push(listener);
                return port;
            }
        }
    })
}
