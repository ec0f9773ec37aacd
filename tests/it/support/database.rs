//! A database for each test.

use medislot::config::Config;
use sea_orm::ConnectionTrait;
use std::net::SocketAddr;
use tempfile::TempDir;
use uuid::Uuid;

/// What the tests run against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    Sqlite,
    Postgres,
}

impl Backend {
    pub fn chosen() -> Self {
        match std::env::var("TEST_BACKEND").as_deref() {
            Ok("sqlite") => Self::Sqlite,
            Ok("postgres") => Self::Postgres,
            _ => panic!("these tests need a back end: run scripts/test"),
        }
    }
}

fn server_of(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| panic!("{variable} is not set: run scripts/test"))
}

fn postgres() -> String {
    server_of("TEST_POSTGRES_URL")
}

/// A database that nobody else uses.
pub struct TestDatabase {
    pub folder: TempDir,
    pub postgres_url: Option<String>,
    pub redis_url: Option<String>,
}

impl TestDatabase {
    pub async fn create() -> Self {
        let folder = tempfile::tempdir().unwrap();
        match Backend::chosen() {
            Backend::Sqlite => Self { folder, postgres_url: None, redis_url: None },
            Backend::Postgres => {
                let server = postgres();
                let name = format!("test_{}", Uuid::now_v7().simple());
                let connection = sea_orm::Database::connect(&server).await.unwrap();
                connection.execute_unprepared(&format!("CREATE DATABASE {name}")).await.unwrap();
                connection.close().await.unwrap();
                let (address, _) = server.rsplit_once('/').unwrap();
                Self {
                    folder,
                    postgres_url: Some(format!("{address}/{name}")),
                    redis_url: Some(server_of("TEST_REDIS_URL")),
                }
            }
        }
    }

    pub fn config(&self) -> Config {
        Config {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            data_dir: self.folder.path().to_owned(),
            database_url: self.postgres_url.clone().map(Into::into),
            redis_url: self.redis_url.clone().map(Into::into),
            ..Config::default()
        }
    }
}

impl Drop for TestDatabase {
    /// Hundreds of databases would fill a small disk.
    fn drop(&mut self) {
        let Some((_, name)) = self.postgres_url.as_deref().and_then(|url| url.rsplit_once('/')) else { return };
        let statement = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
        // The test's own runtime is the one that waits here.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let connection = sea_orm::Database::connect(postgres()).await.unwrap();
                connection.execute_unprepared(&statement).await.unwrap();
                connection.close().await.unwrap();
            });
        });
        // A test that has failed must not be hidden by what its end fails at.
        let _ = dropping.join();
    }
}
