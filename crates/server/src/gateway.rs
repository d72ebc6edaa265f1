//! The edge: from accepted sockets to commands, and from frames to sockets.

pub mod admission;
pub mod handshake;
pub mod transport;
