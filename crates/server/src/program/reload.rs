//! SIGHUP: apps, certificates and the log level are read again; the rest waits for the next start.

use std::{fs::DirBuilder, os::unix::fs::DirBuilderExt, sync::Arc};

use tracing::{error, info, warn};

use super::{development_app, failure::Failure, log::LogLevel};
use crate::{
    apps::{App, Apps, AppsHandle},
    config::{Config, Sources},
    gateway::tls::Certificate,
};

/// What a reload may change.
pub(super) struct Reload {
    pub(super) sources: Sources,
    /// As the server was started.
    pub(super) started_with: Arc<Config>,
    /// Whether it was started without an app, and so with the development app.
    pub(super) development: bool,
    pub(super) apps: AppsHandle,
    pub(super) certificate: Option<Arc<Certificate>>,
    pub(super) log: LogLevel,
}

/// Reads the configuration, with the development app if it has none (and then `true`). Makes the data folder, which
/// is for this user alone.
pub(super) fn load_config(sources: &Sources) -> Result<(Config, bool), Failure> {
    let mut config = Config::load(sources)?;
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&config.data)
        .map_err(|cause| Failure::Data { path: config.data.clone(), cause })?;
    let development = config.apps.is_empty();
    if development {
        config.apps.push(development_app::load(&config.data)?);
    }
    Ok((config, development))
}

impl Reload {
    /// Takes over a changed configuration, or keeps the old one whole and says why.
    pub(super) fn run(&self) {
        match self.try_run() {
            Ok(apps) => info!(apps, "configuration reloaded"),
            Err(failure) => {
                error!("the configuration was not reloaded, the old one stays");
                failure.to_string().lines().for_each(|line| error!("{line}"));
            }
        }
    }

    fn try_run(&self) -> Result<usize, Failure> {
        let (config, _) = load_config(&self.sources)?;
        if let (Some(certificate), Some(files)) = (&self.certificate, &config.tls) {
            certificate.reload(files)?;
        }
        if without_reloadable(&config) != without_reloadable(&self.started_with) {
            warn!(
                "some changed keys take effect at the next start: only apps, certificates and log are reloaded"
            );
        }
        self.log.set(&config.log);
        let count = config.apps.len();
        log_apps(&config.apps);
        self.apps.replace(Apps::new(config.apps));
        Ok(count)
    }
}

/// Which apps are served, by id and the name that people know.
pub(super) fn log_apps(apps: &[App]) {
    for app in apps {
        info!(id = %app.id, name = app.name.as_deref().unwrap_or_default(), "serving an app");
    }
}

fn without_reloadable(config: &Config) -> Config {
    let mut rest = Config { apps: Vec::new(), log: String::new(), ..config.clone() };
    if let Some(tls) = &mut rest.tls {
        tls.certificate.clear();
        tls.private_key.clear();
    }
    rest
}
