//! The server that is exported from: asked at a bounded rate, again where that can help, and not at all where it cannot.

mod mend;
mod pace;

use std::{error::Error, time::Duration};

use reqwest::{
    Response, StatusCode, Url,
    header::{DATE, HeaderMap, LOCATION, RETRY_AFTER},
};
use serde_json::Value;
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

pub use pace::Pace;

use super::{
    failure::{ExportError, Refusal},
    progress::{Progress, Waiting},
};
use crate::archive::SourceKind;

/// Bytes of an answer. A page has a thousand messages at most, of some kilobytes each.
const LARGEST_ANSWER: usize = 256 * 1024 * 1024;

/// How often a server is asked what it is before it counts as one that is not there.
const PROBES: u32 = 5;

/// Milliseconds of a second.
const SECOND: i64 = 1000;

/// An app on a server, and what it costs to ask it.
pub(super) struct Source {
    http: reqwest::Client,
    base: Url,
    pace: Pace,
    /// When the next request may go.
    next: Option<Instant>,
    progress: watch::Sender<Progress>,
    calls: Calls,
    /// The server's clock at its first answer.
    clock: Option<i64>,
}

/// What was asked, and what it took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Calls {
    /// Requests, again ones too.
    pub sent: u64,
    /// Requests whose answer was no use, so that they were sent again.
    pub repeated: u64,
    /// How often the server said that a quota is used up.
    pub over_quota: u64,
    /// Answers with text that is no Unicode, such as half of an emoji: U+FFFD stands in its place.
    #[serde(default)]
    pub mended: u64,
}

/// Makes something of an answer's body.
type Reads = fn(&[u8]) -> Option<Value>;

/// What one request came to.
enum Outcome {
    Answer(Value),
    /// For good.
    Failed(ExportError),
    /// Perhaps the next one does better.
    Unlucky(ExportError),
    /// The quota is used up; how long the server says to wait, if it does.
    TooMany(Option<Duration>, ExportError),
}

impl Source {
    pub(super) fn new(
        http: reqwest::Client,
        base: Url,
        pace: Pace,
        progress: watch::Sender<Progress>,
    ) -> Self {
        Self { http, base, pace, next: None, progress, calls: Calls::default(), clock: None }
    }

    pub(super) fn base(&self) -> &Url {
        &self.base
    }

    pub(super) fn calls(&self) -> Calls {
        self.calls
    }

    pub(super) fn progress(&self) -> &watch::Sender<Progress> {
        &self.progress
    }

    /// Unix milliseconds by the server's clock when it first answered, to the second; never later than that. Zero
    /// when it did not tell.
    pub(super) fn clock(&self) -> i64 {
        self.clock.unwrap_or_default()
    }

    /// Whether it is a Grandstand server, which tells more. Whoever answers otherwise than that is LeanCloud, or like it.
    pub(super) async fn kind(&mut self) -> Result<SourceKind, ExportError> {
        let url = self.url(&["openapi.json"], &[])?;
        let mut failures = 0;
        loop {
            self.pace.turn(&mut self.next).await;
            self.calls.sent += 1;
            let error = match self.once(&url, json).await {
                Outcome::Answer(answer) if answer["info"]["title"] == "Grandstand" => {
                    return Ok(SourceKind::Grandstand);
                }
                Outcome::Unlucky(error @ (ExportError::Unreachable { .. } | ExportError::TooSlow { .. }))
                | Outcome::TooMany(_, error) => error,
                Outcome::Unlucky(ExportError::Refused(refusal)) if refusal.status >= 500 => {
                    ExportError::Refused(refusal)
                }
                Outcome::Failed(error @ ExportError::SentElsewhere { .. }) => return Err(error),
                Outcome::Answer(_) | Outcome::Unlucky(_) | Outcome::Failed(_) => {
                    return Ok(SourceKind::LeanCloud);
                }
            };
            failures += 1;
            if failures >= PROBES.min(self.pace.attempts) {
                return Err(error);
            }
            self.wait(Waiting::Trouble, self.pace.back_off(failures)).await;
        }
    }

    /// Asks until there is an answer in JSON that `fits`, or a refusal that asking again does not change.
    pub(super) async fn get(
        &mut self,
        path: &[&str],
        query: &[(&str, String)],
        fits: fn(&Value) -> bool,
    ) -> Result<Value, ExportError> {
        let url = self.url(path, query)?;
        self.persist(&url, json, fits).await
    }

    /// The same for something that is answered as text.
    pub(super) async fn text(&mut self, path: &[&str]) -> Result<String, ExportError> {
        let url = self.url(path, &[])?;
        match self.persist(&url, text, Value::is_string).await? {
            Value::String(text) => Ok(text),
            _ => Ok(String::new()),
        }
    }

