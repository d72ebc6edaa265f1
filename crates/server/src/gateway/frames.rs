//! WebSocket frames from bytes: a decoder without I/O that holds memory only while a message is under way.
//!
//! Headers are parsed by tungstenite; what is ours are the limits, which are decided by a frame's header before
//! anything is allocated for it (decision record 0002).

use std::io::Cursor;

use bytes::{Buf, Bytes, BytesMut};
use tungstenite::protocol::frame::{
    FrameHeader,
    coding::{CloseCode, Control, Data, OpCode},
};

use super::close::Close;

/// What one client message may take.
#[derive(Debug, Clone, Copy)]
pub struct FrameLimits {
    /// Bytes of a message, all its fragments together.
    pub message: usize,
    /// Fragments of a message.
    pub fragments: u32,
}

/// One thing that a client said.
#[derive(Debug, PartialEq, Eq)]
pub enum Incoming {
    /// A whole message, unmasked; checked UTF-8 when it is text.
    Message { text: bool, payload: Bytes },
    /// To be answered with the same bytes.
    Ping(Bytes),
    /// An answer to a ping of ours, or unsolicited.
    Pong(Bytes),
    /// The client closes.
    Close,
}

/// Collects bytes, gives out messages. One for each connection.
#[derive(Debug)]
pub struct Frames {
    limits: FrameLimits,
    /// Bytes not yet understood.
    input: BytesMut,
    /// A frame whose header is read and whose payload is awaited.
    header: Option<Header>,
    /// A message whose last fragment has not come. Boxed: there is hardly ever one.
    message: Option<Box<Fragments>>,
}

#[derive(Debug, Clone, Copy)]
struct Header {
    opcode: OpCode,
    last: bool,
    mask: [u8; 4],
    length: usize,
}

#[derive(Debug)]
struct Fragments {
    text: bool,
    payload: BytesMut,
    count: u32,
}

impl Frames {
    pub fn new(limits: FrameLimits) -> Self {
        Self { limits, input: BytesMut::new(), header: None, message: None }
    }

    /// Lets messages have so many bytes from now on.
    pub fn allow(&mut self, message: usize) {
        self.limits.message = message;
    }

    /// Takes bytes as they came from the socket.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
    }

    /// Whether a frame or a message has begun and not ended.
    pub fn unfinished(&self) -> bool {
        self.message.is_some() || self.header.is_some() || !self.input.is_empty()
    }

    /// Whether a message is under way: control frames may come before its end.
    pub fn within_message(&self) -> bool {
        self.message.is_some()
    }

    /// The next thing the client said, or `None` when more bytes are needed. After an error the connection closes.
    pub fn pop(&mut self) -> Result<Option<Incoming>, Close> {
        loop {
            let Some(header) = self.next_header()? else { return Ok(None) };
            if self.input.len() < header.length {
                return Ok(None);
            }
            self.header = None;
            let mut payload = self.input.split_to(header.length);
            if self.input.is_empty() {
                self.input = BytesMut::new();
            }
            unmask(&mut payload, header.mask);
            if let Some(incoming) = self.frame(header, payload)? {
                return Ok(Some(incoming));
            }
        }
    }

    fn next_header(&mut self) -> Result<Option<Header>, Close> {
        if self.header.is_none() {
            self.header = self.parse_header()?;
        }
        Ok(self.header)
    }

    fn parse_header(&mut self) -> Result<Option<Header>, Close> {
        let [first, second, ..] = self.input[..] else { return Ok(None) };
        let masked = second & 0x80 != 0;
        if first & 0x70 != 0 || !masked {
            return Err(Close::PROTOCOL);
        }
        let mut cursor = Cursor::new(&self.input[..]);
        let Some((header, length)) = FrameHeader::parse(&mut cursor).map_err(|_| Close::PROTOCOL)? else {
            return Ok(None);
        };
        let end = usize::try_from(cursor.position()).map_err(|_| Close::PROTOCOL)?;
        let mask = self.input[end - 4..end].try_into().map_err(|_| Close::PROTOCOL)?;
        let length = self.check(&header, length)?;
        self.input.advance(end);
        Ok(Some(Header { opcode: header.opcode, last: header.is_final, mask, length }))
    }

    /// Everything a header alone can tell, before its payload is waited for.
    fn check(&self, header: &FrameHeader, length: u64) -> Result<usize, Close> {
        let begun = self.message.as_ref();
        match header.opcode {
            OpCode::Control(_) if !header.is_final || length > 125 => return Err(Close::PROTOCOL),
            OpCode::Data(Data::Continue) if begun.is_none() => return Err(Close::PROTOCOL),
            OpCode::Data(Data::Text | Data::Binary) if begun.is_some() => return Err(Close::PROTOCOL),
            _ => {}
        }
        let (bytes, fragments) = begun.map_or((0, 0), |message| (message.payload.len(), message.count));
        let length = usize::try_from(length).map_err(|_| Close::TOO_LONG)?;
        let is_data = matches!(header.opcode, OpCode::Data(_));
        if length > self.limits.message.saturating_sub(bytes) && is_data {
            return Err(Close::TOO_LONG);
        }
        if is_data && !header.is_final && fragments + 1 >= self.limits.fragments {
            return Err(Close::TOO_LONG);
        }
        Ok(length)
    }

    fn frame(&mut self, header: Header, payload: BytesMut) -> Result<Option<Incoming>, Close> {
        match header.opcode {
            OpCode::Control(Control::Ping) => Ok(Some(Incoming::Ping(payload.freeze()))),
            OpCode::Control(Control::Pong) => Ok(Some(Incoming::Pong(payload.freeze()))),
            OpCode::Control(Control::Close) => closing(&payload).map(Some),
            OpCode::Data(kind @ (Data::Text | Data::Binary)) => {
                self.begin(kind == Data::Text, payload, header.last)
            }
            OpCode::Data(Data::Continue) => self.go_on(&payload, header.last),
            OpCode::Control(Control::Reserved(_)) | OpCode::Data(Data::Reserved(_)) => Err(Close::PROTOCOL),
        }
    }

    fn begin(&mut self, text: bool, payload: BytesMut, last: bool) -> Result<Option<Incoming>, Close> {
        if last {
            return whole(text, payload).map(Some);
        }
        self.message = Some(Box::new(Fragments { text, payload, count: 1 }));
        Ok(None)
    }

    fn go_on(&mut self, payload: &[u8], last: bool) -> Result<Option<Incoming>, Close> {
        let mut message = self.message.take().ok_or(Close::PROTOCOL)?;
        message.payload.extend_from_slice(payload);
        message.count += 1;
        if last {
            return whole(message.text, message.payload).map(Some);
        }
        self.message = Some(message);
        Ok(None)
    }
}

