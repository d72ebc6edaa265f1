//! The `grandstand` program.

fn main() {}
