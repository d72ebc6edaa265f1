//! Opens in the simulated world: by the rules, and against what a user would expect of them.

use std::time::Duration;

use grandstand_protocol::RoomId;
use grandstand_room::{
    clock::Millis,
    resume::{Remembered, choose},
    session::{Decision, Device as Marks, Identity, Live, Login, SessionId, UNMARKED_PAUSE, decide},
    switches::Rejoin,
    token::Claims,
};

use crate::{
    device::{Device, Stay},
    store::Record,
    world::{Connection, World},
};

pub(crate) const KEEP: i64 = 30 * 60 * 1000;

/// In which room a login has to find itself.
#[derive(Debug, PartialEq, Eq)]
enum Expected {
    Room(RoomId),
    NoRoom,
    /// Other devices of the client id have a say in it.
    Open,
}

/// A remembered session whose room a login gets.
struct Returning {
    record: Record,
    /// Another login's: that one may still return, too.
    keeps: bool,
}

impl World {
    pub(crate) fn open(&mut self, at: usize, reopen: bool) {
        let Ok(token) = self.present_token(at, reopen) else { return };
        let expected = self.expected(at, reopen);
        let (client, mut tag, mut marks) =
            (self.devices[at].client.clone(), self.devices[at].tag, self.devices[at].marks.clone());
        if token.is_some() && self.dice.chance(50) {
            // Java sends neither tag nor device beside its token.
            (tag, marks) = (None, Marks::default());
        }
        let login = Login { client: &client, tag, device: &marks, reopen, token: token.as_ref() };
        let live: Vec<Live> = self.of_client(&client).map(|(_, connection)| self.seen(connection)).collect();
        self.counts.opens += 1;
        match decide(&login, &live) {
            Decision::Refuse => {
                self.counts.refusals += 1;
                let holds = |live: &Live| live.identity.tag.as_deref() == self.devices[at].tag;
                assert!(
                    reopen && self.devices[at].tag.is_some() && live.iter().any(holds),
                    "refused for nothing"
                );
            }
            Decision::Admit { session, tag, device, replaces, conflicts } => {
                assert!(conflicts.is_empty() || !reopen, "a reopen pushes others out");
                self.end_former(&replaces, &conflicts);
                let new = SessionId(u128::from(self.next_id()));
                let from = self.choose(&login, session.unwrap_or(new), &replaces);
                let is_same =
                    |record: &&Record| login.claims().is_none() && login.is_same_login(&record.identity);
                let same = from.as_ref().filter(is_same).map(|record| record.identity.session);
                let session = session.or(same).unwrap_or(new);
                let returning = from.map(|record| {
                    let keeps = same.is_none() && record.identity.session != session;
                    Returning { record, keeps }
                });
                let identity = Identity { session, client: client.clone(), tag, device };
                let id = self.admit(at, identity, !replaces.is_empty());
                match returning {
                    Some(returning) => self.return_as(id, at, returning, &login, &replaces),
                    None => {
                        self.store.reattach(session);
                        self.devices[at].stay = None;
                    }
                }
                self.check_open(at, session, &expected);
            }
        }
    }

    fn seen(&self, connection: &Connection) -> Live {
        let replaced = connection.replaced_at.map(|at| self.ago(at));
        Live { identity: connection.identity.clone(), same_socket: false, replaced }
    }

    fn ago(&self, time: Millis) -> Duration {
        Duration::from_millis(self.now.since(time).unsigned_abs())
    }

    /// The token of the device, if it sends one; an error when it is refused (4112).
    fn present_token(&mut self, at: usize, reopen: bool) -> Result<Option<Claims>, ()> {
        let Some(text) = self.devices[at].token.clone().filter(|_| reopen && self.devices[at].sends_tokens)
        else {
            return Ok(None);
        };
        match self.signer.verify(&text, &self.app, self.now) {
            Ok(claims) if !self.revocations.is_revoked(&claims) => Ok(Some(claims)),
            _ => {
                self.counts.refused_tokens += 1;
                self.devices[at].token = None;
                Err(())
            }
        }
    }

    fn end_former(&mut self, replaces: &[SessionId], conflicts: &[SessionId]) {
        self.counts.takeovers += replaces.len() as u32;
        self.counts.conflicts += conflicts.len() as u32;
        for session in conflicts {
            if let Some(id) = self.connection_of(*session) {
                self.disconnect(id);
            }
            self.revocations.revoke_session(*session, self.now);
            self.store.end_session(*session, self.now);
            self.end_stays(|stay| stay.session == *session);
        }
        for session in replaces {
            if let Some(id) = self.connection_of(*session) {
                self.drop_connection(id);
            }
        }
    }

    /// `replaced`: those that ended just now, for this login.
    fn choose(&self, login: &Login<'_>, session: SessionId, replaced: &[SessionId]) -> Option<Record> {
        let records: Vec<&Record> = self
            .store
            .of_client(login.client)
            .filter(|record| self.connection_of(record.identity.session).is_none())
            .collect();
        let remembered: Vec<Remembered> = records
            .iter()
            .map(|record| Remembered {
                identity: record.identity.clone(),
                room: Some(record.room.clone()),
                dropped_at: record.dropped_at.filter(|_| !replaced.contains(&record.identity.session)),
                taken: record.taken,
            })
            .collect();
        let others_online = self.of_client(login.client).next().is_some();
        choose(login, session, others_online, &remembered, self.rejoin, KEEP, self.now)
            .map(|index| records[index].clone())
    }

