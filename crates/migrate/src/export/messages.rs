//! Messages, oldest first: of the app in one stream, or of one room after the other.
//!
//! Each page but the first begins with the last message of the one before, and has to show it: that proves that nothing
//! is between them. A page that does not is asked for again, then from an earlier message, and what cannot be proven
//! stands in the report.

use std::collections::HashSet;

use serde_json::Value;

use super::{
    By, Run,
    cursor::{Anchor, Place, Walk},
    failure::ExportError,
    page::Page,
    rooms::IDS,
    row::kind,
};
use crate::{
    archive::{MessageLine, SourceKind},
    conversation::Kind,
};

/// How often a page that does not fit is asked for again.
const REPEATS: u32 = 4;

/// Milliseconds of a day.
const DAY: i64 = 24 * 60 * 60 * 1000;

impl Run {
    /// Reads messages into the archive, from where `walk` is.
    pub(super) async fn read_messages(&mut self, mut walk: Walk) -> Result<(), ExportError> {
        walk.remember();
        if self.cursor.by == By::App {
            return self.read_history(&mut walk, None).await;
        }
        while let Some((room, _)) = self.rooms.get_index(walk.room) {
            let room = room.clone();
            match self.read_history(&mut walk, Some(&room)).await {
                Err(ExportError::Refused(refusal)) if refusal.is_gone() => self.cursor.report.gone(&room),
                other => other?,
            }
            walk = Walk::of_room(walk.room + 1);
            self.note_walk(&mut walk)?;
        }
        Ok(())
    }

    /// The history of the app, or of a room, to its end.
    async fn read_history(&mut self, walk: &mut Walk, room: Option<&str>) -> Result<(), ExportError> {
        let mut doubts = 0;
        loop {
            let page = self.next_page(walk, room).await?;
            let rows = page.rows;
            let news = self.take(page, walk, room).await?;
            self.tell_walk(walk);
            if news {
                doubts = 0;
                self.note_walk(walk)?;
                if rows < self.most && self.is_late(walk.anchor.as_ref()) {
                    return Ok(());
                }
                continue;
            }
            // The newest message, asked for from the other end, says whether this is the end.
            if self.is_end(walk, room).await? {
                return Ok(());
            }
            doubts += 1;
            if doubts > REPEATS {
                let place = room.map_or("the app".to_owned(), |room| format!("room {room}"));
                let last = walk.anchor.as_ref().map_or("the beginning", |anchor| anchor.id.as_str());
                let what =
                    format!("the history of {place} has more behind {last}, and the server does not show it");
                self.cursor.report.missing(what, Value::Null);
                return Ok(());
            }
        }
    }

    /// Whether a message came after the export had begun: there is always one more in a live app.
    pub(super) fn is_late(&self, anchor: Option<&Anchor>) -> bool {
        let began = self.cursor.began;
        began > 0 && anchor.is_some_and(|anchor| anchor.timestamp >= began)
    }

    fn note_walk(&mut self, walk: &mut Walk) -> Result<(), ExportError> {
        if !self.is_due() {
            return Ok(());
        }
        self.cursor.place = Place::Messages(std::mem::take(walk));
        let sealed = self.seal();
        // It is lent for the time of sealing: its memory of ids is not sealed.
        if let Place::Messages(lent) = &mut self.cursor.place {
            *walk = std::mem::take(lent);
        }
        sealed
    }

    async fn is_end(&mut self, walk: &Walk, room: Option<&str>) -> Result<bool, ExportError> {
        let mut query = vec![("limit", "1".to_owned())];
        query.extend(self.options.until.map(|until| ("timestamp", until.to_string())));
        let answer = self.source.get(&history_path(room), &query, Value::is_array).await?;
        let page = Page::read(answer, None, room, self.kind);
        let Some(newest) = page.lines.first() else { return Ok(page.rows == 0 && walk.anchor.is_none()) };
        let newest_place = Anchor { timestamp: newest.timestamp, id: newest.id.clone() };
        let is_before = self.options.since.is_some_and(|since| newest.timestamp < since);
        // Its time is not after that of the last one: that is the end, also when the last one was deleted meanwhile.
        let is_behind = walk.anchor.as_ref().is_some_and(|last| newest.timestamp < last.timestamp);
        Ok(is_before || is_behind || walk.knows(&newest.id) || self.is_late(Some(&newest_place)))
    }

    /// The page behind the last message, as sound as it can be had.
    async fn next_page(&mut self, walk: &Walk, room: Option<&str>) -> Result<Page, ExportError> {
        let mut page = self.page(walk.anchor.as_ref(), room).await?;
        for _ in 0..REPEATS {
            if page.is_sound() {
                break;
            }
            self.cursor.report.continuity.repeated += 1;
            page = self.page(walk.anchor.as_ref(), room).await?;
        }
        match &walk.anchor {
            Some(anchor) if !page.begins => self.behind_an_earlier_one(walk, anchor, page, room).await,
            _ => Ok(page),
        }
    }

