//! A well-behaved client: opens, joins, sends, and keeps what it was told.

use std::net::SocketAddr;

use grandstand_protocol::{
    Body, Command, Downlink, Event, Format, Level, Mentions, Notice, Open, Push, Request, RoomId, Send,
    StartConversation, Token,
};

use crate::{
    raw::{BINARY, CLOSE, PING, PONG, Raw, TEXT},
    server::APP,
};

pub(crate) struct Guest {
    pub(crate) raw: Raw,
    pub(crate) client: String,
    /// Whose client it says it is.
    pub(crate) app: &'static str,
    format: Format,
    serial: i32,
    /// Pushes that came while an answer was awaited.
    pub(crate) pushes: Vec<Downlink>,
    /// Whether pings are answered.
    pub(crate) confirms: bool,
}

impl Guest {
    pub(crate) async fn connect(address: SocketAddr, client: &str) -> Self {
        Self::over(Raw::connect(address, "lc.protobuf2.3").await, client, Format::Binary)
    }

    pub(crate) async fn connect_json(address: SocketAddr, client: &str) -> Self {
        Self::over(Raw::connect(address, "lc.json.3").await, client, Format::Json)
    }

    pub(crate) fn over(raw: Raw, client: &str, format: Format) -> Self {
        let client = client.to_owned();
        Self { raw, client, app: APP, format, serial: 0, pushes: Vec::new(), confirms: true }
    }

    /// Connects and opens.
    pub(crate) async fn log_in(address: SocketAddr, client: &str) -> (Self, Token) {
        let mut guest = Self::connect(address, client).await;
        let token = guest.open(Open::default()).await;
        (guest, token)
    }

    pub(crate) async fn open(&mut self, open: Open) -> Token {
        match self.ask(Command::Open(Box::new(open))).await {
            Event::Opened { token } => token,
            other => panic!("opened, not {other:?}"),
        }
    }

    /// Opens again with a token, as the SDKs do after a drop.
    pub(crate) async fn reopen(address: SocketAddr, client: &str, token: &Token) -> Self {
        let mut guest = Self::connect(address, client).await;
        guest.open(Open { reopen: true, token: Some(token.text.clone()), ..Open::default() }).await;
        guest
    }

    pub(crate) async fn create(&mut self) -> RoomId {
        let start = StartConversation { transient: true, ..StartConversation::default() };
        match self.ask(Command::Start(Box::new(start))).await {
            Event::Started { room, .. } => room,
            other => panic!("started, not {other:?}"),
        }
    }

    pub(crate) async fn join(&mut self, room: &RoomId) {
        let members = vec![self.client.clone()];
        let joined = self.ask(Command::Join { room: room.clone(), members, signature: None }).await;
        assert!(matches!(joined, Event::Added { .. }), "{joined:?}");
    }

    pub(crate) async fn quit(&mut self, room: &RoomId) {
        let members = vec![self.client.clone()];
        let left = self.ask(Command::Quit { room: room.clone(), members, signature: None }).await;
        assert!(matches!(left, Event::Removed { .. }), "{left:?}");
    }

    /// Sends a text and waits for its acknowledgement.
    pub(crate) async fn say(&mut self, room: &RoomId, level: Level, text: &str) {
        let answer = self.ask(Command::Send(Box::new(message(room, level, text)))).await;
        assert!(matches!(answer, Event::Accepted { .. }), "{answer:?}");
    }

    pub(crate) async fn count(&mut self, room: &RoomId) -> i32 {
        match self.ask(Command::Count { room: room.clone() }).await {
            Event::Count { count } => count,
            other => panic!("a count, not {other:?}"),
        }
    }

    /// Asks and waits for the answer.
    pub(crate) async fn ask(&mut self, command: Command) -> Event {
        let serial = self.send(command).await;
        loop {
            let told = self.read().await.expect("an answer before the end");
            if told.serial == Some(serial) {
                return told.event;
            }
            self.pushes.push(told);
        }
    }

    pub(crate) async fn send(&mut self, command: Command) -> i32 {
        self.serial += 1;
        let (app, peer) = (Some(self.app.to_owned()), Some(self.client.clone()));
        let encoded = Request { app, peer, serial: Some(self.serial), command }.encode(self.format);
        self.raw.send(if encoded.text { TEXT } else { BINARY }, &encoded.payload).await;
        self.serial
    }

    /// The next message of a room, however long ago it came.
    pub(crate) async fn hear(&mut self) -> Push {
        let at = self.pushes.iter().position(|told| matches!(told.event, Event::Message(_)));
        let mut next = at.map(|at| self.pushes.remove(at));
        loop {
            match next.take() {
                Some(Downlink { event: Event::Message(push), .. }) => return *push,
                _ => next = Some(self.read().await.expect("a message before the end")),
            }
        }
    }

    /// The texts of everything heard until `last` comes.
    pub(crate) async fn hear_until(&mut self, last: &str) -> Vec<String> {
        let mut heard = Vec::new();
        loop {
            heard.push(text(self.hear().await.body));
            if heard.last().is_some_and(|text| text == last) {
                return heard;
            }
        }
    }

    /// The next push of this kind, however long ago it came.
    pub(crate) async fn hear_event(&mut self, wanted: impl Fn(&Event) -> bool) -> Event {
        if let Some(at) = self.pushes.iter().position(|told| wanted(&told.event)) {
            return self.pushes.remove(at).event;
        }
        loop {
            let told = self.read().await.expect("a push before the end");
            if wanted(&told.event) {
                return told.event;
            }
            self.pushes.push(told);
        }
    }

    /// The next notice of silence or a block.
    pub(crate) async fn hear_notice(&mut self) -> Notice {
        match self.hear_event(|event| matches!(event, Event::Notice(_))).await {
            Event::Notice(notice) => *notice,
            other => panic!("a notice, not {other:?}"),
        }
    }

    /// How many notices came before a message with this text.
    pub(crate) async fn notices_until(&mut self, last: &str) -> usize {
        self.hear_event(
            |event| matches!(event, Event::Message(push) if push.body == Body::Text(last.to_owned())),
        )
        .await;
        self.pushes.iter().filter(|told| matches!(told.event, Event::Notice(_))).count()
    }

    /// The next command of the server; pings are answered on the way.
    pub(crate) async fn read(&mut self) -> Option<Downlink> {
        loop {
            match self.raw.next().await? {
                (PING, payload) if self.confirms => self.raw.send(PONG, &payload).await,
                (TEXT | BINARY, payload) => return Some(Downlink::decode(self.format, &payload).unwrap()),
                (CLOSE, _) => return None,
                _ => {}
            }
        }
    }
}

pub(crate) fn message(room: &RoomId, level: Level, text: &str) -> Send {
    Send {
        room: room.clone(),
        body: Body::Text(text.to_owned()),
        level: Some(level),
        transient: false,
        will: false,
        dedupe: None,
        push_data: None,
        mentions: Mentions::default(),
    }
}

fn text(body: Body) -> String {
    match body {
        Body::Text(text) => text,
        Body::Binary(bytes) => panic!("a text, not {bytes:?}"),
    }
}
