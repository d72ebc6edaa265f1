//! Hooks: an app's back end is asked before things happen, and told afterwards.

mod answer;
mod breaker;
mod complaints;
mod endpoint;
mod event;
mod link;
mod name;
mod settings;

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, PoisonError, RwLock},
};

use grandstand_protocol::AppId;
use serde_json::Value;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    apps::{App, Apps},
    clock::Clock,
};

use self::{endpoint::Endpoint, link::Link};

pub(crate) use event::{
    Membership, Offline, OnlineLogin, client_offline, client_online, client_sign, conversation_add,
    conversation_added, conversation_remove, conversation_removed, conversation_start, conversation_started,
    conversation_update, message_received, message_sent, message_update,
};
pub use name::Hook;
pub use settings::{HookSettings, OnFailure, Policy, Target};

/// The ways to the hooks of all apps that have any.
#[derive(Debug)]
pub(crate) struct Hooks {
    links: RwLock<HashMap<AppId, Arc<Link>>>,
    clock: Clock,
    tasks: TaskTracker,
    stopping: CancellationToken,
}

impl Hooks {
    /// Their workers are among `tasks`. When `stopping` is cancelled they tell what they can, and end.
    pub(crate) fn new(clock: Clock, tasks: TaskTracker, stopping: CancellationToken) -> Self {
        Self { links: RwLock::default(), clock, tasks, stopping }
    }

    /// Looks at once which hooks the engines of these apps have, and forgets apps that are gone.
    pub(crate) fn serve(&self, apps: &Apps) {
        let has_hooks = |app: &AppId| apps.get(app.as_str()).is_some_and(|app| app.hooks.is_some());
        self.links.write().unwrap_or_else(PoisonError::into_inner).retain(|app, _| has_hooks(app));
        for app in apps.iter() {
            self.link(app);
        }
    }

    /// The way to this hook, if the app has hooks and, as far as is known, this one.
    fn to(&self, app: &App, hook: Hook) -> Option<Arc<Link>> {
        self.link(app).filter(|link| link.has(hook))
    }

    /// Tells a hook that nobody waits for; the parameters are made only if there is one.
    fn tell(&self, app: &App, hook: Hook, address: Option<IpAddr>, parameters: impl FnOnce() -> Value) {
        if let Some(link) = self.to(app, hook) {
            link.tell(hook, parameters(), address);
        }
    }

    fn link(&self, app: &App) -> Option<Arc<Link>> {
        let settings = app.hooks.as_ref()?;
        let is_current = |link: &&Arc<Link>| link.endpoint().serves(app);
        let links = self.links.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(link) = links.get(&app.id).filter(is_current) {
            return Some(Arc::clone(link));
        }
        drop(links);
        let mut links = self.links.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(link) = links.get(&app.id).filter(is_current) {
            return Some(Arc::clone(link));
        }
        let endpoint = Endpoint::new(app, settings, self.clock.clone());
        let link = Arc::new(Link::open(endpoint, &self.tasks, &self.stopping));
        links.insert(app.id.clone(), Arc::clone(&link));
        Some(link)
    }
}
