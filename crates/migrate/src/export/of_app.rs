//! What belongs to the app rather than to one of its rooms: bans and words. LeanCloud has neither.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::{List, Run, failure::ExportError};
use crate::{
    archive::{BanLine, SourceKind, WordLine},
    conversation::moment,
};

/// Bans of a page.
const PAGE: usize = 100;

impl Run {
    /// Reads it into the archive, unless only some rooms were asked for.
    pub(super) async fn read_of_app(&mut self) -> Result<(), ExportError> {
        if self.kind != SourceKind::Grandstand || !self.options.rooms.is_empty() {
            return Ok(());
        }
        if !self.cursor.without.contains(&List::Bans) {
            self.read_bans().await?;
        }
        if !self.cursor.without.contains(&List::Words) {
            self.read_words().await?;
        }
        Ok(())
    }

    async fn read_bans(&mut self) -> Result<(), ExportError> {
        let (mut known, mut next) = (HashSet::new(), None::<String>);
        loop {
            let mut query = vec![("limit", PAGE.to_string())];
            query.extend(next.clone().map(|next| ("next", next)));
            let fits = |answer: &Value| answer["results"].is_array();
            let answer = self.source.get(&["1.2", "rtm", "bans"], &query, fits).await?;
            let before = known.len();
            for row in answer["results"].as_array().into_iter().flatten() {
                let text = |key: &str| row[key].as_str().map(str::to_owned);
                let (client, address) = (text("client_id"), text("address"));
                if !known.insert((client.clone(), address.clone())) {
                    continue;
                }
                if client.is_some() == address.is_some() {
                    self.cursor.report.missing("a ban names nobody", row.clone());
                    continue;
                }
                let (until, created_at) = (moment(&row["until"]), moment(&row["createdAt"]));
                self.writer.ban(&BanLine { client, address, until, reason: text("reason"), created_at })?;
            }
            let following = answer["next"].as_str().map(str::to_owned);
            if following.is_none() {
                return Ok(());
            }
            if following == next || known.len() == before {
                self.cursor.report.missing("the bans do not come to an end", json!({ "next": following }));
                return Ok(());
            }
            next = following;
        }
    }

    async fn read_words(&mut self) -> Result<(), ExportError> {
        let text = match self.source.text(&["1.2", "rtm", "words"]).await {
            Err(ExportError::Refused(refusal)) if refusal.status == 404 => return Ok(()),
            other => other?,
        };
        for word in text.lines() {
            self.writer.word(&WordLine { word: word.to_owned() })?;
        }
        Ok(())
    }
}
