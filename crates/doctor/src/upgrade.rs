//! The WebSocket upgrade, with each subprotocol that SDKs offer.

use bytes::Bytes;
use grandstand_protocol::{Format, Subprotocol};
use http::{Method, StatusCode, header};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;
use tungstenite::{
    handshake::{client::generate_key, derive_accept_key},
    protocol::{Role, WebSocketConfig},
};

use crate::{
    Check, Finding, State, Target, Text,
    dial::Dialer,
    exchange::{Answer, exchange, request},
    finding::text,
};

/// What SDKs of 2017 to now offer, and who does. The first one is what everything else is examined with.
const OFFERS: [(Option<&str>, &str); 6] = [
    (Some("lc.protobuf2.3"), "JavaScript, Java, Objective-C, Swift, C#"),
    (Some("lc.protobuf2.1"), "older Android and iOS"),
    (Some("lc.proto2base64.3"), "mini programs"),
    (Some("lc.json.3"), "Unity / .NET"),
    (Some("lc.protobuf.3"), "JavaScript 3"),
    (None, "JavaScript 2, .NET Core"),
];

/// Bytes of a message: a page of history of the doctor's own room is small.
const LONGEST: usize = 1024 * 1024;

/// A WebSocket.
pub(crate) type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// Where WebSockets are.
pub(crate) struct Place {
    pub(crate) target: Target,
    pub(crate) path: String,
}

impl Place {
    /// A `ws://` or `wss://` URL.
    pub(crate) fn parse(url: &str) -> Option<Self> {
        let (target, path) = Target::of_socket(url)?;
        Some(Self { target, path: if path.is_empty() { "/".to_owned() } else { path } })
    }
}

/// Tries each subprotocol. Whether the one of current SDKs works.
pub(crate) async fn examine(
    dialer: &Dialer,
    place: &Place,
    origin: Option<&str>,
    findings: &mut Vec<Finding>,
) -> bool {
    let (mut good, mut wrong) = (Vec::new(), Vec::<(Text, Text, Vec<&str>)>::new());
    let mut first_works = false;
    for (index, (name, who)) in OFFERS.into_iter().enumerate() {
        match upgrade(dialer, place, name, origin).await {
            Ok(_) => {
                good.push(name.unwrap_or("none"));
                first_works |= index == 0;
            }
            Err((seen, advice)) => match wrong.iter_mut().find(|(known, ..)| *known == seen) {
                Some((.., whom)) => whom.push(who),
                None => wrong.push((seen, advice, vec![who])),
            },
        }
    }
    if !good.is_empty() {
        let list = good.join(", ");
        findings.push(Finding::ok(
            Check::Upgrade,
            text(format!("upgraded with {list}"), format!("可用子协议：{list}")),
        ));
    }
    for (seen, advice, who) in wrong {
        let who = who.join("; ");
        let seen = text(format!("{} (for {who})", seen.en), format!("{}（影响：{who}）", seen.zh));
        findings.push(Finding { check: Check::Upgrade, state: State::Failed, seen, advice: Some(advice) });
    }
    first_works
}

/// The format of the frames behind a subprotocol.
pub(crate) fn format() -> (&'static str, Format) {
    let name = OFFERS[0].0.unwrap_or_default();
    (name, Subprotocol::from_name(name).map_or(Format::Binary, |known| known.format))
}

