//! A cell over the socket.

use grandstand_protocol::{
    Answer, Ask, Body, Bound, Command, ConversationQuery, Direction, Event, Format, HistoryRequest, Level,
    Moderate, Moderated, Open, Outcome, PatchRequest, Restriction, RoomId, Signature, StartConversation,
    Token,
};
use serde_json::json;

use crate::{
    commands::words,
    guest::{Guest, message},
    raw::Raw,
    scene::{Cell, Scene, signed},
    server::Server,
};

/// What was answered, as the table says it.
pub(crate) async fn ask(server: &Server, cell: &Cell, scene: &Scene) -> String {
    let (mut guest, token) = enter(server, cell, scene).await;
    if cell.place == "deleted" {
        scene.remove_home(server).await;
    }
    let command = Asking { server, cell, scene, token }.command();
    let verb = cell.line.split(' ').next().unwrap_or_default();
    assert!(words(&command).contains(&verb), "{verb} is not {command:?}");
    // Whoever logs in does so on a socket of its own, while the other one is open.
    let mut another = match command {
        Command::Open(_) => Some(connect(server, cell, scene).await),
        _ => None,
    };
    let before = server.database.look(&scene.subject());
    let event = another.as_mut().unwrap_or(&mut guest).ask(command).await;
    let changed = server.database.look(&scene.subject()) != before;
    let shown = scene.shown(&format!("{event:?}"));
    let said = match event {
        Event::Failed { fault } | Event::Refused { fault } => Some(fault.code.to_string()),
        Event::Moderated(moderated) => failed(&moderated),
        _ => None,
    };
    crate::said(said, changed, &shown)
}

/// Of a success for none.
fn failed(moderated: &Moderated) -> Option<String> {
    let (Answer::Imposed(outcome) | Answer::Lifted(outcome)) = &moderated.answer else { return None };
    let Outcome { allowed, failed } = outcome;
    assert!(allowed.is_empty() != failed.is_empty(), "one client, one outcome: {outcome:?}");
    failed.first().map(|failure| format!("part {}", failure.fault.code))
}

async fn connect(server: &Server, cell: &Cell, scene: &Scene) -> Guest {
    let (subprotocol, format) =
        if cell.json { ("lc.json.1", Format::Json) } else { ("lc.protobuf2.3", Format::Binary) };
    let raw = Raw::connect(server.address, subprotocol).await;
    let mut guest = Guest::over(raw, scene.id("self"), format);
    guest.app = scene.app;
    guest
}

/// Makes the caller what it is.
async fn enter(server: &Server, cell: &Cell, scene: &Scene) -> (Guest, Option<Token>) {
    let mut guest = connect(server, cell, scene).await;
    if cell.caller == "nobody" {
        return (guest, None);
    }
    let token = guest.open(Open { signature: login(server, scene), ..Open::default() }).await;
    if cell.caller != "outsider" {
        let room = RoomId::new(scene.home.clone());
        let (members, signature) =
            (vec![guest.client.clone()], invited(server, scene, scene.id("self"), &room));
        let joined = guest.ask(Command::Join { room, members, signature }).await;
        assert!(matches!(joined, Event::Added { .. }), "{joined:?}");
    }
    let (base, client) = (format!("/1.2/rtm/chatrooms/{}", scene.home), scene.id("self"));
    let change = match cell.caller.as_str() {
        "kicked" => Some((format!("/1.2/rtm/clients/{client}/kick"), json!({}))),
        "banned" => Some(("/1.2/rtm/bans".to_owned(), json!({ "client_id": client }))),
        "silenced" => Some((format!("{base}/permanent-silenceds"), json!({ "client_ids": [client] }))),
        "hushed" => {
            Some((format!("{base}/temporary-silenceds"), json!({ "client_id": client, "ttl": 3600 })))
        }
        "blocked" => Some((format!("{base}/blacklists"), json!({ "client_ids": [client] }))),
        "manager" => Some((format!("{base}/member-infos"), json!({ "clientId": client, "role": "Manager" }))),
        "owner" => Some((format!("{base}/member-infos"), json!({ "clientId": client, "role": "Owner" }))),
        _ => None,
    };
    if let Some((path, body)) = change {
        server.back_end(scene.app, "POST", &path, &body.to_string()).await;
    }
    let switched = match cell.place.as_str() {
        "muted" => Some(json!({ "mute_all": {} })),
        "frozen" => Some(json!({ "frozen": true })),
        _ => None,
    };
    if let Some(body) = switched {
        server.back_end(scene.app, "PUT", &format!("{base}/switches"), &body.to_string()).await;
    }
    (guest, Some(token))
}

