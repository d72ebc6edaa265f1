//! What the app and its back end prove themselves by: keys over REST, signatures over sockets.

use std::time::{SystemTime, UNIX_EPOCH};

use grandstand_protocol::Signature;
use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use sha1::Sha1;

/// This machine's clock, in milliseconds.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// `X-LC-Sign` as the iOS SDKs send it.
pub(crate) fn header(key: &str) -> String {
    let now = now();
    format!("{},{now}", hex(&Md5::digest(format!("{now}{key}"))))
}

/// The back end's signature below `parts`, which stand before and behind the time and the nonce.
pub(crate) fn signature(master_key: &str, before: &[&str], behind: &[&str]) -> Signature {
    let (timestamp, nonce) = (now(), format!("{:016x}", rand::random::<u64>()));
    let time = timestamp.to_string();
    let all: Vec<&str> =
        before.iter().chain(&[time.as_str(), nonce.as_str()]).chain(behind).copied().collect();
    let mut mac = Hmac::<Sha1>::new_from_slice(master_key.as_bytes()).expect("keys of any length do");
    mac.update(all.join(":").as_bytes());
    Signature { signature: hex(&mac.finalize().into_bytes()), timestamp, nonce }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
