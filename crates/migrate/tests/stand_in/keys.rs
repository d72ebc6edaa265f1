//! Who may ask the stand-in for LeanCloud: an app's back end, by its master key or by a signature with it, under the names
//! of three eras.

use axum::http::HeaderMap;
use md5::{Digest, Md5};

pub(crate) const APP: &str = "the-leancloud-app";
pub(crate) const APP_KEY: &str = "its-app-key";
pub(crate) const MASTER_KEY: &str = "its-master-key";

/// Whether a request has the app's id and proves to be its back end. The app key alone does not.
pub(crate) fn is_back_end(headers: &HeaderMap) -> bool {
    let named = |names: [&str; 3]| {
        names.into_iter().find_map(|name| headers.get(name)).and_then(|value| value.to_str().ok())
    };
    let app = named(["x-lc-id", "x-avoscloud-application-id", "x-uluru-application-id"]);
    let key = named(["x-lc-key", "x-avoscloud-application-key", "x-uluru-application-key"]);
    let master = named(["x-avoscloud-master-key", "x-uluru-master-key", "x-uluru-application-master-key"]);
    let sign = named(["x-lc-sign", "x-avoscloud-request-sign", "x-uluru-request-sign"]);
    app == Some(APP)
        && (key.and_then(|key| key.strip_suffix(",master")) == Some(MASTER_KEY)
            || master == Some(MASTER_KEY)
            || sign.is_some_and(is_signed))
}

/// `hex,timestamp,master`: without the last word, it is made with the app key.
fn is_signed(sign: &str) -> bool {
    let mut parts = sign.split(',');
    let (Some(hex), Some(time), Some("master"), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    time.parse::<u64>().is_ok() && hex.eq_ignore_ascii_case(&signature(time, MASTER_KEY))
}

/// Milliseconds, and what signs them.
pub(crate) fn signature(time: &str, key: &str) -> String {
    Md5::digest(format!("{time}{key}")).iter().map(|byte| format!("{byte:02x}")).collect()
}
