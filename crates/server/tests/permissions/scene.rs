//! One cell of the matrix before anything is tried: a room, who is what in it, and the place that is named instead.

use std::collections::HashMap;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha1::Sha1;

use crate::{
    database::Subject,
    server::{Server, master_of},
};

/// The app of rooms in the foreign place.
const OTHER: &str = "other";

/// What is asked, by whom, and where.
#[derive(Clone)]
pub(crate) struct Cell {
    pub(crate) number: usize,
    /// The operation, by its place in the table.
    pub(crate) operation: usize,
    /// What it names, in the order of the table's words.
    pub(crate) line: String,
    pub(crate) caller: String,
    pub(crate) place: String,
    /// Binary or JSON; over HTTP it says nothing.
    pub(crate) json: bool,
}

/// Everything about a cell that has an id.
pub(crate) struct Scene {
    pub(crate) app: &'static str,
    /// Where the caller is what it is.
    pub(crate) home: String,
    /// The room that is named: `home`, or one in which the caller is nothing.
    pub(crate) room: String,
    pub(crate) number: usize,
    /// Whether it is about the words of the whole app.
    pub(crate) words: bool,
    values: HashMap<&'static str, String>,
}

impl Scene {
    /// Rooms, messages, and those whom the line names. The caller itself is not there yet.
    pub(crate) async fn set(server: &Server, cell: &Cell, creator: bool) -> Self {
        let Cell { number, place, line, .. } = cell;
        let app = app_of(place);
        let mut values = HashMap::new();
        for name in
            ["self", "plain", "manager", "owner", "silenced", "hushed", "blocked", "banned", "refusing"]
        {
            values.insert(name, format!("{name}-{number}"));
        }
        values.insert("number", number.to_string());
        let own = values["self"].as_str();
        let is_home = !matches!(place.as_str(), "missing" | "foreign");
        let name = if is_home { "name" } else { "home" };
        let mut fields =
            json!({ "name": format!("{name}-of-{number}"), "c": if creator { own } else { "host" } });
        if place == "opened" {
            fields["ACL"] = json!({ "*": { "read": true, "write": true } });
        }
        let home = create(server, app, &fields).await;
        let room = match place.as_str() {
            "missing" => format!("{number:024x}"),
            "foreign" => {
                create(server, OTHER, &json!({ "name": format!("name-of-{number}"), "c": own })).await
            }
            _ => home.clone(),
        };
        let words = line.contains("/1.2/rtm/words");
        let mut scene = Self { app, home, room, number: *number, words, values };
        scene.values.insert("room", scene.room.clone());
        if place == "missing" {
            scene.values.extend([("row", format!("{number:024x}")), ("own", "none".to_owned())]);
            scene.values.extend([("other", "none".to_owned()), ("own-time", "1".to_owned())]);
            scene.values.insert("other-time", "1".to_owned());
        } else {
            scene.people(server, line, app_there(place, app)).await;
            scene.messages(server, line, app_there(place, app)).await;
        }
        if words {
            server.back_end(app, "PUT", "/1.2/rtm/words", &format!("the-word-before-{number}")).await;
            // Refused when there is none.
            server.ask(&master_of("third"), "DELETE", "/1.2/rtm/words", "").await;
        }
        scene.sign(server);
        scene
    }

    /// Roles, silence, blocks and more of those whom the line names, in the room that it names.
    async fn people(&mut self, server: &Server, line: &str, app: &str) {
        let names =
            |name: &str| line.contains(&format!("{{{name}}}")) || line.contains(&format!(":{name}}}"));
        let base = format!("/1.2/rtm/chatrooms/{}", self.room);
        if names("manager") || names("row") {
            let row = self.give(server, app, &base, "manager", "Manager").await;
            self.values.insert("row", row["objectId"].as_str().unwrap().to_owned());
        }
        if names("owner") {
            self.give(server, app, &base, "owner", "Owner").await;
        }
        for (name, path, body) in [
            (
                "silenced",
                format!("{base}/permanent-silenceds"),
                json!({ "client_ids": [self.values["silenced"]] }),
            ),
            (
                "hushed",
                format!("{base}/temporary-silenceds"),
                json!({ "client_id": self.values["hushed"], "ttl": 3600 }),
            ),
            ("blocked", format!("{base}/blacklists"), json!({ "client_ids": [self.values["blocked"]] })),
            ("banned", "/1.2/rtm/bans".to_owned(), json!({ "client_id": self.values["banned"] })),
            (
                "refusing",
                format!("/1.2/rtm/clients/{}/blacklists", self.values["refusing"]),
                json!({ "conv_id": self.room }),
            ),
        ] {
            if names(name) {
                server.back_end(app, "POST", &path, &body.to_string()).await;
            }
        }
    }

    async fn give(&self, server: &Server, app: &str, base: &str, who: &str, role: &str) -> Value {
        let body = json!({ "clientId": self.values[who], "role": role });
        server.back_end(app, "POST", &format!("{base}/member-infos"), &body.to_string()).await
    }

    /// A message of the caller and one of somebody else, where the line names messages or could show them.
    async fn messages(&mut self, server: &Server, line: &str, app: &str) {
        let named = ["messages", "own", "other", "history", "last-message", "purge"];
        if !named.iter().any(|name| line.contains(name)) {
            return;
        }
        let path = format!("/1.2/rtm/chatrooms/{}/messages", self.room);
        for (from, id, time) in [("plain", "other", "other-time"), ("self", "own", "own-time")] {
            let text = format!("words-of-{}", self.number);
            let body = json!({ "from_client": self.values[from], "message": text });
            let sent = server.back_end(app, "POST", &path, &body.to_string()).await;
            self.values.insert(id, sent["msg-id"].as_str().unwrap().to_owned());
            self.values.insert(time, sent["timestamp"].to_string());
        }
    }

