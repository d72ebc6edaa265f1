//! The head of the first request, read by ourselves: a library's limits begin only after its first byte, and a
//! peer that is slow or too long is owed an answer.

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::{Duration, Instant, timeout, timeout_at},
};

/// What a request head may be.
#[derive(Debug, Clone, Copy)]
pub struct HeadLimits {
    pub bytes: usize,
    pub headers: usize,
}

/// Why there is no request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeadFault {
    /// The deadline passed (408).
    TooSlow,
    /// More bytes or headers than allowed (431).
    TooLarge,
    /// Something else than HTTP (400).
    NotHttp,
    /// The peer is gone.
    Closed,
}

impl HeadFault {
    /// What the peer is told, if it is there.
    #[must_use]
    pub fn answer(self) -> Option<(StatusCode, &'static str)> {
        match self {
            Self::TooSlow => Some((StatusCode::REQUEST_TIMEOUT, "the request did not arrive in time")),
            Self::TooLarge => Some((
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "the request has too many or too long headers",
            )),
            Self::NotHttp => Some((StatusCode::BAD_REQUEST, "this is no HTTP request")),
            Self::Closed => None,
        }
    }
}

/// Reads until a request head is complete. What is returned may hold more than the head.
///
/// # Errors
/// [`HeadFault`].
pub async fn read(
    stream: &mut (impl AsyncRead + Unpin),
    limits: HeadLimits,
    deadline: Instant,
) -> Result<Bytes, HeadFault> {
    // Most upgrade requests fit.
    let mut buffer = BytesMut::with_capacity(1024);
    loop {
        let seen = buffer.len();
        let read =
            timeout_at(deadline, stream.read_buf(&mut buffer)).await.map_err(|_| HeadFault::TooSlow)?;
        if read.map_err(|_| HeadFault::Closed)? == 0 {
            return Err(HeadFault::Closed);
        }
        // A TLS greeting to a plain port begins with 0x16.
        if !buffer[0].is_ascii_graphic() && !matches!(buffer[0], b'\r' | b'\n') {
            return Err(HeadFault::NotHttp);
        }
        let end = end_of_head(&buffer, seen);
        let head = &buffer[..end.unwrap_or(buffer.len())];
        // The request line and the empty line are no headers.
        let headers = head.iter().filter(|byte| **byte == b'\n').count().saturating_sub(if end.is_some() {
            2
        } else {
            1
        });
        if head.len() > limits.bytes || headers > limits.headers {
            return Err(HeadFault::TooLarge);
        }
        if end.is_some() {
            return Ok(buffer.freeze());
        }
    }
}

/// Where the head ends, that is behind an empty line, of which the last two bytes may have been seen before. A bare
/// line feed ends a line too: HTTP parsers are lenient here, and so a sender may be.
fn end_of_head(buffer: &[u8], seen: usize) -> Option<usize> {
    let from = seen.saturating_sub(2);
    (from..buffer.len()).find_map(|at| match buffer[at..] {
        [b'\n', b'\n', ..] => Some(at + 2),
        [b'\n', b'\r', b'\n', ..] => Some(at + 3),
        _ => None,
    })
}

/// Longest wait for a peer to take an answer and close, and most bytes of it that are read meanwhile.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: u64 = 256 * 1024;

/// Answers without a library and closes. What the peer still sends is read for a moment: closing a socket with unread
/// bytes resets the connection, and the answer may be lost with it.
pub async fn answer_and_close(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    status: StatusCode,
    error: &str,
) {
    let body = format!(r#"{{"code":{},"error":"{error}"}}"#, status.as_u16());
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let farewell = async {
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await?;
        tokio::io::copy(&mut stream.take(LINGER_BYTES), &mut tokio::io::sink()).await
    };
    // Nothing is owed to a peer that is gone, or that never stops.
    let _ = timeout(LINGER, farewell).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: HeadLimits = HeadLimits { bytes: 256, headers: 3 };

    async fn read_pieces(pieces: &[&[u8]]) -> Result<Bytes, HeadFault> {
        let (mut peer, mut ours) = tokio::io::duplex(4096);
        let reading = read(&mut ours, LIMITS, Instant::now() + Duration::from_secs(10));
        let writing = async {
            for piece in pieces {
                peer.write_all(piece).await.unwrap();
                tokio::task::yield_now().await;
            }
            // Paused time passes once nobody can go on.
            std::future::pending::<()>().await;
        };
        tokio::select! { result = reading => result, () = writing => unreachable!() }
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_is_complete_behind_its_empty_line_however_it_is_cut() {
        let whole = b"GET / HTTP/1.1\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\nframe";
        assert_eq!(read_pieces(&[whole]).await.unwrap(), &whole[..]);
        for cut in 1..whole.len() - 5 {
            let (first, second) = whole.split_at(cut);
            assert_eq!(read_pieces(&[first, second]).await.unwrap(), &whole[..], "cut at {cut}");
        }
        assert!(read_pieces(&[b"GET / HTTP/1.1\nA: 1\n\n"]).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn slow_large_and_foreign_heads_are_refused() {
        let long = format!("GET / HTTP/1.1\r\nA: {}", "a".repeat(300));
        for (pieces, fault) in [
            (&[&b"GET / HTTP/1.1\r\nA: 1\r\n"[..]][..], HeadFault::TooSlow),
            (&[], HeadFault::TooSlow),
            (&[long.as_bytes()], HeadFault::TooLarge),
            (&[b"GET / HTTP/1.1\r\nA: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\n\r\n"], HeadFault::TooLarge),
            (&[b"GET / HTTP/1.1\r\nA: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\n"], HeadFault::TooLarge),
            (&[b"\x16\x03\x01\x02\x00\x01"], HeadFault::NotHttp),
        ] {
            assert_eq!(read_pieces(pieces).await, Err(fault), "{pieces:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_trickling_head_meets_the_same_deadline() {
        let (mut peer, mut ours) = tokio::io::duplex(4096);
        let start = Instant::now();
        let trickle = async {
            loop {
                peer.write_all(b"a").await.unwrap();
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        };
        let reading = read(&mut ours, LIMITS, start + Duration::from_secs(10));
        let result = tokio::select! { result = reading => result, () = trickle => unreachable!() };
        assert_eq!(result, Err(HeadFault::TooSlow));
        assert_eq!(start.elapsed(), Duration::from_secs(10));
    }
}
