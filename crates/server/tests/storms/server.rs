//! The program with one app and bounds that a storm from one machine meets only where a test wants it.

use std::{path::Path, process::Command};

use crate::running::{Running, command};

pub(crate) const APP: &str = "test-app";

/// The command that starts the program with these lines of configuration.
pub(crate) fn prepared(folder: &Path, limits: &str) -> Command {
    // Both ends of a storm need many files.
    rlimit::increase_nofile_limit(u64::MAX).unwrap();
    let mut config = String::from("[client_limits]\nenabled = false\n[limits]\n");
    if !limits.contains("per_address") {
        config.push_str("handshakes_per_second_per_address = 100000\n");
    }
    config.push_str(limits);
    config.push_str(&format!("\n[[apps]]\nid = \"{APP}\"\nkey = \"key\"\nmaster_key = \"master-key\"\n"));
    std::fs::write(folder.join("grandstand.toml"), config).unwrap();
    command(folder)
}

pub(crate) fn start(folder: &Path, limits: &str) -> Running {
    Running::start_command(&mut prepared(folder, limits))
}
