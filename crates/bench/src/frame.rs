//! WebSocket frames in raw bytes: as the server sends them, and as a client does.

/// No frame of the server is longer: a message has 5 KiB, a history page less than this.
const LONGEST: usize = 4 << 20;

pub(crate) const BINARY: u8 = 2;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;

const FIN: u8 = 0x80;
const MASKED: u8 = 0x80;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    pub(crate) opcode: u8,
    pub(crate) payload: &'a [u8],
}

/// These bytes are no frame that a server may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Broken;

/// The first frame and its length with the header; `None` while it is not complete.
pub(crate) fn first(bytes: &[u8]) -> Result<Option<(Frame<'_>, usize)>, Broken> {
    let &[first, second, ref rest @ ..] = bytes else { return Ok(None) };
    // A push is one frame; a server does not mask.
    if first & 0x70 != 0 || first & FIN == 0 || second & MASKED != 0 {
        return Err(Broken);
    }
    let (header, length) = match second {
        127 => match rest.first_chunk::<8>() {
            Some(long) => (10, usize::try_from(u64::from_be_bytes(*long)).map_err(|_| Broken)?),
            None => return Ok(None),
        },
        126 => match rest.first_chunk::<2>() {
            Some(short) => (4, usize::from(u16::from_be_bytes(*short))),
            None => return Ok(None),
        },
        tiny => (2, usize::from(tiny)),
    };
    if length > LONGEST {
        return Err(Broken);
    }
    let payload = bytes.get(header..header + length);
    Ok(payload.map(|payload| (Frame { opcode: first & 0x0f, payload }, header + length)))
}

/// A frame of a client. The mask is zero: allowed, and the payload stays readable.
pub(crate) fn from_client(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = header(opcode, MASKED, payload.len());
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(payload);
    bytes
}

/// A frame of a server.
pub(crate) fn from_server(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = header(opcode, 0, payload.len());
    bytes.extend_from_slice(payload);
    bytes
}

fn header(opcode: u8, masked: u8, length: usize) -> Vec<u8> {
    let mut bytes = vec![FIN | opcode];
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(tiny @ ..126), _) => bytes.push(masked | tiny),
        (_, Ok(short)) => {
            bytes.push(masked | 126);
            bytes.extend_from_slice(&short.to_be_bytes());
        }
        _ => {
            bytes.push(masked | 127);
            bytes.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_every_length_are_read_when_complete() {
        for length in [0, 1, 125, 126, 65_535, 65_536] {
            let payload = vec![7; length];
            let mut bytes = from_server(BINARY, &payload);
            let whole = bytes.len();
            for cut in [0, 1, 2, whole - 1].into_iter().filter(|&cut| cut < whole) {
                assert_eq!(first(&bytes[..cut]), Ok(None), "{length} cut at {cut}");
            }
            bytes.push(1);
            let expected = Frame { opcode: BINARY, payload: &payload };
            assert_eq!(first(&bytes), Ok(Some((expected, whole))), "{length}");
        }
    }

    #[test]
    fn what_a_server_must_not_send_is_noticed() {
        for bytes in [
            &[0x02, 1, 0][..],
            &[0x82, 0x81, 0, 0, 0, 0, 1],
            &[0xc2, 0],
            &[0x82, 127, 1, 0, 0, 0, 0, 0, 0, 0],
        ] {
            assert_eq!(first(bytes), Err(Broken), "{bytes:x?}");
        }
    }

    #[test]
    fn a_client_masks_with_zeros() {
        assert_eq!(from_client(PONG, b"ab"), [0x8a, 0x82, 0, 0, 0, 0, b'a', b'b']);
    }
}
