//! A body on its way: passed on piece by piece, and its beginning kept.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, channel::Sender};
use hyper::body::{Body as _, Incoming};

use super::Shared;
use crate::{
    recording::{Body, Content, Event},
    redact::{Call, Redactor},
};

/// Longer bodies are not read, only counted.
const LONGEST: usize = 1024 * 1024;

/// What was seen of a body.
pub(super) struct Copied {
    kept: Option<Vec<u8>>,
    content: Content,
    /// Whether it came to its end.
    whole: bool,
}

impl Copied {
    /// Of no body.
    pub(super) fn nothing(redactor: &Redactor) -> Self {
        Self { kept: None, content: redactor.content(b""), whole: true }
    }

    fn body(&self, redactor: &Redactor, chat: bool) -> Body {
        redactor.kept(chat, self.kept.as_deref(), self.content.clone())
    }
}

/// Pieces that come from one side and go to the other.
pub(super) struct Copy {
    from: Incoming,
    to: Sender<Bytes, Broken>,
    redactor: Redactor,
}

/// The body did not come to its end, so that what was passed on must not, either.
#[derive(Debug, thiserror::Error)]
#[error("the body was cut off on its way")]
pub(super) struct Broken;

impl Copy {
    pub(super) fn new(from: Incoming, to: Sender<Bytes, Broken>, redactor: Redactor) -> Self {
        Self { from, to, redactor }
    }

    /// Passes all of it on. `note` is written before the receiver learns that it is over.
    pub(super) async fn run(mut self, note: Note) {
        let mut digest = self.redactor.digest();
        let mut kept = Some(Vec::new());
        let mut last = None;
        let whole = loop {
            let data = match self.from.frame().await {
                None => break true,
                Some(Err(_)) => break false,
                Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
            };
            digest.update(&data);
            kept = kept.filter(|kept: &Vec<u8>| kept.len() + data.len() <= LONGEST);
            if let Some(kept) = &mut kept {
                kept.extend_from_slice(&data);
            }
            if self.from.is_end_stream() {
                // Where a length was announced, this piece says that it is over.
                last = Some(data);
                break true;
            }
            if self.to.send_data(data).await.is_err() {
                break false;
            }
        };
        note.write(Copied { kept, content: digest.content(), whole }).await;
        if let Some(piece) = last {
            // Who does not want it has gone.
            let _ = self.to.send_data(piece).await;
        }
        if !whole {
            self.to.abort(Broken);
        }
    }
}

/// What is written down when a body is complete.
pub(super) struct Note {
    pub(super) shared: Arc<Shared>,
    pub(super) connection: u64,
    pub(super) what: What,
}

/// Whose body it is.
pub(super) enum What {
    Request(Box<Call>),
    Answer {
        exchange: u64,
        status: u16,
        chat: bool,
    },
    /// A refused upgrade: what it says is passed on only.
    Nothing,
}

impl Note {
    pub(super) async fn write(self, copied: Copied) {
        let redactor = &self.shared.redactor;
        let event = match self.what {
            What::Request(call) => {
                let chat = call.chat;
                Event::Request(Box::new(call.with(copied.body(redactor, chat))))
            }
            What::Answer { exchange, status, chat } if copied.whole => {
                Event::Answer { exchange, status, body: copied.body(redactor, chat) }
            }
            What::Answer { exchange, status, .. } => {
                Event::Unanswered { exchange, note: format!("the answer {status} was cut off") }
            }
            What::Nothing => return,
        };
        self.shared.journal.note(self.connection, event).await;
    }
}
