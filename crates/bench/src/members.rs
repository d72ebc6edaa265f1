//! Members of a room: how many files they need, and how they come in.

use std::net::IpAddr;

use anyhow::{Context, Result, bail, ensure};
use futures_util::{Stream, StreamExt, stream};
use grandstand_protocol::{Command, Event, RoomId, StartConversation};

use crate::{
    endpoint::Endpoint,
    socket::{Socket, source},
};

/// Files of this process beside the sockets.
const OTHER_FILES: u64 = 64;

/// Who comes into one room.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Crowd<'a> {
    pub(crate) endpoint: &'a Endpoint,
    pub(crate) room: &'a RoomId,
    /// Connections that are being made at one time.
    pub(crate) parallel: usize,
    /// Sockets from each source address.
    pub(crate) per_address: u32,
}

impl<'a> Crowd<'a> {
    /// Connects, opens and joins, in any order; each with its number, and with what went wrong.
    pub(crate) fn join(
        self,
        members: impl IntoIterator<Item = u32> + 'a,
    ) -> impl Stream<Item = (u32, Result<Socket>)> + 'a {
        let Self { endpoint, room, parallel, .. } = self;
        let joined = stream::iter(members).map(move |number| async move {
            (number, join(endpoint, self.source(number), room, &name(number)).await)
        });
        joined.buffer_unordered(parallel)
    }

    /// Where this member connects from.
    pub(crate) fn source(&self, number: u32) -> Option<IpAddr> {
        source(self.endpoint.address, number, self.per_address)
    }
}

/// The client id of a member.
pub(crate) fn name(number: u32) -> String {
    format!("bench-member-{number}")
}

/// Raises the limit of open files if it must, and says so if it cannot.
pub(crate) fn allow_files(sockets: u32) -> Result<()> {
    let needed = u64::from(sockets) + OTHER_FILES;
    let limit = rlimit::increase_nofile_limit(u64::MAX).context("failed to read the limit of open files")?;
    ensure!(
        limit >= needed,
        "{needed} open files are needed and {limit} allowed: use fewer members, or several runs"
    );
    Ok(())
}

/// A new room, with its creator in it.
pub(crate) async fn make_room(endpoint: &Endpoint, name: &str) -> Result<(Socket, RoomId)> {
    let mut maker = Socket::open(endpoint, None, "bench-maker").await?;
    let room = make_another(&mut maker, name).await?;
    Ok((maker, room))
}

/// A new room; its creator leaves the one it was in.
pub(crate) async fn make_another(maker: &mut Socket, name: &str) -> Result<RoomId> {
    let attributes = Some(serde_json::json!({ "name": name }).to_string());
    let start = StartConversation { transient: true, attributes, ..StartConversation::default() };
    match maker.ask(Command::Start(Box::new(start))).await? {
        Event::Started { room, .. } => Ok(room),
        other => bail!("the server answered {other:?}"),
    }
}

/// How many are in the room, as the server counts.
pub(crate) async fn online(socket: &mut Socket, room: &RoomId) -> Result<u32> {
    match socket.ask(Command::Count { room: room.clone() }).await? {
        Event::Count { count } => Ok(u32::try_from(count)?),
        other => bail!("the server answered {other:?}"),
    }
}

pub(crate) async fn join(
    endpoint: &Endpoint,
    from: Option<IpAddr>,
    room: &RoomId,
    client: &str,
) -> Result<Socket> {
    let mut socket = Socket::open(endpoint, from, client).await?;
    enter(&mut socket, room, client).await?;
    Ok(socket)
}

pub(crate) async fn enter(socket: &mut Socket, room: &RoomId, client: &str) -> Result<()> {
    let command = Command::Join { room: room.clone(), members: vec![client.to_owned()], signature: None };
    match socket.ask(command).await.with_context(|| format!("failed to join as {client}"))? {
        Event::Added { .. } => Ok(()),
        other => bail!("the server answered {other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_members_are_refused_with_the_limit() {
        let error = allow_files(u32::MAX).unwrap_err().to_string();
        assert!(error.contains("open files are needed"), "{error}");
    }
}
