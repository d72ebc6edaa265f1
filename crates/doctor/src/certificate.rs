//! TLS and the certificate: chain, name, expiry, versions.
//!
//! No certificate is taken apart here: the verifier that SDKs' platforms are compared with is asked at different times, and
//! what it answers holds the dates and names. That spares a parser of its own, and the time to build one.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, ProtocolVersion, RootCertStore, SignatureScheme,
    SupportedProtocolVersion,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
    version::{TLS12, TLS13},
};
use time::OffsetDateTime;
use tokio_rustls::TlsConnector;

use crate::{
    Check, Finding, Target, Text,
    dial::{Dialer, Trouble},
    finding::text,
};

const DAY: u64 = 24 * 3600;

/// Whoever renews by hand needs this long, weekends and holidays included.
const DAYS_LEFT: u64 = 21;

/// No certificate lasts so long.
const FAR: UnixTime = UnixTime::since_unix_epoch(Duration::from_secs(300 * 365 * DAY));

/// Looks at TLS. Whether clients get through it.
pub(crate) async fn examine(
    dialer: &Dialer,
    target: &Target,
    roots: RootCertStore,
    findings: &mut Vec<Finding>,
) -> bool {
    let seen = match look(dialer, target, &[&TLS13, &TLS12]).await {
        Ok(seen) => seen,
        Err(trouble) => {
            findings.push(no_tls(&trouble, target));
            return false;
        }
    };
    let provider = Arc::new(ring::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build();
    let verifier = verifier.expect("there are public authorities");
    let now = UnixTime::now();
    let verified = seen.verify(&*verifier, target, now);
    if let Err(error) = verified {
        findings.push(refused(&error, target, &seen));
        return false;
    }
    findings.push(expiry(&seen, &*verifier, target, now));
    if seen.version == Some(ProtocolVersion::TLSv1_3)
        && let Err(trouble) = look(dialer, target, &[&TLS12]).await
        && matches!(trouble, Trouble::Tls(..))
    {
        let saw = text("TLS 1.3 only; TLS 1.2 is refused", "仅支持 TLS 1.3，拒绝 TLS 1.2");
        let advice = text(
            "Android before 10 and iOS before 12.2 have no TLS 1.3: let the proxy offer TLS 1.2, too",
            "Android 10、iOS 12.2 之前的系统不支持 TLS 1.3：请在反向代理上同时启用 TLS 1.2。",
        );
        findings.push(Finding::warning(Check::Certificate, saw, advice));
    }
    true
}

/// What the server showed.
struct Seen {
    chain: Vec<CertificateDer<'static>>,
    version: Option<ProtocolVersion>,
}

impl Seen {
    fn verify(
        &self,
        verifier: &dyn ServerCertVerifier,
        target: &Target,
        at: UnixTime,
    ) -> Result<(), rustls::Error> {
        let name = ServerName::try_from(target.host.as_str())
            .map_err(|error| rustls::Error::General(error.to_string()))?;
        let (leaf, rest) = self.chain.split_first().ok_or(rustls::Error::NoCertificatesPresented)?;
        verifier.verify_server_cert(leaf, rest, &name, &[], at).map(|_| ())
    }

    /// Whether the certificate names itself as its issuer: its subject stands in it twice.
    fn signed_itself(&self) -> bool {
        let Some(leaf) = self.chain.first() else { return false };
        let mut alone = RootCertStore::empty();
        if alone.add(leaf.clone()).is_err() {
            return false;
        }
        let subject = alone.roots[0].subject.as_ref();
        !subject.is_empty() && leaf.windows(subject.len()).filter(|window| *window == subject).count() > 1
    }
}

/// Shakes hands and takes any certificate: nothing is said on this connection.
async fn look(
    dialer: &Dialer,
    target: &Target,
    versions: &[&'static SupportedProtocolVersion],
) -> Result<Seen, Trouble> {
    let provider = Arc::new(ring::default_provider());
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .expect("ring has what TLS 1.2 and 1.3 need")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Onlooker(provider)))
        .with_no_client_auth();
    let connector = TlsConnector::from(Arc::new(config));
    let mut last = None;
    for address in dialer.addresses(target).await? {
        match dialer.connect(address).await {
            Ok(stream) => {
                let stream = dialer.handshake(connector, target, stream).await?;
                let (_, session) = stream.get_ref();
                let chain = session.peer_certificates().unwrap_or_default();
                let chain = chain.iter().map(|certificate| certificate.clone().into_owned()).collect();
                return Ok(Seen { chain, version: session.protocol_version() });
            }
            Err(trouble) => last = Some(trouble),
        }
    }
    Err(last.unwrap_or_else(|| Trouble::Http("no address".to_owned())))
}

