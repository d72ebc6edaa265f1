//! The apps that this server serves: looked up by id, keys compared in constant time, replaced as a whole by a reload.

use std::{collections::HashMap, fmt, sync::Arc};

use arc_swap::ArcSwap;
use grandstand_protocol::AppId;
use grandstand_room::{
    levels::LevelRule, moderation::ModerationSwitches, rates::AppRates, signature::SignatureSwitches,
    switches::Switches, words::Folding,
};
use md5::{Digest, Md5};
use subtle::ConstantTimeEq;

use crate::{
    accounts::AccountSettings, hook::HookSettings, quota::QuotaSettings, upstream::UpstreamSettings,
};

/// File in the data folder: the app of a server that was started without any.
pub(crate) const DEVELOPMENT_APP: &str = "development-app.toml";

/// A key in clear, because signatures are verified with it. It is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The key in clear, for signatures and for the page that shows it to its owner.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Compares in constant time; only a different length shows at once.
    #[must_use]
    pub fn matches(&self, offered: &str) -> bool {
        self.0.as_bytes().ct_eq(offered.as_bytes()).into()
    }

    /// Verifies the first part of `X-LC-Sign`: MD5 of the timestamp's text and the key, in hexadecimal of either case.
    #[must_use]
    pub fn signed(&self, hex: &str, timestamp: &str) -> bool {
        let digest = Md5::new().chain_update(timestamp).chain_update(&self.0).finalize();
        let expected: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        expected.as_bytes().ct_eq(hex.to_ascii_lowercase().as_bytes()).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// One app: a tenant with keys and switches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct App {
    pub id: AppId,
    pub key: Secret,
    pub master_key: Secret,
    /// Another one that counts as well, while keys change.
    pub previous_master_key: Option<Secret>,
    /// What people call it, for logs and the console.
    pub name: Option<String>,
    /// Whether `/demo` shows a room of this app.
    pub demo: bool,
    pub switches: Switches,
    pub moderation: ModerationSwitches,
    /// How its clients' rates differ from the server's.
    pub limits: AppRates,
    /// What clients need a signature for.
    pub signatures: SignatureSwitches,
    /// How the words of its list are compared with messages.
    pub words: Folding,
    /// Which levels messages get; the first rule that applies decides.
    pub levels: Vec<LevelRule>,
    /// Web origins that may connect, in lower case; empty means any.
    pub allowed_origins: Vec<String>,
    /// How much its back end may ask.
    pub quotas: QuotaSettings,
    /// Whom its hooks ask; `None` when it has none.
    pub hooks: Option<HookSettings>,
    /// Where requests go that are not for this server; `None`: nowhere.
    pub upstream: Option<UpstreamSettings>,
    /// Where its users are; `None` when it has no accounts here.
    pub accounts: Option<AccountSettings>,
}

impl App {
    /// An app with default switches.
    #[must_use]
    pub fn new(id: impl Into<AppId>, key: impl Into<String>, master_key: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            key: Secret::new(key),
            master_key: Secret::new(master_key),
            previous_master_key: None,
            name: None,
            demo: false,
            switches: Switches::default(),
            moderation: ModerationSwitches::default(),
            limits: AppRates::default(),
            signatures: SignatureSwitches::default(),
            words: Folding::default(),
            levels: Vec::new(),
            allowed_origins: Vec::new(),
            quotas: QuotaSettings::default(),
            hooks: None,
            upstream: None,
            accounts: None,
        }
    }

    /// The master keys that count: the one that is used, and the one before it.
    pub fn master_keys(&self) -> impl Iterator<Item = &Secret> {
        std::iter::once(&self.master_key).chain(&self.previous_master_key)
    }

    /// Whether this is a master key of the app. As for a single key, the time says nothing but lengths.
    #[must_use]
    pub fn is_master_key(&self, offered: &str) -> bool {
        self.master_keys().fold(false, |found, key| found | key.matches(offered))
    }

    /// Whether a master key made this `X-LC-Sign`.
    #[must_use]
    pub fn signed_by_master(&self, hex: &str, timestamp: &str) -> bool {
        self.master_keys().fold(false, |found, key| found | key.signed(hex, timestamp))
    }

    /// Whether a connection with this `Origin` header may use the app. Only web origins are judged: SDKs outside of
    /// browsers send none, and the Objective-C SDK sends the WebSocket URL's own.
    #[must_use]
    pub fn allows_origin(&self, origin: Option<&str>) -> bool {
        let Some(origin) = origin else { return true };
        let origin = origin.to_ascii_lowercase();
        let web = origin.starts_with("http://") || origin.starts_with("https://") || origin == "null";
        self.allowed_origins.is_empty() || !web || self.allowed_origins.contains(&origin)
    }
}

