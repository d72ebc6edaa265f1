//! Members who receive: each workload once, small, against the real server, and against servers that lie.
#![expect(clippy::unwrap_used, reason = "tests")]

mod liar;
mod tool;

use liar::{Count, Liar, Lies};
use serde_json::Value;
use tool::{Server, faults, number, run, serve, serve_with};

/// A server that is a minute late before it leaves anything out. A loaded machine may be late by some seconds.
const THINS_NOTHING: (&str, &str) = ("GRANDSTAND_FANOUT__LAG", "1m");

#[tokio::test]
async fn every_member_gets_every_message_whatever_the_shape() {
    for how in [
        "--rate 100 --members 30",
        "--in-flight 4 --members 30 --rooms 3 --transient",
        "--in-flight 4 --members 30 --verify --levels 1:3:6 --tls",
        "--rate 50 --members 5 --size 5120 --publishers 1",
    ] {
        let report = serve_with(THINS_NOTHING, &format!("fan --warm-up 100ms --duration 1s {how}")).await;
        assert_eq!(faults(&report), [""; 0], "{how}");
        assert_eq!(number(&report, "disagreed"), 0.0, "{report}");
        assert_eq!((number(&report, "delivered_share"), number(&report, "missing")), (1.0, 0.0), "{report}");
        assert!(number(&report, "deliveries_per_s") > 0.0, "{report}");
        assert!(number(&report, "last_p99_ms") >= number(&report, "p50_ms"), "{report}");
        assert!(number(&report, "p50_ms") > 0.0, "{report}");
        assert_eq!(number(&report, "shed"), 0.0, "{report}");
        assert!(number(&report, "write_bytes") >= number(&report, "frame_bytes"), "{report}");
    }
}

/// The short form of the row `every-message` of `make soak`, on a machine of any speed.
#[tokio::test]
async fn in_a_large_room_nobody_has_a_gap() {
    // Without a warm-up the server's books and the tool's are of the same messages.
    let line = "fan --members 2000 --rate 20 --levels 1:3:6 --warm-up 0s --duration 3s";
    let report = serve_with(THINS_NOTHING, line).await;
    assert!(faults(&report).iter().all(|fault| fault.contains("are missing")), "{report}");
    assert_eq!((number(&report, "repeated"), number(&report, "disordered")), (0.0, 0.0), "{report}");
    assert_eq!(number(&report, "missing"), number(&report, "shed"), "the books balance: {report}");
    assert_eq!(number(&report, "high_delivered_share"), 1.0, "{report}");
    assert!(number(&report, "delivered_share") > 0.9, "{report}");
}

/// 100 messages a second for a second, to 20 members.
#[tokio::test]
async fn a_rate_is_kept_and_each_delivery_measured() {
    let report = serve("fan --warm-up 0s --duration 1s --rate 100 --members 20").await;
    let points = report["plots"]["over_time"][0]["points"].as_array().unwrap();
    let over_time: f64 = points.iter().map(|point| point[1].as_f64().unwrap()).sum();
    assert!((1900.0..=2000.0).contains(&over_time), "some may come just after the second: {report}");
}

#[tokio::test]
async fn the_floor_does_the_same_work_in_the_same_run() {
    for mode in ["each", "batch"] {
        let line = format!(
            "fan --warm-up 100ms --duration 500ms --members 40 --against-floor {mode} --rounds 2 --verify"
        );
        let report = serve(&line).await;
        assert_eq!(faults(&report), [""; 0], "{mode}");
        for key in ["delivered_share", "floor_delivered_share"] {
            assert_eq!(number(&report, key), 1.0, "{key}: {report}");
        }
        assert_eq!(number(&report, "frame_bytes"), number(&report, "floor_frame_bytes"), "{report}");
        assert!(number(&report, "p99_ratio") > 0.0, "{report}");
    }
    let report = run("floor --mode batch --members 20 --warm-up 0s --duration 500ms").await;
    assert_eq!((number(&report, "delivered_share"), faults(&report)), (1.0, vec![]), "{report}");
}

#[tokio::test]
async fn a_search_ends_within_its_bounds() {
    let bounds = "--p99 1s --delivered 0.99 --precision 1 --start 20000 --trial 300ms";
    let line = format!("search --members 5 --warm-up 100ms --duration 500ms --transient {bounds}");
    let report = serve(&line).await;
    assert!(number(&report, "messages_per_s") > 0.0, "{report}");
    assert!(number(&report, "p99_ms") <= 1000.0, "{report}");
    assert!(number(&report, "delivered_share") >= 0.99, "{report}");
    assert!(number(&report, "trials") >= 3.0, "a rate within, one beyond, the last one again: {report}");
}

/// Members who do not read get less; when they read again, nothing that is HIGH is missing.
#[tokio::test]
async fn who_does_not_read_loses_low_first_and_high_never() {
    for how in ["", "--drain-share 0.1"] {
        let report = serve(&format!(
            "slow --members 8 --rate 1500 --levels 1:20:79 --size 1000 --warm-up 0s --duration 2s \
             --without 500ms --recover --verify {how}"
        ))
        .await;
        assert_eq!(number(&report, "fast_delivered_share"), 1.0, "{report}");
        assert_eq!(number(&report, "slow_high_share"), 1.0, "{how}: {report}");
        assert!(number(&report, "slow_low_share") < 0.9, "they were not slow at all: {how}: {report}");
        assert!(number(&report, "slow_low_share") < number(&report, "slow_normal_share"), "{how}: {report}");
        assert_eq!(number(&report, "slow_closed"), 0.0, "{report}");
    }
}