/// Upgrades as the strictest of the SDKs would; what was wrong, and what to do.
pub(crate) async fn upgrade(
    dialer: &Dialer,
    place: &Place,
    subprotocol: Option<&str>,
    origin: Option<&str>,
) -> Result<Socket, (Text, Text)> {
    let key = generate_key();
    let mut ask = request(Method::GET, &place.target, &place.path)
        .header(header::CONNECTION, "Upgrade")
        .header(header::UPGRADE, "websocket")
        .header(header::SEC_WEBSOCKET_VERSION, "13")
        .header(header::SEC_WEBSOCKET_KEY, &key);
    if let Some(name) = subprotocol {
        ask = ask.header(header::SEC_WEBSOCKET_PROTOCOL, name);
    }
    if let Some(origin) = origin {
        ask = ask.header(header::ORIGIN, origin);
    }
    let mut answer = exchange(dialer, &place.target, ask, Bytes::new()).await.map_err(|trouble| {
        let advice = text(
            "the URL that clients are told is not reached: look at the name, the port and the certificate there",
            "客户端得到的 WebSocket 地址无法连接：请检查其域名、端口和证书。",
        );
        (trouble.text(), advice)
    })?;
    judge(&answer, &key, subprotocol)?;
    let upgraded = answer.upgraded.take().ok_or_else(|| refused(&answer))?;
    let config = WebSocketConfig::default().max_message_size(Some(LONGEST)).max_frame_size(Some(LONGEST));
    Ok(WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Client, Some(config)).await)
}

fn judge(answer: &Answer, key: &str, subprotocol: Option<&str>) -> Result<(), (Text, Text)> {
    if answer.status != StatusCode::SWITCHING_PROTOCOLS {
        return Err(refused(answer));
    }
    let accepted = answer.header(header::SEC_WEBSOCKET_ACCEPT) == derive_accept_key(key.as_bytes());
    let connection = answer.header(header::CONNECTION).eq_ignore_ascii_case("upgrade");
    if !accepted || !connection || !answer.header(header::UPGRADE).eq_ignore_ascii_case("websocket") {
        return Err((
            text(
                "the 101 has other headers than Connection: Upgrade, Upgrade: websocket and the right Sec-WebSocket-Accept",
                "101 应答的 Connection、Upgrade 或 Sec-WebSocket-Accept 不正确",
            ),
            text(
                "Objective-C's SDK refuses it: let the proxy pass the headers of the answer on as they are",
                "Objective-C SDK 会拒绝：请让反向代理原样转发应答头。",
            ),
        ));
    }
    let chosen = answer.headers.get(header::SEC_WEBSOCKET_PROTOCOL).and_then(|name| name.to_str().ok());
    if chosen == subprotocol {
        return Ok(());
    }
    Err((
        text(
            format!(
                "the subprotocol is not confirmed: Sec-WebSocket-Protocol is {}",
                chosen.map_or_else(|| "missing".to_owned(), |name| format!("{name:?}"))
            ),
            format!("子协议未被确认：Sec-WebSocket-Protocol {}", chosen.unwrap_or("缺失")),
        ),
        text(
            "Java, Chrome and Node end the connection then: a proxy strips the header Sec-WebSocket-Protocol. Let it pass \
             in both directions",
            "Java、Chrome 和 Node 会断开：反向代理去掉了 Sec-WebSocket-Protocol，请双向转发该头。",
        ),
    ))
}

fn refused(answer: &Answer) -> (Text, Text) {
    let status = answer.status;
    let seen =
        text(format!("the upgrade is refused with HTTP {status}"), format!("升级请求被拒绝，HTTP {status}"));
    let advice = match status.as_u16() {
        503 => text(
            "the server has no place for more sockets, or the proxy no server behind it: see limits.connections",
            "服务器连接已满，或反向代理没有可用后端：参见 limits.connections。",
        ),
        300..=399 => text(
            "SDKs do not follow redirects here: let server.public_url name the URL that answers itself",
            "SDK 不会跟随重定向：请让 server.public_url 指向直接应答的地址。",
        ),
        _ => text(
            "the proxy does not pass WebSockets on. It must speak HTTP/1.1 to the server and pass Upgrade and Connection on \
             (nginx: proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection \"upgrade\")",
            "反向代理没有转发 WebSocket：须以 HTTP/1.1 连接后端并转发 Upgrade 和 Connection（nginx：proxy_http_version 1.1; \
             proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection \"upgrade\"）。",
        ),
    };
    (seen, advice)
}
