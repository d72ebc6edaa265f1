//! The program as an operator meets it: first start, exit messages, reload, TLS, stop.
#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

#[path = "program/figures.rs"]
mod figures;
#[path = "program/hostile_http.rs"]
mod hostile_http;
#[path = "program/log_of_everything.rs"]
mod log_of_everything;
#[path = "program/proxied.rs"]
mod proxied;
#[path = "program/questions.rs"]
mod questions;
#[path = "program/running.rs"]
mod running;
#[path = "program/secrets.rs"]
mod secrets;
#[path = "program/tls.rs"]
mod tls;

use std::{
    fs,
    io::Write,
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use running::{
    Running, body, close_code, command, program, read_head, request, run, status, upgrade_request, value,
};
use serde_json::{Value, json};

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn a_first_start_needs_nothing_and_says_what_one_needs() {
    let folder = folder();
    let server = Running::start(folder.path());
    let shown = |label| value(&server.announcement, label).to_owned();
    let url = shown("Server URL");
    assert_eq!(url, format!("http://{}", server.public));
    assert_eq!(shown("WebSocket"), format!("ws://{}/", server.public));
    assert_eq!(shown("Demo room"), format!("{url}/demo"));
    for label in ["App id", "App key", "Master key"] {
        assert!(shown(label).len() >= 20, "{label}");
    }

    let route: Value = serde_json::from_str(body(&server.get("/v1/route?appId=x&secure=1", &[]))).unwrap();
    let ws = format!("ws://{}/", server.public);
    assert_eq!(route, json!({ "server": ws, "secondary": ws, "ttl": 3600, "groupId": "g0" }));
    let demo: Value = serde_json::from_str(body(&server.get("/demo/config.json", &[]))).unwrap();
    assert_eq!(demo["appId"], shown("App id"));
    assert_eq!(demo["appKey"], shown("App key"));
    let again: Value = serde_json::from_str(body(&server.get("/demo/config.json", &[]))).unwrap();
    assert_eq!(demo["roomId"], again["roomId"], "there is one demo room");
    assert!(!demo.to_string().contains(&shown("Master key")));
}

#[test]
fn what_is_kept_is_for_this_user_alone() {
    let folder = folder();
    let _server = Running::start(folder.path());
    for (name, mode) in [("data", 0o700), ("data/development-app.toml", 0o600)] {
        assert_eq!(
            fs::metadata(folder.path().join(name)).unwrap().permissions().mode() & 0o777,
            mode,
            "{name}"
        );
    }
}

#[test]
fn the_development_app_is_kept_for_the_next_start() {
    let folder = folder();
    let first = Running::start(folder.path());
    let keys = |server: &Running| {
        ["App id", "App key", "Master key"].map(|label| value(&server.announcement, label).to_owned())
    };
    let made = keys(&first);
    first.signal("TERM");
    assert!(first.wait().success());
    assert_eq!(keys(&Running::start(folder.path())), made);
}

#[test]
fn http_answers_what_sdks_ask() {
    let folder = folder();
    let server =
        Running::start_command(command(folder.path()).args(["--app", "the-app-id:the-key:the-master"]));
    let json = |answer: String| serde_json::from_str::<Value>(body(&answer)).unwrap();
    for path in ["/healthz", "/readyz"] {
        assert_eq!(body(&server.get(path, &[])), "ok");
    }
    assert_eq!(json(server.get("/2/route?appId=x", &[]))["rtm_router_server"], server.public.to_string());
    let notifications = json(server.get("/1.1/rtm/notifications?client_id=a&start_ts=0", &[]));
    assert_eq!(
        notifications,
        json!({ "hasMore": false, "notifications": [], "permanent": { "notifications": [] },
            "droppable": { "notifications": [] } })
    );
    // Roles are for who is logged in; without keys nobody is.
    assert_eq!(status(&server.get("/1.1/classes/_ConversationMemberInfo", &[])), 401);

    let onlines = "/1.1/rtm/transient_group/onlines?gid=room";
    let keys = [("X-LC-Id", "the-app-id"), ("X-LC-Key", "the-key")];
    assert_eq!(json(server.get(onlines, &keys)), json!({ "result": 0 }));
    let refused = server.get(onlines, &[("X-LC-Id", "the-app-id"), ("X-LC-Key", "wrong")]);
    assert_eq!((status(&refused), json(refused)), (401, json!({ "code": 401, "error": "Unauthorized." })));
    assert_eq!(status(&server.get("/1.1/rtm/transient_group/onlines", &keys)), 400);

    let sign = request(server.public, "POST", "/1.1/rtm/sign", &[("Content-Length", "0")]);
    assert_eq!((status(&sign), &json(sign)["code"]), (401, &json!(401)));
    assert_eq!(json(server.get("/nothing", &[]))["code"], 404);
    assert_eq!(status(&request(server.public, "DELETE", "/v1/route", &[])), 405);

    let preflight = request(server.public, "OPTIONS", "/v1/route", &[("Origin", "https://a.example")]);
    assert_eq!(status(&preflight), 204);
    for header in ["Access-Control-Allow-Origin: *", "X-LC-IM-Session-Token"] {
        assert!(preflight.contains(header), "{preflight}");
    }
    assert!(server.get("/v1/route", &[]).contains("Access-Control-Allow-Origin: *"));
}

#[test]
fn the_demo_page_is_locked_down() {
    let folder = folder();
    let server = Running::start(folder.path());
    let page = server.get("/demo", &[]);
    if status(&page) == 404 {
        // Built without Node.js.
        assert!(page.contains("make run"), "{page}");
    } else {
        assert!(page.contains("Content-Security-Policy: default-src 'none'; script-src 'self'"), "{page}");
        assert!(page.contains("X-Content-Type-Options: nosniff"));
    }
    assert_eq!(status(&server.get("/demo/../Cargo.toml", &[])), 404);
    assert_eq!(status(&server.get("/demo/%2e%2e/index.html", &[])), 404);
}

#[test]
fn an_upgrade_names_its_subprotocol_only_where_the_header_did() {
    let folder = folder();
    let server = Running::start(folder.path());
    for (target, offered, echoed) in [
        ("/", "lc.protobuf2.3", true),
        ("/ws", "lc.json.3", true),
        ("/?subprotocol=lc.json.3", "", false),
        ("/", "", false),
    ] {
        let mut stream = server.connect();
        let request = upgrade_request(target, &[("Sec-WebSocket-Protocol", offered)]);
        stream.write_all(request.as_bytes()).unwrap();
        let head = read_head(&mut stream);
        assert_eq!(status(&head), 101, "{head}");
        let lines: Vec<String> = head.lines().map(str::to_ascii_lowercase).collect();
        for line in ["connection: upgrade", "upgrade: websocket"] {
            assert!(lines.iter().any(|found| found == line), "{head}");
        }
        let answer = lines.iter().find(|line| line.starts_with("sec-websocket-protocol"));
        assert_eq!(answer.is_some(), echoed, "{target} {offered}: {head}");
    }
}

/// The message that a failing start leaves on standard error.
fn refusal(command: &mut Command, code: i32) -> String {
    let output = run(command);
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{message}");
    assert!(output.stdout.is_empty(), "nothing claims to be ready");
    message
}

#[test]
fn a_taken_port_and_a_taken_folder_are_named() {
    let folder = folder();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut on_taken = Command::new(env!("CARGO_BIN_EXE_grandstand"));
    on_taken.args(["serve", "--bind", &address, "--admin-bind", "127.0.0.1:0", "--data", "data"]);
    let message = refusal(on_taken.current_dir(folder.path()), 1);
    assert!(message.contains(&address) && message.contains("another program has this port"), "{message}");

    let _running = Running::start(folder.path());
    let message = refusal(&mut command(folder.path()), 1);
    assert!(message.contains("another process uses the data folder data"), "{message}");
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let folder = folder();
    fs::write(folder.path().join("file"), "").unwrap();
    for data in ["file", "file/below"] {
        for app in [&[][..], &["--app", "the-app-id:key:master"]] {
            let message = refusal(program(folder.path(), data).args(app), 1);
            assert!(message.contains("data folder") && message.contains(data), "{message}");
        }
    }
}

#[test]
fn mistakes_in_the_configuration_are_named_with_their_place() {
    let folder = folder();
    fs::write(folder.path().join("grandstand.toml"), "[server]\nbindd = 1\n").unwrap();
    let message = refusal(&mut command(folder.path()), 2);
    assert!(message.contains("grandstand.toml:2:1: unknown key `bindd`"), "{message}");

    fs::remove_file(folder.path().join("grandstand.toml")).unwrap();
    let message = refusal(command(folder.path()).env("GRANDSTAND_LIMITS__FRAMES", "1"), 2);
    assert!(message.contains("GRANDSTAND_LIMITS__FRAMES") && message.contains("frames"), "{message}");
    let message = refusal(command(folder.path()).args(["--log", "info=loud"]), 2);
    assert!(message.contains("info=loud"), "{message}");
}

#[test]
fn too_few_files_for_the_connections_are_refused() {
    let folder = folder();
    let script =
        format!("ulimit -n 1024 && exec {} config check /dev/null", env!("CARGO_BIN_EXE_grandstand"));
    let mut check = Command::new("sh");
    check.args(["-c", &script]).env("GRANDSTAND_LIMITS__CONNECTIONS", "15000").current_dir(folder.path());
    let message = refusal(&mut check, 2);
    assert!(
        message.contains("limits.connections = 15000") && message.contains("ulimit -n 15256"),
        "{message}"
    );
    check.env("GRANDSTAND_LIMITS__CONNECTIONS", "700");
    assert!(run(&mut check).status.success());
}

#[test]
fn a_configuration_can_be_checked_without_a_start() {
    let folder = folder();
    let file = folder.path().join("grandstand.toml");
    let check = |text: &str| {
        fs::write(&file, text).unwrap();
        let output = run(Command::new(env!("CARGO_BIN_EXE_grandstand")).args(["config", "check"]).arg(&file));
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(said).unwrap())
    };
    let app = "[[apps]]\nid = \"the-app-id\"\nkey = \"k\"\nmaster_key = \"m\"\n";
    let (code, said) = check(app);
    assert!(code == Some(0) && said.contains("is fine: 1 app."), "{said}");
    let (code, said) = check(&format!("{app}{app}"));
    assert!(code == Some(2) && said.contains("another app has this id"), "{said}");
    let (code, said) = check("[tls]\ncertificate = \"none.pem\"\nprivate_key = \"none.key\"\n");
    assert!(code == Some(2) && said.contains("none.pem"), "{said}");
}

