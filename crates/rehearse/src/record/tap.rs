//! Reads along with one side of a WebSocket: bytes as they pass, in whatever pieces, become messages.

use std::io::Cursor;

use tungstenite::protocol::frame::{
    FrameHeader,
    coding::{Control, Data, OpCode},
};

use crate::recording::Content;
use crate::redact::{Digest, Redactor};

/// Longer messages are not read, only counted: history pages are well below.
const LONGEST: usize = 1024 * 1024;

/// Two bytes, a length of eight, a mask of four.
const LONGEST_HEADER: usize = 14;

/// What passed.
pub(super) enum Seen {
    Message {
        text: bool,
        payload: Vec<u8>,
    },
    Long {
        text: bool,
        content: Content,
    },
    Ping(usize),
    Pong(usize),
    Close {
        code: Option<u16>,
        reason: String,
    },
    /// From here on it is no WebSocket.
    Broken(&'static str),
}

pub(super) struct Tap {
    redactor: Redactor,
    state: State,
    message: Option<Message>,
    /// Bytes behind [`Seen::Broken`].
    pub(super) unreadable: usize,
}

enum State {
    Header(Vec<u8>),
    Payload { frame: Frame, left: u64, at: usize },
    Broken,
}

struct Frame {
    mask: Option<[u8; 4]>,
    last: bool,
    /// `None` for parts of messages.
    control: Option<(Control, Vec<u8>)>,
}

/// A message under way.
struct Message {
    text: bool,
    kept: Vec<u8>,
    /// Set when it has become too long to be kept.
    long: Option<Digest>,
}

impl Tap {
    pub(super) fn new(redactor: Redactor) -> Self {
        Self { redactor, state: State::Header(Vec::new()), message: None, unreadable: 0 }
    }

    /// Takes bytes; calls `seen` with each thing that is complete with them.
    pub(super) fn feed(&mut self, mut bytes: &[u8], seen: &mut Vec<Seen>) {
        while !bytes.is_empty() {
            match &mut self.state {
                State::Broken => {
                    self.unreadable += bytes.len();
                    return;
                }
                State::Header(header) => {
                    header.push(bytes[0]);
                    bytes = &bytes[1..];
                    let state = self.begin();
                    self.enter(state, seen);
                }
                State::Payload { frame, left, at } => {
                    let here = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                    let mut part = bytes[..here].to_vec();
                    bytes = &bytes[here..];
                    if let Some(mask) = frame.mask {
                        part.iter_mut().zip(*at..).for_each(|(byte, at)| *byte ^= mask[at % 4]);
                    }
                    (*left, *at) = (*left - here as u64, (*at + here) % 4);
                    let done = *left == 0;
                    match (&mut frame.control, &mut self.message) {
                        (Some((_, payload)), _) => payload.extend(part),
                        (None, Some(message)) => message.extend(&part, &self.redactor),
                        (None, None) => {}
                    }
                    if done {
                        self.finish(seen);
                    }
                }
            }
        }
    }

    /// What the header says, once it is complete.
    fn begin(&mut self) -> Result<Option<(Frame, u64)>, &'static str> {
        let State::Header(bytes) = &self.state else { return Ok(None) };
        let parsed = FrameHeader::parse(&mut Cursor::new(bytes)).map_err(|_| "a frame's header is none")?;
        let Some((header, length)) = parsed else {
            return if bytes.len() < LONGEST_HEADER { Ok(None) } else { Err("a frame's header is none") };
        };
        if header.rsv1 || header.rsv2 || header.rsv3 {
            return Err("a reserved bit is set");
        }
        let control = match header.opcode {
            OpCode::Control(Control::Reserved(_)) | OpCode::Data(Data::Reserved(_)) => {
                return Err("an unknown opcode");
            }
            OpCode::Control(_) if length > 125 || !header.is_final => {
                return Err("a control frame that is none");
            }
            OpCode::Control(control) => Some((control, Vec::new())),
            OpCode::Data(Data::Continue) if self.message.is_none() => {
                return Err("a continuation of nothing");
            }
            OpCode::Data(Data::Continue) => None,
            OpCode::Data(_) if self.message.is_some() => return Err("a message inside another"),
            OpCode::Data(kind) => {
                self.message = Some(Message { text: kind == Data::Text, kept: Vec::new(), long: None });
                None
            }
        };
        Ok(Some((Frame { mask: header.mask, last: header.is_final, control }, length)))
    }

    fn enter(&mut self, begun: Result<Option<(Frame, u64)>, &'static str>, seen: &mut Vec<Seen>) {
        match begun {
            Ok(None) => {}
            Ok(Some((frame, left))) => {
                self.state = State::Payload { frame, left, at: 0 };
                if left == 0 {
                    self.finish(seen);
                }
            }
            Err(why) => {
                self.state = State::Broken;
                self.message = None;
                seen.push(Seen::Broken(why));
            }
        }
    }