fn whole(text: bool, payload: BytesMut) -> Result<Incoming, Close> {
    if text && std::str::from_utf8(&payload).is_err() {
        return Err(Close::NOT_UTF8);
    }
    Ok(Incoming::Message { text, payload: payload.freeze() })
}

fn closing(payload: &[u8]) -> Result<Incoming, Close> {
    match payload {
        [] => Ok(Incoming::Close),
        [_] => Err(Close::PROTOCOL),
        [high, low, reason @ ..] => {
            if !CloseCode::from(u16::from_be_bytes([*high, *low])).is_allowed() {
                return Err(Close::PROTOCOL);
            }
            std::str::from_utf8(reason).map(|_| Incoming::Close).map_err(|_| Close::NOT_UTF8)
        }
    }
}

/// By eight bytes at a time, which the compiler makes wider still; one byte after the other takes many times as long.
fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    let wide = u64::from_ne_bytes([mask[0], mask[1], mask[2], mask[3], mask[0], mask[1], mask[2], mask[3]]);
    let mut chunks = payload.chunks_exact_mut(8);
    for chunk in &mut chunks {
        for (byte, key) in chunk.iter_mut().zip(wide.to_ne_bytes()) {
            *byte ^= key;
        }
    }
    for (byte, key) in chunks.into_remainder().iter_mut().zip(mask.iter().cycle()) {
        *byte ^= key;
    }
}

/// A server frame: header and payload in one piece, ready for any number of sockets.
pub fn frame(opcode: OpCode, parts: &[&[u8]]) -> Bytes {
    let mut out = Vec::with_capacity(parts.iter().map(|part| part.len()).sum::<usize>() + 10);
    append_frame(&mut out, opcode, parts);
    out.into()
}

/// A server data frame.
pub fn data_frame(text: bool, parts: &[&[u8]]) -> Bytes {
    frame(data(text), parts)
}

/// A server data frame behind others.
pub(crate) fn append_data_frame(out: &mut Vec<u8>, text: bool, parts: &[&[u8]]) {
    append_frame(out, data(text), parts);
}

fn append_frame(out: &mut Vec<u8>, opcode: OpCode, parts: &[&[u8]]) {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let header = FrameHeader { is_final: true, opcode, ..FrameHeader::default() };
    header.format(length as u64, out).expect("writing to a vector cannot fail");
    for part in parts {
        out.extend_from_slice(part);
    }
}