fn app(id: &str) -> String {
    format!("[[apps]]\nid = \"{id}\"\nkey = \"key-of-{id}\"\nmaster_key = \"master-of-{id}\"\n")
}

/// Whether the server knows an app.
fn knows(server: &Running, id: &str) -> bool {
    let key = format!("key-of-{id}");
    let answer =
        server.get("/1.1/rtm/transient_group/onlines?gid=r", &[("X-LC-Id", id), ("X-LC-Key", key.as_str())]);
    status(&answer) == 200
}

fn rewrite(folder: &Path, config: &str) {
    fs::write(folder.join("grandstand.toml"), config).unwrap();
}

#[test]
fn a_hang_up_reloads_apps_and_a_broken_file_changes_nothing() {
    let folder = folder();
    let server = Running::start_with(folder.path(), &app("first-app"));
    assert!(knows(&server, "first-app") && !knows(&server, "second-app"));
    assert!(!server.announcement.contains("master-of-first-app"), "configured keys are not printed");

    rewrite(folder.path(), &(app("first-app") + &app("second-app")));
    server.signal("HUP");
    server.wait_for_log("configuration reloaded");
    assert!(knows(&server, "first-app") && knows(&server, "second-app"));

    rewrite(folder.path(), "[[apps]]\nid = 7\n");
    server.signal("HUP");
    server.wait_for_log("the old one stays");
    assert!(knows(&server, "first-app") && knows(&server, "second-app"));

    rewrite(folder.path(), &format!("[limits]\nfragments = 5\n{}", app("second-app")));
    server.signal("HUP");
    server.wait_for_log("take effect at the next start");
    server.wait_for_log("configuration reloaded");
    assert!(!knows(&server, "first-app") && knows(&server, "second-app"));
}

