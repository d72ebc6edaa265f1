//! Silence, blocks and roles, all four directions: `conv/…_shutup` and `blacklist/…` say the same in other words.

use super::{
    non_empty,
    read_downlink::fault,
    read_request::signature,
    set,
    write_downlink::{conversation, error_fields, family, of_room},
    write_request::signature_fields,
};
use crate::{
    Answer, Ask, Command, Event, Failure, MemberInfo, Moderate, Moderated, Notice, Outcome, Restriction,
    RoomId,
    wire::{
        BlacklistCommand, CommandType, ConvCommand, ConvMemberInfo, ErrorCommand, GenericCommand, OpType,
    },
};

/// Whether a `conv` command or its answer is about silence.
pub(super) fn is_about_silence(verb: OpType) -> bool {
    matches!(
        verb,
        OpType::AddShutup
            | OpType::RemoveShutup
            | OpType::QueryShutup
            | OpType::CheckShutup
            | OpType::ShutupAdded
            | OpType::ShutupRemoved
            | OpType::ShutupResult
    )
}

pub(super) fn read_silence_command(verb: OpType, wire: ConvCommand) -> Option<Command> {
    let clients = wire.m;
    let signature = signature(wire.s, wire.t, wire.n);
    let ask = match verb {
        OpType::AddShutup => Ask::Impose { clients, signature },
        OpType::RemoveShutup => Ask::Lift { clients, signature },
        OpType::QueryShutup => Ask::List { limit: wire.limit, next: non_empty(wire.next) },
        OpType::CheckShutup => Ask::Check { clients },
        _ => return None,
    };
    Some(moderate(wire.cid, Restriction::Silence, ask))
}

pub(super) fn read_blacklist_command(verb: OpType, wire: BlacklistCommand) -> Option<Command> {
    let clients = wire.to_pids;
    let signature = signature(wire.s, wire.t, wire.n);
    let ask = match verb {
        OpType::Block => Ask::Impose { clients, signature },
        OpType::Unblock => Ask::Lift { clients, signature },
        OpType::Query => Ask::List { limit: wire.limit, next: non_empty(wire.next) },
        OpType::CheckBlock => Ask::Check { clients },
        _ => return None,
    };
    Some(moderate(wire.src_cid, Restriction::Block, ask))
}

fn moderate(room: Option<String>, restriction: Restriction, ask: Ask) -> Command {
    Command::Moderate(Box::new(Moderate { room: room.unwrap_or_default().into(), restriction, ask }))
}

pub(super) fn write_command(Moderate { room, restriction, ask }: &Moderate) -> GenericCommand {
    let (limit, next) = match ask {
        Ask::List { limit, next } => (*limit, next.clone()),
        _ => (None, None),
    };
    let (clients, signature) = match ask {
        Ask::Impose { clients, signature } | Ask::Lift { clients, signature } => {
            (clients.clone(), signature.as_ref())
        }
        Ask::Check { clients } => (clients.clone(), None),
        Ask::List { .. } => (Vec::new(), None),
    };
    let (s, t, n) = signature_fields(signature);
    match restriction {
        Restriction::Silence => {
            let verb = match ask {
                Ask::Impose { .. } => OpType::AddShutup,
                Ask::Lift { .. } => OpType::RemoveShutup,
                Ask::List { .. } => OpType::QueryShutup,
                Ask::Check { .. } => OpType::CheckShutup,
            };
            let cid = Some(room.to_string());
            let fields = ConvCommand { cid, m: clients, limit, next, s, t, n, ..ConvCommand::default() };
            GenericCommand {
                cmd: Some(CommandType::Conv.into()),
                op: Some(verb.into()),
                conv_message: Some(fields),
                ..GenericCommand::default()
            }
        }
        Restriction::Block => {
            let verb = match ask {
                Ask::Impose { .. } => OpType::Block,
                Ask::Lift { .. } => OpType::Unblock,
                Ask::List { .. } => OpType::Query,
                Ask::Check { .. } => OpType::CheckBlock,
            };
            let src_cid = Some(room.to_string());
            let to_pids = clients;
            let fields =
                BlacklistCommand { src_cid, to_pids, limit, next, s, t, n, ..BlacklistCommand::default() };
            GenericCommand {
                cmd: Some(CommandType::Blacklist.into()),
                op: Some(verb.into()),
                blacklist_message: Some(fields),
                ..GenericCommand::default()
            }
        }
    }
}

