//! The reading half of a connection: frames become commands, commands are answered one after the other.

use std::{cell::RefCell, future::poll_fn, io, net::IpAddr, sync::Arc, task::ready};

use bytes::Bytes;
use grandstand_protocol::{Command, Format, Request, Subprotocol, limits::LOGIN_FRAME_BYTES};
use tokio::{
    io::ReadBuf,
    time::{Instant, sleep_until},
};
use tracing::debug;
use tungstenite::protocol::frame::coding::{Control, OpCode};

use crate::{
    gateway::{
        admission::Seat,
        close::Close,
        frames::{FrameLimits, Frames, Incoming, frame},
        outbox::{Outbox, Signal},
    },
    node::Node,
    service::{self, Socket},
};

/// Bytes read at once. The buffer belongs to the thread, so that an idle connection holds none.
const READ_BYTES: usize = 16 * 1024;

thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BYTES]);
}

/// Who is at the other end.
pub(super) struct Peer {
    /// `None` until the first message shows what is spoken.
    pub(super) subprotocol: Option<Subprotocol>,
    pub(super) origin: Option<String>,
    pub(super) address: IpAddr,
    pub(super) seat: Seat,
}

/// Reads until the client goes, a fault closes the connection, or the server does.
pub(super) struct Reader {
    node: Arc<Node>,
    outbox: Arc<Outbox>,
    peer: Peer,
    frames: Frames,
    /// There from the moment it is known what the client speaks.
    socket: Option<Socket>,
    connected_at: Instant,
    last_read: Instant,
    /// When the message under way began.
    unfinished_since: Option<Instant>,
    /// Whether any command came; heartbeats are none.
    commanded: bool,
    /// With which code the server closed it. Not the whole [`Close`]: idle connections are small.
    closed: Option<u16>,
}

/// The end of reading: the last frame to write, if the peer can still hear it.
struct End(Option<Close>);

impl From<Close> for End {
    fn from(close: Close) -> Self {
        Self(Some(close))
    }
}

enum Turn {
    Read(io::Result<usize>),
    Signals,
    Displaced,
    Deadline,
}

impl Reader {
    pub(super) fn new(node: Arc<Node>, outbox: Arc<Outbox>, peer: Peer) -> Self {
        let limits = &node.config.limits;
        let fragments = u32::try_from(limits.fragments).unwrap_or(u32::MAX);
        // Strangers have nothing long to say.
        let message = limits.frame.min(LOGIN_FRAME_BYTES);
        let frames = Frames::new(FrameLimits { message, fragments });
        let now = node.clock.now();
        let mut reader = Self {
            node,
            outbox,
            peer,
            frames,
            socket: None,
            connected_at: now,
            last_read: now,
            unfinished_since: None,
            commanded: false,
            closed: None,
        };
        if let Some(subprotocol) = reader.peer.subprotocol {
            reader.speak(subprotocol);
        }
        reader
    }

    /// Bytes that came with the handshake.
    pub(super) fn feed(&mut self, bytes: &Bytes) {
        self.frames.feed(bytes);
    }

    /// Reads and answers until the end, and leaves the last word in the outbox.
    pub(super) async fn run(&mut self) {
        let End(close) = match self.messages().await {
            Err(end) => end,
            Ok(()) => loop {
                let turn = self.next().await;
                if let Err(end) = self.take(turn).await {
                    break end;
                }
            },
        };
        self.closed = close.map(|close| close.code);
        debug!(address = %self.peer.address, code = close.map(|close| close.code), "a connection ends");
        self.outbox.finish(close.map(Close::frame));
    }

    /// The sessions of this connection may return elsewhere.
    pub(super) async fn disconnect(&mut self) {
        if let Some(socket) = &mut self.socket {
            socket.disconnect(self.closed).await;
        }
    }

    /// Reads on until the peer has closed too, and looks at nothing.
    pub(super) async fn discard(&mut self) {
        while matches!(read(&self.outbox, |_| {}).await, Ok(1..)) {}
    }

    async fn take(&mut self, turn: Turn) -> Result<(), End> {
        match turn {
            Turn::Read(Ok(0) | Err(_)) => Err(End(None)),
            Turn::Read(Ok(_)) => {
                self.last_read = self.node.clock.now();
                self.messages().await?;
                // Of a client that never pauses, the timer of `next` would not get its turn.
                if self.last_read < self.deadline() { Ok(()) } else { Err(self.missed_deadline().into()) }
            }
            Turn::Signals => {
                self.signals()?;
                // There may be room again for the answers to what was read before.
                self.messages().await
            }
            Turn::Displaced => Err(Close::LOGIN_TIMEOUT.into()),
            Turn::Deadline => Err(self.missed_deadline().into()),
        }
    }

