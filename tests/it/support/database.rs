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
                let variable =
                    |name| std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run scripts/test"));
                let server = variable("TEST_POSTGRES_URL");
                let name = format!("test_{}", Uuid::now_v7().simple());
                let connection = sea_orm::Database::connect(&server).await.unwrap();
                connection.execute_unprepared(&format!("CREATE DATABASE {name}")).await.unwrap();
                connection.close().await.unwrap();
                let (address, _) = server.rsplit_once('/').unwrap();
                Self {
                    folder,
                    postgres_url: Some(format!("{address}/{name}")),
                    redis_url: Some(variable("TEST_REDIS_URL")),
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
