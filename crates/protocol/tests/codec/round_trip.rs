//! What is written is read back as it was, in every format.

use grandstand_protocol::{Downlink, Format, Request};
use proptest::{prop_assert_eq, proptest, test_runner::Config};

use crate::strategy;

const FORMATS: [Format; 3] = [Format::Binary, Format::Base64, Format::Json];

proptest! {
    #![proptest_config(Config { failure_persistence: None, ..Config::with_cases(512) })]

    #[test]
    fn requests(request in strategy::request()) {
        for format in FORMATS {
            let frame = request.encode(format);
            prop_assert_eq!(frame.text, format.is_text());
            prop_assert_eq!(Request::decode(format, &frame.payload), Ok(request.clone()));
        }
    }

    #[test]
    fn downlinks(downlink in strategy::downlink()) {
        for format in FORMATS {
            let frame = downlink.encode(format);
            prop_assert_eq!(frame.text, format.is_text());
            prop_assert_eq!(Downlink::decode(format, &frame.payload), Ok(downlink.clone()));
        }
    }
}
