//! An export in a folder, and what it has to come to.

use std::{collections::BTreeMap, path::Path, time::Duration};

use grandstand_migrate::{
    archive::{ArchiveReader, MessageLine},
    export::{self, ExportError, Exported, Options, Pace, Progress, Thoroughness},
};
use grandstand_protocol::Body;
use reqwest::{
    Url,
    header::{HeaderMap, HeaderValue},
};
use serde_json::{Map, Value};
use tempfile::TempDir;
use tokio::sync::watch;

use crate::{
    keys::{APP, MASTER_KEY},
    leancloud::LeanCloud,
    world::{Message, World, text},
};

/// Longest wait for an answer: the stand-in is on this machine.
const PATIENCE: Duration = Duration::from_millis(400);

pub(crate) struct Desk {
    folder: TempDir,
    pub(crate) options: Options,
    pub(crate) key: String,
    pub(crate) pace: Pace,
}

impl Desk {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = Options {
            out: folder.path().join("archive"),
            app: APP.to_owned(),
            rooms: Vec::new(),
            since: None,
            until: None,
            by: None,
            without: Vec::new(),
            checks: Thoroughness::Sample,
            seal_every: Duration::from_secs(30),
            made_by: "a test".to_owned(),
        };
        let pace = Pace {
            per_minute: 6_000_000,
            attempts: 30,
            quotas: 1000,
            first: Duration::from_millis(1),
            longest: Duration::from_millis(10),
            quota: Duration::from_millis(20),
            ..Pace::default()
        };
        Self { folder, options, key: MASTER_KEY.to_owned(), pace }
    }

    pub(crate) fn archive(&self) -> &Path {
        &self.options.out
    }

    pub(crate) fn beside(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// Exports, or goes on.
    pub(crate) async fn export(&self, url: &str) -> Result<Exported, ExportError> {
        let mut headers = HeaderMap::new();
        headers.insert("x-lc-id", HeaderValue::from_static(APP));
        headers.insert("x-lc-key", HeaderValue::from_str(&format!("{},master", self.key)).unwrap());
        // Fails when there is one already, which does as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .default_headers(headers)
            .redirect(reqwest::redirect::Policy::none())
            .timeout(PATIENCE)
            .no_proxy()
            .build()
            .unwrap();
        let progress = watch::Sender::new(Progress::default());
        let (base, options) = (Url::parse(url).unwrap(), self.options.clone());
        export::export(http, base, self.pace.clone(), options, progress).await
    }

    pub(crate) async fn complete(&self, from: &LeanCloud) -> Exported {
        let exported =
            self.export(&from.url()).await.unwrap_or_else(|error| panic!("{error}: {:?}", from.asked()));
        assert!(exported.manifest.complete, "{:#?}", exported.report);
        exported
    }
}

/// What an archive has to hold of a world, in the order of each room.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Everything {
    pub(crate) rooms: BTreeMap<String, Map<String, Value>>,
    pub(crate) messages: BTreeMap<String, Vec<MessageLine>>,
    pub(crate) silences: BTreeMap<String, Vec<String>>,
    pub(crate) blocks: BTreeMap<String, Vec<String>>,
    pub(crate) roles: BTreeMap<String, Vec<(String, String, String)>>,
}

impl Everything {
    pub(crate) fn there(world: &World) -> Self {
        let mut everything = Self {
            silences: world.silences.clone(),
            blocks: world.blocks.clone(),
            roles: world.roles.clone(),
            ..Self::default()
        };
        let rooms = world.rooms();
        for row in world.rows.iter().filter(|row| rooms.contains(&text(row, "objectId"))) {
            everything.rooms.insert(text(row, "objectId"), row.clone());
        }
        for message in &world.messages {
            if everything.rooms.contains_key(&message.conversation) {
                everything.messages.entry(message.conversation.clone()).or_default().push(line(message));
            }
        }
        everything
    }

    /// What is in an archive, each file checked.
    pub(crate) fn in_archive(folder: &Path) -> Self {
        let reader = ArchiveReader::open(folder).unwrap();
        let mut everything = Self::default();
        for room in reader.rooms() {
            let room = room.unwrap();
            assert!(
                everything.rooms.insert(room.id.clone(), room.row).is_none(),
                "{} is there twice",
                room.id
            );
        }
        for message in reader.messages() {
            let message = message.unwrap();
            everything.messages.entry(message.room.clone()).or_default().push(message);
        }
        for line in reader.silences() {
            let line = line.unwrap();
            everything.silences.entry(line.room).or_default().push(line.client);
        }
        for line in reader.blocks() {
            let line = line.unwrap();
            everything.blocks.entry(line.room).or_default().push(line.client);
        }
        for line in reader.roles() {
            let line = line.unwrap();
            everything.roles.entry(line.room).or_default().push((line.client, line.role, line.id.unwrap()));
        }
        everything
    }

    /// What the checks have found stands behind the rest.
    pub(crate) fn in_the_order_of(mut self, expected: &Self) -> Self {
        for (room, lines) in &mut self.messages {
            let there = expected.messages.get(room).map_or(&[][..], Vec::as_slice);
            lines.sort_by_key(|line| there.iter().position(|message| message.id == line.id));
        }
        self
    }

    /// Where they differ, briefly: all of it would be pages long.
    #[track_caller]
    pub(crate) fn assert_is(&self, expected: &Self) {
        assert_eq!(self.rooms.keys().collect::<Vec<_>>(), expected.rooms.keys().collect::<Vec<_>>());
        assert_eq!(self.rooms, expected.rooms);
        for (room, messages) in &expected.messages {
            let ids = |messages: &[MessageLine]| messages.iter().map(|m| m.id.clone()).collect::<Vec<_>>();
            let found = self.messages.get(room).map_or(&[][..], Vec::as_slice);
            assert_eq!(found.len(), messages.len(), "messages of {room}");
            assert_eq!(ids(found), ids(messages), "{room}");
            assert_eq!(found, messages, "{room}");
        }
        assert_eq!(self.messages.len(), expected.messages.len());
        assert_eq!(self.silences, expected.silences);
        assert_eq!(self.blocks, expected.blocks);
        assert_eq!(self.roles, expected.roles);
    }
}

fn line(message: &Message) -> MessageLine {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let body = match message.bin {
        true => Body::Binary(STANDARD.decode(&message.data).unwrap().into()),
        false => Body::Text(message.data.clone()),
    };
    let Message { id, conversation, from, timestamp, .. } = message.clone();
    MessageLine {
        ip: message.ip.clone(),
        recalled: message.data == "{\"_lctype\":-127}",
        ..MessageLine::new((id, conversation, from), timestamp, body)
    }
}
