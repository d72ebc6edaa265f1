//! Refusals in words: each says what was wrong and what to do.

use std::time::Duration;

use grandstand_protocol::{Code, Fault, RoomId};
use grandstand_room::{attributes::UpdateError, query::QueryError};
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

    pub(crate) fn too_fast(wait: Duration) -> Fault {
        let seconds = wait.as_secs() + 1;
        Fault::because(Code::MessageSentQuotaExceeded, format!("too fast; try again in {seconds} s"))
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

/// A client's own words: enough to recognize them, however long they are.
fn excerpt(text: &str) -> String {
    text.chars().take(60).collect()
}
