//! The checked-in `OpenAPI` document against the served one.

use std::path::Path;

/// `BLESS=1 cargo test -p bigkeys-server --test openapi` rewrites the document after a change of
/// the API.
#[test]
fn the_checked_in_openapi_document_is_the_served_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    let served = bigkeys_server::openapi() + "\n";
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &served).expect("written");
    }
    let checked_in = std::fs::read_to_string(&path).expect("checked in");
    let differs = |(a, b): &(&str, &str)| a != b;
    let first = served.lines().zip(checked_in.lines()).enumerate().find(|(_, lines)| differs(lines));
    assert!(
        served == checked_in,
        "openapi.json differs from the served document, first in {first:?}; \
         BLESS=1 cargo test -p bigkeys-server --test openapi rewrites it"
    );
}
