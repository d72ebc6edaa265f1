//! Simulation: sessions, drops, returns and joins of several devices on several nodes, from a seed.
//!
//! The rules under test decide; a model store and model nodes carry out, with a bus that loses, delays and swaps. What
//! is checked comes from what happened to each device: one room per client id, nothing for non-members, no message for
//! its sender, every stored HIGH message for whoever stays or returns within 30 minutes, once and in order; and that the
//! account of every room closes.

mod device;
mod dice;
mod hub;
mod login;
mod node;
mod store;
mod world;

use std::collections::BTreeSet;

use grandstand_protocol::{Level, RoomId};

use crate::{
    device::Stay,
    world::{Counts, World},
};

const SEEDS: u64 = 200;
const STEPS: usize = 1_500;

#[test]
fn one_room_nothing_foreign_and_nothing_high_lost() {
    let mut total = Counts::default();
    for seed in 0..SEEDS {
        let _named = Named(seed);
        let mut world = World::new(seed);
        for step in 1..=STEPS {
            act(&mut world);
            check_always(&world);
            if step % 20 == 0 {
                let monotonic = world.monotonic();
                world.nodes.iter_mut().for_each(|node| node.check_accounts(monotonic));
            }
            if step % 100 == 0 {
                world.come_to_rest();
                check_at_rest(&mut world);
                away_for_a_while(&mut world);
                restart_and_lose_the_network(&mut world);
            }
        }
        add(&mut total, &world.counts);
    }
    eprintln!("{SEEDS} seeds of {STEPS} steps: {total:#?}");
    assert!(
        [
            total.takeovers,
            total.conflicts,
            total.refusals,
            total.refused_tokens,
            total.returns,
            total.places_taken,
            total.returns_to_taken,
            total.tokens_to_taken,
            total.without_room,
            total.restarts,
            total.in_time,
            total.in_time_though_taken,
            total.too_late,
            total.claims_outrun,
            total.evicted_by_sweep,
            total.lost_on_the_bus,
            total.overflows,
            total.shed,
            total.replayed,
            total.delivered,
            total.checked_high,
        ]
        .iter()
        .all(|count| *count >= 100),
        "something that should go wrong hardly ever did: {total:#?}"
    );
    assert!(total.renamed * 100 < total.returns, "own messages are let through too often: {total:#?}");
}

/// Says which seed it was.
struct Named(u64);

impl Drop for Named {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the run of seed {} failed", self.0);
        }
    }
}

fn act(world: &mut World) {
    let milliseconds = world.dice.below(300) as i64;
    world.pass(milliseconds);
    let device = world.dice.below(world.devices.len());
    let room = RoomId::from(["red", "blue", "green"][world.dice.below(3)]);
    let Some(id) = world.online(device) else {
        let reopen = world.dice.chance(75);
        return world.open(device, reopen);
    };
    let ready = !world.connections[&id].busy;
    match world.dice.below(100) {
        0..8 if ready => join(world, id, &room),
        8..10 if ready => {
            let fresh = RoomId::from(format!("room {}", world.next_id()));
            join(world, id, &fresh);
        }
        10..45 if ready => {
            let level = world.dice.pick(&[Level::High, Level::High, Level::Normal, Level::Low]);
            let own = world.devices[device].stay.as_ref().map(|stay| stay.room.clone());
            let room = own.filter(|_| world.dice.chance(80)).unwrap_or(room);
            world.send(id, &room, level);
        }
        45..46 if ready => {
            if let Some(Stay { room, .. }) = world.devices[device].stay.take() {
                world.quit(id, &room);
            }
        }
        46..47 if ready => {
            world.close(id);
        }
        47..50 => world.drop_connection(id),
        50..54 => {
            world.lose_network(id);
        }
        54..55 => {
            let dead = world.connections.iter().find(|(_, connection)| !connection.alive).map(|(id, _)| *id);
            if let Some(id) = dead {
                world.drop_connection(id);
            }
        }
        55..65 => world.fill(false),
        65..80 => {
            let count = world.dice.below(10);
            world.read(device, count);
        }
        _ => {
            let bytes = 50 + world.dice.below(500);
            world.write(id, bytes);
        }
    }
}

fn join(world: &mut World, id: u64, room: &RoomId) {
    let connection = &world.connections[&id];
    let (identity, device, node) = (connection.identity.clone(), connection.device, connection.node);
    world.nodes[node].listen(room);
    let claimed = world.store.claim(&identity, room, world.now);
    let client = identity.client.clone();
    for other in world.devices.iter_mut().filter(|other| other.client == client) {
        other.stay.take_if(|stay| stay.room != *room);
    }
    let session = identity.session;
    world.given_away.remove(&session);
    let serial = world.next_id();
    let stay = &mut world.devices[device].stay;
    stay.get_or_insert_with(|| Stay::new(serial, room.clone(), session));
    world.claimed(id, room, claimed, None);
}

