//! What an operator chose for the hooks of an app.

use std::time::Duration;

use reqwest::Url;

use super::name::Hook;
use crate::apps::Secret;

/// Where an app's hooks go, and what the server puts up with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookSettings {
    pub target: Target,
    /// For connecting.
    pub connect_timeout: Duration,
    /// For a whole call, the wait for a place among `concurrency` included.
    pub timeout: Duration,
    /// Calls under way at one time that somebody waits for.
    pub concurrency: usize,
    /// Calls that nobody waits for: how many may wait, and how many are under way at one time.
    pub queue: usize,
    pub workers: usize,
    /// After so many failures in a row the target is left alone for a while.
    pub breaker_failures: u32,
    pub breaker_pause: Duration,
    /// Between two looks at which functions an engine has.
    pub discovery: Duration,
    pub on_failure: OnFailure,
}

impl HookSettings {
    /// How long one question takes at most. Where there is no such function, the engine may be asked once which it has.
    pub(crate) fn longest(&self) -> Duration {
        self.timeout * 2
    }
}

/// Who answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A cloud engine: one function for each hook.
    Engine { url: Url, hook_key: Secret },
    /// One address for all events, which are signed.
    Webhook { url: Url, secret: Secret, events: Vec<Hook> },
}

/// What happens when a hook that is waited for fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OnFailure {
    pub message_received: Policy,
    pub message_update: Policy,
    pub conversation_start: Policy,
    pub conversation_add: Policy,
    pub conversation_remove: Policy,
    pub conversation_update: Policy,
    pub client_sign: Policy,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    /// Goes on as if the hook had said nothing.
    Allow,
    /// The client gets an error and may try again.
    Refuse,
}

impl OnFailure {
    /// For hooks that nobody waits for, `Allow`.
    pub(super) fn of(self, hook: Hook) -> Policy {
        match hook {
            Hook::MessageReceived => self.message_received,
            Hook::MessageUpdate => self.message_update,
            Hook::ConversationStart => self.conversation_start,
            Hook::ConversationAdd => self.conversation_add,
            Hook::ConversationRemove => self.conversation_remove,
            Hook::ConversationUpdate => self.conversation_update,
            Hook::ClientSign => self.client_sign,
            Hook::MessageSent
            | Hook::ConversationStarted
            | Hook::ConversationAdded
            | Hook::ConversationRemoved
            | Hook::ClientOnline
            | Hook::ClientOffline => Policy::Allow,
        }
    }
}

impl Default for OnFailure {
    /// As LeanCloud: a hook that fails stops nobody. Who somebody is, is another matter.
    fn default() -> Self {
        Self {
            message_received: Policy::Allow,
            message_update: Policy::Allow,
            conversation_start: Policy::Allow,
            conversation_add: Policy::Allow,
            conversation_remove: Policy::Allow,
            conversation_update: Policy::Allow,
            client_sign: Policy::Refuse,
        }
    }
}
