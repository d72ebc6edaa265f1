//! The comparison: the app's side of a recording is said again, to another server, and what that answers is compared.

mod call;
mod difference;
mod field;
mod known;
mod link;
mod made;
mod names;
mod replay;
mod report;
mod sign;
mod stage;
mod translate;

use std::{io, time::Duration};

use http::{Method, Uri};

use crate::{
    BadUrl, Server,
    recording::{Recording, Unreadable},
};

pub use self::{
    difference::{Difference, Kind},
    known::Known,
    report::{KnownCount, Report, Skipped},
};

/// With what a recording is compared.
#[derive(Debug, Clone)]
pub struct Settings {
    pub to: Server,
    pub app: String,
    /// Signs what was signed, and makes the calls that were made with it.
    pub master_key: Option<String>,
    /// Makes the calls that were made with it.
    pub app_key: Option<String>,
    /// Fields that do not count, by name or by path.
    pub ignore: Vec<String>,
    /// How long a reply or a push is waited for.
    pub wait: Duration,
    /// Leave the pauses that there were: for rules that go by time.
    pub keep_pauses: bool,
}

/// Why nothing is compared.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    #[error("{0}")]
    Unreadable(#[from] Unreadable),
    #[error("cannot reach {server}: {cause}")]
    Unreachable { server: String, cause: io::Error },
    #[error(
        "{server} does not say where to connect (/v1/route answers {status}); is it a Grandstand server, and has it the app {app}?"
    )]
    NoRoute { server: String, app: String, status: u16 },
    #[error("{server} says to connect where that cannot be: {cause}")]
    BadRoute { server: String, cause: BadUrl },
}

/// Says the app's side of a recording again. `progress` hears of each line that is done.
///
/// # Errors
/// [`CompareError`] when the server cannot be found. What goes wrong later stands in the report.
pub async fn run(
    recording: &Recording,
    settings: Settings,
    progress: impl FnMut(usize),
) -> Result<Report, CompareError> {
    let socket = socket_of(&settings).await?;
    Ok(replay::Replay::new(recording, settings, socket).run(progress).await)
}

/// Where to connect, asked as SDKs ask.
async fn socket_of(settings: &Settings) -> Result<Server, CompareError> {
    let server = &settings.to;
    if server.is_web_socket() {
        return Ok(server.clone());
    }
    let path = format!("/v1/route?appId={}&secure=1", call::encoded(&settings.app));
    let path: Uri = path.parse().unwrap_or_else(|_| Uri::from_static("/v1/route"));
    let asked = call::Asked { method: Method::GET, path, headers: Vec::new(), body: None };
    let unreachable = |cause| CompareError::Unreachable { server: server.to_string(), cause };
    let (status, body) = call::ask(server, asked).await.map_err(unreachable)?;
    let answer: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    let Some(address) = answer.get("server").and_then(serde_json::Value::as_str) else {
        return Err(CompareError::NoRoute { server: server.to_string(), app: settings.app.clone(), status });
    };
    server.named(address).map_err(|cause| CompareError::BadRoute { server: server.to_string(), cause })
}
