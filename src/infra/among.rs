//! Rows by one column, where how many differs from time to time.

use sea_orm::{
    DbBackend, Value,
    sea_query::{Expr, ExprTrait, extension::postgres::PgFunc},
};

/// `column` is one of `values`. PostgreSQL takes them as one array, so that the statement reads the same however many they are, and is
/// understood and planned once. SQLite has no arrays.
#[must_use]
pub fn is_among<V: Into<Value>>(backend: DbBackend, column: Expr, values: Vec<V>) -> Expr
where
    Vec<V>: Into<Value>,
{
    match backend {
        DbBackend::Postgres => column.eq(PgFunc::any(Expr::val(values))),
        _ => column.is_in(values),
    }
}
