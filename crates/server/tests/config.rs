//! The configuration: defaults, what overrides what, and every mistake named.
#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

use std::{fs, time::Duration};

use grandstand::{
    apps::App,
    config::{Config, Flags, Sources},
    hook::Policy,
};
use grandstand_protocol::Level;
use grandstand_room::{
    budget::RoomLimits,
    levels::{LevelRule, Via},
    switches::{Audience, Counted, OneRoomPer, OwnSessions, Rejoin, RoomUpdate, RoomsByKey},
};

const FILES: usize = 20_000;

/// Loads a file of this text with these variables.
fn load(text: &str, environment: &[(&str, &str)], flags: Flags) -> Result<Config, String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("grandstand.toml");
    fs::write(&file, text).unwrap();
    let environment =
        environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let sources = Sources { file: Some(file), environment, flags, file_limit: FILES };
    let folder = format!("{}/", folder.path().display());
    Config::load(&sources).map_err(|error| error.to_string().replace(&folder, ""))
}

fn from_text(text: &str) -> Result<Config, String> {
    load(text, &[], Flags::default())
}

fn app(more: &str) -> String {
    format!("[[apps]]\nid = \"the-app-id\"\nkey = \"the-key\"\nmaster_key = \"the-master\"\n{more}\n")
}

#[test]
fn nothing_has_to_be_configured() {
    let config = from_text("").unwrap();
    assert_eq!(config.bind.to_string(), "127.0.0.1:8080");
    assert_eq!(config.admin_bind.to_string(), "127.0.0.1:8081");
    assert_eq!(config.limits.connections, FILES - 256);
    assert_eq!(config.limits.sessionless_sockets, FILES / 4);
    assert_eq!(config.limits.read_timeout, Duration::from_secs(400));
    assert_eq!(config.limits.frame, 64 * 1024);
    assert_eq!(config.limits.backlog_age, Duration::from_secs(30));
    assert_eq!((config.limits.replay, config.limits.opens_at_once), (40_000, 1_000));
    assert_eq!(config.limits.handshakes_per_second, 10_000);
    assert_eq!(config.limits.handshakes_per_second_per_address, 1_000);
    assert_eq!(
        (config.fanout.pace, config.fanout.lag),
        (Duration::from_millis(20), Duration::from_millis(150))
    );
    assert_eq!(config.client_limits.unwrap().send, 60);
    assert_eq!(config.retention.messages, Duration::from_secs(180 * 86_400));
    assert!(config.tls.is_none() && config.public_url.is_none() && config.apps.is_empty());
}

#[test]
fn durations_and_sizes_are_written_as_people_write_them() {
    for (text, expected) in
        [("\"500ms\"", 500), ("\"10s\"", 10_000), ("\"2m\"", 120_000), ("\"1h 30m\"", 5_400_000)]
    {
        let config = from_text(&format!("[limits]\nread_timeout = {text}\n")).unwrap();
        assert_eq!(config.limits.read_timeout, Duration::from_millis(expected), "{text}");
    }
    for (text, expected) in
        [("\"64KiB\"", 65_536), ("\"1MiB\"", 1_048_576), ("\"64 KB\"", 64_000), ("70000", 70_000)]
    {
        let config = from_text(&format!("[limits]\nframe = {text}\n")).unwrap();
        assert_eq!(config.limits.frame, expected, "{text}");
    }
    assert_eq!(from_text("[limits]\nwill_grace = \"0s\"").unwrap().limits.will_grace, Duration::ZERO);
}

