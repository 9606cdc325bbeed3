//! CSV with a header. Key names are escaped so that neither a terminal nor a spreadsheet acts on them.

use std::fmt::Display;
use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rdb_analysis::json::KeysAs;
use rdb_parser::escape::Escaped;

use super::{KeyWriter, Row};

/// One row a key.
pub(crate) struct Rows<'o> {
    out: csv::Writer<&'o mut dyn Write>,
    keys_as: KeysAs,
}

impl<'o> Rows<'o> {
    pub(crate) fn new(out: &'o mut dyn Write, keys_as: KeysAs) -> io::Result<Self> {
        let mut out = csv::Writer::from_writer(out);
        let key = match keys_as {
            KeysAs::Auto => "key",
            KeysAs::Base64 => "key_b64",
        };
        out.write_record([
            "db",
            key,
            "type",
            "encoding",
            "elements",
            "value_bytes",
            "rdb_bytes",
            "memory_bytes",
            "largest_element_bytes",
            "expires_at_ms",
            "idle_seconds",
            "freq",
            "slot",
            "shard",
            "offset",
        ])?;
        Ok(Self { out, keys_as })
    }
}

impl KeyWriter for Rows<'_> {
    fn write(&mut self, row: Row<'_>) -> io::Result<()> {
        let m = row.measure;
        let name = match self.keys_as {
            KeysAs::Auto => Escaped::for_cell(row.name).to_string(),
            KeysAs::Base64 => STANDARD.encode(row.name),
        };
        self.out.write_record([
            m.db.to_string(),
            name,
            m.data_type.to_string(),
            m.encoding.to_string(),
            or_empty(m.elements),
            or_empty(m.value_bytes),
            m.rdb_bytes.to_string(),
            or_empty(m.memory_bytes),
            or_empty(m.largest_element_bytes),
            or_empty(m.expires_at_ms),
            or_empty(m.idle_seconds),
            or_empty(m.freq),
            or_empty(m.slot),
            or_empty(row.shard),
            m.offset.to_string(),
        ])?;
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn or_empty(value: Option<impl Display>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}