    /// A frame is complete.
    fn finish(&mut self, seen: &mut Vec<Seen>) {
        let State::Payload { frame, .. } = std::mem::replace(&mut self.state, State::Header(Vec::new()))
        else {
            return;
        };
        match frame.control {
            Some((Control::Ping, payload)) => seen.push(Seen::Ping(payload.len())),
            Some((Control::Pong, payload)) => seen.push(Seen::Pong(payload.len())),
            Some((_, payload)) => {
                let code = payload.first_chunk().map(|code| u16::from_be_bytes(*code));
                let reason = String::from_utf8_lossy(payload.get(2..).unwrap_or_default()).into_owned();
                seen.push(Seen::Close { code, reason });
            }
            None if frame.last => seen.extend(self.message.take().map(Message::seen)),
            None => {}
        }
    }
}

impl Message {
    fn extend(&mut self, part: &[u8], redactor: &Redactor) {
        if self.long.is_none() && self.kept.len() + part.len() > LONGEST {
            let mut digest = redactor.digest();
            digest.update(&std::mem::take(&mut self.kept));
            self.long = Some(digest);
        }
        match &mut self.long {
            Some(digest) => digest.update(part),
            None => self.kept.extend_from_slice(part),
        }
    }

    fn seen(self) -> Seen {
        match self.long {
            Some(digest) => Seen::Long { text: self.text, content: digest.content() },
            None => Seen::Message { text: self.text, payload: self.kept },
        }
    }
}

#[cfg(test)]
mod tests {
    use tungstenite::protocol::frame::{CloseFrame, Frame as Written};

    use super::*;

    /// What is seen of these bytes, whichever pieces they come in.
    #[track_caller]
    fn check(bytes: &[u8], expected: &[&str]) {
        for piece in [1, 3, bytes.len()] {
            let (mut tap, mut seen) = (Tap::new(Redactor::new(false)), Vec::new());
            bytes.chunks(piece).for_each(|part| tap.feed(part, &mut seen));
            let seen: Vec<String> = seen.iter().map(shown).collect();
            assert_eq!(seen, expected, "in pieces of {piece}");
        }
    }

    fn shown(seen: &Seen) -> String {
        match seen {
            Seen::Message { text, payload } => format!("{text} {}", String::from_utf8_lossy(payload)),
            Seen::Long { text, content } => format!("{text} long {}", content.bytes),
            Seen::Ping(bytes) => format!("ping {bytes}"),
            Seen::Pong(bytes) => format!("pong {bytes}"),
            Seen::Close { code, reason } => format!("close {code:?} {reason}"),
            Seen::Broken(_) => "broken".to_owned(),
        }
    }

    fn written(frames: Vec<Written>, masked: bool) -> Vec<u8> {
        let mut bytes = Vec::new();
        for mut frame in frames {
            frame.header_mut().mask = masked.then_some([1, 2, 3, 4]);
            frame.format(&mut bytes).unwrap();
        }
        bytes
    }

    fn part(text: &'static str, kind: Data, last: bool) -> Written {
        Written::message(text, OpCode::Data(kind), last)
    }

    #[test]
    fn messages_come_whole_and_in_order() {
        for masked in [false, true] {
            let frames = vec![
                part("one", Data::Binary, true),
                part("tw", Data::Text, false),
                Written::ping("now"),
                part("o", Data::Continue, true),
                part("", Data::Text, true),
                Written::pong(""),
                Written::close(Some(CloseFrame { code: 4108.into(), reason: "LOGIN_TIMEOUT".into() })),
                Written::close(None),
            ];
            let expected = [
                "false one",
                "ping 3",
                "true two",
                "true ",
                "pong 0",
                "close Some(4108) LOGIN_TIMEOUT",
                "close None ",
            ];
            check(&written(frames, masked), &expected);
        }
    }

    #[test]
    fn what_is_no_websocket_is_counted_from_there_on() {
        check(b"HTTP/1.1 500 no\r\n", &["broken"]);
        check(b"\x83\x00", &["broken"]);
        check(b"\x80\x00", &["broken"]);
        let (mut tap, mut seen) = (Tap::new(Redactor::new(false)), Vec::new());
        tap.feed(b"\xf1\x00abc", &mut seen);
        assert_eq!((seen.len(), tap.unreadable), (1, 3));
    }

    #[test]
    fn a_long_message_is_counted_and_not_kept() {
        let long = vec![b'x'; LONGEST + 5];
        let frame = Written::message(long.clone(), OpCode::Data(Data::Text), true);
        let bytes = written(vec![frame, part("next", Data::Text, true)], true);
        let (mut tap, mut seen) = (Tap::new(Redactor::new(false)), Vec::new());
        bytes.chunks(1 << 14).for_each(|part| tap.feed(part, &mut seen));
        let redactor = tap.redactor.clone();
        assert!(
            matches!(&seen[0], Seen::Long { text: true, content } if *content == redactor.content(&long))
        );
        assert_eq!(shown(&seen[1]), "true next");
    }
}