    /// For history over HTTP.
    fn sign(&mut self, server: &Server) {
        let now = server.clock.wall().0;
        let text = format!("{}:{}:{}:n:{now}", self.app, self.values["self"], self.room);
        let signature = signed(self.app, &text);
        self.values.extend([("now", now.to_string()), ("signature", signature)]);
    }

    /// The back end removes the room where the caller is.
    pub(crate) async fn remove_home(&self, server: &Server) {
        server.back_end(self.app, "DELETE", &format!("/1.2/rtm/chatrooms/{}", self.home), "").await;
    }

    /// The id of somebody or something.
    pub(crate) fn id(&self, name: &str) -> &str {
        self.values.get(name).unwrap_or_else(|| panic!("nothing here is {name}"))
    }

    /// A text with the ids in place of names: of `{client:plain}`, what comes behind the colon is the name here.
    pub(crate) fn fill(&self, text: &str) -> String {
        let mut filled = text.to_owned();
        for (name, value) in &self.values {
            filled = filled.replace(&format!("{{{name}}}"), value);
            for part in ["client", "message", "rest"] {
                filled = filled.replace(&format!("{{{part}:{name}}}"), value);
            }
        }
        filled
    }

    pub(crate) fn subject(&self) -> Subject<'_> {
        Subject {
            apps: [self.app, OTHER],
            rooms: [&self.room, &self.home],
            clients: ["self", "plain", "banned", "refusing"].map(|name| self.id(name)),
            made: format!("made-{}", self.number),
            words: self.words,
        }
    }

    /// Which secrets of the named room a text shows, as the table says it.
    pub(crate) fn shown(&self, text: &str) -> String {
        let shows = |what: &str| text.contains(&format!("{what}-of-{}", self.number));
        ["name", "words"].iter().filter(|what| shows(what)).map(|what| format!(" {what}")).collect()
    }

    /// The header lines of a caller over HTTP. Each cell comes from an address of its own: wrong keys are counted.
    pub(crate) fn headers(&self, caller: &str, token: Option<&str>) -> String {
        let (app, number) = (self.app, self.number);
        let address = std::net::Ipv4Addr::from(0x0a00_0000 + u32::try_from(number).unwrap());
        let id = |app: &str| format!("X-LC-Id: {app}\r\n");
        let key = |key: &str| format!("X-LC-Key: {key}\r\n");
        let sign = |key: &str, end: &str| {
            use md5::{Digest, Md5};
            let digest = Md5::new().chain_update(format!("1800000000000{key}")).finalize();
            let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("X-LC-Sign: {hex},1800000000000{end}\r\n")
        };
        let lines = match caller {
            "no-keys" => String::new(),
            "app-id" => id(app),
            "wrong-key" => id(app) + &key("wrong-key"),
            "wrong-master" => id(app) + &key("wrong-master,master"),
            "key-as-master" => id(app) + &key(&format!("{app}-key,master")),
            "hook-key" => id(app) + &key(&format!("{app}-hook,master")) + "X-LC-Hook-Key: {app}-hook\r\n",
            "foreign-mixed" => id(app) + &key("third-master,master"),
            "app-key" => id(app) + &key(&format!("{app}-key")),
            "app-sign" => id(app) + &sign(&format!("{app}-key"), ""),
            "unsaid-master" => id(app) + &key(&format!("{app}-master")),
            "owner-token" => {
                let token = token.unwrap_or_else(|| panic!("a token"));
                format!("{}{}X-LC-IM-Session-Token: {token}\r\n", id(app), key(&format!("{app}-key")))
            }
            "other-key" => id("third") + &key("third-key"),
            "other-master" => master_of("third"),
            "master" => master_of(app),
            "old-master" => id(app) + &key(&format!("{app}-old,master")),
            "master-sign" => id(app) + &sign(&format!("{app}-master"), ",master"),
            "legacy-master" => {
                format!("X-AVOSCloud-Application-Id: {app}\r\nX-AVOSCloud-Master-Key: {app}-master\r\n")
            }
            _ => panic!("nobody is {caller}"),
        };
        format!("{lines}X-Forwarded-For: {address}\r\n")
    }
}

/// The app of a place, for which the caller has keys.
fn app_of(place: &str) -> &'static str {
    match place {
        "unsigned" | "missigned" | "signed" => "signed",
        "closed" => "closed",
        "staffed" => "staffed",
        "opened" => "opened",
        _ => "plain",
    }
}

/// The app of the room that is named.
fn app_there(place: &str, app: &'static str) -> &'static str {
    if place == "foreign" { OTHER } else { app }
}

async fn create(server: &Server, app: &str, fields: &Value) -> String {
    let made = server.back_end(app, "POST", "/1.2/rtm/chatrooms", &fields.to_string()).await;
    made["objectId"].as_str().unwrap().to_owned()
}

/// With the master key of an app.
pub(crate) fn signed(app: &str, text: &str) -> String {
    let key = format!("{app}-master");
    let mac = Hmac::<Sha1>::new_from_slice(key.as_bytes()).unwrap().chain_update(text).finalize();
    mac.into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}
