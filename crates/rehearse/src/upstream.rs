//! Connections to the server that is recorded or compared.

use std::{
    fmt, io,
    sync::{Arc, OnceLock},
    time::Duration,
};

use http::{HeaderValue, Uri, uri::PathAndQuery};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, ServerName},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;

/// TCP and TLS together.
const CONNECT: Duration = Duration::from_secs(15);

/// A connection, whatever it is made of.
pub(crate) type BoxedStream = Box<dyn Stream>;

/// What a connection must be able to do.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Not a URL of a server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no URL of a server: it begins with http://, https://, ws:// or wss://, and holds no password"
)]
pub struct BadUrl(pub String);

/// A server: scheme, host and port. Of WebSocket URLs, the path counts too.
#[derive(Debug, Clone)]
pub struct Server {
    host: String,
    port: u16,
    tls: bool,
    web_socket: bool,
    uri: Uri,
    /// Whom certificates may come from, if not only from public authorities.
    trust: Option<Arc<ClientConfig>>,
}

impl Server {
    /// Reads a URL.
    ///
    /// # Errors
    /// [`BadUrl`] when it is none of the four schemes.
    pub fn parse(text: &str) -> Result<Self, BadUrl> {
        let bad = || BadUrl(text.chars().take(200).collect());
        let uri: Uri = text.parse().map_err(|_| bad())?;
        let (tls, web_socket) = match uri.scheme_str() {
            Some("http") => (false, false),
            Some("https") => (true, false),
            Some("ws") => (false, true),
            Some("wss") => (true, true),
            _ => return Err(bad()),
        };
        let authority = uri.authority().ok_or_else(bad)?;
        if authority.as_str().contains('@') || authority.host().is_empty() {
            return Err(bad());
        }
        // Sockets and certificates know IPv6 addresses without brackets.
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
        Ok(Self { host, port, tls, web_socket, uri, trust: None })
    }

    /// The same, whose certificate may also come from one of these authorities.
    #[must_use]
    pub fn trusting(self, own: Vec<CertificateDer<'static>>) -> Self {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        roots.add_parsable_certificates(own);
        Self { trust: Some(config(roots)), ..self }
    }

    /// A server that this one names, trusted like this one.
    pub(crate) fn named(&self, url: &str) -> Result<Self, BadUrl> {
        Ok(Self { trust: self.trust.clone(), ..Self::parse(url)? })
    }

    /// Whether the URL is that of a WebSocket, so that nobody has to be asked for one.
    #[must_use]
    pub fn is_web_socket(&self) -> bool {
        self.web_socket
    }

    /// The path with which a WebSocket URL ends.
    pub(crate) fn path(&self) -> PathAndQuery {
        self.uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"))
    }

    /// The same with what somebody adds to it.
    pub(crate) fn path_with(&self, more: Option<&str>) -> PathAndQuery {
        let path = self.path();
        let joined = more.map(|more| {
            let separator = if path.query().is_some() { '&' } else { '?' };
            format!("{path}{separator}{more}")
        });
        joined.and_then(|joined| joined.parse().ok()).unwrap_or(path)
    }

    /// Host and port as in the URL.
    pub(crate) fn authority(&self) -> &str {
        self.uri.authority().map_or("", |authority| authority.as_str())
    }

    /// For the `Host` header.
    pub(crate) fn host_header(&self) -> HeaderValue {
        HeaderValue::from_str(self.authority()).unwrap_or_else(|_| HeaderValue::from_static("invalid"))
    }

    /// The URL of a WebSocket at this path.
    pub(crate) fn web_socket_url(&self, path: &PathAndQuery) -> String {
        let scheme = if self.tls { "wss" } else { "ws" };
        format!("{scheme}://{}{path}", self.authority())
    }

    /// Connects, over TLS where the URL says so.
    pub(crate) async fn connect(&self) -> io::Result<BoxedStream> {
        timeout(CONNECT, self.dial()).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    async fn dial(&self) -> io::Result<BoxedStream> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        stream.set_nodelay(true)?;
        if !self.tls {
            return Ok(Box::new(stream));
        }
        let trust = self.trust.clone().unwrap_or_else(public_authorities);
        let name = ServerName::try_from(self.host.clone()).map_err(io::Error::other)?;
        Ok(Box::new(TlsConnector::from(trust).connect(name, stream).await?))
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.uri.scheme_str().unwrap_or_default(), self.authority())
    }
}

/// The certificate authorities that browsers trust.
fn public_authorities() -> Arc<ClientConfig> {
    static CONFIG: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    let roots = || RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    Arc::clone(CONFIG.get_or_init(|| config(roots())))
}

/// The provider is named, because a program that contains two of them has no default.
fn config(roots: RootCertStore) -> Arc<ClientConfig> {
    let versions = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has what TLS 1.2 and 1.3 need");
    Arc::new(versions.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<(&str, u16, bool, bool)>) {
        let parsed = Server::parse(text).ok();
        let parsed = parsed.as_ref().map(|s| (s.host.as_str(), s.port, s.tls, s.web_socket));
        assert_eq!(parsed, expected, "{text}");
    }

    #[test]
    fn a_server_is_a_url_without_password() {
        check("http://127.0.0.1:8080/", Some(("127.0.0.1", 8080, false, false)));
        check("https://abc.lc-cn-n1-shared.com", Some(("abc.lc-cn-n1-shared.com", 443, true, false)));
        check("wss://[::1]/socket?a=b", Some(("::1", 443, true, true)));
        check("ws://host:1", Some(("host", 1, false, true)));
        for text in ["", "host:80", "ftp://host", "http://", "http://user:secret@host/", "/v1/route"] {
            check(text, None);
        }
    }
}
