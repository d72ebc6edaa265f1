//! The app's side of a recording, said again line by line; each line of the server is waited for before the next.

mod calls;
mod commands;

use std::{
    collections::HashMap,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use grandstand_protocol::{Format, Subprotocol};
use serde_json::Value;
use tokio::{
    sync::mpsc::{self, Receiver, Sender},
    task::JoinSet,
    time::{Instant, sleep, sleep_until, timeout_at},
};

use super::{
    Report, Settings,
    difference::{Difference, Kind, Ties},
    field,
    known::Known,
    link::{self, Agreed, Link, Mail},
    made::{Hidden, Made},
    names::{Pairs, Times},
    report::{Draft, Skip},
    stage::{Stage, Swapped, what},
    translate::Translator,
};
use crate::{
    Server,
    recording::{Event, Line, Recording, Side},
    redact::Redactor,
};

/// What waits to be looked at; beyond it, the server waits.
const MAIL: usize = 256;

/// After the last line, the server may say more for so long.
const QUIET: Duration = Duration::from_millis(600);

/// What a server may need to notice that somebody has gone, as far as the recording left it as much.
const NOTICE: Duration = Duration::from_millis(300);

/// A recording on its way.
pub(super) struct Replay<'a> {
    recording: &'a Recording,
    settings: Settings,
    socket: Server,
    ties: Ties,
    translator: Translator,
    stages: HashMap<u64, Stage>,
    /// Calls that were made: what they were, and their answers once they are there.
    calls: HashMap<u64, calls::Call>,
    mail: Receiver<Mail>,
    sender: Sender<Mail>,
    tasks: JoinSet<()>,
    draft: Draft,
}

impl<'a> Replay<'a> {
    pub(super) fn new(recording: &'a Recording, settings: Settings, socket: Server) -> Self {
        let (sender, mail) = mpsc::channel(MAIL);
        let began = field::from_iso(&recording.header.started_at).unwrap_or_else(now);
        let ties = Ties {
            ids: Pairs::default(),
            digests: Pairs::default(),
            times: Times::new(began, now()),
            ignore: settings.ignore.clone(),
        };
        let translator = Translator {
            app: settings.app.clone(),
            run: format!("{:08x}", rand::random::<u32>()),
            made: Made::default(),
            tokens: HashMap::new(),
            redactor: Redactor::new(recording.header.texts_kept),
        };
        let mut draft = Draft::default();
        draft.report.recorded.clone_from(&recording.header.to);
        draft.report.compared_with = settings.to.to_string();
        let (stages, calls, tasks) = (HashMap::new(), HashMap::new(), JoinSet::new());
        Self { recording, settings, socket, ties, translator, stages, calls, mail, sender, tasks, draft }
    }

    pub(super) async fn run(mut self, mut progress: impl FnMut(usize)) -> Report {
        let begin = Instant::now();
        for index in 0..self.recording.lines.len() {
            let line = &self.recording.lines[index];
            if self.settings.keep_pauses {
                sleep_until(begin + Duration::from_millis(line.at)).await;
            }
            self.step(index, line).await;
            progress(index + 1);
        }
        self.finish().await
    }

    async fn step(&mut self, index: usize, line: &Line) {
        let connection = line.connection;
        match &line.event {
            Event::Upgrade { subprotocol, in_url, .. } => {
                self.open(index, connection, subprotocol.as_deref(), in_url.as_deref()).await;
            }
            Event::Upgraded { status, subprotocol } => {
                self.opened(index, connection, *status, subprotocol.as_deref());
            }
            Event::Command { from: Side::App, fields, .. } => self.send(connection, fields).await,
            Event::Command { from: Side::Server, fields, .. } => self.expect(index, connection, fields).await,
            Event::Message { .. } | Event::Broken { .. } => self.draft.skip(Skip::Unreadable),
            Event::Ping { .. } | Event::Pong { .. } => {}
            Event::Close { from: Side::App, code, .. } => self.leave(index, connection, Some(*code)).await,
            Event::Close { from: Side::Server, code, .. } => {
                self.expect_close(index, connection, *code).await
            }
            Event::End { from: Side::App, .. } => self.leave(index, connection, None).await,
            Event::End { from: Side::Server, .. } => self.expect_end(index, connection).await,
            Event::Request(request) => self.call(connection, request),
            Event::Answer { exchange, status, body } => {
                self.answer(index, connection, *exchange, *status, body).await
            }
            Event::Unanswered { exchange, .. } => {
                self.calls.remove(exchange);
                self.stages.remove(&connection);
                self.draft.skip(Skip::NoAnswer);
            }
        }
    }

