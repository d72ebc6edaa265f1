//! Bans and words of an app, from another Grandstand server.

use std::{collections::HashSet, net::IpAddr};

use grandstand_migrate::archive::{BanLine, WordLine};
use grandstand_protocol::ClientId;
use grandstand_room::{
    ban::{Ban, Banned, REASON_CHARS},
    clock::Millis,
    words::ListReader,
};
use ipnet::IpNet;

use super::{
    Import, ImportError, Rows,
    aside::Reason,
    lists::Put,
    source::{Batch, Placed},
};
use crate::{
    clock::Clock,
    store::{RuleError, StoreError},
};

/// Checks what can be checked of a row alone.
pub(super) fn ban(line: BanLine) -> Result<Ban, Reason> {
    let banned = match (line.client, line.address) {
        (Some(client), None) => {
            let client = ClientId::new(&client);
            Banned::Client(client.map_err(|error| Reason::new("it names no client", error.to_string()))?)
        }
        (None, Some(address)) => Banned::Network(network(&address)?),
        _ => return Err(Reason::plain("it has to name either a client or an address")),
    };
    let reason = line.reason.map(|reason| reason.chars().take(REASON_CHARS).collect());
    let now = Clock::system().wall();
    let made_at = line.created_at.map_or(now, Millis).min(now);
    Ok(Ban { banned, until: line.until.map(Millis), reason, made_at })
}

/// A whole family of addresses is no network that somebody would ban on purpose.
fn network(text: &str) -> Result<IpNet, Reason> {
    let network = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    let network = network.ok().filter(|network| network.prefix_len() > 0).map(|network| network.trunc());
    network.ok_or_else(|| Reason::new("its address is none", text.chars().take(100).collect::<String>()))
}

/// A word is a line of the list.
pub(super) fn word(line: WordLine) -> Result<String, Reason> {
    let mut list = ListReader::default();
    let read = list.read(line.word.as_bytes()).and_then(|()| list.finish());
    match read.map_err(|error| Reason::new("it is no word", error.to_string()))? {
        (words, _) if words.as_slice() == [line.word.as_str()] => Ok(line.word),
        _ => Err(Reason::plain("it is no word")),
    }
}

impl Import<'_> {
    /// Who is banned here already stays so until the end that was set here.
    pub(super) async fn take_bans(&mut self, mut rows: Rows<Ban>) -> Result<(), ImportError> {
        let mut known: Option<HashSet<Banned>> = None;
        while let Some(batch) = rows.recv().await {
            let Batch { file, rows } = batch?;
            let (count, now) = (rows.len() as u64, self.clock.wall());
            let mut here = match (known.take(), self.store) {
                (Some(known), _) => known,
                (None, None) => HashSet::new(),
                (None, Some(store)) => {
                    store.bans(&self.app, now).await?.into_iter().map(|ban| ban.banned).collect()
                }
            };
            for Placed { origin, row } in rows {
                let put = match row {
                    Ok(ban) if !ban.holds(now) => Put::Over,
                    Ok(ban) if !here.insert(ban.banned.clone()) => Put::Known,
                    Ok(ban) => self.ban(ban).await?,
                    Err(reason) => Put::Aside(reason),
                };
                put.count(&mut self.report.bans);
                if let Put::Aside(reason) = put {
                    self.aside.put(&file, &origin, &reason, &mut self.report.reasons)?;
                }
            }
            known = Some(here);
            self.watch.advances(count);
        }
        Ok(())
    }

    async fn ban(&self, ban: Ban) -> Result<Put, StoreError> {
        let Some(store) = self.store else { return Ok(Put::Ready) };
        match store.ban(&self.app, ban).await {
            Ok(()) => Ok(Put::Imported),
            Err(RuleError::Store(error)) => Err(error),
            Err(_) => Ok(Put::Aside(Reason::plain("the app has as many bans as it may have"))),
        }
    }

    /// The list is taken as a whole, by an app that has none.
    pub(super) async fn take_words(&mut self, mut rows: Rows<String>) -> Result<(), ImportError> {
        let has_list = match self.store {
            Some(store) => store.words(&self.app).await?.is_some(),
            None => false,
        };
        let mut list = ListReader::default();
        while let Some(batch) = rows.recv().await {
            let Batch { file, rows } = batch?;
            let count = rows.len() as u64;
            for Placed { origin, row } in rows {
                let read = row.and_then(|word| {
                    let line = format!("{word}\n");
                    list.read(line.as_bytes())
                        .map_err(|error| Reason::new("it is no word", error.to_string()))
                });
                let put = match read {
                    Err(reason) => Put::Aside(reason),
                    Ok(()) if has_list => Put::Known,
                    Ok(()) if self.store.is_none() => Put::Ready,
                    Ok(()) => Put::Imported,
                };
                put.count(&mut self.report.words);
                if let Put::Aside(reason) = put {
                    self.aside.put(&file, &origin, &reason, &mut self.report.reasons)?;
                }
            }
            self.watch.advances(count);
        }
        let words = list.finish().map(|(words, _)| words).unwrap_or_default();
        match self.store {
            Some(store) if !has_list && !words.is_empty() => Ok(store.set_words(&self.app, words).await?),
            _ => Ok(()),
        }
    }
}
