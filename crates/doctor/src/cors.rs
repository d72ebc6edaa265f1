//! What browsers ask before they let a page call: preflight and the origin in answers.

use bytes::Bytes;
use http::{HeaderMap, Method, header};

use crate::{
    Check, Finding, State, Target, Text,
    dial::Dialer,
    exchange::{exchange, request},
    finding::text,
    route::encoded,
};

/// What JavaScript's SDK sends beside its bodies.
const HEADERS: [&str; 4] = ["x-lc-id", "x-lc-key", "x-lc-im-session-token", "content-type"];

/// Somebody's page, when the operator names none.
const ORIGIN: &str = "https://example.com";

/// Asks as a browser does for a page of `origin`; that it fails is a failure only where an origin was named.
pub(crate) async fn examine(
    dialer: &Dialer,
    target: &Target,
    app: &str,
    origin: Option<&str>,
    findings: &mut Vec<Finding>,
) {
    let page = origin.unwrap_or(ORIGIN);
    let wrong = match ask(dialer, target, app, page).await {
        Ok(None) => {
            let seen = text(format!("pages of {page} may ask"), format!("{page} 的页面可以访问"));
            findings.push(Finding::ok(Check::Cors, seen));
            return;
        }
        Ok(Some(wrong)) => wrong,
        Err(trouble) => trouble.text(),
    };
    let advice = text(
        "browsers keep web apps from connecting: let the proxy pass OPTIONS on and leave the Access-Control-… headers of \
         the server alone, neither taking them out nor adding its own. No matter if no app of yours runs in a browser",
        "浏览器会阻止网页应用连接：请让反向代理转发 OPTIONS，并原样保留服务器的 Access-Control-… 头，不删除也不重复添加。\
         如果没有网页应用，可以忽略。",
    );
    let state = if origin.is_some() { State::Failed } else { State::Warning };
    findings.push(Finding { check: Check::Cors, state, seen: wrong, advice: Some(advice) });
}

async fn ask(
    dialer: &Dialer,
    target: &Target,
    app: &str,
    page: &str,
) -> Result<Option<Text>, crate::dial::Trouble> {
    let route = request(Method::GET, target, &format!("/v1/route?appId={}&secure=true", encoded(app)));
    let answer = exchange(dialer, target, route.header(header::ORIGIN, page), Bytes::new()).await?;
    if let Some(wrong) = wrong_origin(&answer.headers, page) {
        return Ok(Some(text(format!("/v1/route: {}", wrong.en), format!("/v1/route：{}", wrong.zh))));
    }
    let preflight = request(Method::OPTIONS, target, "/1.1/rtm/notifications")
        .header(header::ORIGIN, page)
        .header(header::ACCESS_CONTROL_REQUEST_METHOD, "GET")
        .header(header::ACCESS_CONTROL_REQUEST_HEADERS, HEADERS.join(","));
    let answer = exchange(dialer, target, preflight, Bytes::new()).await?;
    if !answer.status.is_success() {
        return Ok(Some(text(
            format!("the preflight (OPTIONS) is answered with {}", answer.status),
            format!("预检请求（OPTIONS）返回 {}", answer.status),
        )));
    }
    Ok(wrong_origin(&answer.headers, page).or_else(|| missing_headers(&answer.headers)))
}

fn wrong_origin(headers: &HeaderMap, page: &str) -> Option<Text> {
    let origins: Vec<_> = headers.get_all(header::ACCESS_CONTROL_ALLOW_ORIGIN).iter().collect();
    match origins[..] {
        [one] if one == "*" || one == page => None,
        [one] => Some(text(
            format!("Access-Control-Allow-Origin is {one:?}"),
            format!("Access-Control-Allow-Origin 为 {one:?}"),
        )),
        [] => Some(text("Access-Control-Allow-Origin is missing", "缺少 Access-Control-Allow-Origin")),
        _ => Some(text("Access-Control-Allow-Origin is there twice", "Access-Control-Allow-Origin 重复出现")),
    }
}

fn missing_headers(headers: &HeaderMap) -> Option<Text> {
    let allowed = headers.get_all(header::ACCESS_CONTROL_ALLOW_HEADERS).iter();
    let allowed: String =
        allowed.filter_map(|value| value.to_str().ok()).collect::<Vec<_>>().join(",").to_lowercase();
    let allowed: Vec<_> = allowed.split(',').map(str::trim).collect();
    let missing: Vec<_> =
        HEADERS.into_iter().filter(|header| !allowed.contains(header) && !allowed.contains(&"*")).collect();
    let list = missing.join(", ");
    (!missing.is_empty())
        .then(|| text(format!("these headers are not allowed: {list}"), format!("不允许这些请求头：{list}")))
}