    async fn next(&mut self) -> Turn {
        let deadline = self.deadline();
        let paused = self.outbox.is_full();
        let has_session = self.socket.as_ref().is_some_and(Socket::has_session);
        let seat = &self.peer.seat;
        tokio::select! {
            biased;
            () = self.outbox.signalled.notified() => Turn::Signals,
            // Boxed: only sockets without a session wait for this, and they are few.
            () = async { Box::pin(seat.displaced()).await }, if !has_session => Turn::Displaced,
            read = read(&self.outbox, |bytes| self.frames.feed(bytes)), if !paused => Turn::Read(read),
            () = sleep_until(deadline) => Turn::Deadline,
        }
    }

    fn deadline(&self) -> Instant {
        let limits = &self.node.config.limits;
        let silent = Some(self.last_read + limits.read_timeout);
        let unused = (!self.commanded).then(|| self.connected_at + limits.first_command_timeout);
        let unfinished = self.unfinished_since.map(|since| since + limits.message_timeout);
        [silent, unused, unfinished].into_iter().flatten().min().unwrap_or(self.last_read)
    }

    fn missed_deadline(&self) -> Close {
        let limits = &self.node.config.limits;
        let unused =
            !self.commanded && self.node.clock.now() >= self.connected_at + limits.first_command_timeout;
        if unused { Close::LOGIN_TIMEOUT } else { Close::READ_TIMEOUT }
    }

    fn signals(&mut self) -> Result<(), End> {
        for signal in self.outbox.take_signals() {
            match signal {
                Signal::Close(close) => return Err(close.into()),
                Signal::SessionEnded { session, ending } => {
                    if let Some(socket) = &mut self.socket
                        && socket.session_ended(session, ending)
                    {
                        // The socket of a login that moved elsewhere has nothing left to do.
                        return Err(Close::NORMAL.into());
                    }
                }
            }
        }
        Ok(())
    }

    /// Everything that can be understood of what was read, as long as there is room for the answers.
    async fn messages(&mut self) -> Result<(), End> {
        while !self.outbox.is_full() {
            let Some(incoming) = self.frames.pop()? else {
                if self.frames.unfinished() {
                    self.unfinished_since.get_or_insert(self.node.clock.now());
                }
                break;
            };
            // Control frames may stand between fragments, and end nothing.
            if !self.frames.within_message() {
                self.unfinished_since = None;
            }
            match incoming {
                Incoming::Message { text, payload } => self.message(text, &payload).await?,
                Incoming::Ping(payload) => {
                    self.outbox.push_control(frame(OpCode::Control(Control::Pong), &[&payload]));
                }
                Incoming::Pong(payload) => {
                    for receipt in self.outbox.pong(&payload) {
                        if let Some(socket) = &self.socket {
                            socket.confirm(receipt);
                        }
                    }
                }
                Incoming::Close => return Err(Close::NORMAL.into()),
            }
            self.signals()?;
        }
        Ok(())
    }

    async fn message(&mut self, text: bool, payload: &[u8]) -> Result<(), Close> {
        if self.socket.is_none() {
            let format = Format::of_first_message(text, payload).ok_or(Close::UNPARSEABLE)?;
            self.speak(Subprotocol::unnamed(format));
        }
        let Some(socket) = &mut self.socket else { return Err(Close::UNPARSEABLE) };
        if socket.format().is_text() != text {
            return Err(Close::UNPARSEABLE);
        }
        let request = Request::decode(socket.format(), payload).map_err(|cause| {
            debug!(%cause, "a frame is no command");
            Close::UNPARSEABLE
        })?;
        if !matches!(request.command, Command::Heartbeat | Command::Echo) {
            self.commanded = true;
        }
        // Boxed: the largest command would otherwise size every idle connection.
        Box::pin(service::answer(socket, request)).await?;
        if socket.has_session() {
            self.frames.allow(self.node.config.limits.frame);
        }
        Ok(())
    }

    fn speak(&mut self, subprotocol: Subprotocol) {
        let (outbox, seat) = (Arc::clone(&self.outbox), self.peer.seat.clone());
        let (origin, address) = (self.peer.origin.take(), self.peer.address);
        self.socket = Some(Socket::new(Arc::clone(&self.node), subprotocol, outbox, origin, address, seat));
    }
}

/// Reads what there is into the thread's buffer and hands it on.
fn read(outbox: &Outbox, mut take: impl FnMut(&[u8])) -> impl Future<Output = io::Result<usize>> {
    poll_fn(move |cx| {
        SCRATCH.with_borrow_mut(|scratch| {
            let mut buffer = ReadBuf::new(scratch);
            ready!(outbox.poll_read(cx, &mut buffer))?;
            take(buffer.filled());
            io::Result::Ok(buffer.filled().len()).into()
        })
    })
}
