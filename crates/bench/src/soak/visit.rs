//! One visit in a soak: a client comes, does one of a few things, and goes.

use std::time::Duration;

use anyhow::{Result, bail};
use grandstand_protocol::{Body, Command, Event, Mentions, RoomId, Send};
use rand::{RngExt, SeedableRng, rngs::SmallRng};
use tokio::time::timeout;

use crate::{
    endpoint::Endpoint,
    members,
    options::PER_ADDRESS,
    socket::{Dial, Socket, source},
};

/// So many clients there are; each comes again and again. More than can be there at one time.
const CLIENTS: u32 = 50_000;

/// Visitors from one address.
const SOURCES: u32 = 16;

pub(super) struct Visitor {
    pub(super) endpoint: Endpoint,
    /// That stay.
    pub(super) rooms: Vec<RoomId>,
    /// Longest stay.
    pub(super) stay: Duration,
}

/// What a visitor does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Joins, quits, says good-bye.
    Leaves,
    /// Talks, too.
    Talks,
    /// Loses the connection, and stays away.
    Vanishes,
    /// Loses the connection, comes back by token, quits.
    ComesBack,
    /// Makes a room, talks in it, leaves it empty.
    MakesRoom,
}

impl Kind {
    pub(super) fn of(number: u32) -> Self {
        match number % 20 {
            0 => Self::MakesRoom,
            1 => Self::ComesBack,
            2..=5 => Self::Vanishes,
            6..=9 => Self::Talks,
            _ => Self::Leaves,
        }
    }
}

impl Visitor {
    pub(super) async fn visit(&self, number: u32, kind: Kind) -> Result<()> {
        let client = format!("bench-guest-{}", number % CLIENTS);
        let from = source(self.endpoint.address, number % SOURCES * PER_ADDRESS, PER_ADDRESS);
        let mut rng = SmallRng::seed_from_u64(number.into());
        let room = &self.rooms[usize::try_from(number)? % self.rooms.len()];
        let mut socket = Socket::open(&self.endpoint, from, &client).await?;
        let room = if kind == Kind::MakesRoom {
            members::make_another(&mut socket, "bench soak").await?
        } else {
            members::enter(&mut socket, room, &client).await?;
            room.clone()
        };
        if matches!(kind, Kind::Talks | Kind::MakesRoom) {
            talk(&mut socket, &room).await?;
        }
        listen(&mut socket, self.stay.mul_f64(rng.random())).await?;
        match kind {
            Kind::Vanishes => return Ok(()),
            Kind::ComesBack => {
                let token = socket.cut();
                let dial = Dial { from, ..Dial::default() };
                socket = Socket::reopen(&self.endpoint, dial, &client, token).await?;
            }
            Kind::Leaves | Kind::Talks | Kind::MakesRoom => {}
        }
        let members = vec![client];
        socket.ask(Command::Quit { room, members, signature: None }).await?;
        socket.ask(Command::Close).await?;
        Ok(())
    }
}

async fn talk(socket: &mut Socket, room: &RoomId) -> Result<()> {
    let message = Send {
        room: room.clone(),
        body: Body::Text("x".repeat(200)),
        level: None,
        transient: false,
        will: false,
        dedupe: None,
        push_data: None,
        mentions: Mentions::default(),
    };
    match socket.ask(Command::Send(Box::new(message))).await? {
        Event::Accepted { .. } => Ok(()),
        other => bail!("the server answered a message with {other:?}"),
    }
}

/// Reads for so long.
async fn listen(socket: &mut Socket, time: Duration) -> Result<()> {
    let reading = timeout(time, async {
        loop {
            socket.next().await?;
        }
    });
    reading.await.unwrap_or(Ok(()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_twenty_visits_each_kind_has_its_share() {
        let count = |kind| (0..20).filter(|&number| Kind::of(number) == kind).count();
        let kinds = [Kind::Leaves, Kind::Talks, Kind::Vanishes, Kind::ComesBack, Kind::MakesRoom];
        assert_eq!(kinds.map(count), [10, 4, 4, 1, 1]);
    }
}
