//! Client side: a server's protobuf command to a [`Downlink`].

use super::{body, is_set, mentions, moderation, names, patch_body};
use crate::{
    Body, Change, DecodeError, Downlink, Event, Fault, HistoryItem, Patch, Push, Token, base64_text,
    wire::{
        AckCommand, CommandType, ConvCommand, DirectCommand, ErrorCommand, GenericCommand, LogItem, OpType,
        PatchItem, SessionCommand,
    },
};

pub(crate) fn read_downlink(mut wire: GenericCommand) -> Result<Downlink, DecodeError> {
    let number = wire.cmd.ok_or(DecodeError::NoCommand)?;
    let (peer, serial, server_time, op) = (wire.peer_id.take(), wire.i, wire.server_ts, wire.op);
    let event = CommandType::try_from(number).ok().and_then(|family| event(family, wire));
    let event = event.ok_or_else(|| {
        let (family, verb) = names(number, op);
        DecodeError::UnknownEvent { family, verb: verb.unwrap_or_default() }
    })?;
    Ok(Downlink { serial, peer, server_time, event })
}

fn event(family: CommandType, wire: GenericCommand) -> Option<Event> {
    let verb = wire.op.and_then(|op| OpType::try_from(op).ok());
    Some(match family {
        CommandType::Echo => Event::Echo,
        CommandType::Loggedin => Event::LoggedIn,
        CommandType::Session => return session(verb?, wire.session_message.unwrap_or_default()),
        CommandType::Conv => {
            return conversation(verb?, wire.i.is_some(), wire.conv_message.unwrap_or_default());
        }
        CommandType::Blacklist => {
            return moderation::read_blacklist_answer(verb?, wire.blacklist_message.unwrap_or_default());
        }
        CommandType::Ack => ack(wire.ack_message.unwrap_or_default()),
        CommandType::Direct => Event::Message(Box::new(push(wire.direct_message.unwrap_or_default()))),
        CommandType::Logs => {
            let items = wire.logs_message.unwrap_or_default().logs;
            Event::History { items: items.into_iter().map(history_item).collect() }
        }
        CommandType::Patch => {
            let fields = wire.patch_message.unwrap_or_default();
            match verb? {
                // One patch per command: that is how Grandstand and LeanCloud send them.
                OpType::Modify => Event::Patched(Box::new(patch(fields.patches.into_iter().next()?))),
                OpType::Modified => Event::Modified { time: fields.last_patch_time.unwrap_or_default() },
                _ => return None,
            }
        }
        CommandType::Report if verb? == OpType::Uploaded => Event::TokenUploaded,
        CommandType::Read => Event::ReadReceived,
        CommandType::Error => Event::Failed { fault: fault(wire.error_message.unwrap_or_default()) },
        CommandType::Goaway => Event::GoAway,
        _ => return None,
    })
}

fn session(verb: OpType, wire: SessionCommand) -> Option<Event> {
    Some(match verb {
        OpType::Opened => Event::Opened { token: token(wire) },
        OpType::Refreshed => Event::Refreshed { token: token(wire) },
        OpType::QueryResult => Event::Online { clients: wire.online_session_peer_ids },
        OpType::Closed => Event::Closed {
            fault: wire.code.map(|code| Fault {
                code,
                reason: wire.reason.unwrap_or_default(),
                detail: wire.detail,
                app_code: None,
                app_message: None,
            }),
        },
        _ => return None,
    })
}

fn token(wire: SessionCommand) -> Token {
    Token { text: wire.st.unwrap_or_default(), ttl: wire.st_ttl.unwrap_or_default() }
}