    /// The last message is not there any more, or the server does not find it: a page from one before it proves as much.
    async fn behind_an_earlier_one(
        &mut self,
        walk: &Walk,
        anchor: &Anchor,
        doubtful: Page,
        room: Option<&str>,
    ) -> Result<Page, ExportError> {
        for earlier in walk.earlier() {
            let page = self.page(Some(&earlier), room).await?;
            if page.begins && page.ordered {
                let what = format!(
                    "the server does not show message {} any more: it was deleted meanwhile",
                    anchor.id
                );
                self.cursor.report.note(what);
                return Ok(page);
            }
        }
        let what = format!(
            "behind message {} (time {}), the next page does not begin with it: messages between them may be missing",
            anchor.id, anchor.timestamp
        );
        self.cursor.report.missing(what, Value::Null);
        Ok(doubtful)
    }

    async fn page(&mut self, from: Option<&Anchor>, room: Option<&str>) -> Result<Page, ExportError> {
        loop {
            let mut query = vec![
                ("reversed", "true".to_owned()),
                ("limit", self.most.to_string()),
                ("include_start", "true".to_owned()),
            ];
            match from {
                Some(Anchor { timestamp, id }) => {
                    query.extend([("timestamp", timestamp.to_string()), ("msgid", id.clone())]);
                }
                None => query.extend(self.options.since.map(|since| ("timestamp", since.to_string()))),
            }
            query.extend(self.options.until.map(|until| ("till_timestamp", until.to_string())));
            match self.source.get(&history_path(room), &query, Value::is_array).await {
                Err(ExportError::Refused(refusal))
                    if refusal.status == 400 && self.most > 10 && !refusal.is_gone() =>
                {
                    self.most = (self.most / 2).max(10);
                }
                answer => return Ok(Page::read(answer?, from, room, self.kind)),
            }
        }
    }

    /// Adds what is new of a page; whether anything was.
    async fn take(&mut self, page: Page, walk: &mut Walk, room: Option<&str>) -> Result<bool, ExportError> {
        let continuity = &mut self.cursor.report.continuity;
        continuity.pages += 1;
        continuity.proven += u64::from(page.begins);
        if !page.ordered {
            self.cursor
                .report
                .note("a page of history is not in the order of its times; all of it is in the archive");
        }
        if room.is_none() {
            self.meet_new_rooms(&page.lines).await?;
        }
        let mut news = false;
        for (row, why) in page.broken {
            // The last row of a page may stand on the next one, too.
            if self.broken.insert(row.to_string()) {
                self.cursor.report.missing(format!("a row of history cannot be used: {why}"), row);
            }
        }
        for line in page.lines {
            let place = Anchor { timestamp: line.timestamp, id: line.id.clone() };
            if !walk.note(line.timestamp, &line.id) {
                self.cursor.report.continuity.duplicates += u64::from(walk.anchor.as_ref() != Some(&place));
                continue;
            }
            news = true;
            walk.anchor = Some(place);
            if self.rooms.contains_key(&line.room) {
                self.writer.message(&line)?;
            } else {
                self.cursor.report.other_messages.count(&line.room);
            }
        }
        Ok(news)
    }

    /// Rooms that were made after the list was read come with their first message.
    async fn meet_new_rooms(&mut self, lines: &[MessageLine]) -> Result<(), ExportError> {
        let mut strangers = Vec::new();
        let mut seen = HashSet::new();
        for line in lines {
            let room = &line.room;
            let is_stranger = !self.rooms.contains_key(room) && !self.no_rooms.contains(room);
            let is_new = || self.kind == SourceKind::Grandstand || may_be_new(room, self.cursor.began);
            if is_stranger && is_new() && seen.insert(room) {
                strangers.push(room.clone());
            }
        }
        for ids in strangers.chunks(IDS) {
            // What else is found was counted with the list of rooms.
            for row in self.look_up(ids).await?.into_iter().filter(|row| kind(row) == Kind::Room) {
                self.keep_room(row)?;
            }
        }
        self.no_rooms.extend(strangers.into_iter().filter(|id| !self.rooms.contains_key(id)));
        Ok(())
    }
}

fn history_path(room: Option<&str>) -> Vec<&str> {
    match room {
        Some(room) => vec!["1.2", "rtm", "chatrooms", room, "messages"],
        None => vec!["1.2", "rtm", "messages"],
    }
}

/// Ids of LeanCloud begin with the second in which they were made: one that is older than the export, and was not in the
/// list of rooms, is none.
fn may_be_new(id: &str, began: i64) -> bool {
    let is_object_id = id.len() == 24 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let seconds = id.get(..8).filter(|_| is_object_id).and_then(|head| i64::from_str_radix(head, 16).ok());
    seconds.is_none_or(|seconds| began == 0 || seconds * 1000 > began - DAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_tells_its_age() {
        let began = 1_700_000_000_000;
        let id = |seconds: i64| format!("{seconds:08x}0123456789abcdef");
        for (id, expected) in [
            (id(1_600_000_000), false),
            (id(1_700_000_000), true),
            (id(1_699_990_000), true),
            ("a-room".to_owned(), true),
            ("x".repeat(24), true),
        ] {
            assert_eq!(may_be_new(&id, began), expected, "{id}");
        }
        assert!(may_be_new(&id(1), 0));
    }
}