fn data(text: bool) -> OpCode {
    OpCode::Data(if text { Data::Text } else { Data::Binary })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: FrameLimits = FrameLimits { message: 100, fragments: 4 };

    /// A client frame by hand: first byte, then payload masked with 1, 2, 3, 4.
    fn client(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut out = vec![first];
        match payload.len() {
            n @ 0..=125 => out.push(0x80 | n as u8),
            n => out.extend([0x80 | 126, (n >> 8) as u8, n as u8]),
        }
        out.extend([1, 2, 3, 4]);
        out.extend(payload.iter().zip([1u8, 2, 3, 4].iter().cycle()).map(|(byte, key)| byte ^ key));
        out
    }

    fn check(bytes: &[u8], expected: &[Result<Incoming, Close>]) {
        for step in [1, 3, bytes.len()] {
            let mut frames = Frames::new(LIMITS);
            let mut seen = Vec::new();
            'all: for chunk in bytes.chunks(step) {
                frames.feed(chunk);
                loop {
                    match frames.pop() {
                        Ok(Some(incoming)) => seen.push(Ok(incoming)),
                        Ok(None) => break,
                        Err(close) => {
                            seen.push(Err(close));
                            break 'all;
                        }
                    }
                }
            }
            assert_eq!(seen, expected, "in steps of {step}");
        }
    }

    fn binary(payload: &'static [u8]) -> Result<Incoming, Close> {
        Ok(Incoming::Message { text: false, payload: Bytes::from_static(payload) })
    }

    #[test]
    fn whole_messages_and_control_frames_between_fragments() {
        check(&client(0x82, b"0123456789"), &[binary(b"0123456789")]);
        let fragmented =
            [client(0x02, b"ab"), client(0x89, b"?"), client(0x80, b"cd"), client(0x8a, b"!")].concat();
        let expected = [Ok(Incoming::Ping("?".into())), binary(b"abcd"), Ok(Incoming::Pong("!".into()))];
        check(&fragmented, &expected);
    }

    #[test]
    fn faults_are_told_by_their_close_code() {
        check(&[0x82, 0x01, b'x'], &[Err(Close::PROTOCOL)]); // unmasked
        check(&client(0xc2, b"x"), &[Err(Close::PROTOCOL)]); // reserved bit
        check(&client(0x83, b"x"), &[Err(Close::PROTOCOL)]); // reserved opcode
        check(&client(0x80, b"x"), &[Err(Close::PROTOCOL)]); // nothing to continue
        check(&client(0x09, b"x"), &[Err(Close::PROTOCOL)]); // fragmented ping
        check(&client(0x88, b"x"), &[Err(Close::PROTOCOL)]); // half a close code
        check(&client(0x88, &[0x03, 0xed]), &[Err(Close::PROTOCOL)]); // close code 1005
        check(&client(0x81, &[0xff]), &[Err(Close::NOT_UTF8)]);
        check(&[client(0x02, b"a"), client(0x82, b"b")].concat(), &[Err(Close::PROTOCOL)]);
    }

    #[test]
    fn too_much_is_refused_by_the_header_alone() {
        let header_of_101 = &client(0x82, &[0; 101])[..8];
        check(&[header_of_101, &[0; 2]].concat()[..8], &[Err(Close::TOO_LONG)]);
        let huge = [0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];
        check(&huge, &[Err(Close::TOO_LONG)]);
        let fragments =
            [client(0x02, b"a"), client(0x00, b"b"), client(0x00, b"c"), client(0x00, b"d")].concat();
        check(&fragments, &[Err(Close::TOO_LONG)]);
    }

    #[test]
    fn a_limit_that_changes_holds_for_the_next_header() {
        let mut frames = Frames::new(LIMITS);
        frames.feed(&[client(0x82, &[0; 100]), client(0x82, &[0; 101]), client(0x82, &[0; 102])].concat());
        assert!(frames.pop().is_ok_and(|incoming| incoming.is_some()));
        frames.allow(101);
        assert!(frames.pop().is_ok_and(|incoming| incoming.is_some()));
        assert_eq!(frames.pop(), Err(Close::TOO_LONG));
    }

    #[test]
    fn nothing_is_held_between_messages() {
        let mut frames = Frames::new(LIMITS);
        frames.feed(&client(0x82, b"0123456789"));
        assert!(frames.unfinished());
        assert!(frames.pop().is_ok_and(|incoming| incoming.is_some()));
        assert!(!frames.unfinished());
        assert_eq!(frames.input.capacity(), 0);
    }
}
