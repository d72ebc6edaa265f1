//! What holds for every frame, whoever wrote it; shared by the test and the cargo-fuzz targets.

use std::{fmt::Debug, str};

use grandstand_protocol::{DecodeError, Encoded, Format};

const FORMATS: [Format; 3] = [Format::Binary, Format::Base64, Format::Json];

/// Reads `frame` in every format; what comes out survives being written and read again. Tells whether anything
/// came out.
///
/// # Panics
/// When a promise of the codec does not hold.
pub(crate) fn check<T: PartialEq + Debug>(
    frame: &[u8],
    decode: impl Fn(Format, &[u8]) -> Result<T, DecodeError>,
    encode: impl Fn(&T, Format) -> Encoded,
) -> bool {
    let mut understood = false;
    for format in FORMATS {
        let Ok(value) = decode(format, frame) else { continue };
        understood = true;
        let again = decode(format, &encode(&value, format).payload);
        assert_eq!(again.as_ref(), Ok(&value), "{format:?} is not stable");
        // A room has members of every format: what came in one must go out in all.
        for other in FORMATS {
            let encoded = encode(&value, other);
            assert!(!encoded.text || str::from_utf8(&encoded.payload).is_ok(), "{other:?} is not text");
        }
    }
    understood
}
