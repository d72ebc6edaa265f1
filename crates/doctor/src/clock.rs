//! The server's clock against this machine's, and how long an answer takes.

use std::time::Instant;

use grandstand_protocol::Command;

use crate::{Check, Finding, Text, advice::about, finding::text, probe::Probe};

/// Signatures from a clock so far ahead are refused, in milliseconds.
const TOO_FAR: u64 = 5 * 60 * 1000;

/// A clock that is kept by NTP is much closer.
const FAR: u64 = 60 * 1000;

/// Echoes: the median of so many is shown.
const ROUNDS: usize = 5;

/// In milliseconds; more, and messages come late to everybody.
const SLOW: u128 = 1000;

/// Asks for echoes on an open connection.
pub(crate) async fn measure(probe: &mut Probe, findings: &mut Vec<Finding>) {
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        if let Err(refusal) = probe.ask(Command::Echo).await {
            findings.push(Finding::failed(Check::Latency, refusal.text(), about(&refusal)));
            return;
        }
        times.push(start.elapsed().as_millis());
    }
    times.sort_unstable();
    let median = times[ROUNDS / 2];
    let seen = text(format!("an answer takes {median} ms"), format!("一次往返 {median} 毫秒"));
    findings.push(if median > SLOW {
        let advice = text(
            "that is a long way, or a server or proxy that cannot keep up: examine from near it, and look at its load",
            "距离过远，或服务器、代理负载过高：请在服务器附近检查，并查看负载。",
        );
        Finding::warning(Check::Latency, seen, advice)
    } else {
        Finding::ok(Check::Latency, seen)
    });
    if let Some(reading) = probe.clock {
        findings.push(compare(reading.ahead));
    }
}

/// Says how far the server's clock is ahead, in milliseconds.
fn compare(ahead: i64) -> Finding {
    let far = ahead.unsigned_abs();
    let seen = seen(ahead);
    if far < FAR {
        return Finding::ok(Check::Clock, seen);
    }
    let advice = text(
        "signatures, tokens and the times of messages are wrong by as much: let NTP keep the clocks of both machines, and \
         see which one is wrong (timedatectl)",
        "签名、令牌和消息时间都会相应出错：请用 NTP 校准两台机器，并查明是哪一台的时钟不准（timedatectl）。",
    );
    if far < TOO_FAR {
        Finding::warning(Check::Clock, seen, advice)
    } else {
        Finding::failed(Check::Clock, seen, advice)
    }
}

fn seen(ahead: i64) -> Text {
    let far = ahead.unsigned_abs();
    let (amount, unit, chinese_unit) = match far {
        0..1000 => (far, "ms", "毫秒"),
        1000..120_000 => (far / 1000, "s", "秒"),
        _ => (far / 60_000, "minutes", "分钟"),
    };
    let (side, chinese_side) = if ahead < 0 { ("behind", "慢") } else { ("ahead of", "快") };
    text(
        format!("the server's clock is {amount} {unit} {side} this machine's"),
        format!("服务器时钟比本机{chinese_side} {amount} {chinese_unit}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::State;

    #[test]
    fn a_clock_may_differ_a_little() {
        for (ahead, state, words) in [
            (40, State::Ok, "40 ms ahead of"),
            (-2_500, State::Ok, "2 s behind"),
            (61_000, State::Warning, "61 s ahead of"),
            (-601_000, State::Failed, "10 minutes behind"),
        ] {
            let finding = compare(ahead);
            assert_eq!(finding.state, state, "{ahead}");
            assert!(finding.seen.en.contains(words), "{}", finding.seen.en);
        }
    }
}
