//! Logs: readable on a terminal, one JSON object a line elsewhere. They go to standard error and hold ids, never names or notes.

use crate::config::LogFormat;
use std::io::IsTerminal;
use tracing_subscriber::{EnvFilter, fmt};

/// What is logged where `RUST_LOG` says nothing.
const DEFAULT: &str = "info,fred=error,sqlx=warn,sea_orm_migration=warn";

/// Begins to log. The first call in a process counts.
pub fn start(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(DEFAULT));
    let builder = fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let is_json = match format {
        LogFormat::Auto => !std::io::stderr().is_terminal(),
        LogFormat::Text => false,
        LogFormat::Json => true,
    };
    // A second subscriber is refused, which is what the second call is for.
    let _ = if is_json {
        builder.json().flatten_event(true).with_current_span(false).with_span_list(true).try_init()
    } else {
        builder.with_target(false).try_init()
    };
}
