//! `/v1/route` as each SDK asks it: what one of them cannot do without is missing for its users only.

use bytes::Bytes;
use http::{Method, StatusCode, header};
use serde_json::Value;

use crate::{
    Check, Finding, State, Target, Text,
    dial::Dialer,
    exchange::{Answer, exchange, request},
    finding::text,
    names::is_private,
    sign,
};

/// Longer, and a move or a new address takes a day to arrive.
const LONGEST_TTL: i64 = 24 * 3600;

/// How an SDK asks.
struct Asker {
    name: &'static str,
    /// What stands behind `appId`.
    query: &'static str,
    /// Whether it sends the headers of REST calls.
    headers: bool,
}

const ASKERS: [Asker; 8] = [
    Asker { name: "JavaScript", query: "&secure=true&_t=1", headers: false },
    Asker { name: "JavaScript (ssl: false)", query: "&secure=false&_t=1", headers: false },
    Asker { name: "JavaScript (mini program)", query: "&secure=true&features=wechat&_t=1", headers: false },
    Asker {
        name: "Java / Android",
        query: "&installationId=00000000-0000-0000-0000-000000000000&secure=1",
        headers: true,
    },
    Asker { name: "Objective-C", query: "&secure=1", headers: true },
    Asker { name: "Swift", query: "&secure=1", headers: true },
    Asker { name: "C#", query: "&secure=1", headers: false },
    Asker { name: "Unity / .NET (old)", query: "&secure=1", headers: false },
];

/// Something wrong with an answer, and for whom.
struct Problem {
    state: State,
    seen: Text,
    advice: Text,
    who: Vec<&'static str>,
}

/// Asks as every SDK does; the WebSocket URL that they get.
pub(crate) async fn examine(
    dialer: &Dialer,
    target: &Target,
    app: &str,
    app_key: Option<&str>,
    findings: &mut Vec<Finding>,
) -> Option<String> {
    let (mut problems, mut server, mut ttl) = (Vec::new(), None, 0);
    for asker in &ASKERS {
        let mut request =
            request(Method::GET, target, &format!("/v1/route?appId={}{}", encoded(app), asker.query));
        request = request.header(header::ACCEPT, "application/json");
        if asker.headers {
            request = request.header("X-LC-Id", app);
            request = app_key
                .into_iter()
                .fold(request, |request, key| request.header("X-LC-Sign", sign::header(key)));
        }
        match exchange(dialer, target, request, Bytes::new()).await {
            Ok(answer) => {
                let (found, wrong) = judge(target, &answer);
                wrong.into_iter().for_each(|problem| add(&mut problems, problem, asker.name));
                if let Some((url, lasts)) = found {
                    (server, ttl) = (server.or(Some(url)), lasts);
                }
            }
            Err(trouble) => {
                let advice = text(
                    "look into the log of the proxy: the request did not reach the server, or its answer got lost",
                    "请查看反向代理的日志：请求没有到达服务器，或应答丢失。",
                );
                add(&mut problems, problem(State::Failed, trouble.text(), advice), asker.name);
            }
        }
    }
    if let (true, Some(url)) = (problems.is_empty(), &server) {
        let seen = text(
            format!("{url} for {} SDKs, kept for {ttl} s", ASKERS.len()),
            format!("{} 种 SDK 的请求均得到 {url}，缓存 {ttl} 秒", ASKERS.len()),
        );
        findings.push(Finding::ok(Check::Route, seen));
    }
    findings.extend(problems.into_iter().map(Problem::into_finding));
    server
}

fn problem(state: State, seen: Text, advice: Text) -> Problem {
    Problem { state, seen, advice, who: Vec::new() }
}

fn add(problems: &mut Vec<Problem>, new: Problem, who: &'static str) {
    match problems.iter_mut().find(|old| old.seen == new.seen) {
        Some(old) => old.who.push(who),
        None => problems.push(Problem { who: vec![who], ..new }),
    }
}

impl Problem {
    fn into_finding(self) -> Finding {
        let Self { state, seen, advice, who } = self;
        let seen = if who.len() == ASKERS.len() {
            seen
        } else {
            let who = who.join(", ");
            text(format!("{} (asked as {who})", seen.en), format!("{}（{who}）", seen.zh))
        };
        Finding { check: Check::Route, state, seen, advice: Some(advice) }
    }
}

