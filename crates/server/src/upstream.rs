//! Pass-through: requests for what is not here go to the app's other server, and its answers come back.

mod bounded;
mod header;
mod refusal;

use std::{collections::HashMap, sync::Arc, time::Duration};

use arc_swap::{ArcSwap, ArcSwapOption};
use axum::{body::Body, response::Response};
use grandstand_protocol::AppId;
use http::{Method, Request, StatusCode, header::CONTENT_LENGTH, request::Parts};
use metrics::{counter, histogram};
use reqwest::{Client, Url, redirect};
use rustls::crypto::ring;
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout_at},
};
use tracing::{debug, error};

use crate::{apps::Apps, gateway::handshake::Connection};

use self::{
    bounded::{BodyFault, Bounded, Watched},
    refusal::Refusal,
};

/// Idle connections go before Node's own five seconds: a request must not meet a connection that is closing.
const IDLE: Duration = Duration::from_secs(4);

/// What the answer that time is over may take to be written.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Where an app's other requests go, and what the server puts up with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamSettings {
    /// Scheme and host, no path.
    pub origin: Url,
    pub connect_timeout: Duration,
    /// From a request's head to the last byte of its answer.
    pub timeout: Duration,
    /// Bytes of a request's body.
    pub request: usize,
    /// Bytes of an answer's body.
    pub answer: usize,
    /// Requests under way at one time.
    pub concurrency: usize,
}

/// The upstreams of all apps that have one.
#[derive(Debug)]
pub(crate) struct Upstreams {
    links: ArcSwap<HashMap<AppId, Arc<Link>>>,
    /// The only app that there is, to which requests belong that name none.
    only: ArcSwapOption<AppId>,
    /// This process's name in `Via`, by which it knows a request that went in a circle.
    pseudonym: String,
}

/// The connections to the upstream of one app, as long as its settings are the same.
#[derive(Debug)]
pub(crate) struct Link {
    app: AppId,
    settings: UpstreamSettings,
    /// `None` when it could not be made; the log says why.
    client: Option<Client>,
    places: Arc<Semaphore>,
}

impl Upstreams {
    pub(crate) fn new(random: [u8; 8]) -> Self {
        let digits: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        Self {
            links: ArcSwap::default(),
            only: ArcSwapOption::default(),
            pseudonym: format!("grandstand-{digits}"),
        }
    }

    /// Turns to the upstreams that these apps have now. Requests under way go on.
    pub(crate) fn serve(&self, apps: &Apps) {
        let known = self.links.load();
        let links = apps.iter().filter_map(|app| {
            let settings = app.upstream.as_ref()?;
            let same = known.get(&app.id).filter(|link| link.settings == *settings);
            let link = same.map_or_else(|| Arc::new(Link::new(app.id.clone(), settings)), Arc::clone);
            Some((app.id.clone(), link))
        });
        self.links.store(Arc::new(links.collect()));
        let mut all = apps.iter();
        let only = all.next().filter(|_| all.next().is_none());
        self.only.store(only.map(|app| Arc::new(app.id.clone())));
    }

    /// The way for requests of this app; for requests that name none, of the only app of this server. Of several, another
    /// tenant's keys and users could be in such a request.
    pub(crate) fn of(&self, app: Option<&str>) -> Option<Arc<Link>> {
        let links = self.links.load();
        match app {
            Some(app) => links.get(app).cloned(),
            None => links.get(&**self.only.load().as_ref()?).cloned(),
        }
    }

    /// How many apps have an upstream.
    pub(crate) fn count(&self) -> usize {
        self.links.load().len()
    }

