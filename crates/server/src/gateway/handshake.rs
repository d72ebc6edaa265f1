//! The upgrade from HTTP to WebSocket: what is checked, what is answered, what is handed on.

use std::net::IpAddr;

use bytes::Bytes;
use grandstand_protocol::Subprotocol;

use super::transport::Transport;

/// A connection that speaks WebSocket now.
#[derive(Debug)]
pub struct Upgraded {
    pub transport: Transport,
    /// Bytes that came behind the request head: frames already.
    pub read_ahead: Bytes,
    /// `None`: the first frame decides.
    pub subprotocol: Option<Subprotocol>,
    pub origin: Option<String>,
    /// The client's address, as told by a trusted proxy if there is one.
    pub address: IpAddr,
}
