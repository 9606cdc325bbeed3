//! The policy of a page (CSP): its own script and style, and nothing else.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

/// The style of every page.
pub(crate) const STYLE: &str = include_str!("../templates/page.css");

/// The script of every page.
pub(crate) const SCRIPT: &str = include_str!("../templates/page.js");

/// The policy that a page states in its head.
pub(crate) fn of_page() -> String {
    format!(
        "default-src 'none'; style-src {}; script-src {}; img-src data:; base-uri 'none'; form-action 'none'",
        style(),
        script()
    )
}

/// The source expression of the style of every page, for a site whose policy also covers a page that
/// it embeds.
pub fn style() -> String {
    of_content(STYLE)
}

/// The source expression of the script of every page.
pub fn script() -> String {
    of_content(SCRIPT)
}

/// The source expression of a style or script: `'sha256-…'`.
pub fn of_content(content: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(content.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_named_by_its_hash() {
        // The example of the specification (CSP 3, 2.3.1).
        let source = of_content("alert('Hello, world.');");
        assert_eq!(source, "'sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng='");
    }
}