    async fn persist(
        &mut self,
        url: &Url,
        reads: Reads,
        fits: fn(&Value) -> bool,
    ) -> Result<Value, ExportError> {
        let (mut unlucky, mut over_quota) = (0, 0);
        loop {
            self.pace.turn(&mut self.next).await;
            self.calls.sent += 1;
            let error = match self.once(url, reads).await.that_fits(fits, url) {
                Outcome::Answer(answer) => return Ok(answer),
                Outcome::Failed(error) => return Err(error),
                Outcome::Unlucky(error) => {
                    unlucky += 1;
                    // Who talks nonsense, or has not answered yet, may not be the server at all.
                    let may_be_another = self.clock.is_none() || matches!(error, ExportError::Strange(_));
                    let most =
                        if may_be_another { PROBES.min(self.pace.attempts) } else { self.pace.attempts };
                    if unlucky >= most {
                        return Err(error);
                    }
                    self.wait(Waiting::Trouble, self.pace.back_off(unlucky)).await;
                    error
                }
                Outcome::TooMany(said, error) => {
                    over_quota += 1;
                    self.calls.over_quota += 1;
                    if over_quota >= self.pace.quotas {
                        return Err(error);
                    }
                    self.pace.slow_down();
                    self.wait(Waiting::Quota, self.pace.over_quota(said)).await;
                    error
                }
            };
            self.calls.repeated += 1;
            tracing::debug!(%error, "asking again");
        }
    }

    async fn wait(&self, why: Waiting, time: Duration) {
        self.progress.send_modify(|progress| progress.waiting = Some((why, time)));
        sleep(time).await;
        self.progress.send_modify(|progress| progress.waiting = None);
    }

    /// An id is one segment of the path, whatever is in it.
    fn url(&self, path: &[&str], query: &[(&str, String)]) -> Result<Url, ExportError> {
        let mut url = self.base.clone();
        if let Some(id) = path.iter().find(|id| matches!(**id, "" | "." | "..")) {
            return Err(ExportError::Strange(format!("{id:?} cannot be an id: no URL can hold it")));
        }
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(url)
    }

    async fn once(&mut self, url: &Url, reads: Reads) -> Outcome {
        let response = match self.http.get(url.clone()).send().await {
            Ok(response) => response,
            Err(error) => return Outcome::Unlucky(unsent(url, &error)),
        };
        let (status, headers) = (response.status(), response.headers().clone());
        if status.is_redirection() {
            let place = headers.get(LOCATION).and_then(|place| place.to_str().ok()).unwrap_or("nowhere");
            return Outcome::Failed(ExportError::SentElsewhere {
                server: self.base.to_string(),
                place: place.to_owned(),
            });
        }
        let body = match read(response).await {
            Ok(body) => body,
            Err(error) => return Outcome::Unlucky(unsent(url, &error)),
        };
        let Some(body) = body else {
            let problem = format!("it answers {} with more than {LARGEST_ANSWER} bytes", url.path());
            return Outcome::Failed(ExportError::Strange(problem));
        };
        // Refusals are JSON in any case.
        let answer = if status.is_success() { self.read_or_mend(&body, reads) } else { json(&body) };
        if answer.is_some() || status.is_success() {
            self.note_clock(&headers);
        }
        if status.is_success() {
            let strange =
                || ExportError::Strange(format!("it answers {} {status} with something else", url.path()));
            return answer.map_or_else(|| Outcome::Unlucky(strange()), Outcome::Answer);
        }
        let error = ExportError::Refused(Refusal::read(url.path(), status.as_u16(), answer.as_ref()));
        match status {
            StatusCode::TOO_MANY_REQUESTS => Outcome::TooMany(retry_after(&headers), error),
            StatusCode::REQUEST_TIMEOUT => Outcome::Unlucky(error),
            _ if status.is_server_error() => Outcome::Unlucky(error),
            // Something between here and the server speaks, and may soon speak otherwise.
            _ if answer.is_none() => Outcome::Unlucky(error),
            _ => Outcome::Failed(error),
        }
    }

    /// One text that is no Unicode does not cost the page.
    fn read_or_mend(&mut self, body: &[u8], reads: Reads) -> Option<Value> {
        let answer = reads(body);
        if answer.is_some() {
            return answer;
        }
        let mended = mend::mend(body)?;
        self.calls.mended += 1;
        Some(mended)
    }

    fn note_clock(&mut self, headers: &HeaderMap) {
        let date = headers.get(DATE).and_then(|date| date.to_str().ok());
        let time = date.and_then(|date| httpdate::parse_http_date(date).ok());
        let since = time.and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
        let seconds = since.and_then(|since| i64::try_from(since.as_secs()).ok()).unwrap_or_default();
        self.clock.get_or_insert(seconds.saturating_mul(SECOND));
    }
}

impl Outcome {
    fn that_fits(self, fits: fn(&Value) -> bool, url: &Url) -> Self {
        match self {
            Self::Answer(answer) if !fits(&answer) => {
                let problem = format!("its answer to {} is not what belongs there", url.path());
                Self::Unlucky(ExportError::Strange(problem))
            }
            other => other,
        }
    }
}

async fn read(mut response: Response) -> Result<Option<Vec<u8>>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > LARGEST_ANSWER {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body))
}

fn json(body: &[u8]) -> Option<Value> {
    serde_json::from_slice(body).ok()
}

fn text(body: &[u8]) -> Option<Value> {
    std::str::from_utf8(body).ok().map(Value::from)
}

/// In seconds, or as a date.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(std::time::SystemTime::now()).unwrap_or_default())
}

fn unsent(url: &Url, error: &reqwest::Error) -> ExportError {
    let server = url.origin().ascii_serialization();
    // The innermost cause: the others say only that there is one.
    let mut cause: &dyn Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    if error.is_timeout() {
        return ExportError::TooSlow { server };
    }
    ExportError::Unreachable { server, cause: cause.to_string() }
}
