//! One connection outside of the async runtime: bytes in and out without waiting, plain or through TLS.

use std::{
    io::{self, ErrorKind, Read, Write},
    sync::Arc,
};

use anyhow::Result;
use mio::net::TcpStream;
use rustls::ClientConnection;

use crate::{endpoint::Tls, transport::Transport};

#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) stream: TcpStream,
    tls: Option<Box<ClientConnection>>,
    /// What the socket has not taken yet.
    unwritten: Vec<u8>,
}

impl Link {
    /// Takes a connection out of the async runtime.
    pub(crate) fn new(transport: Transport) -> Result<Self> {
        let (stream, tls) = match transport {
            Transport::Plain(stream) => (stream, None),
            Transport::Tls(stream) => {
                let (stream, session) = stream.into_inner();
                (stream, Some(Box::new(session)))
            }
        };
        // It is non-blocking already.
        let stream = TcpStream::from_std(stream.into_std()?);
        Ok(Self { stream, tls, unwritten: Vec::new() })
    }

    /// Over a new connection; the TLS handshake happens as bytes are read and written.
    pub(crate) fn over(stream: TcpStream, tls: Option<&Tls>) -> Result<Self> {
        let session = tls.map(|tls| ClientConnection::new(Arc::clone(&tls.config), tls.name.clone()));
        Ok(Self { stream, tls: session.transpose()?.map(Box::new), unwritten: Vec::new() })
    }

    /// Whether a read that does not fill its buffer has emptied the socket. Of TLS there may be more.
    pub(crate) fn short_read_is_last(&self) -> bool {
        self.tls.is_none()
    }

    /// Reads what is there. `WouldBlock` if that is nothing, 0 at the end.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else { return self.stream.read(buffer) };
        loop {
            match tls.reader().read(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                other => return other,
            }
            if tls.read_tls(&mut self.stream)? == 0 {
                return Ok(0);
            }
            tls.process_new_packets().map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
            // During a handshake there is something to say.
            while tls.wants_write() && tls.write_tls(&mut self.stream).is_ok() {}
        }
    }

    /// Writes now, or later what the socket does not take.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Some(tls) = &mut self.tls {
            tls.writer().write_all(bytes)?;
        } else {
            self.unwritten.extend_from_slice(bytes);
        }
        self.flush().map(|_| ())
    }

    /// Whether all has been written.
    pub(crate) fn flush(&mut self) -> io::Result<bool> {
        let written = match &mut self.tls {
            Some(tls) => {
                let mut written = Ok(0);
                while tls.wants_write() && written.is_ok() {
                    written = tls.write_tls(&mut self.stream);
                }
                written
            }
            None if self.unwritten.is_empty() => Ok(0),
            None => self.stream.write(&self.unwritten).inspect(|&taken| {
                self.unwritten.drain(..taken);
            }),
        };
        match written {
            Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error),
            _ => Ok(self.unwritten.is_empty() && !self.tls.as_ref().is_some_and(|tls| tls.wants_write())),
        }
    }
}