    async fn open(&mut self, index: usize, connection: u64, subprotocol: Option<&str>, in_url: Option<&str>) {
        let named = in_url.and_then(|name| Subprotocol::from_name(name).ok());
        let mut stage = Stage::default();
        stage.format = named.map(|named| named.format);
        match link::open(&self.socket, subprotocol, in_url).await {
            Ok(agreed) => stage.agreed = Some(agreed),
            Err(cause) => {
                let actual = Some(cause.to_string().into());
                self.differ(index, connection, "upgrade", Kind::Upgrade, None, (None, actual));
            }
        }
        self.stages.insert(connection, stage);
    }

    fn opened(&mut self, index: usize, connection: u64, status: u16, subprotocol: Option<&str>) {
        let Some(stage) = self.stages.get_mut(&connection) else { return };
        let Some(Agreed { status: actual, subprotocol: chosen, socket }) = stage.agreed.take() else {
            return;
        };
        if let Some(socket) = socket {
            let format = subprotocol.and_then(|name| Subprotocol::from_name(name).ok());
            let format = format.map(|named| named.format).or(stage.format);
            let format = format.unwrap_or_else(|| unnamed(self.recording, connection));
            stage.format = Some(format);
            if status == 101 {
                let mail = self.sender.clone();
                stage.link = Some(Link::start(socket, format, connection, mail, &mut self.tasks));
                self.draft.report.web_sockets += 1;
            }
        }
        if (status, subprotocol) != (actual, chosen.as_deref()) {
            let shown = |status: u16, name: Option<&str>| {
                Some(format!("{status} {}", name.unwrap_or_default()).into())
            };
            let values = (shown(status, subprotocol), shown(actual, chosen.as_deref()));
            self.differ(index, connection, "upgrade", Kind::Upgrade, None, values);
        }
    }

    /// The app closes, or is gone: what came until now is all that it got.
    async fn leave(&mut self, index: usize, connection: u64, close: Option<Option<u16>>) {
        self.take_all();
        self.unexpected(index, connection);
        let Some(stage) = self.stages.get_mut(&connection) else { return };
        stage.left = true;
        match (close, stage.link.take()) {
            (Some(code), Some(mut link)) => {
                link.close(code).await;
                stage.link = Some(link);
            }
            (None, Some(link)) => link.drop_at_once(),
            (_, None) => {}
        }
        let next = self.recording.lines.get(index + 1);
        let pause = next.map_or(0, |next| next.at.saturating_sub(self.recording.lines[index].at));
        sleep(NOTICE.min(Duration::from_millis(pause))).await;
    }

    async fn expect_close(&mut self, index: usize, connection: u64, code: Option<u16>) {
        let Some(stage) = self.stages.get_mut(&connection).filter(|stage| !stage.left) else { return };
        stage.close_expected = true;
        if stage.link.is_none() {
            return self.draft.skip(Skip::Unopened);
        }
        match self.closed(connection).await {
            Some(actual) if actual == code => {}
            closed => {
                let kind = if closed.is_some() { Kind::Close } else { Kind::Missing };
                let values = (Some(shown(code)), closed.map(shown));
                self.differ(index, connection, "close", kind, None, values);
            }
        }
    }

    async fn expect_end(&mut self, index: usize, connection: u64) {
        let waits = |stage: &&mut Stage| !stage.left && !stage.close_expected && stage.link.is_some();
        let Some(stage) = self.stages.get_mut(&connection).filter(waits) else { return };
        stage.close_expected = true;
        match self.closed(connection).await {
            Some(None) => {}
            Some(code) => {
                self.differ(index, connection, "end", Kind::Close, None, (None, Some(shown(code))));
            }
            None => self.differ(index, connection, "end", Kind::Missing, None, (None, None)),
        }
    }

    /// Waits until the server has closed a connection: its code, if it gave one.
    async fn closed(&mut self, connection: u64) -> Option<Option<u16>> {
        let deadline = Instant::now() + self.settings.wait;
        loop {
            if let Some(code) = self.stages.get(&connection).and_then(|stage| stage.closed) {
                return Some(code);
            }
            if !self.receive(deadline).await {
                return None;
            }
        }
    }

