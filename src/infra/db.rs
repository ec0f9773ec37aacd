//! The database: the place that knows most of how PostgreSQL and SQLite differ.

use crate::kernel::{
    clock::Clock,
    rejection::{Internal, Rejection},
};
use chrono::{DateTime, Utc};
use migration::{Migrator, MigratorTrait};
use sea_orm::{
    ConnectOptions, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, RuntimeErr,
    SqliteTransactionMode, SqlxError, TransactionOptions, TransactionTrait,
    sea_query::{Expr, Query},
    sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous},
};
use std::{cell::Cell, fs::File, ops::Deref, path::PathBuf, sync::Arc, time::Duration};
use tokio::sync::{Mutex, OwnedMutexGuard};

/// No statement takes longer, and nobody waits longer for a connection or for the writer before them.
const PATIENCE: Duration = Duration::from_secs(5);

/// Any number, the same for all: whoever holds it migrates.
const MIGRATION_LOCK: i64 = 0x6d65_6469_736c_6f74;

tokio::task_local! {
    static STATEMENTS: Cell<u32>;
}

/// Runs `future` and tells how many SQL statements it sent.
pub async fn count_statements<F: Future>(future: F) -> (F::Output, u32) {
    STATEMENTS
        .scope(Cell::new(0), async {
            let output = future.await;
            (output, STATEMENTS.with(Cell::get))
        })
        .await
}

/// Counts a statement that is sent on behalf of the running task.
pub fn count_statement() {
    // Outside of `count_statements` nobody counts.
    let _ = STATEMENTS.try_with(|count| count.set(count.get() + 1));
}

/// Where the data are.
#[derive(Clone, Debug)]
pub enum Location {
    /// A PostgreSQL server.
    Postgres {
        /// The connection string.
        url: String,
    },
    /// A file of SQLite's.
    Sqlite {
        /// The folder that holds it.
        folder: PathBuf,
    },
}

/// A database at the present schema.
#[derive(Clone, Debug)]
pub struct Database {
    connection: DatabaseConnection,
    // SQLite has one writer: waiting in line here is fair, waiting in its busy handler is not.
    writer: Option<Arc<Mutex<()>>>,
}

impl Database {
    /// Opens the database, made where there is none, and brings its schema up to date, one process at a time.
    ///
    /// # Errors
    /// Where it cannot be reached, or migrated.
    pub async fn connect(location: &Location) -> Result<Self, DbErr> {
        migrate(location).await?;
        let mut connection = sea_orm::Database::connect(options(location, PATIENCE)).await?;
        connection.set_metric_callback(|_| count_statement());
        let writer = (connection.get_database_backend() == DbBackend::Sqlite).then(Arc::default);
        Ok(Self { connection, writer })
    }

    /// Where to read what need not agree with anything else.
    #[must_use]
    pub fn reader(&self) -> &DatabaseConnection {
        &self.connection
    }

    /// Whether this is PostgreSQL, with writers side by side.
    #[must_use]
    pub fn is_postgres(&self) -> bool {
        self.writer.is_none()
    }

    /// Begins to write. What is not committed is undone.
    ///
    /// # Errors
    /// `Unavailable` where no connection, or no turn to write, comes up in time.
    pub async fn begin(&self) -> Result<Transaction, Rejection> {
        let turn = match &self.writer {
            None => None,
            Some(writer) => Some(
                tokio::time::timeout(PATIENCE, Arc::clone(writer).lock_owned())
                    .await
                    .map_err(|_| Rejection::Unavailable(Internal::new("database: no turn to write")))?,
            ),
        };
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        // In a task of its own, for it must come to its end: a connection whose BEGIN nobody waits for would go back into the pool inside of a
        // transaction that nobody commits, and the next one to write at once would be told that it is done.
        let connection = self.connection.clone();
        let begun = tokio::spawn(async move { connection.begin_with_options(options).await }).await;
        let transaction = begun.map_err(|_| Internal::new("database: interrupted"))??;
        Ok(Transaction { transaction, _turn: turn })
    }

