//! Makes sure that the folder of the built page exists, so that the server compiles without Node.js.

use std::{env, fs, path::Path};

fn main() {
    let manifest = env::var_os("CARGO_MANIFEST_DIR").expect("cargo tells where the crate is");
    let page = Path::new(&manifest).join("../../console/dist");
    if let Err(error) = fs::create_dir_all(&page) {
        println!("cargo::warning=cannot make {}: {error}", page.display());
    }
    println!("cargo::rerun-if-changed={}", page.display());
}
