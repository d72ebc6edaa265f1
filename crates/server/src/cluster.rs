//! What nodes tell each other. One node tells itself.

mod local;

use std::collections::HashSet;

use async_trait::async_trait;
use grandstand_protocol::{AppId, ClientId, Event, Fault, Level, RoomId};
use grandstand_room::{session::SessionId, switches::OneRoomPer};

use crate::router::Session;

pub use local::LocalBus;

/// Tells every node, the sender's own among them. At most once, in no order: whoever needs more asks the store.
#[async_trait]
pub trait Bus: Send + Sync + 'static {
    /// Returns when the news is on its way; for this node it has arrived.
    async fn publish(&self, news: News);
}

/// One piece of news.
#[derive(Debug, Clone)]
pub enum News {
    /// Something for the members of a room.
    Room(RoomNews),
    /// An edit or a recall of which only those hear who have not got the message yet.
    Amended(RoomNews),
    /// A client id is in a room now, and in no other.
    Claimed { app: AppId, client: ClientId, room: RoomId, epoch: u64, scope: OneRoomPer },
    /// All sessions of a client id ended for good; they hear why.
    Ended { app: AppId, client: ClientId, fault: Fault },
    /// A room is gone.
    Dissolved { app: AppId, room: RoomId },
    /// The rules of a room have changed, and these clients may not be there any more.
    Moderated { app: AppId, room: RoomId, expelled: Vec<ClientId> },
    /// These clients were taken out of a room, and may join it again.
    Expelled { app: AppId, room: RoomId, clients: Vec<ClientId> },
    /// Something for these clients, in whichever room they are.
    Told { app: AppId, clients: Vec<ClientId>, event: Event },
    /// The bans of an app have changed.
    BansChanged { app: AppId },
}

/// Something for the members of a room.
#[derive(Debug, Clone)]
pub struct RoomNews {
    pub app: AppId,
    pub room: RoomId,
    /// What they are told.
    pub event: Event,
    pub level: Level,
    /// The place in the room's order, for stored messages.
    pub number: Option<u64>,
    /// Who does not get it.
    pub except: Except,
}

/// Who is left out of a broadcast: never by a rule of overload, always by right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Except {
    Nobody,
    /// The sending session.
    Session(SessionId),
    /// All sessions of the sender's client id.
    Client(ClientId),
    /// Everybody whom the app's hook did not name, and of those the same as otherwise.
    AllBut {
        named: HashSet<ClientId>,
        otherwise: Box<Except>,
    },
}

impl Except {
    /// Also everybody who is not named, if somebody is.
    pub(crate) fn and_all_but(self, named: Option<Vec<ClientId>>) -> Self {
        match named {
            Some(named) => Self::AllBut { named: named.into_iter().collect(), otherwise: Box::new(self) },
            None => self,
        }
    }

    /// Whether a session is left out.
    pub(crate) fn leaves_out(&self, session: &Session) -> bool {
        match self {
            Self::Nobody => false,
            Self::Session(sender) => session.identity.session == *sender,
            Self::Client(sender) => session.identity.client == *sender,
            Self::AllBut { named, otherwise } => {
                !named.contains(&session.identity.client) || otherwise.leaves_out(session)
            }
        }
    }
}
