//! Ids as types of their own: app, client, room and message.

use std::{fmt, sync::Arc};

use crate::limits;

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The id as text, as it stands on the wire.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({:?})", stringify!($name), &self.0)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

macro_rules! any_text {
    ($name:ident) => {
        impl $name {
            /// Takes any text: look-ups decide whether it names something.
            #[must_use]
            pub fn new(text: impl Into<Arc<str>>) -> Self {
                Self(text.into())
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self::new(text)
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self::new(text)
            }
        }
    };
}

text_id! {
    /// An application: the tenant that everything else belongs to.
    AppId
}
any_text!(AppId);

text_id! {
    /// A user of an app, as the app names them: 1 to 64 characters, any characters.
    ClientId
}

text_id! {
    /// A chat room. Rooms made here have 24 hexadecimal digits; imported ones keep what they had.
    RoomId
}
any_text!(RoomId);

text_id! {
    /// A message, unique in its app. Messages accepted here have 22 characters of URL-safe Base64 (16 bytes).
    MessageId
}
any_text!(MessageId);

/// The text is empty or longer than [`limits::CLIENT_ID_CHARS`]; answered with 4103.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a client id has 1 to {} characters", limits::CLIENT_ID_CHARS)]
pub struct InvalidClientId;

impl ClientId {
    /// Checks the length only: ids of storage users start with a digit although the guides forbid it.
    ///
    /// # Errors
    /// [`InvalidClientId`] when `text` has no character or more than 64.
    pub fn new(text: &str) -> Result<Self, InvalidClientId> {
        match text.chars().take(limits::CLIENT_ID_CHARS + 1).count() {
            0 => Err(InvalidClientId),
            n if n > limits::CLIENT_ID_CHARS => Err(InvalidClientId),
            _ => Ok(Self(text.into())),
        }
    }
}
