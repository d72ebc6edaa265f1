//! Chores of the repository: `cargo xtask codegen [--check]` and `cargo xtask tidy`.
#![expect(clippy::print_stdout, reason = "a program for developers speaks on stdout")]

mod codegen;
mod tidy;

use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask <chore>

  codegen           write crates/protocol/src/wire/generated.rs from the .proto file
  codegen --check   fail when that file is stale
  tidy              the rules of the repository that no compiler knows";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["codegen"] => codegen::write(),
        ["codegen", "--check"] => codegen::check(),
        ["tidy"] => tidy::check(),
        _ => Err(USAGE.into()),
    };
    match outcome {
        Ok(said) => {
            println!("{said}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
