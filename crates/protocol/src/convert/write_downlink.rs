//! Server side: a [`Downlink`] to the protobuf command that carries it (protocol appendix A).

use super::{
    CONV_TYPE_ROOM, SERVICE_IM, SERVICE_PUSH, body_fields, json_text, moderation, patch_body_fields, set,
};
use crate::{
    Body, Change, Downlink, Event, Fault, HistoryItem, Patch, Push, RoomId, Token, base64_text,
    wire::{
        AckCommand, CommandType, ConvCommand, DirectCommand, ErrorCommand, GenericCommand, LogItem,
        LoggedinCommand, LogsCommand, OpType, PatchCommand, PatchItem, SessionCommand,
    },
};

pub(crate) fn write_downlink(downlink: &Downlink) -> GenericCommand {
    let mut wire = event(&downlink.event);
    wire.peer_id.clone_from(&downlink.peer);
    wire.i = downlink.serial;
    wire.server_ts = downlink.server_time;
    wire
}

#[expect(clippy::too_many_lines, reason = "one arm for each event, and no event may be forgotten")]
fn event(event: &Event) -> GenericCommand {
    match event {
        Event::Heartbeat | Event::Echo => family(CommandType::Echo),
        Event::LoggedIn => GenericCommand {
            service: Some(SERVICE_PUSH),
            loggedin_message: Some(LoggedinCommand { push_disabled: Some(false) }),
            ..family(CommandType::Loggedin)
        },
        Event::Opened { token } => session(OpType::Opened, token_fields(token)),
        Event::Refreshed { token } => session(OpType::Refreshed, token_fields(token)),
        Event::Closed { fault } => session(OpType::Closed, closed_fields(fault.as_ref())),
        Event::Online { clients } => {
            let online_session_peer_ids = clients.clone();
            session(
                OpType::QueryResult,
                SessionCommand { online_session_peer_ids, ..SessionCommand::default() },
            )
        }
        Event::TokenUploaded => {
            GenericCommand { op: Some(OpType::Uploaded.into()), ..family(CommandType::Report) }
        }
        Event::Started { room, created_at } => {
            conversation(OpType::Started, ConvCommand { cdate: Some(created_at.clone()), ..of_room(room) })
        }
        Event::Added { room, allowed, updated_at } => {
            conversation(OpType::Added, member_fields(room, allowed, updated_at))
        }
        Event::Removed { room, allowed, updated_at } => {
            conversation(OpType::Removed, member_fields(room, allowed, updated_at))
        }
        Event::Results { rows, count } => conversation(
            OpType::Results,
            ConvCommand { results: json_text(rows), count: *count, ..ConvCommand::default() },
        ),
        Event::Count { count } => {
            conversation(OpType::Result, ConvCommand { count: Some(*count), ..ConvCommand::default() })
        }
        Event::Members { clients } => {
            conversation(OpType::Result, ConvCommand { m: clients.clone(), ..ConvCommand::default() })
        }
        Event::Membership { results } => conversation(
            OpType::Result,
            ConvCommand { results: json_text(results), ..ConvCommand::default() },
        ),
        Event::Updated { room, updated_at, change } => {
            conversation(OpType::Updated, update_fields(room, updated_at, change.as_ref()))
        }
        Event::RoomUpdated { room, by, updated_at, change } => conversation(
            OpType::Updated,
            ConvCommand {
                init_by: Some(by.clone()),
                transient: Some(true),
                ..update_fields(room, updated_at, Some(change))
            },
        ),
        Event::MaxRead { room } => conversation(OpType::MaxRead, of_room(room)),
        Event::Moderated(moderated) => moderation::write_answer(moderated),
        Event::Notice(notice) => moderation::write_notice(notice),
        Event::Left { room, by } => moderation::write_left(room, by),
        Event::RoleSet { room, info } => conversation(
            OpType::MemberInfoUpdated,
            ConvCommand { info: Some(moderation::member_info(info)), ..of_room(room) },
        ),
        Event::RoleChanged { room, by, info } => moderation::write_role_change(room, by, info),
        Event::Accepted { message, timestamp } => {
            ack(AckCommand { uid: Some(message.to_string()), t: Some(*timestamp), ..AckCommand::default() })
        }
        Event::Refused { fault } => ack(refused_fields(fault)),
        Event::AckReceived => ack(AckCommand::default()),
        Event::Message(push) => {
            GenericCommand { direct_message: Some(push_fields(push)), ..family(CommandType::Direct) }
        }
        Event::Patched(edit) => {
            let patches = vec![patch_item(edit)];
            patch(OpType::Modify, PatchCommand { patches, ..PatchCommand::default() })
        }
        Event::Modified { time } => {
            patch(OpType::Modified, PatchCommand { last_patch_time: Some(*time), ..PatchCommand::default() })
        }
        Event::History { items } => {
            let logs = items.iter().map(history_item).collect();
            let fields = LogsCommand { logs, ..LogsCommand::default() };
            GenericCommand { logs_message: Some(fields), ..family(CommandType::Logs) }
        }
        Event::ReadReceived => family(CommandType::Read),
        Event::Failed { fault } => {
            GenericCommand { error_message: Some(error_fields(fault)), ..family(CommandType::Error) }
        }
        Event::GoAway => family(CommandType::Goaway),
    }
}

