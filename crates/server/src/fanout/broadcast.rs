//! One event for many members: its frames, made once per format and shared.

use std::sync::OnceLock;

use bytes::Bytes;
use grandstand_protocol::{ClientId, Downlink, Encoded, Event, Format, Level, Patch, Push, peer_suffix};
use grandstand_room::clock::Millis;

use crate::{
    cluster::{Except, RoomNews},
    gateway::{
        frames::data_frame,
        outbox::{Frame, MessageMark, Shed},
        receipts::Receipt,
    },
    router::{Session, Style},
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
    /// Of a message: what a patch finds it by. Of a patch: the message that it changes.
    message: Option<MessageMark>,
    /// Of a patch: the whole message as it is now, for members that have not got it yet.
    edited: OnceLock<Box<Broadcast>>,
}

impl Broadcast {
    pub fn new(news: RoomNews, now: Millis) -> Self {
        let message = match &news.event {
            Event::Message(push) => Some(MessageMark::of(&push.message)),
            Event::Patched(patch) => Some(MessageMark::of(&patch.message)),
            _ => None,
        };
        Self {
            downlink: Downlink { serial: None, peer: None, server_time: Some(now.0), event: news.event },
            level: news.level,
            number: news.number,
            except: news.except,
            encoded: Default::default(),
            frames: Default::default(),
            message,
            edited: OnceLock::new(),
        }
    }

    /// Puts the event into a member's outbox, unless it is not for that member.
    pub fn send_to(&self, session: &Session, epoch: u64) {
        if let Some(shed) = self.edit_waiting(session) {
            count_shed(shed);
        } else if let Some(frame) = self.frame_if_for(session, epoch) {
            count_shed(session.outbox.push(self.level, frame));
        }
    }

    /// The event as a frame for a session, shared where no `peerId` is needed; `None` when it is not for it.
    /// `epoch` is of the member's stay in the room.
    pub fn frame_if_for(&self, session: &Session, epoch: u64) -> Option<Frame> {
        if !self.is_for(session) {
            return None;
        }
        let bytes = self.bytes_for(session);
        let member = session.identity.session;
        let number = self.number.filter(|_| self.level == Level::High);
        let receipt = number.map(|number| Receipt { member, epoch, number });
        let message = self.message.filter(|_| matches!(self.downlink.event, Event::Message(_)));
        Some(Frame { bytes, member: Some(member), receipt, message })
    }

    /// A patch, which is HIGH, would overtake a message that still waits: the member gets that message as it is now,
    /// and no patch. So does the session that made the patch. `None` when this is no patch or nothing waits.
    fn edit_waiting(&self, session: &Session) -> Option<Shed> {
        let Event::Patched(patch) = &self.downlink.event else { return None };
        session.outbox.edit(session.identity.session, self.message?, || {
            self.edited.get_or_init(|| Box::new(self.as_edited(patch))).bytes_for(session)
        })
    }

    fn as_edited(&self, patch: &Patch) -> Self {
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
        let downlink = Downlink { event, ..self.downlink.clone() };
        Self {
            downlink,
            level: self.level,
            number: None,
            except: Except::Nobody,
            encoded: Default::default(),
            frames: Default::default(),
            message: self.message,
            edited: OnceLock::new(),
        }
    }

    fn bytes_for(&self, session: &Session) -> Bytes {
        if session.style.omits_peer() {
            self.shared(session.style.format)
        } else {
            self.own(&session.style, &session.identity.client)
        }
    }

    fn is_for(&self, session: &Session) -> bool {
        // The first generation crashes on, or misreads, commands that it does not know.
        if session.style.first_generation && matches!(self.downlink.event, Event::Patched(_)) {
            return false;
        }
        match &self.except {
            Except::Nobody => true,
            Except::Session(sender) => session.identity.session != *sender,
            Except::Client(sender) => session.identity.client != *sender,
        }
    }

    fn shared(&self, format: Format) -> Bytes {
        let frame = self.frames[index(format)].get_or_init(|| {
            let encoded = self.encoded(format);
            data_frame(encoded.text, &[&encoded.payload])
        });
        frame.clone()
    }

    /// With `peerId`: appended in binary, because protobuf fields may stand in any order; encoded anew in text.
    fn own(&self, style: &Style, client: &ClientId) -> Bytes {
        if style.format == Format::Binary {
            let encoded = self.encoded(Format::Binary);
            return data_frame(false, &[&encoded.payload, &peer_suffix(client.as_str())]);
        }
        let addressed = Downlink { peer: Some(client.to_string()), ..self.downlink.clone() };
        let encoded = addressed.encode(style.format);
        data_frame(encoded.text, &[&encoded.payload])
    }

    fn encoded(&self, format: Format) -> &Encoded {
        self.encoded[index(format)].get_or_init(|| self.downlink.encode(format))
    }
}

fn index(format: Format) -> usize {
    match format {
        Format::Binary => 0,
        Format::Base64 => 1,
        Format::Json => 2,
    }
}

/// Whatever is left out is counted.
fn count_shed(shed: Shed) {
    if shed.normal > 0 {
        metrics::counter!("grandstand_shed_total", "level" => "normal", "cause" => "behind")
            .increment(u64::from(shed.normal));
    }
    if shed.low > 0 {
        metrics::counter!("grandstand_shed_total", "level" => "low", "cause" => "behind")
            .increment(u64::from(shed.low));
    }
}
