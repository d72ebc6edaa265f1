//! One event for many members: its frames, made once per format and shared.

use std::sync::OnceLock;

use bytes::Bytes;
use grandstand_protocol::{ClientId, Downlink, Encoded, Event, Format, Level, MessageId, Push, peer_suffix};
use grandstand_room::{account::Message, clock::Millis};

use crate::{
    cluster::{Except, RoomNews},
    gateway::frames::{append_data_frame, data_frame},
};

/// An event on its way to the members of a room.
#[derive(Debug)]
pub struct Broadcast {
    downlink: Downlink,
    level: Level,
    number: Option<u64>,
    except: Except,
    /// Encoded without `peerId`, for each format.
    encoded: [OnceLock<Encoded>; 3],
    /// The same with WebSocket headers: what is shared by members that need no `peerId`.
    frames: [OnceLock<Bytes>; 3],
    /// Whether it is what is left of a recalled message.
    is_stub: bool,
}

impl Broadcast {
    /// What a frame is larger than the body of its message, roughly. Only bounds are reckoned with it.
    pub(crate) const AROUND_BODY: usize = 120;

    pub fn new(news: RoomNews, now: Millis) -> Self {
        Self {
            downlink: Downlink { serial: None, peer: None, server_time: Some(now.0), event: news.event },
            level: news.level,
            number: news.number,
            except: news.except,
            encoded: Default::default(),
            frames: Default::default(),
            is_stub: false,
        }
    }

    pub(crate) fn level(&self) -> Level {
        self.level
    }

    pub(crate) fn except(&self) -> &Except {
        &self.except
    }

    /// Its number in the room, if it is a stored HIGH message: those are confirmed.
    pub(super) fn confirmed_number(&self) -> Option<u64> {
        self.number.filter(|_| self.level == Level::High)
    }

    pub(super) fn is_stub(&self) -> bool {
        self.is_stub
    }

    /// Bytes of its frame, about.
    pub(super) fn size(&self) -> usize {
        Self::AROUND_BODY
            + match &self.downlink.event {
                Event::Message(push) => push.body.len(),
                Event::Patched(patch) => patch.body.len(),
                _ => 0,
            }
    }

    /// The message that it carries, for the account.
    pub(super) fn account_entry(&self) -> Option<Message> {
        let Event::Message(push) = &self.downlink.event else { return None };
        Some(Message { id: push.message.clone(), number: self.number })
    }

    /// Whether it is an edit or a recall.
    pub(crate) fn is_patch(&self) -> bool {
        matches!(self.downlink.event, Event::Patched(_))
    }

    /// Of a message, an edit or a recall: which message, and when it was edited last.
    pub(crate) fn state_of_message(&self) -> Option<(&MessageId, Option<i64>)> {
        match &self.downlink.event {
            Event::Message(push) => Some((&push.message, push.patched_at)),
            Event::Patched(patch) => Some((&patch.message, Some(patch.patched_at))),
            _ => None,
        }
    }

    pub(crate) fn patched_at(&self) -> Option<i64> {
        self.state_of_message().and_then(|(_, time)| time)
    }

    /// Of an edit or a recall: whether this is the message that it changes.
    pub(super) fn changes(&self, message: &Self) -> bool {
        match (&self.downlink.event, &message.downlink.event) {
            (Event::Patched(patch), Event::Message(push)) => patch.message == push.message,
            _ => false,
        }
    }

    /// Of an edit or a recall: the message as it is now, for members that have not got it yet.
    pub(crate) fn edited(&self, message: &Self) -> Option<Self> {
        let Event::Patched(patch) = &self.downlink.event else { return None };
        let event = Event::Message(Box::new(Push {
            room: patch.room.clone(),
            message: patch.message.clone(),
            timestamp: patch.timestamp,
            from: patch.from.clone(),
            body: patch.body.clone(),
            transient: false,
            mentions: patch.mentions.clone(),
            patched_at: Some(patch.patched_at),
        }));
        Some(Self {
            downlink: Downlink { event, ..self.downlink.clone() },
            level: message.level,
            number: message.number,
            except: message.except.clone(),
            encoded: Default::default(),
            frames: Default::default(),
            is_stub: patch.recall,
        })
    }

    /// Whether members of this kind are told: the first generation crashes on, or misreads, commands that it does not
    /// know.
    pub(crate) fn is_understood(&self, first_generation: bool) -> bool {
        !first_generation || is_old(&self.downlink.event)
    }

    /// Appends the frame in this format; with the client's id where the client needs it.
    pub(crate) fn append_to(&self, bytes: &mut Vec<u8>, format: Format, addressee: Option<&ClientId>) {
        match addressee {
            None => bytes.extend_from_slice(self.shared(format)),
            // Protobuf fields may stand in any order.
            Some(client) if format == Format::Binary => {
                let encoded = self.encoded(Format::Binary);
                append_data_frame(bytes, false, &[&encoded.payload, &peer_suffix(client.as_str())]);
            }
            Some(client) => {
                let addressed = Downlink { peer: Some(client.to_string()), ..self.downlink.clone() };
                let encoded = addressed.encode(format);
                append_data_frame(bytes, encoded.text, &[&encoded.payload]);
            }
        }
    }

    fn shared(&self, format: Format) -> &Bytes {
        self.frames[index(format)].get_or_init(|| {
            let encoded = self.encoded(format);
            data_frame(encoded.text, &[&encoded.payload])
        })
    }

    fn encoded(&self, format: Format) -> &Encoded {
        self.encoded[index(format)].get_or_init(|| self.downlink.encode(format))
    }
}

/// Whether the first generation knows this event.
pub(super) fn is_old(event: &Event) -> bool {
    !matches!(event, Event::Patched(_) | Event::Notice(_) | Event::RoleChanged { .. })
}

fn index(format: Format) -> usize {
    match format {
        Format::Binary => 0,
        Format::Base64 => 1,
        Format::Json => 2,
    }
}