#[test]
fn every_switch_of_an_app_arrives() {
    let text = app("name = \"The App\"\ndemo = true\nsend = \"members\"\nhistory = \"members\"\n\
        rejoin = \"resume-only\"\none_room_per = \"session\"\ncount = \"sessions\"\nroom_update = \"back-end\"\n\
        rooms_by_key = \"read\"\nown_sessions = \"exclude\"\nedit = false\nrecall = false\nclient_limits = false\nhigh_replay = false\n\
        max_deliveries_per_second = 160_000\nallowed_origins = [\"https://Chat.Example.com/\"]\n\
        [apps.room_limits]\nlow = 20");
    let config = from_text(&text).unwrap();
    let app = &config.apps[0];
    assert_eq!(app.id.as_str(), "the-app-id");
    assert!(app.key.matches("the-key") && app.master_key.matches("the-master"));
    assert!(app.demo && app.name.as_deref() == Some("The App"));
    assert_eq!((app.switches.send, app.switches.history), (Audience::Members, Audience::Members));
    assert_eq!((app.switches.rejoin, app.switches.one_room_per), (Rejoin::ResumeOnly, OneRoomPer::Session));
    assert_eq!((app.switches.count, app.switches.room_update), (Counted::Sessions, RoomUpdate::BackEnd));
    assert_eq!(app.switches.own_sessions, OwnSessions::Exclude);
    assert_eq!(app.switches.rooms_by_key, RoomsByKey::Read);
    assert!(!app.switches.edit && !app.switches.recall && !app.switches.client_limits);
    assert!(!app.switches.high_replay);
    assert_eq!(app.switches.max_deliveries_per_second, Some(160_000));
    assert_eq!(app.switches.room_limits, RoomLimits { normal: None, low: Some(20) });
    assert!(
        app.allows_origin(Some("https://chat.example.com"))
            && !app.allows_origin(Some("https://example.com"))
    );
}

#[test]
fn quotas_arrive_and_are_never_nothing() {
    let config = from_text(&app("[apps.quotas]\nmessages_per_minute = 9000")).unwrap();
    let quotas = &config.apps[0].quotas;
    assert_eq!((quotas.messages_per_minute, quotas.by_key_per_minute), (9000, 120));
    assert_eq!((quotas.broadcasts_per_minute, quotas.broadcasts_per_day), (10, 30));
    for key in ["messages_per_minute", "by_key_per_minute", "broadcasts_per_minute", "broadcasts_per_day"] {
        let refused = from_text(&app(&format!("[apps.quotas]\n{key} = 0"))).unwrap_err();
        assert!(refused.contains(&format!("quotas.{key} is 0")), "{refused}");
    }
}

#[test]
fn an_app_has_rates_of_its_own() {
    let config =
        from_text(&app("[apps.limits]\nsend = 600\nother = 90\nexempt = [\"host\", \"bot-*\"]")).unwrap();
    let limits = &config.apps[0].limits;
    assert_eq!((limits.send, limits.history, limits.other), (Some(600), None, Some(90)));
    assert_eq!(limits.exempt, ["host".parse().unwrap(), "bot-*".parse().unwrap()]);
    for (lines, expected) in [
        ("[apps.limits]\nsend = 0", "limits.send is 0"),
        ("client_limits = false\n[apps.limits]\nhistory = 5", "limits.history would do nothing"),
        ("[apps.limits]\nexempt = [\"*-bot\"]", "limits.exempt \"*-bot\": `*` may stand only at the end"),
        ("[apps.limits]\nexempt = [\"\"]", "limits.exempt \"\": it is empty"),
        ("[apps.limits]\nsent = 5", "unknown key `sent`"),
    ] {
        let refused = from_text(&app(lines)).unwrap_err();
        assert!(refused.contains(expected), "{lines:?}: {refused}");
    }
}

