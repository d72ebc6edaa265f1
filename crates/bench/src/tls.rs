//! TLS of the load: a certificate for the server that the tool starts, and whom its connections trust.

use std::{fs, path::Path, sync::Arc};

use anyhow::{Context, Result};
use rustls::{
    ClientConfig, RootCertStore,
    client::Resumption,
    crypto::ring,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use serde::{Deserialize, Serialize};

/// The name in the tool's own certificate.
pub(crate) const OWN_NAME: &str = "localhost";

/// Whose word is taken for who a server is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Trust {
    /// The authorities that browsers trust.
    Public,
    /// This certificate (PEM) and no other.
    Only(String),
}

/// Files of a certificate of the tool's own.
#[derive(Debug)]
pub(crate) struct Issued {
    pub(crate) certificate: std::path::PathBuf,
    pub(crate) private_key: std::path::PathBuf,
    pub(crate) trust: Trust,
}

/// Makes a certificate with its key, as files in the folder.
pub(crate) fn issue(folder: &Path) -> Result<Issued> {
    let made = rcgen::generate_simple_self_signed(vec![OWN_NAME.to_owned()])
        .context("failed to make a certificate")?;
    let (certificate, private_key) = (folder.join("bench-cert.pem"), folder.join("bench-key.pem"));
    fs::write(&certificate, made.cert.pem()).context("failed to write the certificate")?;
    fs::write(&private_key, made.signing_key.serialize_pem()).context("failed to write the key")?;
    Ok(Issued { certificate, private_key, trust: Trust::Only(made.cert.pem()) })
}

/// No session is resumed: each connection costs what the first one of a phone costs.
pub(crate) fn client(trust: &Trust) -> Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    match trust {
        Trust::Public => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Trust::Only(pem) => {
            let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).context("no certificate")?;
            roots.add(certificate).context("a certificate that cannot be trusted")?;
        }
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

/// The name that the server's certificate must have.
pub(crate) fn server_name(trust: &Trust, host: &str) -> Result<ServerName<'static>> {
    let name = match trust {
        Trust::Public => host,
        Trust::Only(_) => OWN_NAME,
    };
    Ok(ServerName::try_from(name.to_owned())?)
}
