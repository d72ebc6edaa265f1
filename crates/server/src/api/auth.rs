//! Who sends a request: an app, by id and key, by master key, or by signature, under the headers of three eras.

use std::{hash::Hash, net::IpAddr, sync::Arc};

use axum::extract::FromRequestParts;
use http::{HeaderMap, StatusCode, request::Parts};

use super::{error::ApiError, patience};
use crate::{
    apps::App,
    audit::{Act, Action, By},
    gateway::handshake::Connection,
    node::Node,
    service::caller::Caller,
};

/// Hooks that are asked for one request of a back end, at most.
const HOOKS: u32 = 1;

/// A request with valid keys.
#[derive(Debug)]
pub(super) struct Authenticated {
    pub(super) app: Arc<App>,
    proven: Proven,
    address: IpAddr,
}

impl Authenticated {
    /// Whether the app's own back end asks.
    pub(super) fn is_back_end(&self) -> bool {
        self.proven == Proven::Master
    }

    /// From where, unless it is the app's own back end: the app's key is in everybody's hands.
    pub(super) fn by_key(&self) -> Option<IpAddr> {
        (!self.is_back_end()).then_some(self.address)
    }

    /// Who asks, for the audit log.
    pub(super) fn by(&self) -> By {
        match self.proven {
            Proven::App => By::app_key(self.address),
            Proven::Master => (&Caller::back_end(self.address)).into(),
        }
    }
}

/// A request of an app's own back end: with the master key, said to be it.
#[derive(Debug)]
pub(super) struct ByMaster(pub(super) Arc<App>);

/// A request of an app's own back end for something that is done in its name.
pub(super) struct BackEnd {
    pub(super) node: Arc<Node>,
    pub(super) app: Arc<App>,
    pub(super) caller: Caller,
}

/// Where a request comes from.
#[derive(Debug, Clone, Copy)]
pub(super) struct ClientAddress(pub(super) IpAddr);

/// What a credential proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Proven {
    App,
    Master,
}

impl FromRequestParts<Arc<Node>> for Authenticated {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, node: &Arc<Node>) -> Result<Self, ApiError> {
        let ClientAddress(address) = ClientAddress::from_request_parts(parts, node).await?;
        authenticate(node, address, &parts.headers).await
    }
}

impl FromRequestParts<Arc<Node>> for ByMaster {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, node: &Arc<Node>) -> Result<Self, ApiError> {
        let authenticated = Authenticated::from_request_parts(parts, node).await?;
        if authenticated.is_back_end() { Ok(Self(authenticated.app)) } else { Err(ApiError::unauthorized()) }
    }
}

impl FromRequestParts<Arc<Node>> for BackEnd {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, node: &Arc<Node>) -> Result<Self, ApiError> {
        let ByMaster(app) = ByMaster::from_request_parts(parts, node).await?;
        let ClientAddress(address) = ClientAddress::from_request_parts(parts, node).await?;
        if let Some(connection) = parts.extensions.get::<Arc<Connection>>() {
            patience::for_hooks(node, &app, connection, HOOKS);
        }
        Ok(Self { node: Arc::clone(node), app, caller: Caller::back_end(address) })
    }
}

impl<S: Sync> FromRequestParts<S> for ClientAddress {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let connection = parts.extensions.get::<Arc<Connection>>();
        let address = connection.map(|connection| connection.client_address(&parts.headers));
        let unknown = "the server does not know where this request comes from";
        address.map(Self).ok_or_else(|| ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, unknown))
    }
}

/// Which app a request names, without a proof.
pub(super) fn app_id(headers: &HeaderMap) -> Option<&str> {
    one_of(headers, ["x-lc-id", "x-avoscloud-application-id", "x-uluru-application-id"])
}

fn one_of<'a>(headers: &'a HeaderMap, names: [&str; 3]) -> Option<&'a str> {
    names.into_iter().find_map(|name| headers.get(name)?.to_str().ok())
}

/// Unknown apps and wrong keys look the same from outside. After too many guesses at the master key, none is looked at.
async fn authenticate(node: &Node, address: IpAddr, headers: &HeaderMap) -> Result<Authenticated, ApiError> {
    let presented = Presented::read(headers);
    let app = presented.app.and_then(|id| node.apps.get(id)).ok_or_else(ApiError::unauthorized)?;
    if presented.is_empty() {
        return Err(ApiError::unauthorized());
    }
    let now = node.uptime();
    let attempt = match presented.guessed(&app) {
        Some(guessed) => {
            Some(node.lockout.attempt(address, &app.id, presented.claims_master(), guessed, now)?)
        }
        None => None,
    };
    match presented.prove(&app) {
        Some(proven) => Ok(Authenticated { app, proven, address }),
        None => {
            metrics::counter!("grandstand_wrong_keys_total").increment(1);
            if attempt.is_some_and(|attempt| node.lockout.note(attempt, now)) {
                let kind = if presented.claims_master() { "master" } else { "app" };
                let act = Act::new(Action::LockOut).detail("key", kind);
                node.audit.record(&app.id, By::nobody(address), act).await;
            }
            Err(ApiError::unauthorized())
        }
    }
}

/// What a request says of who sends it.
#[derive(Debug)]
struct Presented<'a> {
    app: Option<&'a str>,
    key: Option<&'a str>,
    master_key: Option<&'a str>,
    sign: Option<&'a str>,
}

impl<'a> Presented<'a> {
    fn read(headers: &'a HeaderMap) -> Self {
        let one_of = |names| one_of(headers, names);
        Self {
            app: app_id(headers),
            key: one_of(["x-lc-key", "x-avoscloud-application-key", "x-uluru-application-key"]),
            master_key: one_of([
                "x-avoscloud-master-key",
                "x-uluru-master-key",
                "x-uluru-application-master-key",
            ]),
            sign: one_of(["x-lc-sign", "x-avoscloud-request-sign", "x-uluru-request-sign"]),
        }
    }