#[test]
fn level_rules_arrive_in_their_order() {
    let text = app("[[apps.levels]]\nlctype = 7\nlevel = \"high\"\n\
        [[apps.levels]]\nsender = \"admin-*\"\nlevel = \"normal\"\noverride = true\n\
        [[apps.levels]]\nvia = \"rest\"\nlctype = -3\nlevel = \"low\"");
    let rule = |level| LevelRule { lctype: None, sender: None, via: None, level, overrides: false };
    let expected = [
        LevelRule { lctype: Some(7), ..rule(Level::High) },
        LevelRule { sender: Some("admin-*".parse().unwrap()), overrides: true, ..rule(Level::Normal) },
        LevelRule { lctype: Some(-3), via: Some(Via::Rest), ..rule(Level::Low) },
    ];
    assert_eq!(from_text(&text).unwrap().apps[0].levels, expected);

    let environment = [
        ("GRANDSTAND_APPS__0__LEVELS__0__LEVEL", "low"),
        ("GRANDSTAND_APPS__0__LEVELS__3__LEVEL", "high"),
        ("GRANDSTAND_APPS__0__LEVELS__3__VIA", "client"),
        ("GRANDSTAND_APPS__0__ROOM_LIMITS__NORMAL", "50"),
        ("GRANDSTAND_FANOUT__PACE", "5ms"),
    ];
    let config = load(&text, &environment, Flags::default()).unwrap();
    let levels: Vec<_> = config.apps[0].levels.iter().map(|rule| rule.level).collect();
    assert_eq!(levels, [Level::Low, Level::Normal, Level::Low, Level::High]);
    assert_eq!(config.apps[0].switches.room_limits.normal, Some(50));
    assert_eq!(config.fanout.pace, Duration::from_millis(5));
}

#[test]
fn the_environment_wins_over_the_file_and_flags_over_both() {
    let text = format!("[server]\nbind = \"127.0.0.1:1\"\nlog = \"warn\"\n{}", app(""));
    let environment = [
        ("GRANDSTAND_SERVER__BIND", "127.0.0.1:2"),
        ("GRANDSTAND_SERVER__LOG", "debug"),
        ("GRANDSTAND_SERVER__TRUSTED_PROXIES", "[\"10.0.0.0/8\", \"fd00::/8\"]"),
        ("GRANDSTAND_LIMITS__CONNECTIONS", "7"),
        ("GRANDSTAND_LIMITS__DRAIN", "1s"),
        ("GRANDSTAND_CLIENT_LIMITS__ENABLED", "false"),
        ("GRANDSTAND_TLS", "not ours: no key of a section"),
        ("GRANDSTAND_TLS__CERTIFICATE", "chain.pem"),
        ("GRANDSTAND_TLS__PRIVATE_KEY", "key.pem"),
        ("GRANDSTAND_BIN", "not ours either"),
        ("GRANDSTAND_APPS__0__MASTER_KEY", "12345678"),
        ("GRANDSTAND_APPS__1__ID", "another-app"),
        ("GRANDSTAND_APPS__1__KEY", "another-key"),
        ("GRANDSTAND_APPS__1__MASTER_KEY", "another-master"),
    ];
    let config = load(&text, &environment, Flags::default()).unwrap();
    assert_eq!((config.bind.port(), config.log.as_str()), (2, "debug"));
    assert_eq!(config.trusted_proxies.len(), 2);
    assert_eq!((config.limits.connections, config.limits.drain), (7, Duration::from_secs(1)));
    assert!(config.client_limits.is_none());
    assert!(config.apps[0].master_key.matches("12345678"), "digits are text where text is wanted");
    assert_eq!(config.apps[1].id.as_str(), "another-app");
    assert!(
        config.tls.is_some_and(|tls| tls.private_key.ends_with("key.pem")),
        "a section of variables alone"
    );

    let flags = Flags {
        bind: Some("127.0.0.1:3".parse().unwrap()),
        client_limits: Some(true),
        log: Some("trace".to_owned()),
        data: Some("elsewhere".into()),
        apps: vec![App::new("by-flag", "k", "m")],
        ..Flags::default()
    };
    let config = load(&text, &environment, flags).unwrap();
    assert_eq!((config.bind.port(), config.log.as_str()), (3, "trace"));
    assert!(config.client_limits.is_some() && config.data.ends_with("elsewhere"));
    assert_eq!(config.apps.len(), 3);
}