/// `srcCid` always: Java finds the conversation by it.
pub(super) fn write_answer(Moderated { room, restriction, answer }: &Moderated) -> GenericCommand {
    match restriction {
        Restriction::Silence => {
            let (verb, fields) = silence_answer(room, answer);
            conversation(verb, fields)
        }
        Restriction::Block => {
            let (verb, fields) = blacklist_answer(room, answer);
            GenericCommand {
                op: Some(verb.into()),
                blacklist_message: Some(fields),
                ..family(CommandType::Blacklist)
            }
        }
    }
}

fn silence_answer(room: &RoomId, answer: &Answer) -> (OpType, ConvCommand) {
    let fields = of_room(room);
    let outcome = |outcome: &Outcome| ConvCommand {
        allowed_pids: outcome.allowed.clone(),
        failed_pids: failures(&outcome.failed),
        ..of_room(room)
    };
    match answer {
        Answer::Imposed(done) => (OpType::ShutupAdded, outcome(done)),
        Answer::Lifted(done) => (OpType::ShutupRemoved, outcome(done)),
        Answer::List { clients, next } => {
            (OpType::ShutupResult, ConvCommand { m: clients.clone(), next: next.clone(), ..fields })
        }
        Answer::Checked { clients } => (OpType::ShutupResult, ConvCommand { m: clients.clone(), ..fields }),
    }
}

fn blacklist_answer(room: &RoomId, answer: &Answer) -> (OpType, BlacklistCommand) {
    let fields = BlacklistCommand { src_cid: Some(room.to_string()), ..BlacklistCommand::default() };
    let outcome = |outcome: &Outcome| BlacklistCommand {
        allowed_pids: outcome.allowed.clone(),
        failed_pids: failures(&outcome.failed),
        ..fields.clone()
    };
    match answer {
        Answer::Imposed(done) => (OpType::Blocked, outcome(done)),
        Answer::Lifted(done) => (OpType::Unblocked, outcome(done)),
        Answer::List { clients, next } => {
            let (blocked_pids, next) = (clients.clone(), next.clone());
            (OpType::QueryResult, BlacklistCommand { blocked_pids, next, ..fields })
        }
        Answer::Checked { clients } => {
            (OpType::CheckResult, BlacklistCommand { blocked_pids: clients.clone(), ..fields })
        }
    }
}

fn failures(failed: &[Failure]) -> Vec<ErrorCommand> {
    let failure =
        |failure: &Failure| ErrorCommand { pids: failure.clients.clone(), ..error_fields(&failure.fault) };
    failed.iter().map(failure).collect()
}

pub(super) fn read_silence_answer(verb: OpType, wire: ConvCommand) -> Option<Event> {
    let done = || outcome(wire.allowed_pids.clone(), wire.failed_pids.clone());
    let answer = match verb {
        OpType::ShutupAdded => Answer::Imposed(done()),
        OpType::ShutupRemoved => Answer::Lifted(done()),
        OpType::ShutupResult => Answer::List { clients: wire.m, next: wire.next },
        _ => return None,
    };
    Some(answered(wire.cid, Restriction::Silence, answer))
}

pub(super) fn read_blacklist_answer(verb: OpType, wire: BlacklistCommand) -> Option<Event> {
    let done = || outcome(wire.allowed_pids.clone(), wire.failed_pids.clone());
    let answer = match verb {
        OpType::Blocked => Answer::Imposed(done()),
        OpType::Unblocked => Answer::Lifted(done()),
        OpType::QueryResult => Answer::List { clients: wire.blocked_pids, next: wire.next },
        OpType::CheckResult => Answer::Checked { clients: wire.blocked_pids },
        _ => return None,
    };
    Some(answered(wire.src_cid, Restriction::Block, answer))
}

