//! A key with its elements as one JSON object in one line.

use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rdb_analysis::json::{KeysAs, NumbersAs, write_compact};
use rdb_analysis::{KeyRecord, KeyRow, append_key_record};
use rdb_parser::contents::{Element, Text};
use serde::ser::{Serialize, SerializeMap as _, SerializeSeq as _, Serializer};

/// Writes the record of a key, to which it adds `contents`.
pub(crate) struct Writer<W> {
    out: W,
    elements: u64,
    /// The ID and the fields of the stream's entry that started last.
    entry_id: (u64, u64),
    entry: Vec<[OwnedText; 2]>,
}

impl<W: Write> Writer<W> {
    pub(crate) fn begin(key: &KeyRecord, mut out: W) -> io::Result<Self> {
        let mut record = Vec::new();
        let row = KeyRow {
            name: &key.key,
            key_bytes: key.key_bytes,
            measure: &key.measure,
            largest_element: None,
            shard: key.shard.as_deref(),
        };
        append_key_record(&mut record, row, (KeysAs::Auto, NumbersAs::Number))?;
        // Without the brace at the end.
        record.pop();
        // The number of elements has this name already.
        out.write_all(&record)?;
        out.write_all(b",\"contents\":[")?;
        Ok(Self { out, elements: 0, entry_id: (0, 0), entry: Vec::new() })
    }

    pub(crate) fn element(&mut self, element: Element<'_>) -> io::Result<()> {
        match element {
            Element::EntryStart { id } => {
                self.entry_id = id;
                self.entry.clear();
                return Ok(());
            }
            Element::EntryField { field, value } => {
                self.entry.push([field, value].map(OwnedText::new));
                return Ok(());
            }
            _ => {}
        }
        if self.elements > 0 {
            self.out.write_all(b",")?;
        }
        self.elements += 1;
        if let Element::EntryEnd = element {
            write_compact(&mut self.out, &Entry { id: self.entry_id, fields: &self.entry })?;
        } else {
            write_compact(&mut self.out, &Json(element))?;
        }
        Ok(())
    }

    pub(crate) fn end(mut self) -> io::Result<()> {
        self.out.write_all(b"]}\n")
    }
}

/// A string that outlives its element.
enum OwnedText {
    Whole(Vec<u8>),
    Skipped { bytes: u64 },
}

impl OwnedText {
    fn new(text: Text<'_>) -> Self {
        match text {
            Text::Whole(bytes) => Self::Whole(bytes.to_vec()),
            Text::Skipped { bytes } => Self::Skipped { bytes },
        }
    }

    fn text(&self) -> Text<'_> {
        match self {
            Self::Whole(bytes) => Text::Whole(bytes),
            Self::Skipped { bytes } => Text::Skipped { bytes: *bytes },
        }
    }
}

/// An element as JSON.
struct Json<'a>(Element<'a>);

/// An entry of a stream.
struct Entry<'a> {
    id: (u64, u64),
    fields: &'a [[OwnedText; 2]],
}

/// A string: text, or an object with its bytes in base64, or with the number of its bytes.
struct JsonText<'a>(Text<'a>);

impl Serialize for JsonText<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (name, bytes) = match self.0 {
            Text::Whole(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => return serializer.serialize_str(text),
                Err(_) => ("b64", bytes),
            },
            Text::Skipped { bytes } => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry("skipped_bytes", &bytes)?;
                return map.end();
            }
        };
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(name, &STANDARD.encode(bytes))?;
        map.end()
    }
}

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Element::Whole(text)
            | Element::Item(text)
            | Element::Member { member: text, expires_at_ms: None } => {
                return JsonText(text).serialize(serializer);
            }
            _ => {}
        }
        let mut map = serializer.serialize_map(None)?;
        match self.0 {
            Element::Member { member, expires_at_ms } => {
                map.serialize_entry("member", &JsonText(member))?;
                map.serialize_entry("expires_at_ms", &expires_at_ms)?;
            }
            Element::Scored { member, score } => {
                map.serialize_entry("member", &JsonText(member))?;
                match score.filter(|score| score.is_finite()) {
                    Some(score) => map.serialize_entry("score", &score)?,
                    // JSON has no infinity.
                    None => map.serialize_entry("score", &score.map(|score| score.to_string()))?,
                }
            }
            Element::Field { field, value, expires_at_ms } => {
                map.serialize_entry("field", &JsonText(field))?;
                map.serialize_entry("value", &JsonText(value))?;
                if let Some(at_ms) = expires_at_ms {
                    map.serialize_entry("expires_at_ms", &at_ms)?;
                }
            }
            Element::Cell { index, value } => {
                map.serialize_entry("index", &index)?;
                map.serialize_entry("value", &JsonText(value))?;
            }
            Element::Group { name } => map.serialize_entry("group", &JsonText(name))?,
            Element::Consumer { name } => map.serialize_entry("consumer", &JsonText(name))?,
            _ => {}
        }
        map.end()
    }
}

impl Serialize for Entry<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (ms, sequence) = self.id;
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("id", &format!("{ms}-{sequence}"))?;
        map.serialize_entry("fields", &Fields(self.fields))?;
        map.end()
    }
}

/// Pairs of field and value: an entry may have a field twice.
struct Fields<'a>(&'a [[OwnedText; 2]]);

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(Some(self.0.len()))?;
        for pair in self.0 {
            seq.serialize_element(&pair.each_ref().map(|text| JsonText(text.text())))?;
        }
        seq.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_has_its_own_fields_and_says_what_was_skipped() {
        let field = |value| Element::EntryField { field: Text::Whole(b"f"), value };
        let mut out = Vec::new();
        let mut writer = Writer { out: &mut out, elements: 0, entry_id: (0, 0), entry: Vec::new() };
        for element in [
            Element::EntryStart { id: (5, 1) },
            field(Text::Whole(b"of a damaged node")),
            Element::EntryStart { id: (6, 0) },
            field(Text::Skipped { bytes: 200_000 }),
            Element::EntryEnd,
            Element::EntryStart { id: (7, 0) },
            Element::EntryEnd,
        ] {
            writer.element(element).expect("in memory");
        }
        let expected =
            "{\"id\":\"6-0\",\"fields\":[[\"f\",{\"skipped_bytes\":200000}]]},{\"id\":\"7-0\",\"fields\":[]}";
        assert_eq!(String::from_utf8_lossy(&out), expected);
    }
}
