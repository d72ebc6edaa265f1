//! What all hostile peers need: a command that is always answered, to see whether the socket lives.

use grandstand_protocol::{Command, Downlink, Event, Format, Request};

use tokio::{
    io::AsyncRead,
    net::tcp::{OwnedReadHalf, OwnedWriteHalf},
};

use crate::raw::{BINARY, Raw, TEXT};

/// The payload of an `echo`, which is answered before and after an open.
pub(crate) fn echo(format: Format, serial: i32) -> Vec<u8> {
    payload(format, serial, Command::Echo)
}

/// The payload of a command from nobody in particular.
pub(crate) fn payload(format: Format, serial: i32, command: Command) -> Vec<u8> {
    let request = Request { app: None, peer: None, serial: Some(serial), command };
    request.encode(format).payload.to_vec()
}

/// The first byte of a frame that carries a command.
pub(crate) fn kind(format: Format) -> u8 {
    if format.is_text() { TEXT } else { BINARY }
}

/// The next answer of the server; anything else but pongs is a failure.
pub(crate) async fn answer(raw: &mut Raw<impl AsyncRead + Unpin>, format: Format) -> Downlink {
    let (first, payload) = raw.next().await.expect("an answer before the end");
    assert_eq!(first, kind(format), "{payload:?}");
    Downlink::decode(format, &payload).unwrap()
}

/// Asserts that the next frame answers an [`echo`].
pub(crate) async fn assert_echo(raw: &mut Raw<impl AsyncRead + Unpin>, format: Format, serial: i32) {
    let told = answer(raw, format).await;
    assert_eq!((told.serial, told.event), (Some(serial), Event::Echo));
}

/// Asserts that the server still reads and answers.
pub(crate) async fn assert_alive(raw: &mut Raw, format: Format) {
    raw.send(kind(format), &echo(format, 1234)).await;
    assert_echo(raw, format, 1234).await;
}

/// Takes a peer apart, so that it can read and write at the same time.
pub(crate) fn split(raw: Raw) -> (Raw<OwnedReadHalf>, OwnedWriteHalf) {
    let Raw { stream, input } = raw;
    let (read, write) = stream.into_split();
    (Raw { stream: read, input }, write)
}
