//! Commands: what the app said is said again, and what the server said is waited for.

use grandstand_protocol::Fields;
use serde_json::{Map, Value};
use tokio::time::Instant;

use super::{Replay, now};
use crate::{
    compare::{
        difference::{Kind, Said},
        known::Known,
        report::Skip,
        sign,
        stage::what,
    },
    recording::{Event, Side},
};

/// Lines ahead that are asked whether an arrival is theirs.
const AHEAD: usize = 500;

/// What belongs to no chat room, so that servers may say it or not.
pub(super) fn beside_the_point(fields: &Map<String, Value>) -> Option<Known> {
    match fields.get("cmd")?.as_str()? {
        "unread" => Some(Known::Unread),
        "loggedin" => Some(Known::PushLogin),
        _ => None,
    }
}

impl Replay<'_> {
    pub(super) async fn send(&mut self, connection: u64, recorded: &Map<String, Value>) {
        let Some(stage) = self.stages.get(&connection).filter(|stage| !stage.left && stage.link.is_some())
        else {
            return self.draft.skip(Skip::Unopened);
        };
        let (format, client) = (stage.format, stage.client.clone());
        let mut fields = recorded.clone();
        let signed = sign::is_signed(&fields);
        if signed {
            sign::strip(&mut fields);
        }
        if let Some(token) = fields.get("st")
            && self.translator.token(&self.ties, token).is_none()
        {
            fields.remove("st");
            self.draft.skip(Skip::OldToken);
        }
        let mut fields = self.translator.object(&mut self.ties, &fields);
        let client = fields.get("peerId").and_then(Value::as_str).map(ToOwned::to_owned).or(client);
        if signed {
            self.sign(&mut fields, client.as_deref().unwrap_or_default());
        }
        let frame = format.and_then(|format| Fields { object: fields, unknown: 0 }.write(format).ok());
        let Some(stage) = self.stages.get_mut(&connection) else { return };
        if what(recorded) == "session/open" && stage.client.is_none() {
            stage.client = client;
        }
        let (Some(frame), Some(link)) = (frame, &mut stage.link) else {
            return self.draft.skip(Skip::Unreadable);
        };
        // A link that cannot be written has been closed, which is compared where that was expected.
        if link.send(frame).await {
            self.draft.report.commands += 1;
        }
    }

    fn sign(&mut self, fields: &mut Map<String, Value>, client: &str) {
        let nonce = format!("{:016x}", rand::random::<u64>());
        let app = self.settings.app.clone();
        let signed = match &self.settings.master_key {
            Some(key) => sign::sign(fields, &app, client, key, now(), &nonce),
            None => false,
        };
        let count = if signed { &mut self.draft.report.signed } else { &mut self.draft.report.unsigned };
        *count += 1;
    }

    pub(super) async fn expect(&mut self, index: usize, connection: u64, recorded: &Map<String, Value>) {
        if let Some(known) = beside_the_point(recorded) {
            return self.draft.known(known, 1);
        }
        match self.stages.get(&connection) {
            Some(stage) if stage.left => return self.draft.skip(Skip::Late),
            Some(stage) if stage.link.is_some() => {}
            _ => return self.draft.skip(Skip::Unopened),
        }
        let name = what(recorded);
        let said = Said { what: &name, push: !recorded.contains_key("i") };
        let found = if said.push {
            self.pushed(index, connection, said, recorded).await
        } else {
            self.replied(connection, recorded).await
        };
        let stage = self.stages.get_mut(&connection);
        let Some(actual) = found.and_then(|at| stage?.expect(at, index)) else {
            let recorded = Some(Value::Object(recorded.clone()));
            return self.differ(index, connection, &name, Kind::Missing, None, (recorded, None));
        };
        if said.push {
            self.draft.report.pushes += 1;
        } else {
            self.draft.report.replies += 1;
        }
        self.learn_invented_client(connection, recorded, &actual);
        let (recorded, actual) = (Value::Object(recorded.clone()), Value::Object(actual));
        self.note(index, connection, &name, said, (&recorded, &actual));
    }

    /// Compares two things that both servers said.
    pub(super) fn note(
        &mut self,
        index: usize,
        connection: u64,
        name: &str,
        said: Said<'_>,
        (recorded, actual): (&Value, &Value),
    ) {
        let found = self.ties.compare(said, recorded, actual);
        for (known, count) in found.known {
            self.draft.known(known, count);
        }
        for (field, recorded, actual) in found.fields {
            self.differ(index, connection, name, Kind::Field, Some(field), (recorded, actual));
        }
    }

    /// A client that named none gets one from the server; it is another one here.
    fn learn_invented_client(
        &mut self,
        connection: u64,
        recorded: &Map<String, Value>,
        actual: &Map<String, Value>,
    ) {
        let Some(stage) = self.stages.get_mut(&connection) else { return };
        if what(recorded) == "session/opened" && stage.client.is_none() {
            let id = |fields: &Map<String, Value>| {
                fields.get("peerId").and_then(Value::as_str).map(ToOwned::to_owned)
            };
            if let (Some(before), Some(now)) = (id(recorded), id(actual)) {
                self.ties.ids.learn(&before, &now);
                stage.client = Some(now);
            }
        }
    }

    /// Waits for the reply to the same command.
    async fn replied(&mut self, connection: u64, recorded: &Map<String, Value>) -> Option<usize> {
        let serial = recorded.get("i");
        let deadline = Instant::now() + self.settings.wait;
        loop {
            let stage = self.stages.get(&connection)?;
            let at = stage.arrivals.iter().position(|arrival| arrival.fields.get("i") == serial);
            if at.is_some() || stage.closed.is_some() {
                return at;
            }
            if !self.receive(deadline).await {
                return None;
            }
        }
    }

    /// Waits for a push that may be the same; else the first of its kind that cannot be another one that follows.
    async fn pushed(
        &mut self,
        index: usize,
        connection: u64,
        said: Said<'_>,
        recorded: &Map<String, Value>,
    ) -> Option<usize> {
        let deadline = Instant::now() + self.settings.wait;
        loop {
            let stage = self.stages.get(&connection)?;
            let ties = &mut self.ties;
            let same = stage.arrivals.iter().position(|arrival| {
                !arrival.fields.contains_key("i") && ties.may_be(said, recorded, &arrival.fields)
            });
            if same.is_some() {
                return same;
            }
            if stage.closed.is_some() || !self.receive(deadline).await {
                break;
            }
        }
        let stage = self.stages.get(&connection)?;
        let alike = |fields: &Map<String, Value>| !fields.contains_key("i") && what(fields) == said.what;
        let alike: Vec<usize> =
            stage.arrivals.iter().enumerate().filter(|(_, a)| alike(&a.fields)).map(|(at, _)| at).collect();
        let ahead = self.recording.lines.iter().skip(index + 1).take(AHEAD);
        let ahead: Vec<&Map<String, Value>> = ahead
            .filter_map(|line| match &line.event {
                Event::Command { from: Side::Server, fields, .. } if line.connection == connection => {
                    Some(fields)
                }
                _ => None,
            })
            .filter(|fields| !fields.contains_key("i") && what(fields) == said.what)
            .collect();
        let ties = &mut self.ties;
        alike
            .into_iter()
            .find(|at| !ahead.iter().any(|later| ties.may_be(said, later, &stage.arrivals[*at].fields)))
    }
}
