//! Why the server closes a socket: WebSocket close codes, as one table.

use bytes::Bytes;
use tungstenite::protocol::frame::coding::{Control, OpCode};

use super::frames;

/// A close code and its reason text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Close {
    pub code: u16,
    pub reason: &'static str,
}

impl Close {
    pub const NORMAL: Self = Self { code: 1000, reason: "" };
    /// Unmasked frames, reserved bits, bad opcodes, bad close codes.
    pub const PROTOCOL: Self = Self { code: 1002, reason: "PROTOCOL_ERROR" };
    pub const NOT_UTF8: Self = Self { code: 1007, reason: "NOT_UTF8" };
    /// The server stops, or the client fell too far behind on HIGH messages: come back. No SDK takes it as final.
    pub const COME_BACK: Self = Self { code: 1001, reason: "COME_BACK" };
    /// Frame over the limit, or too many fragments.
    pub const TOO_LONG: Self = Self { code: 4109, reason: "FRAME_TOO_LONG" };
    /// Nothing received for long, or a message that does not end.
    pub const READ_TIMEOUT: Self = Self { code: 4107, reason: "READ_TIMEOUT" };
    /// No command after connecting.
    pub const LOGIN_TIMEOUT: Self = Self { code: 4108, reason: "LOGIN_TIMEOUT" };
    pub const UNPARSEABLE: Self = Self { code: 4114, reason: "UNPARSEABLE_RAW_MESSAGE" };
    pub const INVALID_ORIGIN: Self = Self { code: 4110, reason: "INVALID_ORIGIN" };
    pub const APP_NOT_AVAILABLE: Self = Self { code: 4100, reason: "APP_NOT_AVAILABLE" };

    /// The frame that says so.
    pub fn frame(self) -> Bytes {
        frames::frame(OpCode::Control(Control::Close), &[&self.code.to_be_bytes(), self.reason.as_bytes()])
    }
}

#[cfg(test)]
mod tests {
    use grandstand_protocol::Code;

    use super::*;

    #[test]
    fn protocol_codes_carry_the_names_of_the_code_table() {
        let own = [Close::TOO_LONG, Close::READ_TIMEOUT, Close::LOGIN_TIMEOUT, Close::UNPARSEABLE];
        for close in own.into_iter().chain([Close::INVALID_ORIGIN, Close::APP_NOT_AVAILABLE]) {
            let code = Code::from_number(i32::from(close.code));
            assert_eq!(code.map(Code::name), Some(close.reason));
        }
    }
}
