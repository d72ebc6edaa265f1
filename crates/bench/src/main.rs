//! The `grandstand-bench` program.
#![expect(clippy::print_stdout, reason = "the report is the program's output")]

use std::process::ExitCode;

use clap::Parser;
use grandstand_bench::options::Options;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let options = Options::parse();
    let json = options.json;
    match grandstand_bench::run(options).await {
        Ok(report) if json => println!("{}", report.json()),
        Ok(report) => print!("{}", report.table()),
        Err(error) => {
            eprintln!("grandstand-bench: {error:#}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
