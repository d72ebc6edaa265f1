//! The log at its most talkative, with every call that the OpenAPI document lists and a client on the socket: no secret
//! stands in it, and nothing that a stranger sends begins a line of its own.

use std::{
    fmt::Write as _,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
    time::{SystemTime, UNIX_EPOCH},
};

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};

use super::{
    folder,
    running::{PATIENCE, Running, body, read_head, read_to_end, status, upgrade_request},
};

/// Breaks out of a line, forges another, and turns a terminal red and its text round.
const EVIL: &str = "\n2026 ERROR forged\r\n\u{1b}[31m\u{7}\u{9b}2J\u{202e}\u{2028}中文";

/// Every secret has this in it, so that a part of one is found, too. Signatures and tokens are looked for one by one.
const MARK: &str = "hush";

const CONFIG: &str = r#"
[server]
log = "trace"
[client_limits]
enabled = false
[[apps]]
id = "first-app"
key = "hush-app-key-0001"
master_key = "hush-master-key-01"
previous_master_key = "hush-former-key-01"
[apps.signatures]
login = true
[apps.hooks]
engine = "http://ENGINE"
hook_key = "hush-hook-key"
[apps.accounts]
url = "http://ENGINE/accounts"
[apps.upstream]
origin = "http://ENGINE"
[[apps]]
id = "second-app"
key = "hush-app-key-0002"
master_key = "hush-master-key-02"
[apps.webhook]
url = "http://ENGINE/webhook"
secret = "hush-webhook-secret"
"#;

/// A server that stands in for the engine, the accounts and the storage: agrees to everything.
fn engine() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            thread::spawn(move || serve(stream.unwrap()));
        }
    });
    address
}

