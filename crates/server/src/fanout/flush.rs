//! A flusher: goes round the members of a busy room and writes what is pending; ends when nothing is.

use std::sync::Arc;

use grandstand_room::pace::Pass;
use tokio::task::coop::unconstrained;

use super::block::{Visit, Work};
use crate::{
    router::Hub,
    sync::{self, yield_now},
};

/// Blocks that one flusher alone is quick enough for.
const BLOCKS_OF_ONE: usize = sync::bound(8, 1);

/// How many flushers a room of so many blocks may have.
pub(crate) fn flushers(blocks: usize, workers: usize) -> usize {
    workers.min(blocks.div_ceil(BLOCKS_OF_ONE)).max(1)
}

/// Goes round until nothing is pending.
///
/// Each visit writes what has come since the last one, so that more gathers for a write the more there is to do. Where
/// little would gather, a round waits for company ([`Pass::next`]).
pub(crate) async fn run(hub: Arc<Hub>) {
    // Sockets are written without waiting: there is nothing for the scheduler to slow down.
    let under_way = UnderWay(&hub);
    unconstrained(rounds(&hub)).await;
    std::mem::forget(under_way);
}

/// A flusher that ends otherwise than by retiring is not counted any more, or its room would wait for it for good.
struct UnderWay<'a>(&'a Hub);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.stage().lose_flusher();
    }
}

async fn rounds(hub: &Arc<Hub>) {
    let engine = hub.engine();
    let mut work = Work::default();
    loop {
        engine.wait_for_company(hub).await;
        let (began, head) = (engine.now(), hub.stage().head());
        let mut is_idle = true;
        for _ in 0..hub.block_count() {
            let Some(block) = hub.next_block() else { break };
            let visit = block.visit(hub, &mut work);
            is_idle &= visit == Visit::Idle;
            if visit != Visit::Idle {
                // Others have their turn: commands, other rooms.
                yield_now().await;
            }
        }
        engine.tell(&mut work.stats);
        if is_idle {
            if hub.retire(head) {
                return;
            }
        } else {
            let gathered = std::mem::take(&mut work.gathered);
            hub.note_pass(Pass { began, ended: engine.now(), gathered });
        }
    }
}

#[cfg(test)]
mod tests;
