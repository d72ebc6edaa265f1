//! Client side: a [`Request`] to the protobuf command that carries it.

use super::{body_fields, json_text, moderation, patch_body_fields, set};
use crate::{
    Bound, Command, ConversationQuery, Direction, HistoryRequest, Open, PatchRequest, Request, RoomId, Send,
    Signature, StartConversation,
    wire::{
        AckCommand, CommandType, ConvCommand, ConvMemberInfo, DirectCommand, GenericCommand, LogsCommand,
        OpType, PatchCommand, PatchItem, ReportCommand, SessionCommand, logs_command::QueryDirection,
    },
};

/// A number that no family and no verb has.
const NO_SUCH_NUMBER: i32 = -1;

pub(crate) fn write_request(request: &Request) -> GenericCommand {
    let mut wire = command(&request.command);
    wire.app_id.clone_from(&request.app);
    wire.peer_id.clone_from(&request.peer);
    wire.i = request.serial;
    wire
}

fn command(command: &Command) -> GenericCommand {
    use OpType::{
        Add, Close, Count, IsMember, MaxRead, Members, Mute, Open, Query, Refresh, Remove, Start, Update,
    };
    match command {
        Command::Heartbeat | Command::Echo => family(CommandType::Echo),
        Command::Login { service } => GenericCommand { service: *service, ..family(CommandType::Login) },
        Command::Open(open) => session(Open, open_fields(open)),
        Command::Refresh { token } => {
            session(Refresh, SessionCommand { st: token.clone(), ..SessionCommand::default() })
        }
        Command::Close => session(Close, SessionCommand::default()),
        Command::QueryOnline { clients } => {
            session(Query, SessionCommand { session_peer_ids: clients.clone(), ..SessionCommand::default() })
        }
        Command::UploadToken => GenericCommand {
            op: Some(OpType::Upload.into()),
            report_message: Some(ReportCommand {
                initiative: Some(true),
                r#type: Some("token".to_owned()),
                data: None,
            }),
            ..family(CommandType::Report)
        },
        Command::Start(start) => conversation(Start, start_fields(start)),
        Command::Join { room, members, signature } => {
            conversation(Add, member_fields(room, members, signature.as_ref()))
        }
        Command::Quit { room, members, signature } => {
            conversation(Remove, member_fields(room, members, signature.as_ref()))
        }
        Command::Query(query) => conversation(Query, query_fields(query)),
        Command::Count { room } => conversation(Count, room_only(room)),
        Command::Members { room, limit } => {
            conversation(Members, ConvCommand { limit: *limit, ..room_only(room) })
        }
        Command::IsMember { rooms } => {
            let cids = rooms.iter().map(RoomId::to_string).collect();
            conversation(IsMember, ConvCommand { cids, ..ConvCommand::default() })
        }
        Command::Update { room, attributes } => {
            conversation(Update, ConvCommand { attr: json_text(attributes), ..room_only(room) })
        }
        Command::Mute { room } => conversation(Mute, room_only(room)),
        Command::MaxRead { room } => conversation(MaxRead, room_only(room)),
        Command::Moderate(moderate) => moderation::write_command(moderate),
        Command::SetRole { room, client, role } => {
            let info = ConvMemberInfo { pid: Some(client.clone()), role: Some(role.clone()), info_id: None };
            let target_client_id = Some(client.clone());
            let fields = ConvCommand { target_client_id, info: Some(info), ..room_only(room) };
            conversation(OpType::MemberInfoUpdate, fields)
        }
        Command::Send(send) => GenericCommand {
            priority: send.level.map(crate::Level::to_wire),
            direct_message: Some(send_fields(send)),
            ..family(CommandType::Direct)
        },
        Command::Modify { patches } => patch(OpType::Modify, patches),
        Command::PatchAck => patch(OpType::Modified, &[]),
        Command::History(history) => {
            GenericCommand { logs_message: Some(history_fields(history)), ..family(CommandType::Logs) }
        }
        Command::DeliveryAck => {
            GenericCommand { ack_message: Some(AckCommand::default()), ..family(CommandType::Ack) }
        }
        Command::Read => family(CommandType::Read),
        Command::Unsupported { family, verb } => unsupported(family, verb.as_deref()),
    }
}

fn family(family: CommandType) -> GenericCommand {
    GenericCommand { cmd: Some(family.into()), ..GenericCommand::default() }
}

fn session(verb: OpType, fields: SessionCommand) -> GenericCommand {
    GenericCommand { op: Some(verb.into()), session_message: Some(fields), ..family(CommandType::Session) }
}

fn conversation(verb: OpType, fields: ConvCommand) -> GenericCommand {
    GenericCommand { op: Some(verb.into()), conv_message: Some(fields), ..family(CommandType::Conv) }
}

