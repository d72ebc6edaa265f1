//! The word lists of the apps: kept in the store, made ready where nobody waits, used by every message.

use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use grandstand_protocol::{AppId, Body};
use grandstand_room::{
    clock::Millis,
    words::{Folding, ListError, WordFilter},
};
use metrics::{counter, gauge};
use tokio::{sync::Mutex, task::spawn_blocking};
use tracing::{error, info, warn};

use crate::{
    apps::AppsHandle,
    clock::Clock,
    store::{Store, StoreError},
};

/// One per node. Messages look up a list and go on; who changes a list waits until the new one is ready, and messages
/// use the former until then.
pub(crate) struct Words {
    store: Arc<dyn Store>,
    apps: AppsHandle,
    clock: Clock,
    lists: RwLock<HashMap<AppId, Arc<List>>>,
    /// Held while a list changes: what is kept and what is used stay the same, and one list at a time takes memory.
    changing: Mutex<()>,
}

/// Why a list was not taken over.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WordsError {
    #[error(transparent)]
    List(#[from] ListError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// For a list that was kept, and so was taken over once.
impl From<WordsError> for StoreError {
    fn from(cause: WordsError) -> Self {
        match cause {
            WordsError::Store(cause) => cause,
            WordsError::List(cause) => Self::Failed(Box::new(cause)),
        }
    }
}

/// A list in use.
#[derive(Debug)]
pub(crate) struct List {
    filter: WordFilter,
    words: Vec<String>,
    /// Hits of each word.
    hits: Vec<AtomicU64>,
    /// Since when hits are counted.
    since: Millis,
}

/// A word that was met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Met {
    pub(crate) word: String,
    pub(crate) count: u64,
}

impl std::fmt::Debug for Words {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Words").finish_non_exhaustive()
    }
}

impl Words {
    pub(crate) fn new(store: Arc<dyn Store>, apps: AppsHandle, clock: Clock) -> Self {
        Self { store, apps, clock, lists: RwLock::default(), changing: Mutex::default() }
    }

    /// Makes the lists of all apps ready that are not, and forgets those of apps that are gone. Apps without a list are
    /// named in the log.
    pub(crate) async fn serve(&self) -> Result<(), WordsError> {
        let _changing = self.changing.lock().await;
        let apps = self.apps.load();
        self.write(|lists| lists.retain(|app, _| apps.get(app.as_str()).is_some()));
        for app in apps.iter() {
            if self.get(&app.id).is_some_and(|list| list.filter.folding() == app.words) {
                continue;
            }
            match self.store.words(&app.id).await? {
                Some(words) => self.install(&app.id, words).await?,
                None => {
                    gauge!("grandstand_words", "app" => app.id.to_string()).set(0);
                    warn!(app = %app.id, "this app has no word list, so nothing is filtered; LeanCloud filtered \
                        with a list of its own. `grandstand words load FILE` (PUT /1.2/rtm/words) takes one, also an \
                        empty one");
                }
            }
        }
        Ok(())
    }

    /// As [`Self::serve`], when there is nobody to tell of a failure.
    pub(crate) async fn serve_or_log(&self) {
        if let Err(error) = self.serve().await {
            error!(%error, "could not make the word lists ready; the former ones go on");
        }
    }

    /// Takes a new list over. When this returns, it is kept, and holds for every message from now on.
    pub(crate) async fn replace(&self, app: &AppId, words: Vec<String>) -> Result<(), WordsError> {
        let _changing = self.changing.lock().await;
        // First what may be refused, then what is kept.
        let list = self.build(app, words).await?;
        self.store.set_words(app, list.words.clone()).await?;
        self.put(app, list);
        Ok(())
    }

    /// Forgets a list; `false` when there is none.
    pub(crate) async fn remove(&self, app: &AppId) -> Result<bool, StoreError> {
        let _changing = self.changing.lock().await;
        let removed = self.store.remove_words(app).await?;
        self.write(|lists| lists.remove(app));
        gauge!("grandstand_words", "app" => app.to_string()).set(0);
        Ok(removed)
    }

