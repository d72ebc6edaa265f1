//! So many logins at a time: the others wait.

use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};

use super::{super::close::Close, PATIENCE};

/// Logins under way at one time. More wait, in the order in which they came.
#[derive(Debug)]
pub struct Logins(Semaphore);

impl Logins {
    #[must_use]
    pub fn new(at_once: usize) -> Self {
        Self(Semaphore::new(at_once.min(Semaphore::MAX_PERMITS)))
    }

    /// A turn, which ends when it is dropped.
    ///
    /// # Errors
    /// The code to close the socket with: the client comes back, and waits no longer in vain.
    pub async fn turn(&self) -> Result<SemaphorePermit<'_>, Close> {
        match timeout(PATIENCE, self.0.acquire()).await {
            Ok(Ok(turn)) => Ok(turn),
            Ok(Err(_)) | Err(_) => {
                metrics::counter!("grandstand_logins_sent_away_total").increment(1);
                Err(Close::COME_BACK)
            }
        }
    }

    /// From now on everybody is sent away: the server stops.
    pub fn close(&self) {
        self.0.close();
    }
}
