//! Chores of the repository: `cargo xtask codegen`.

fn main() {}
