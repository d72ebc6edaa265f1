//! The byte stream under a connection, whatever it runs over.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, Waker},
};

use bytes::{Buf, Bytes};
use tokio::{
    io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::server::TlsStream;

/// One type for TCP, TLS and the in-memory streams of tests, so that nothing above is generic. Bytes that were read
/// to look at them, the request head, are put back in front.
#[derive(Debug)]
pub struct Transport {
    read_before: Bytes,
    stream: Stream,
}

#[derive(Debug)]
enum Stream {
    Tcp(TcpStream),
    /// Boxed: a TLS session is larger by a kilobyte than anything else here.
    Tls(Box<TlsStream<TcpStream>>),
    Duplex(DuplexStream),
}

impl Transport {
    /// Puts bytes back, to be read first.
    #[must_use]
    pub fn preceded_by(mut self, read_before: Bytes) -> Self {
        debug_assert!(self.read_before.is_empty(), "bytes are put back once");
        self.read_before = read_before;
        self
    }

    /// Hands over what the socket takes at once, `tail` behind `bytes`; 0 when it takes nothing now.
    ///
    /// Who gets less than all taken has to poll: nobody is woken by this.
    pub(super) fn write_now(&mut self, bytes: &[u8], tail: &[u8]) -> io::Result<usize> {
        if let Stream::Tcp(stream) = &self.stream {
            let written = if tail.is_empty() {
                stream.try_write(bytes)
            } else {
                stream.try_write_vectored(&[IoSlice::new(bytes), IoSlice::new(tail)])
            };
            return match written {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
                written => written,
            };
        }
        let mut nobody = Context::from_waker(Waker::noop());
        let mut written = 0;
        for part in [bytes, tail] {
            let mut taken = 0;
            while taken < part.len() {
                match Pin::new(&mut *self).poll_write(&mut nobody, &part[taken..]) {
                    Poll::Ready(Ok(count)) if count > 0 => taken += count,
                    Poll::Ready(Err(error)) => return Err(error),
                    Poll::Ready(Ok(_)) | Poll::Pending => return Ok(written + taken),
                }
            }
            written += taken;
        }
        Ok(written)
    }

    /// Whether nothing that was taken is kept back; TLS does that when the socket below is full.
    pub(super) fn flush_now(&mut self) -> io::Result<bool> {
        if matches!(self.stream, Stream::Tcp(_)) {
            return Ok(true);
        }
        match Pin::new(self).poll_flush(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(flushed) => flushed.map(|()| true),
            Poll::Pending => Ok(false),
        }
    }

    /// Whether the peer's side is encrypted.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        matches!(self.stream, Stream::Tls(_))
    }
}

impl From<TcpStream> for Transport {
    fn from(stream: TcpStream) -> Self {
        Self { read_before: Bytes::new(), stream: Stream::Tcp(stream) }
    }
}

impl From<TlsStream<TcpStream>> for Transport {
    fn from(stream: TlsStream<TcpStream>) -> Self {
        Self { read_before: Bytes::new(), stream: Stream::Tls(Box::new(stream)) }
    }
}

impl From<DuplexStream> for Transport {
    fn from(stream: DuplexStream) -> Self {
        Self { read_before: Bytes::new(), stream: Stream::Duplex(stream) }
    }
}

macro_rules! each {
    ($transport:expr, $stream:ident => $call:expr) => {
        match &mut $transport.get_mut().stream {
            Stream::Tcp($stream) => $call,
            Stream::Tls($stream) => $call,
            Stream::Duplex($stream) => $call,
        }
    };
}

impl AsyncRead for Transport {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.read_before.has_remaining() {
            let taken = self.read_before.len().min(buf.remaining());
            buf.put_slice(&self.read_before[..taken]);
            self.read_before.advance(taken);
            if self.read_before.is_empty() {
                // `Bytes` would hold the whole buffer for as long as the connection lives.
                self.read_before = Bytes::new();
            }
            return Poll::Ready(Ok(()));
        }
        each!(self, stream => Pin::new(stream).poll_read(cx, buf))
    }
}

impl AsyncWrite for Transport {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        each!(self, stream => Pin::new(stream).poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        each!(self, stream => Pin::new(stream).poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Stream::Tcp(stream) => stream.is_write_vectored(),
            Stream::Tls(stream) => stream.is_write_vectored(),
            Stream::Duplex(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => Pin::new(stream).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => Pin::new(stream).poll_shutdown(cx))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn bytes_put_back_come_first() {
        let (mut peer, ours) = tokio::io::duplex(64);
        let mut transport = Transport::from(ours).preceded_by(Bytes::from_static(b"GET / "));
        peer.write_all(b"HTTP/1.1").await.unwrap();
        let mut read = [0; 14];
        transport.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, b"GET / HTTP/1.1");
    }
}
