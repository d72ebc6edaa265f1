//! Certificates that are right, and some that are wrong in one way.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, date_time_ymd,
};
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer},
};

/// The name under which the deployments are examined.
pub(crate) const NAME: &str = "chat.example.com";

/// What the proxy shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    Good,
    Expired,
    ExpiresSoon,
    OtherName,
    SelfSigned,
}

/// TLS settings of the proxy, and the authority's certificate as PEM.
pub(crate) fn make(shown: Shown) -> (Arc<ServerConfig>, String) {
    let mut authority = CertificateParams::new(Vec::<String>::new()).unwrap();
    authority.distinguished_name = called("Test authority");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate().unwrap();
    let pem = authority.self_signed(&authority_key).unwrap().pem();
    let issuer = Issuer::new(authority, authority_key);

    let name = if shown == Shown::OtherName { "other.example" } else { NAME };
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.distinguished_name = called(name);
    match shown {
        Shown::Expired => params.not_after = date_time_ymd(2020, 1, 31),
        Shown::ExpiresSoon => {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
            params.not_after = date_time_ymd(1970, 1, 1) + now + Duration::from_secs(9 * 24 * 3600 + 3600);
        }
        Shown::Good | Shown::OtherName | Shown::SelfSigned => {}
    }
    let key = KeyPair::generate().unwrap();
    let made =
        if shown == Shown::SelfSigned { params.self_signed(&key) } else { params.signed_by(&key, &issuer) };
    let chain = vec![CertificateDer::from(made.unwrap().der().to_vec())];
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    (Arc::new(config), pem)
}

fn called(name: &str) -> DistinguishedName {
    let mut called = DistinguishedName::new();
    called.push(DnType::CommonName, name);
    called
}
