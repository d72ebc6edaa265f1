//! The list of rooms, read by windows of `createdAt`.
//!
//! Pages by `skip` slip when rooms are made or deleted meanwhile, and LeanCloud's guide promises no order. A window whose
//! answer has fewer rows than there may be is whole, in whatever order it comes; any other window is split.

use std::collections::HashSet;

use grandstand_room::clock::Millis;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Run, cursor::Place, failure::ExportError, row::kind};
use crate::{
    archive::RoomLine,
    conversation::{Kind, moment},
};

/// Rows of a page, at most.
const ROWS: usize = 1000;

/// Rows below which a page is not made smaller.
const FEWEST: usize = 10;

/// Ids in one look-up.
pub(super) const IDS: usize = 50;

/// 2100: a window that knows no better ends there.
const FAR: i64 = 4_102_444_800_000;

/// What is still to be read.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Windows {
    todo: Vec<Window>,
    /// Rows that a page can have.
    most: usize,
    /// The largest page that is known to have been whole: pages of fewer rows need no second look.
    whole: usize,
}

/// Rooms made from a time on and before another, in Unix milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Window {
    from: Option<i64>,
    to: Option<i64>,
}

type Row = Map<String, Value>;

impl Default for Windows {
    fn default() -> Self {
        Self { todo: vec![Window { from: None, to: None }], most: ROWS, whole: 0 }
    }
}

/// Rows of a window, or where to split it.
enum Found {
    Whole(Vec<Row>),
    Split(i64),
}

impl Run {
    /// Reads the list into the archive.
    pub(super) async fn read_rooms(&mut self, mut windows: Windows) -> Result<(), ExportError> {
        if !self.options.rooms.is_empty() {
            for ids in self.options.rooms.clone().chunks(IDS) {
                self.read_named(ids).await?;
            }
            return Ok(());
        }
        while let Some(window) = windows.todo.pop() {
            match self.window(window, &mut windows).await? {
                Found::Whole(rows) => rows.into_iter().try_for_each(|row| self.keep_room(row).map(drop))?,
                Found::Split(at) => {
                    windows.todo.push(Window { from: Some(at), ..window });
                    windows.todo.push(Window { to: Some(at), ..window });
                }
            }
            self.cursor.place = Place::Rooms(windows.clone());
            self.seal_if_due()?;
        }
        Ok(())
    }

    async fn read_named(&mut self, ids: &[String]) -> Result<(), ExportError> {
        let rows = self.look_up(ids).await?;
        for id in ids {
            let row = rows.iter().find(|row| row.get("objectId").and_then(Value::as_str) == Some(id));
            let row = row.filter(|row| kind(row) == Kind::Room);
            let row = row.ok_or_else(|| ExportError::NoRoom(id.clone()))?;
            self.keep_room(row.clone())?;
        }
        Ok(())
    }

    /// The rows of these ids, as far as there are any.
    pub(super) async fn look_up(&mut self, ids: &[String]) -> Result<Vec<Row>, ExportError> {
        let filter = json!({ "objectId": { "$in": ids } }).to_string();
        self.rows(Some(filter), 0, ids.len(), "objectId").await
    }

    /// Adds a row, if it is a room that is not there yet; else counts it. Returns the id of a new room.
    pub(super) fn keep_room(&mut self, row: Row) -> Result<Option<String>, ExportError> {
        let others = &mut self.cursor.report.other_conversations;
        match kind(&row) {
            Kind::Ordinary => others.ordinary += 1,
            Kind::Service => others.service += 1,
            Kind::Temporary => others.temporary += 1,
            Kind::Room => {
                let line = match RoomLine::of_row(row.clone()) {
                    Ok(line) => line,
                    Err(error) => {
                        let what = format!("a row of the list of rooms cannot be used: {error}");
                        self.cursor.report.missing(what, row.into());
                        return Ok(None);
                    }
                };
                if self.rooms.contains_key(&line.id) {
                    return Ok(None);
                }
                self.writer.room(&line)?;
                self.rooms.insert(line.id.clone(), line.last_message_at);
                self.tell();
                return Ok(Some(line.id));
            }
        }
        Ok(None)
    }

    async fn window(&mut self, window: Window, windows: &mut Windows) -> Result<Found, ExportError> {
        let rows = loop {
            match self.rows(window.filter(), 0, windows.most, "createdAt").await {
                // Grandstand refuses answers of some megabytes.
                Err(ExportError::Refused(refusal)) if refusal.status == 400 && windows.most > FEWEST => {
                    windows.most = (windows.most / 2).max(FEWEST);
                }
                other => break other?,
            }
        };
        let times: Vec<i64> = rows.iter().filter_map(|row| moment(row.get("createdAt")?)).collect();
        if times.iter().any(|time| !window.has(*time)) {
            self.cursor.report.note("the server passes over `where`: the list of rooms was read by `skip`");
            windows.todo.clear();
            return self.by_skip(None, windows.most).await.map(Found::Whole);
        }
        if rows.len() < windows.most && self.is_whole(window, &rows, windows).await? {
            return Ok(Found::Whole(rows));
        }
        match window.split(&times) {
            Some(at) => Ok(Found::Split(at)),
            None => self.by_skip(window.filter(), windows.most).await.map(Found::Whole),
        }
    }

