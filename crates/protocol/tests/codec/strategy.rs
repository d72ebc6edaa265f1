//! Arbitrary requests and downlinks: every command and event, in values that survive a round trip.

use bytes::Bytes;
use grandstand_protocol::{
    Answer, Ask, Body, Bound, Change, Code, Command, ConversationQuery, Direction, Downlink, Event, Failure,
    Fault, HistoryItem, HistoryRequest, Level, MemberInfo, Mentions, MessageId, Moderate, Moderated, Notice,
    Open, Outcome, Patch, PatchRequest, Push, Request, Restriction, RoomId, Send, Signature,
    StartConversation, Token,
};
use proptest::{
    collection::vec,
    option::of,
    prelude::{BoxedStrategy, Just, Strategy, any, prop_oneof},
    sample::select,
};
use serde_json::Value;

/// Any frame of a client but the heartbeat, which is JSON only.
pub(crate) fn request() -> BoxedStrategy<Request> {
    (of(text()), of(text()), of(any::<i32>()), command())
        .prop_map(|(app, peer, serial, command)| Request { app, peer, serial, command })
        .boxed()
}

/// Any frame of a server but the heartbeat.
pub(crate) fn downlink() -> BoxedStrategy<Downlink> {
    (of(text()), of(any::<i64>()), event())
        .prop_map(|(peer, server_time, (serial, event))| Downlink { serial, peer, server_time, event })
        .boxed()
}

fn text() -> BoxedStrategy<String> {
    prop_oneof!["[a-z_-]{0,12}", "\\PC{0,12}", any::<String>()].boxed()
}

/// Where the empty text counts as absent.
fn word() -> BoxedStrategy<String> {
    text().prop_filter("empty means absent", |text| !text.is_empty()).boxed()
}

fn texts() -> BoxedStrategy<Vec<String>> {
    vec(text(), 0..4).boxed()
}

fn room() -> BoxedStrategy<RoomId> {
    text().prop_map(RoomId::from).boxed()
}

fn message() -> BoxedStrategy<MessageId> {
    word().prop_map(MessageId::from).boxed()
}

fn body() -> BoxedStrategy<Body> {
    prop_oneof![
        text().prop_map(Body::Text),
        vec(any::<u8>(), 0..20).prop_map(|bytes| Body::Binary(Bytes::from(bytes))),
    ]
    .boxed()
}

fn mentions() -> BoxedStrategy<Mentions> {
    (any::<bool>(), texts()).prop_map(|(all, clients)| Mentions { all, clients }).boxed()
}

/// A JSON object as text, as serde_json writes it.
fn document() -> BoxedStrategy<String> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    let value = leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((text(), inner), 0..4).prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    });
    vec((text(), value), 0..4)
        .prop_map(|pairs| Value::Object(pairs.into_iter().collect()).to_string())
        .boxed()
}

fn signature() -> BoxedStrategy<Option<Signature>> {
    let signed = (word(), any::<i64>(), text());
    of(signed.prop_map(|(signature, timestamp, nonce)| Signature { signature, timestamp, nonce })).boxed()
}

fn command() -> BoxedStrategy<Command> {
    prop_oneof![session_command(), room_command(), moderator_command(), message_command()].boxed()
}

fn session_command() -> BoxedStrategy<Command> {
    let device = (of(word()), of(word()), of(word()), of(word()), of(word()));
    let open = (device, any::<bool>(), signature(), of(any::<i64>()), of(any::<i64>())).prop_map(
        |((user_agent, tag, device_id, device_token, token), reopen, signature, config, last_patch)| {
            Command::Open(Box::new(Open {
                user_agent,
                reopen,
                tag,
                device_id,
                device_token,
                token,
                signature,
                config,
                last_patch,
            }))
        },
    );
    prop_oneof![
        Just(Command::Echo),
        of(any::<i32>()).prop_map(|service| Command::Login { service }),
        open,
        of(word()).prop_map(|token| Command::Refresh { token }),
        Just(Command::Close),
        texts().prop_map(|clients| Command::QueryOnline { clients }),
        Just(Command::UploadToken),
        Just(Command::Unsupported { family: "blacklist".to_owned(), verb: Some("status".to_owned()) }),
        Just(Command::Unsupported { family: "conv".to_owned(), verb: None }),
    ]
    .boxed()
}

fn room_command() -> BoxedStrategy<Command> {
    let start = (any::<[bool; 3]>(), texts(), of(document()), signature()).prop_map(
        |([transient, unique, temporary], members, attributes, signature)| {
            Command::Start(Box::new(StartConversation {
                transient,
                unique,
                temporary,
                members,
                attributes,
                signature,
            }))
        },
    );
    let numbers = any::<[Option<i32>; 3]>();
    let query = (of(document()), of(word()), numbers, texts(), any::<bool>()).prop_map(
        |(filter, sort, [limit, skip, flag], temporary_ids, count)| {
            Command::Query(Box::new(ConversationQuery {
                filter,
                sort,
                limit,
                skip,
                flag,
                temporary_ids,
                count,
            }))
        },
    );
    prop_oneof![
        start,
        (room(), texts(), signature()).prop_map(|(room, members, signature)| Command::Join {
            room,
            members,
            signature
        }),
        (room(), texts(), signature()).prop_map(|(room, members, signature)| Command::Quit {
            room,
            members,
            signature
        }),
        query,
        room().prop_map(|room| Command::Count { room }),
        (room(), of(any::<i32>())).prop_map(|(room, limit)| Command::Members { room, limit }),
        vec(room(), 0..4).prop_map(|rooms| Command::IsMember { rooms }),
        (room(), document()).prop_map(|(room, attributes)| Command::Update { room, attributes }),
        room().prop_map(|room| Command::Mute { room }),
        room().prop_map(|room| Command::MaxRead { room }),
    ]
    .boxed()
}

