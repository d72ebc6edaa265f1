//! After the reading: what is in the files is read back, and rooms are read again from their newest message backwards.

use std::{
    collections::{HashMap, HashSet},
    hash::{BuildHasher, RandomState},
};

use serde_json::Value;

use super::{
    By, Run, Thoroughness,
    cursor::{Anchor, Place},
    failure::ExportError,
    page::Page,
    report::Checked,
};

/// Rooms that are read again, where not all of them are.
const SAMPLE: usize = 20;

/// A room with more messages than this is no part of a sample.
const LARGE: u64 = 20_000;

/// How often a page that does not fit is asked for again.
const REPEATS: u32 = 4;

/// Messages of the rooms that are read again at a time, about: their ids are held.
const PORTION: u64 = 1_000_000;

/// What the files hold.
#[derive(Default)]
struct Held {
    /// Messages of each room, and the time of its newest one.
    rooms: HashMap<String, (u64, i64)>,
    /// The time of the oldest one.
    oldest: Option<i64>,
}

impl Run {
    /// Reads back and again; what was missing is added.
    pub(super) async fn check(&mut self, all: bool) -> Result<(), ExportError> {
        let held = self.read_back()?;
        let report = &mut self.cursor.report;
        report.checks = Checked { added: report.checks.added, ..Checked::default() };
        let all = all || self.options.checks == Thoroughness::All;
        let first: Vec<String> = match (all, self.options.checks) {
            (true, _) => self.rooms.keys().cloned().collect(),
            (false, Thoroughness::Files) => Vec::new(),
            (false, _) => self.suspects(&held),
        };
        let added = self.check_rooms(&first, &held, all).await?;
        if added > 0 && !all && self.cursor.by == By::App {
            // The app's stream left something out, so nothing of it is trusted.
            let checked: HashSet<&String> = first.iter().collect();
            let rest: Vec<String> =
                self.rooms.keys().filter(|room| !checked.contains(room)).cloned().collect();
            self.check_rooms(&rest, &held, true).await?;
        }
        if all {
            self.found_again();
        }
        Ok(())
    }

    /// Every file as a reader will find it: hash, lines, each message once.
    fn read_back(&mut self) -> Result<Held, ExportError> {
        let mut held = Held::default();
        let (mut twice, mut hashes, hasher) = (0_u64, Vec::new(), RandomState::new());
        for line in self.writer.reader()?.messages() {
            let line = line?;
            hashes.push(hasher.hash_one((&line.room, &line.id)));
            held.oldest = Some(held.oldest.unwrap_or(line.timestamp).min(line.timestamp));
            let (count, newest) = held.rooms.entry(line.room).or_insert((0, line.timestamp));
            *count += 1;
            *newest = line.timestamp.max(*newest);
        }
        hashes.sort_unstable();
        twice += hashes.windows(2).filter(|pair| pair[0] == pair[1]).count() as u64;
        if twice > 0 {
            let what =
                format!("{twice} messages came again after two pages and more, and are in the archive twice");
            self.cursor.report.note(what);
        }
        Ok(held)
    }

    /// Rooms whose row says that there is a newer message than the archive has, and some others.
    fn suspects(&self, held: &Held) -> Vec<String> {
        let is_late = |time: i64| self.cursor.began > 0 && time >= self.cursor.began;
        let in_range = |time: i64| {
            self.options.since.is_none_or(|since| time >= since)
                && self.options.until.is_none_or(|until| time < until)
        };
        let suspected = |room: &str, last: Option<i64>| {
            let newest = held.rooms.get(room).map(|(_, newest)| *newest);
            // Messages are kept for some months: that of a room which has been silent for longer is gone.
            let kept = |time: i64| held.oldest.is_some_and(|oldest| time >= oldest);
            last.is_some_and(|last| newest < Some(last) && in_range(last) && kept(last) && !is_late(last))
        };
        let mut rooms: Vec<String> = self
            .rooms
            .iter()
            .filter(|(room, last)| suspected(room, **last))
            .map(|(room, _)| room.clone())
            .collect();
        let chosen: HashSet<String> = rooms.iter().cloned().collect();
        let is_small = |room: &&String| held.rooms.get(*room).is_some_and(|(count, _)| *count <= LARGE);
        let others: Vec<&String> =
            self.rooms.keys().filter(|room| !chosen.contains(*room)).filter(is_small).collect();
        let step = others.len().div_ceil(SAMPLE).max(1);
        rooms.extend(others.into_iter().step_by(step).cloned());
        rooms
    }

    /// Reads rooms backwards; how many messages only that has found. `all`: whether an interruption is to begin with every
    /// room.
    async fn check_rooms(&mut self, rooms: &[String], held: &Held, all: bool) -> Result<u64, ExportError> {
        let (mut added, mut done) = (0, 0_u32);
        for some in held.portions(rooms) {
            let mut ids = self.ids_of(some)?;
            for room in some {
                match self.check_room(room, ids.remove(room).unwrap_or_default()).await {
                    Ok(found) => added += found,
                    Err(ExportError::Refused(refusal)) if refusal.is_gone() => self.cursor.report.gone(room),
                    Err(error) => return Err(error),
                }
                done += 1;
                self.tell_share(f64::from(done) / rooms.len() as f64);
            }
            self.cursor.place = Place::Checks { all: all || (added > 0 && self.cursor.by == By::App) };
            self.seal()?;
        }
        Ok(added)
    }

