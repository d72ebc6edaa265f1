//! `grandstand config questions`: each answer is in the configuration that is printed, and the server takes it.

use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    path::Path,
    process::{Command, Output, Stdio},
    time::Duration,
};

use grandstand::{
    apps::App,
    config::Config,
    hook::{OnFailure, Policy, Target},
};
use grandstand_doctor::console::{Answers, QUESTIONS};
use grandstand_room::switches::RoomsByKey;
use proptest::prelude::*;

use crate::running::{Running, command, run};

const KEYS: [(&str, &str); 3] = [
    ("GRANDSTAND_APPS__0__KEY", "the-app-key"),
    ("GRANDSTAND_APPS__0__MASTER_KEY", "the-master-key"),
    ("GRANDSTAND_APPS__0__HOOKS__HOOK_KEY", "the-hook-key"),
];

/// A question, an answer, and how the configuration shows it.
struct Sample(&'static str, &'static str, fn(&Config, &App) -> bool);

const ENGINE: &str = "https://engine.example.com";

/// Whether the app has hooks, and all that LeanCloud's switch is about have this policy.
fn hooks_fail(app: &App, policy: Policy) -> bool {
    let expected = OnFailure {
        message_received: policy,
        message_update: policy,
        conversation_start: policy,
        conversation_add: policy,
        conversation_remove: policy,
        conversation_update: policy,
        client_sign: Policy::Refuse,
    };
    app.hooks.as_ref().is_some_and(|hooks| hooks.on_failure == expected)
}

fn has_engine(app: &App) -> bool {
    let target = app.hooks.as_ref().map(|hooks| &hooks.target);
    matches!(target, Some(Target::Engine { url, hook_key })
        if url.as_str() == "https://engine.example.com/" && hook_key.reveal() == "the-hook-key")
}

fn kept(config: &Config, days: u64) -> bool {
    let time = Duration::from_secs(days * 86_400);
    config.retention.messages == time && config.retention.rooms == time
}