/// Too far behind for what the server keeps: it closes, they come back, and get what they missed.
#[tokio::test]
async fn who_is_closed_for_being_behind_comes_back_and_misses_nothing_high() {
    for how in ["", "--tls"] {
        let report = serve_with(
            ("GRANDSTAND_LIMITS__HIGH_BACKLOG", "64KiB"),
            &format!(
                "slow --members 6 --rate 400 --levels 1:1:1 --size 1000 --warm-up 0s --duration 2s \
                 --without 500ms --recover {how}"
            ),
        )
        .await;
        assert!(number(&report, "slow_closed") > 0.0, "{how}: nobody was behind: {report}");
        assert_eq!(number(&report, "slow_returned"), number(&report, "slow_closed"), "{how}: {report}");
        assert_eq!(number(&report, "slow_high_share"), 1.0, "{how}: {report}");
    }
}

/// The lies cancel out: each message comes as often as it should, only to the wrong members.
#[tokio::test]
async fn a_server_that_lies_is_found_out() {
    let server = Server::start().await;
    for lies in [DROPS, Lies { doubles: true, ..DROPS }] {
        for how in ["", "--verify"] {
            let (told, report) = lie(&server, lies, &format!("--publishers 2 {how}")).await;
            assert!(told.dropped > 100, "the liar was honest: {told:?}");
            assert_eq!(number(&report, "missing"), told.dropped as f64, "{lies:?} {how}: {report}");
            assert_eq!(number(&report, "repeated"), told.doubled as f64, "{lies:?} {how}: {report}");
            assert_eq!(number(&report, "disordered"), 0.0, "{lies:?} {how}: {report}");
            assert!(number(&report, "delivered_share") < 0.995, "{report}");
            let said = faults(&report).join("; ");
            assert!(said.contains("are missing"), "{said}");
            assert_eq!(said.contains("came again"), lies.doubles, "{said}");
        }
    }
    server.stop().await;
}

/// A message and the next one are of one publisher, then of two.
#[tokio::test]
async fn a_server_that_swaps_messages_is_found_out() {
    let server = Server::start().await;
    for publishers in [1, 2] {
        let swaps = Lies { drops: false, doubles: false, swaps: true };
        let (told, report) = lie(&server, swaps, &format!("--publishers {publishers}")).await;
        assert!(told.swapped > 100, "the liar was honest: {told:?}");
        assert_eq!((number(&report, "missing"), number(&report, "repeated")), (0.0, 0.0), "{report}");
        let disordered = number(&report, "disordered");
        // Of two publishers, only some messages are followed by one of the same.
        assert!(disordered < told.swapped as f64 || publishers == 1, "{report}");
        assert!(disordered == told.swapped as f64 || publishers == 2, "{report}");
        assert!(number(&report, "disagreed") > 0.0, "{report}");
        assert!(faults(&report).join("; ").contains("in another order than to other members"), "{report}");
    }
    server.stop().await;
}

/// Two publishers send 200 messages in a second: of each, one comes every 10 ms.
#[tokio::test]
async fn a_member_sees_what_it_misses_by_the_next_message() {
    let server = Server::start().await;
    let (told, report) = lie(&server, DROPS, "--publishers 2").await;
    // The last message of each publisher has no next one.
    let last = 100.0 * 2.0;
    let skipped = number(&report, "skipped");
    assert!((1.0..=told.dropped as f64).contains(&skipped), "{told:?}: {report}");
    assert!(skipped >= told.dropped as f64 - last, "{told:?}: {report}");
    let noticed = number(&report, "noticed_ms");
    assert!(noticed >= 10.0, "not before the next one was sent: {report}");
    assert!(noticed <= number(&report, "max_ms") * 1.01 + 11.0, "{report}");
    server.stop().await;
}

const DROPS: Lies = Lies { drops: true, doubles: false, swaps: false };

/// 200 messages in a second to 100 members through a server that lies so.
async fn lie(server: &Server, lies: Lies, how: &str) -> (Count, Value) {
    let liar = Liar::start(&server.url, lies).await;
    let line = format!(
        "fan --url {} --app-id bench-test --members 100 --warm-up 0s --duration 1s --rate 200 {how}",
        liar.url
    );
    let report = run(&line).await;
    (liar.told(), report)
}

/// A body that was changed on the way is found where frames are decoded.
#[tokio::test]
async fn a_server_that_changes_messages_is_found_out() {
    let server = Server::start().await;
    let liar = Liar::start_changing(&server.url).await;
    let report = run(&format!(
        "fan --url {} --app-id bench-test --members 4 --warm-up 0s --duration 500ms --rate 100 --verify",
        liar.url
    ))
    .await;
    let said = faults(&report).join("; ");
    assert!(said.contains("were not what was sent"), "{said}");
    server.stop().await;
}