#[test]
fn mistakes_name_the_key_and_its_place() {
    for (text, expected) in [
        ("[server]\nbindd = 1\n", &["grandstand.toml:2:1: unknown key `bindd`", "`admin_bind`"][..]),
        (
            "[server]\nbind = \"8080\"\n",
            &["grandstand.toml:2:8: no address with a port; write \"127.0.0.1:8080\""],
        ),
        ("[server]\ntrusted_proxies = \"::1\"\n", &["grandstand.toml:2:19:", "expected a list, such as"]),
        ("[servers]\n", &["grandstand.toml:1:2: unknown key `servers`"]),
        ("[limits]\n\n  frame = \"big\"\n", &["grandstand.toml:3:11: \"big\" is no size", "frame = \"big\""]),
        ("[limits]\nresume = \"30\"\n", &["grandstand.toml:2:10: \"30\" is no duration"]),
        ("[limits]\nresume = 30\n", &["grandstand.toml:2:10:", "resume = 30"]),
        ("[server]\nbind = \"here\"\n", &["grandstand.toml:2:8:", "bind = \"here\""]),
        ("[server]\ntrusted_proxies = [\"10.0.0.0/33\"]\n", &["grandstand.toml:2:", "10.0.0.0/33"]),
        ("[tls]\ncertificate = \"a\"\n", &["grandstand.toml:1:", "private_key"]),
        ("[[apps]]\nid = 7\n", &["grandstand.toml:2:6:", "id = 7"]),
        ("[[apps]]\nsend = \"everyone\"\n", &["grandstand.toml:2:8:", "everyone", "`anyone`"]),
        ("[[apps]]\n[[apps.levels]]\nlctype = 7\n", &["grandstand.toml:2:1:", "missing field `level`"]),
        ("[[apps]]\n[[apps.levels]]\nlevel = \"highest\"\n", &["grandstand.toml:3:9:", "highest", "`high`"]),
        ("[[apps]]\n[[apps.levels]]\nvia = \"push\"\n", &["grandstand.toml:3:7:", "push", "`rest`"]),
        ("[[apps]]\n[[apps.levels]]\nlctype = 5000000000\n", &["grandstand.toml:3:10:", "5000000000"]),
        ("[[apps]]\n[[apps.levels]]\nroom = \"r\"\n", &["grandstand.toml:3:1: unknown key `room`"]),
        ("[[apps]]\n[apps.room_limits]\nhigh = 1\n", &["grandstand.toml:3:1: unknown key `high`"]),
        ("[fanout]\npacing = \"1ms\"\n", &["grandstand.toml:2:1: unknown key `pacing`", "`lag`"]),
        ("[[apps]]\n[apps.hooks]\nurl = \"\"\n", &["grandstand.toml:3:1: unknown key `url`", "`engine`"]),
        (
            "[[apps]]\n[apps.hooks.on_failure]\nmessage_sent = \"refuse\"\n",
            &["grandstand.toml:3:1: unknown key `message_sent`", "`message_received`"],
        ),
        (
            "[[apps]]\n[apps.webhook]\nurl = \"http://a\"\n",
            &["grandstand.toml:2:1:", "missing field `secret`"],
        ),
        ("[server\n", &["grandstand.toml:1:8"]),
    ] {
        let error = from_text(text).unwrap_err();
        for part in expected {
            assert!(error.contains(part), "{text:?}: {error}");
        }
    }
}

