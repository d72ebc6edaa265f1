//! The order of the checks; where one fails, those that need it are left out.

use std::{net::IpAddr, time::Duration};

use rustls::pki_types::CertificateDer;

use crate::{
    Check, Finding, Report, State, Target, certificate, cors,
    dial::{Dialer, roots, strict},
    finding::text,
    names, plain, rest,
    room::Journey,
    route,
    upgrade::{self, Place},
};

/// What is examined, and how.
pub struct Settings {
    /// The server's URL, as apps have it.
    pub target: Target,
    /// The app's id.
    pub app: String,
    /// The app's key, which clients carry.
    pub app_key: Option<String>,
    /// The back end's key: signs where that is asked for, and deletes what was made.
    pub master_key: Option<String>,
    /// Where the server is, in place of what DNS says: for a server that is not yet known by its name.
    pub address: Option<IpAddr>,
    /// Authorities beside those that browsers trust.
    pub authorities: Vec<CertificateDer<'static>>,
    /// Where plain `http` is, beside `https`; `None`: at the usual port, if `https` is.
    pub http_port: Option<u16>,
    /// The origin of a web app.
    pub origin: Option<String>,
    /// How long a connection is to stand in silence.
    pub idle: Option<Duration>,
    /// For each answer.
    pub patience: Duration,
}

/// Goes the way of a client, and says what was seen.
pub async fn examine(settings: &Settings) -> Report {
    let mut findings = Vec::new();
    go(settings, &mut findings).await;
    Report { server: settings.target.to_string(), app: settings.app.clone(), findings }
}

async fn go(settings: &Settings, findings: &mut Vec<Finding>) {
    let Settings { target, app, app_key, origin, .. } = settings;
    let (app_key, origin) = (app_key.as_deref(), origin.as_deref());
    let roots = roots(&settings.authorities);
    let dialer = Dialer::new(target, settings.address, strict(roots.clone()), settings.patience);
    let addresses = names::look_up(&dialer, target, findings).await;
    if addresses.is_empty() || !names::connect(&dialer, &addresses, findings).await {
        return;
    }
    if target.secure {
        // Keys are not sent to somebody who cannot show who it is, and clients do not get further either.
        if !certificate::examine(&dialer, target, roots, findings).await {
            return;
        }
        plain::examine(&dialer, target, app, settings.http_port, findings).await;
    } else if !target.is_here() {
        findings.push(in_clear(target));
    }
    let url = route::examine(&dialer, target, app, app_key, findings).await;
    cors::examine(&dialer, target, app, origin, findings).await;
    rest::try_key(&dialer, target, app, app_key, findings).await;
    // When discovery fails, the rest is still worth a look.
    let url = url.unwrap_or_else(|| target.socket_url());
    let Some(place) = Place::parse(&url) else { return };
    if upgrade::examine(&dialer, &place, origin, findings).await {
        Journey { settings, dialer: &dialer, place: &place, findings }.go().await;
    }
}

fn in_clear(target: &Target) -> Finding {
    let seen = text(format!("{target} is plain http"), format!("{target} 是明文 http"));
    let advice = text(
        "iOS and Android refuse it unless the app allows it, pages of https:// always do, and everybody on the way can read \
         along: get a certificate",
        "iOS 和 Android 默认拒绝明文连接，https 网页一律拒绝，且沿途可被窃听：请配置证书。",
    );
    Finding { check: Check::Certificate, state: State::Warning, seen, advice: Some(advice) }
}
