//! The deployments, and what the doctor says of each.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use grandstand_room::clock::Millis;
use serde_json::Value;
use tokio::net::TcpListener;

use crate::{
    certificates::Shown,
    clinic::{APP, Deployment, KEY, doctor, hear, plain},
    proxy::{self, Faults, GOOD, Sockets, without},
    server::{self, Server},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_healthy_deployment_has_nothing_to_be_warned_of() {
    let healthy = Deployment::new(Shown::Good, GOOD).await;
    let said = hear(healthy.doctor());
    said.is_fine();
    said.says(&["TLS 1.3, valid for chat.example.com", "8 SDKs", "lc.json.3", "is deleted"]);
    // Nothing is left.
    let headers = [("X-LC-Id", APP), ("X-LC-Key", "the-master-key,master")];
    let rooms = healthy.server.get("/1.2/rtm/chatrooms", &headers);
    assert!(rooms.ends_with("{\"results\":[]}"), "{rooms}");

    let mut doctor = healthy.doctor();
    doctor.args(["--json", "--idle", "1s"]);
    let report: Value = serde_json::from_str(&hear(doctor).out).unwrap();
    assert_eq!(
        (&report["healthy"], &report["failed"], &report["warnings"]),
        (&true.into(), &0.into(), &0.into())
    );
    let checks: Vec<_> =
        report["findings"].as_array().unwrap().iter().map(|f| f["check"].as_str().unwrap()).collect();
    let all = [
        "dns",
        "tcp",
        "certificate",
        "route",
        "cors",
        "app_key",
        "upgrade",
        "open",
        "latency",
        "clock",
        "create",
        "join",
        "send",
        "receive",
        "history",
        "idle",
        "quit",
        "cleanup",
    ];
    assert_eq!(checks, all);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_master_key_it_says_what_stays() {
    let healthy = Deployment::new(Shown::Good, GOOD).await;
    let mut doctor = healthy.stranger();
    doctor.args(["--ca", "ca.pem"]);
    let said = hear(doctor);
    said.is_fine();
    said.says(&["no app key was given", "with the master key (--key-file) it would be deleted"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_does_not_resolve() {
    hear(doctor("https://nowhere.invalid"))
        .fails_with(&["nowhere.invalid does not resolve", "A (and AAAA) record"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_port() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    hear(doctor(&plain(address)))
        .fails_with(&["no connection to 127.0.0.1", "server.bind is 127.0.0.1 unless set"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_that_clients_refuse() {
    for (shown, words) in [
        (Shown::Expired, ["the certificate expired on 2020-01-31", "renew it now"]),
        (Shown::OtherName, ["for another name: ", "other.example"]),
        (Shown::SelfSigned, ["self-signed", "public authority"]),
    ] {
        let deployment = Deployment::new(shown, GOOD).await;
        let said = hear(deployment.doctor());
        said.fails_with(&words);
        assert!(!said.out.contains("/v1/route"), "nothing is sent there: {}", said.out);
    }
    let incomplete = Deployment::new(Shown::Good, GOOD).await;
    hear(incomplete.stranger()).fails_with(&["nobody whom devices trust", "fullchain.pem"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_soon_expires() {
    let deployment = Deployment::new(Shown::ExpiresSoon, GOOD).await;
    hear(deployment.doctor()).warns_with(&["the certificate expires in 9 days", "9 天后"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn http_where_https_should_be() {
    let deployment = Deployment::new(Shown::Good, GOOD).await;
    let said = hear(doctor(&format!("https://{}", deployment.server.public)));
    said.fails_with(&["speaks plain http, not https", "明文 http"]);
}

fn route(head: &str, answer: &str) -> Option<String> {
    head.starts_with("GET /v1/route").then(|| answer.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_that_is_not_passed_on() {
    let answer = |head: &str| route(head, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    let deployment = Deployment::new(Shown::Good, Faults { answer, ..GOOD }).await;
    hear(deployment.doctor()).fails_with(&["HTTP status 404", "Swift's SDK stops", "转发所有路径"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_that_redirects() {
    let answer = |head: &str| {
        route(
            head,
            "HTTP/1.1 301 Moved\r\nLocation: https://www.example.com/v1/route\r\nContent-Length: 0\r\n\r\n",
        )
    };
    let deployment = Deployment::new(Shown::Good, Faults { answer, ..GOOD }).await;
    hear(deployment.doctor()).fails_with(&["a redirect (301", "not all SDKs follow it"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_keeps_the_host_to_itself() {
    let answer = |head: &str| {
        let body =
            r#"{"server":"wss://127.0.0.1:1/","secondary":"wss://127.0.0.1:1/","ttl":300,"groupId":"g"}"#;
        let length = body.len();
        let head_of = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        route(head, &head_of)
    };
    let deployment = Deployment::new(Shown::Good, Faults { answer, ..GOOD }).await;
    hear(deployment.doctor())
        .fails_with(&["clients are told wss://127.0.0.1:1/", "does not pass the Host header on"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn ws_where_wss_should_be() {
    let deployment = Deployment::with(Shown::Good, GOOD, "http", "", "").await;
    hear(deployment.doctor()).fails_with(&["clients are told ws://", "X-Forwarded-Proto: https"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_strips_the_subprotocol() {
    let response = |head: String| without(&head, "sec-websocket-protocol");
    let deployment = Deployment::new(Shown::Good, Faults { response, ..GOOD }).await;
    hear(deployment.doctor()).fails_with(&["the subprotocol is not confirmed", "a proxy strips the header"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_passes_no_websockets_on() {
    let request = |head: String| without(&without(&head, "upgrade"), "connection");
    let deployment = Deployment::new(Shown::Good, Faults { request, ..GOOD }).await;
    hear(deployment.doctor()).fails_with(&["the upgrade is refused with HTTP", "proxy_set_header Upgrade"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_that_may_not_ask() {
    let response = |head: String| without(&head, "access-control-allow-origin");
    let deployment = Deployment::new(Shown::Good, Faults { response, ..GOOD }).await;
    hear(deployment.doctor()).warns_with(&["Access-Control-Allow-Origin is missing", "in a browser"]);
    let mut doctor = deployment.doctor();
    doctor.args(["--origin", "https://www.example.com"]);
    hear(doctor).fails_with(&["Access-Control-Allow-Origin is missing"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_ten_minutes_ahead() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let later = Millis(i64::try_from(now).unwrap() + 601_000);
    let server = Server::start_at(later, tempfile::tempdir().unwrap(), "").await;
    let mut doctor = doctor(&plain(server.address));
    doctor.args(["--app-id", server::APP]);
    hear(doctor).fails_with(&["the server's clock is 10 minutes ahead", "NTP"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_app_key() {
    let deployment = Deployment::new(Shown::Good, GOOD).await;
    let mut doctor = deployment.doctor();
    doctor.env("GRANDSTAND_APP_KEY", "another-key");
    let said = hear(doctor);
    said.fails_with(&["X-LC-Key is refused: HTTP 401", "the key of the app does not fit"]);
    assert!(!said.out.contains("another-key") && !said.out.contains(KEY), "{}", said.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_the_server_does_not_know() {
    let deployment = Deployment::new(Shown::Good, GOOD).await;
    let mut doctor = deployment.stranger();
    doctor.args(["--ca", "ca.pem", "--app-id", "somebody-else"]);
    hear(doctor).fails_with(&["4100", "no app with this id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_asks_for_signatures() {
    let app = "[apps.signatures]\nlogin = true\nrooms = true\n";
    let deployment = Deployment::with(Shown::Good, GOOD, "https", "", app).await;
    let mut stranger = deployment.stranger();
    stranger.args(["--ca", "ca.pem"]);
    hear(stranger).fails_with(&["4102", "asks for signatures"]);
    let said = hear(deployment.doctor());
    said.is_fine();
    said.says(&["signed with the master key", "is deleted"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_cut_when_it_is_silent() {
    let lines = "[limits]\nread_timeout = \"2s\"\n";
    let deployment = Deployment::with(Shown::Good, GOOD, "https", lines, "").await;
    let mut doctor = deployment.doctor();
    doctor.args(["--idle", "20s"]);
    hear(doctor).fails_with(&["s of silence: ", "4107", "proxy_read_timeout"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_cuts_silent_connections() {
    let sockets = Sockets::CutAfter(Duration::from_secs(4));
    let deployment = Deployment::new(Shown::Good, Faults { sockets, ..GOOD }).await;
    hear(deployment.doctor()).is_fine();
    let mut doctor = deployment.doctor();
    doctor.args(["--idle", "20s"]);
    hear(doctor).fails_with(&["s of silence: ", "proxy_read_timeout", "空闲超时"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_holds_frames_back() {
    let deployment = Deployment::new(Shown::Good, Faults { sockets: Sockets::Hold, ..GOOD }).await;
    let mut doctor = deployment.doctor();
    doctor.args(["--timeout", "2s"]);
    hear(doctor).fails_with(&["no answer within 2 s", "a proxy holds frames back", "proxy_buffering off"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_takes_nothing_more() {
    for (table, check) in [("rooms", "create"), ("messages", "send")] {
        let deployment = Deployment::new(Shown::Good, GOOD).await;
        let full =
            format!("CREATE TRIGGER full BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'full'); END");
        deployment.database().execute_batch(&full).unwrap();
        let said = hear(deployment.doctor());
        said.fails_with(&[
            &format!("FAILED   {check}"),
            "cannot write",
            "full or read-only",
            "磁盘是否已满或只读",
        ]);
    }
}

/// A proxy for plain http that answers everything so; its address.
async fn plain_http(answer: fn(&str) -> Option<String>) -> (std::net::SocketAddr, tokio::task::JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (address, proxy::start(listener, address, None, Faults { answer, ..GOOD }))
}

fn redirect(place: &str) -> String {
    format!("HTTP/1.1 301 Moved\r\nLocation: {place}\r\nContent-Length: 0\r\n\r\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_with_an_http_url_where_http_redirects() {
    let (address, _proxy) = plain_http(|_| Some(redirect("https://chat.example.com/v1/route"))).await;
    hear(doctor(&plain(address))).fails_with(&["a redirect (301", "give the apps the https:// URL"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_http_beside_https() {
    let deployment = Deployment::new(Shown::Good, GOOD).await;
    let beside = |port: u16| {
        let mut doctor = deployment.doctor();
        doctor.args(["--http-port", &port.to_string()]);
        hear(doctor)
    };
    let (home, mut first) = plain_http(|_| Some(redirect("https://chat.example.com/v1/route?appId=x"))).await;
    let said = beside(home.port());
    said.is_fine();
    said.says(&["plain http", "is redirected (301", "apps have to have the https:// URL"]);
    let (elsewhere, _second) = plain_http(|_| Some(redirect("https://www.example.com/"))).await;
    beside(elsewhere.port()).warns_with(&["to https://www.example.com/", "let it lead there"]);
    // The server itself, without TLS.
    beside(deployment.server.public.port()).warns_with(&["serves apps, too", "沿途可被窃听"]);
    first.shutdown().await;
    let said = beside(home.port());
    said.is_fine();
    said.says(&["nothing answers at http://chat.example.com"]);
}