fn answered(room: Option<String>, restriction: Restriction, answer: Answer) -> Event {
    Event::Moderated(Box::new(Moderated { room: room.unwrap_or_default().into(), restriction, answer }))
}

fn outcome(allowed: Vec<String>, failed: Vec<ErrorCommand>) -> Outcome {
    let failure = |mut wire: ErrorCommand| {
        let clients = std::mem::take(&mut wire.pids);
        Failure { clients, fault: fault(wire) }
    };
    Outcome { allowed, failed: failed.into_iter().map(failure).collect() }
}

/// What a push says: the restriction, whether it was lifted, and whether it goes to the others.
const NOTICES: [(OpType, Restriction, bool, bool); 8] = [
    (OpType::Shutuped, Restriction::Silence, false, false),
    (OpType::MembersShutuped, Restriction::Silence, false, true),
    (OpType::Unshutuped, Restriction::Silence, true, false),
    (OpType::MembersUnshutuped, Restriction::Silence, true, true),
    (OpType::Blocked, Restriction::Block, false, false),
    (OpType::MembersBlocked, Restriction::Block, false, true),
    (OpType::Unblocked, Restriction::Block, true, false),
    (OpType::MembersUnblocked, Restriction::Block, true, true),
];

pub(super) fn is_notice(verb: OpType) -> bool {
    NOTICES.iter().any(|(known, ..)| *known == verb)
}

/// `transient`: Java builds a room from it before it has asked for one.
pub(super) fn write_notice(notice: &Notice) -> GenericCommand {
    let told = (notice.restriction, notice.lifted, notice.clients.is_some());
    let verb =
        NOTICES.iter().find(|(_, restriction, lifted, others)| (*restriction, *lifted, *others) == told);
    let verb = verb.map_or(OpType::Shutuped, |(verb, ..)| *verb);
    let fields = ConvCommand {
        m: notice.clients.clone().unwrap_or_default(),
        init_by: non_empty(Some(notice.by.clone())),
        transient: set(true),
        ..of_room(&notice.room)
    };
    conversation(verb, fields)
}

pub(super) fn read_notice(verb: OpType, wire: ConvCommand) -> Event {
    let told = NOTICES.iter().find(|(known, ..)| *known == verb);
    let (restriction, lifted, others) = told
        .map_or((Restriction::Silence, false, false), |(_, restriction, lifted, others)| {
            (*restriction, *lifted, *others)
        });
    Event::Notice(Box::new(Notice {
        room: wire.cid.unwrap_or_default().into(),
        restriction,
        lifted,
        by: wire.init_by.unwrap_or_default(),
        clients: others.then_some(wire.m),
    }))
}

pub(super) fn write_left(room: &RoomId, by: &str) -> GenericCommand {
    let fields =
        ConvCommand { init_by: non_empty(Some(by.to_owned())), transient: set(true), ..of_room(room) };
    conversation(OpType::Left, fields)
}

pub(super) fn write_role_change(room: &RoomId, by: &str, info: &MemberInfo) -> GenericCommand {
    let fields = ConvCommand {
        init_by: non_empty(Some(by.to_owned())),
        transient: set(true),
        info: Some(member_info(info)),
        ..of_room(room)
    };
    conversation(OpType::MemberInfoChanged, fields)
}

pub(super) fn member_info(info: &MemberInfo) -> ConvMemberInfo {
    ConvMemberInfo {
        pid: Some(info.client.clone()),
        role: Some(info.role.clone()),
        info_id: info.row.clone(),
    }
}

pub(super) fn read_member_info(wire: Option<ConvMemberInfo>) -> MemberInfo {
    let wire = wire.unwrap_or_default();
    MemberInfo {
        client: wire.pid.unwrap_or_default(),
        role: wire.role.unwrap_or_default(),
        row: wire.info_id,
    }
}