fn restriction() -> BoxedStrategy<Restriction> {
    select(&[Restriction::Silence, Restriction::Block]).boxed()
}

fn moderator_command() -> BoxedStrategy<Command> {
    let ask = prop_oneof![
        (texts(), signature()).prop_map(|(clients, signature)| Ask::Impose { clients, signature }),
        (texts(), signature()).prop_map(|(clients, signature)| Ask::Lift { clients, signature }),
        (of(any::<i32>()), of(word())).prop_map(|(limit, next)| Ask::List { limit, next }),
        texts().prop_map(|clients| Ask::Check { clients }),
    ];
    prop_oneof![
        (room(), restriction(), ask).prop_map(|(room, restriction, ask)| {
            Command::Moderate(Box::new(Moderate { room, restriction, ask }))
        }),
        (room(), word(), text()).prop_map(|(room, client, role)| Command::SetRole { room, client, role }),
    ]
    .boxed()
}

fn message_command() -> BoxedStrategy<Command> {
    let level = of(select(&[Level::High, Level::Normal, Level::Low]));
    let send = (room(), body(), level, any::<[bool; 2]>(), of(word()), of(text()), mentions()).prop_map(
        |(room, body, level, [transient, will], dedupe, push_data, mentions)| {
            let send = Send { room, body, level, transient, will, dedupe, push_data, mentions };
            Command::Send(Box::new(send))
        },
    );
    let patch = (room(), text(), any::<i64>(), any::<bool>(), of(body()), mentions()).prop_map(
        |(room, id, timestamp, recall, body, mentions)| PatchRequest {
            room,
            message: MessageId::from(id),
            timestamp,
            recall,
            body,
            mentions,
        },
    );
    let direction = select(&[Direction::Old, Direction::New]);
    let lctype = of(any::<i32>().prop_filter("0 means any type", |lctype| *lctype != 0));
    let history = (room(), of(any::<i32>()), bound(), bound(), direction, lctype).prop_map(
        |(room, limit, start, end, direction, lctype)| {
            Command::History(Box::new(HistoryRequest { room, limit, start, end, direction, lctype }))
        },
    );
    prop_oneof![
        send,
        vec(patch, 0..3).prop_map(|patches| Command::Modify { patches }),
        history,
        Just(Command::DeliveryAck),
        Just(Command::PatchAck),
        Just(Command::Read),
    ]
    .boxed()
}

fn bound() -> BoxedStrategy<Bound> {
    let timestamp = of(any::<i64>().prop_filter("0 means none", |timestamp| *timestamp != 0));
    (timestamp, of(message()), any::<bool>())
        .prop_map(|(timestamp, message, included)| Bound { timestamp, message, included })
        .boxed()
}

/// An event, with a serial where it tells a reply from a push.
fn event() -> BoxedStrategy<(Option<i32>, Event)> {
    let serial = || any::<i32>().prop_map(Some);
    prop_oneof![
        (of(any::<i32>()), prop_oneof![session_event(), room_event(), message_event()]),
        (serial(), room(), text(), of(change())).prop_map(|(serial, room, updated_at, change)| {
            (serial, Event::Updated { room, updated_at, change })
        }),
        (room(), text(), text(), change()).prop_map(|(room, by, updated_at, change)| {
            (None, Event::RoomUpdated { room, by, updated_at, change })
        }),
    ]
    .boxed()
}

fn change() -> BoxedStrategy<Change> {
    (document(), document()).prop_map(|(set, resulting)| Change { set, resulting }).boxed()
}

fn token() -> BoxedStrategy<Token> {
    (text(), any::<i32>()).prop_map(|(text, ttl)| Token { text, ttl }).boxed()
}

fn fault() -> BoxedStrategy<Fault> {
    (any::<i32>(), text(), of(text()), of(any::<i32>()), of(text()))
        .prop_map(|(code, reason, detail, app_code, app_message)| Fault {
            code,
            reason,
            detail,
            app_code,
            app_message,
        })
        .boxed()
}

/// `session/closed` has no place for what hooks say.
fn closing_fault() -> BoxedStrategy<Fault> {
    fault().prop_map(|fault| Fault { app_code: None, app_message: None, ..fault }).boxed()
}

/// `ack` has no place for the detail.
fn refusal() -> BoxedStrategy<Fault> {
    fault().prop_map(|fault| Fault { detail: None, ..fault }).boxed()
}

