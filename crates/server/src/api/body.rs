//! JSON bodies: bounded in size and depth, read into the one struct that a call takes, refused in words.

use axum::{body::Body, extract::FromRequest};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use http::{HeaderMap, Request, StatusCode, header};
use serde::de::DeserializeOwned;

use super::error::ApiError;

/// Bytes of an ordinary body. It waits in memory, and app keys are in everybody's hands.
pub(super) const USUAL: usize = 64 * 1024;

/// Levels of objects and arrays.
const DEPTH: usize = 32;

/// Characters of an explanation: the parser quotes what it was sent.
const EXPLANATION: usize = 300;

/// A JSON body. An absent one counts as `{}`. Extract it last, so that nobody's body is read who may not call. What back
/// ends write by hand denies unknown fields: a mistyped name would otherwise be lost in silence.
#[derive(Debug)]
pub(super) struct JsonBody<T, const LIMIT: usize = USUAL>(pub(super) T);

impl<T: DeserializeOwned, S: Sync, const LIMIT: usize> FromRequest<S> for JsonBody<T, LIMIT> {
    type Rejection = ApiError;

    async fn from_request(request: Request<Body>, _: &S) -> Result<Self, ApiError> {
        check_type(request.headers())?;
        let text = read(request, LIMIT).await?;
        // Its values would be taken for the fields, in their order.
        if text.trim_ascii_start().starts_with(b"[") {
            return Err(ApiError::bad_request(
                "the body is not what this call takes: it has to be an object",
            ));
        }
        parse(&text).map(Self)
    }
}

/// The whole body, of at most `limit` bytes.
pub(super) async fn read(request: Request<Body>, limit: usize) -> Result<Bytes, ApiError> {
    let too_large = || {
        let error = format!("the body has more than {limit} bytes");
        ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, error)
    };
    let announced = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    if announced.and_then(|length| length.parse::<usize>().ok()).is_some_and(|length| length > limit) {
        return Err(too_large());
    }
    let mut chunks = request.into_body().into_data_stream();
    let mut whole = BytesMut::new();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| ApiError::bad_request("the body ended before it was complete"))?;
        if whole.len() + chunk.len() > limit {
            return Err(too_large());
        }
        whole.extend_from_slice(&chunk);
    }
    Ok(whole.freeze())
}

fn check_type(headers: &HeaderMap) -> Result<(), ApiError> {
    let Some(given) = headers.get(header::CONTENT_TYPE) else { return Ok(()) };
    let essence = given.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if essence.is_empty() || essence.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(ApiError::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "this call takes JSON: send Content-Type: application/json",
    ))
}

/// Reads JSON text.
pub(super) fn parse<T: DeserializeOwned>(text: &[u8]) -> Result<T, ApiError> {
    if is_too_deep(text) {
        let error = format!("the body is nested more than {DEPTH} levels deep");
        return Err(ApiError::bad_request(error));
    }
    let text = if text.trim_ascii().is_empty() { b"{}" } else { text };
    serde_json::from_slice(text).map_err(|error| {
        let short = |problem: String| problem.chars().take(EXPLANATION).collect::<String>();
        ApiError::bad_request(match error.classify() {
            serde_json::error::Category::Data => {
                format!("the body is not what this call takes: {}", short(problem::<T>(text, &error)))
            }
            _ => format!("the body is not valid JSON: {}", short(error.to_string())),
        })
    })
}

/// What is wrong with which field. The parser's own words name a field only if it is missing or unknown.
fn problem<T: DeserializeOwned>(text: &[u8], error: &serde_json::Error) -> String {
    let words = plainly(&error.to_string());
    if words.starts_with("unknown field") {
        return words;
    }
    // Read once more: keeping account of the place is for those few bodies that need it.
    let mut reader = serde_json::Deserializer::from_slice(text);
    let again = serde_path_to_error::deserialize::<_, T>(&mut reader);
    match again.map_err(|error| error.path().to_string()) {
        Err(place) if place != "." => format!("{place}: {words}"),
        _ => words,
    }
}

/// The parser's words, less what only Rust calls so.
fn plainly(words: &str) -> String {
    let Some((found, expected)) = words.rsplit_once(", expected ") else { return words.to_owned() };
    if !found.starts_with("invalid ") {
        return words.to_owned();
    }
    let found = match found {
        "invalid type: map" => "invalid type: an object",
        "invalid type: sequence" => "invalid type: a list",
        found => found,
    };
    let (kind, place) = expected.split_once(" at line ").unwrap_or((expected, ""));
    let kind = match kind {
        "i64" => "a whole number",
        "u32" | "u64" | "usize" => "a whole number, 0 or more",
        "a sequence" => "a list",
        kind if kind == "a map" || kind.starts_with("struct ") => "an object",
        kind => kind,
    };
    format!("{found}, expected {kind} at line {place}")
}

