//! The hooks: what an app's back end is asked, and what it is told.

/// One hook. Those that wait can change or refuse what is about to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Hook {
    MessageReceived,
    MessageSent,
    MessageUpdate,
    ConversationStart,
    ConversationStarted,
    ConversationAdd,
    ConversationAdded,
    ConversationRemove,
    ConversationRemoved,
    ConversationUpdate,
    ClientOnline,
    ClientOffline,
    ClientSign,
}

impl Hook {
    pub const ALL: [Self; 13] = [
        Self::MessageReceived,
        Self::MessageSent,
        Self::MessageUpdate,
        Self::ConversationStart,
        Self::ConversationStarted,
        Self::ConversationAdd,
        Self::ConversationAdded,
        Self::ConversationRemove,
        Self::ConversationRemoved,
        Self::ConversationUpdate,
        Self::ClientOnline,
        Self::ClientOffline,
        Self::ClientSign,
    ];

    /// The engine's function (protocol.md 8.2).
    #[must_use]
    pub fn function(self) -> &'static str {
        match self {
            Self::MessageReceived => "_messageReceived",
            Self::MessageSent => "_messageSent",
            Self::MessageUpdate => "_messageUpdate",
            Self::ConversationStart => "_conversationStart",
            Self::ConversationStarted => "_conversationStarted",
            Self::ConversationAdd => "_conversationAdd",
            Self::ConversationAdded => "_conversationAdded",
            Self::ConversationRemove => "_conversationRemove",
            Self::ConversationRemoved => "_conversationRemoved",
            Self::ConversationUpdate => "_conversationUpdate",
            Self::ClientOnline => "_clientOnline",
            Self::ClientOffline => "_clientOffline",
            Self::ClientSign => "_rtmClientSign",
        }
    }

    /// What a webhook calls it.
    #[must_use]
    pub fn event(self) -> &'static str {
        match self {
            Self::ClientSign => "clientSign",
            other => &other.function()[1..],
        }
    }

    /// The hook behind a webhook's name.
    #[must_use]
    pub fn from_event(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|hook| hook.event() == name)
    }

    /// Its place in a set of bits.
    pub(super) fn bit(self) -> u32 {
        1 << self as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_functions_without_their_line() {
        for hook in Hook::ALL {
            assert_eq!(Hook::from_event(hook.event()), Some(hook));
            assert!(hook.function().starts_with('_'));
        }
        assert_eq!(Hook::MessageReceived.event(), "messageReceived");
        assert_eq!(Hook::ClientSign.event(), "clientSign");
        assert_eq!(Hook::from_event("receiversOffline"), None);
    }

    #[test]
    fn every_hook_has_a_bit_of_its_own() {
        let all = Hook::ALL.into_iter().fold(0, |bits, hook| bits | hook.bit());
        assert_eq!(all.count_ones() as usize, Hook::ALL.len());
    }
}
