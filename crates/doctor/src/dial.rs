//! Connections: TCP to a chosen address, and TLS where the URL says so.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, ServerName},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, lookup_host},
    time::timeout,
};
use tokio_rustls::TlsConnector;

use crate::{Target, Text, finding::text};

/// A connection, whatever it is made of.
pub(crate) type BoxedStream = Box<dyn Stream>;

pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Makes connections.
pub(crate) struct Dialer {
    /// Where the examined host is, whatever DNS says.
    address: Option<(String, IpAddr)>,
    tls: Arc<ClientConfig>,
    pub(crate) patience: Duration,
}

/// Why there is no connection, or no answer on it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    #[error("the name {0} does not resolve: {1}")]
    Resolve(String, io::Error),
    #[error("no connection to {0}: {1}")]
    Connect(String, io::Error),
    #[error("no TLS with {0}: {1}")]
    Tls(String, io::Error),
    #[error("no answer within {} s", .0.as_secs())]
    TooSlow(Duration),
    #[error("the answer is not HTTP, or broke off: {0}")]
    Http(String),
}

impl Trouble {
    /// In both languages.
    pub(crate) fn text(&self) -> Text {
        let chinese = match self {
            Self::Resolve(name, _) => format!("域名 {name} 无法解析"),
            Self::Connect(place, cause) => format!("无法连接 {place}：{cause}"),
            Self::Tls(place, cause) => format!("与 {place} 的 TLS 握手失败：{cause}"),
            Self::TooSlow(time) => format!("{} 秒内没有应答", time.as_secs()),
            Self::Http(cause) => format!("应答不是 HTTP，或中途断开：{cause}"),
        };
        text(self.to_string(), chinese)
    }

    /// What TLS says is wrong, if it is that.
    pub(crate) fn tls_error(&self) -> Option<&rustls::Error> {
        let Self::Tls(_, cause) = self else { return None };
        let inner = cause.get_ref()?;
        inner.downcast_ref().or_else(|| inner.source()?.downcast_ref())
    }
}

impl Dialer {
    pub(crate) fn new(
        target: &Target,
        address: Option<IpAddr>,
        tls: Arc<ClientConfig>,
        patience: Duration,
    ) -> Self {
        Self { address: address.map(|address| (target.host.clone(), address)), tls, patience }
    }

    /// Whether DNS is not asked.
    pub(crate) fn has_own_address(&self) -> bool {
        self.address.is_some()
    }

    /// The addresses of a host.
    pub(crate) async fn addresses(&self, target: &Target) -> Result<Vec<SocketAddr>, Trouble> {
        if let Some((host, address)) = &self.address
            && host.eq_ignore_ascii_case(&target.host)
        {
            return Ok(vec![SocketAddr::new(*address, target.port)]);
        }
        let looked_up = timeout(self.patience, lookup_host((target.host.as_str(), target.port))).await;
        let found = looked_up.map_err(|_| Trouble::TooSlow(self.patience))?;
        let mut addresses: Vec<_> =
            found.map_err(|cause| Trouble::Resolve(target.host.clone(), cause))?.collect();
        addresses.dedup();
        Ok(addresses)
    }

    /// TCP alone.
    pub(crate) async fn connect(&self, address: SocketAddr) -> Result<TcpStream, Trouble> {
        let connected = timeout(self.patience, TcpStream::connect(address)).await;
        let stream = connected.map_err(|_| Trouble::TooSlow(self.patience))?;
        let stream = stream.map_err(|cause| Trouble::Connect(address.to_string(), cause))?;
        // What is measured is small and answered: waiting for company would be measured, too.
        stream.set_nodelay(true).map_err(|cause| Trouble::Connect(address.to_string(), cause))?;
        Ok(stream)
    }

    /// Ready for HTTP: the first address that takes a connection, and TLS where the target has it.
    pub(crate) async fn dial(&self, target: &Target) -> Result<BoxedStream, Trouble> {
        let mut last = None;
        for address in self.addresses(target).await? {
            match self.connect(address).await {
                Ok(stream) if target.secure => {
                    let connector = TlsConnector::from(Arc::clone(&self.tls));
                    return Ok(Box::new(self.handshake(connector, target, stream).await?));
                }
                Ok(stream) => return Ok(Box::new(stream)),
                Err(trouble) => last = Some(trouble),
            }
        }
        let nowhere = || Trouble::Resolve(target.host.clone(), io::Error::other("it has no address"));
        Err(last.unwrap_or_else(nowhere))
    }

    /// TLS on a connection, with settings of one's own.
    pub(crate) async fn handshake(
        &self,
        connector: TlsConnector,
        target: &Target,
        stream: TcpStream,
    ) -> Result<tokio_rustls::client::TlsStream<TcpStream>, Trouble> {
        let failed = |cause| Trouble::Tls(target.authority().to_owned(), cause);
        let name =
            ServerName::try_from(target.host.clone()).map_err(|cause| failed(io::Error::other(cause)))?;
        let shaken = timeout(self.patience, connector.connect(name, stream)).await;
        shaken.map_err(|_| Trouble::TooSlow(self.patience))?.map_err(failed)
    }
}

/// The authorities that browsers trust, and those of the operator.
pub(crate) fn roots(own: &[CertificateDer<'static>]) -> RootCertStore {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    // What is no certificate was refused when it was read.
    roots.add_parsable_certificates(own.iter().cloned());
    roots
}

/// As SDKs do it: TLS 1.2 and 1.3, and the certificate must be right.
pub(crate) fn strict(roots: RootCertStore) -> Arc<ClientConfig> {
    let versions = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has what TLS 1.2 and 1.3 need");
    Arc::new(versions.with_root_certificates(roots).with_no_client_auth())
}