/// A signature of a text that ends like this, where the app wants any. It is a second ahead, as a kick would take back
/// an older one.
fn sign(server: &Server, scene: &Scene, text: impl Fn(i64) -> String) -> Option<Signature> {
    let timestamp = server.clock.wall().0 + 1000;
    (scene.app == "signed").then(|| Signature {
        signature: signed(scene.app, &text(timestamp)),
        timestamp,
        nonce: "n".to_owned(),
    })
}

pub(crate) fn login(server: &Server, scene: &Scene) -> Option<Signature> {
    let client = scene.id("self");
    sign(server, scene, |time| format!("{}:{client}::{time}:n", scene.app))
}

fn invited(server: &Server, scene: &Scene, client: &str, room: &RoomId) -> Option<Signature> {
    sign(server, scene, |time| format!("{}:{client}:{room}:{client}:{time}:n:invite", scene.app))
}

/// What makes a command of a line.
struct Asking<'a> {
    server: &'a Server,
    cell: &'a Cell,
    scene: &'a Scene,
    token: Option<Token>,
}

impl Asking<'_> {
    fn command(&self) -> Command {
        let (verb, target) = self.cell.line.split_once(' ').unwrap_or((&self.cell.line, ""));
        let target = target.trim_matches(['{', '}']);
        let room = || RoomId::new(self.scene.room.clone());
        let client = || self.scene.id(target).to_owned();
        match verb {
            "open" => Command::Open(Box::new(Open { signature: self.signature("login"), ..Open::default() })),
            "reopen" => {
                let token = self.token.as_ref().map_or("made-up", |token| &token.text).to_owned();
                Command::Open(Box::new(Open { reopen: true, token: Some(token), ..Open::default() }))
            }
            "refresh" => Command::Refresh { token: self.token.as_ref().map(|token| token.text.clone()) },
            "close" => Command::Close,
            "online" => Command::QueryOnline { clients: vec!["host".to_owned()] },
            "device-token" => Command::UploadToken,
            "create" | "create-group" => self.create(verb == "create"),
            "join" => Command::Join {
                room: room(),
                members: vec![self.who(target)],
                signature: self.signature("invite"),
            },
            "quit" => Command::Quit { room: room(), members: vec![self.who(target)], signature: None },
            "query" => self.query(None),
            "query-with-last-message" => self.query(Some(2)),
            "count" => Command::Count { room: room() },
            "members" => Command::Members { room: room(), limit: None },
            "is-member" => Command::IsMember { rooms: vec![room()] },
            "mute" => Command::Mute { room: room() },
            "max-read" => Command::MaxRead { room: room() },
            "read" => Command::Read,
            "unknown" => Command::Unsupported { family: "conv".to_owned(), verb: Some("status".to_owned()) },
            "update" => Command::Update { room: room(), attributes: r#"{"topic":"new"}"#.to_owned() },
            "make-manager" => self.role(client(), "Manager"),
            "make-member" => self.role(client(), "Member"),
            "make-owner" => self.role(client(), "Owner"),
            "send" | "send-transient" | "leave-will" => self.say(verb),
            "edit" | "recall" => self.patch(verb == "recall", target),
            "history" => Command::History(Box::new(HistoryRequest {
                room: room(),
                limit: None,
                start: Bound::default(),
                end: Bound::default(),
                direction: Direction::Old,
                lctype: None,
            })),
            _ => self.moderate(verb, target),
        }
    }

    fn who(&self, target: &str) -> String {
        self.scene.id(if target.is_empty() { "self" } else { target }).to_owned()
    }

    fn create(&self, transient: bool) -> Command {
        let members = vec![self.scene.id("self").to_owned()];
        let attributes = Some(format!(r#"{{"name":"made-{}"}}"#, self.scene.number));
        let signature = self.signature("create");
        Command::Start(Box::new(StartConversation {
            transient,
            members,
            attributes,
            signature,
            ..StartConversation::default()
        }))
    }

    fn query(&self, flag: Option<i32>) -> Command {
        let filter = Some(format!(r#"{{"objectId":"{}"}}"#, self.scene.room));
        Command::Query(Box::new(ConversationQuery { filter, flag, ..ConversationQuery::default() }))
    }

    fn role(&self, client: String, role: &str) -> Command {
        Command::SetRole { room: RoomId::new(self.scene.room.clone()), client, role: role.to_owned() }
    }

    fn say(&self, verb: &str) -> Command {
        let said = message(&RoomId::new(self.scene.room.clone()), Level::Normal, "said");
        let (transient, will) = (verb == "send-transient", verb == "leave-will");
        Command::Send(Box::new(grandstand_protocol::Send { transient, will, ..said }))
    }

    fn patch(&self, recall: bool, target: &str) -> Command {
        let whose = target.trim_end_matches("-message");
        let body = (!recall).then(|| Body::Text("edited".to_owned()));
        Command::Modify {
            patches: vec![PatchRequest {
                room: RoomId::new(self.scene.room.clone()),
                message: self.scene.id(whose).to_owned().into(),
                timestamp: self.scene.id(&format!("{whose}-time")).parse().unwrap(),
                recall,
                body,
                mentions: grandstand_protocol::Mentions::default(),
            }],
        }
    }

    fn moderate(&self, verb: &str, target: &str) -> Command {
        let clients = || vec![self.who(target)];
        let signature = self.signature(verb);
        let (restriction, ask) = match verb {
            "silence" => (Restriction::Silence, Ask::Impose { clients: clients(), signature: None }),
            "unsilence" => (Restriction::Silence, Ask::Lift { clients: clients(), signature: None }),
            "silenced" => (Restriction::Silence, Ask::List { limit: None, next: None }),
            "is-silenced" => (Restriction::Silence, Ask::Check { clients: clients() }),
            "block" => (Restriction::Block, Ask::Impose { clients: clients(), signature }),
            "unblock" => (Restriction::Block, Ask::Lift { clients: clients(), signature }),
            "blocked" => (Restriction::Block, Ask::List { limit: None, next: None }),
            "is-blocked" => (Restriction::Block, Ask::Check { clients: clients() }),
            _ => panic!("no command is {verb}"),
        };
        let room = RoomId::new(self.scene.room.clone());
        Command::Moderate(Box::new(Moderate { room, restriction, ask }))
    }

    /// As the place has it: none, one for another client, or the right one.
    fn signature(&self, purpose: &str) -> Option<Signature> {
        let (app, room) = (self.scene.app, &self.scene.room);
        let client = match self.cell.place.as_str() {
            "signed" => self.scene.id("self"),
            "missigned" => self.scene.id("plain"),
            _ => return None,
        };
        let target =
            self.cell.line.split_once(' ').map(|(_, target)| self.who(target.trim_matches(['{', '}'])));
        let target = target.unwrap_or_default();
        sign(self.server, self.scene, |time| match purpose {
            "login" => format!("{app}:{client}::{time}:n"),
            "create" => format!("{app}:{client}:{client}:{time}:n"),
            "invite" => format!("{app}:{client}:{room}:{client}:{time}:n:invite"),
            "block" | "unblock" => {
                format!("{app}:{client}:{room}:{target}:{time}:n:conversation-{purpose}-clients")
            }
            _ => String::new(),
        })
    }
}