/// Before parsing, and without recursion: nothing is built of what will be refused.
fn is_too_deep(text: &[u8]) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => depth += 1,
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEPTH {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::Value;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Kick {
        reason: Option<String>,
    }

    #[tokio::test]
    async fn only_json_of_bounded_size_is_read() {
        let short = r#"{"reason":"x"}"#;
        let long = format!(r#"{{"reason":"{}"}}"#, "x".repeat(USUAL));
        for (content_type, body, expected) in [
            (Some("application/json"), short, Ok(())),
            (Some("Application/JSON; charset=utf-8"), short, Ok(())),
            (None, short, Ok(())),
            (None, "", Ok(())),
            (Some("text/plain"), short, Err(415)),
            (Some("application/x-www-form-urlencoded"), "reason=x", Err(415)),
            (None, "reason=x", Err(400)),
            (None, r#"{"reason":1}"#, Err(400)),
            (None, r#" ["x"]"#, Err(400)),
            (None, r#"{"raison":"x"}"#, Err(400)),
            (None, r#"{"reason":"x","reason":"y"}"#, Err(400)),
            (None, &long, Err(413)),
        ] {
            let mut request = Request::new(Body::from(body.to_owned()));
            if let Some(content_type) = content_type {
                request.headers_mut().insert(header::CONTENT_TYPE, content_type.parse().unwrap());
            }
            let read = JsonBody::<Kick>::from_request(request, &()).await;
            let outcome = read.map(|_| ()).map_err(|error| status(error).0);
            let start: String = body.chars().take(40).collect();
            assert_eq!(outcome, expected, "{content_type:?} {start}");
        }
    }

    #[test]
    fn a_refusal_says_what_is_wrong() {
        let refusal = |text: &str| parse::<Kick>(text.as_bytes()).unwrap_err();
        let (_, unknown) = status(refusal(r#"{"raison":"x"}"#));
        assert!(unknown.contains("takes: unknown field `raison`"), "{unknown}");
        let (_, echo) = status(refusal(&format!(r#"{{"{}":1}}"#, "x".repeat(10_000))));
        assert!(echo.len() < 500, "what was sent is not sent back at length: {echo}");
    }

    #[test]
    fn a_wrong_value_is_explained_with_its_field_and_without_rust() {
        #[derive(Debug, Deserialize)]
        #[expect(dead_code, reason = "only what is refused matters here")]
        struct Call {
            text: Option<String>,
            ttl: Option<i64>,
            rows: Option<Vec<u32>>,
            kick: Option<Kick>,
        }
        for (body, expected) in [
            (r#"{"text":{}}"#, "text: invalid type: an object, expected a string at line 1 column 8"),
            (r#"{"text":[]}"#, "text: invalid type: a list, expected a string at line 1 column 8"),
            (r#"{"ttl":"10m"}"#, "ttl: invalid type: string \\\"10m\\\", expected a whole number at line"),
            (
                r#"{"rows":[1,-1]}"#,
                "rows[1]: invalid value: integer `-1`, expected a whole number, 0 or more",
            ),
            (r#"{"rows":true}"#, "rows: invalid type: boolean `true`, expected a list"),
            (r#"{"kick":30}"#, "kick: invalid type: integer `30`, expected an object"),
            (r#"{"kick":{"reason":1}}"#, "kick.reason: invalid type: integer `1`, expected a string"),
        ] {
            let (_, words) = status(parse::<Call>(body.as_bytes()).unwrap_err());
            assert!(words.contains(&format!("takes: {expected}")), "{body}: {words}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(parse::<Value>(nested(DEPTH).as_bytes()).is_ok());
        assert_eq!(status(parse::<Value>(nested(DEPTH + 1).as_bytes()).unwrap_err()).0, 400);
        assert_eq!(status(parse::<Value>("[".repeat(100_000).as_bytes()).unwrap_err()).0, 400);
        let brackets = format!(r#"{{"text":"\"{}"}}"#, "[".repeat(100));
        assert!(parse::<Value>(brackets.as_bytes()).is_ok(), "brackets in a text are no levels");
    }

    fn status(error: ApiError) -> (u16, String) {
        let words = format!("{error:?}");
        (axum::response::IntoResponse::into_response(error).status().as_u16(), words)
    }
}
