//! One connection from upgrade to end: a reader that answers command after command, and a writer beside it.

mod reader;
pub(crate) mod writer;

use std::{
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};

use tokio::time::{Instant, timeout_at};

use self::{
    reader::{Peer, Reader},
    writer::Writer,
};
use super::{
    admission::Seat,
    close::Close,
    handshake::Upgraded,
    outbox::{Outbox, Signal},
};
use crate::node::Node;

/// How long a closing connection may take to write what it has to say, and to see that the peer has it.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// Serves a connection to its end. The caller's task belongs to the listener.
///
/// Reader and writer run in this one task. A command under way is never broken off: what was committed is published.
///
/// The future is the largest thing that an idle connection holds. So what is needed only once stands before it: an
/// `async fn` would keep room for that as long as it lives.
pub fn serve(node: Arc<Node>, upgraded: Upgraded, seat: Seat) -> impl Future<Output = ()> + Send {
    let Upgraded { transport, read_ahead, subprotocol, origin, address } = upgraded;
    let outbox = Arc::new(Outbox::new(transport));
    let clock = Arc::clone(&node);
    let writer = Writer::new(move || clock.uptime(), Arc::clone(&outbox));
    let mut reader = Reader::new(node, outbox, Peer { subprotocol, origin, address, seat });
    reader.feed(&read_ahead);

    async move {
        let mut writing = pin!(writer.run());
        let broken = {
            let mut reading = pin!(reader.run());
            tokio::select! {
                () = &mut reading => false,
                () = &mut writing => {
                    // The socket cannot be written: nobody is there any more.
                    writer.outbox.signal(Signal::Close(Close::NORMAL));
                    reading.await;
                    true
                }
            }
        };
        // Boxed: an idle connection needs no room for its end.
        Box::pin(end(reader, writing, broken)).await;
    }
}

/// Both halves come to their end: a peer that does not read, or does not close, cannot hold it up.
async fn end(mut reader: Reader, writing: Pin<&mut impl Future<Output = ()>>, broken: bool) {
    let end = Instant::now() + LAST_WORDS;
    let last_words = async {
        if !broken {
            let _ = timeout_at(end, writing).await;
        }
    };
    tokio::join!(last_words, reader.disconnect());
    if !broken {
        // A socket that is dropped with unread bytes ends in a reset, which can take the close code from the peer.
        let _ = timeout_at(end, reader.discard()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size_of_future<A, B, C, F>(_: impl Fn(A, B, C) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn an_idle_connection_is_small() {
        // Tokio adds 112 bytes, and rounds up to 128.
        let bytes = size_of_future(serve);
        assert!(bytes <= 7 * 128 - 112, "{bytes} bytes: what is rarely needed wants a box");
    }
}
