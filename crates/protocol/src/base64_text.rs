//! Base64 as the SDKs write it: standard alphabet, padding written, and not missed when absent.

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use bytes::Bytes;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The Base64 of `bytes`.
pub(crate) fn write(bytes: &[u8]) -> String {
    BASE64.encode(bytes)
}

/// The bytes behind Base64 `text`, if it is such.
pub(crate) fn read(text: &[u8]) -> Option<Bytes> {
    BASE64.decode(text).ok().map(Bytes::from)
}