/// One device drops, comes back after exactly so long, and the rules say whether that was too late.
fn away_for_a_while(world: &mut World) {
    let seconds = world.dice.pick(&[1, 60, 29 * 60 + 50, 30 * 60 + 10]);
    let device = world.dice.below(world.devices.len());
    let Some(id) = world.online(device) else { return };
    let stayed = world.devices[device].stay.clone();
    world.drop_connection(id);
    if let Some((stay, sender)) = stayed.as_ref().zip(world.connections.keys().next().copied()) {
        world.send(sender, &stay.room, Level::High);
    }
    if world.dice.chance(75) {
        take_the_place_of(world, device);
    }
    let is_taken = world.devices[device].stay.as_ref().is_some_and(|stay| stay.taken);
    world.pass(seconds * 1000);
    world.open(device, true);
    // Refused: another device took the tag meanwhile, or the token is too old by now.
    let (Some(stayed), Some(_)) = (stayed, world.online(device)) else { return };
    let is_back = world.devices[device].stay.as_ref().is_some_and(|stay| stay.serial == stayed.serial);
    if seconds <= 30 * 60 {
        assert!(is_back, "device {device} was away for {seconds} s and is not back");
        world.counts.in_time += 1;
        world.counts.in_time_though_taken += u32::from(is_taken);
    } else {
        assert!(!is_back, "device {device} was away for {seconds} s and is back");
        world.counts.too_late += 1;
    }
}

/// An app starts anew while its old connection looks alive, joins the same room, speaks, and loses the network again:
/// it finds two connections of its device, and takes over both.
fn restart_and_lose_the_network(world: &mut World) {
    let device = world.dice.below(world.devices.len());
    let stay = world.devices[device].stay.clone();
    let Some((id, Stay { room, .. })) = world.online(device).zip(stay) else { return };
    world.lose_network(id);
    world.open(device, false);
    let Some(id) = world.online(device) else { return };
    if world.connections[&id].busy {
        return;
    }
    join(world, id, &room);
    world.pass(300);
    world.send(id, &room, Level::High);
    world.lose_network(id);
    world.open(device, true);
    world.counts.restarts += 1;
}

/// The user's other devices log out, and one of them logs in anew: it gets the room of the one that is away.
fn take_the_place_of(world: &mut World, away: usize) {
    let client = world.devices[away].client.clone();
    let others: Vec<u64> = world.of_client(&client).map(|(id, _)| id).collect();
    for id in others {
        world.close(id);
    }
    let other = world.devices.iter().enumerate().find(|(at, other)| *at != away && other.client == client);
    if let Some((other, _)) = other {
        world.open(other, false);
    }
}

fn check_always(world: &World) {
    for (id, connection) in &world.connections {
        let identity = &connection.identity;
        for (other, rival) in world.of_client(&identity.client) {
            let same_tag = identity.tag.is_some() && rival.identity.tag == identity.tag;
            assert!(other == *id || !same_tag, "{identity:?} and {:?} are online", rival.identity);
        }
    }
}

fn check_at_rest(world: &mut World) {
    for device in &world.devices {
        let rooms: BTreeSet<&RoomId> =
            world.store.of_client(&device.client).map(|record| &record.room).collect();
        assert!(rooms.len() <= 1, "{} is in {rooms:?}", device.client);
    }
    let live = world.store.records.values().filter(|record| record.dropped_at.is_none());
    let claimed: BTreeSet<_> = live.map(|record| (record.identity.session, &record.room)).collect();
    let members = world.nodes.iter().flat_map(|node| &node.members);
    let joined: BTreeSet<_> = members.map(|(session, member)| (*session, &member.room)).collect();
    assert_eq!(joined, claimed, "the nodes and the store disagree");

    for (number, device) in world.devices.iter().enumerate() {
        let Some(id) = world.online(number) else { continue };
        let session = world.connections[&id].identity.session;
        let joined_room = world.store.records.get(&session).map(|record| &record.room);
        assert_eq!(joined_room, device.stay.as_ref().map(|stay| &stay.room), "device {number} is elsewhere");
        let Some(stay) = &device.stay else { continue };
        let from = stay.from.expect("the join is through");
        let due = world.store.gap(&stay.room, from, u64::MAX, session);
        for message in due.into_iter().filter(|message| message.stay != Some(stay.serial)) {
            let has = device.received.contains(&(stay.room.clone(), message.number));
            assert!(has, "device {number} never got {message:?}, {stay:?}");
            world.counts.checked_high += 1;
        }
    }
}

fn add(total: &mut Counts, counts: &Counts) {
    total.opens += counts.opens;
    total.takeovers += counts.takeovers;
    total.conflicts += counts.conflicts;
    total.refusals += counts.refusals;
    total.refused_tokens += counts.refused_tokens;
    total.returns += counts.returns;
    total.places_taken += counts.places_taken;
    total.returns_to_taken += counts.returns_to_taken;
    total.tokens_to_taken += counts.tokens_to_taken;
    total.renamed += counts.renamed;
    total.without_room += counts.without_room;
    total.restarts += counts.restarts;
    total.in_time += counts.in_time;
    total.in_time_though_taken += counts.in_time_though_taken;
    total.too_late += counts.too_late;
    total.claims_outrun += counts.claims_outrun;
    total.evicted_by_sweep += counts.evicted_by_sweep;
    total.lost_on_the_bus += counts.lost_on_the_bus;
    total.overflows += counts.overflows;
    total.shed += counts.shed;
    total.replayed += counts.replayed;
    total.delivered += counts.delivered;
    total.checked_high += counts.checked_high;
}
