//! Checks one frame in all formats and both directions, and keeps it as a seed of the fuzz targets.

use std::{env, fmt::Debug, fs, path::Path};

use base64::{Engine, prelude::BASE64_STANDARD};
use grandstand_protocol::{DecodeError, Downlink, Encoded, Format, Request};
use serde_json::Value;

use crate::notation;

/// `request` is exactly `hex` on a binary connection and means `json` on a JSON connection.
#[track_caller]
pub(crate) fn check_request(name: &str, request: &Request, hex: &str, json: &str) {
    check_request_bytes(name, request, hex);
    let Encoded { text, payload } = request.encode(Format::Json);
    assert!(text);
    check_json(&payload, json);
    assert_eq!(Request::decode(Format::Json, json.as_bytes()).as_ref(), Ok(request));
    seed("decode_request", &format!("{name}.json"), json.as_bytes());
}

/// As [`check_request`], for commands that JSON connections do not have.
#[track_caller]
pub(crate) fn check_request_bytes(name: &str, request: &Request, hex: &str) {
    check_bytes(request, hex, Request::encode, Request::decode);
    seed("decode_request", name, &notation::bytes(hex));
}

/// `downlink` is exactly `hex` on a binary connection and means `json` on a JSON connection.
#[track_caller]
pub(crate) fn check_downlink(name: &str, downlink: &Downlink, hex: &str, json: &str) {
    check_bytes(downlink, hex, Downlink::encode, Downlink::decode);
    let Encoded { text, payload } = downlink.encode(Format::Json);
    assert!(text);
    check_json(&payload, json);
    assert_eq!(Downlink::decode(Format::Json, json.as_bytes()).as_ref(), Ok(downlink));
    seed("decode_downlink", name, &notation::bytes(hex));
    seed("decode_downlink", &format!("{name}.json"), json.as_bytes());
}

#[track_caller]
fn check_bytes<T: PartialEq + Debug>(
    value: &T,
    hex: &str,
    encode: impl Fn(&T, Format) -> Encoded,
    decode: impl Fn(Format, &[u8]) -> Result<T, DecodeError>,
) {
    let expected = notation::bytes(hex);
    let binary = encode(value, Format::Binary);
    assert_eq!(hex_of(&binary.payload), hex_of(&expected));
    assert!(!binary.text);
    assert_eq!(decode(Format::Binary, &expected).as_ref(), Ok(value));

    let base64 = encode(value, Format::Base64);
    assert_eq!(base64.payload, BASE64_STANDARD.encode(&expected));
    assert!(base64.text);
    assert_eq!(decode(Format::Base64, &base64.payload).as_ref(), Ok(value));
}

#[track_caller]
fn check_json(payload: &[u8], expected: &str) {
    let written: Value = serde_json::from_slice(payload).unwrap();
    let expected: Value = serde_json::from_str(expected).unwrap();
    assert_eq!(written, expected);
}

fn hex_of(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x} ")).collect()
}

/// The frames of this table are where the fuzz targets start. `GRANDSTAND_WRITE_SEEDS=1` writes them.
#[track_caller]
fn seed(target: &str, name: &str, frame: &[u8]) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let path = corpus.join(name);
    if env::var_os("GRANDSTAND_WRITE_SEEDS").is_some() {
        fs::create_dir_all(&corpus).unwrap();
        fs::write(&path, frame).unwrap();
    }
    let kept = fs::read(&path).unwrap_or_default();
    assert!(kept == frame, "seed {target}/{name} is stale: run the tests with GRANDSTAND_WRITE_SEEDS=1");
}