/// The URL and its time, and what is wrong with the answer.
fn judge(target: &Target, answer: &Answer) -> (Option<(String, i64)>, Vec<Problem>) {
    if let Some(wrong) = wrong_status(target, answer) {
        return (None, vec![wrong]);
    }
    let Ok(body) = serde_json::from_slice::<Value>(&answer.body) else {
        let advice = text(
            "something else than Grandstand answers there, such as the page of a web server: let the proxy pass \
             everything on, and not /ws alone",
            "应答者不是 Grandstand，可能是网页服务器的页面：请让反向代理转发所有路径，而不仅是 /ws。",
        );
        return (None, vec![problem(State::Failed, text("the answer is not JSON", "应答不是 JSON"), advice)]);
    };
    let mut problems = Vec::new();
    let kind = answer.header(header::CONTENT_TYPE);
    if !kind.starts_with("application/json") {
        let seen = text(format!("Content-Type is {kind:?}"), format!("Content-Type 为 {kind:?}"));
        let advice = text(
            "some SDKs do not read it then: let the proxy leave the header application/json as it is",
            "部分 SDK 会拒绝解析：请让反向代理保留 application/json。",
        );
        problems.push(problem(State::Warning, seen, advice));
    }
    problems.extend(wrong_fields(&body));
    let server = body["server"].as_str();
    if let Some(server) = server {
        problems.extend(wrong_server(target, server));
    }
    let usable = server.filter(|server| Target::of_socket(server).is_some());
    (usable.map(|server| (server.to_owned(), body["ttl"].as_i64().unwrap_or_default())), problems)
}

fn wrong_status(target: &Target, answer: &Answer) -> Option<Problem> {
    let status = answer.status;
    if status.is_redirection() {
        let place = answer.header(header::LOCATION).to_owned();
        let seen =
            text(format!("a redirect ({status}) to {place}"), format!("被重定向（{status}）到 {place}"));
        let advice = if !target.secure && place.starts_with("https://") {
            text(
                "SDKs do not follow it all: give the apps the https:// URL, and examine that one",
                "部分 SDK 不跟随重定向：请在应用中使用 https:// 地址，并检查该地址。",
            )
        } else {
            text(
                "not all SDKs follow it: let the proxy answer /v1/route itself, at the very URL that apps have",
                "部分 SDK 不跟随重定向：请让反向代理在应用所用的地址上直接应答 /v1/route。",
            )
        };
        return Some(problem(State::Failed, seen, advice));
    }
    if status == StatusCode::OK {
        return None;
    }
    let seen = text(format!("HTTP status {status}"), format!("HTTP 状态码 {status}"));
    let advice = match status.as_u16() {
        404 => text(
            "the proxy does not pass /v1/route on; Swift's SDK stops reconnecting after a 404. Pass on every path",
            "反向代理没有转发 /v1/route；Swift SDK 收到 404 后会停止重连。请转发所有路径。",
        ),
        502..=504 => text(
            "the proxy does not reach the server, or the server is full: is it running, and does the proxy have its address?",
            "反向代理无法访问后端，或服务器已满：请检查服务器是否运行、代理的后端地址是否正确。",
        ),
        _ => text(
            "look into the log of the proxy for who refuses /v1/route, and why",
            "请在反向代理日志中查看是谁、为何拒绝了 /v1/route。",
        ),
    };
    Some(problem(State::Failed, seen, advice))
}

fn wrong_fields(body: &Value) -> Vec<Problem> {
    let needed = |field: &str, who: &str| {
        let seen = text(format!("the answer has no {field}"), format!("应答缺少 {field}"));
        let advice = text(
            format!("{who} cannot do without it: is it really a Grandstand server that answers?"),
            format!("{who} 必需该字段：应答者确实是 Grandstand 吗？"),
        );
        problem(State::Failed, seen, advice)
    };
    let mut problems = Vec::new();
    for (field, who) in [("server", "every SDK"), ("secondary", "C#"), ("groupId", "Unity / .NET")] {
        if !body[field].is_string() {
            problems.push(needed(field, who));
        }
    }
    match body["ttl"].as_i64() {
        None => problems.push(needed("whole number in ttl", "Swift and Android")),
        Some(ttl) if !(1..=LONGEST_TTL).contains(&ttl) => {
            let seen = text(format!("ttl is {ttl} s"), format!("ttl 为 {ttl} 秒"));
            let advice = text(
                "iOS and Android keep the answer so long, also over an update: 300 to 3600 s leave room for a move",
                "iOS 和 Android 会把应答缓存这么久（更新应用也不清除）：建议 300 至 3600 秒。",
            );
            problems.push(problem(State::Warning, seen, advice));
        }
        Some(_) => {}
    }
    if !body["groupUrl"].is_null() {
        let seen = text("the answer has a groupUrl", "应答含有 groupUrl");
        let advice = text(
            "old Android apps keep that as their router for good: take it out of the answer",
            "旧版 Android 会永久把它当作路由地址：请从应答中去掉。",
        );
        problems.push(problem(State::Failed, seen, advice));
    }
    problems
}

