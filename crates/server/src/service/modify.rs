//! `patch/modify`: edit and recall.

use grandstand_protocol::{Code, Event, Fault, Level, PatchRequest, Request};
use grandstand_room::content::lctype;

use super::{
    message::{mentions, within_size},
    refusal::Refused,
    socket::Socket,
    within_rates,
};
use crate::{
    cluster::{Except, News, RoomNews},
    store::Edit,
};

/// Carries out the patches of one command; the first that fails ends it. What was changed before stays, and is told.
pub(super) async fn modify(
    socket: &Socket,
    at: usize,
    request: &Request,
    patches: &[PatchRequest],
) -> Result<(), Fault> {
    let node = socket.node();
    let session = socket.session(at);
    let mut news = Vec::with_capacity(patches.len());
    let mut last = None;
    let mut failed = None;
    for (index, patch) in patches.iter().enumerate() {
        // The first was counted with the command. SDKs put one into each.
        let counted = if index == 0 { Ok(()) } else { within_rates(socket, at, &request.command) };
        let edit = match counted.and_then(|()| edit(socket, patch)) {
            Ok(edit) => edit,
            Err(fault) => {
                failed = Some(fault);
                break;
            }
        };
        let author = &session.identity.client;
        let now = node.clock.wall();
        match node.store.modify(&session.app, &patch.room, &patch.message, author, edit, now).await {
            Ok(patched) => {
                node.gaps.changed(&session.app, &patch.room);
                last = last.max(patched.message.patched_at);
                news.push(RoomNews {
                    app: session.app.clone(),
                    room: patch.room.clone(),
                    event: patched.message.into_patch(&patch.room),
                    level: Level::High,
                    number: None,
                    except: Except::Session(session.identity.session),
                });
            }
            Err(cause) => {
                failed = Some(Refused::modify(&cause));
                break;
            }
        }
    }
    match (failed, last) {
        (Some(fault), _) => socket.refuse(request, fault),
        (None, Some(time)) => socket.reply(request, at, Event::Modified { time: time.0 }),
        (None, None) => return Err(Fault::because(Code::MessageNotFound, "the command names no message")),
    }
    for item in news {
        node.bus.publish(News::Room(item)).await;
    }
    Ok(())
}

fn edit(socket: &Socket, patch: &PatchRequest) -> Result<Edit, Fault> {
    let switches = socket.switches()?;
    if patch.recall {
        return match switches.recall {
            true => Ok(Edit::Recall),
            false => {
                Err(Fault::because(Code::MessageRecallDisabled, "this app does not let messages be recalled"))
            }
        };
    }
    if !switches.edit {
        return Err(Fault::because(Code::MessageEditDisabled, "this app does not let messages be edited"));
    }
    let Some(body) = patch.body.clone() else {
        return Err(Fault::because(Code::MessageNotFound, "the edit carries no new content"));
    };
    let mentions = mentions(&patch.mentions);
    within_size(socket, &body, &mentions, 0)?;
    Ok(Edit::Replace { lctype: lctype(&body), body, mentions })
}
