//! The command line: what is accepted, what is refused, and the defaults that published figures rest on.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use clap::{CommandFactory, Parser, error::ErrorKind};
use grandstand_bench::options::{FloorMode, Options, Workload};

fn parse(line: &str) -> Result<Options, clap::Error> {
    Options::try_parse_from(["grandstand-bench"].into_iter().chain(line.split_whitespace()))
}

#[track_caller]
fn refused(line: &str, kind: ErrorKind) {
    let error = parse(line).unwrap_err();
    assert_eq!(error.kind(), kind, "{line}: {error}");
}

#[test]
fn the_definition_is_sound() {
    Options::command().debug_assert();
}

#[test]
fn one_line_is_enough() {
    let options = parse("ack --serve target/release/grandstand").unwrap();
    let serve = options.workload.target().unwrap().serve.as_deref().unwrap();
    assert_eq!(serve.to_str(), Some("target/release/grandstand"));
    let Workload::Ack(ack) = options.workload else { panic!("another workload") };
    assert_eq!((ack.senders, ack.in_flight, ack.rate, ack.size), (200, 1, None, 200));
    assert_eq!((ack.warm_up, ack.duration), (Duration::from_secs(2), Duration::from_secs(10)));
    let Workload::Idle(idle) = parse("idle --serve b").unwrap().workload else { panic!("another workload") };
    assert_eq!((idle.members, idle.per_address), (5000, 4000));
}

#[test]
fn a_running_server_is_named_by_url_and_app() {
    let options =
        parse("idle --url ws://127.0.0.1:8080/ --app-id a --server-pid 7 --members 9 --json").unwrap();
    assert_eq!((options.workload.target().unwrap().server_pid, options.json), (Some(7), true));
    refused("ack --url ws://127.0.0.1:8080/", ErrorKind::MissingRequiredArgument);
}

#[test]
fn exactly_one_server_is_loaded() {
    refused("ack", ErrorKind::MissingRequiredArgument);
    refused("ack --serve b --url ws://h/ --app-id a", ErrorKind::ArgumentConflict);
    refused("--json", ErrorKind::MissingSubcommand);
}

#[test]
fn a_rate_and_a_number_in_flight_exclude_each_other() {
    let Workload::Ack(ack) = parse("ack --serve b --rate 20000").unwrap().workload else { panic!("another") };
    assert_eq!(ack.rate, Some(20_000));
    refused("ack --serve b --rate 20000 --in-flight 3", ErrorKind::ArgumentConflict);
}

#[test]
fn a_storm_is_of_as_many_as_one_process_can_hold() {
    let Workload::Storm(storm) = parse("storm --serve b").unwrap().workload else { panic!("another") };
    assert_eq!((storm.members, storm.at_once, storm.patience), (18_000, false, Duration::from_secs(60)));
    refused("storm --serve b --at-once --connect-only", ErrorKind::ArgumentConflict);
}

#[test]
fn a_soak_takes_forty_minutes_and_a_history_a_million_messages() {
    let Workload::Soak(soak) = parse("soak --serve b").unwrap().workload else { panic!("another") };
    assert_eq!(
        (soak.rate, soak.duration, soak.warm_up),
        (1500, Duration::from_secs(2400), Duration::from_secs(1200))
    );
    let Workload::History(history) = parse("history --serve b --keep d").unwrap().workload else {
        panic!("another")
    };
    assert_eq!((history.messages, history.page, history.clients), (1_000_000, 100, 4));
    refused("history --serve b --keep d --data e", ErrorKind::ArgumentConflict);
    refused("history --serve b --page 101", ErrorKind::ValueValidation);
}

#[test]
fn two_saved_runs_are_compared() {
    for line in ["--compare a.json b.json", "compare a.json b.json --json"] {
        let Workload::Compare(runs) = parse(line).unwrap().workload else { panic!("another") };
        assert_eq!((runs.before.to_str(), runs.after.to_str()), (Some("a.json"), Some("b.json")));
    }
    refused("--compare a.json", ErrorKind::MissingRequiredArgument);
}

#[test]
fn fan_counts_in_flight_unless_a_rate_is_given() {
    let Workload::Fan(fan) = parse("fan --serve b").unwrap().workload else { panic!("another workload") };
    let traffic = &fan.traffic;
    assert_eq!((traffic.members, traffic.rooms, traffic.publishers, traffic.size), (5000, 1, 16, 200));
    assert_eq!((fan.tempo.rate, fan.tempo.in_flight, traffic.sample), (None, 16, 16));
    assert_eq!(traffic.levels.to_string(), "0:1:0");
    refused("fan --serve b --rate 10 --in-flight 3", ErrorKind::ArgumentConflict);
    refused("fan", ErrorKind::MissingRequiredArgument);
}

#[test]
fn the_floor_needs_no_server() {
    let options = parse("floor --mode each --rate 0.5 --pin").unwrap();
    assert!(options.workload.target().is_none());
    let Workload::Floor(floor) = options.workload else { panic!("another workload") };
    assert_eq!((floor.mode, floor.tempo.rate, floor.pin), (FloorMode::Each, Some(0.5), true));
}

#[test]
fn a_search_has_the_bounds_that_figures_are_published_with() {
    let Workload::Search(search) = parse("search --serve b").unwrap().workload else { panic!("another") };
    assert_eq!((search.p99, search.delivered), (Duration::from_millis(200), 0.999));
    let Workload::Slow(slow) = parse("slow --serve b").unwrap().workload else { panic!("another") };
    assert_eq!((slow.stalled, slow.rate, slow.drain_share), (0.5, 20.0, None));
}

#[test]
fn values_without_sense_are_refused() {
    for line in [
        "ack --serve b --senders 0",
        "ack --serve b --rate 0",
        "ack --serve b --size 5121",
        "ack --serve b --duration soon",
        "idle --serve b --members 0",
        "storm --serve b --patience later",
        "idle --serve b --per-address 30000",
        "fan --serve b --size 36",
        "fan --serve b --levels 0:0:0",
        "fan --serve b --duration 0s",
        "fan --serve b --rate 0",
        "search --serve b --delivered 1.5",
        "slow --serve b --stalled 0",
    ] {
        refused(line, ErrorKind::ValueValidation);
    }
}