/// All apps, by id.
#[derive(Debug, Default)]
pub struct Apps {
    by_id: HashMap<AppId, Arc<App>>,
    demo: Option<AppId>,
}

impl Apps {
    #[must_use]
    pub fn new(apps: Vec<App>) -> Self {
        let demo = apps.iter().find(|app| app.demo).map(|app| app.id.clone());
        Self { by_id: apps.into_iter().map(|app| (app.id.clone(), Arc::new(app))).collect(), demo }
    }

    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Arc<App>> {
        self.by_id.get(id)
    }

    /// The app whose room `/demo` shows.
    #[must_use]
    pub fn demo(&self) -> Option<&Arc<App>> {
        self.by_id.get(self.demo.as_ref()?)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Arc<App>> {
        self.by_id.values()
    }
}

/// The apps as they are now. Clones share one value, so a reload reaches all of them.
#[derive(Debug, Clone)]
pub struct AppsHandle(Arc<ArcSwap<Apps>>);

impl AppsHandle {
    #[must_use]
    pub fn new(apps: Apps) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(apps)))
    }

    /// The apps at this moment.
    #[must_use]
    pub fn load(&self) -> Arc<Apps> {
        self.0.load_full()
    }

    #[must_use]
    pub fn get(&self, id: &str) -> Option<Arc<App>> {
        self.0.load().get(id).cloned()
    }

    pub fn replace(&self, apps: Apps) {
        self.0.store(Arc::new(apps));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_of_either_case_are_verified() {
        let key = Secret::new("the-key");
        // printf '%s' '1453014943466the-key' | md5sum
        let hex = "48750152ecc25b0cf74a746fc8587b77";
        assert!(key.signed(hex, "1453014943466"));
        assert!(key.signed(&hex.to_uppercase(), "1453014943466"));
        assert!(!key.signed(hex, "1453014943467"));
        assert!(!key.signed("", "1453014943466"));
    }

    #[test]
    fn a_secret_is_not_printed() {
        assert!(!format!("{:?}", App::new("id", "the-key", "the-master")).contains("the-"));
    }

    #[test]
    fn only_web_origins_are_judged() {
        let mut app = App::new("id", "k", "m");
        assert!(app.allows_origin(Some("https://anywhere.example")));
        app.allowed_origins = vec!["https://chat.example.com".to_owned()];
        for (origin, allowed) in [
            (None, true),
            (Some("https://chat.example.com"), true),
            (Some("HTTPS://Chat.Example.com"), true),
            (Some("wss://rtm.example.com"), true),
            (Some("https://chat.example.com.evil.test"), false),
            (Some("http://chat.example.com"), false),
            (Some("null"), false),
        ] {
            assert_eq!(app.allows_origin(origin), allowed, "{origin:?}");
        }
    }

    #[test]
    fn a_reload_reaches_every_clone() {
        let handle = AppsHandle::new(Apps::new(vec![App::new("one", "k", "m")]));
        let clone = handle.clone();
        handle.replace(Apps::new(vec![App::new("two", "k", "m")]));
        assert!(clone.get("one").is_none() && clone.get("two").is_some());
    }
}
