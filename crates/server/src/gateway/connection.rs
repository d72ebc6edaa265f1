//! One connection from upgrade to end: a reader that answers command after command, and a writer beside it.

mod reader;
mod writer;

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, timeout_at};

use self::{reader::Reader, writer::Writer};
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
pub async fn serve(node: Arc<Node>, upgraded: Upgraded, seat: Seat) {
    let Upgraded { transport, read_ahead, subprotocol, origin, address } = upgraded;
    let outbox = Arc::new(Outbox::new(transport));
    let writer = Writer::new(&node, &outbox);
    let mut reader = Reader::new(&node, &outbox, reader::Peer { subprotocol, origin, address, seat });
    reader.feed(&read_ahead);
    drop(read_ahead);

    let mut writing = std::pin::pin!(writer.run());
    let broken = {
        let mut reading = std::pin::pin!(reader.run());
        tokio::select! {
            () = &mut reading => false,
            () = &mut writing => {
                // The socket cannot be written: nobody is there any more.
                outbox.signal(Signal::Close(Close::NORMAL));
                reading.await;
                true
            }
        }
    };
    // A peer that does not read, or does not close, cannot hold up the end.
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
