//! The log on standard error, whose level a reload changes.

use std::io::{self, IsTerminal};

use tracing_subscriber::{EnvFilter, Registry, fmt, layer::SubscriberExt, reload, util::SubscriberInitExt};

/// Changes the level of the running log.
pub(super) struct LogLevel(reload::Handle<EnvFilter, Registry>);

/// Starts the log. The filter was checked with the configuration.
pub(super) fn start(filter: &str) -> LogLevel {
    let (filter, handle) = reload::Layer::new(EnvFilter::new(filter));
    let lines = fmt::layer().with_writer(io::stderr).with_ansi(io::stderr().is_terminal());
    tracing_subscriber::registry().with(filter).with(lines).init();
    LogLevel(handle)
}

impl LogLevel {
    pub(super) fn set(&self, filter: &str) {
        // Fails only when the log is gone, and then there is nobody to tell.
        let _ = self.0.reload(EnvFilter::new(filter));
    }
}
