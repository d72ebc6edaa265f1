//! Sessions: who they are, and what an open does to the sessions that are there.

use std::{fmt, time::Duration};

use grandstand_protocol::ClientId;

use crate::token::Claims;

/// A login: kept by its token and by its device over reconnects. 16 random bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub u128);

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionId({:032x})", self.0)
    }
}

/// What a client said of its device. ObjC and Swift send a token, the others an id, some nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Device {
    /// `deviceId`.
    pub id: Option<String>,
    /// `deviceToken`.
    pub token: Option<String>,
}

impl Device {
    /// Whether the client said anything of its device. Empty texts say nothing.
    #[must_use]
    pub fn is_marked(&self) -> bool {
        said(self.id.as_deref()).is_some() || said(self.token.as_deref()).is_some()
    }

    /// Whether both are the same device: `deviceId` decides where both have one, then `deviceToken`. Two that say
    /// nothing count as the same (protocol.md section 10, row 4); one that says something is not one that does not.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let ids = (said(self.id.as_deref()), said(other.id.as_deref()));
        let tokens = (said(self.token.as_deref()), said(other.token.as_deref()));
        match (ids, tokens) {
            ((Some(mine), Some(theirs)), _) | (_, (Some(mine), Some(theirs))) => mine == theirs,
            _ => !self.is_marked() && !other.is_marked(),
        }
    }
}

/// Who a session is, as persisted and as signed into its token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The login.
    pub session: SessionId,
    /// Its client id.
    pub client: ClientId,
    /// Its tag; `None` and "default" are the same.
    pub tag: Option<String>,
    /// Its device.
    pub device: Device,
}

/// A session of the client id that is online, as an open sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Live {
    /// Who it is.
    pub identity: Identity,
    /// Whether it is open on the socket that the open came on.
    pub same_socket: bool,
    /// How long ago its own open replaced another session, if it did.
    pub replaced: Option<Duration>,
}

/// The login that is opening.
#[derive(Debug, Clone, Copy)]
pub struct Login<'a> {
    /// The client id.
    pub client: &'a ClientId,
    /// The tag as sent; "default" and "" are the same as none.
    pub tag: Option<&'a str>,
    /// The device as sent.
    pub device: &'a Device,
    /// `r`, or a client that reopens without saying so (`ua` `js/2.`).
    pub reopen: bool,
    /// What its token says, if that token counts: signed by us, not revoked, in time (or late, from the .NET SDK).
    pub token: Option<&'a Claims>,
}

impl Login<'_> {
    /// The token, if it is one of this client id.
    #[must_use]
    pub fn claims(&self) -> Option<&Claims> {
        self.token.filter(|claims| claims.client == *self.client)
    }

    /// The tag that counts: the one sent, else the token's (Java and JavaScript reopen without it).
    #[must_use]
    pub fn effective_tag(&self) -> Option<&str> {
        match said(self.tag) {
            Some(tag) => named(tag),
            None => self.claims().and_then(|claims| claims.tag.as_deref()).and_then(named),
        }
    }

    /// The device that counts: the one sent, else the token's.
    #[must_use]
    pub fn effective_device(&self) -> &Device {
        match self.claims() {
            Some(claims) if !self.device.is_marked() => &claims.device,
            _ => self.device,
        }
    }

    /// Whether `identity` has the login's client id, tag and device.
    #[must_use]
    pub fn is_same_login(&self, identity: &Identity) -> bool {
        self.has_tag_of(identity) && self.effective_device().is_same(&identity.device)
    }

    fn has_tag_of(&self, identity: &Identity) -> bool {
        identity.client == *self.client && self.effective_tag() == identity.tag.as_deref().and_then(named)
    }

    fn has_token_of(&self, identity: &Identity) -> bool {
        self.claims().is_some_and(|claims| claims.session == identity.session)
    }
}

/// What an open does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It opens.
    Admit {
        /// The login that it continues; `None` = a new id. It may stand in `replaces` too: then the same login moves
        /// from its old socket to this one.
        session: Option<SessionId>,
        /// The tag of the session from now on.
        tag: Option<String>,
        /// The device of the session from now on.
        device: Device,
        /// Sessions that end silently; their room and unconfirmed HIGH messages move here.
        replaces: Vec<SessionId>,
        /// Sessions that are told 4111; their tokens are revoked, their rooms and wills forgotten.
        conflicts: Vec<SessionId>,
    },
    /// 4111: another device holds the tag, and stays.
    Refuse,
}

/// How long a session that came by replacing an unmarked one is safe from another unmarked reopen.
///
/// Two devices that cannot be told apart would otherwise end each other for ever, each coming back 5 to 10 seconds
/// after its end (protocol.md 2.3, C.3). With this pause the second one comes back beside the first.
pub const UNMARKED_PAUSE: Duration = Duration::from_secs(15);

/// Decides on an open, given the sessions of its client id that are online, in the order in which they opened.
///
/// protocol.md 4.2, table "Server behaviour", and section 10, rows 3 and 4.
#[must_use]
pub fn decide(login: &Login<'_>, live: &[Live]) -> Decision {
    let of_client = || live.iter().filter(|other| other.identity.client == *login.client);
    let here = of_client().find(|other| other.same_socket);
    // A token names its login exactly, whatever tag it opens with now.
    let (own, others): (Vec<&Live>, Vec<&Live>) =
        of_client().filter(|other| !other.same_socket).partition(|other| login.has_token_of(&other.identity));
    let mut replaces: Vec<SessionId> = own.iter().map(|other| other.identity.session).collect();
    let mut conflicts = Vec::new();

    if login.effective_tag().is_none() {
        replaces.extend(taken_over_untagged(login, &others));
    } else {
        for holder in others.iter().filter(|other| login.has_tag_of(&other.identity)) {
            match (login.reopen, login.is_same_login(&holder.identity)) {
                (true, true) => replaces.push(holder.identity.session),
                (true, false) => return Decision::Refuse,
                (false, _) => conflicts.push(holder.identity.session),
            }
        }
    }

    // The youngest, if there are several: what the device sent since it logged in anew must not come back to it.
    let continued = login.claims().map(|claims| claims.session).or(replaces.last().copied());
    Decision::Admit {
        session: here.map(|here| here.identity.session).or(continued),
        tag: login.effective_tag().map(str::to_owned),
        device: login.effective_device().clone(),
        replaces,
        conflicts,
    }
}

/// Sessions without tag run in parallel: only what is surely, or most likely, the same login is taken over.
fn taken_over_untagged(login: &Login<'_>, others: &[&Live]) -> Vec<SessionId> {
    if login.claims().is_some() || !login.reopen {
        return Vec::new();
    }
    let same = others.iter().filter(|other| login.is_same_login(&other.identity));
    if login.effective_device().is_marked() {
        return same.map(|other| other.identity.session).collect();
    }
    // Nothing tells these apart (C# without a device id, JavaScript 2.x). Taking all of them would end the other
    // devices; taking none would cost a client its room at each change of network. So one, the youngest. If that was
    // another device, it reopens and takes the one that is left over.
    same.filter(|other| other.replaced.is_none_or(|ago| ago >= UNMARKED_PAUSE))
        .map(|other| other.identity.session)
        .next_back()
        .into_iter()
        .collect()
}

/// Old .NET sends `null`, others empty texts, where they have nothing to say.
fn said(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}

/// "default" is how some SDKs write that there is no tag.
fn named(tag: &str) -> Option<&str> {
    Some(tag).filter(|tag| !tag.is_empty() && *tag != "default")
}
