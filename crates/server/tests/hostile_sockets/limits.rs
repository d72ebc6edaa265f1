//! Messages that are too long, or in too many pieces: 4109, from the header alone.

use std::net::SocketAddr;

use grandstand_protocol::{Command, Event, Format, Open, limits::LOGIN_FRAME_BYTES};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{
    guest::Guest,
    peer::{assert_echo, echo},
    raw::{BINARY, CLOSE, Raw, TEXT, masked},
    siege::Siege,
};

const PEERS: usize = 200;

/// What a message may take (the defaults of `limits.frame` and `limits.fragments`).
const FRAME: usize = 64 * 1024;
const FRAGMENTS: usize = 64;
/// What it may take before the first login.
const LOGIN: usize = LOGIN_FRAME_BYTES;

/// A header of a client's binary frame that announces this many bytes.
fn header(first: u8, length: u64) -> Vec<u8> {
    [&[first, 0xff][..], &length.to_be_bytes(), &[1, 2, 3, 4]].concat()
}

/// A message in this many fragments of equal length, its last one left out if it is not `whole`.
fn fragments(count: usize, payload: &[u8], whole: bool) -> Vec<u8> {
    let pieces = payload.chunks(payload.len().div_ceil(count).max(1)).chain(std::iter::repeat(&[][..]));
    let mut out = Vec::new();
    for (at, piece) in pieces.take(count - usize::from(!whole)).enumerate() {
        let last = if at + 1 == count { 0x80 } else { 0 };
        let kind = if at == 0 { 0x02 } else { 0 };
        out.extend(masked(last | kind, piece));
    }
    out
}

/// A socket that has logged in.
async fn log_in(address: SocketAddr, number: usize) -> Raw {
    Guest::log_in(address, &format!("peer-{number}")).await.0.raw
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_over_8_kib_is_refused_before_the_login_by_its_header() {
    let lengths = [LOGIN as u64 + 1, FRAME as u64, FRAME as u64 + 1, 1 << 32, 1 << 63, u64::MAX];
    Siege::lay("")
        .await
        .withstands(0..PEERS, |address, number| async move {
            let mut raw = Raw::connect(address, "lc.json.3").await;
            let mut payload = echo(Format::Json, 7);
            payload.resize(LOGIN, b' ');
            raw.send(TEXT, &payload).await;
            assert_echo(&mut raw, Format::Json, 7).await;
            raw.send_bytes(&header(TEXT, lengths[number % lengths.len()])).await;
            assert_eq!(raw.close_code().await, 4109);
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_login_gives_no_right_to_a_longer_frame() {
    Siege::lay("")
        .await
        .withstands(0..PEERS, |address, number| async move {
            let mut guest = Guest::connect(address, &format!("peer-{number}")).await;
            let open = Open { token: Some("none of ours".to_owned()), ..Open::default() };
            let refused = guest.ask(Command::Open(Box::new(open))).await;
            assert!(matches!(refused, Event::Failed { .. }), "{refused:?}");
            guest.raw.send_bytes(&header(BINARY, LOGIN as u64 + 1)).await;
            assert_eq!(guest.raw.close_code().await, 4109);
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_over_64_kib_is_refused_by_its_header() {
    let lengths = [FRAME as u64 + 1, 1 << 32, i64::MAX as u64, 1 << 63, u64::MAX];
    Siege::lay("")
        .await
        .withstands(0..PEERS, |address, number| async move {
            let mut raw = log_in(address, number).await;
            let first = if number % 2 == 0 { BINARY } else { 0x02 };
            raw.send_bytes(&header(first, lengths[number % lengths.len()])).await;
            assert_eq!(raw.close_code().await, 4109);
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_over_64_kib_is_refused_at_the_fragment_that_is_too_much() {
    Siege::lay("")
        .await
        // Each of them holds 64 KiB at both ends.
        .withstands(0..20, |address, number| async move {
            let mut raw = log_in(address, number).await;
            raw.send(0x02, &[0; FRAME / 2]).await;
            raw.send(0x00, &[0; FRAME / 2]).await;
            raw.send_bytes(&header(0x80, 1)).await;
            assert_eq!(raw.close_code().await, 4109);
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_64_fragments_are_refused_and_64_are_not() {
    Siege::lay("")
        .await
        .withstands(0..PEERS, |address, number| async move {
            let mut raw = Raw::connect(address, "lc.protobuf2.3").await;
            raw.send_bytes(&fragments(FRAGMENTS, &echo(Format::Binary, 7), true)).await;
            assert_echo(&mut raw, Format::Binary, 7).await;
            raw.send_bytes(&fragments(FRAGMENTS + 1, &[], false)).await;
            if number == 0 {
                // A million of them.
                let many = masked(0, b"").repeat(1000);
                for _ in 0..1000 {
                    raw.send_bytes(&many).await;
                }
            }
            assert_eq!(raw.close_code().await, 4109);
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_of_exactly_64_kib_is_read() {
    Siege::lay("")
        .await
        .withstands(0..20, |address, number| async move {
            let mut guest = Guest::connect_json(address, &format!("peer-{number}")).await;
            guest.open(Open::default()).await;
            let mut payload = echo(Format::Json, 7);
            payload.resize(FRAME, b' ');
            guest.raw.send(TEXT, &payload).await;
            assert_echo(&mut guest.raw, Format::Json, 7).await;
        })
        .await;
}

/// A client that still writes takes a reset for a lost connection, and never reads why it was closed.
#[tokio::test(flavor = "multi_thread")]
async fn the_code_arrives_while_the_refused_bytes_are_still_on_their_way() {
    Siege::lay("")
        .await
        .withstands(0..PEERS, |address, _| async move {
            let mut raw = Raw::connect(address, "lc.protobuf2.3").await;
            raw.send_bytes(&header(BINARY, FRAME as u64 + 1)).await;
            raw.stream.readable().await.unwrap();
            for _ in 0..FRAME / 1024 {
                raw.stream.write_all(&[0; 1024]).await.expect("nobody reset the connection");
                tokio::task::yield_now().await;
            }
            let (first, payload) = raw.next().await.unwrap();
            assert_eq!((first, &payload[..2]), (CLOSE, &4109_u16.to_be_bytes()[..]));
            assert_eq!(raw.stream.read(&mut [0]).await.unwrap(), 0, "an end, not a reset");
        })
        .await;
}