fn patch(verb: OpType, patches: &[PatchRequest]) -> GenericCommand {
    let fields = PatchCommand { patches: patches.iter().map(patch_item).collect(), last_patch_time: None };
    GenericCommand { op: Some(verb.into()), patch_message: Some(fields), ..family(CommandType::Patch) }
}

fn unsupported(family: &str, verb: Option<&str>) -> GenericCommand {
    let cmd = CommandType::from_str_name(family).map(Into::into).or_else(|| family.parse().ok());
    let op = verb.map(|verb| OpType::from_str_name(verb).map(Into::into).or_else(|| verb.parse().ok()));
    GenericCommand {
        cmd: Some(cmd.unwrap_or(NO_SUCH_NUMBER)),
        op: op.map(|op| op.unwrap_or(NO_SUCH_NUMBER)),
        ..GenericCommand::default()
    }
}

fn open_fields(open: &Open) -> SessionCommand {
    let (s, t, n) = signature_fields(open.signature.as_ref());
    SessionCommand {
        ua: open.user_agent.clone(),
        r: set(open.reopen),
        tag: open.tag.clone(),
        device_id: open.device_id.clone(),
        device_token: open.device_token.clone(),
        st: open.token.clone(),
        config_bitmap: open.config,
        last_patch_time: open.last_patch,
        s,
        t,
        n,
        ..SessionCommand::default()
    }
}

pub(super) fn signature_fields(
    signature: Option<&Signature>,
) -> (Option<String>, Option<i64>, Option<String>) {
    match signature {
        Some(Signature { signature, timestamp, nonce }) => {
            (Some(signature.clone()), Some(*timestamp), Some(nonce.clone()))
        }
        None => (None, None, None),
    }
}

fn room_only(room: &RoomId) -> ConvCommand {
    ConvCommand { cid: Some(room.to_string()), ..ConvCommand::default() }
}

fn member_fields(room: &RoomId, members: &[String], signature: Option<&Signature>) -> ConvCommand {
    let (s, t, n) = signature_fields(signature);
    ConvCommand { m: members.to_vec(), s, t, n, ..room_only(room) }
}

fn start_fields(start: &StartConversation) -> ConvCommand {
    let (s, t, n) = signature_fields(start.signature.as_ref());
    ConvCommand {
        m: start.members.clone(),
        transient: set(start.transient),
        unique: set(start.unique),
        temp_conv: set(start.temporary),
        attr: start.attributes.as_deref().and_then(json_text),
        s,
        t,
        n,
        ..ConvCommand::default()
    }
}

fn query_fields(query: &ConversationQuery) -> ConvCommand {
    ConvCommand {
        r#where: query.filter.as_deref().and_then(json_text),
        sort: query.sort.clone(),
        limit: query.limit,
        skip: query.skip,
        flag: query.flag,
        temp_conv_ids: query.temporary_ids.clone(),
        count: query.count.then_some(1),
        ..ConvCommand::default()
    }
}

fn send_fields(send: &Send) -> DirectCommand {
    let (msg, binary_msg) = body_fields(&send.body);
    DirectCommand {
        cid: Some(send.room.to_string()),
        msg,
        binary_msg,
        transient: set(send.transient),
        will: set(send.will),
        dt: send.dedupe.clone(),
        push_data: send.push_data.clone(),
        mention_all: set(send.mentions.all),
        mention_pids: send.mentions.clients.clone(),
        ..DirectCommand::default()
    }
}

fn history_fields(history: &HistoryRequest) -> LogsCommand {
    let (t, mid, t_included) = bound_fields(&history.start);
    let (tt, tmid, tt_included) = bound_fields(&history.end);
    LogsCommand {
        cid: Some(history.room.to_string()),
        limit: history.limit,
        t,
        mid,
        t_included,
        tt,
        tmid,
        tt_included,
        direction: match history.direction {
            Direction::Old => None,
            Direction::New => Some(QueryDirection::New.into()),
        },
        lctype: history.lctype,
        ..LogsCommand::default()
    }
}

fn bound_fields(bound: &Bound) -> (Option<i64>, Option<String>, Option<bool>) {
    (bound.timestamp, bound.message.as_ref().map(ToString::to_string), set(bound.included))
}

fn patch_item(patch: &PatchRequest) -> PatchItem {
    let (data, binary_msg) = patch.body.as_ref().map(patch_body_fields).unwrap_or_default();
    PatchItem {
        cid: Some(patch.room.to_string()),
        mid: Some(patch.message.to_string()),
        timestamp: Some(patch.timestamp),
        recall: set(patch.recall),
        data,
        binary_msg,
        mention_all: set(patch.mentions.all),
        mention_pids: patch.mentions.clients.clone(),
        ..PatchItem::default()
    }
}
