//! Rust client for Grandstand: open a session, join a chat room, send, receive, read history, come back after a drop.
//!
//! ```no_run
//! use grandstand_client::{Client, Event, HistoryQuery, Outgoing};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let (client, mut events) = Client::builder("http://127.0.0.1:8080", "app-id", "ann").open().await?;
//! let room = client.create_room("Final", serde_json::Map::new()).await?;
//! client.send(&room, Outgoing::text("hello")).await?;
//! while let Some(event) = events.next().await {
//!     if let Event::Message(message) = event {
//!         println!("{}: {:?}", message.from, message.body);
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # How it behaves
//!
//! - **One session on one connection.** [`Client`] is the handle, cheap to clone; an actor behind it owns the socket
//!   and ends when the last handle is dropped. Dropping is a drop of the line to the server: it keeps the room for
//!   30 minutes and sends held wills. [`Client::close`] is the ordered end.
//! - **Reconnecting.** After a drop the actor comes back by itself, with growing, jittered pauses, and resumes the
//!   session by its token; the server puts it back into its room if it was away for less than 30 minutes and
//!   delivers the stored HIGH messages of the gap. [`Event::Connected`] says how long it was away.
//! - **Requests survive a reconnect** where asking twice does no harm; a message carries a dedupe token, so that a
//!   resend is the same message. What may not be repeated fails with [`RequestError::ConnectionLost`].
//! - **Bounded queues.** At most 256 calls wait for the actor and 64 for the server; beyond that the caller waits,
//!   within the request's timeout. When the application does not take its [`Events`], the client stops reading from
//!   the socket, as [`ClientBuilder::event_queue`] explains; nothing is dropped on this side.
//! - **Duplicates.** Stored HIGH messages arrive at least once; the last 1,024 messages are remembered, and a
//!   message that comes again unchanged is dropped here.
#![deny(missing_docs)]

mod actor;
mod address;
mod backoff;
mod builder;
mod client;
mod dial;
mod discovery;
mod error;
mod event;
mod history;
mod link;
mod outgoing;
mod recent;
mod room;
mod session;

pub use builder::ClientBuilder;
pub use client::Client;
pub use dial::{BoxedStream, Dial};
pub use error::{BuildError, CloseReason, Lost, OpenError, RequestError};
pub use event::{Event, Events, RoomUpdate};
pub use grandstand_protocol::{
    Body, Bound, ClientId, Code, Direction, Fault, Format, HistoryItem, Level, Mentions, MessageId, Patch,
    Push, RoomId,
};
pub use history::HistoryQuery;
pub use outgoing::{MessageRef, Outgoing, text_of};
pub use room::{RoomInfo, RoomQuery};