#[rustfmt::skip]
const SAMPLES: &[Sample] = &[
    Sample("app_id", "wFGG…", |_, app| app.id.as_str() == "wFGG…"),
    Sample("app_id", r#"a"b\c'#[d]"#, |_, app| app.id.as_str() == r#"a"b\c'#[d]"#),
    Sample("app_key", "env:LC_KEY", |_, app| app.key.reveal() == "the-app-key"),
    Sample("app_key", "file:/run/secrets/it's a key", |_, app| app.key.reveal() == "the-app-key"),
    Sample("master_key", "file:master.key", |_, app| app.master_key.reveal() == "the-master-key"),
    Sample("name", "", |_, app| app.name.is_none()),
    Sample("name", "直播 \"Live\" \\ #1", |_, app| app.name.as_deref() == Some("直播 \"Live\" \\ #1")),
    Sample("public_url", "", |config, _| config.public_url.is_none()),
    Sample("public_url", "https://chat.example.com:8443/", |config, _| {
        config.public_url.as_ref().is_some_and(|url| url.secure && url.authority == "chat.example.com:8443")
    }),
    Sample("public_url", "http://127.0.0.1:8080", |config, _| {
        config.public_url.as_ref().is_some_and(|url| !url.secure && url.authority == "127.0.0.1:8080")
    }),
    Sample("allowed_origins", "无", |_, app| app.allowed_origins.is_empty()),
    Sample("allowed_origins", "https://WWW.example.com:443, http://localhost:3000", |_, app| {
        app.allowed_origins == ["https://www.example.com", "http://localhost:3000"]
    }),
    Sample("signature_login", "yes", |_, app| app.signatures.login),
    Sample("signature_login", "", |_, app| !app.signatures.login),
    Sample("signature_conversation", "是", |_, app| app.signatures.rooms),
    Sample("signature_conversation", "no", |_, app| !app.signatures.rooms),
    Sample("signature_history", "true", |_, app| app.signatures.history),
    Sample("signature_history", "false", |_, app| !app.signatures.history),
    Sample("signature_blacklist", "Y", |_, app| app.signatures.blocks),
    Sample("signature_blacklist", "off", |_, app| !app.signatures.blocks),
    Sample("edit", "yes", |_, app| app.switches.edit),
    Sample("edit", "", |_, app| !app.switches.edit),
    Sample("recall", "yes", |_, app| app.switches.recall),
    Sample("recall", "", |_, app| !app.switches.recall),
    Sample("blacklist", "yes", |_, app| app.moderation.block),
    Sample("blacklist", "", |_, app| !app.moderation.block),
    Sample("member_info", "yes", |_, app| app.moderation.roles && app.moderation.silence),
    Sample("member_info", "", |_, app| !app.moderation.roles && !app.moderation.silence),
    Sample("engine", "", |_, app| app.hooks.is_none()),
    Sample("engine", ENGINE, |_, app| has_engine(app)),
    Sample("hook_key", "env:LEANCLOUD_APP_HOOK_KEY", |_, app| has_engine(app)),
    Sample("hook_failure", "yes", |_, app| hooks_fail(app, Policy::Refuse)),
    Sample("hook_failure", "no", |_, app| hooks_fail(app, Policy::Allow)),
    Sample("upstream", "", |_, app| app.upstream.is_none()),
    Sample("upstream", "https://api.example.com", |_, app| {
        app.upstream.as_ref().is_some_and(|upstream| upstream.origin.as_str() == "https://api.example.com/")
    }),
    Sample("accounts", "https://users.example.com/1.1/users/me", |_, app| {
        app.accounts.as_ref().is_some_and(|accounts| accounts.url.as_str() == "https://users.example.com/1.1/users/me")
    }),
    Sample("messages_per_minute", "9000", |_, app| app.quotas.messages_per_minute == 9000),
    Sample("messages_per_minute", "", |_, app| app.quotas.messages_per_minute == 1800),
    Sample("max_deliveries_per_second", "160000", |_, app| app.switches.max_deliveries_per_second == Some(160_000)),
    Sample("max_deliveries_per_second", "none", |_, app| app.switches.max_deliveries_per_second.is_none()),
    Sample("history_days", "", |config, _| kept(config, 180)),
    Sample("history_days", "36500", |config, _| kept(config, 36_500)),
    Sample("history_days", "1", |config, _| kept(config, 1)),
    Sample("conversation_class", "read", |_, app| app.switches.rooms_by_key == RoomsByKey::Read),
    Sample("conversation_class", "create", |_, app| app.switches.rooms_by_key == RoomsByKey::Create),
    Sample("conversation_class", "change", |_, app| app.switches.rooms_by_key == RoomsByKey::Change),
    // These say what to do instead, and leave the configuration as it is.
    Sample("words", "own", |_, _| true),
    Sample("words", "none", |_, _| true),
    Sample("one_to_one_filter", "yes", |_, _| true),
    Sample("offline_push", "yes", |_, _| true),
    Sample("system_callback", "yes", |_, _| true),
];

/// The configuration of these answers, loaded as a server would.
fn load(samples: &[&Sample]) -> Result<(), String> {
    let mut named = BTreeMap::from([("app_id".to_owned(), "the-app".to_owned())]);
    let engine = samples.iter().find(|sample| sample.0 == "engine").map_or("", |sample| sample.1);
    // Nothing would come of answers about hooks without one.
    let (about_hooks, others): (Vec<&Sample>, Vec<&Sample>) =
        samples.iter().copied().partition(|sample| sample.0.starts_with("hook_"));
    let alone = samples.len() == about_hooks.len();
    if alone {
        named.insert("engine".to_owned(), ENGINE.to_owned());
    }
    let asked = about_hooks.into_iter().filter(|_| alone || !engine.is_empty());
    let samples: Vec<_> = others.into_iter().chain(asked).collect();
    named.extend(samples.iter().map(|sample| (sample.0.to_owned(), sample.1.to_owned())));
    let answers = Answers::from_named(&named).map_err(|wrong| format!("{named:?}: {wrong}"))?;
    let text = answers.to_toml();
    let environment: Vec<_> = answers
        .keys()
        .iter()
        .map(|(variable, _)| {
            let (_, key) = KEYS.iter().find(|(known, _)| known == variable).unwrap();
            ((*variable).to_owned(), (*key).to_owned())
        })
        .collect();
    let config = Config::from_toml_with(&text, &environment).map_err(|error| format!("{error}\n{text}"))?;
    for Sample(name, answer, shows) in samples {
        if !shows(&config, &config.apps[0]) {
            return Err(format!("{name} = {answer:?} is not in {text}"));
        }
    }
    Ok(())
}

#[test]
fn every_answer_alone_is_in_the_configuration() {
    for sample in SAMPLES {
        load(&[sample]).unwrap();
    }
    for question in &QUESTIONS {
        assert!(SAMPLES.iter().any(|sample| sample.0 == question.name), "{} has no sample", question.name);
    }
}

proptest! {
    #[test]
    fn answers_do_not_get_into_each_others_way(picks in prop::collection::vec(any::<prop::sample::Index>(), QUESTIONS.len())) {
        // One of the samples of each question, or none.
        let chosen: Vec<&Sample> = QUESTIONS.iter().zip(&picks).filter_map(|(question, pick)| {
            let samples: Vec<_> = SAMPLES.iter().filter(|sample| sample.0 == question.name).collect();
            samples.get(pick.index(samples.len() + 1)).copied()
        }).collect();
        load(&chosen).map_err(TestCaseError::fail)?;
    }
}

/// The program with these lines typed, or piped, in.
fn questions(folder: &Path, typed: Option<&str>, arguments: &[&str]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_grandstand"));
    program.args(["config", "questions"]).args(arguments).current_dir(folder).env_clear();
    program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = program.spawn().unwrap();
    // Whoever does not read everything has ended.
    let _ = child.stdin.take().unwrap().write_all(typed.unwrap_or_default().as_bytes());
    child.wait_with_output().unwrap()
}

fn texts(output: &Output) -> (Option<i32>, &str, &str) {
    let text = |bytes| std::str::from_utf8(bytes).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_configuration_out_of_typed_answers_starts_a_server_that_does_as_the_console_said() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("app.key"), "the-app-key\n").unwrap();
    // Id, key, master key, name, URL, origins, signature for logins, and all the others as they are.
    let typed = format!("the-app\nfile:app.key\nenv:LC_MASTER\nShow\n\n\nyes\n{}", "\n".repeat(20));
    let output = questions(folder.path(), Some(&typed), &[]);
    let (code, out, err) = texts(&output);
    assert_eq!(code, Some(0), "{err}");
    for words in ["1/27 ", "登录启用签名认证", "yes / no [no]: ", "grandstand words load FILE"] {
        assert!(err.contains(words), "no {words:?} in {err}");
    }
    assert!(!err.contains("the-app-key") && !out.contains("the-app-key"), "the file is not read");
    assert!(out.contains("export GRANDSTAND_APPS__0__KEY=\"$(cat 'app.key')\""), "{out}");
    fs::write(folder.path().join("grandstand.toml"), out).unwrap();

    let mut program = command(folder.path());
    program.envs(KEYS.into_iter().take(2));
    let server = Running::start_command(&mut program);
    let doctor = |keys: &[(&str, &str)]| {
        let mut doctor = Command::new(env!("CARGO_BIN_EXE_grandstand"));
        doctor.args(["doctor", &format!("http://{}", server.public), "--app-id", "the-app"]);
        run(doctor.env_clear().envs(keys.iter().copied()))
    };
    let output = doctor(&[("GRANDSTAND_APP_KEY", "the-app-key")]);
    let (code, out, _) = texts(&output);
    assert_eq!(code, Some(1), "{out}");
    assert!(out.contains("4102") && out.contains("asks for signatures"), "{out}");
    let output =
        doctor(&[("GRANDSTAND_APP_KEY", "the-app-key"), ("GRANDSTAND_MASTER_KEY", "the-master-key")]);
    let (code, out, _) = texts(&output);
    assert_eq!(code, Some(0), "{out}");
    assert!(out.contains("signed with the master key"), "{out}");
}