#[test]
fn values_that_make_no_sense_are_refused_in_words() {
    let two = app("") + &app("");
    let demos = app("demo = true") + &app("demo = true").replace("the-app-id", "other-app");
    for (text, expected) in [
        ("[server]\nadmin_bind = \"127.0.0.1:8080\"", "need a port each"),
        ("[server]\nproxy_protocol = true", "server.trusted_proxies is empty"),
        ("[server]\nlog = \"info=loud\"", "server.log"),
        ("[server]\npublic_url = \"chat.example.com\"", "server.public_url"),
        ("[server]\npublic_url = \"https://chat.example.com/im\"", "a scheme and a host only"),
        ("[server]\npublic_url = \"ftp://chat.example.com\"", "no http:// or https:// URL"),
        ("[limits]\nconnections = 19800", "needs 20056 open files, but this process may open 20000"),
        ("[limits]\nframe = 1000", "limits.message (5120) is larger than limits.frame (1000)"),
        ("[limits]\nfragments = 0", "limits.fragments is 0"),
        ("[limits]\nupgrade_timeout = \"0s\"", "limits.upgrade_timeout is 0"),
        ("[limits]\nhandshakes_per_second = 0", "limits.handshakes_per_second is 0"),
        ("[limits]\nopens_at_once = 0", "limits.opens_at_once is 0"),
        ("[limits]\nbacklog_age = \"0s\"", "limits.backlog_age is 0"),
        ("[limits]\nreplay = 0", "limits.replay is 0; to deliver nothing again, high_replay = false"),
        (
            "[limits]\nreplay = 1000",
            "limits.replay = 1000 is less than the 8738 small HIGH messages that may wait",
        ),
        (
            "[limits]\nhigh_backlog = \"8MiB\"",
            "limits.replay = 40000 is less than the 69905 small HIGH messages",
        ),
        ("[fanout]\nlag = \"0s\"", "fanout.lag is 0"),
        ("[fanout]\npace = \"80ms\"", "fanout.lag (150ms) is less than twice fanout.pace (80ms)"),
        (app("max_deliveries_per_second = 0").as_str(), "max_deliveries_per_second is 0"),
        (app("[apps.room_limits]\nnormal = 0").as_str(), "room_limits.normal is 0"),
        (
            app("[[apps.levels]]\nlevel = \"high\"").as_str(),
            "app 1 (\"the-app-id\"): level rule 1: it has no condition",
        ),
        (
            app("[[apps.levels]]\nsender = \"*-bot\"\nlevel = \"low\"").as_str(),
            "level rule 1: sender \"*-bot\": `*` may stand only at the end",
        ),
        ("[client_limits]\nsend = 0", "client_limits.send is 0"),
        ("[retention]\nmessages = \"10m\"", "retention.messages is shorter than limits.resume"),
        (two.as_str(), "app 2 (\"the-app-id\"): another app has this id"),
        (demos.as_str(), "demo is on for the-app-id and other-app"),
        ("[[apps]]\nid = \"the-app-id\"\nkey = \"k\"", "app 1 (\"the-app-id\") has no master_key"),
        ("[[apps]]\nid = \"a b\"\nkey = \"k\"\nmaster_key = \"m\"", "id must not contain spaces"),
        ("[[apps]]\nid = \"a\"\nkey = \"k,master\"\nmaster_key = \"m\"", "key must not contain"),
        ("[[apps]]\nid = \"a\"\nkey = \"same\"\nmaster_key = \"same\"", "key and master_key are the same"),
        (app("allowed_origins = [\"example.com\"]").as_str(), "is no origin such as"),
    ] {
        let error = from_text(text).unwrap_err();
        assert!(error.contains(expected), "{text:?}: {error}");
    }
}