    /// The ids of all messages of some rooms.
    fn ids_of(&self, rooms: &[String]) -> Result<HashMap<String, HashSet<String>>, ExportError> {
        let wanted: HashSet<&str> = rooms.iter().map(String::as_str).collect();
        let mut ids: HashMap<String, HashSet<String>> = HashMap::new();
        for line in self.writer.reader()?.messages() {
            let line = line?;
            if wanted.contains(line.room.as_str()) {
                ids.entry(line.room).or_default().insert(line.id);
            }
        }
        Ok(ids)
    }

    async fn check_room(&mut self, room: &str, mut held: HashSet<String>) -> Result<u64, ExportError> {
        let (mut from, mut seen, mut added, mut doubts) = (None::<Anchor>, HashSet::new(), Vec::new(), 0);
        loop {
            let Some(page) = self.older_page(room, from.as_ref()).await? else {
                let what =
                    format!("room {room} could not be read again to its end: its pages do not fit together");
                self.cursor.report.note(what);
                self.cursor.report.checks.unsound += 1;
                break;
            };
            let before = seen.len();
            for line in page.lines {
                let place = Anchor { timestamp: line.timestamp, id: line.id.clone() };
                if seen.insert(line.id.clone()) && !held.remove(&line.id) && !self.is_late(Some(&place)) {
                    added.push(line);
                }
                from = Some(place);
            }
            if seen.len() == before {
                // It may be a page that came short, as long as there is more in the archive.
                doubts += 1;
                if held.is_empty() || doubts > REPEATS {
                    break;
                }
            }
        }
        for line in added.iter().rev() {
            self.writer.message(line)?;
        }
        self.tell();
        let checked = &mut self.cursor.report.checks;
        checked.rooms += 1;
        checked.messages += seen.len() as u64;
        checked.added += added.len() as u64;
        checked.gone += held.len() as u64;
        Ok(added.len() as u64)
    }

    /// A page towards the beginning, the newest message first; `None` when none is sound.
    async fn older_page(&mut self, room: &str, from: Option<&Anchor>) -> Result<Option<Page>, ExportError> {
        for _ in 0..=REPEATS {
            let mut query = vec![("limit", self.most.to_string())];
            match from {
                Some(Anchor { timestamp, id }) => query.extend([
                    ("timestamp", timestamp.to_string()),
                    ("msgid", id.clone()),
                    ("include_start", "true".to_owned()),
                ]),
                None => query.extend(self.options.until.map(|until| ("timestamp", until.to_string()))),
            }
            if let Some(since) = self.options.since {
                query.extend([("till_timestamp", since.to_string()), ("include_stop", "true".to_owned())]);
            }
            let path = ["1.2", "rtm", "chatrooms", room, "messages"];
            let answer = self.source.get(&path, &query, Value::is_array).await?;
            let page = Page::read(answer, from, Some(room), self.kind);
            if page.begins && page.broken.is_empty() && page.is_descending() {
                return Ok(Some(page));
            }
            self.cursor.report.continuity.repeated += 1;
        }
        Ok(None)
    }

    /// All rooms were read again, and nothing stood in the way: pages that did not fit have lost nothing.
    fn found_again(&mut self) {
        let report = &mut self.cursor.report;
        if report.checks.unsound == 0 && report.missing.iter().all(|finding| finding.row == Value::Null) {
            for finding in std::mem::take(&mut report.missing) {
                report.note(format!("{}; every room was read again since", finding.what));
            }
            report.missing_count = 0;
        }
    }
}

impl Held {
    /// Rooms in portions of bounded size.
    fn portions<'a>(&self, rooms: &'a [String]) -> Vec<&'a [String]> {
        let (mut portions, mut begin, mut messages) = (Vec::new(), 0, 0);
        for (at, room) in rooms.iter().enumerate() {
            let count = self.rooms.get(room).map_or(0, |(count, _)| *count);
            if messages > 0 && messages + count > PORTION {
                portions.push(&rooms[begin..at]);
                (begin, messages) = (at, 0);
            }
            messages += count;
        }
        portions.extend((begin < rooms.len()).then(|| &rooms[begin..]));
        portions
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn portions_have_a_bounded_size_and_lack_no_room() {
        let rooms: Vec<String> = ["a", "b", "c", "d"].map(str::to_owned).to_vec();
        let counts = [("a", 600_000), ("b", 500_000), ("c", 2_000_000)];
        let held = Held {
            rooms: counts.into_iter().map(|(room, count)| (room.to_owned(), (count, 0))).collect(),
            oldest: None,
        };
        assert_eq!(held.portions(&rooms), [&rooms[..1], &rooms[1..2], &rooms[2..3], &rooms[3..]]);
        assert!(held.portions(&[]).is_empty());
    }
}
