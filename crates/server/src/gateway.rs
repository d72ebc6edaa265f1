//! From accepted socket to commands: listener, handshake, frames, connection, outbox.

pub mod admission;
pub mod close;
pub mod connection;
pub mod frames;
mod framing;
pub mod handshake;
pub mod head;
pub mod listener;
pub mod outbox;
pub mod proxy;
pub mod receipts;
pub mod tls;
pub mod transport;