#[test]
fn hooks_need_one_address_that_can_be_called() {
    let engine = |url: &str, more: &str| {
        app(&format!("[apps.hooks]\nengine = \"{url}\"\nhook_key = \"the-hook-key\"\n{more}"))
    };
    let webhook = |url: &str, more: &str| {
        app(&format!("[apps.webhook]\nurl = \"{url}\"\nsecret = \"the-secret\"\n{more}"))
    };
    let good = "http://127.0.0.1:3000/engine";
    let on_failure = "[apps.hooks.on_failure]\nmessage_received = \"refuse\"";
    let config = from_text(&engine(good, on_failure)).unwrap();
    let settings = config.apps[0].hooks.as_ref().unwrap();
    assert_eq!((settings.timeout, settings.queue, settings.workers), (Duration::from_secs(3), 10_000, 8));
    assert_eq!(settings.on_failure.message_received, Policy::Refuse);
    assert_eq!(settings.on_failure.client_sign, Policy::Refuse, "who somebody is, is not guessed");
    assert_eq!(settings.on_failure.conversation_add, Policy::Allow);
    assert!(!format!("{config:?}").contains("the-hook-key"));
    let both = engine(good, "") + "[apps.webhook]\nurl = \"http://a\"\nsecret = \"s\"\n";
    let no_key = app("[apps.hooks]\nengine = \"http://a\"");
    let key_for_nobody = webhook("http://a", "[apps.hooks]\nhook_key = \"k\"");
    for (text, expected) in [
        (both.as_str(), "hooks.engine and webhook are both there"),
        (&app("[apps.hooks]\nqueue = 5"), "nobody would be asked"),
        (&no_key, "hooks.hook_key: the key is needed"),
        (&engine(good, "").replace("the-hook-key", "zwei Worte"), "hooks.hook_key: the key is needed"),
        (&key_for_nobody, "hooks.hook_key belongs to an engine"),
        (&engine("engine.example.com", ""), "hooks.engine: \"engine.example.com\" is no URL"),
        (&engine("ftp://engine.example.com", ""), "is no http:// or https:// URL"),
        (&engine("file:///etc/passwd", ""), "is no http:// or https:// URL"),
        (&engine("https://name:word@engine.example.com", ""), "must not carry a name or a password"),
        (&engine("https://engine.example.com/?a=b", ""), "must end with its path"),
        (&engine("https://engine.example.com/#there", ""), "must end with its path"),
        (&engine(good, "queue = 0"), "hooks.queue is 0"),
        (&engine(good, "workers = 0"), "hooks.workers is 0"),
        (&engine(good, "concurrency = 0"), "hooks.concurrency is 0"),
        (&engine(good, "breaker_failures = 0"), "hooks.breaker_failures is 0"),
        (&engine(good, "timeout = \"1ms\""), "hooks.timeout is shorter than 10ms"),
        (&engine(good, "timeout = \"2m\""), "hooks.timeout is longer than a minute"),
        (&webhook("http://a", "").replace("the-secret", ""), "webhook.secret is empty"),
        (&webhook("http://a", "events = [\"receiversOffline\"]"), "\"receiversOffline\" is no event"),
    ] {
        let error = from_text(text).unwrap_err();
        assert!(error.contains(expected), "{text:?}: {error}");
    }
    let password = from_text(&engine("https://name:word@engine.example.com", "")).unwrap_err();
    assert!(!password.contains("word@"), "{password}");
}

#[test]
fn all_mistakes_are_told_at_once() {
    let error = from_text("[server]\nproxy_protocol = true\n[limits]\nfragments = 0\n").unwrap_err();
    assert_eq!(error.lines().count(), 2, "{error}");
}

#[test]
fn a_word_that_is_no_level_does_not_silence_the_log() {
    for (filter, accepted) in [
        ("info", true),
        ("WARN", true),
        ("info,grandstand::gateway=debug", true),
        ("loud", false),
        ("info,loud", false),
        ("grandstand=loud", false),
    ] {
        let config = from_text(&format!("[server]\nlog = \"{filter}\"\n"));
        assert_eq!(config.is_ok(), accepted, "{filter}: {config:?}");
    }
}