    /// Passes a request on. Its body streams there, and the answer's body streams back.
    pub(crate) async fn pass(
        &self,
        link: &Link,
        connection: &Connection,
        request: Request<Body>,
    ) -> Result<Response, Refusal> {
        let begin = Instant::now();
        let passed = self.exchange(link, connection, request, begin + link.settings.timeout).await;
        let app = || link.app.as_str().to_owned();
        let outcome = match &passed {
            Ok(response) => class(response.status()),
            Err(refusal) => refusal.name(),
        };
        counter!("grandstand_upstream_requests_total", "app" => app(), "outcome" => outcome).increment(1);
        histogram!("grandstand_upstream_seconds", "app" => app()).record(begin.elapsed().as_secs_f64());
        passed
    }

    async fn exchange(
        &self,
        link: &Link,
        connection: &Connection,
        request: Request<Body>,
        deadline: Instant,
    ) -> Result<Response, Refusal> {
        let (parts, body) = request.into_parts();
        check(&parts, link.settings.request)?;
        if header::went_through(&parts.headers, &self.pseudonym) {
            return Err(Refusal::Circle);
        }
        let client = link.client.as_ref().ok_or(Refusal::Unreachable)?;
        let place = Arc::clone(&link.places).try_acquire_owned().map_err(|_| Refusal::Busy)?;
        connection.be_patient_until(deadline + LAST_WORDS);

        let headers = header::for_upstream(&parts, connection, &self.pseudonym);
        let (body, watched) = Bounded::new(body, link.settings.request, deadline, ());
        let request = client.request(parts.method, link.address(&parts.uri)).headers(headers);
        let sending = request.body(reqwest::Body::wrap(body)).send();
        let response = match timeout_at(deadline, sending).await {
            Ok(Ok(response)) => http::Response::from(response),
            Ok(Err(error)) => return Err(why(&error, &watched)),
            Err(_) if watched.is_complete() => return Err(Refusal::UpstreamTooSlow),
            Err(_) => return Err(Refusal::Body(BodyFault::TooSlow)),
        };
        let (mut parts, body) = response.into_parts();
        if parts.status == StatusCode::SWITCHING_PROTOCOLS {
            return Err(Refusal::Unreachable);
        }
        // The answer to HEAD announces what it does not bring.
        if announced(&parts.headers).is_some_and(|length| length > link.settings.answer as u64) {
            return Err(Refusal::AnswerTooLarge);
        }
        header::for_client(&mut parts.headers);
        let (body, _) = Bounded::new(Body::new(body), link.settings.answer, deadline, place);
        Ok(Response::from_parts(parts, Body::new(body.cut_is_counted_for(&link.app))))
    }
}

impl Link {
    fn new(app: AppId, settings: &UpstreamSettings) -> Self {
        // Fails when there is one already, which does as well.
        let _ = ring::default_provider().install_default();
        let builder = Client::builder()
            .connect_timeout(settings.connect_timeout)
            // Where to go on is the client's decision, not ours.
            .redirect(redirect::Policy::none())
            .no_proxy()
            .http1_only()
            .referer(false)
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(settings.concurrency);
        let failed = |error: &reqwest::Error| error!(%error, "could not prepare the way to an upstream");
        Self {
            app,
            settings: settings.clone(),
            client: builder.build().inspect_err(failed).ok(),
            places: Arc::new(Semaphore::new(settings.concurrency)),
        }
    }

    /// The same path and query at the origin; paths that would not stay the same were refused.
    fn address(&self, asked: &http::Uri) -> Url {
        let mut url = self.settings.origin.clone();
        url.set_path(asked.path());
        url.set_query(asked.query());
        url
    }
}

/// What this server passes on only in one reading.
fn check(parts: &Parts, limit: usize) -> Result<(), Refusal> {
    if matches!(parts.method, Method::CONNECT | Method::TRACE) {
        return Err(Refusal::Form("requests of this method are not passed on"));
    }
    let path = parts.uri.path();
    if !path.starts_with('/') || path.contains('\\') || path.split('/').any(is_dots) {
        return Err(Refusal::Form("the path has segments that mean another path"));
    }
    if header::is_websocket(&parts.headers) {
        return Err(Refusal::Form("WebSocket connections are not passed on; chat connects at /"));
    }
    if announced(&parts.headers).is_some_and(|length| length > limit as u64) {
        return Err(Refusal::Body(BodyFault::TooLarge));
    }
    Ok(())
}

