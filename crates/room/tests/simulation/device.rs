//! A device of a user, and what it knows of its stay in a room: the yardstick that the rules are measured by.

use std::collections::BTreeSet;

use grandstand_protocol::{ClientId, RoomId};
use grandstand_room::{
    clock::Millis,
    session::{Device as Marks, SessionId},
};

use crate::dice::Dice;

pub(crate) struct Device {
    pub(crate) client: ClientId,
    pub(crate) tag: Option<&'static str>,
    pub(crate) marks: Marks,
    /// C# never sends a token.
    pub(crate) sends_tokens: bool,
    pub(crate) token: Option<String>,
    /// Its connection, as far as it knows.
    pub(crate) connection: Option<u64>,
    pub(crate) stay: Option<Stay>,
    /// HIGH messages it has.
    pub(crate) received: BTreeSet<(RoomId, u64)>,
}

/// From a join to a leave, drops and returns included.
#[derive(Debug, Clone)]
pub(crate) struct Stay {
    /// Tells stays apart.
    pub(crate) serial: u64,
    pub(crate) room: RoomId,
    pub(crate) session: SessionId,
    /// When the server noticed that its connection was gone; `None` = it is there, or back.
    pub(crate) dropped_at: Option<Millis>,
    /// Another login took its place since then.
    pub(crate) taken: bool,
    /// It goes on under another id than it had: what was sent under the former one counts as somebody else's.
    pub(crate) renamed: bool,
    /// It is owed every HIGH message after this one; `None` until the join is through.
    pub(crate) from: Option<u64>,
    /// The last HIGH message that was new to it.
    pub(crate) newest: u64,
}

impl Stay {
    pub(crate) fn new(serial: u64, room: RoomId, session: SessionId) -> Self {
        Self { serial, room, session, dropped_at: None, taken: false, renamed: false, from: None, newest: 0 }
    }
}

/// A few client ids with one to three devices each. At most one device of a client id is unmarked: two of them cannot
/// be told apart, and nothing exact can be said of either.
pub(crate) fn devices(dice: &mut Dice) -> Vec<Device> {
    let mut devices = Vec::new();
    for name in ["ann", "bob", "cid", "dan"] {
        let client = ClientId::new(name).expect("a client id");
        let tags: [Option<&str>; 3] = match dice.below(6) {
            0 => [Some("mobile"), Some("mobile"), Some("mobile")],
            1 => [Some("mobile"), Some("web"), None],
            _ => [None, None, None],
        };
        let unmarked = dice.below(5);
        for (number, tag) in tags.into_iter().enumerate().take(1 + dice.below(3)) {
            let text = Some(format!("{name} {number}")).filter(|_| number != unmarked);
            let marks = match dice.below(2) {
                0 => Marks { id: text, token: None },
                _ => Marks { id: None, token: text },
            };
            let sends_tokens = number != unmarked && dice.chance(60);
            devices.push(Device {
                client: client.clone(),
                tag,
                marks,
                sends_tokens,
                token: None,
                connection: None,
                stay: None,
                received: BTreeSet::new(),
            });
        }
    }
    devices
}
