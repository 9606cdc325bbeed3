//! Fills the template.

use std::io::{self, Write};

use minijinja::Environment;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value};
use serde::Serialize;

use crate::page::Page;
use crate::policy::{self, SCRIPT, STYLE};
use crate::view::PageView;

const TEMPLATE: &str = include_str!("../templates/page.html");

impl Page<'_> {
    /// Writes the page.
    ///
    /// # Errors
    ///
    /// If `out` fails.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut environment = Environment::new();
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
        environment.set_syntax(syntax.map_err(io::Error::other)?);
        environment.add_template("page.html", TEMPLATE).map_err(io::Error::other)?;
        let template = environment.get_template("page.html").map_err(io::Error::other)?;
        let content =
            Content { page: PageView::new(self), policy: policy::of_page(), style: STYLE, script: SCRIPT };
        template.render_captured_to(Value::from(Serde(&content)), out).map_err(io_error)?;
        Ok(())
    }
}

/// What the template shows.
#[derive(Serialize)]
struct Content {
    page: PageView,
    policy: String,
    style: &'static str,
    script: &'static str,
}

/// The error of the writer, if it caused the error of the template.
fn io_error(error: minijinja::Error) -> io::Error {
    use std::error::Error as _;
    match error.source().and_then(|source| source.downcast_ref::<io::Error>()) {
        Some(cause) => io::Error::new(cause.kind(), cause.to_string()),
        None => io::Error::other(error),
    }
}