/// `.` and `..`, also where a part of them is encoded.
fn is_dots(segment: &str) -> bool {
    let plain = segment.to_ascii_lowercase().replace("%2e", ".");
    plain == "." || plain == ".."
}

fn announced(headers: &http::HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Whose fault it was that there is no answer.
fn why(error: &reqwest::Error, watched: &Watched) -> Refusal {
    if let Some(fault) = watched.fault() {
        return Refusal::Body(fault);
    }
    debug!(error = %error.to_string(), "an upstream gave no answer");
    if error.is_timeout() { Refusal::UpstreamTooSlow } else { Refusal::Unreachable }
}

fn class(status: StatusCode) -> &'static str {
    match status.as_u16() / 100 {
        1 | 2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        _ => "5xx",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apps::App;

    fn settings(origin: &str) -> UpstreamSettings {
        UpstreamSettings {
            origin: origin.parse().unwrap(),
            connect_timeout: Duration::from_secs(1),
            timeout: Duration::from_secs(1),
            request: 100,
            answer: 100,
            concurrency: 1,
        }
    }

    fn app(id: &str, origin: Option<&str>) -> App {
        App { upstream: origin.map(settings), ..App::new(id, "key", "master") }
    }

    #[test]
    fn a_request_without_an_app_belongs_to_the_only_app() {
        let upstreams = Upstreams::new([0; 8]);
        upstreams.serve(&Apps::new(vec![app("one", Some("http://one.test")), app("two", None)]));
        let found = |app| upstreams.of(app).map(|link| link.app.as_str().to_owned());
        for (asked, expected) in
            [(Some("one"), Some("one")), (Some("two"), None), (Some("none"), None), (None, None)]
        {
            assert_eq!(found(asked).as_deref(), expected, "{asked:?}");
        }
        let before = upstreams.of(Some("one")).unwrap();
        upstreams.serve(&Apps::new(vec![
            app("one", Some("http://one.test")),
            app("two", Some("http://two.test")),
        ]));
        assert!(Arc::ptr_eq(&before, &upstreams.of(Some("one")).unwrap()), "the same settings, the same way");
        upstreams.serve(&Apps::new(vec![app("one", Some("http://other.test"))]));
        assert!(!Arc::ptr_eq(&before, &upstreams.of(Some("one")).unwrap()));
        assert!(upstreams.of(Some("two")).is_none());
        assert!(Arc::ptr_eq(&upstreams.of(None).unwrap(), &upstreams.of(Some("one")).unwrap()));
        upstreams.serve(&Apps::new(vec![app("one", None)]));
        assert!(upstreams.of(None).is_none());
    }

    #[test]
    fn paths_and_queries_stay_as_they_are() {
        let link = Link::new("app".into(), &settings("https://api.example.com"));
        for path in ["/1.1/classes/Post?where=%7B%22a%22%3A1%7D&limit=2", "//twice//", "/%E4%B8%AD?", "/"] {
            let address = link.address(&path.parse().unwrap());
            assert_eq!(address.as_str(), format!("https://api.example.com{path}"));
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for (method, path, refused) in [
            ("GET", "/1.1/classes/Post", false),
            ("GET", "/a/...", false),
            ("GET", "/a/.b", false),
            ("GET", "/a/../b", true),
            ("GET", "/a/%2e%2E/b", true),
            ("GET", "/a/.%2e", true),
            ("GET", "/./a", true),
            ("GET", "/a\\..\\b", true),
            ("TRACE", "/a", true),
            ("CONNECT", "/a", true),
        ] {
            let request = Request::builder().method(method).uri(path).body(()).unwrap();
            let (parts, ()) = request.into_parts();
            assert_eq!(check(&parts, 10).is_err(), refused, "{method} {path}");
        }
    }
}