fn serve(mut stream: TcpStream) {
    loop {
        let head = read_head(&mut stream).to_ascii_lowercase();
        if head.is_empty() {
            return;
        }
        let length = head
            .split_once("content-length: ")
            .map_or(0, |(_, rest)| rest.split("\r\n").next().unwrap().parse().unwrap());
        let mut asked = vec![0; length];
        stream.read_exact(&mut asked).unwrap();
        let answer =
            json!({ "result": {}, "client_id": format!("user{EVIL}"), "sessionToken": "hush-token" });
        let answer = answer.to_string();
        let answer =
            format!("HTTP/1.1 200 OK\r\nX-Own: hush\r\nContent-Length: {}\r\n\r\n{answer}", answer.len());
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

/// A client on a socket, in JSON.
struct Client {
    stream: TcpStream,
    serial: i64,
}

impl Client {
    fn connect(server: &Server) -> Self {
        let mut stream = server.0.connect();
        // A header may hold any byte but those that end it.
        let agent = "evil\u{1b}[31m".replace('\u{1b}', "\t");
        let changes = [("Sec-WebSocket-Protocol", "lc.json.3"), ("User-Agent", &*agent)];
        stream.write_all(upgrade_request("/", &changes).as_bytes()).unwrap();
        assert_eq!(status(&read_head(&mut stream)), 101);
        Self { stream, serial: 0 }
    }

    /// Sends a command and reads its answer; pushes on the way are passed over.
    fn ask(&mut self, mut command: Value) -> Value {
        self.serial += 1;
        command["i"] = self.serial.into();
        self.send(&command.to_string());
        loop {
            let answer = self.read();
            if answer["i"] == self.serial {
                return answer;
            }
        }
    }

    fn send(&mut self, text: &str) {
        let length = u16::try_from(text.len()).unwrap();
        let mut frame = vec![0x81, 0x80 | 126];
        frame.extend(length.to_be_bytes());
        frame.extend([0; 4]);
        frame.extend(text.as_bytes());
        self.stream.write_all(&frame).unwrap();
    }

    fn read(&mut self) -> Value {
        let mut head = [0; 2];
        self.stream.read_exact(&mut head).unwrap();
        let length = match head[1] {
            126 => {
                let mut length = [0; 2];
                self.stream.read_exact(&mut length).unwrap();
                usize::from(u16::from_be_bytes(length))
            }
            short => usize::from(short),
        };
        let mut payload = vec![0; length];
        self.stream.read_exact(&mut payload).unwrap();
        serde_json::from_slice(&payload).unwrap_or_default()
    }
}

struct Server(Running);

impl Server {
    fn ask(&self, method: &str, target: &str, headers: &str, sent: &str) -> String {
        let mut stream = self.0.connect();
        let request = format!(
            "{method} {target} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n{headers}Content-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{sent}",
            sent.len()
        );
        stream.write_all(request.as_bytes()).unwrap();
        read_to_end(&mut stream)
    }
}

fn md5(text: &str) -> String {
    use md5::Digest;
    hexadecimal(&md5::Md5::digest(text))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// A login with a signature; the token of the session.
fn log_in(client: &mut Client, id: &str, now: u128) -> (String, String) {
    let mut mac = Hmac::<sha1::Sha1>::new_from_slice(b"hush-master-key-01").unwrap();
    mac.update(format!("first-app:{id}::{now}:nonce").as_bytes());
    let signature = hexadecimal(&mac.finalize().into_bytes());
    let open = json!({
        "cmd": "session", "op": "open", "appId": "first-app", "peerId": id, "ua": format!("ua{EVIL}"),
        "tag": format!("tag{EVIL}"), "deviceId": format!("device{EVIL}"), "s": signature, "t": now as u64, "n": "nonce",
    });
    let opened = client.ask(open);
    assert_eq!(opened["op"], "opened", "{opened}");
    (opened["st"].as_str().unwrap().to_owned(), signature)
}

/// Everything that a client asks, with ids and texts that are evil.
fn talk(client: &mut Client, id: &str) {
    let evil = |head: &str| format!("{head}{EVIL}");
    let say = |room: &str| {
        let message = "this is hush between us";
        json!({ "cmd": "direct", "appId": "first-app", "peerId": id, "cid": room, "msg": message, "level": 1 })
    };
    let conv = |op: &str, more: Value| {
        let mut command = json!({ "cmd": "conv", "op": op, "appId": "first-app", "peerId": id });
        command.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        command
    };
    let attributes = json!({ "attr": { "name": evil("name"), "attr": { "a": evil("attr") } } });
    let mut start = conv("start", json!({ "transient": true }));
    start.as_object_mut().unwrap().extend(attributes.as_object().unwrap().clone());
    let room = client.ask(start)["cid"].as_str().unwrap().to_owned();
    for command in [
        conv("add", json!({ "cid": room, "m": [id] })),
        say(&room),
        say(&evil("room")),
        conv("add", json!({ "cid": evil("room"), "m": [id] })),
        conv("query", json!({ "where": { evil("key"): evil("value") } })),
        conv("update", json!({ "cid": room, "attr": { evil("key"): evil("value") } })),
        conv(&evil("op"), json!({ "cid": room })),
    ] {
        client.ask(command);
    }
}

#[test]
fn no_secret_and_no_line_of_a_stranger() {
    let folder = folder();
    let server = Server(Running::start_with(folder.path(), &CONFIG.replace("ENGINE", &engine().to_string())));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let id = format!("client{EVIL}");
    let mut client = Client::connect(&server);
    let (token, signature) = log_in(&mut client, &id, now);
    talk(&mut client, &id);
    // What is no command at all.
    let mut other = Client::connect(&server);
    other.send(&format!("{{\"cmd\":\"{}\",\"st\":\"{token}\"", EVIL.escape_default()));
    other.stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let _closed = other.read();

    let (sign, by_master) =
        (md5(&format!("{now}hush-app-key-0001")), md5(&format!("{now}hush-master-key-01")));
    let first = "X-LC-Id: first-app\r\n";
    let keys = [
        format!("{first}X-LC-Key: hush-app-key-0001\r\nX-LC-IM-Session-Token: {token}\r\n"),
        format!("{first}X-LC-Sign: {sign},{now}\r\nX-LC-Session: hush-session\r\n"),
        format!("{first}X-LC-Sign: {by_master},{now},master\r\nUser-Agent: hush\u{9b}31m\r\n"),
        format!("{first}X-LC-Key: hush-former-key-01,master\r\n"),
        "X-LC-Id: second-app\r\nX-LC-Key: hush-master-key-02,master\r\n".to_owned(),
    ];
    let document: Value = serde_json::from_str(body(&server.ask("GET", "/openapi.json", "", ""))).unwrap();
    let mut statuses = std::collections::BTreeMap::<u16, usize>::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            let parts = path.split('/').map(|part| match part {
                "{room}" => encoded(&format!("room{EVIL}")),
                "{client}" => encoded(&id),
                part if part.starts_with('{') => encoded(EVIL),
                part => part.to_owned(),
            });
            let session = "session_token=hush-session&client_id=c";
            let target = format!("{}?{session}&x={}", parts.collect::<Vec<_>>().join("/"), encoded(EVIL));
            let sent = match path.as_str() {
                "/1.1/rtm/sign" => json!({ "session_token": "hush-session" }),
                "/1.2/rtm/bans" => json!({ "client_id": id, "reason": EVIL }),
                "/1.2/rtm/chatrooms" => json!({ "name": EVIL, "c": id, EVIL: 1 }),
                _ => json!({ EVIL: "hush", "client_id": id, "from_client": id, "message": "hush" }),
            };
            for headers in &keys {
                let answer = server.ask(&method.to_ascii_uppercase(), &target, headers, &sent.to_string());
                *statuses.entry(status(&answer)).or_default() += 1;
            }
        }
    }
    for headers in &keys {
        server.ask("POST", &format!("/elsewhere/{}", encoded(EVIL)), headers, "hush");
    }
    assert!(!statuses.contains_key(&500) && statuses[&200] > 50 && statuses[&401] > 50, "{statuses:?}");

    server.0.signal("TERM");
    let said = server.0.rest_of_log();
    assert!(said.len() > 100, "{} lines", said.len());
    for line in &said {
        let mut words = line.split_ascii_whitespace();
        let (time, level) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        assert!(time.len() == 27 && time.ends_with('Z'), "a line begins with a time: {line:?}");
        assert!(["TRACE", "DEBUG", "INFO", "WARN", "ERROR"].contains(&level), "{line:?}");
        let hidden = |character: char| character.is_control() || "\u{202e}\u{2028}".contains(character);
        assert!(!line.contains(hidden), "{line:?}");
        assert!(!line.contains(MARK), "{line}");
        for secret in [&token, &signature, &sign, &by_master] {
            assert!(!line.contains(secret.as_str()), "{line}");
        }
    }
}
