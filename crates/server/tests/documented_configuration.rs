//! The example file of the documents holds every default, and is accepted.
#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

use std::path::Path;

use grandstand::{
    config::Config,
    hook::{Hook, Target},
};
use grandstand_room::budget::RoomLimits;

fn example() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/grandstand.toml");
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn every_value_of_the_example_is_the_default() {
    let app = "[[apps]]\nid = \"my-application\"\nkey = \"change-this-key\"\n\
               master_key = \"change-this-master-key\"\nname = \"My application\"\n";
    assert_eq!(Config::from_toml(&example()).unwrap(), Config::from_toml(app).unwrap());
}

/// What has no fixed default stands there as a comment, and must be right, too.
#[test]
fn what_is_commented_out_is_accepted() {
    // Fewer connections than in the example: not every machine that runs tests may open so many files.
    let uncommented: String = example()
        .replace("connections = 15000", "connections = 500")
        .lines()
        .map(|line| line.strip_prefix("# ").filter(|rest| is_toml(rest)).unwrap_or(line))
        .fold(String::new(), |text, line| text + line + "\n");
    // Hooks go to an engine or to a webhook.
    let (before, webhook) = uncommented.split_once("[apps.webhook]").unwrap();
    let (webhook, after) = webhook.split_once("\n# ").unwrap();
    let to_engine = format!("{before}\n# {after}");
    let without_engine: String = before
        .lines()
        .filter(|line| !line.starts_with("engine =") && !line.starts_with("hook_key ="))
        .fold(String::new(), |text, line| text + line + "\n");
    let to_webhook =
        Config::from_toml(&format!("{without_engine}[apps.webhook]{webhook}\n# {after}")).unwrap();
    let target = &to_webhook.apps[0].hooks.as_ref().unwrap().target;
    assert!(matches!(target, Target::Webhook { events, .. } if *events == [Hook::MessageReceived]));

    let config = Config::from_toml(&to_engine).unwrap();
    let defaults = &config.apps[0].hooks.as_ref().unwrap();
    let alone = "[[apps]]\nid = \"a\"\nkey = \"k\"\nmaster_key = \"m\"\n[apps.hooks]\n\
                 engine = \"https://engine.example.com\"\nhook_key = \"change-this-hook-key\"\n";
    assert_eq!(*defaults, Config::from_toml(alone).unwrap().apps[0].hooks.as_ref().unwrap());
    let upstream = config.apps[0].upstream.as_ref().unwrap();
    let alone = "[[apps]]\nid = \"a\"\nkey = \"k\"\nmaster_key = \"m\"\n[apps.upstream]\n\
                 origin = \"https://api.example.com\"\n";
    assert_eq!(*upstream, *Config::from_toml(alone).unwrap().apps[0].upstream.as_ref().unwrap());
    assert_eq!(config.limits.connections, 500);
    assert_eq!(config.limits.sessionless_sockets, 5000);
    let app = &config.apps[0];
    assert_eq!(app.switches.max_deliveries_per_second, Some(160_000));
    assert_eq!(app.switches.room_limits, RoomLimits { normal: Some(50), low: Some(20) });
    assert_eq!(app.levels.iter().map(|rule| rule.overrides).collect::<Vec<_>>(), [false, true, false]);
    assert_eq!(config.public_url.unwrap().authority, "chat.example.com");
    assert_eq!(config.tls.unwrap().private_key, Path::new("key.pem"));
}

fn is_toml(line: &str) -> bool {
    line.starts_with('[') || line.split_once(" = ").is_some_and(|(key, _)| !key.contains(' '))
}
