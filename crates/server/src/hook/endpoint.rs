//! One call over HTTP: built, sent, and its answer read within bounds.

use std::{net::IpAddr, time::Duration};

use bytes::Bytes;
use grandstand_protocol::AppId;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url, header::CONTENT_TYPE, redirect};
use rustls::crypto::ring;
use serde_json::{Value, json};
use sha2::Sha256;
use tracing::error;

use super::{
    name::Hook,
    settings::{HookSettings, Target},
};
use crate::{
    apps::{App, Secret},
    clock::Clock,
};

/// Bytes of an answer. What hooks say is short; more is a mistake or an attack.
const ANSWER: usize = 64 * 1024;
/// Bytes of the list of an engine's functions.
const FUNCTIONS: usize = 1024 * 1024;
/// Idle connections go before Node's own five seconds: a request must not meet a connection that is closing.
const IDLE: Duration = Duration::from_secs(4);

/// Where an app's hooks go, and the connections there.
#[derive(Debug)]
pub(super) struct Endpoint {
    app: AppId,
    key: Secret,
    master_key: Secret,
    pub(super) settings: HookSettings,
    clock: Clock,
    /// `None` when it could not be made; the log says why.
    client: Option<Client>,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CallError {
    /// No connection, or it broke.
    Unreachable,
    Timeout,
    Redirected,
    /// The engine has no such function (404).
    Absent,
    /// The function threw, or the keys are wrong: any other status of 400 to 499, or 500 and more with an error in
    /// JSON, as engines tell it.
    Refused,
    /// 500 and more without words.
    Failed,
    TooLarge,
    Malformed,
    /// All places of `concurrency` were taken for as long as a call may take.
    Busy,
    /// The breaker is open.
    Paused,
}

impl CallError {
    /// Its name in figures and the log.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::Redirected => "redirected",
            Self::Absent => "absent",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::TooLarge => "too_large",
            Self::Malformed => "malformed",
            Self::Busy => "busy",
            Self::Paused => "paused",
        }
    }

    /// Whether it speaks against the target as a whole, and not against this call. Were a function that throws to
    /// count, whoever finds a message at which it does could have all hooks left alone.
    pub(super) fn counts_against_target(self) -> bool {
        match self {
            Self::Unreachable | Self::Timeout | Self::Redirected | Self::Failed | Self::TooLarge => true,
            Self::Absent | Self::Refused | Self::Malformed | Self::Busy | Self::Paused => false,
        }
    }
}

impl Endpoint {
    pub(super) fn new(app: &App, settings: &HookSettings, clock: Clock) -> Self {
        Self {
            app: app.id.clone(),
            key: app.key.clone(),
            master_key: app.master_key.clone(),
            settings: settings.clone(),
            clock,
            client: client(settings),
        }
    }

    pub(super) fn app_name(&self) -> &str {
        self.app.as_str()
    }

    /// Whether it was made for the app as it is now.
    pub(super) fn serves(&self, app: &App) -> bool {
        app.hooks.as_ref() == Some(&self.settings) && app.key == self.key && app.master_key == self.master_key
    }

    /// The bytes that carry an event.
    pub(super) fn body(&self, hook: Hook, mut parameters: Value) -> Bytes {
        if let (Target::Webhook { .. }, Some(fields)) = (&self.settings.target, parameters.as_object_mut()) {
            fields.insert("event".to_owned(), hook.event().into());
            fields.insert("app".to_owned(), self.app.as_str().into());
        }
        Bytes::from(parameters.to_string())
    }

    /// Calls a hook. `Ok(Value::Null)` is "no opinion". Takes as long as the target likes: the caller sets the limit.
    pub(super) async fn call(
        &self,
        hook: Hook,
        body: Bytes,
        address: Option<IpAddr>,
    ) -> Result<Value, CallError> {
        let client = self.client.as_ref().ok_or(CallError::Unreachable)?;
        let request = match &self.settings.target {
            Target::Engine { url, hook_key } => {
                let request = client.post(function(url, hook.function()));
                let request = request.header("X-LC-Id", self.app.as_str());
                let request = request.header("X-LC-Key", self.key.reveal()).header("X-LC-Prod", "1");
                request.header("X-LC-Hook-Key", hook_key.reveal())
            }
            Target::Webhook { url, secret, .. } => {
                let timestamp = (self.clock.wall().0 / 1000).to_string();
                signed(client.post(url.clone()), secret, &timestamp, &body)
            }
        };
        let request = match address {
            Some(address) => request.header("X-Real-IP", address.to_string()),
            None => request,
        };
        let request = request.header(CONTENT_TYPE, "application/json").body(body);
        let answer = self.answer(request, ANSWER).await?;
        match &self.settings.target {
            Target::Engine { .. } => result(&answer),
            Target::Webhook { .. } if answer.is_empty() => Ok(Value::Null),
            Target::Webhook { .. } => serde_json::from_slice(&answer).map_err(|_| CallError::Malformed),
        }
    }

    /// What a webhook was configured for. An engine says by itself which hooks it has.
    pub(super) fn wanted(&self) -> Option<&[Hook]> {
        match &self.settings.target {
            Target::Engine { .. } => None,
            Target::Webhook { events, .. } => Some(events),
        }
    }

