//! Error codes of the protocol: one table for numbers and symbolic names.

use std::fmt;

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $number:literal $name:literal;)*) => {
        /// An error code with its symbolic name, which is also the `reason` on the wire (protocol 9.1).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Code { $($(#[$doc])* $variant,)* }

        impl Code {
            /// The number on the wire.
            #[must_use]
            pub fn number(self) -> i32 {
                match self { $(Self::$variant => $number,)* }
            }

            /// The symbolic name that SDKs show and compare, e.g. `INVALID_MESSAGING_TARGET`.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The code behind a wire number, if this protocol knows it.
            #[must_use]
            pub fn from_number(number: i32) -> Option<Self> {
                match number { $($number => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

codes! {
    /// App unknown or disabled (close code; fatal for the JavaScript SDK).
    AppNotAvailable = 4100 "APP_NOT_AVAILABLE";
    /// Login signature wrong or missing.
    SignatureFailed = 4102 "SIGNATURE_FAILED";
    /// Client id empty or too long.
    InvalidLogin = 4103 "INVALID_LOGIN";
    /// A command came before a session was opened.
    SessionRequired = 4105 "SESSION_REQUIRED";
    /// The user is banned from the app.
    Blacklisted = 4106 "BLACKLISTED";
    /// Nothing was received for too long (close code).
    ReadTimeout = 4107 "READ_TIMEOUT";
    /// No command at all after connecting (close code).
    LoginTimeout = 4108 "LOGIN_TIMEOUT";
    /// Message over 5 KB (answer) or frame over 64 KiB (close code).
    FrameTooLong = 4109 "FRAME_TOO_LONG";
    /// Web origin not allowed for the app (close code; fatal for the JavaScript SDK).
    InvalidOrigin = 4110 "INVALID_ORIGIN";
    /// The same client id and tag is open on another device.
    SessionConflict = 4111 "SESSION_CONFLICT";
    /// Session token expired, revoked or forged.
    SessionTokenExpired = 4112 "SESSION_TOKEN_EXPIRED";
    /// Too many users.
    AppQuotaExceeded = 4113 "APP_QUOTA_EXCEEDED";
    /// A frame that is no command (close code).
    UnparseableRawMessage = 4114 "UNPARSEABLE_RAW_MESSAGE";
    /// Kicked by the app's back end.
    KickedByApp = 4115 "KICKED_BY_APP";
    /// Too fast: a client limit is exceeded.
    MessageSentQuotaExceeded = 4116 "MESSAGE_SENT_QUOTA_EXCEEDED";
    /// The server failed; the log knows more.
    InternalError = 4200 "INTERNAL_ERROR";
    /// A conversation operation failed inside the server, or is unknown.
    ConversationInternalError = 4300 "CONVERSATION_INTERNAL_ERROR";
    /// Signature of a conversation operation wrong or missing.
    ConversationSignatureFailed = 4302 "CONVERSATION_SIGNATURE_FAILED";
    /// No such room.
    ConversationNotFound = 4303 "CONVERSATION_NOT_FOUND";
    /// The room is full.
    ConversationFull = 4304 "CONVERSATION_FULL";
    /// A hook refused the operation.
    ConversationRejectedByApp = 4305 "CONVERSATION_REJECTED_BY_APP";
    /// The update is not allowed or malformed.
    ConversationUpdateFailed = 4306 "CONVERSATION_UPDATE_FAILED";
    /// The room is read-only.
    ConversationReadOnly = 4307 "CONVERSATION_READ_ONLY";
    /// The client may not send here.
    ConversationNotAllowed = 4308 "CONVERSATION_NOT_ALLOWED";
    /// Only members may update.
    ConversationUpdateRejected = 4309 "CONVERSATION_UPDATE_REJECTED";
    /// The query is malformed, too expensive, or uses an operator that is not supported.
    ConversationQueryFailed = 4310 "CONVERSATION_QUERY_FAILED";
    /// History could not be read.
    ConversationLogFailed = 4311 "CONVERSATION_LOG_FAILED";
    /// The client may not read history here.
    ConversationLogRejected = 4312 "CONVERSATION_LOG_REJECTED";
    /// Only system conversations can do this.
    SystemConversationRequired = 4313 "SYSTEM_CONVERSATION_REQUIRED";
    /// Only ordinary conversations can do this.
    NormalConversationRequired = 4314 "NORMAL_CONVERSATION_REQUIRED";
    /// Silenced for a time.
    ConversationTemporaryBlacklisted = 4315 "CONVERSATION_TEMPORARY_BLACKLISTED";
    /// Only chat rooms can do this.
    TransientConversationRequired = 4316 "TRANSIENT_CONVERSATION_REQUIRED";
    /// Only members can do this.
    ConversationMembershipRequired = 4317 "CONVERSATION_MEMBERSHIP_REQUIRED";
    /// Role too low.
    ConversationOperationUnauthorized = 4320 "CONVERSATION_OPERATION_UNAUTHORIZED";
    /// There is no such role.
    UnknownConversationRole = 4321 "UNKNOWN_CONVERSATION_ROLE";
    /// As many as may have this role have it.
    ConversationMemberInRoleFull = 4322 "CONVERSATION_MEMBER_IN_ROLE_FULL";
    /// The room would be without an owner.
    ConversationNeedOwner = 4324 "CONVERSATION_NEED_OWNER";
    /// Roles, or silence, are switched off.
    ConversationMemberInfoFeatureDisabled = 4325 "CONVERSATION_MEMBER_INFO_FEATURE_DISABLED";
    /// No such room to send to, or not a member.
    InvalidMessagingTarget = 4401 "INVALID_MESSAGING_TARGET";
    /// A hook refused the message.
    MessageRejectedByApp = 4402 "MESSAGE_REJECTED_BY_APP";
    /// Only the author may edit or recall.
    MessageOwnershipRequired = 4403 "MESSAGE_OWNERSHIP_REQUIRED";
    /// No such message.
    MessageNotFound = 4404 "MESSAGE_NOT_FOUND";
    /// A hook refused the edit.
    MessageUpdateRejectedByApp = 4405 "MESSAGE_UPDATE_REJECTED_BY_APP";
    /// Editing is switched off.
    MessageEditDisabled = 4406 "MESSAGE_EDIT_DISABLED";
    /// Recalling is switched off.
    MessageRecallDisabled = 4407 "MESSAGE_RECALL_DISABLED";
    /// The word filter changed it; stands in patches, as a negative number.
    MessageModifiedByCensorship = 4408 "MESSAGE_MODIFIED_BY_CENSORSHIP";
    /// As many are blocked as may be.
    BlacklistFull = 4543 "BLACKLIST_FULL";
    /// Blocks are switched off.
    BlacklistFeatureDisabled = 4544 "BLACKLIST_FEATURE_DISABLED";
    /// Signature of a block wrong or missing.
    BlacklistSignatureFailed = 4546 "BLACKLIST_SIGNATURE_FAILED";
    /// Blocked by the room.
    BlockedByConv = 4548 "BLOCKED_BY_CONV";
    /// As many are silenced as may be (LeanCloud spells it so).
    SilencedMemberListFull = 4561 "SILIENCED_MEMBER_LIST_FULL";
    /// Silenced by the room (LeanCloud spells it so).
    Silenced = 4563 "SILIENCED";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.number(), self.name())
    }
}

/// A refusal on its way to the client: a code, and words for the developer who reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Number on the wire. A number rather than a [`Code`]: clients meet codes of newer servers.
    pub code: i32,
    /// Symbolic name; never empty, because `ErrorCommand.reason` is required.
    pub reason: String,
    /// What was wrong and what to do, in a sentence.
    pub detail: Option<String>,
    /// Code chosen by an application hook.
    pub app_code: Option<i32>,
    /// Text chosen by an application hook.
    pub app_message: Option<String>,
}

impl Fault {
    /// The fault with a sentence that says what was wrong and what to do.
    #[must_use]
    pub fn because(code: Code, detail: impl Into<String>) -> Self {
        Self { detail: Some(detail.into()), ..Self::from(code) }
    }

    /// Whether this is the given code.
    #[must_use]
    pub fn is(&self, code: Code) -> bool {
        self.code == code.number()
    }
}

impl From<Code> for Fault {
    fn from(code: Code) -> Self {
        Self {
            code: code.number(),
            reason: code.name().to_owned(),
            detail: None,
            app_code: None,
            app_message: None,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.reason)?;
        self.detail.as_ref().map_or(Ok(()), |detail| write!(f, ": {detail}"))
    }
}

impl std::error::Error for Fault {}