#[test]
fn answers_that_are_wrong_or_end_too_soon_print_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for (typed, words) in [
        ("", "the answers ended before app_id; nothing was printed"),
        ("the-app\n\n\n", "the answers ended before name"),
        ("the-app\ns3cret\n", "app_key: not the key itself"),
        ("the-app\n\n\n\nchat.example.com\n", "public_url: \"chat.example.com\" is not scheme and host"),
    ] {
        let output = questions(folder.path(), Some(typed), &[]);
        let (code, out, err) = texts(&output);
        assert_eq!((code, out), (Some(2), ""), "{err}");
        assert!(err.contains(words) && !err.contains("s3cret"), "no {words:?} in {err}");
    }
}

#[test]
fn a_file_of_answers_is_for_scripts() {
    let folder = tempfile::tempdir().unwrap();
    let answers = |text: &str| {
        fs::write(folder.path().join("answers.toml"), text).unwrap();
        questions(folder.path(), None, &["--answers", "answers.toml"])
    };
    let output = answers(
        "app_id = \"the-app\"\nedit = true\nhistory_days = 365\nallowed_origins = [\"https://a.example\", \"https://b.example\"]\n",
    );
    let (code, out, err) = texts(&output);
    assert_eq!(code, Some(0), "{err}");
    for line in ["edit = true\n", "messages = \"365d\"\n", "[\"https://a.example\", \"https://b.example\"]\n"]
    {
        assert!(out.contains(line), "no {line:?} in {out}");
    }
    assert!(!err.contains("yes / no"), "nobody is asked: {err}");
    for (text, words) in [
        ("edit = true\n", "answers.toml: app_id: it is needed"),
        ("app_id = \"a\"\nhistory = 3\n", "history: no question has this name; there are app_id, "),
        ("app_id = \"a\"\nedit = 3\n", "edit: \"3\" is neither yes nor no"),
        (
            "app_id = \"a\"\nhook_failure = true\n",
            "hook_failure: it would do nothing without an answer to engine",
        ),
        ("app_id = \"a\"\nmaster_key = \"s3cret\"\n", "master_key: not the key itself"),
        ("app_id = { id = 1 }\n", "app_id: a text, a number"),
        ("app_id = \n", "answers.toml: "),
    ] {
        let output = answers(text);
        let (code, out, err) = texts(&output);
        assert_eq!((code, out), (Some(2), ""), "{text}: {err}");
        assert!(err.contains(words) && !err.contains("s3cret"), "no {words:?} in {err}");
    }
    let output = questions(folder.path(), None, &["--answers", "nowhere.toml"]);
    assert!(texts(&output).2.contains("nowhere.toml"));
}

#[test]
fn both_documents_list_each_answer_with_its_default() {
    for (document, none) in [("configuration.md", "none"), ("configuration.zh-CN.md", "空")] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(document);
        let text = fs::read_to_string(path).unwrap();
        // Some keys of the configuration have these names, too, in tables before this one.
        let text = &text[text.find("| `app_id` | ").unwrap()..];
        for question in &QUESTIONS {
            let row = text.lines().find(|line| line.starts_with(&format!("| `{}` | ", question.name)));
            let shown = row.and_then(|row| row.split(" | ").nth(1)).map(|shown| shown.trim_matches('`'));
            let default = match question.default {
                None => "–",
                Some("") => none,
                Some(default) => default,
            };
            assert_eq!(shown, Some(default), "{document}: {}", question.name);
        }
    }
}