#[test]
fn variables_that_mean_nothing_are_refused_by_name() {
    for (name, value, expected) in [
        ("GRANDSTAND_SERVER__BINDD", "127.0.0.1:1", "unknown key `bindd`"),
        ("GRANDSTAND_SERVERS__BIND", "127.0.0.1:1", "unknown key `servers`"),
        ("GRANDSTAND_SERVER_BIND", "127.0.0.1:1", "two underscores"),
        ("GRANDSTAND_CLIENT_LIMITS_SEND", "5", "two underscores"),
        ("GRANDSTAND_SERVER__", "x", "two underscores"),
        ("GRANDSTAND_SERVER__BIND__PORT", "x", "no section"),
        ("GRANDSTAND_SERVER__BIND", "8080", "no address with a port"),
        ("GRANDSTAND_LIMITS__RESUME", "soon", "\"soon\" is no duration"),
        ("GRANDSTAND_APPS__3__ID", "an-app", "entry 3 comes before entry 0"),
        ("GRANDSTAND_APPS__FIRST__ID", "an-app", ""),
    ] {
        let error = load("[server]\nbind = \"127.0.0.1:1\"", &[(name, value)], Flags::default()).unwrap_err();
        assert!(error.starts_with(&format!("{name}: ")) && error.contains(expected), "{error}");
    }
}

#[test]
fn a_section_that_the_environment_leaves_half_is_refused() {
    let error = load("", &[("GRANDSTAND_TLS__CERTIFICATE", "chain.pem")], Flags::default()).unwrap_err();
    assert_eq!(error, "the environment: missing field `private_key`");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let sources = Sources { file: Some("nowhere.toml".into()), file_limit: FILES, ..Sources::default() };
    let error = Config::load(&sources).unwrap_err().to_string();
    assert!(error.starts_with("cannot read the configuration nowhere.toml:"), "{error}");
}

#[test]
fn an_upstream_is_an_origin_within_bounds() {
    let config =
        from_text(&app("[apps.upstream]\norigin = \"https://api.example.com\"\ntimeout = \"5s\"")).unwrap();
    let upstream = config.apps[0].upstream.as_ref().unwrap();
    assert_eq!(upstream.origin.as_str(), "https://api.example.com/");
    assert_eq!((upstream.timeout, upstream.request), (Duration::from_secs(5), 32 * 1024 * 1024));
    for (lines, mistake) in [
        ("", "upstream has no origin"),
        ("origin = \"api.example.com\"", "is no URL"),
        ("origin = \"ftp://api.example.com\"", "is no http:// or https:// URL"),
        ("origin = \"https://a:b@api.example.com\"", "must not carry a name or a password"),
        ("origin = \"https://api.example.com/base\"", "scheme and host only"),
        ("origin = \"https://api.example.com\"\ntimeout = \"1h\"", "upstream.timeout must be between"),
        ("origin = \"https://api.example.com\"\nconnect_timeout = \"1ms\"", "upstream.connect_timeout"),
        ("origin = \"https://api.example.com\"\nanswer = 10", "upstream.answer is 10 bytes"),
        ("origin = \"https://api.example.com\"\nconcurrency = 0", "upstream.concurrency is 0"),
        ("origin = \"https://api.example.com\"\nbody = 1", "unknown key `body`"),
    ] {
        let problem = from_text(&app(&format!("[apps.upstream]\n{lines}"))).unwrap_err();
        assert!(problem.contains(mistake), "{lines:?}: {problem}");
    }
}

#[test]
fn signatures_and_a_second_master_key_arrive() {
    let text = app(
        "previous_master_key = \"the-old-one\"\n[apps.signatures]\nlogin = true\nempty_members = false\n",
    );
    let app = &from_text(&text).unwrap().apps[0];
    assert!(app.signatures.login && !app.signatures.empty_members);
    assert!(
        !app.signatures.rooms && !app.signatures.history && !app.signatures.blocks && !app.signatures.once
    );
    assert!(["the-master", "the-old-one"].into_iter().all(|key| app.is_master_key(key)));
    assert!(!app.is_master_key("the-key") && !app.is_master_key(""));
}
