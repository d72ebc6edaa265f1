//! Making a connection: TCP, with TLS where the URL says so.

use std::{io, sync::Arc};

use futures_util::future::BoxFuture;
use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
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

pub(crate) struct TcpDial {
    tls: Arc<ClientConfig>,
}

impl TcpDial {
    pub(crate) fn new(tls: Option<Arc<ClientConfig>>) -> Self {
        Self { tls: tls.unwrap_or_else(public_roots) }
    }
}

impl Dial for TcpDial {
    fn dial(&self, host: &str, port: u16, tls: bool) -> BoxFuture<'static, io::Result<BoxedStream>> {
        let (host, connector) = (host.to_owned(), TlsConnector::from(Arc::clone(&self.tls)));
        Box::pin(async move {
            let stream = TcpStream::connect((host.as_str(), port)).await?;
            // Commands are small and answered: waiting for company would only delay them.
            stream.set_nodelay(true)?;
            if !tls {
                return Ok(Box::new(stream) as BoxedStream);
            }
            let name = ServerName::try_from(host).map_err(io::Error::other)?;
            Ok(Box::new(connector.connect(name, stream).await?) as BoxedStream)
        })
    }
}

/// The certificate authorities that browsers trust. HTTP/1.1 only: WebSockets need it.
fn public_roots() -> Arc<ClientConfig> {
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth())
}