fn wrong_server(target: &Target, server: &str) -> Option<Problem> {
    let seen = text(format!("clients are told {server}"), format!("客户端得到的地址是 {server}"));
    let Some((place, path)) = Target::of_socket(server) else {
        let advice = text(
            "that is no ws:// or wss:// URL: set server.public_url, or let the proxy pass Host on",
            "这不是 ws:// 或 wss:// 地址：请设置 server.public_url，或让反向代理转发 Host。",
        );
        return Some(problem(State::Failed, seen, advice));
    };
    let private = place.literal().is_some_and(is_private) || place.is_here();
    if private && !target.is_here() && !target.literal().is_some_and(is_private) {
        let advice = text(
            "nobody outside reaches that: the proxy does not pass the Host header on (nginx: proxy_set_header Host \
             $http_host), or server.public_url is wrong",
            "外部无法访问该地址：反向代理没有转发 Host 头（nginx：proxy_set_header Host $http_host），或 server.public_url 有误。",
        );
        return Some(problem(State::Failed, seen, advice));
    }
    if target.secure && !place.secure {
        let advice = text(
            "ws:// from an https:// server: browsers and iOS refuse it. Set server.public_url to the https:// URL, or let \
             the proxy send X-Forwarded-Proto: https and name it in server.trusted_proxies",
            "https 服务器返回了 ws://，浏览器和 iOS 会拒绝。请把 server.public_url 设为 https:// 地址，或让反向代理发送 \
             X-Forwarded-Proto: https 并写入 server.trusted_proxies。",
        );
        return Some(problem(State::Failed, seen, advice));
    }
    if !place.has_host_of(target) || place.port != target.port {
        let advice = text(
            format!(
                "that is elsewhere than {}: if it is not meant so, let the proxy pass Host with its port on, or set \
                 server.public_url",
                target.authority()
            ),
            format!(
                "与 {} 不同：如果不是有意为之，请让反向代理原样转发 Host（含端口），或设置 server.public_url。",
                target.authority()
            ),
        );
        return Some(problem(State::Warning, seen, advice));
    }
    (path.is_empty() || path.contains('?')).then(|| {
        let advice = text(
            "old Unity and .NET apps put their own query behind it: it must end with a path and have none",
            "旧版 Unity / .NET 会在其后追加查询参数：地址必须以路径结尾且不含查询参数。",
        );
        problem(State::Warning, seen, advice)
    })
}

/// One value of a query, whatever the id has.
pub(crate) fn encoded(text: &str) -> String {
    let keep = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    text.bytes()
        .map(|byte| if keep(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;

    fn check(target: &str, body: &str, expected: &[(State, &str)]) {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, "application/json".parse().unwrap());
        let answer = Answer {
            status: StatusCode::OK,
            headers,
            body: Bytes::copy_from_slice(body.as_bytes()),
            upgraded: None,
        };
        let (_, problems) = judge(&Target::parse(target).unwrap(), &answer);
        let said: Vec<_> = problems.iter().map(|problem| (problem.state, problem.seen.en.as_str())).collect();
        assert_eq!(said, expected, "{body}");
    }

    #[test]
    fn an_answer_has_what_each_sdk_needs() {
        use State::{Failed, Warning};
        let of = |server: &str| format!(r#"{{"server":"{server}","secondary":"x","ttl":300,"groupId":"g"}}"#);
        check("https://a.example", &of("wss://a.example/"), &[]);
        check("https://a.example:8443", &of("wss://a.example:8443/ws"), &[]);
        check("https://a.example", &of("ws://a.example/"), &[(Failed, "clients are told ws://a.example/")]);
        check("https://a.example", &of("wss://10.1.2.3/"), &[(Failed, "clients are told wss://10.1.2.3/")]);
        check(
            "https://a.example",
            &of("wss://b.example/"),
            &[(Warning, "clients are told wss://b.example/")],
        );
        check(
            "https://a.example:8443",
            &of("wss://a.example/"),
            &[(Warning, "clients are told wss://a.example/")],
        );
        check(
            "https://a.example",
            &of("wss://a.example/?x"),
            &[(Warning, "clients are told wss://a.example/?x")],
        );
        check("http://127.0.0.1:8080", &of("ws://127.0.0.1:8080/"), &[]);
        check("https://a.example", "<html>", &[(Failed, "the answer is not JSON")]);
        let less = r#"{"server":"wss://a.example/","ttl":3600.5,"groupUrl":"x"}"#;
        let missing = [
            (Failed, "the answer has no secondary"),
            (Failed, "the answer has no groupId"),
            (Failed, "the answer has no whole number in ttl"),
            (Failed, "the answer has a groupUrl"),
        ];
        check("https://a.example", less, &missing);
    }
}
