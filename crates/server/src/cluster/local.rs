//! The bus of a single node: a call.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Bus, News};
use crate::fanout::Fanout;

/// Hands news straight to this node's fan-out, in the task of the publisher.
#[derive(Debug)]
pub struct LocalBus {
    fanout: Arc<Fanout>,
}

impl LocalBus {
    pub fn new(fanout: Arc<Fanout>) -> Self {
        Self { fanout }
    }
}

#[async_trait]
impl Bus for LocalBus {
    async fn publish(&self, news: News) {
        self.fanout.receive(news);
    }
}
