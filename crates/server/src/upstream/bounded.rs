//! A body that ends with an error when it has too many bytes or takes too long.

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use axum::body::{Body, Bytes};
use grandstand_protocol::AppId;
use hyper::body::{Body as _, Frame, SizeHint};
use metrics::counter;
use tokio::time::{Instant, Sleep, sleep_until};

/// What was wrong with a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BodyFault {
    #[error("has more bytes than this server passes on")]
    TooLarge,
    #[error("did not arrive in time")]
    TooSlow,
    #[error("ended before it was complete")]
    Broken,
}

/// A body within bounds. It holds `held` as long as it lives.
pub(super) struct Bounded<H> {
    /// Never contended: the HTTP library wants bodies that could be shared, and does not share them.
    running: Mutex<Running>,
    watched: Watched,
    counted_for: Option<AppId>,
    _held: H,
}

struct Running {
    body: Body,
    left: usize,
    until: Pin<Box<Sleep>>,
}

/// What has become of a body.
#[derive(Debug, Clone, Default)]
pub(super) struct Watched(Arc<(AtomicBool, OnceLock<BodyFault>)>);

impl Watched {
    /// Whether all of it has come.
    pub(super) fn is_complete(&self) -> bool {
        self.0.0.load(Ordering::Relaxed)
    }

    pub(super) fn fault(&self) -> Option<BodyFault> {
        self.0.1.get().copied()
    }
}

impl<H> Bounded<H> {
    pub(super) fn new(body: Body, limit: usize, deadline: Instant, held: H) -> (Self, Watched) {
        let watched = Watched::default();
        watched.0.0.store(body.is_end_stream(), Ordering::Relaxed);
        let running = Mutex::new(Running { body, left: limit, until: Box::pin(sleep_until(deadline)) });
        (Self { running, watched: watched.clone(), counted_for: None, _held: held }, watched)
    }

    /// If it is cut short, that is counted for this app.
    pub(super) fn cut_is_counted_for(self, app: &AppId) -> Self {
        Self { counted_for: Some(app.clone()), ..self }
    }
}

impl Running {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyFault>>> {
        loop {
            let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) else {
                ready!(self.until.as_mut().poll(cx));
                return Poll::Ready(Some(Err(BodyFault::TooSlow)));
            };
            let Some(frame) = frame else { return Poll::Ready(None) };
            let Ok(frame) = frame else { return Poll::Ready(Some(Err(BodyFault::Broken))) };
            // Trailers belong to one hop, as this server passes them.
            let Ok(bytes) = frame.into_data() else { continue };
            let Some(left) = self.left.checked_sub(bytes.len()) else {
                return Poll::Ready(Some(Err(BodyFault::TooLarge)));
            };
            self.left = left;
            return Poll::Ready(Some(Ok(bytes)));
        }
    }
}

impl<H: Unpin> hyper::body::Body for Bounded<H> {
    type Data = Bytes;
    type Error = BodyFault;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        let this = self.get_mut();
        let running = this.running.get_mut().unwrap_or_else(PoisonError::into_inner);
        let polled = ready!(running.poll(cx));
        match &polled {
            Some(Ok(_)) if !running.body.is_end_stream() => {}
            Some(Err(fault)) => {
                let first = this.watched.0.1.set(*fault).is_ok();
                if let (true, Some(app)) = (first, &this.counted_for) {
                    counter!("grandstand_upstream_cut_total", "app" => app.as_str().to_owned()).increment(1);
                }
            }
            Some(Ok(_)) | None => this.watched.0.0.store(true, Ordering::Relaxed),
        }
        Poll::Ready(polled.map(|bytes| bytes.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).body.size_hint()
    }
}
