//! The program around the server: command line, start, signals, words for the operator.

mod announcement;
mod backup;
mod cli;
mod compare;
mod development_app;
mod doctor;
mod failure;
mod import;
mod log;
mod operator;
mod progress;
mod questions;
mod record;
mod reload;
mod restore;
mod serve;
mod stop;

use std::{
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use clap::Parser;

use crate::config::{Config, Sources, file_limit};

use self::{
    cli::{Cli, Command, ConfigCommand},
    failure::Failure,
};

/// Runs the command that the arguments name.
#[must_use]
pub fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Serve(flags) => serve::run(flags.into_sources()),
        Command::Config { command: ConfigCommand::Check { file } } => check(file),
        Command::Config { command: ConfigCommand::Questions(questions) } => questions::run(&questions),
        Command::Import(import) => import::run(import),
        Command::Compare(compare) => compare::run(compare),
        Command::Backup(backup) => backup::run(backup),
        Command::Restore(restore) => restore::run(restore),
        Command::Record(record) => record::run(record),
        Command::Doctor(doctor) => match doctor::run(*doctor) {
            // What failed stands in its report.
            Ok(false) => return ExitCode::FAILURE,
            other => other.map(|_| ()),
        },
        Command::Operator(command) => operator::run(command).map_err(Failure::from),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Nobody is left to tell when this fails.
            let _ = writeln!(io::stderr(), "{failure}");
            failure.exit_code()
        }
    }
}

/// `grandstand config check FILE`: everything that can be known without starting.
fn check(file: PathBuf) -> Result<(), Failure> {
    let sources = Sources {
        file: Some(file.clone()),
        environment: cli::environment(),
        file_limit: file_limit(),
        ..Sources::default()
    };
    let config = Config::load(&sources)?;
    if let Some(tls) = &config.tls {
        crate::gateway::tls::Certificate::load(tls)?;
    }
    let (apps, noun) = (config.apps.len(), if config.apps.len() == 1 { "app" } else { "apps" });
    let sentence = format!("{} is fine: {apps} {noun}. 配置无误。", file.display());
    say(&sentence)
}

/// The closing words of a command.
fn say(text: &str) -> Result<(), Failure> {
    writeln!(io::stdout(), "{text}").map_err(Failure::Output)
}
