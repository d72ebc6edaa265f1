//! Making a connection: TCP, with TLS where the URL says so.

use std::{
    io,
    sync::{Arc, OnceLock},
};

use futures_util::future::BoxFuture;
use rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

/// A connection to the server, whatever it is made of.
pub type BoxedStream = Box<dyn Stream>;

/// What a connection must be able to do.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Makes connections; the seam for proxies, Unix sockets and tests. The default dials TCP and TLS.
pub trait Dial: Send + Sync + 'static {
    /// Connects to `host` and `port`, ready for HTTP; with `tls`, the handshake with `host` is done.
    ///
    /// # Errors
    /// What the system says; the client counts it as a failed attempt and tries again later.
    fn dial(&self, host: &str, port: u16, tls: bool) -> BoxFuture<'static, io::Result<BoxedStream>>;
}

/// The default: TCP, and TLS with the given settings or the public authorities.
pub(crate) struct TcpDial(pub(crate) Option<Arc<ClientConfig>>);

impl Dial for TcpDial {
    fn dial(&self, host: &str, port: u16, tls: bool) -> BoxFuture<'static, io::Result<BoxedStream>> {
        let host = host.to_owned();
        let connector = tls.then(|| TlsConnector::from(self.0.clone().unwrap_or_else(public_roots)));
        Box::pin(async move {
            let stream = TcpStream::connect((host.as_str(), port)).await?;
            // Commands are small and answered: waiting for company would only delay them.
            stream.set_nodelay(true)?;
            let Some(connector) = connector else { return Ok(Box::new(stream) as BoxedStream) };
            let name = ServerName::try_from(host).map_err(io::Error::other)?;
            Ok(Box::new(connector.connect(name, stream).await?) as BoxedStream)
        })
    }
}

/// The certificate authorities that browsers trust. The provider is named, because a program that contains two of them
/// has no default.
fn public_roots() -> Arc<ClientConfig> {
    static CONFIG: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    let make = || {
        let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let versions = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring has what TLS 1.2 and 1.3 need");
        Arc::new(versions.with_root_certificates(roots).with_no_client_auth())
    };
    Arc::clone(CONFIG.get_or_init(make))
}
