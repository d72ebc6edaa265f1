//! Frames that the WebSocket protocol forbids: 1002, and 1007 for text that is none.

use crate::{
    raw::{CLOSE, Raw, TEXT, masked},
    siege::Siege,
};

/// Peers of each fault.
const EACH: usize = 20;

/// A first fragment, of a text and of a binary message.
const TEXT_BEGINS: u8 = 0x01;
const BINARY_BEGINS: u8 = 0x02;
/// A later fragment, and the last.
const GOES_ON: u8 = 0x00;
const ENDS: u8 = 0x80;

/// What goes over the wire, and the name of what is wrong with it.
type Fault = (&'static str, Vec<u8>);

#[tokio::test(flavor = "multi_thread")]
async fn unmasked_frames_reserved_bits_bad_opcodes_and_bad_closes_end_in_1002() {
    let mut faults: Vec<Fault> = vec![
        ("an unmasked message", vec![0x82, 1, b'x']),
        ("an unmasked ping", vec![0x89, 0]),
        ("the first reserved bit", masked(0xc2, b"x")),
        ("the second reserved bit", masked(0xa2, b"x")),
        ("the third reserved bit", masked(0x92, b"x")),
        ("a reserved bit of a ping", masked(0xc9, b"x")),
        ("a ping in fragments", masked(0x09, b"x")),
        ("a ping of 126 bytes, by its header", vec![0x89, 0xfe, 0, 126, 1, 2, 3, 4]),
        ("a close of 126 bytes, by its header", vec![0x88, 0xfe, 0, 126, 1, 2, 3, 4]),
        ("an end without a beginning", masked(ENDS, b"x")),
        ("a fragment without a beginning", masked(GOES_ON, b"x")),
        ("a message within a message", [masked(BINARY_BEGINS, b"x"), masked(0x82, b"x")].concat()),
        ("half a close code", masked(CLOSE, &[3])),
    ];
    for opcode in (0x3..=0x7).chain(0xb..=0xf) {
        faults.push(("a reserved opcode", masked(0x80 | opcode, b"x")));
        faults.push(("a reserved opcode, begun", masked(opcode, b"x")));
    }
    for code in [0, 999, 1004, 1005, 1006, 1014, 1015, 1016, 2000, 2999, 5000, 65_535_u16] {
        faults.push(("a close code that nobody may send", masked(CLOSE, &code.to_be_bytes())));
    }
    withstands(faults, "lc.protobuf2.3", 1002).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn text_that_is_not_utf8_ends_in_1007() {
    for subprotocol in ["lc.json.3", "lc.proto2base64.3", "lc.protobuf2.3"] {
        let halves = [masked(TEXT_BEGINS, b"{\"\xe2"), masked(ENDS, b"\xff\"}")].concat();
        let faults = vec![
            ("a byte of no character", masked(TEXT, b"{\"a\xff\"}")),
            ("an overlong character", masked(TEXT, b"\xc0\x80")),
            ("half a surrogate pair", masked(TEXT, b"\xed\xa0\x80")),
            ("a character beyond Unicode", masked(TEXT, b"\xf5\x80\x80\x80")),
            ("a character cut short", masked(TEXT, b"{\"\xe2\x82")),
            ("a character broken between fragments", halves),
            ("a reason that is no text", masked(CLOSE, b"\x03\xe8\xff")),
        ];
        withstands(faults, subprotocol, 1007).await;
    }
}

async fn withstands(faults: Vec<Fault>, subprotocol: &'static str, expected: u16) {
    let count = faults.len() * EACH;
    Siege::lay("")
        .await
        .withstands(0..count, |address, number| {
            let (what, bytes) = faults[number % faults.len()].clone();
            async move {
                let mut raw = Raw::connect(address, subprotocol).await;
                raw.send_bytes(&bytes).await;
                assert_eq!(raw.close_code().await, expected, "{what}: {bytes:02x?}");
            }
        })
        .await;
}
