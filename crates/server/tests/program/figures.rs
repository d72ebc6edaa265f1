//! What an operator can look at: figures for Prometheus, accounts of messages, and that the documents name them.

use std::{fs, net::TcpStream, path::Path};

use grandstand_protocol::{
    Body, Command, Downlink, Event, Format, Level, Mentions, MessageId, Open, Request, RoomId, Send,
    StartConversation,
};
use serde_json::Value;
use tungstenite::{Message, WebSocket, client::IntoClientRequest};

use crate::running::{Running, body, command, request, status};

const APP: &str = "the-app-id";

/// A client that waits for every answer.
struct Client {
    socket: WebSocket<TcpStream>,
    name: &'static str,
    serial: i32,
}

impl Client {
    fn log_in(server: &Running, name: &'static str) -> Self {
        Self::open(server, name, None).0
    }

    /// With its token, when it was here before.
    fn open(server: &Running, name: &'static str, token: Option<String>) -> (Self, String) {
        let mut request = format!("ws://{}/", server.public).into_client_request().unwrap();
        request.headers_mut().insert("Sec-WebSocket-Protocol", "lc.protobuf2.3".parse().unwrap());
        let (socket, _) = tungstenite::client(request, server.connect()).unwrap();
        let mut client = Self { socket, name, serial: 0 };
        let open = Open { reopen: token.is_some(), token, ..Open::default() };
        let Event::Opened { token } = client.ask(Command::Open(Box::new(open))) else { panic!("a session") };
        (client, token.text)
    }

    fn ask(&mut self, command: Command) -> Event {
        self.serial += 1;
        let (app, peer) = (Some(APP.to_owned()), Some(self.name.to_owned()));
        let request = Request { app, peer, serial: Some(self.serial), command };
        self.socket.send(Message::Binary(request.encode(Format::Binary).payload)).unwrap();
        loop {
            let told = self.read();
            if told.serial == Some(self.serial) {
                return told.event;
            }
        }
    }

    fn read(&mut self) -> Downlink {
        loop {
            if let Message::Binary(payload) = self.socket.read().unwrap() {
                return Downlink::decode(Format::Binary, &payload).unwrap();
            }
        }
    }

    fn join(&mut self, room: &RoomId) {
        let members = vec![self.name.to_owned()];
        let joined = self.ask(Command::Join { room: room.clone(), members, signature: None });
        assert!(matches!(joined, Event::Added { .. }), "{joined:?}");
    }

    fn start(&mut self) -> RoomId {
        let start = StartConversation { transient: true, ..StartConversation::default() };
        let Event::Started { room, .. } = self.ask(Command::Start(Box::new(start))) else { panic!("a room") };
        room
    }

    fn send(&mut self, room: &RoomId) -> MessageId {
        let answer = self.ask(Command::Send(Box::new(Send {
            room: room.clone(),
            body: Body::Text("hello".to_owned()),
            level: Some(Level::High),
            transient: false,
            will: false,
            dedupe: None,
            push_data: None,
            mentions: Mentions::default(),
        })));
        let Event::Accepted { message, .. } = answer else { panic!("accepted, not {answer:?}") };
        message
    }
}

/// A member sends a HIGH message to another one.
fn one_message(server: &Running) -> (Client, Client, RoomId, MessageId) {
    let (mut ann, mut bob) = (Client::log_in(server, "ann"), Client::log_in(server, "bob"));
    let room = ann.start();
    ann.join(&room);
    bob.join(&room);
    let message = ann.send(&room);
    while !matches!(bob.read().event, Event::Message(push) if push.message == message) {}
    (ann, bob, room, message)
}

fn metrics(server: &Running) -> String {
    body(&request(server.admin, "GET", "/metrics", &[])).to_owned()
}

