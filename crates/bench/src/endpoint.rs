//! Where connections go: an address, an app, and whether through TLS.

use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock},
};

use anyhow::{Context, Result, ensure};
use rustls::{ClientConfig, pki_types::ServerName};
use serde::{Deserialize, Serialize};
use tokio::net::lookup_host;

use crate::tls::{self, Trust};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Endpoint {
    pub(crate) address: SocketAddr,
    pub(crate) url: String,
    pub(crate) app: String,
    /// With TLS.
    pub(crate) trust: Option<Trust>,
    /// Made at the first connection.
    #[serde(skip)]
    tls: OnceLock<Tls>,
}

#[derive(Debug, Clone)]
pub(crate) struct Tls {
    pub(crate) config: Arc<ClientConfig>,
    pub(crate) name: ServerName<'static>,
}

impl Endpoint {
    pub(crate) async fn find(url: &str, app: &str, own: Option<Trust>) -> Result<Self> {
        let uri: http::Uri = url.parse().with_context(|| format!("{url:?} is no URL"))?;
        let scheme = uri.scheme_str();
        ensure!(matches!(scheme, Some("ws" | "wss")), "{url:?} does not begin with ws:// or wss://");
        let trust = (scheme == Some("wss")).then(|| own.unwrap_or(Trust::Public));
        let host = host(&uri).with_context(|| format!("{url:?} names no host"))?;
        let port = uri.port_u16().unwrap_or(if trust.is_some() { 443 } else { 80 });
        let found: Option<SocketAddr> =
            lookup_host((host, port)).await.context("failed to find the server")?.next();
        let address = found.with_context(|| format!("{host} has no address"))?;
        Ok(Self { address, url: url.to_owned(), app: app.to_owned(), trust, tls: OnceLock::new() })
    }

    pub(crate) fn uri(&self) -> Result<http::Uri> {
        Ok(self.url.parse()?)
    }

    /// What a TLS connection needs, or `None` for a plain one.
    pub(crate) fn tls(&self) -> Result<Option<&Tls>> {
        let Some(trust) = &self.trust else { return Ok(None) };
        if self.tls.get().is_none() {
            let uri = self.uri()?;
            let name = tls::server_name(trust, host(&uri).unwrap_or_default())?;
            self.tls.set(Tls { config: tls::client(trust)?, name }).ok();
        }
        Ok(self.tls.get())
    }
}

fn host(uri: &http::Uri) -> Option<&str> {
    Some(uri.host()?.trim_start_matches('[').trim_end_matches(']'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_websocket_url_names_an_address() {
        for (url, expected, tls) in [
            ("ws://127.0.0.1:8080/", "127.0.0.1:8080", false),
            ("ws://127.0.0.1", "127.0.0.1:80", false),
            ("wss://127.0.0.1", "127.0.0.1:443", true),
            ("ws://[::1]:9/", "[::1]:9", false),
        ] {
            let found = Endpoint::find(url, "app", None).await.unwrap();
            assert_eq!(found.address.to_string(), expected);
            assert_eq!(found.tls().unwrap().is_some(), tls, "{url}");
        }
        for url in ["http://127.0.0.1/", "127.0.0.1:8080", ""] {
            assert!(Endpoint::find(url, "app", None).await.is_err(), "{url}");
        }
    }
}
