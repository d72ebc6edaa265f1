//! Names and numbers that both ends agree on: subprotocols, error codes, client ids.

use std::collections::HashSet;

use grandstand_protocol::{ClientId, Code, Fault, Format, Subprotocol, Version};

#[test]
fn subprotocols_of_all_vintages() {
    let check = |name: &str, format, version, first_generation| {
        let expected = Subprotocol { format, version, first_generation };
        assert_eq!(Subprotocol::from_name(name), Ok(expected), "{name}");
    };
    check("lc.protobuf2.3", Format::Binary, Version::V3, false);
    check("lc.protobuf2.1", Format::Binary, Version::V1, false);
    check("lc.protobuf.2", Format::Binary, Version::V2, true);
    check("lc.proto2base64.3", Format::Base64, Version::V3, false);
    check("lc.protobase64.1", Format::Base64, Version::V1, true);
    check("lc.json.3", Format::Json, Version::V3, false);
}

#[test]
fn other_subprotocols_are_refused_by_name() {
    for name in
        ["", "lc", "lc.msgpack.1", "lc.protobuf2.4", "lc.protobuf2", "lc.json.", "LC.JSON.1", "lc.json.3 "]
    {
        let refusal = Subprotocol::from_name(name).unwrap_err();
        assert_eq!(refusal.0, name);
    }
    let long = "x.".repeat(1000);
    assert_eq!(Subprotocol::from_name(&long).unwrap_err().0.len(), 64);
}

#[test]
fn codes_have_one_number_and_one_name_each() {
    let codes: Vec<Code> = (0..10_000).filter_map(Code::from_number).collect();
    assert!(codes.len() > 40, "{}", codes.len());
    assert!(codes.iter().all(|code| Code::from_number(code.number()) == Some(*code)));
    let names: HashSet<&str> = codes.iter().map(|code| code.name()).collect();
    assert_eq!(names.len(), codes.len());
    // SDKs compare these texts; the second is spelled wrong on purpose, as LeanCloud spells it.
    assert_eq!(Code::InvalidMessagingTarget.to_string(), "4401 INVALID_MESSAGING_TARGET");
    assert_eq!(Code::Silenced.to_string(), "4563 SILIENCED");
}

#[test]
fn faults_say_what_was_wrong() {
    let fault = Fault::because(Code::InvalidLogin, "the client id is empty");
    assert!(fault.is(Code::InvalidLogin) && !fault.is(Code::SignatureFailed));
    assert_eq!(fault.to_string(), "4103 INVALID_LOGIN: the client id is empty");
    assert_eq!(Fault::from(Code::InvalidLogin).to_string(), "4103 INVALID_LOGIN");
}

#[test]
fn client_ids_are_counted_in_characters() {
    assert!(ClientId::new("").is_err());
    assert!(ClientId::new("5f0a").is_ok());
    assert_eq!(ClientId::new(&"观".repeat(64)).unwrap().as_str().len(), 192);
    assert!(ClientId::new(&"观".repeat(65)).is_err());
}
