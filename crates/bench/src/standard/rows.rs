//! The rows of the benchmark page: what is run, and what should come out. Goals are those that the project has set itself.

/// One row: a command, and the figures that matter of what it finds.
#[derive(Debug)]
pub(super) struct Row {
    /// Of its files and of `--only`.
    pub(super) name: &'static str,
    /// The tool's arguments without the server. `{calm}` and `{overload}` are rates that follow from the highest one.
    pub(super) command: &'static str,
    /// How often it is run; figures are medians. What compares with the floor takes turns by itself.
    pub(super) runs: u32,
    /// Takes long: left to `make soak`.
    pub(super) is_long: bool,
    pub(super) figures: &'static [Shown],
}

/// A figure that the page shows.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) key: &'static str,
    pub(super) goal: Option<Bound>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Bound {
    UpTo(f64),
    OrMore(f64),
    /// So many times the same figure of another row.
    UpToTimes(f64, &'static str),
}

/// How many times the highest rate is too much, in `{overload}`.
pub(super) const OVERLOAD: f64 = 3.0;

/// The part of the highest rate that is none at all, in `{calm}`.
pub(super) const CALM: f64 = 0.1;

/// Whose highest rate.
pub(super) const HIGHEST: &str = "highest-rate";

const KIB: f64 = 1024.0;

const fn at_most(key: &'static str, bound: f64) -> Shown {
    Shown { key, goal: Some(Bound::UpTo(bound)) }
}

const fn at_least(key: &'static str, bound: f64) -> Shown {
    Shown { key, goal: Some(Bound::OrMore(bound)) }
}

const fn all(key: &'static str) -> Shown {
    at_least(key, 1.0)
}

const fn none(key: &'static str) -> Shown {
    at_most(key, 0.0)
}

const fn plain(key: &'static str) -> Shown {
    Shown { key, goal: None }
}

/// Of the rows that run against the floor.
const AGAINST_FLOOR: &[Shown] = &[
    at_most("cpu_ratio", 1.25),
    at_most("p99_ratio", 1.25),
    all("delivered_share"),
    plain("deliveries_per_s"),
    plain("cpu_per_delivery_us"),
    plain("floor_cpu_per_delivery_us"),
    plain("p99_ms"),
    plain("floor_p99_ms"),
];

/// Of the rows in which messages are alone.
const ALONE: &[Shown] = &[
    at_most("cpu_ratio", 1.25),
    at_most("last_p99_ratio", 1.25),
    all("delivered_share"),
    plain("cpu_per_delivery_us"),
    plain("floor_cpu_per_delivery_us"),
    plain("last_p99_ms"),
    plain("floor_last_p99_ms"),
];

const STALLED: &[Shown] = &[
    at_most("p99_ratio", 1.25),
    at_most("held_per_slow_bytes", 64.0 * KIB),
    all("slow_high_share"),
    plain("without_p99_ms"),
    plain("with_p99_ms"),
];

const STORM: &[Shown] = &[
    at_most("all_back_ms", 15_000.0),
    at_most("server_peak_ratio", 2.0),
    none("not_back"),
    all("high_delivered_share"),
    plain("returns_per_s"),
    plain("attempts_failed"),
    plain("high_doubled"),
];

const HISTORY: &[Shown] =
    &[at_most("page_p99_ms", 5.0), none("short_pages"), plain("page_p50_ms"), plain("pages_per_s")];

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "busy-room",
        command: "fan --members 5000 --in-flight 16 --against-floor batch --rounds 3 --duration 5s --pin",
        runs: 1,
        is_long: false,
        figures: AGAINST_FLOOR,
    },
    Row {
        name: "busy-room-15000",
        command: "fan --members 15000 --in-flight 16 --against-floor batch --rounds 3 --duration 5s --pin",
        runs: 1,
        is_long: false,
        figures: AGAINST_FLOOR,
    },
    Row {
        name: "quiet-room",
        command: "fan --members 5000 --rate 10 --against-floor each --rounds 3 --duration 6s --pin",
        runs: 1,
        is_long: false,
        figures: ALONE,
    },
    Row {
        name: HIGHEST,
        command: "search --members 5000 --p99 200ms --delivered 0.999 --trial 4s --duration 8s --pin",
        runs: 1,
        is_long: false,
        figures: &[
            at_least("deliveries_per_s", 4e6),
            at_most("p99_ms", 200.0),
            at_least("delivered_share", 0.999),
            plain("messages_per_s"),
        ],
    },
    Row {
        name: "lone-message",
        command: "fan --members 1000 --publishers 1 --rate 5 --against-floor each --rounds 3 --duration 8s --pin",
        runs: 1,
        is_long: false,
        figures: &[
            at_most("last_p99_ratio", 1.25),
            all("delivered_share"),
            plain("last_p99_ms"),
            plain("floor_last_p99_ms"),
        ],
    },
    Row {
        name: "idle",
        command: "idle --members 15000",
        runs: 3,
        is_long: false,
        figures: &[at_most("server_per_member_bytes", 4.0 * KIB), plain("kernel_tcp_per_member_bytes")],
    },
    Row {
        name: "idle-tls",
        command: "idle --members 15000 --tls",
        runs: 1,
        is_long: false,
        figures: &[at_most("server_per_member_bytes", 24.0 * KIB), plain("kernel_tcp_per_member_bytes")],
    },
    Row {
        name: "connect",
        command: "storm --connect-only --members 15000",
        runs: 3,
        is_long: false,
        figures: &[at_least("joins_per_s", 5000.0), none("joins_failed")],
    },
    Row {
        name: "stalled",
        command: "slow --members 18000 --stalled 0.5 --rate 20 --levels 1:3:6 --recover --without 8s --duration 20s --pin",
        runs: 1,
        is_long: false,
        figures: STALLED,
    },
    Row {
        name: "slow-reader",
        command: "slow --members 200 --stalled 0.1 --drain-share 0.1 --rate 200 --levels 1:3:6 --recover --without 5s --duration 15s --pin",
        runs: 1,
        is_long: false,
        figures: &[all("slow_high_share"), plain("slow_normal_share"), plain("slow_low_share")],
    },
    Row {
        name: "calm",
        command: "fan --members 5000 --publishers 256 --rate {calm} --levels 1:3:6 --duration 6s --pin",
        runs: 1,
        is_long: false,
        figures: &[all("high_delivered_share"), plain("high_p99_ms"), plain("deliveries_per_s")],
    },
    Row {
        name: "overload",
        command: "fan --members 5000 --publishers 256 --rate {overload} --levels 1:3:6 --duration 8s --pin",
        runs: 1,
        is_long: false,
        figures: &[
            all("high_delivered_share"),
            at_most("high_p99_ms", 500.0),
            Shown { key: "high_p99_ms", goal: Some(Bound::UpToTimes(2.0, "calm")) },
            plain("normal_delivered_share"),
            plain("low_delivered_share"),
            plain("deliveries_per_s"),
        ],
    },
    Row {
        name: "every-message",
        command: "fan --members 18000 --rate 100 --duration 60s",
        runs: 1,
        is_long: true,
        figures: &[
            none("missing"),
            none("repeated"),
            none("disordered"),
            none("disagreed"),
            none("shed"),
            all("delivered_share"),
            plain("deliveries_per_s"),
            plain("p99_ms"),
        ],
    },
    Row { name: "storm", command: "storm --members 18000", runs: 1, is_long: false, figures: STORM },
    Row {
        name: "acks",
        command: "ack --senders 200 --warm-up 1s --duration 5s",
        runs: 3,
        is_long: false,
        figures: &[at_least("acked_per_s", 20_000.0), at_most("ack_p99_ms", 20.0), none("unacknowledged")],
    },
    Row {
        name: "history",
        command: "history --messages 1000000 --duration 8s",
        runs: 1,
        is_long: false,
        figures: HISTORY,
    },
    Row {
        name: "history-10m",
        command: "history --messages 10000000 --duration 30s",
        runs: 1,
        is_long: true,
        figures: HISTORY,
    },
    Row {
        name: "stalled-60s",
        command: "slow --members 18000 --stalled 0.5 --rate 20 --levels 1:3:6 --recover --without 20s --duration 60s --pin",
        runs: 3,
        is_long: true,
        figures: STALLED,
    },
    Row {
        name: "storm-at-once",
        command: "storm --members 18000 --at-once",
        runs: 3,
        is_long: true,
        figures: STORM,
    },
    Row {
        name: "soak",
        command: "soak --rate 1500 --warm-up 20m --duration 40m",
        runs: 1,
        is_long: true,
        figures: &[
            at_most("growth_per_10_min", 0.01),
            none("not_back"),
            none("visits_failed"),
            plain("visits"),
            plain("rooms_made"),
            plain("server_bytes"),
        ],
    },
];

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::options::Options;

    #[test]
    fn every_command_is_one_of_the_tool() {
        for Row { name, command, runs, .. } in ROWS {
            let command = command.replace("{calm}", "80").replace("{overload}", "2400");
            let words = ["grandstand-bench"].into_iter().chain(command.split_whitespace());
            let parsed = Options::try_parse_from(words.chain(["--serve", "grandstand", "--json"]));
            assert!(parsed.is_ok(), "{name}: {}", parsed.unwrap_err());
            assert!(*runs == 1 || !command.contains("--rounds"), "{name} is repeated twice over");
        }
    }

    #[test]
    fn names_are_there_once_and_compare_with_earlier_ones() {
        for (at, row) in ROWS.iter().enumerate() {
            let is_earlier = |name: &str| ROWS[..at].iter().any(|row| row.name == name);
            assert!(!is_earlier(row.name), "{} twice", row.name);
            assert!(!row.command.contains('{') || is_earlier(HIGHEST), "{} comes too early", row.name);
            for shown in row.figures {
                if let Some(Bound::UpToTimes(_, other)) = shown.goal {
                    assert!(is_earlier(other), "{} compares with {other}", row.name);
                }
            }
        }
    }
}