    /// The time by which to decide what all processes must agree on.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn now(&self, clock: &dyn Clock) -> Result<DateTime<Utc>, Rejection> {
        now(&self.connection, clock).await
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// `Unavailable` where it does not.
    pub async fn ping(&self) -> Result<(), Rejection> {
        Ok(self.connection.ping().await?)
    }
}

/// Waits for what is written at once, by people who wait for each other, and not longer than its statement may take.
///
/// # Errors
/// Its own, or that there is no answer in time: then it may have been written.
pub async fn in_time<T, E: From<DbErr>>(work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    // A connection that is dead at the other end says nothing, not even that a statement took too long.
    let silent = || DbErr::Conn(RuntimeErr::Internal("no answer in time".to_owned()));
    tokio::time::timeout(PATIENCE + PATIENCE / 5, work).await.unwrap_or_else(|_| Err(silent().into()))
}

/// A transaction: the way to write more than one statement.
#[derive(Debug)]
pub struct Transaction {
    transaction: DatabaseTransaction,
    _turn: Option<OwnedMutexGuard<()>>,
}

impl Transaction {
    /// Makes everything in it true at once.
    ///
    /// # Errors
    /// Where the database refuses.
    pub async fn commit(self) -> Result<(), Rejection> {
        Ok(self.transaction.commit().await?)
    }

    /// The time by which to decide what all processes must agree on.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn now(&self, clock: &dyn Clock) -> Result<DateTime<Utc>, Rejection> {
        now(&self.transaction, clock).await
    }

    /// What the database's clock says at the moment that it is asked, in SQL; NULL where it has none of its own.
    #[must_use]
    pub fn time(&self) -> Expr {
        time(self.transaction.get_database_backend())
    }
}

async fn now(connection: &impl ConnectionTrait, clock: &dyn Clock) -> Result<DateTime<Utc>, Rejection> {
    let backend = connection.get_database_backend();
    if backend == DbBackend::Sqlite {
        return Ok(clock.settle(None));
    }
    let time = time(backend);
    let row = connection.query_one(Query::select().expr_as(time, "time")).await?;
    let time = row.map(|row| row.try_get("", "time")).transpose()?.flatten();
    Ok(clock.settle(time))
}

/// What the clock of such a database says at the moment that it is asked, in SQL. SQLite runs in this process, by its clock: NULL.
#[must_use]
pub fn time(backend: DbBackend) -> Expr {
    Expr::cust(if backend == DbBackend::Postgres { "clock_timestamp()" } else { "NULL" })
}

impl Deref for Transaction {
    type Target = DatabaseTransaction;

    fn deref(&self) -> &DatabaseTransaction {
        &self.transaction
    }
}

fn options(location: &Location, patience: Duration) -> ConnectOptions {
    let mut options = match location {
        Location::Postgres { url } => ConnectOptions::new(url),
        Location::Sqlite { folder } => {
            ConnectOptions::new(format!("sqlite://{}?mode=rwc", folder.join("medislot.sqlite").display()))
        }
    };
    let connections = match location {
        Location::Postgres { .. } => 20,
        Location::Sqlite { .. } => 8,
    };
    options
        .max_connections(connections)
        .acquire_timeout(PATIENCE)
        .connect_timeout(PATIENCE)
        // A test is a way to the server and back: only connections that may have died in their sleep are worth it.
        .test_before_acquire_if_idle_for(Duration::from_secs(1))
        // It would warn of slow statements with all of their text.
        .sqlx_logging(false)
        .record_stmt_in_spans(false)
        .map_sqlx_postgres_opts(move |postgres| {
            let milliseconds = patience.as_millis().to_string();
            postgres.options([
                ("statement_timeout", milliseconds.as_str()),
                ("idle_in_transaction_session_timeout", milliseconds.as_str()),
            ])
        })
        .map_sqlx_sqlite_opts(|sqlite| {
            sqlite
                .journal_mode(SqliteJournalMode::Wal)
                // What is acknowledged must survive a power cut.
                .synchronous(SqliteSynchronous::Full)
                .busy_timeout(PATIENCE)
                .foreign_keys(true)
        });
    options
}

