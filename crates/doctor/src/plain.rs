//! What stands beside `https`, on the port of plain `http`.

use bytes::Bytes;
use http::{Method, header};

use crate::{
    Check, Finding, Target, Text,
    dial::Dialer,
    exchange::{Answer, exchange, request},
    finding::text,
    route::encoded,
};

/// Where browsers and SDKs look for `http://` and `https://` without a port.
const USUAL: u16 = 80;
const USUAL_SECURE: u16 = 443;

/// Asks for a route over plain `http`. An unusual `https` port says nothing about where that would be.
pub(crate) async fn examine(
    dialer: &Dialer,
    target: &Target,
    app: &str,
    port: Option<u16>,
    findings: &mut Vec<Finding>,
) {
    let Some(port) = port.or((target.port == USUAL_SECURE).then_some(USUAL)) else { return };
    let Some(plain) = target.in_clear(port) else { return };
    let path = format!("/v1/route?appId={}&secure=1", encoded(app));
    let finding = match exchange(dialer, &plain, request(Method::GET, &plain, &path), Bytes::new()).await {
        Ok(answer) => judge(target, &plain, &answer),
        Err(_) => Finding::ok(
            Check::PlainHttp,
            only_https(&format!("nothing answers at {plain}"), &format!("{plain} 没有应答")),
        ),
    };
    findings.push(finding);
}

fn judge(target: &Target, plain: &Target, answer: &Answer) -> Finding {
    let status = answer.status;
    if status.is_redirection() {
        let place = answer.header(header::LOCATION);
        let seen = only_https(
            &format!("{plain} is redirected ({status}) to {place}"),
            &format!("{plain} 被重定向（{status}）到 {place}"),
        );
        let home = Target::parse(place.split_inclusive('/').take(3).collect::<String>().as_str());
        return match home {
            Ok(home) if home.secure && home.has_host_of(target) => Finding::ok(Check::PlainHttp, seen),
            _ => {
                let advice = text(
                    format!("that is not {target}: let it lead there, or answer nothing on plain http"),
                    format!("目标不是 {target}：请改为指向它，或关闭明文 http。"),
                );
                Finding::warning(Check::PlainHttp, seen, advice)
            }
        };
    }
    if status.is_success() {
        let seen = text(format!("{plain} serves apps, too"), format!("{plain} 也提供服务"));
        let advice = text(
            "an app with an http:// URL works, and everybody on the way reads along: let plain http redirect, once every \
             app has the https:// URL",
            "使用 http:// 地址的应用可以正常使用，但沿途可被窃听：确认应用都使用 https:// 地址后，请把 http 改为重定向。",
        );
        return Finding::warning(Check::PlainHttp, seen, advice);
    }
    Finding::ok(
        Check::PlainHttp,
        only_https(&format!("{plain} answers {status}"), &format!("{plain} 返回 {status}")),
    )
}

/// What this means for apps.
fn only_https(en: &str, zh: &str) -> Text {
    text(
        format!("{en}: apps have to have the https:// URL, for SDKs do not all follow a redirect"),
        format!("{zh}：应用必须使用 https:// 地址，部分 SDK 不跟随重定向"),
    )
}