    fn is_empty(&self) -> bool {
        self.key.is_none() && self.master_key.is_none() && self.sign.is_none()
    }

    fn claims_master(&self) -> bool {
        self.master_key.is_some() || [self.key, self.sign].into_iter().flatten().any(says_master)
    }

    /// What could be a guess at the master key. The app's own key is none, nor is a signature with it or with an old one,
    /// which is another one in each request: everybody has that key, and behind one address may be thousands of them.
    fn guessed(&self, app: &App) -> Option<impl Hash + use<'a>> {
        let key = self.key.filter(|key| !app.key.matches(key));
        let sign = self.sign.filter(|sign| says_master(sign));
        let guessed = [key, self.master_key, sign];
        guessed.iter().any(Option::is_some).then_some(guessed)
    }

    /// Every credential that is there has to be right.
    fn prove(&self, app: &App) -> Option<Proven> {
        let checks = [
            self.key.map(|key| by_key(app, key)),
            self.master_key.map(|key| app.is_master_key(key).then_some(Proven::Master)),
            self.sign.map(|sign| by_sign(app, sign)),
        ];
        let given: Option<Vec<Proven>> = checks.into_iter().flatten().collect();
        given?.into_iter().max()
    }
}

fn says_master(text: &str) -> bool {
    text.ends_with(",master")
}

/// `KEY`, or `MASTERKEY,master`.
fn by_key(app: &App, text: &str) -> Option<Proven> {
    match text.split_once(',') {
        Some((key, "master")) => app.is_master_key(key).then_some(Proven::Master),
        Some(_) => None,
        // A master key that is not said to be one proves no more than the other.
        None => (app.key.matches(text) || app.is_master_key(text)).then_some(Proven::App),
    }
}

/// `HEX,TIMESTAMP`, or `HEX,TIMESTAMP,master`.
fn by_sign(app: &App, text: &str) -> Option<Proven> {
    let parts: Vec<&str> = text.split(',').collect();
    match parts[..] {
        [hex, timestamp] => app.key.signed(hex, timestamp).then_some(Proven::App),
        [hex, timestamp, "master"] => app.signed_by_master(hex, timestamp).then_some(Proven::Master),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apps::{Apps, AppsHandle, Secret};

    #[test]
    fn keys_and_signatures_of_three_eras() {
        let mut app = App::new("the-app", "the-key", "the-master");
        app.previous_master_key = Some(Secret::new("old-master"));
        let apps = AppsHandle::new(Apps::new(vec![app]));
        // md5 of "1453014943466" and the key, or the master key.
        let sign = "48750152ecc25b0cf74a746fc8587b77,1453014943466";
        let master_sign = "c8e8e2607f4f301e33648c24a08d30e7,1453014943466,master";
        let old_sign = "caa351d261a85cc55221061a0b175fe1,1453014943466,master";
        let id = ("x-lc-id", "the-app");
        let old_id = ("x-avoscloud-application-id", "the-app");
        let (by_app, by_master) = (Some(Proven::App), Some(Proven::Master));
        for (headers, proven) in [
            (&[id, ("x-lc-key", "the-key")][..], by_app),
            (&[id, ("x-lc-key", "the-master,master")], by_master),
            (&[id, ("x-lc-key", "the-master")], by_app),
            (&[id, ("x-lc-key", "the-key"), ("x-lc-sign", master_sign)], by_master),
            (&[id, ("x-lc-sign", sign)], by_app),
            (&[id, ("x-lc-sign", master_sign)], by_master),
            (&[old_id, ("x-avoscloud-application-key", "the-key")], by_app),
            (&[old_id, ("x-avoscloud-master-key", "the-master")], by_master),
            (&[old_id, ("x-avoscloud-request-sign", sign)], by_app),
            (&[("x-uluru-application-id", "the-app"), ("x-uluru-application-key", "the-key")], by_app),
            (&[id, ("x-lc-key", "old-master,master")], by_master),
            (&[id, ("x-lc-sign", old_sign)], by_master),
            (&[old_id, ("x-avoscloud-master-key", "old-master")], by_master),
            (&[id, ("x-lc-key", "older-master,master")], None),
            (&[id], None),
            (&[("x-lc-key", "the-key")], None),
            (&[id, ("x-lc-key", "")], None),
            (&[id, ("x-lc-key", "another")], None),
            (&[id, ("x-lc-key", "the-key,master")], None),
            (&[id, ("x-lc-key", "the-master,admin")], None),
            (&[("x-lc-id", "another"), ("x-lc-key", "the-key")], None),
            (&[id, ("x-lc-sign", "48750152ecc25b0cf74a746fc8587b77,1")], None),
            (&[id, ("x-lc-sign", "48750152ecc25b0cf74a746fc8587b77")], None),
            (&[id, ("x-lc-sign", "48750152ecc25b0cf74a746fc8587b77,1453014943466,master")], None),
            (&[id, ("x-lc-key", "the-key"), ("x-lc-sign", "wrong,1")], None),
        ] {
            let map =
                headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
            let presented = Presented::read(&map);
            let app = presented.app.and_then(|id| apps.get(id));
            let found = app.and_then(|app| presented.prove(&app));
            let claimed = presented.claims_master();
            assert!(claimed || found != Some(Proven::Master), "who is the back end says so: {headers:?}");
            assert_eq!(found, proven, "{headers:?}");
        }
    }
}