/// Two processes that migrate at once would both fail, so they take turns.
async fn migrate(location: &Location) -> Result<(), DbErr> {
    match location {
        Location::Postgres { .. } => {
            // Whoever comes second waits here as long as the first one needs: no timeout.
            let connection = sea_orm::Database::connect(options(location, Duration::ZERO)).await?;
            let turn = connection.begin_with_options(TransactionOptions::default()).await?;
            turn.execute_unprepared(&format!("SELECT pg_advisory_xact_lock({MIGRATION_LOCK})")).await?;
            Migrator::up(&connection, None).await?;
            turn.commit().await?;
            connection.close().await
        }
        Location::Sqlite { folder } => {
            let lock = folder.join("medislot.lock");
            let turn = tokio::task::spawn_blocking(move || {
                let file = File::create(lock)?;
                file.lock()?;
                Ok::<_, std::io::Error>(file)
            });
            let io = |error: std::io::Error| DbErr::Custom(format!("data folder: {}", error.kind()));
            let turn = turn.await.map_err(|_| DbErr::Custom("data folder: interrupted".to_owned()))?.map_err(io)?;
            let connection = sea_orm::Database::connect(options(location, PATIENCE)).await?;
            Migrator::up(&connection, None).await?;
            connection.close().await?;
            drop(turn);
            Ok(())
        }
    }
}

/// A constraint, as each database names it when it is violated.
#[derive(Clone, Copy, Debug)]
pub struct Constraint {
    /// Its name, which PostgreSQL reports.
    pub name: &'static str,
    /// What SQLite reports: the columns of an index, or the name that a trigger raises.
    pub sqlite: &'static str,
}

impl Constraint {
    /// Whether it is what `error` is about.
    #[must_use]
    pub fn is_violated(&self, error: &DbErr) -> bool {
        let Some(error) = database_error(error) else {
            return false;
        };
        error.constraint() == Some(self.name) || error.message().ends_with(self.sqlite)
    }
}

/// Whether the database has answered that it does not do it: then nothing was written.
#[must_use]
pub fn is_refused(error: &DbErr) -> bool {
    database_error(error).is_some()
}

fn database_error(error: &DbErr) -> Option<&dyn sea_orm::sqlx::error::DatabaseError> {
    match error {
        DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error)) => match &**error {
            SqlxError::Database(error) => Some(&**error),
            _ => None,
        },
        _ => None,
    }
}

impl From<DbErr> for Rejection {
    /// Keeps the code and the constraint: the driver's own words quote values, which no log may hold.
    fn from(error: DbErr) -> Self {
        let Some(cause) = database_error(&error) else {
            let lost = matches!(
                error,
                DbErr::ConnectionAcquire(_)
                    | DbErr::Conn(_)
                    | DbErr::Exec(RuntimeErr::SqlxError(_))
                    | DbErr::Query(RuntimeErr::SqlxError(_))
            );
            return if lost {
                Self::Unavailable(Internal::new("database: no connection"))
            } else {
                Self::Internal(Internal::new(format!("database: {}", kind(&error))))
            };
        };
        let code = cause.code().unwrap_or_default();
        let what = Internal::new(format!("database: code {code}, constraint {}", cause.constraint().unwrap_or("none")));
        // Statement or lock timeout, shutdown, lost connection; SQLite's busy.
        let passing =
            matches!(&*code, "57014" | "55P03" | "57P01" | "57P03" | "25P03" | "40P01" | "53300" | "5" | "517");
        if passing || code.starts_with("08") { Self::Unavailable(what) } else { Self::Internal(what) }
    }
}

fn kind(error: &DbErr) -> &'static str {
    match error {
        DbErr::RecordNotFound(_) => "record not found",
        DbErr::RecordNotInserted | DbErr::RecordNotUpdated => "record not written",
        DbErr::Type(_) | DbErr::Json(_) => "a value that cannot be read",
        DbErr::Migration(_) => "migration",
        _ => "other",
    }
}
