//! The `grandstand` program: everything it does is in the library.

fn main() -> std::process::ExitCode {
    grandstand::program::main()
}
