//! Where the server, the app and its key come from.

use std::{fs, os::unix::fs::PermissionsExt};

use crate::{
    desk::{Desk, MASTER_KEY, operator, run},
    running::{Running, value},
    server::APP,
};

#[test]
fn a_server_without_configuration_needs_no_settings() {
    let folder = tempfile::tempdir().unwrap();
    // The default folder, as `grandstand serve` has it.
    let server = Running::start_command(&mut crate::running::program(folder.path(), "grandstand-data"));
    let url = format!("http://{}", server.public);
    let ask = |more: &[&str]| run(operator(&folder).args(["rooms", "list", "--url", &url]).args(more), "");
    let said = ask(&[]);
    // The demo room may be there already.
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{said:?}");
    let app = value(&server.announcement, "App id").to_owned();
    assert_eq!(ask(&["--app-id", &app]).code, 0);
    let said = ask(&["--app-id", "another-app"]);
    assert!(said.code == 2 && said.err.contains("there is no master key"), "{said:?}");
    let said = ask(&["--data", "elsewhere"]);
    assert!(said.code == 2 && said.err.contains("which app?") && said.err.contains("elsewhere"), "{said:?}");
    fs::write(folder.path().join("grandstand-data/development-app.toml"), "id = 1").unwrap();
    let said = ask(&[]);
    assert!(said.err.contains("development-app.toml"), "{said:?}");
}

#[test]
fn keys_come_from_a_file_or_the_environment() {
    let desk = Desk::open();
    let key = desk.folder.path().join("master.key");
    let write = |text: &str, mode: u32| {
        fs::write(&key, text).unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
    };
    let url = desk.url();
    let ask = |more: &[&str]| run(operator(&desk.folder).args(["stats", "--url", &url]).args(more), "");
    let by_file = ["--app-id", APP, "--key-file", "master.key"];
    write(&format!("{MASTER_KEY}\n"), 0o600);
    let said = ask(&by_file);
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{said:?}");
    write(MASTER_KEY, 0o640);
    let said = ask(&by_file);
    assert!(
        said.code == 0 && said.err.contains("others than you can read master.key: chmod 600"),
        "{said:?}"
    );
    for text in ["", "\n", "two\nlines\n", "with space", &"x".repeat(5000)] {
        write(text, 0o600);
        let said = ask(&by_file);
        assert!(said.code == 2 && said.err.contains("holds no master key"), "{text:?}: {said:?}");
    }
    fs::remove_file(&key).unwrap();
    let said = ask(&by_file);
    assert!(said.code == 1 && said.err.contains("master.key"), "{said:?}");
    let said = ask(&["--app-id", APP]);
    assert!(said.code == 2 && said.err.contains("GRANDSTAND_MASTER_KEY"), "{said:?}");
    let said =
        run(operator(&desk.folder).args(["stats", "--url", &url]).env("GRANDSTAND_MASTER_KEY", "k"), "");
    assert!(said.code == 2 && said.err.contains("GRANDSTAND_APP_ID"), "{said:?}");
}

#[test]
fn a_wrong_key_is_said_with_where_it_was_found() {
    let desk = Desk::open();
    let said = run(desk.command().env("GRANDSTAND_MASTER_KEY", "a-wrong-key").arg("stats"), "");
    assert!(said.code == 1 && said.err.contains("401") && said.err.contains(APP), "{said:?}");
    assert!(said.err.contains("GRANDSTAND_MASTER_KEY") && !said.err.contains("a-wrong-key"), "{said:?}");
    let said = run(desk.command().env("GRANDSTAND_APP_ID", "another").arg("stats"), "");
    assert!(said.code == 1 && said.err.contains("no app another"), "{said:?}");
    // The app's key is no master key.
    assert_eq!(run(desk.command().env("GRANDSTAND_MASTER_KEY", "the-key").arg("stats"), "").code, 1);
}

#[test]
fn an_argument_never_holds_the_key() {
    let folder = tempfile::tempdir().unwrap();
    let said = run(operator(&folder).args(["stats", "--master-key", "x"]), "");
    assert!(said.code == 2 && said.err.contains("unexpected argument"), "{said:?}");
    let help = run(operator(&folder).args(["rooms", "--help"]), "").out;
    assert!(help.contains("never from the command line") && !help.contains("--master-key"), "{help}");
    let help = run(operator(&folder).args(["serve", "--help"]), "").out;
    let app = help.split("--app ").nth(1).unwrap();
    assert!(app.split("--").next().unwrap().contains("For tests"), "{help}");
}
