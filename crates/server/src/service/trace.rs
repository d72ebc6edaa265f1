//! Why somebody did not get a message: what the store and this node know of it, put together.

use grandstand_protocol::{ClientId, Code, Fault, Level, MessageId, RoomId};
use grandstand_room::{
    clock::Millis,
    levels::{Origin, Via, ruled},
    switches::OwnSessions,
};

use super::refusal::Refused;
use crate::{
    apps::App,
    node::Node,
    router::{MessageAccount, Reach, Session, Stay},
    store::{SessionRecord, StoredMessage},
};

/// Everything that is known of a message and of a client that it may have been for.
#[derive(Debug)]
pub(crate) struct Trace {
    /// `None` when it is not stored: a transient one, or one that is gone.
    pub(crate) message: Option<StoredMessage>,
    /// Where its level may come from, if it is stored.
    pub(crate) level: Option<LevelSource>,
    /// `None` when this node does not remember what became of it.
    pub(crate) account: Option<MessageAccount>,
    pub(crate) client: Option<ClientTrace>,
}

/// By the app's rules of now: which of them was applied is not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LevelSource {
    /// Rules that give a message like this one its level, counted from 1.
    pub(crate) rules: Vec<usize>,
    /// Whether it may have its level without any rule: its sender's, or the default.
    pub(crate) own: bool,
}

#[derive(Debug)]
pub(crate) struct ClientTrace {
    pub(crate) client: ClientId,
    /// Whether it may not be in the room now.
    pub(crate) blocked: bool,
    pub(crate) sessions: Vec<SessionTrace>,
    /// Sessions that dropped and may return.
    pub(crate) dropped: Vec<SessionRecord>,
}

/// An open session.
#[derive(Debug)]
pub(crate) struct SessionTrace {
    pub(crate) stay: Option<Stay>,
    /// When it came to where it is.
    pub(crate) since: Option<Millis>,
    pub(crate) address: std::net::IpAddr,
    /// What waits for it in its room, if that is the message's.
    pub(crate) pending: Option<[u64; 3]>,
    pub(crate) standing: Standing,
}

/// How a session stands to a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It is in another room, or in none.
    Elsewhere,
    /// It wrote it: nobody gets back what it wrote itself.
    Own,
    /// The app's hook named others for whom it is.
    Others,
    /// It came later.
    Before,
    /// It was away meanwhile, and was due it when it returned.
    Returned,
    /// It waits for the session.
    Pending,
    /// Its turn has come: it was written, or left out, as the account says of how many.
    Passed,
    /// The client has answered a ping that was sent behind it.
    Confirmed,
    /// It was here, and what became of it is not remembered any more.
    Forgotten,
}

/// What is known of a message, and of `client` if one is named; `None` when nothing is.
pub(crate) async fn trace(
    node: &Node,
    app: &App,
    (room, message): (&RoomId, &MessageId),
    client: Option<ClientId>,
) -> Result<Option<Trace>, Fault> {
    super::room::record::find(node, &app.id, room).await?;
    let stored = node.store.message(&app.id, room, message).await;
    let stored = stored.map_err(|cause| Refused::store(Code::InternalError, &cause))?;
    let hub = node.router.app(&app.id).existing_hub(room);
    let (account, reaches) = match (&hub, &client) {
        (Some(hub), Some(client)) => hub.trace(message, client),
        (Some(hub), None) => (hub.message_account(message), Vec::new()),
        (None, _) => (None, Vec::new()),
    };
    if stored.is_none() && account.is_none() {
        return Ok(None);
    }
    let level = stored.as_ref().map(|stored| level_source(app, stored));
    let found = Found { app, room, message: stored.as_ref(), account: account.as_ref(), reaches: &reaches };
    let client = match client {
        Some(client) => Some(found.client(node, client).await?),
        None => None,
    };
    Ok(Some(Trace { level, client, message: stored, account }))
}

fn level_source(app: &App, message: &StoredMessage) -> LevelSource {
    let via = if message.session.is_some() { Via::Client } else { Via::Rest };
    let by = |carried| {
        let origin = Origin { lctype: message.lctype, sender: &message.from, via, carried };
        ruled(&app.levels, &origin)
    };
    let (with, without) = (by(Some(message.level)), by(None));
    let fits = |(level, rule): (Level, usize)| (level == message.level).then_some(rule + 1);
    let mut rules: Vec<usize> = [with, without].into_iter().flatten().filter_map(fits).collect();
    rules.dedup();
    LevelSource { rules, own: with.is_none() || without.is_none() }
}

/// What was found of a message, for asking how sessions stand to it.
struct Found<'a> {
    app: &'a App,
    room: &'a RoomId,
    message: Option<&'a StoredMessage>,
    account: Option<&'a MessageAccount>,
    reaches: &'a [Reach],
}