fn no_tls(trouble: &Trouble, target: &Target) -> Finding {
    let advice = match trouble.tls_error() {
        Some(rustls::Error::InvalidMessage(_)) => text(
            format!(
                "port {} speaks plain http, not https: put a certificate into [tls] or into the proxy before the server, \
                 or examine the port that has one",
                target.port
            ),
            format!(
                "端口 {} 是明文 http 而不是 https：请在 [tls] 或前置代理上配置证书，或检查正确的端口。",
                target.port
            ),
        ),
        Some(rustls::Error::AlertReceived(alert)) => text(
            format!(
                "the server ended the handshake ({alert:?}): it may have no certificate for this name, or only TLS 1.1 and \
                 older; SDKs need 1.2 or 1.3"
            ),
            format!(
                "服务器中止了握手（{alert:?}）：可能没有该域名的证书，或只支持 TLS 1.1 及更早版本；SDK 需要 1.2 或 1.3。"
            ),
        ),
        _ => text(
            "nobody spoke TLS there: the proxy may have no certificate, or nothing behind it; its log says more",
            "对端没有完成 TLS 握手：反向代理可能没有证书或没有后端，详见其日志。",
        ),
    };
    Finding::failed(Check::Certificate, trouble.text(), advice)
}

fn refused(error: &rustls::Error, target: &Target, seen: &Seen) -> Finding {
    let fail = |saw: Text, advice: Text| Finding::failed(Check::Certificate, saw, advice);
    let rustls::Error::InvalidCertificate(wrong) = error else {
        let advice = text("get a new certificate from a public authority", "请向公共证书机构重新申请证书。");
        return fail(
            text(format!("the certificate cannot be used: {error}"), format!("证书不可用：{error}")),
            advice,
        );
    };
    match wrong {
        CertificateError::ExpiredContext { not_after, .. } => fail(
            text(
                format!("the certificate expired on {}", day(*not_after)),
                format!("证书已于 {} 过期", day(*not_after)),
            ),
            text(
                "renew it now, reload the server (SIGHUP) or the proxy, and let it renew by itself from now on",
                "请立即续期，并让服务器（SIGHUP）或反向代理重新加载；之后请配置自动续期。",
            ),
        ),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => fail(
            text("the certificate is not valid yet", "证书尚未生效"),
            text(
                "wait until it is, or look whether the clock of this machine is right",
                "请等待其生效，或检查本机时钟是否正确。",
            ),
        ),
        CertificateError::NotValidForNameContext { presented, .. } => {
            let names = presented.join(", ");
            fail(
                text(
                    format!("the certificate is for another name: {names}, not for {}", target.host),
                    format!("证书的域名不符：证书为 {names}，而不是 {}", target.host),
                ),
                text(
                    "get a certificate that has this name, or let the proxy choose by name (SNI) the one that has it",
                    "请申请包含该域名的证书，或让反向代理按域名（SNI）选择正确的证书。",
                ),
            )
        }
        CertificateError::UnknownIssuer | CertificateError::Other(_) if seen.signed_itself() => fail(
            text("the certificate is self-signed: no device trusts it", "证书是自签名的，任何设备都不会信任"),
            text(
                "get one from a public authority; for an authority of your own, which every device must have, give its \
                 certificate with --ca",
                "请向公共证书机构申请；如果所有设备都安装了自建根证书，请用 --ca 指定。",
            ),
        ),
        CertificateError::UnknownIssuer => fail(
            text(
                format!("nobody whom devices trust has signed the certificate; {} came", seen.chain.len()),
                format!("证书链不受信任（共收到 {} 张证书）", seen.chain.len()),
            ),
            text(
                "let the server send the whole chain (fullchain.pem), not the certificate alone: desktop browsers find \
                 what is missing, phones do not. For an authority of your own, give its certificate with --ca",
                "请发送完整的证书链（fullchain.pem），而不仅是服务器证书：桌面浏览器会自动补全，手机不会。自建证书机构请用 --ca 指定。",
            ),
        ),
        other => fail(
            text(format!("the certificate cannot be used: {other}"), format!("证书不可用：{other}")),
            text("get a new certificate from a public authority", "请向公共证书机构重新申请证书。"),
        ),
    }
}

fn expiry(seen: &Seen, verifier: &dyn ServerCertVerifier, target: &Target, now: UnixTime) -> Finding {
    let version = seen
        .version
        .map_or("TLS", |version| if version == ProtocolVersion::TLSv1_3 { "TLS 1.3" } else { "TLS 1.2" });
    let ends = |at| match seen.verify(verifier, target, at) {
        Err(rustls::Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. })) => {
            Some(not_after)
        }
        _ => None,
    };
    let soon = UnixTime::since_unix_epoch(Duration::from_secs(now.as_secs() + DAYS_LEFT * DAY));
    if let Some(end) = ends(soon) {
        let days = end.as_secs().saturating_sub(now.as_secs()) / DAY;
        return Finding::warning(
            Check::Certificate,
            text(
                format!("the certificate expires in {days} days, on {}", day(end)),
                format!("证书将在 {days} 天后（{}）过期", day(end)),
            ),
            text(
                "renew it, and look why it was not renewed by itself: after that day no client connects",
                "请续期，并检查自动续期为何没有生效：过期后所有客户端都无法连接。",
            ),
        );
    }
    let until = ends(FAR).map_or_else(|| "-".to_owned(), day);
    Finding::ok(
        Check::Certificate,
        text(
            format!("{version}, valid for {} until {until}", target.host),
            format!("{version}，对 {} 有效至 {until}", target.host),
        ),
    )
}

fn day(time: UnixTime) -> String {
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(time.as_secs());
    OffsetDateTime::from(time).date().to_string()
}

/// Takes every certificate, so that what is wrong with it can be told.
#[derive(Debug)]
struct Onlooker(Arc<CryptoProvider>);

impl ServerCertVerifier for Onlooker {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