    /// A server may show fewer rows than it was asked for: so the largest page is looked behind.
    async fn is_whole(
        &mut self,
        window: Window,
        rows: &[Row],
        windows: &mut Windows,
    ) -> Result<bool, ExportError> {
        if rows.len() < windows.whole.max(1) {
            return Ok(true);
        }
        let behind = self.rows(window.filter(), rows.len(), 1, "createdAt").await?;
        let is_whole = behind.iter().all(|row| rows.iter().any(|known| id(known) == id(row)));
        *(if is_whole { &mut windows.whole } else { &mut windows.most }) = rows.len();
        Ok(is_whole)
    }

    /// All rows, where windows do not help: thousands of one millisecond. Rows that come again do not count: the next
    /// page would begin too late.
    async fn by_skip(&mut self, filter: Option<String>, most: usize) -> Result<Vec<Row>, ExportError> {
        let mut all: Vec<Row> = Vec::new();
        let mut known = HashSet::new();
        let name =
            |row: &Row| Some(id(row)).filter(|id| !id.is_empty()).unwrap_or_else(|| json!(row).to_string());
        loop {
            let rows = self.rows(filter.clone(), all.len(), most, "objectId").await?;
            let before = all.len();
            all.extend(rows.into_iter().filter(|row| known.insert(name(row))));
            if all.len() == before {
                return Ok(all);
            }
        }
    }

    async fn rows(
        &mut self,
        filter: Option<String>,
        skip: usize,
        limit: usize,
        order: &str,
    ) -> Result<Vec<Row>, ExportError> {
        let mut query = vec![("limit", limit.to_string()), ("order", order.to_owned())];
        query.extend(filter.map(|filter| ("where", filter)));
        if skip > 0 {
            query.push(("skip", skip.to_string()));
        }
        let fits = |answer: &Value| {
            answer["results"].as_array().is_some_and(|rows| rows.iter().all(Value::is_object))
        };
        let mut answer = self.source.get(&["1.2", "rtm", "chatrooms"], &query, fits).await?;
        let Value::Array(rows) = answer["results"].take() else { return Ok(Vec::new()) };
        Ok(rows
            .into_iter()
            .filter_map(|row| if let Value::Object(row) = row { Some(row) } else { None })
            .collect())
    }
}

impl Window {
    fn filter(self) -> Option<String> {
        let date = |time: i64| json!({ "__type": "Date", "iso": Millis(time).to_iso() });
        let mut bounds = Map::new();
        bounds.extend(self.from.map(|from| ("$gte".to_owned(), date(from))));
        bounds.extend(self.to.map(|to| ("$lt".to_owned(), date(to))));
        (!bounds.is_empty()).then(|| json!({ "createdAt": bounds }).to_string())
    }

    fn has(self, time: i64) -> bool {
        self.from.is_none_or(|from| time >= from) && self.to.is_none_or(|to| time < to)
    }

    /// A time inside, so that both parts are smaller; `None` for a single millisecond. The last time of an ascending
    /// page leaves little to its left that was not seen; of any other page the middle one does best.
    fn split(self, times: &[i64]) -> Option<i64> {
        let inside =
            |time: &i64| self.from.is_none_or(|from| *time > from) && self.to.is_none_or(|to| *time < to);
        let wanted = if times.is_sorted() {
            times.last().copied()
        } else {
            let mut sorted = times.to_vec();
            sorted.sort_unstable();
            sorted.get(sorted.len() / 2).copied()
        };
        if let Some(wanted) = wanted {
            // All of one time, at the window's beginning: what comes behind it is another window.
            return [wanted, wanted + 1].into_iter().find(inside);
        }
        let (from, to) = (self.from.unwrap_or(0), self.to.unwrap_or(FAR));
        Some(from + (to - from) / 2).filter(inside)
    }
}

fn id(row: &Row) -> String {
    row.get("objectId").and_then(Value::as_str).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_split_inside_or_not_at_all() {
        let window = |from: Option<i64>, to: Option<i64>| Window { from, to };
        for (window, times, expected) in [
            (window(None, None), vec![1, 2, 3], Some(3)),
            (window(None, None), vec![3, 1, 2], Some(2)),
            (window(None, None), vec![], Some(FAR / 2)),
            (window(None, None), vec![7, 7], Some(7)),
            (window(Some(7), None), vec![7, 7], Some(8)),
            (window(Some(7), Some(8)), vec![7, 7], None),
            (window(Some(7), Some(9)), vec![8, 8], Some(8)),
            (window(Some(7), Some(8)), vec![], None),
        ] {
            assert_eq!(window.split(&times), expected, "{window:?} {times:?}");
        }
    }

    #[test]
    fn the_whole_list_has_no_filter() {
        assert_eq!(Window { from: None, to: None }.filter(), None);
        let filter = Window { from: Some(0), to: Some(1) }.filter().unwrap();
        assert_eq!(
            filter,
            r#"{"createdAt":{"$gte":{"__type":"Date","iso":"1970-01-01T00:00:00.000Z"},"$lt":{"__type":"Date","iso":"1970-01-01T00:00:00.001Z"}}}"#
        );
    }
}
