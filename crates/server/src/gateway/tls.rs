//! TLS of the public port: the certificate as it is now, replaced by a reload without touching connections.

use std::{io, path::PathBuf, sync::Arc};

use arc_swap::ArcSwap;
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject},
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::config::Tls;

/// Why TLS cannot be offered. The text names the file.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("cannot read the {what} {}: {cause}", path.display())]
    Unreadable { what: &'static str, path: PathBuf, cause: pem::Error },
    #[error("{} holds no certificate: a PEM file with BEGIN CERTIFICATE is needed", .0.display())]
    NoCertificate(PathBuf),
    #[error("the private key {} does not belong to the certificate {}", key.display(), certificate.display())]
    Mismatch { certificate: PathBuf, key: PathBuf },
    #[error("cannot use the certificate {} with the key {}: {cause}", certificate.display(), key.display())]
    Unusable { certificate: PathBuf, key: PathBuf, cause: rustls::Error },
}

/// The certificate in use.
#[derive(Debug)]
pub struct Certificate(ArcSwap<ServerConfig>);

impl Certificate {
    /// Reads certificate chain and key.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn load(files: &Tls) -> Result<Self, TlsError> {
        Ok(Self(ArcSwap::new(read(files)?)))
    }

    /// Reads the files again; new connections get the new certificate. After an error the old one stays.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn reload(&self, files: &Tls) -> Result<(), TlsError> {
        self.0.store(read(files)?);
        Ok(())
    }

    /// # Errors
    /// What the client did wrong.
    pub async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        TlsAcceptor::from(self.0.load_full()).accept(stream).await
    }
}

fn read(files: &Tls) -> Result<Arc<ServerConfig>, TlsError> {
    let Tls { certificate, private_key: key } = files.clone();
    let chain: Vec<_> = CertificateDer::pem_file_iter(&certificate)
        .and_then(Iterator::collect)
        .map_err(|cause| TlsError::Unreadable { what: "certificate", path: certificate.clone(), cause })?;
    if chain.is_empty() {
        return Err(TlsError::NoCertificate(certificate));
    }
    let secret = PrivateKeyDer::from_pem_file(&key).map_err(|cause| TlsError::Unreadable {
        what: "private key",
        path: key.clone(),
        cause,
    })?;
    configure(chain, secret).map(Arc::new).map_err(|cause| match cause {
        rustls::Error::InconsistentKeys(_) => TlsError::Mismatch { certificate, key },
        cause => TlsError::Unusable { certificate, key, cause },
    })
}

fn configure(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<ServerConfig, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // Tickets let clients that all return at once resume cheaply, and keep nothing in this process.
    config.ticketer = ring::Ticketer::new()?;
    Ok(config)
}