    /// Which hooks the engine says that it has.
    pub(super) async fn functions(&self) -> Result<Vec<Hook>, CallError> {
        let (Target::Engine { url, .. } | Target::Webhook { url, .. }) = &self.settings.target;
        let url = function(url, "_ops/metadatas");
        let client = self.client.as_ref().ok_or(CallError::Unreachable)?;
        let request = client.get(url).header("X-LC-Id", self.app.as_str()).header("X-LC-Prod", "1");
        // The older header is the only one that the C# engine knows.
        let (master_key, by_master) =
            (self.master_key.reveal(), format!("{},master", self.master_key.reveal()));
        let request = request.header("X-LC-Key", by_master).header("X-AVOSCloud-Master-Key", master_key);
        let answer = self.answer(request, FUNCTIONS).await?;
        let Value::Array(names) = result(&answer)? else { return Err(CallError::Malformed) };
        let is_named = |hook: &Hook| names.iter().any(|name| name.as_str() == Some(hook.function()));
        Ok(Hook::ALL.into_iter().filter(is_named).collect())
    }

    async fn answer(&self, request: RequestBuilder, limit: usize) -> Result<Vec<u8>, CallError> {
        let broken = |error: reqwest::Error| match error.is_timeout() {
            true => CallError::Timeout,
            false => CallError::Unreachable,
        };
        let response = request.send().await.map_err(broken)?;
        let status = response.status();
        if status.is_success() {
            return read(response, limit).await;
        }
        Err(match status {
            _ if status.is_redirection() => CallError::Redirected,
            StatusCode::NOT_FOUND => CallError::Absent,
            _ if status.is_client_error() || tells_error(response).await => CallError::Refused,
            _ => CallError::Failed,
        })
    }
}

fn client(settings: &HookSettings) -> Option<Client> {
    // Fails when there is one already, which does as well.
    let _ = ring::default_provider().install_default();
    let (Target::Engine { url, .. } | Target::Webhook { url, .. }) = &settings.target;
    let builder = match url.scheme() {
        "https" => Client::builder(),
        // Nothing is followed elsewhere. With the system's certificates, whoever has none could not even do this.
        _ => Client::builder().tls_backend_preconfigured(trusting_nobody()),
    };
    let builder = builder
        .connect_timeout(settings.connect_timeout)
        .redirect(redirect::Policy::none())
        .no_proxy()
        .http1_only()
        .referer(false)
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(settings.concurrency + settings.workers);
    builder.build().inspect_err(|error| error!(%error, "could not prepare the calls of hooks")).ok()
}

fn trusting_nobody() -> rustls::ClientConfig {
    rustls::ClientConfig::builder()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth()
}

/// The address of a function. The engine's URL may have a path of its own.
fn function(engine: &Url, name: &str) -> Url {
    let mut url = engine.clone();
    let path = format!("{}/1.1/functions/{name}", engine.path().trim_end_matches('/'));
    url.set_path(&path);
    url
}

fn signed(request: RequestBuilder, secret: &Secret, timestamp: &str, body: &[u8]) -> RequestBuilder {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret.reveal().as_bytes()).expect("HMAC takes keys of any length");
    mac.update(timestamp.as_bytes());
    mac.update(b".");
    mac.update(body);
    let signature = format!("sha256={}", hexadecimal(&mac.finalize().into_bytes()));
    request.header("X-Grandstand-Timestamp", timestamp).header("X-Grandstand-Signature", signature)
}

/// Whether it is an engine that speaks of an error, and not something before it that found none.
async fn tells_error(response: Response) -> bool {
    let body = read(response, ANSWER).await.unwrap_or_default();
    matches!(serde_json::from_slice(&body), Ok(Value::Object(_)))
}

async fn read(mut response: Response, limit: usize) -> Result<Vec<u8>, CallError> {
    let announced = response.content_length().unwrap_or(0);
    if announced > limit as u64 {
        return Err(CallError::TooLarge);
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|_| CallError::Unreachable)? {
        if body.len() + chunk.len() > limit {
            return Err(CallError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// What stands under `result`; missing counts as null.
fn result(answer: &[u8]) -> Result<Value, CallError> {
    match serde_json::from_slice(answer) {
        Ok(Value::Object(mut fields)) => Ok(fields.get_mut("result").map_or(json!(null), Value::take)),
        _ => Err(CallError::Malformed),
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_stands_behind_the_engines_own_path() {
        for (engine, address) in [
            ("http://127.0.0.1:3000", "http://127.0.0.1:3000/1.1/functions/_messageSent"),
            ("https://engine.example.com/", "https://engine.example.com/1.1/functions/_messageSent"),
            ("https://example.com/engine/", "https://example.com/engine/1.1/functions/_messageSent"),
        ] {
            assert_eq!(function(&engine.parse().unwrap(), "_messageSent").as_str(), address);
        }
    }

    #[test]
    fn a_result_may_be_missing() {
        assert_eq!(result(br#"{"result":{"drop":true}}"#), Ok(json!({ "drop": true })));
        assert_eq!(result(b"{}"), Ok(Value::Null));
        assert_eq!(result(b"[]"), Err(CallError::Malformed));
        assert_eq!(result(b""), Err(CallError::Malformed));
        assert_eq!(result(b"<html>"), Err(CallError::Malformed));
    }
}