#[test]
fn figures_and_accounts_say_what_became_of_a_message() {
    let folder = tempfile::tempdir().unwrap();
    let server =
        Running::start_command(command(folder.path()).args(["--app", "the-app-id:the-key:the-master"]));
    let (ann, bob, room, message) = one_message(&server);

    // The writer counts when it has made its round.
    while server.counter("grandstand_fanout_writes_total") == 0 {}
    let figures = metrics(&server);
    let in_room = format!("app=\"{APP}\",room=\"{room}\"");
    for line in [
        r#"grandstand_deliveries_total{level="high",outcome="written"} 1"#,
        r#"grandstand_deliveries_total{level="low",outcome="thinned"} 0"#,
        r#"grandstand_deliveries_pending{level="high"} 0"#,
        r#"grandstand_thinning_kept{level="low"} 1"#,
        "grandstand_members_behind 0",
        "grandstand_fanout_writes_total 1",
        "grandstand_fanout_lag_seconds_count 1",
        &format!("grandstand_room_members{{{in_room}}} 2"),
        &format!("grandstand_room_high_fill{{{in_room}}} 0"),
        &format!(r#"grandstand_room_deliveries_total{{{in_room},level="high",outcome="written"}} 1"#),
    ] {
        assert!(figures.lines().any(|known| known == line), "{line} is not in\n{figures}");
    }
    let account = |address, target: &str, headers: &[(&str, &str)]| {
        let answer = request(address, "GET", target, headers);
        (status(&answer), serde_json::from_str::<Value>(body(&answer)).unwrap())
    };
    let (code, of_message) =
        account(server.admin, &format!("/apps/{APP}/rooms/{room}/messages/{message}/account"), &[]);
    assert_eq!((code, &of_message["written"], &of_message["eligible"]), (200, &1.into(), &1.into()));
    let (code, of_room) = account(server.admin, &format!("/apps/{APP}/rooms/{room}/account"), &[]);
    assert_eq!((code, &of_room["high"]["written"], &of_room["members"]), (200, &1.into(), &2.into()));
    let (code, refusal) = account(server.admin, "/apps/no-such-app/rooms/r/account", &[]);
    assert_eq!((code, &refusal["code"]), (404, &404.into()));
    let by_master = [("X-LC-Id", APP), ("X-LC-Key", "the-master,master")];
    let (code, public) = account(server.public, &format!("/1.2/rtm/chatrooms/{room}/account"), &by_master);
    assert_eq!((code, public), (200, of_room));

    // What was counted stays when a room is empty.
    drop((ann, bob));
    assert!(metrics(&server).contains(r#"grandstand_deliveries_total{level="high",outcome="written"} 1"#));
}

#[test]
fn who_missed_more_high_than_is_delivered_again_gets_the_newest_and_an_operator_hears_of_it() {
    const REPLAY: usize = 8;
    let folder = tempfile::tempdir().unwrap();
    let config = format!("[limits]\nhigh_backlog = \"1KiB\"\nreplay = {REPLAY}\n");
    fs::write(folder.path().join("grandstand.toml"), config).unwrap();
    let server =
        Running::start_command(command(folder.path()).args(["--app", "the-app-id:the-key:the-master"]));
    let mut ann = Client::log_in(&server, "ann");
    let room = ann.start();
    ann.join(&room);
    for (name, missed, cut) in [("bob", REPLAY, 0), ("cid", REPLAY + 1, 1), ("dan", 3 * REPLAY, 2)] {
        let (mut member, token) = Client::open(&server, name, None);
        member.join(&room);
        drop(member);
        while server.counter("grandstand_sessions") > 1 {}
        let sent: Vec<_> = (0..missed).map(|_| ann.send(&room)).collect();
        let (mut member, _) = Client::open(&server, name, Some(token));
        let live = ann.send(&room);
        let mut came = Vec::new();
        while came.last() != Some(&live) {
            if let Event::Message(push) = member.read().event {
                came.push(push.message);
            }
        }
        came.pop();
        assert_eq!(came, sent[missed - REPLAY..], "the newest, in order");
        assert_eq!(server.counter("grandstand_gaps_cut_total"), cut, "of {missed}");
    }
}

#[test]
fn every_figure_is_documented_in_both_languages() {
    let folder = tempfile::tempdir().unwrap();
    let server =
        Running::start_command(command(folder.path()).args(["--app", "the-app-id:the-key:the-master"]));
    let _members = one_message(&server);
    let figures = metrics(&server);
    let names = figures.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
    let names: Vec<&str> = names.collect();
    assert!(names.len() > 15, "{names:?}");
    for page in ["metrics.md", "metrics.zh-CN.md"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(page);
        let text = fs::read_to_string(path).unwrap();
        let is_named = |name: &str| ['`', '{'].iter().any(|end| text.contains(&format!("`{name}{end}")));
        let lacking: Vec<_> = names.iter().filter(|name| !is_named(name)).collect();
        assert_eq!(lacking, Vec::<&&str>::new(), "in {page}");
    }
}
