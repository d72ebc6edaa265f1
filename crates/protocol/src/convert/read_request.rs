//! Server side: a client's protobuf command to a [`Request`].

use super::{body, is_set, mentions, moderation, names, non_empty, patch_body};
use crate::{
    Bound, Command, ConversationQuery, DecodeError, Direction, HistoryRequest, Level, MessageId, Open,
    PatchRequest, Request, RoomId, Send, Signature, StartConversation,
    wire::{
        CommandType, ConvCommand, DirectCommand, GenericCommand, LogsCommand, OpType, PatchItem,
        SessionCommand, logs_command::QueryDirection,
    },
};

/// Fails only without `cmd`: unknown commands are answered, not punished.
pub(crate) fn read_request(mut wire: GenericCommand) -> Result<Request, DecodeError> {
    let number = wire.cmd.ok_or(DecodeError::NoCommand)?;
    let (app, peer, serial) = (wire.app_id.take(), wire.peer_id.take(), wire.i);
    let op = wire.op;
    let command = match CommandType::try_from(number) {
        Ok(family) => command(family, wire),
        Err(_) => None,
    };
    let command = command.unwrap_or_else(|| {
        let (family, verb) = names(number, op);
        Command::Unsupported { family, verb }
    });
    Ok(Request { app, peer, serial, command })
}

fn command(family: CommandType, wire: GenericCommand) -> Option<Command> {
    let verb = wire.op.and_then(|op| OpType::try_from(op).ok());
    Some(match family {
        CommandType::Session => return session(verb?, wire.session_message.unwrap_or_default()),
        CommandType::Conv => return conversation(verb?, wire.conv_message.unwrap_or_default()),
        CommandType::Blacklist => {
            return moderation::read_blacklist_command(verb?, wire.blacklist_message.unwrap_or_default());
        }
        CommandType::Direct => {
            Command::Send(Box::new(send(wire.direct_message.unwrap_or_default(), wire.priority)))
        }
        CommandType::Logs => Command::History(Box::new(history(wire.logs_message.unwrap_or_default()))),
        CommandType::Ack => Command::DeliveryAck,
        CommandType::Read => Command::Read,
        CommandType::Echo => Command::Echo,
        CommandType::Login => Command::Login { service: wire.service },
        CommandType::Patch => match verb? {
            OpType::Modify => {
                let patches = wire.patch_message.unwrap_or_default().patches;
                Command::Modify { patches: patches.into_iter().map(patch).collect() }
            }
            OpType::Modified => Command::PatchAck,
            _ => return None,
        },
        CommandType::Report => match verb? {
            OpType::Upload => Command::UploadToken,
            _ => return None,
        },
        _ => return None,
    })
}

fn session(verb: OpType, wire: SessionCommand) -> Option<Command> {
    Some(match verb {
        OpType::Open => Command::Open(Box::new(Open {
            user_agent: non_empty(wire.ua),
            reopen: is_set(wire.r),
            tag: non_empty(wire.tag),
            device_id: non_empty(wire.device_id),
            device_token: non_empty(wire.device_token),
            token: non_empty(wire.st),
            signature: signature(wire.s, wire.t, wire.n),
            config: wire.config_bitmap,
            last_patch: wire.last_patch_time,
        })),
        OpType::Refresh => Command::Refresh { token: non_empty(wire.st) },
        OpType::Close => Command::Close,
        OpType::Query => Command::QueryOnline { clients: wire.session_peer_ids },
        _ => return None,
    })
}

fn conversation(verb: OpType, wire: ConvCommand) -> Option<Command> {
    if moderation::is_about_silence(verb) {
        return moderation::read_silence_command(verb, wire);
    }
    let room = RoomId::from(wire.cid.unwrap_or_default());
    let members = wire.m;
    let signature = signature(wire.s, wire.t, wire.n);
    Some(match verb {
        OpType::Start => Command::Start(Box::new(StartConversation {
            transient: is_set(wire.transient),
            unique: is_set(wire.unique),
            temporary: is_set(wire.temp_conv),
            members,
            attributes: wire.attr.map(|attr| attr.data),
            signature,
        })),
        OpType::Add => Command::Join { room, members, signature },
        OpType::Remove => Command::Quit { room, members, signature },
        OpType::Query => Command::Query(Box::new(ConversationQuery {
            filter: wire.r#where.map(|filter| filter.data),
            sort: non_empty(wire.sort),
            limit: wire.limit,
            skip: wire.skip,
            flag: wire.flag,
            temporary_ids: wire.temp_conv_ids,
            count: wire.count.is_some_and(|count| count != 0),
        })),
        OpType::Count => Command::Count { room },
        OpType::Members => Command::Members { room, limit: wire.limit },
        OpType::IsMember => Command::IsMember { rooms: wire.cids.into_iter().map(RoomId::from).collect() },
        OpType::Update => {
            Command::Update { room, attributes: wire.attr.map(|attr| attr.data).unwrap_or_default() }
        }
        OpType::Mute | OpType::Unmute => Command::Mute { room },
        OpType::MaxRead => Command::MaxRead { room },
        OpType::MemberInfoUpdate => {
            let info = wire.info.unwrap_or_default();
            let client = non_empty(wire.target_client_id).or(info.pid).unwrap_or_default();
            Command::SetRole { room, client, role: info.role.unwrap_or_default() }
        }
        _ => return None,
    })
}

/// A signature without its hex text signs nothing: .NET sends the three keys as `null`.
pub(super) fn signature(
    text: Option<String>,
    timestamp: Option<i64>,
    nonce: Option<String>,
) -> Option<Signature> {
    Some(Signature {
        signature: non_empty(text)?,
        timestamp: timestamp.unwrap_or_default(),
        nonce: nonce.unwrap_or_default(),
    })
}

fn send(wire: DirectCommand, priority: Option<i32>) -> Send {
    Send {
        room: wire.cid.unwrap_or_default().into(),
        body: body(wire.msg, wire.binary_msg),
        level: priority.and_then(Level::from_wire),
        transient: is_set(wire.transient),
        will: is_set(wire.will),
        dedupe: non_empty(wire.dt),
        push_data: wire.push_data,
        mentions: mentions(wire.mention_all, wire.mention_pids),
    }
}

fn history(wire: LogsCommand) -> HistoryRequest {
    HistoryRequest {
        room: wire.cid.unwrap_or_default().into(),
        limit: wire.l.or(wire.limit),
        start: bound(wire.t, wire.mid, wire.t_included),
        end: bound(wire.tt, wire.tmid, wire.tt_included),
        direction: match wire.direction {
            Some(number) if number == i32::from(QueryDirection::New) => Direction::New,
            _ => Direction::Old,
        },
        lctype: wire.lctype.filter(|lctype| *lctype != 0),
    }
}

fn bound(timestamp: Option<i64>, message: Option<String>, included: Option<bool>) -> Bound {
    Bound {
        timestamp: timestamp.filter(|timestamp| *timestamp != 0),
        message: non_empty(message).map(MessageId::from),
        included: is_set(included),
    }
}

fn patch(wire: PatchItem) -> PatchRequest {
    PatchRequest {
        room: wire.cid.unwrap_or_default().into(),
        message: wire.mid.unwrap_or_default().into(),
        timestamp: wire.timestamp.unwrap_or_default(),
        recall: is_set(wire.recall),
        body: patch_body(wire.data, wire.binary_msg),
        mentions: mentions(wire.mention_all, wire.mention_pids),
    }
}
