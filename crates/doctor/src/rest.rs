//! What is asked over REST: whether the app's key fits, and the end of what was made.

use bytes::Bytes;
use grandstand_protocol::RoomId;
use http::Method;

use crate::{
    Check, Finding, Target, Text,
    dial::{Dialer, Trouble},
    exchange::{Answer, exchange, request},
    finding::text,
    route::encoded,
    sign,
};

/// Tries the app's key as the SDKs send it: as it is, and as a signature.
pub(crate) async fn try_key(
    dialer: &Dialer,
    target: &Target,
    app: &str,
    key: Option<&str>,
    findings: &mut Vec<Finding>,
) {
    let Some(key) = key else {
        let seen = text(
            "no app key was given (--app-key-file, or GRANDSTAND_APP_KEY)",
            "未提供 App Key（--app-key-file 或 GRANDSTAND_APP_KEY）",
        );
        findings.push(Finding::skipped(Check::AppKey, seen));
        return;
    };
    for (name, value) in [("X-LC-Key", key.to_owned()), ("X-LC-Sign", sign::header(key))] {
        let path = "/1.1/classes/_Conversation?limit=1";
        let ask = request(Method::GET, target, path).header("X-LC-Id", app).header(name, value);
        let wrong = match exchange(dialer, target, ask, Bytes::new()).await {
            Ok(answer) if answer.status.is_success() => continue,
            Ok(answer) => said(&answer),
            Err(trouble) => trouble.text(),
        };
        let advice = text(
            "the key of the app does not fit its id: compare both with [[apps]] of the configuration (id, key), and look \
             whether the proxy passes X-LC-… headers on. If only X-LC-Sign is refused, look at the clocks",
            "App Key 与应用 ID 不匹配：请与配置 [[apps]] 的 id、key 核对，并确认反向代理转发 X-LC-… 头。如果只有 X-LC-Sign \
             被拒绝，请检查时钟。",
        );
        let seen = text(format!("{name} is refused: {}", wrong.en), format!("{name} 被拒绝：{}", wrong.zh));
        findings.push(Finding::failed(Check::AppKey, seen, advice));
        return;
    }
    findings.push(Finding::ok(
        Check::AppKey,
        text("accepted, as it is and as a signature", "原样和签名形式均被接受"),
    ));
}

/// Deletes a room.
pub(crate) async fn delete(
    dialer: &Dialer,
    target: &Target,
    app: &str,
    master_key: &str,
    room: &RoomId,
) -> Result<(), Text> {
    let path = format!("/1.2/rtm/chatrooms/{}", encoded(room.as_str()));
    let ask = request(Method::DELETE, target, &path)
        .header("X-LC-Id", app)
        .header("X-LC-Key", format!("{master_key},master"));
    match exchange(dialer, target, ask, Bytes::new()).await.as_ref().map_err(Trouble::text)? {
        answer if answer.status.is_success() => Ok(()),
        answer => Err(said(answer)),
    }
}

/// Status and the server's own words.
fn said(answer: &Answer) -> Text {
    let body: Option<serde_json::Value> = serde_json::from_slice(&answer.body).ok();
    let words = body.as_ref().and_then(|body| body["error"].as_str()).unwrap_or_default();
    let line = format!("HTTP {} {words}", answer.status.as_u16());
    text(line.trim_end(), line.trim_end())
}
