//! What stands in a request's URL: parts of the path, and query parameters. Mistakes are answered as JSON like all others.

use axum::extract::{FromRequestParts, RawPathParams};
use http::request::Parts;
use serde::de::DeserializeOwned;

use super::error::ApiError;

/// Bytes of one part of a path: ids are 64 characters at most.
const PART: usize = 512;

/// Parts of the path, as `axum` extracts them, each of `MOST` bytes at most.
#[derive(Debug)]
pub(super) struct Path<T, const MOST: usize = PART>(pub(super) T);

impl<T: DeserializeOwned + Send, S: Send + Sync, const MOST: usize> FromRequestParts<S> for Path<T, MOST> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let raw = RawPathParams::from_request_parts(parts, state).await;
        let raw = raw.map_err(|_| ApiError::bad_request("a part of the path is not UTF-8"))?;
        if raw.iter().any(|(_, value)| value.len() > MOST) {
            return Err(ApiError::bad_request(format!("a part of the path has more than {MOST} bytes")));
        }
        match axum::extract::Path::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => Ok(Self(value)),
            Err(error) => Err(ApiError::bad_request(format!("a part of the path is wrong: {error}"))),
        }
    }
}

/// Query parameters. Unknown ones are passed over, as LeanCloud does: old SDKs add their own.
#[derive(Debug)]
pub(super) struct Query<T>(pub(super) T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        match axum::extract::Query::try_from_uri(&parts.uri) {
            Ok(axum::extract::Query(value)) => Ok(Self(value)),
            Err(error) => {
                let text = std::error::Error::source(&error).map_or_else(String::new, ToString::to_string);
                let text: String = text.chars().take(300).collect();
                Err(ApiError::bad_request(format!("a query parameter is wrong: {text}")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use http::Request;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    struct Page {
        limit: Option<u32>,
        #[serde(rename = "where")]
        filter: Option<String>,
    }

    #[tokio::test]
    async fn query_parameters_are_read_or_refused() {
        for (uri, expected) in [
            ("/?limit=5&where=%7B%7D&more=1", Some((Some(5), Some("{}")))),
            ("/", Some((None, None))),
            ("/?limit=five", None),
            ("/?limit=-1", None),
            ("/?limit=1&limit=2", None),
        ] {
            let (mut parts, ()) = Request::builder().uri(uri).body(()).unwrap().into_parts();
            let read = Query::<Page>::from_request_parts(&mut parts, &()).await;
            let read = read.ok().map(|Query(page)| (page.limit, page.filter));
            let expected = expected.map(|(limit, filter)| (limit, filter.map(str::to_owned)));
            assert_eq!(read, expected, "{uri}");
        }
    }
}
