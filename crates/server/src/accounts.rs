//! Whose session token it is: asked of the server that has the app's user accounts.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex, PoisonError},
    time::Duration,
};

use grandstand_protocol::{AppId, ClientId};
use reqwest::{Client, Response, Url, header::ACCEPT, redirect};
use rustls::crypto::ring;
use serde_json::Value;
use tokio::sync::Semaphore;
use tracing::{error, warn};

use crate::apps::App;

/// Bytes of an answer: a user with all its columns.
const ANSWER: usize = 64 * 1024;
/// Bytes of a session token; LeanCloud's have 25.
const TOKEN: usize = 4 * 1024;
/// Questions of one app under way at one time; more wait within their time.
const AT_ONCE: usize = 64;
/// Idle connections go before Node's own five seconds: a request must not meet a connection that is closing.
const IDLE: Duration = Duration::from_secs(4);

/// Where an app's accounts are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountSettings {
    pub url: Url,
    /// For the whole question.
    pub timeout: Duration,
}

/// Why it is not known whose token it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AccountError {
    /// The accounts do not know it.
    Unknown,
    /// They did not answer, or not as they should; the log says more.
    Unavailable,
}

/// Who a token belongs to.
#[derive(Debug)]
pub(crate) struct User {
    pub(crate) client: ClientId,
    /// As the accounts have it.
    pub(crate) data: Value,
}

/// Asks.
#[derive(Debug)]
pub(crate) struct Accounts {
    places: Mutex<HashMap<AppId, Arc<Semaphore>>>,
    /// Made at first use; `None` when it could not be made.
    client: LazyLock<Option<Client>>,
}

impl Default for Accounts {
    fn default() -> Self {
        Self { places: Mutex::default(), client: LazyLock::new(client) }
    }
}

impl Accounts {
    /// Whose session token of the app's accounts this is.
    pub(crate) async fn whose(
        &self,
        app: &App,
        settings: &AccountSettings,
        token: &str,
    ) -> Result<User, AccountError> {
        let is_plausible = token.len() <= TOKEN && token.bytes().all(|byte| byte.is_ascii_graphic());
        if token.is_empty() || !is_plausible {
            return Err(AccountError::Unknown);
        }
        let asked = tokio::time::timeout(settings.timeout, self.ask(app, settings, token)).await;
        asked.unwrap_or_else(|_| {
            warn!(app = app.id.as_str(), "the accounts did not answer in time");
            Err(AccountError::Unavailable)
        })
    }

    /// Each app has its own: accounts that hang hold up nobody else's.
    fn places(&self, app: &AppId) -> Arc<Semaphore> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let of_app = places.entry(app.clone()).or_insert_with(|| Arc::new(Semaphore::new(AT_ONCE)));
        Arc::clone(of_app)
    }

    async fn ask(&self, app: &App, settings: &AccountSettings, token: &str) -> Result<User, AccountError> {
        let unavailable = |cause: &str| {
            warn!(app = app.id.as_str(), cause, "the accounts could not be asked");
            AccountError::Unavailable
        };
        let places = self.places(&app.id);
        let _place = places.acquire().await.map_err(|_| AccountError::Unavailable)?;
        let client = self.client.as_ref().ok_or(AccountError::Unavailable)?;
        let request = client.get(settings.url.clone()).header(ACCEPT, "application/json");
        let request = request.header("X-LC-Id", app.id.as_str()).header("X-LC-Key", app.key.reveal());
        let response = request.header("X-LC-Session", token).send().await;
        let response = response.map_err(|_| unavailable("no connection"))?;
        let status = response.status();
        // As LeanCloud's own accounts say that there is no such session, among others.
        if [400, 401, 403, 404].contains(&status.as_u16()) {
            return Err(AccountError::Unknown);
        }
        if !status.is_success() {
            return Err(unavailable(status.as_str()));
        }
        let body = read(response).await.ok_or_else(|| unavailable("the answer broke off or is too large"))?;
        let data: Value = serde_json::from_slice(&body).map_err(|_| unavailable("the answer is no JSON"))?;
        // Users write columns of their own in LeanCloud's storage: only what the server fills says who they are.
        let client = ["objectId", "client_id"].into_iter().find_map(|name| data.get(name)?.as_str());
        let client = client.and_then(|id| ClientId::new(id).ok());
        let client = client.ok_or_else(|| unavailable("the answer has no objectId or client_id"))?;
        Ok(User { client, data })
    }
}

async fn read(mut response: Response) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.ok()? {
        if body.len() + chunk.len() > ANSWER {
            return None;
        }
        body.extend_from_slice(&chunk);
    }
    Some(body)
}

fn client() -> Option<Client> {
    // A second time changes nothing.
    let _ = ring::default_provider().install_default();
    let built =
        Client::builder().redirect(redirect::Policy::none()).no_proxy().pool_idle_timeout(IDLE).build();
    built.inspect_err(|error| error!(%error, "the client for accounts could not be made")).ok()
}