#[test]
fn a_stop_closes_everything_and_ends_well() {
    for signal in ["TERM", "INT"] {
        let folder = folder();
        let server = Running::start_with(folder.path(), "[limits]\ndrain = \"400ms\"\n");
        let mut waiting = server.upgrade();
        let mut idle = server.connect();
        idle.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        read_head(&mut idle);

        let mut half_a_request = server.connect();
        half_a_request.write_all(b"GET /healthz").unwrap();

        let start = Instant::now();
        server.signal(signal);
        server.wait_for_log("every acknowledged message is on disk");
        assert_eq!(server.wait().code(), Some(0), "{signal}");
        assert!(start.elapsed() < Duration::from_secs(4), "nobody held it up");
        assert_eq!(close_code(&mut waiting), 4108, "the socket without a session was told");
    }
}

#[test]
fn the_admin_port_shows_what_the_server_does() {
    let folder = folder();
    let server = Running::start(folder.path());
    let overview = server.overview();
    assert_eq!((&overview["name"], &overview["sessions"]), (&json!("grandstand"), &json!(0)));
    let metrics = request(server.admin, "GET", "/metrics", &[]);
    assert!(body(&metrics).contains("\ngrandstand_connections 0\n"), "{metrics}");
    assert_eq!(status(&server.get("/metrics", &[])), 404, "not on the public port");
}