pub(super) fn family(family: CommandType) -> GenericCommand {
    GenericCommand { cmd: Some(family.into()), service: Some(SERVICE_IM), ..GenericCommand::default() }
}

fn session(verb: OpType, fields: SessionCommand) -> GenericCommand {
    GenericCommand { op: Some(verb.into()), session_message: Some(fields), ..family(CommandType::Session) }
}

fn ack(fields: AckCommand) -> GenericCommand {
    GenericCommand { ack_message: Some(fields), ..family(CommandType::Ack) }
}

pub(super) fn conversation(verb: OpType, fields: ConvCommand) -> GenericCommand {
    GenericCommand { op: Some(verb.into()), conv_message: Some(fields), ..family(CommandType::Conv) }
}

fn patch(verb: OpType, fields: PatchCommand) -> GenericCommand {
    GenericCommand { op: Some(verb.into()), patch_message: Some(fields), ..family(CommandType::Patch) }
}

fn token_fields(token: &Token) -> SessionCommand {
    SessionCommand { st: Some(token.text.clone()), st_ttl: Some(token.ttl), ..SessionCommand::default() }
}

fn closed_fields(fault: Option<&Fault>) -> SessionCommand {
    fault.map_or_else(SessionCommand::default, |fault| SessionCommand {
        code: Some(fault.code),
        reason: Some(fault.reason.clone()),
        detail: fault.detail.clone(),
        ..SessionCommand::default()
    })
}

/// `ack` has no field for the detail.
fn refused_fields(fault: &Fault) -> AckCommand {
    AckCommand {
        code: Some(fault.code),
        reason: Some(fault.reason.clone()),
        app_code: fault.app_code,
        app_msg: fault.app_message.clone(),
        ..AckCommand::default()
    }
}

pub(super) fn error_fields(fault: &Fault) -> ErrorCommand {
    ErrorCommand {
        code: fault.code,
        reason: fault.reason.clone(),
        app_code: fault.app_code,
        detail: fault.detail.clone(),
        pids: Vec::new(),
        app_msg: fault.app_message.clone(),
    }
}

pub(super) fn of_room(room: &RoomId) -> ConvCommand {
    ConvCommand { cid: Some(room.to_string()), ..ConvCommand::default() }
}

fn member_fields(room: &RoomId, allowed: &[String], updated_at: &str) -> ConvCommand {
    ConvCommand { allowed_pids: allowed.to_vec(), udate: Some(updated_at.to_owned()), ..of_room(room) }
}

fn update_fields(room: &RoomId, updated_at: &str, change: Option<&Change>) -> ConvCommand {
    ConvCommand {
        udate: Some(updated_at.to_owned()),
        attr: change.and_then(|change| json_text(&change.set)),
        attr_modified: change.and_then(|change| json_text(&change.resulting)),
        ..of_room(room)
    }
}

/// Never `offline`: old .NET sends a message with that key, even false, to its offline handler.
fn push_fields(push: &Push) -> DirectCommand {
    let (msg, binary_msg) = body_fields(&push.body);
    DirectCommand {
        cid: Some(push.room.to_string()),
        id: Some(push.message.to_string()),
        from_peer_id: Some(push.from.clone()),
        timestamp: Some(push.timestamp),
        msg,
        binary_msg,
        transient: set(push.transient),
        conv_type: Some(CONV_TYPE_ROOM),
        mention_all: set(push.mentions.all),
        mention_pids: push.mentions.clients.clone(),
        patch_timestamp: push.patched_at,
        ..DirectCommand::default()
    }
}

fn patch_item(patch: &Patch) -> PatchItem {
    let (data, binary_msg) = patch_body_fields(&patch.body);
    PatchItem {
        cid: Some(patch.room.to_string()),
        mid: Some(patch.message.to_string()),
        timestamp: Some(patch.timestamp),
        from: Some(patch.from.clone()),
        patch_timestamp: Some(patch.patched_at),
        recall: set(patch.recall),
        data,
        binary_msg,
        mention_all: set(patch.mentions.all),
        mention_pids: patch.mentions.clients.clone(),
        patch_code: patch.code,
        patch_reason: patch.reason.clone(),
    }
}

fn history_item(item: &HistoryItem) -> LogItem {
    let (data, bin) = match &item.body {
        Body::Text(text) => (text.clone(), None),
        Body::Binary(bytes) => (base64_text::write(bytes), Some(true)),
    };
    LogItem {
        msg_id: Some(item.message.to_string()),
        from: Some(item.from.clone()),
        timestamp: Some(item.timestamp),
        data: Some(data),
        bin,
        patch_timestamp: item.patched_at,
        mention_all: set(item.mentions.all),
        mention_pids: item.mentions.clients.clone(),
        conv_type: Some(CONV_TYPE_ROOM),
        ..LogItem::default()
    }
}