    /// The list of an app, if it has one.
    pub(crate) fn get(&self, app: &AppId) -> Option<Arc<List>> {
        self.lists.read().unwrap_or_else(PoisonError::into_inner).get(app).cloned()
    }

    /// Replaces the words of the app's list; returns the body as it was, if there were any.
    pub(crate) fn filter(&self, app: &AppId, body: &mut Body) -> Option<Body> {
        let list = self.get(app)?;
        let filtered = list.filter.filter(body)?;
        for word in &filtered.hits {
            list.hits[*word].fetch_add(1, Ordering::Relaxed);
        }
        counter!("grandstand_messages_filtered_total", "app" => app.to_string()).increment(1);
        let hits = u64::try_from(filtered.hits.len()).unwrap_or(u64::MAX);
        counter!("grandstand_word_hits_total", "app" => app.to_string()).increment(hits);
        Some(std::mem::replace(body, filtered.body))
    }

    async fn install(&self, app: &AppId, words: Vec<String>) -> Result<(), WordsError> {
        let list = self.build(app, words).await?;
        self.put(app, list);
        Ok(())
    }

    async fn build(&self, app: &AppId, words: Vec<String>) -> Result<List, WordsError> {
        let folding = self.apps.get(app.as_str()).map_or_else(Folding::default, |app| app.words);
        let (former, now) = (self.get(app), self.clock.wall());
        let built = spawn_blocking(move || List::build(words, folding, former.as_deref(), now));
        let list = built.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))?;
        info!(%app, words = list.words.len(), bytes = list.filter.memory(), "a word list is ready");
        Ok(list)
    }

    fn put(&self, app: &AppId, list: List) {
        let words = u32::try_from(list.words.len()).unwrap_or(u32::MAX);
        gauge!("grandstand_words", "app" => app.to_string()).set(words);
        self.write(|lists| lists.insert(app.clone(), Arc::new(list)));
    }

    fn write<T>(&self, change: impl FnOnce(&mut HashMap<AppId, Arc<List>>) -> T) -> T {
        change(&mut self.lists.write().unwrap_or_else(PoisonError::into_inner))
    }
}

impl List {
    /// Words that were in the former list keep their hits.
    fn build(
        words: Vec<String>,
        folding: Folding,
        former: Option<&Self>,
        now: Millis,
    ) -> Result<Self, ListError> {
        let filter = WordFilter::new(words.iter().map(String::as_str), folding)?;
        let counted: HashMap<&str, u64> = former.into_iter().flat_map(Self::counted).collect();
        let hits = words.iter().map(|word| counted.get(word.as_str()).copied().unwrap_or(0).into()).collect();
        Ok(Self { filter, words, hits, since: former.map_or(now, |former| former.since) })
    }

    pub(crate) fn words(&self) -> &[String] {
        &self.words
    }

    /// When the count of hits began: at the start of the server, or with the app's first list.
    pub(crate) fn since(&self) -> Millis {
        self.since
    }

    /// The words that were met most often, and how many were met at all.
    pub(crate) fn met(&self, limit: usize) -> (Vec<Met>, usize) {
        let mut met: Vec<_> = self.counted().collect();
        met.sort_unstable_by(|(word, count), (other, others)| others.cmp(count).then(word.cmp(other)));
        let all = met.len();
        let most = met.into_iter().take(limit);
        (most.map(|(word, count)| Met { word: word.to_owned(), count }).collect(), all)
    }

    fn counted(&self) -> impl Iterator<Item = (&str, u64)> {
        let hits = self.hits.iter().map(|hits| hits.load(Ordering::Relaxed));
        self.words.iter().map(String::as_str).zip(hits).filter(|(_, count)| *count > 0)
    }
}
