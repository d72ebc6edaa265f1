//! A load process: connects its members, then receives, as its parent orders on standard input.

use std::{
    io::{BufRead, Write},
    sync::mpsc,
    thread,
};

use anyhow::{Context, Result, bail};
use futures_util::{StreamExt, stream};
use grandstand_protocol::{Command, Event, RoomId};

use crate::{
    endpoint::Endpoint,
    floor,
    link::Link,
    order::{Host, Order, Plan, Word},
    receiver::{Account, Member, Receiver},
    socket::{Dial, Socket, source},
    tally::Who,
    transport::Transport,
};

/// Orders that wait, at most; the parent sends one after the other.
const ORDERS: usize = 64;

/// The parent hears of so many joins at a time.
const PROGRESS: u32 = 250;

/// Runs until standard input ends.
pub(crate) async fn run() -> Result<()> {
    // Without its lock, which the reader of later orders takes.
    let mut first = String::new();
    std::io::stdin().read_line(&mut first).context("no plan")?;
    let Order::Join(plan) = serde_json::from_str(&first)? else { bail!("the first order is no plan") };
    let outcome = match join_all(&plan).await {
        Ok(members) => receive(&plan, members),
        Err(error) => Err(error),
    };
    if let Err(error) = &outcome {
        say(&Word::Failed(format!("{error:#}")))?;
    }
    outcome
}

async fn join_all(plan: &Plan) -> Result<Vec<Member>> {
    crate::members::allow_files(plan.count)?;
    let parallel = usize::try_from(plan.crew.parallel)?;
    let joins = (plan.first..plan.first + plan.count).map(|number| join(plan, number));
    let mut joins = std::pin::pin!(stream::iter(joins).buffered(parallel));
    let (mut members, mut joined) = (Vec::new(), 0);
    while let Some(member) = joins.next().await {
        members.push(member?);
        joined += 1;
        if joined % PROGRESS == 0 {
            say(&Word::Progress(joined))?;
        }
    }
    Ok(members)
}

async fn join(plan: &Plan, number: u32) -> Result<Member> {
    let crew = &plan.crew;
    let rooms = u32::try_from(crew.rooms.len())?;
    let size = room_size(crew.members, rooms, number % rooms);
    let who = Who {
        member: usize::try_from(number - plan.first)?,
        sampled: is_sampled(number / rooms, size, crew.sample.div_ceil(rooms)),
    };
    let address = match &crew.host {
        Host::Server(endpoint) => endpoint.address,
        Host::Floor(address) => *address,
    };
    let dial = Dial {
        from: source(address, crew.before + number, crew.per_address),
        receive_buffer: crew.receive_buffer,
    };
    let room = &crew.rooms[(number % rooms) as usize];
    let (transport, account) = match &crew.host {
        Host::Server(endpoint) => {
            let client = format!("{}-{number}", crew.name);
            let (transport, token) = enter(endpoint, dial, room, &client).await?;
            (transport, Some(Account { client, token, from: dial.from }))
        }
        Host::Floor(address) => (floor::process::connect(*address, dial).await?, None),
    };
    Ok(Member::new(Link::new(transport)?, who, room.clone(), account))
}

/// Connects, opens and joins; with the session's token. The join names no peer, so that the server knows that it may share frames.
async fn enter(endpoint: &Endpoint, dial: Dial, room: &str, client: &str) -> Result<(Transport, String)> {
    let mut socket = Socket::dial(endpoint, dial, client).await?;
    let room = RoomId::from(room);
    let command = Command::Join { room, members: vec![client.to_owned()], signature: None };
    match socket.ask(command).await.with_context(|| format!("failed to join as {client}"))? {
        Event::Added { .. } => {
            let token = socket.token().to_owned();
            Ok((socket.into_transport(), token))
        }
        other => bail!("the server answered {other:?}"),
    }
}

fn receive(plan: &Plan, members: Vec<Member>) -> Result<()> {
    let mut sampled = vec![0; plan.crew.rooms.len()];
    for (number, member) in (plan.first..).zip(&members) {
        let room = number as usize % sampled.len();
        sampled[room] += u32::from(member.who.sampled);
    }
    let (receiver, bell) = Receiver::new(members, sampled.clone(), plan.crew.reading)?;
    say(&Word::Joined { sampled })?;
    let (sender, orders) = mpsc::sync_channel(ORDERS);
    let reader = thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let order = serde_json::from_str(&line?)?;
            if sender.send(order).is_err() {
                break;
            }
            bell.ring()?;
        }
        // Its end is an order, too.
        drop(sender);
        bell.ring()
    });
    receiver.run(&orders, say)?;
    reader.join().map_err(|_| anyhow::anyhow!("the reader of orders failed"))?
}

/// A line to the parent.
fn say(word: &Word) -> Result<()> {
    let mut line = serde_json::to_vec(word)?;
    line.push(b'\n');
    Ok(std::io::stdout().lock().write_all(&line)?)
}

/// How many of the members are in one of the rooms.
pub(crate) fn room_size(members: u32, rooms: u32, room: u32) -> u32 {
    members / rooms + u32::from(room < members % rooms)
}

/// Whether a member is one of the sampled ones, which are spread evenly over its room; the last one is one of them.
fn is_sampled(place: u32, size: u32, sample: u32) -> bool {
    let sample = u64::from(sample.min(size));
    let before = |place: u32| u64::from(place) * sample / u64::from(size);
    before(place) != before(place + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sampled_members_are_spread_evenly() {
        let sampled =
            |size, sample| (0..size).filter(|&place| is_sampled(place, size, sample)).collect::<Vec<_>>();
        assert_eq!(sampled(8, 4), [1, 3, 5, 7]);
        assert_eq!(sampled(3, 16), [0, 1, 2]);
        let many = sampled(5000, 16);
        assert_eq!((many.len(), many.last()), (16, Some(&4999)));
        assert!(many.windows(2).all(|pair| (312..=313).contains(&(pair[1] - pair[0]))));
    }

    #[test]
    fn rooms_share_all_members() {
        assert_eq!((0..3).map(|room| room_size(10, 3, room)).collect::<Vec<_>>(), [4, 3, 3]);
    }
}
