//! The header, which is generated from the crate.

use std::fs;
use std::path::{Path, PathBuf};

/// The sources of the header, in its order.
const SOURCES: [&str; 8] = [
    "code.rs",
    "key.rs",
    "options.rs",
    "error.rs",
    "json.rs",
    "exports/results.rs",
    "exports/options.rs",
    "exports/runs.rs",
];

fn crate_path(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn generated() -> String {
    let config = cbindgen::Config::from_file(crate_path("cbindgen.toml")).expect("a configuration");
    let mut builder = cbindgen::Builder::new().with_config(config);
    for source in SOURCES {
        builder = builder.with_src(crate_path("src").join(source));
    }
    let mut header = Vec::new();
    builder.generate().expect("a header").write(&mut header);
    String::from_utf8(header).expect("UTF-8")
}

#[test]
fn the_header_is_up_to_date() {
    let path = crate_path("include/bigkeys.h");
    let header = generated();
    if std::env::var_os("BLESS").is_some_and(|bless| bless == "1") {
        fs::write(&path, &header).expect("written");
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == header, "BLESS=1 cargo test -p bigkeys-capi --test it header:: rewrites the header");
}

#[test]
fn the_header_has_every_exported_function() {
    let header = generated();
    let mut exported = 0;
    for file in rust_files(&crate_path("src")) {
        let text = fs::read_to_string(file).expect("a source");
        for (_, rest) in text.match_indices("#[unsafe(no_mangle)]").map(|(at, _)| text.split_at(at)) {
            let name =
                rest.split_once("fn ").and_then(|(_, rest)| rest.split_once('(')).expect("a function").0;
            assert!(header.contains(&format!("{name}(")), "{name} is missing");
            exported += 1;
        }
    }
    assert!(exported > 20, "{exported} functions");
}

fn rust_files(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in directory.read_dir().expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else {
            files.push(path);
        }
    }
    files
}
