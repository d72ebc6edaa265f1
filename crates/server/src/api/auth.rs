//! Who sends a request: an app, by id and key, by master key, or by signature, under the headers of three eras.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::{HeaderMap, request::Parts};

use super::error::ApiError;
use crate::{
    apps::{App, AppsHandle},
    node::Node,
};

/// A request with valid keys.
#[derive(Debug)]
pub(super) struct Authenticated {
    pub(super) app: Arc<App>,
}

impl FromRequestParts<Arc<Node>> for Authenticated {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, node: &Arc<Node>) -> Result<Self, ApiError> {
        authenticate(&node.apps, &parts.headers).ok_or_else(ApiError::unauthorized)
    }
}

/// Unknown apps and wrong keys look the same from outside.
fn authenticate(apps: &AppsHandle, headers: &HeaderMap) -> Option<Authenticated> {
    let one_of = |names: [&str; 3]| names.into_iter().find_map(|name| headers.get(name)?.to_str().ok());
    let id = one_of(["x-lc-id", "x-avoscloud-application-id", "x-uluru-application-id"])?;
    let app = apps.get(id)?;
    // Every credential that is there has to be right.
    let checks = [
        one_of(["x-lc-key", "x-avoscloud-application-key", "x-uluru-application-key"])
            .map(|key| has_key(&app, key)),
        one_of(["x-avoscloud-master-key", "x-uluru-master-key", "x-uluru-application-master-key"])
            .map(|key| app.master_key.matches(key)),
        one_of(["x-lc-sign", "x-avoscloud-request-sign", "x-uluru-request-sign"])
            .map(|sign| has_signed(&app, sign)),
    ];
    let mut given = checks.into_iter().flatten().peekable();
    given.peek()?;
    given.all(|valid| valid).then_some(Authenticated { app })
}

/// `KEY`, or `MASTERKEY,master`.
fn has_key(app: &App, text: &str) -> bool {
    match text.split_once(',') {
        Some((key, "master")) => app.master_key.matches(key),
        Some(_) => false,
        None => app.key.matches(text) || app.master_key.matches(text),
    }
}

/// `HEX,TIMESTAMP`, or `HEX,TIMESTAMP,master`.
fn has_signed(app: &App, text: &str) -> bool {
    let parts: Vec<&str> = text.split(',').collect();
    match parts[..] {
        [hex, timestamp] => app.key.signed(hex, timestamp),
        [hex, timestamp, "master"] => app.master_key.signed(hex, timestamp),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apps::Apps;

    #[test]
    fn keys_and_signatures_of_three_eras() {
        let apps = AppsHandle::new(Apps::new(vec![App::new("the-app", "the-key", "the-master")]));
        // md5 of "1453014943466" and the key, or the master key.
        let sign = "48750152ecc25b0cf74a746fc8587b77,1453014943466";
        let master_sign = "c8e8e2607f4f301e33648c24a08d30e7,1453014943466,master";
        let id = ("x-lc-id", "the-app");
        let old_id = ("x-avoscloud-application-id", "the-app");
        for (headers, valid) in [
            (&[id, ("x-lc-key", "the-key")][..], true),
            (&[id, ("x-lc-key", "the-master,master")], true),
            (&[id, ("x-lc-sign", sign)], true),
            (&[id, ("x-lc-sign", master_sign)], true),
            (&[old_id, ("x-avoscloud-application-key", "the-key")], true),
            (&[old_id, ("x-avoscloud-master-key", "the-master")], true),
            (&[old_id, ("x-avoscloud-request-sign", sign)], true),
            (&[("x-uluru-application-id", "the-app"), ("x-uluru-application-key", "the-key")], true),
            (&[id], false),
            (&[("x-lc-key", "the-key")], false),
            (&[id, ("x-lc-key", "")], false),
            (&[id, ("x-lc-key", "another")], false),
            (&[id, ("x-lc-key", "the-key,master")], false),
            (&[id, ("x-lc-key", "the-master,admin")], false),
            (&[("x-lc-id", "another"), ("x-lc-key", "the-key")], false),
            (&[id, ("x-lc-sign", "48750152ecc25b0cf74a746fc8587b77,1")], false),
            (&[id, ("x-lc-sign", "48750152ecc25b0cf74a746fc8587b77")], false),
            (&[id, ("x-lc-sign", "48750152ecc25b0cf74a746fc8587b77,1453014943466,master")], false),
            (&[id, ("x-lc-key", "the-key"), ("x-lc-sign", "wrong,1")], false),
        ] {
            let map =
                headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
            assert_eq!(authenticate(&apps, &map).is_some(), valid, "{headers:?}");
        }
    }
}