    fn admit(&mut self, at: usize, identity: Identity, replaced: bool) -> u64 {
        let session = identity.session;
        assert!(self.connection_of(session).is_none(), "{session:?} is online twice");
        let Identity { client, tag, device, .. } = identity.clone();
        let issued_at = self.now;
        let claims = Claims { app: self.app.clone(), client, tag, device, session, issued_at };
        self.devices[at].token = Some(self.signer.issue(&claims));
        let node = self.dice.below(self.nodes.len());
        self.connect(at, node, identity, replaced)
    }

    /// The login that opened as `id` gets the room of a remembered session.
    fn return_as(
        &mut self,
        id: u64,
        at: usize,
        returning: Returning,
        login: &Login<'_>,
        replaced: &[SessionId],
    ) {
        let Returning { record: Record { identity: former, room, .. }, keeps } = returning;
        let (identity, node) = (self.connections[&id].identity.clone(), self.connections[&id].node);
        let session = identity.session;
        self.nodes[node].listen(&room);
        let Some((claimed, gap)) = self.store.resume(former.session, &identity, &room, keeps, self.now)
        else {
            panic!("the record was there")
        };
        self.claimed(id, &room, claimed, Some(gap));
        // Of several connections that it took over, any may be the one of its stay.
        let is_own = |stay: &Stay| stay.session == former.session || replaced.contains(&stay.session);
        let own = self.devices[at].stay.take().filter(|stay| login.reopen && is_own(stay));
        if keeps {
            let alone = self.of_client(login.client).all(|(other, _)| other == id);
            assert!(
                alone && self.rejoin == Rejoin::Any,
                "device {at} gets the room of {former:?}, without a claim to it"
            );
            self.take_place(former.session);
        } else {
            self.given_away.remove(&former.session);
            self.end_stays(|stay| stay.session == former.session);
        }
        let was_taken = u32::from(own.as_ref().is_some_and(|stay| stay.taken));
        self.counts.returns_to_taken += was_taken;
        self.counts.tokens_to_taken += if login.claims().is_some() { was_taken } else { 0 };
        let serial = self.next_id();
        let stay = own.unwrap_or_else(|| Stay::new(serial, room, session));
        // The connection that it took over last was in no room, and the room is that of one which dropped before.
        let renamed = stay.renamed || (former.session != session && stay.session != session);
        self.counts.renamed += u32::from(renamed && !stay.renamed);
        self.devices[at].stay = Some(Stay { session, dropped_at: None, taken: false, renamed, ..stay });
    }

    /// Another login is in the room for `session`, which may still return. A third one may not come by the same place.
    fn take_place(&mut self, session: SessionId) {
        assert!(self.given_away.insert(session), "the place of {session:?} is given away twice");
        self.counts.places_taken += 1;
        for device in &mut self.devices {
            if let Some(stay) = device.stay.as_mut().filter(|stay| stay.session == session) {
                stay.taken = true;
            }
        }
    }

    /// What a user would say, from what happened to the devices: what the store still knows may be wrong.
    fn expected(&self, at: usize, reopen: bool) -> Expected {
        let device = &self.devices[at];
        let in_time = |stay: &Stay| stay.dropped_at.is_none_or(|dropped| self.now.since(dropped) <= KEEP);
        if let Some(stay) = device.stay.as_ref().filter(|stay| reopen && in_time(stay)) {
            let pauses = self.connection_of(stay.session).is_some_and(|id| self.pauses(id));
            return if pauses { Expected::Open } else { Expected::Room(stay.room.clone()) };
        }
        if self.rejoin == Rejoin::ResumeOnly && !reopen {
            return Expected::NoRoom;
        }
        let alone = self.of_client(&device.client).next().is_none();
        let may_have = |(number, stay): &(usize, &Stay)| {
            in_time(stay) && (!stay.taken || (*number == at && device.marks.is_marked()))
        };
        let of_client = |(_, other): &(usize, &Device)| other.client == device.client;
        let mut stays = self
            .devices
            .iter()
            .enumerate()
            .filter(of_client)
            .filter_map(|(number, other)| Some((number, other.stay.as_ref()?)));
        if self.rejoin == Rejoin::Any
            && alone
            && let Some((_, stay)) = stays.find(may_have)
        {
            return Expected::Room(stay.room.clone());
        }
        let kept = |record: &Record| {
            self.connection_of(record.identity.session).is_some()
                || record.dropped_at.is_some_and(|dropped| self.now.since(dropped) <= KEEP)
        };
        if self.store.of_client(&device.client).any(kept) { Expected::Open } else { Expected::NoRoom }
    }

    /// Whether an unmarked reopen may not take this connection over yet.
    fn pauses(&self, id: u64) -> bool {
        let connection = &self.connections[&id];
        let lately = |at: Millis| self.ago(at) < UNMARKED_PAUSE;
        connection.identity.tag.is_none()
            && !connection.identity.device.is_marked()
            && connection.replaced_at.is_some_and(lately)
    }

    fn check_open(&mut self, at: usize, session: SessionId, expected: &Expected) {
        let room = self.store.records.get(&session).map(|record| record.room.clone());
        match expected {
            Expected::Open => {}
            Expected::NoRoom => {
                assert_eq!(room, None, "device {at} is in a room that it had left");
                self.counts.without_room += 1;
            }
            Expected::Room(expected) => {
                assert_eq!(room.as_ref(), Some(expected), "device {at} is not back in its room");
                self.counts.returns += 1;
            }
        }
    }

    pub(crate) fn end_stays(&mut self, gone: impl Fn(&Stay) -> bool) {
        for device in &mut self.devices {
            device.stay.take_if(|stay| gone(stay));
        }
    }
}
