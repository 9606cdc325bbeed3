//! CSV with a header. Every cell of text is escaped so that neither a terminal nor a spreadsheet
//! acts on it.

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rdb_analysis::json::KeysAs;
use rdb_analysis::{KeyRow, LargestElement};
use rdb_parser::escape::Escaped;

use super::rows::RowFormat;

/// One row a key.
pub(crate) struct Rows {
    pub(crate) keys_as: KeysAs,
    /// Whether each row ends with the kind and the name of the largest element.
    pub(crate) names_largest: bool,
}

impl RowFormat for Rows {
    fn head(&self) -> Vec<u8> {
        let key = match self.keys_as {
            KeysAs::Auto => "key",
            KeysAs::Base64 => "key_b64",
        };
        let largest = match (self.names_largest, self.keys_as) {
            (false, _) => "",
            (true, KeysAs::Auto) => ",largest_element_kind,largest_element",
            (true, KeysAs::Base64) => ",largest_element_kind,largest_element_b64",
        };
        format!(
            "db,{key},type,encoding,elements,value_bytes,rdb_bytes,memory_bytes,largest_element_bytes,\
             expires_at_ms,idle_seconds,freq,slot,shard,offset{largest}\n"
        )
        .into_bytes()
    }

    fn row(&self, row: KeyRow<'_>, out: &mut Vec<u8>) -> io::Result<()> {
        let m = row.measure;
        number(out, Some(m.db));
        self.name(out, row.name);
        text(out, m.data_type.to_string().as_bytes());
        text(out, m.encoding.name().as_bytes());
        number(out, m.elements);
        number(out, m.value_bytes);
        number(out, Some(m.rdb_bytes));
        number(out, m.memory_bytes);
        number(out, m.largest_element_bytes);
        number(out, m.expires_at_ms);
        number(out, m.idle_seconds);
        number(out, m.freq);
        number(out, m.slot);
        text(out, row.shard.unwrap_or_default().as_bytes());
        number(out, Some(m.offset));
        if self.names_largest {
            self.largest_element(out, row.largest_element);
        }
        end_row(out);
        Ok(())
    }
}

impl Rows {
    fn name(&self, out: &mut Vec<u8>, name: &[u8]) {
        match self.keys_as {
            KeysAs::Auto => text(out, name),
            // Base64 may begin with a plus sign.
            KeysAs::Base64 => text(out, STANDARD.encode(name).as_bytes()),
        }
    }

    fn largest_element(&self, out: &mut Vec<u8>, element: Option<&LargestElement>) {
        text(out, element.map_or("", LargestElement::kind).as_bytes());
        match element {
            Some(LargestElement::Member(name) | LargestElement::Field(name)) => self.name(out, &name.bytes),
            Some(LargestElement::Index(index)) => number(out, Some(*index)),
            Some(LargestElement::Entry(id)) => text(out, id.to_string().as_bytes()),
            _ => text(out, b""),
        }
    }
}

/// Ends a row: the comma after its last cell becomes a line feed.
pub(super) fn end_row(out: &mut Vec<u8>) {
    out.pop();
    out.push(b'\n');
}

/// Appends a cell of text and a comma.
pub(super) fn text(out: &mut Vec<u8>, text: &[u8]) {
    if is_plain(text) {
        out.extend_from_slice(text);
    } else {
        let escaped = Escaped::for_cell(text).to_string();
        if escaped.contains([',', '"']) {
            out.push(b'"');
            out.extend_from_slice(escaped.replace('"', "\"\"").as_bytes());
            out.push(b'"');
        } else {
            out.extend_from_slice(escaped.as_bytes());
        }
    }
    out.push(b',');
}

/// Appends a cell of a number and a comma. A number is not escaped: a minus sign before digits is
/// no formula.
pub(super) fn number(out: &mut Vec<u8>, value: Option<impl itoa::Integer>) {
    if let Some(value) = value {
        out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
    }
    out.push(b',');
}

/// Whether a cell stands as it is: printable ASCII that neither begins a formula nor has a
/// character that CSV or [`Escaped::for_cell`] treats in its own way.
fn is_plain(text: &[u8]) -> bool {
    let begins_formula = text.first().is_some_and(|first| b" =+-@".contains(first));
    let is_plain = |&byte: &u8| {
        matches!(byte,
            b' '..=b'!' | b'#'..=b'&' | b'('..=b'+' | b'-'..=b':' | b'<'..=b'[' | b']'..=b'{' | b'}'..=b'~')
    };
    // Without an early end, so that it is compiled to vector instructions.
    !begins_formula && text.iter().fold(true, |all, byte| all & is_plain(byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn cells_are_those_of_the_csv_crate(
            texts in proptest::collection::vec(
                prop_oneof!["[a-z:,;'|\"\\\\x=+@ -]{0,12}", "[ -~\n\r\u{9b}]{0,12}"],
                1..4,
            ),
            value in proptest::option::of(any::<i64>()),
        ) {
            let mut ours = Vec::new();
            for cell in &texts {
                text(&mut ours, cell.as_bytes());
            }
            number(&mut ours, value);
            end_row(&mut ours);
            let mut writer = csv::Writer::from_writer(Vec::new());
            let cells = texts.iter().map(|cell| Escaped::for_cell(cell.as_bytes()).to_string());
            let value = value.map(|value| value.to_string()).unwrap_or_default();
            writer.write_record(cells.chain([value])).expect("in memory");
            let theirs = writer.into_inner().expect("in memory");
            prop_assert_eq!(String::from_utf8_lossy(&ours), String::from_utf8_lossy(&theirs));
        }
    }
}
