//! The schema of the database, in order, for PostgreSQL and SQLite.

mod m20261125_000001_accounts;
mod m20261125_000002_directory;
mod m20261125_000003_availability;
mod m20261125_000004_calendar;
mod m20261125_000005_booking;
mod m20261125_000006_holds;
mod m20261125_000008_live;
mod m20261125_000010_session_endings;
mod m20261126_000009_moves;
mod m20261126_000011_mail;
mod m20261126_000012_identity;
mod m20261126_000013_audit;
mod m20261126_000014_members;
mod m20261126_000015_claims;
mod m20261126_000016_unlinked;
mod m20261127_000017_override_slots;

pub use sea_orm_migration::MigratorTrait;
use sea_orm_migration::prelude::*;

/// Brings a database to the present schema.
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261125_000001_accounts::Migration),
            Box::new(m20261125_000002_directory::Migration),
            Box::new(m20261125_000003_availability::Migration),
            Box::new(m20261125_000004_calendar::Migration),
            Box::new(m20261125_000005_booking::Migration),
            Box::new(m20261125_000006_holds::Migration),
            Box::new(m20261125_000008_live::Migration),
            Box::new(m20261126_000009_moves::Migration),
            Box::new(m20261125_000010_session_endings::Migration),
            Box::new(m20261126_000011_mail::Migration),
            Box::new(m20261126_000012_identity::Migration),
            Box::new(m20261126_000013_audit::Migration),
            Box::new(m20261126_000014_members::Migration),
            Box::new(m20261126_000015_claims::Migration),
            Box::new(m20261126_000016_unlinked::Migration),
            Box::new(m20261127_000017_override_slots::Migration),
        ]
    }
}

/// A reference from `column` of `table` to the id of `target`.
fn reference(table: &'static str, column: &'static str, target: &'static str) -> ForeignKeyCreateStatement {
    ForeignKey::create().name(format!("fk_{table}_{column}")).from(table, column).to(target, "id").to_owned()
}

/// An index on `columns` of `table`, named by what it serves.
fn index(name: &'static str, table: &'static str, columns: &[&'static str]) -> IndexCreateStatement {
    let mut statement = Index::create();
    statement.name(name).table(table);
    for column in columns {
        statement.col(*column);
    }
    statement
}
