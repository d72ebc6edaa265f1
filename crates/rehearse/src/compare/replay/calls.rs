//! Calls over HTTP: made again where the recording and the keys at hand allow it.

use std::io;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Uri};
use tokio::time::Instant;

use super::Replay;
use crate::{
    compare::{
        Settings,
        call::{self, Asked, encoded},
        difference::{Kind, Said},
        link::Mail,
        report::Skip,
    },
    recording::{Body, Proof, Request},
};

const APP: HeaderName = HeaderName::from_static("x-lc-id");
const KEY: HeaderName = HeaderName::from_static("x-lc-key");
const SESSION: HeaderName = HeaderName::from_static("x-lc-im-session-token");

/// A call that was made.
pub(super) struct Call {
    name: String,
    pub(super) answer: Option<io::Result<(u16, Bytes)>>,
}

impl Replay<'_> {
    pub(super) fn call(&mut self, _connection: u64, request: &Request) {
        let asked = match self.asked(request) {
            Ok(asked) => asked,
            Err(skip) => return self.draft.skip(skip),
        };
        let exchange = request.exchange;
        let name = format!("{} {}", request.method, request.path);
        self.calls.insert(exchange, Call { name, answer: None });
        self.draft.report.calls += 1;
        let (server, mail) = (self.settings.to.clone(), self.sender.clone());
        self.tasks.spawn(async move {
            let answer = call::ask(&server, asked).await;
            // Whoever waited may have given up.
            let _ = mail.send(Mail::Answer { exchange, answer }).await;
        });
    }

    fn asked(&mut self, request: &Request) -> Result<Asked, Skip> {
        if !request.chat {
            return Err(Skip::OtherCalls);
        }
        let body = match &request.body {
            Body::None => None,
            Body::Json(body) => Some(self.translator.value(&mut self.ties, "", body)),
            Body::Other(_) => return Err(Skip::Body),
        };
        let mut headers = vec![(APP, header(&self.settings.app)?)];
        let Settings { master_key, app_key, .. } = &self.settings;
        match request.proof {
            Some(Proof::MasterKey) => {
                let key = master_key.as_ref().ok_or(Skip::NoKey)?;
                headers.push((KEY, header(&format!("{key},master"))?));
            }
            Some(Proof::AppKey) => headers.push((KEY, header(app_key.as_ref().ok_or(Skip::NoKey)?)?)),
            None => {}
        }
        if let Some(session) = &request.session {
            let token = self.translator.token(&self.ties, session).ok_or(Skip::OldSession)?;
            headers.push((SESSION, header(&token)?));
        }
        let method = Method::from_bytes(request.method.as_bytes()).map_err(|_| Skip::Body)?;
        Ok(Asked { method, path: self.path(request)?, headers, body })
    }

    fn path(&mut self, request: &Request) -> Result<Uri, Skip> {
        let here = |part: &str| self.ties.ids.actual(part).map_or_else(|| part.to_owned(), encoded);
        let mut path = request.path.split('/').map(here).collect::<Vec<_>>().join("/");
        let mut separator = '?';
        for (key, value) in &request.query {
            let value = self.translator.value(&mut self.ties, key, value);
            let text = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
            path.push(separator);
            path.push_str(&format!("{}={}", encoded(key), encoded(&text)));
            separator = '&';
        }
        path.parse().map_err(|_| Skip::Body)
    }

    pub(super) async fn answer(
        &mut self,
        index: usize,
        connection: u64,
        exchange: u64,
        status: u16,
        body: &Body,
    ) {
        // What was not asked again has its reason in the report.
        let Some(call) = self.calls.get(&exchange) else { return };
        let name = call.name.clone();
        let deadline = Instant::now() + self.settings.wait;
        while self.calls.get(&exchange).is_some_and(|call| call.answer.is_none()) {
            if !self.receive(deadline).await {
                break;
            }
        }
        let (actual_status, bytes) = match self.calls.remove(&exchange).and_then(|call| call.answer) {
            Some(Ok(answer)) => answer,
            other => {
                let actual = other.and_then(Result::err).map(|cause| cause.to_string().into());
                return self.differ(index, connection, &name, Kind::Missing, None, (None, actual));
            }
        };
        self.draft.report.answers += 1;
        if status != actual_status {
            let values = (Some(status.into()), Some(actual_status.into()));
            self.differ(index, connection, &name, Kind::Status, None, values);
        }
        let content = self.translator.redactor.content(&bytes);
        let actual = self.translator.redactor.kept(true, Some(&bytes), content);
        let said = Said { what: &name, push: false };
        match (body, &actual) {
            (Body::Json(recorded), Body::Json(actual)) => {
                self.note(index, connection, &name, said, (recorded, actual));
            }
            (Body::None, Body::None) => {}
            // Neither is about chat, and digests of different keys say nothing.
            (Body::Other(recorded), Body::Other(actual)) if recorded.bytes == actual.bytes => {}
            (recorded, actual) => {
                let shown = |body: &Body| serde_json::to_value(body).ok();
                let values = (shown(recorded), shown(actual));
                self.differ(index, connection, &name, Kind::Field, Some("body".to_owned()), values);
            }
        }
    }
}

fn header(text: &str) -> Result<HeaderValue, Skip> {
    HeaderValue::from_str(text).map_err(|_| Skip::NoKey)
}
