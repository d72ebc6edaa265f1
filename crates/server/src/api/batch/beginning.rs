//! What a batch begins with says where it belongs; nothing of it is lost by looking.

use std::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll},
};

use axum::body::{Body, Bytes};
use bytes::BytesMut;
use hyper::body::{Body as _, Frame, SizeHint};
use serde::Deserialize;

use crate::api::error::ApiError;

/// The first `enough` bytes or a little more, or all where they are fewer; and the same body, as if nobody had looked.
pub(super) async fn read(mut body: Body, enough: usize) -> Result<(Bytes, Body), ApiError> {
    let mut read = BytesMut::new();
    while read.len() <= enough {
        let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await else { break };
        let broken = |_| ApiError::bad_request("the body ended before it was complete");
        // Trailers belong to one hop.
        if let Ok(bytes) = frame.map_err(broken)?.into_data() {
            read.extend_from_slice(&bytes);
        }
    }
    let read = read.freeze();
    Ok((read.clone(), Body::new(Resumed { read: Some(read).filter(|read| !read.is_empty()), rest: body })))
}

/// The paths of the requests that stand whole in this beginning of a batch.
pub(super) fn addresses(beginning: &[u8]) -> Vec<String> {
    #[derive(Deserialize)]
    struct Address {
        path: String,
    }
    let mut found = Vec::new();
    let Some(open) = beginning.iter().position(|byte| *byte == b'[') else { return found };
    let mut rest = &beginning[open + 1..];
    loop {
        let mut parts = serde_json::Deserializer::from_slice(rest).into_iter::<Address>();
        let Some(Ok(Address { path })) = parts.next() else { return found };
        found.push(path);
        rest = rest[parts.byte_offset()..].trim_ascii_start();
        rest = rest.strip_prefix(b",").unwrap_or(rest);
    }
}

/// A body of which something was read, which comes first.
struct Resumed {
    read: Option<Bytes>,
    rest: Body,
}

impl hyper::body::Body for Resumed {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match self.read.take() {
            Some(read) => Poll::Ready(Some(Ok(Frame::data(read)))),
            None => Pin::new(&mut self.rest).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.read.is_none() && self.rest.is_end_stream()
    }

    /// As announced: who gets it is to see the same length.
    fn size_hint(&self) -> SizeHint {
        let read = self.read.as_ref().map_or(0, Bytes::len) as u64;
        let (rest, mut whole) = (self.rest.size_hint(), SizeHint::new());
        if let Some(most) = rest.upper() {
            whole.set_upper(most + read);
        }
        whole.set_lower(rest.lower() + read);
        whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_requests_that_stand_whole_count() {
        for (text, paths) in [
            (
                r#"{"requests":[{"path":"/a","body":{"path":"/x"}} , {"method":"GET","path":"/b"}]}"#,
                &["/a", "/b"][..],
            ),
            (r#"{"requests":[{"path":"/a","body":{}},{"path":"/b","bo"#, &["/a"]),
            (r#"{"requests":[{"path":"/a"},{"method":"GET"},{"path":"/b"}]}"#, &["/a"]),
            (r#"{"requests":[]}"#, &[]),
            (r#"{"requests":["#, &[]),
            ("no JSON", &[]),
        ] {
            assert_eq!(addresses(text.as_bytes()), paths, "{text}");
        }
    }

    #[tokio::test]
    async fn nothing_is_lost_by_looking() {
        for (length, enough) in [(0, 10), (10, 10), (11, 10), (1000, 10)] {
            let text = "x".repeat(length);
            let (read, body) = read(Body::from(text.clone()), enough).await.unwrap();
            assert!(read.len() == length, "one chunk");
            assert_eq!(body.size_hint().exact(), Some(length as u64));
            assert_eq!(axum::body::to_bytes(body, usize::MAX).await.unwrap(), text);
        }
    }
}