impl Found<'_> {
    async fn client(&self, node: &Node, client: ClientId) -> Result<ClientTrace, Fault> {
        let now = node.clock.wall();
        let rules = node.moderation.rules(&self.app.id, self.room, now).await?;
        let blocked = rules.is_some_and(|rules| rules.is_blocked(&client, now));
        let known = node.store.sessions(&self.app.id, &client).await;
        let mut dropped = known.map_err(|cause| Refused::store(Code::InternalError, &cause))?;
        dropped.retain(|record| record.dropped_at.is_some() && !record.taken);
        let open = node.router.app(&self.app.id).sessions_of(&client);
        let sessions = open.iter().map(|session| self.session(node, session, now)).collect();
        Ok(ClientTrace { client, blocked, sessions, dropped })
    }

    fn session(&self, node: &Node, session: &Session, now: Millis) -> SessionTrace {
        let stay = session.stay();
        let lasting = stay.as_ref().map(|stay| node.router.engine().now().saturating_sub(stay.came.at));
        let since = lasting.map(|lasting| now.plus(-i64::try_from(lasting.as_millis()).unwrap_or(0)));
        let reach = self.reaches.iter().find(|reach| reach.session == session.identity.session);
        let standing = self.standing(node, session, stay.as_ref(), reach);
        let pending = reach.map(|reach| reach.pending);
        SessionTrace { stay, since, address: session.address, pending, standing }
    }

    fn standing(
        &self,
        node: &Node,
        session: &Session,
        stay: Option<&Stay>,
        reach: Option<&Reach>,
    ) -> Standing {
        let (Some(stay), Some(reach)) = (stay, reach) else { return Standing::Elsewhere };
        if self.wrote(session) {
            return Standing::Own;
        }
        let audience = self.message.and_then(|message| message.audience.as_ref());
        if audience.is_some_and(|named| !named.contains(&session.identity.client)) {
            return Standing::Others;
        }
        let has_passed = match reach.has_passed {
            Some(false) => Standing::Pending,
            Some(true) => Standing::Passed,
            None => Standing::Forgotten,
        };
        let number = self.message.and_then(|message| u64::try_from(message.number).ok());
        let Some((message, number)) = self.message.zip(number) else {
            return if self.is_older(node, stay) { Standing::Before } else { has_passed };
        };
        let is_high = message.level == Level::High;
        let was_live = number > stay.came.live_after;
        let was_due = was_live || (is_high && session.confirms_high && number > stay.came.due_after);
        let is_confirmed = is_high && session.confirms_high && number <= stay.confirmed;
        match (was_due, is_confirmed, was_live) {
            (false, ..) => Standing::Before,
            (true, true, _) => Standing::Confirmed,
            (true, false, false) => Standing::Returned,
            (true, false, true) => has_passed,
        }
    }

    /// Whether the session, or all of its client id where the app says so, is left out as the sender.
    fn wrote(&self, session: &Session) -> bool {
        self.message.is_some_and(|message| {
            let is_author = message.from == session.identity.client.as_str();
            let of_all = self.app.switches.own_sessions == OwnSessions::Exclude || message.session.is_none();
            is_author && (of_all || message.session == Some(session.identity.session))
        })
    }

    /// Whether a message that is not stored came before the session did.
    fn is_older(&self, node: &Node, stay: &Stay) -> bool {
        let lasting = node.router.engine().now().saturating_sub(stay.came.at);
        self.account.is_some_and(|account| account.age > lasting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{apps::App, config::Config};

    fn message(from: &str, lctype: Option<i32>, level: Level) -> StoredMessage {
        StoredMessage {
            number: 1,
            id: "m".into(),
            timestamp: Millis(0),
            from: from.to_owned(),
            session: None,
            level,
            body: grandstand_protocol::Body::Text(String::new()),
            mentions: Default::default(),
            lctype,
            patched_at: None,
            recalled: false,
            address: None,
            audience: None,
        }
    }

    #[test]
    fn a_level_comes_from_a_rule_or_from_the_sender() {
        let app = |rules: &str| -> App {
            let text = format!("[[apps]]\nid = \"the-app-id\"\nkey = \"k\"\nmaster_key = \"m\"\n{rules}");
            Config::from_toml(&text).unwrap().apps.remove(0)
        };
        let gifts = app("[[apps.levels]]\nlctype = 1001\nlevel = \"high\"\n\
             [[apps.levels]]\nsender = \"bot*\"\nlevel = \"low\"\noverride = true\n");
        for (app, message, rules, own) in [
            (&app(""), message("a", None, Level::Normal), vec![], true),
            (&gifts, message("a", Some(1001), Level::High), vec![1], true),
            (&gifts, message("a", Some(1001), Level::Low), vec![], true),
            (&gifts, message("bot-1", None, Level::Low), vec![2], false),
            (&gifts, message("bot-1", None, Level::High), vec![], false),
        ] {
            assert_eq!(level_source(app, &message), LevelSource { rules, own }, "{message:?}");
        }
    }
}