    /// Takes one piece of mail, if any comes in time.
    async fn receive(&mut self, deadline: Instant) -> bool {
        match timeout_at(deadline, self.mail.recv()).await {
            Ok(Some(mail)) => {
                self.take(mail);
                true
            }
            // The sender is kept here, so there is always one.
            Ok(None) | Err(_) => false,
        }
    }

    fn take_all(&mut self) {
        while let Ok(mail) = self.mail.try_recv() {
            self.take(mail);
        }
    }

    fn take(&mut self, mail: Mail) {
        match mail {
            Mail::Command { connection, mut fields } => {
                let token = fields.get("st").and_then(Value::as_str).map(ToOwned::to_owned);
                self.translator.redactor.command(&mut fields);
                if let (Some(token), Some(hidden)) = (token, fields.get("st").and_then(Hidden::read)) {
                    self.translator.tokens.insert(hidden.digest.to_owned(), token);
                }
                if let Some(stage) = self.stages.get_mut(&connection) {
                    stage.arrive(fields);
                }
            }
            Mail::Unreadable { connection, why } => {
                let last = self.recording.lines.len();
                self.differ(last, connection, "message", Kind::Unexpected, None, (None, Some(why.into())));
            }
            Mail::Closed { connection, code } => {
                if let Some(stage) = self.stages.get_mut(&connection) {
                    stage.closed.get_or_insert(code);
                }
            }
            Mail::Answer { exchange, answer } => {
                if let Some(call) = self.calls.get_mut(&exchange) {
                    call.answer = Some(answer);
                }
            }
        }
    }

    /// What came on a connection and was never expected.
    fn unexpected(&mut self, index: usize, connection: u64) {
        let Some(stage) = self.stages.get_mut(&connection).filter(|stage| !stage.left) else { return };
        let rest: Vec<_> = stage.arrivals.drain(..).collect();
        let close = stage.closed.filter(|_| !stage.close_expected);
        stage.close_expected = true;
        for arrival in rest {
            match commands::beside_the_point(&arrival.fields) {
                Some(known) => self.draft.known(known, 1),
                None => {
                    let name = what(&arrival.fields);
                    let actual = Some(Value::Object(arrival.fields));
                    self.differ(index, connection, &name, Kind::Unexpected, None, (None, actual));
                }
            }
        }
        if let Some(code) = close {
            self.differ(index, connection, "close", Kind::Unexpected, None, (None, Some(shown(code))));
        }
    }

    async fn finish(mut self) -> Report {
        let mut deadline = Instant::now() + QUIET;
        while self.receive(deadline).await {
            deadline = Instant::now() + QUIET;
        }
        let mut connections: Vec<u64> = self.stages.keys().copied().collect();
        connections.sort_unstable();
        for connection in connections {
            self.unexpected(self.recording.lines.len(), connection);
            let swapped = self.stages.get(&connection).map(Stage::swapped).unwrap_or_default();
            for swapped in swapped {
                match swapped {
                    Swapped::Race => self.draft.known(Known::Race, 1),
                    Swapped::Unknown { line, what } => {
                        self.differ(line, connection, &what, Kind::Order, None, (None, None));
                    }
                }
            }
        }
        self.tasks.abort_all();
        self.draft.finish()
    }

    fn differ(
        &mut self,
        index: usize,
        connection: u64,
        what: &str,
        kind: Kind,
        field: Option<String>,
        (recorded, actual): (Option<Value>, Option<Value>),
    ) {
        let what = what.to_owned();
        // Behind the last line there is none.
        let line = if index < self.recording.lines.len() { index + 2 } else { 0 };
        self.draft.differ(Difference { line, connection, what, kind, field, recorded, actual });
    }
}

/// A connection without a subprotocol speaks what its first command is written in.
fn unnamed(recording: &Recording, connection: u64) -> Format {
    let first = recording.lines.iter().find_map(|line| match &line.event {
        Event::Command { text, .. } if line.connection == connection => Some(*text),
        _ => None,
    });
    if first == Some(true) { Format::Json } else { Format::Binary }
}

fn shown(code: Option<u16>) -> Value {
    code.map_or_else(|| "without a code".into(), Value::from)
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
