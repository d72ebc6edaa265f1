//! The benchmark page in English.

use super::Language;

pub(in crate::standard) const ENGLISH: Language = Language {
    file: "benchmarks.md",
    title: "Benchmarks",
    link: "[中文](benchmarks.zh-CN.md)",
    introduction: "\
`make bench` writes this page in about ten minutes, `make soak` adds the long rows; nothing on it is written by hand.
What was found, with everything else that was measured, is in [benchmarks/](benchmarks/) as JSON;
`grandstand-bench --compare A.json B.json` sets two such files side by side.

- Server and load share one machine and talk over loopback. With `--pin` the server has the first core and the load the
  others; without it they share all cores.
- The server runs with its defaults, but for the limits on what one client and one address may do. So messages are
  stored and on disk before they are acknowledged, and in a busy room writes wait up to 20 ms for company (batching).
- Plain WebSocket with binary frames, unless a row says TLS. Texts have 200 bytes unless a command says otherwise.
- A delivery is one message received by one member. Members scan raw frames and
  check each message's sequence; one frame in a thousand is decoded.
- Latency counts from the moment at which a message should have been sent, so that a sender that is held up hides nothing.
- *In flight*: sent, and not yet received by the last of 16 members spread over the room. With a fixed number in
  flight, the next message is sent when one has arrived.
- *The floor* is the leanest program that brings the same bytes to the same number of plain sockets: one thread, no
  protocol, no storage. *Each* writes every message on its own; *batch* writes whatever has come since the socket's last write
  at once. Server and floor take turns in the same run, and the ratio is what counts: 1.00 would be as cheap as
  the kernel allows.
- Figures are medians where there are several runs. A shared machine is noisy: compare ratios rather than single figures.",
    machine: ["processors", "memory", "kernel", "data folder on", "version", "commit", "measured"],
    columns: ["", "figure", "measured", "goal", ""],
    met: "met",
    missed: "missed",
    not_measured: "not measured yet",
    of: ["(of the row ", ")"],
    overview: "Overview",
    command: "Command:",
    runs: "runs, medians of them",
    warnings: "The tool says:",
    elsewhere: "Measured with another commit or on another machine:",
    rows: &[
        (
            "busy-room",
            "A busy room of 5,000",
            "One room in which messages follow each other as fast as members receive them. This is what a server does in \
             a big live stream: CPU per delivery says how many such rooms a machine can carry.",
        ),
        ("busy-room-15000", "A busy room of 15,000", "The same with three times as many members."),
        (
            "quiet-room",
            "A quiet room of 5,000",
            "Ten messages a second: each goes out alone, so the floor is the one that writes each message by itself. \
             Latency counts until the last member has a message.",
        ),
        (
            "highest-rate",
            "The highest rate",
            "How many messages a second a room of 5,000 can take before the slowest hundredth of deliveries takes more \
             than 200 ms, or something is not delivered.",
        ),
        (
            "lone-message",
            "A lone message",
            "A message into a room of 1,000 in which nothing else happens: waiting for company must not delay it.",
        ),
        (
            "idle",
            "Memory of an idle member",
            "15,000 members joined and say nothing. What the server's memory grew by, for each of them; the kernel's socket \
             buffers, of both ends, stand beside it.",
        ),
        ("idle-tls", "Memory of an idle member, TLS", "The same through TLS, which keeps keys and buffers for each connection."),
        (
            "connect",
            "15,000 connect at once",
            "All begin in the same moment: TCP, WebSocket, log-in, entering a room. As after a push notification to everybody.",
        ),
        (
            "stalled",
            "Half of the members do not read",
            "9,000 of 18,000 members stop reading, as phones do that fall asleep with their connection open. The others must \
             not notice; what is held for each sleeper is bounded; and when they read again or come back, they get every HIGH message.",
        ),
        (
            "slow-reader",
            "Members on a thin line",
            "Twenty of 200 members read a tenth of what comes. They lose LOW first, then NORMAL, never HIGH.",
        ),
        (
            "calm",
            "All levels, calm",
            "HIGH, NORMAL and LOW as 1:3:6, at a tenth of the highest rate: what the next row is compared with.",
        ),
        (
            "overload",
            "Three times too much",
            "The same mix at three times the highest rate. Most of it cannot be delivered by anybody: LOW goes first, then \
             NORMAL, evenly for all. HIGH arrives, and soon.",
        ),
        (
            "every-message",
            "A hundred messages a second to 18,000, each one checked",
            "For a minute. Every member checks the sequences of what comes, per publisher and level, and the order of the room: \
             nothing is missing, nothing comes twice, nothing comes out of order.",
        ),
        (
            "storm",
            "18,000 lose their connection",
            "All sockets are reset in one moment. Members come back as the JavaScript SDK does, after about a second, with \
             their token; meanwhile a HIGH message is sent every second, and each member must get each of them.",
        ),
        (
            "acks",
            "Messages stored",
            "200 senders into one room that nobody is in: how many messages a second are stored, on disk and acknowledged, and how long a \
             sender waits.",
        ),
        (
            "history",
            "History of a million messages",
            "Four clients read pages of 100 messages at random places of a room's history, one page after the other.",
        ),
        ("history-10m", "History of ten million messages", "The same in a room with ten million messages."),
        ("stalled-60s", "Half of the members do not read, for a minute", "The row of the same name, three times and longer."),
        (
            "storm-at-once",
            "18,000 lose their connection and return in the same moment",
            "As the storm above, but nobody waits a second, and nobody's clock differs: harder than SDKs are.",
        ),
        (
            "soak",
            "Forty minutes of coming and going",
            "1,500 visits a second: clients connect, enter rooms, talk, leave, vanish, come back; rooms are made and emptied. \
             Memory must not \
             creep in the second half, when all caches are as full as they may get, and at the end connections, sessions, and open files must be what they were.",
        ),
    ],
    figures: &[
        ("cpu_ratio", "CPU per delivery, as a multiple of the floor's"),
        ("p99_ratio", "p99, as a multiple"),
        ("last_p99_ratio", "p99 to the last member, as a multiple of the floor's"),
        ("delivered_share", "delivered"),
        ("missing", "missing"),
        ("repeated", "came again"),
        ("disordered", "came out of order"),
        ("disagreed", "came in another order than to others"),
        ("shed", "left out by the server"),
        ("deliveries_per_s", "deliveries"),
        ("messages_per_s", "messages"),
        ("cpu_per_delivery_us", "CPU per delivery"),
        ("floor_cpu_per_delivery_us", "CPU per delivery, floor"),
        ("p99_ms", "p99"),
        ("floor_p99_ms", "p99, floor"),
        ("last_p99_ms", "p99 to the last member"),
        ("floor_last_p99_ms", "p99 to the last member, floor"),
        ("server_per_member_bytes", "server memory for each member"),
        ("kernel_tcp_per_member_bytes", "kernel socket buffers for each member"),
        ("joins_per_s", "connected, logged in, in the room"),
        ("joins_failed", "failed"),
        ("held_per_slow_bytes", "held for each who does not read"),
        ("without_p99_ms", "p99 of the others, before"),
        ("with_p99_ms", "p99 of the others, meanwhile"),
        ("slow_high_share", "HIGH delivered to the slow"),
        ("slow_normal_share", "NORMAL delivered to the slow"),
        ("slow_low_share", "LOW delivered to the slow"),
        ("high_delivered_share", "HIGH delivered"),
        ("normal_delivered_share", "NORMAL delivered"),
        ("low_delivered_share", "LOW delivered"),
        ("high_p99_ms", "p99 of HIGH"),
        ("all_back_ms", "until all are back in the room"),
        ("server_peak_ratio", "most memory, as a multiple of before"),
        ("not_back", "not back at the end"),
        ("returns_per_s", "returned in the busiest second"),
        ("attempts_failed", "failed attempts"),
        ("high_doubled", "HIGH that came twice"),
        ("acked_per_s", "acknowledged"),
        ("ack_p99_ms", "p99 until the acknowledgement"),
        ("unacknowledged", "refused or without an answer"),
        ("page_p99_ms", "p99 of a page"),
        ("page_p50_ms", "median of a page"),
        ("pages_per_s", "pages"),
        ("short_pages", "pages with messages missing"),
        ("growth_per_10_min", "growth of memory in 10 minutes"),
        ("visits_failed", "visits that failed"),
        ("visits", "visits"),
        ("rooms_made", "rooms made and emptied"),
        ("server_bytes", "server memory"),
    ],
};
