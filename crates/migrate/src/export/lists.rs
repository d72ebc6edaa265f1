//! Who is silenced or blocked, who has a role, and what holds for everybody, room by room.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::{
    List, Run,
    cursor::{Lists, Place},
    failure::{ExportError, Refusal},
};
use crate::{
    archive::{MuteAllLine, RestrictionLine, RoleLine, SlowModeLine, SourceKind, SwitchesLine},
    conversation::moment,
};

/// Clients of a page: LeanCloud's SDKs ask for no more.
const PAGE: usize = 100;

/// Rooms in a row that refuse a list before nobody is asked for it any more: it is switched off for the app.
const REFUSALS: u32 = 20;

impl Run {
    /// Reads all lists of the rooms into the archive, from where `lists` is.
    pub(super) async fn read_lists(&mut self, mut lists: Lists) -> Result<(), ExportError> {
        let is_there = |list: &List| *list != List::Switches || self.kind == SourceKind::Grandstand;
        let is_wanted = |list: &List| is_there(list) && !self.cursor.without.contains(list);
        let wanted: Vec<List> = List::OF_ROOMS.into_iter().filter(is_wanted).collect();
        while let Some((room, _)) = self.rooms.get_index(lists.room).filter(|_| !wanted.is_empty()) {
            let room = room.clone();
            for list in &wanted {
                if lists.gave_up(*list) {
                    continue;
                }
                match self.read_list(*list, &room).await {
                    Ok(()) => lists.note(*list, false),
                    Err(ExportError::Refused(refusal)) if refusal.is_gone() => {
                        self.cursor.report.gone(&room);
                        break;
                    }
                    Err(ExportError::Refused(refusal)) if refusal.is_of_the_list() => {
                        self.cursor.report.refused(in_words(*list, &refusal));
                        lists.note(*list, true);
                    }
                    Err(error) => return Err(error),
                }
            }
            lists.room += 1;
            self.tell_share(lists.room as f64 / self.rooms.len() as f64);
            self.cursor.place = Place::Lists(Lists { room: lists.room, refused: lists.refused.clone() });
            self.seal_if_due()?;
        }
        Ok(())
    }

    async fn read_list(&mut self, list: List, room: &str) -> Result<(), ExportError> {
        match list {
            List::Silences => {
                for line in self.restricted(room, "permanent-silenceds").await? {
                    self.writer.silence(&line)?;
                }
                // LeanCloud shows to nobody who is silenced for a time.
                if self.kind == SourceKind::Grandstand {
                    for line in self.restricted(room, "temporary-silenceds").await? {
                        self.writer.silence(&line)?;
                    }
                }
            }
            List::Blocks => {
                for line in self.restricted(room, "blacklists").await? {
                    self.writer.block(&line)?;
                }
            }
            List::Roles => {
                for line in self.roles(room).await? {
                    self.writer.role(&line)?;
                }
            }
            List::Switches => {
                let path = ["1.2", "rtm", "chatrooms", room, "switches"];
                let shown = self.source.get(&path, &[], Value::is_object).await?;
                let line = switches(room, &shown);
                if line != (SwitchesLine { room: room.to_owned(), ..SwitchesLine::default() }) {
                    self.writer.switches(&line)?;
                }
            }
            // They belong to no room.
            List::Bans | List::Words => {}
        }
        Ok(())
    }

    async fn restricted(&mut self, room: &str, name: &str) -> Result<Vec<RestrictionLine>, ExportError> {
        let (mut lines, mut known, mut next) = (Vec::new(), HashSet::new(), None::<String>);
        loop {
            let mut query = vec![("limit", PAGE.to_string())];
            query.extend(next.clone().map(|next| ("next", next)));
            let path = ["1.2", "rtm", "chatrooms", room, name];
            let answer = self.source.get(&path, &query, |answer| answer["client_ids"].is_array()).await?;
            let clients = answer["client_ids"].as_array().cloned().unwrap_or_default();
            let before = lines.len();
            for client in clients.iter().filter_map(Value::as_str) {
                if known.insert(client.to_owned()) {
                    let until = answer["until"].get(client).and_then(moment);
                    lines.push(RestrictionLine { room: room.to_owned(), client: client.to_owned(), until });
                }
            }
            let following = match &answer["next"] {
                Value::String(text) if !text.is_empty() => Some(text.clone()),
                Value::Number(number) => Some(number.to_string()),
                _ => None,
            };
            if following.is_none() {
                return Ok(lines);
            }
            if following == next || lines.len() == before {
                let what =
                    format!("the {name} of room {room} do not come to an end; {before} are in the archive");
                self.cursor.report.missing(what, json!({ "next": following }));
                return Ok(lines);
            }
            next = following;
        }
    }

    /// A page may have fewer rows than it was asked for, so they end where nothing new comes. Rows that come again do not
    /// count: the next page would begin too late.
    async fn roles(&mut self, room: &str) -> Result<Vec<RoleLine>, ExportError> {
        let (mut lines, mut known) = (Vec::new(), HashSet::new());
        loop {
            let query = [("skip", known.len().to_string()), ("limit", PAGE.to_string())];
            let path = ["1.2", "rtm", "chatrooms", room, "member-infos"];
            let answer = self.source.get(&path, &query, |answer| answer["results"].is_array()).await?;
            let before = known.len();
            for row in answer["results"].as_array().into_iter().flatten() {
                let text = |key: &str| row[key].as_str().map(str::to_owned);
                let client = text("clientId");
                if !known.insert(client.clone().unwrap_or_else(|| row.to_string())) {
                    continue;
                }
                let (Some(client), Some(role)) = (client, text("role")) else {
                    let what = format!("a role in room {room} has no client or no name");
                    self.cursor.report.missing(what, row.clone());
                    continue;
                };
                lines.push(RoleLine { room: room.to_owned(), client, role, id: text("objectId") });
            }
            if known.len() == before {
                return Ok(lines);
            }
        }
    }
}

/// What is on of a room's switches.
fn switches(room: &str, shown: &Value) -> SwitchesLine {
    let (mute, slow) = (&shown["mute_all"], &shown["slow_mode"]);
    let seconds = slow["seconds"].as_u64().and_then(|seconds| u32::try_from(seconds).ok());
    SwitchesLine {
        room: room.to_owned(),
        mute_all: mute.is_object().then(|| MuteAllLine {
            until: moment(&mute["until"]),
            clients: texts(&mute["client_ids"]),
            roles: texts(&mute["roles"]),
        }),
        slow_mode: seconds.map(|seconds| SlowModeLine { seconds, roles: texts(&slow["roles"]) }),
        frozen: shown["frozen"] == true,
    }
}

fn texts(values: &Value) -> Vec<String> {
    values.as_array().into_iter().flatten().filter_map(|value| value.as_str().map(str::to_owned)).collect()
}

fn in_words(list: List, refusal: &Refusal) -> String {
    let code = refusal.code.map(|code| format!(" (code {code})")).unwrap_or_default();
    format!("{}: {}{code} {}", list.name(), refusal.status, refusal.words)
}

impl Lists {
    fn gave_up(&self, list: List) -> bool {
        self.refused.iter().any(|(refused, rooms)| *refused == list && *rooms >= REFUSALS)
    }

    fn note(&mut self, list: List, refused: bool) {
        self.refused.retain(|(known, _)| refused || *known != list);
        match self.refused.iter_mut().find(|(known, _)| *known == list) {
            Some((_, rooms)) => *rooms += 1,
            None if refused => self.refused.push((list, 1)),
            None => {}
        }
    }
}
