//! CSV with a header. Every cell of text is escaped so that neither a terminal nor a spreadsheet
//! acts on it.

use std::fmt::Display;
use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rdb_analysis::json::KeysAs;
use rdb_parser::escape::Escaped;

use super::rows::{Row, RowFormat};

/// About what a row takes.
const ROW_BYTES: usize = 256;

/// One row a key.
pub(crate) struct Rows(pub(crate) KeysAs);

impl RowFormat for Rows {
    fn head(&self) -> Vec<u8> {
        let key = match self.0 {
            KeysAs::Auto => "key",
            KeysAs::Base64 => "key_b64",
        };
        format!(
            "db,{key},type,encoding,elements,value_bytes,rdb_bytes,memory_bytes,largest_element_bytes,\
             expires_at_ms,idle_seconds,freq,slot,shard,offset\n"
        )
        .into_bytes()
    }

    fn row(&self, row: Row<'_>, out: &mut Vec<u8>) -> io::Result<()> {
        let m = row.measure;
        let name = match self.0 {
            KeysAs::Auto => text(row.name),
            // Base64 may begin with a plus sign.
            KeysAs::Base64 => text(STANDARD.encode(row.name)),
        };
        // `out` is a buffer already.
        let mut writer = csv::WriterBuilder::new().buffer_capacity(ROW_BYTES).from_writer(out);
        writer.write_record([
            m.db.to_string(),
            name,
            text(m.data_type.to_string()),
            text(m.encoding.to_string()),
            or_empty(m.elements),
            or_empty(m.value_bytes),
            m.rdb_bytes.to_string(),
            or_empty(m.memory_bytes),
            or_empty(m.largest_element_bytes),
            or_empty(m.expires_at_ms),
            or_empty(m.idle_seconds),
            or_empty(m.freq),
            or_empty(m.slot),
            row.shard.map(text).unwrap_or_default(),
            m.offset.to_string(),
        ])?;
        writer.flush()
    }
}

/// A cell of text. Numbers do not need it: a minus sign before a number is no formula.
fn text(text: impl AsRef<[u8]>) -> String {
    Escaped::for_cell(text.as_ref()).to_string()
}

/// A cell of a number.
fn or_empty(value: Option<impl Display>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}
