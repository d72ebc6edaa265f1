//! The writing half of a connection: what gathered since the last write goes out in one.

use bytes::{BufMut, BytesMut};
use tokio::{
    io::{AsyncWriteExt, WriteHalf},
    time::sleep,
};
use tungstenite::protocol::frame::coding::{Control, OpCode};

use crate::{
    gateway::{
        frames::frame,
        outbox::{Frame, Outbox},
        receipts::Receipts,
        transport::Transport,
    },
    node::Node,
};

/// Bytes of one write (design 5).
const WRITE_BYTES: usize = 64 * 1024;

/// Writes until the outbox is finished or the socket breaks.
pub(super) struct Writer<'a> {
    node: &'a Node,
    stream: WriteHalf<Transport>,
    outbox: &'a Outbox,
    receipts: &'a Receipts,
}

impl<'a> Writer<'a> {
    pub(super) fn new(
        node: &'a Node,
        stream: WriteHalf<Transport>,
        outbox: &'a Outbox,
        receipts: &'a Receipts,
    ) -> Self {
        Self { node, stream, outbox, receipts }
    }

    pub(super) async fn run(mut self) {
        loop {
            // Made anew each time: an idle connection holds no buffer.
            let mut batch = Vec::new();
            if self.outbox.take_batch(WRITE_BYTES, &mut batch) {
                break;
            }
            if batch.is_empty() {
                self.wait().await;
            } else if !self.write(batch).await {
                return;
            }
            // Also behind a write: a client that is always a little behind has to be confirmed, too.
            if !self.outbox.is_finished() && !self.ping().await {
                return;
            }
        }
        // An error here means that the peer was faster.
        let _ = self.stream.shutdown().await;
    }

    /// Until there is something to write, or a ping is due.
    async fn wait(&self) {
        match self.receipts.ping_wait(self.node.uptime()) {
            None => self.outbox.to_write.notified().await,
            Some(wait) => tokio::select! {
                () = self.outbox.to_write.notified() => {}
                () = sleep(wait) => {}
            },
        }
    }

    /// False when the socket is broken.
    async fn write(&mut self, batch: Vec<Frame>) -> bool {
        for receipt in batch.iter().filter_map(|frame| frame.receipt) {
            self.receipts.wrote(receipt);
        }
        if let [only] = &batch[..] {
            return self.stream.write_all(&only.bytes).await.is_ok() && self.flush().await;
        }
        let size = batch.iter().map(|frame| frame.bytes.len()).sum();
        let mut gathered = BytesMut::with_capacity(size);
        for frame in batch {
            gathered.put(frame.bytes);
        }
        self.stream.write_all(&gathered).await.is_ok() && self.flush().await
    }

    /// TLS keeps back what it could not write at once.
    async fn flush(&mut self) -> bool {
        self.stream.flush().await.is_ok()
    }

    /// Asks for the confirmation of HIGH messages, if it is time. False when the socket is broken.
    async fn ping(&mut self) -> bool {
        let Some(position) = self.receipts.ping_due(self.node.uptime()) else { return true };
        let ping = frame(OpCode::Control(Control::Ping), &[&position]);
        self.stream.write_all(&ping).await.is_ok() && self.flush().await
    }
}
