//! Refusals in words: each says what was wrong and what to do.

use std::time::Duration;

use grandstand_protocol::{Code, Fault, RoomId};
use grandstand_room::{attributes::UpdateError, clock::Millis, query::QueryError};
use tracing::error;

use crate::store::{AppendError, ChangeError, ModifyError, StoreError};

/// What a client is told when the store failed.
pub(crate) const TRY_AGAIN: &str = "the server could not do this now; try again";

/// What a client is told when a hook failed, and its operation may not go on without it.
pub(crate) const HOOK_FAILED: &str = "the app's own server did not answer; try again";

/// Whether the server or a hook failed, and not the request.
pub(crate) fn is_passing(fault: &Fault) -> bool {
    matches!(fault.detail.as_deref(), Some(TRY_AGAIN | HOOK_FAILED))
}

/// Makes faults; a namespace, so that every refusal reads `Refused::…`.
pub(crate) struct Refused;

impl Refused {
    pub(crate) fn no_session() -> Fault {
        Fault::because(
            Code::SessionRequired,
            "no session of this client id is open on this socket; open one first",
        )
    }

    pub(crate) fn too_fast(wait: Duration, now: Millis) -> Fault {
        let seconds = whole_seconds(wait);
        not_before(wait, now, format!("too fast; try again in {seconds} s"))
    }

    pub(crate) fn slow_mode(interval: u32, wait: Duration, now: Millis) -> Fault {
        let seconds = whole_seconds(wait);
        let detail = format!(
            "this room is in slow mode, one message every {interval} s; send the next one in {seconds} s"
        );
        not_before(wait, now, detail)
    }

    pub(crate) fn unsupported(family: &str, verb: Option<&str>) -> Fault {
        let command = verb.map_or_else(|| family.to_owned(), |verb| format!("{family}/{verb}"));
        let detail = format!("chat rooms have no command {command}");
        Fault::because(Code::ConversationInternalError, detail)
    }

    pub(crate) fn no_room(room: &RoomId) -> Fault {
        if room.as_str().starts_with("_tmp:") {
            return Self::only_rooms();
        }
        Fault::because(
            Code::ConversationNotFound,
            format!("there is no room {}; create it, or query its id", excerpt(room.as_str())),
        )
    }

    pub(crate) fn no_target(room: &RoomId) -> Fault {
        let detail = format!("there is no room {} to send to", excerpt(room.as_str()));
        Fault::because(Code::InvalidMessagingTarget, detail)
    }

    pub(crate) fn only_rooms() -> Fault {
        let detail = "this server has chat rooms only; create the conversation as a chat room (transient)";
        Fault::because(Code::TransientConversationRequired, detail)
    }

    /// Something that would be no room.
    pub(crate) fn not_a_room(detail: impl Into<String>) -> Fault {
        Fault::because(Code::TransientConversationRequired, detail)
    }

    pub(crate) fn others() -> Fault {
        let detail = "in a chat room everybody joins and quits for themselves";
        Fault::because(Code::NormalConversationRequired, detail)
    }

    /// The store's failure goes to the log; the client learns only that it may try again.
    pub(crate) fn store(code: Code, cause: &StoreError) -> Fault {
        if matches!(cause, StoreError::TooCostly) {
            let detail =
                "the query would look at too many rooms; narrow it by objectId, name, createdAt or updatedAt";
            return Fault::because(Code::ConversationQueryFailed, detail);
        }
        error!(%cause, "the store failed");
        Fault::because(code, TRY_AGAIN)
    }

    pub(crate) fn append(room: &RoomId, cause: &AppendError) -> Fault {
        match cause {
            AppendError::NoRoom => Self::no_target(room),
            AppendError::Store(cause) => Self::store(Code::InternalError, cause),
        }
    }

    pub(crate) fn claim(room: &RoomId, cause: &AppendError) -> Fault {
        match cause {
            AppendError::NoRoom => Self::no_room(room),
            AppendError::Store(cause) => Self::store(Code::ConversationInternalError, cause),
        }
    }

    pub(crate) fn modify(cause: &ModifyError) -> Fault {
        match cause {
            ModifyError::NotFound => {
                Fault::because(Code::MessageNotFound, "there is no such message in this room")
            }
            ModifyError::NotAuthor => {
                Fault::because(Code::MessageOwnershipRequired, "only the author may edit or recall a message")
            }
            ModifyError::Store(cause) => Self::store(Code::InternalError, cause),
        }
    }

    pub(crate) fn change(room: &RoomId, cause: &ChangeError) -> Fault {
        match cause {
            ChangeError::NoRoom => Self::no_room(room),
            ChangeError::Update(cause) => Self::update(cause),
            ChangeError::Store(cause) => Self::store(Code::ConversationInternalError, cause),
        }
    }

    pub(crate) fn update(cause: &UpdateError) -> Fault {
        Fault::because(Code::ConversationUpdateFailed, cause.to_string())
    }

    pub(crate) fn query(cause: &QueryError) -> Fault {
        Fault::because(Code::ConversationQueryFailed, cause.to_string())
    }
}

/// 4116 with the time to wait. An `ack` has no field for words, and not every SDK shows all that it has: JavaScript and
/// Java hand `appCode` to the app, here the seconds to wait, Swift and Objective-C also `appMsg`, the time from which on
/// it is allowed.
fn not_before(wait: Duration, now: Millis, detail: String) -> Fault {
    let milliseconds = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
    Fault {
        app_code: Some(whole_seconds(wait)),
        app_message: Some(now.plus(milliseconds).to_iso()),
        ..Fault::because(Code::MessageSentQuotaExceeded, detail)
    }
}

/// Rounded up: after so many seconds it is allowed.
fn whole_seconds(wait: Duration) -> i32 {
    i32::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(i32::MAX)
}

/// A client's own words: enough to recognize them, however long they are.
fn excerpt(text: &str) -> String {
    text.chars().take(60).collect()
}