fn session_event() -> BoxedStrategy<Event> {
    prop_oneof![
        Just(Event::Echo),
        Just(Event::LoggedIn),
        token().prop_map(|token| Event::Opened { token }),
        token().prop_map(|token| Event::Refreshed { token }),
        of(closing_fault()).prop_map(|fault| Event::Closed { fault }),
        texts().prop_map(|clients| Event::Online { clients }),
        Just(Event::TokenUploaded),
        fault().prop_map(|fault| Event::Failed { fault }),
        Just(Event::Failed { fault: Code::SessionRequired.into() }),
        Just(Event::GoAway),
    ]
    .boxed()
}

fn room_event() -> BoxedStrategy<Event> {
    prop_oneof![
        (room(), text()).prop_map(|(room, created_at)| Event::Started { room, created_at }),
        (room(), texts(), text()).prop_map(|(room, allowed, updated_at)| Event::Added {
            room,
            allowed,
            updated_at
        }),
        (room(), texts(), text()).prop_map(|(room, allowed, updated_at)| Event::Removed {
            room,
            allowed,
            updated_at
        }),
        (vec(document(), 0..3), of(any::<i32>()))
            .prop_map(|(rows, count)| Event::Results { rows: format!("[{}]", rows.join(",")), count }),
        any::<i32>().prop_map(|count| Event::Count { count }),
        texts().prop_map(|clients| Event::Members { clients }),
        document().prop_map(|results| Event::Membership { results }),
        room().prop_map(|room| Event::MaxRead { room }),
        moderated(),
        moderation_push(),
        (room(), member_info()).prop_map(|(room, info)| Event::RoleSet { room, info }),
    ]
    .boxed()
}

/// Without answers about silence that look like others.
fn moderated() -> BoxedStrategy<Event> {
    let failure = (texts(), fault()).prop_map(|(clients, fault)| Failure { clients, fault });
    let outcome = (texts(), vec(failure, 0..3)).prop_map(|(allowed, failed)| Outcome { allowed, failed });
    let answer = prop_oneof![
        outcome.clone().prop_map(Answer::Imposed),
        outcome.prop_map(Answer::Lifted),
        (texts(), of(text())).prop_map(|(clients, next)| Answer::List { clients, next }),
    ];
    let any = (room(), restriction(), answer).prop_map(|(room, restriction, answer)| Moderated {
        room,
        restriction,
        answer,
    });
    let checked = (room(), texts()).prop_map(|(room, clients)| Moderated {
        room,
        restriction: Restriction::Block,
        answer: Answer::Checked { clients },
    });
    prop_oneof![any, checked].prop_map(|moderated| Event::Moderated(Box::new(moderated))).boxed()
}

fn member_info() -> BoxedStrategy<MemberInfo> {
    (text(), text(), of(text())).prop_map(|(client, role, row)| MemberInfo { client, role, row }).boxed()
}

fn moderation_push() -> BoxedStrategy<Event> {
    let notice = (room(), restriction(), any::<bool>(), text(), of(texts()));
    prop_oneof![
        notice.prop_map(|(room, restriction, lifted, by, clients)| {
            Event::Notice(Box::new(Notice { room, restriction, lifted, by, clients }))
        }),
        (room(), text(), member_info()).prop_map(|(room, by, info)| Event::RoleChanged { room, by, info }),
        (room(), text()).prop_map(|(room, by)| Event::Left { room, by }),
    ]
    .boxed()
}

fn message_event() -> BoxedStrategy<Event> {
    prop_oneof![
        (message(), any::<i64>()).prop_map(|(message, timestamp)| Event::Accepted { message, timestamp }),
        refusal().prop_map(|fault| Event::Refused { fault }),
        Just(Event::AckReceived),
        push().prop_map(|push| Event::Message(Box::new(push))),
        patch().prop_map(|patch| Event::Patched(Box::new(patch))),
        any::<i64>().prop_map(|time| Event::Modified { time }),
        vec(push(), 0..4)
            .prop_map(|pushes| Event::History { items: pushes.into_iter().map(history_item).collect() }),
        Just(Event::ReadReceived),
    ]
    .boxed()
}

fn push() -> BoxedStrategy<Push> {
    (room(), message(), any::<i64>(), text(), body(), any::<bool>(), mentions(), of(any::<i64>()))
        .prop_map(|(room, message, timestamp, from, body, transient, mentions, patched_at)| Push {
            room,
            message,
            timestamp,
            from,
            body,
            transient,
            mentions,
            patched_at,
        })
        .boxed()
}

fn history_item(push: Push) -> HistoryItem {
    let Push { message, timestamp, from, body, patched_at, mentions, .. } = push;
    HistoryItem { message, timestamp, from, body, patched_at, mentions }
}

fn patch() -> BoxedStrategy<Patch> {
    (push(), any::<i64>(), of(any::<i64>()), of(text()))
        .prop_map(|(push, patched_at, code, reason)| Patch {
            room: push.room,
            message: push.message,
            timestamp: push.timestamp,
            from: push.from,
            patched_at,
            recall: push.transient,
            body: push.body,
            mentions: push.mentions,
            code,
            reason,
        })
        .boxed()
}