fn conversation(verb: OpType, is_reply: bool, wire: ConvCommand) -> Option<Event> {
    if moderation::is_notice(verb) {
        return Some(moderation::read_notice(verb, wire));
    }
    if moderation::is_about_silence(verb) {
        return moderation::read_silence_answer(verb, wire);
    }
    let room = wire.cid.unwrap_or_default().into();
    let updated_at = wire.udate.unwrap_or_default();
    let results = wire.results.map(|results| results.data);
    Some(match verb {
        OpType::Started => Event::Started { room, created_at: wire.cdate.unwrap_or_default() },
        OpType::Added => Event::Added { room, allowed: wire.allowed_pids, updated_at },
        OpType::Removed => Event::Removed { room, allowed: wire.allowed_pids, updated_at },
        OpType::Results => {
            Event::Results { rows: results.unwrap_or_else(|| "[]".to_owned()), count: wire.count }
        }
        OpType::Result => match (results, wire.count) {
            (Some(results), _) => Event::Membership { results },
            (None, Some(count)) => Event::Count { count },
            (None, None) => Event::Members { clients: wire.m },
        },
        OpType::Members => Event::Members { clients: wire.m },
        OpType::Updated => {
            let change = wire.attr.zip(wire.attr_modified);
            let change = change.map(|(set, resulting)| Change { set: set.data, resulting: resulting.data });
            if is_reply {
                Event::Updated { room, updated_at, change }
            } else {
                Event::RoomUpdated { room, by: wire.init_by.unwrap_or_default(), updated_at, change: change? }
            }
        }
        OpType::MaxRead => Event::MaxRead { room },
        OpType::Left => Event::Left { room, by: wire.init_by.unwrap_or_default() },
        OpType::MemberInfoUpdated => Event::RoleSet { room, info: moderation::read_member_info(wire.info) },
        OpType::MemberInfoChanged => Event::RoleChanged {
            room,
            by: wire.init_by.unwrap_or_default(),
            info: moderation::read_member_info(wire.info),
        },
        _ => return None,
    })
}

fn ack(wire: AckCommand) -> Event {
    match (wire.code, wire.uid) {
        (Some(code), _) => Event::Refused {
            fault: Fault {
                code,
                reason: wire.reason.unwrap_or_default(),
                detail: None,
                app_code: wire.app_code,
                app_message: wire.app_msg,
            },
        },
        (None, Some(message)) => {
            Event::Accepted { message: message.into(), timestamp: wire.t.unwrap_or_default() }
        }
        (None, None) => Event::AckReceived,
    }
}

pub(super) fn fault(wire: ErrorCommand) -> Fault {
    Fault {
        code: wire.code,
        reason: wire.reason,
        detail: wire.detail,
        app_code: wire.app_code,
        app_message: wire.app_msg,
    }
}

fn push(wire: DirectCommand) -> Push {
    Push {
        room: wire.cid.unwrap_or_default().into(),
        message: wire.id.unwrap_or_default().into(),
        timestamp: wire.timestamp.unwrap_or_default(),
        from: wire.from_peer_id.unwrap_or_default(),
        body: body(wire.msg, wire.binary_msg),
        transient: is_set(wire.transient),
        mentions: mentions(wire.mention_all, wire.mention_pids),
        patched_at: wire.patch_timestamp,
    }
}

fn patch(wire: PatchItem) -> Patch {
    Patch {
        room: wire.cid.unwrap_or_default().into(),
        message: wire.mid.unwrap_or_default().into(),
        timestamp: wire.timestamp.unwrap_or_default(),
        from: wire.from.unwrap_or_default(),
        patched_at: wire.patch_timestamp.unwrap_or_default(),
        recall: is_set(wire.recall),
        body: patch_body(wire.data, wire.binary_msg).unwrap_or_default(),
        mentions: mentions(wire.mention_all, wire.mention_pids),
        code: wire.patch_code,
        reason: wire.patch_reason,
    }
}

fn history_item(wire: LogItem) -> HistoryItem {
    let data = wire.data.unwrap_or_default();
    // A body that claims to be Base64 and is not stays readable as text.
    let binary = is_set(wire.bin).then(|| base64_text::read(data.as_bytes())).flatten();
    HistoryItem {
        message: wire.msg_id.unwrap_or_default().into(),
        timestamp: wire.timestamp.unwrap_or_default(),
        from: wire.from.unwrap_or_default(),
        body: binary.map_or(Body::Text(data), Body::Binary),
        patched_at: wire.patch_timestamp,
        mentions: mentions(wire.mention_all, wire.mention_pids),
    }
}
