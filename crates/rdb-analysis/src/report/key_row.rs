//! Keys as JSON, one after the other: the hot path of exports.

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::contents::KeyRow;
use super::json::{KeysAs, NumbersAs, key_record, write_compact_with};
use crate::measure::DataType;

/// Appends the record of a key to `out`: the bytes that
/// [`write_compact_with`] writes of [`key_record`].
///
/// # Errors
///
/// None today; a serializer may return one.
pub fn append_key_record(
    out: &mut Vec<u8>,
    key: KeyRow<'_>,
    (keys_as, numbers_as): (KeysAs, NumbersAs),
) -> io::Result<()> {
    let KeyRow { name, key_bytes, measure, largest_element, shard } = key;
    let is_plain = keys_as == KeysAs::Base64 || is_plain(name);
    if !is_plain || largest_element.is_some() || matches!(measure.data_type, DataType::Module(_)) {
        return write_compact_with(out, &key_record(key, keys_as), numbers_as);
    }
    let mut row = Row { out, numbers_as };
    row.integer("{\"db\":", measure.db);
    match keys_as {
        KeysAs::Auto => {
            row.text(",\"key\":\"");
            row.out.extend_from_slice(name);
        }
        KeysAs::Base64 => {
            row.text(",\"key_b64\":\"");
            row.text(&STANDARD.encode(name));
        }
    }
    row.text("\"");
    if key_bytes > name.len() as u64 {
        row.integer(",\"key_truncated_from_bytes\":", key_bytes);
    }
    row.text(",\"type\":\"");
    row.text(measure.data_type.plain_name().unwrap_or_default());
    row.text("\",\"encoding\":\"");
    row.text(measure.encoding.name());
    row.text("\"");
    row.optional(",\"elements\":", measure.elements);
    row.optional(",\"value_bytes\":", measure.value_bytes);
    row.integer(",\"rdb_bytes\":", measure.rdb_bytes);
    row.optional(",\"memory_bytes\":", measure.memory_bytes);
    if measure.memory_bytes.is_some() && !measure.memory_is_modelled {
        row.text(",\"memory_not_modelled\":true");
    }
    row.optional(",\"largest_element_bytes\":", measure.largest_element_bytes);
    row.optional(",\"expires_at_ms\":", measure.expires_at_ms);
    row.optional(",\"idle_seconds\":", measure.idle_seconds);
    row.optional(",\"freq\":", measure.freq);
    row.optional(",\"slot\":", measure.slot);
    row.text(",\"shard\":");
    match shard {
        None => row.text("null"),
        Some(shard) => write_compact_with(&mut *row.out, &shard, numbers_as)?,
    }
    row.integer(",\"offset\":", measure.offset);
    row.text("}");
    Ok(())
}

/// Whether a name stands in JSON as it is: printable ASCII without a quote or a backslash.
fn is_plain(name: &[u8]) -> bool {
    let is_plain = |&byte: &u8| matches!(byte, b' '..=b'!' | b'#'..=b'[' | b']'..=b'~');
    // Without an early end, so that it is compiled to vector instructions.
    name.iter().fold(true, |all, byte| all & is_plain(byte))
}

struct Row<'o> {
    out: &'o mut Vec<u8>,
    numbers_as: NumbersAs,
}

impl Row<'_> {
    #[inline]
    fn text(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    #[inline]
    fn integer(&mut self, before: &str, value: impl itoa::Integer) {
        self.text(before);
        let quote = if self.numbers_as == NumbersAs::String { "\"" } else { "" };
        self.text(quote);
        self.text(itoa::Buffer::new().format(value));
        self.text(quote);
    }

    #[inline]
    fn optional(&mut self, before: &str, value: Option<impl itoa::Integer>) {
        if let Some(value) = value {
            self.integer(before, value);
        } else {
            self.text(before);
            self.text("null");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::{Encoding, Measure};
    use proptest::prelude::*;
    use rdb_parser::ModuleId;

    fn measure() -> impl Strategy<Value = Measure> {
        let number = || proptest::option::of(any::<u64>());
        let data_type = prop_oneof![
            Just(DataType::String),
            Just(DataType::Zset),
            Just(DataType::Unknown),
            any::<u64>().prop_map(|id| DataType::Module(ModuleId(id))),
        ];
        let encoding = prop::sample::select(vec![Encoding::Int, Encoding::Embstr, Encoding::Listpackex]);
        let sizes = (number(), number(), any::<u64>(), number(), any::<bool>(), number());
        let others = (
            proptest::option::of(any::<i64>()),
            number(),
            proptest::option::of(any::<u8>()),
            proptest::option::of(any::<u16>()),
            any::<u64>(),
        );
        (any::<u64>(), data_type, encoding, sizes, others).prop_map(
            |(db, data_type, encoding, sizes, (expires_at_ms, idle_seconds, freq, slot, offset))| {
                let (elements, value_bytes, rdb_bytes, memory_bytes, memory_is_modelled, largest) = sizes;
                Measure {
                    db,
                    data_type,
                    encoding,
                    elements,
                    value_bytes,
                    rdb_bytes,
                    memory_bytes,
                    memory_is_modelled,
                    largest_element_bytes: largest,
                    expires_at_ms,
                    idle_seconds,
                    freq,
                    slot,
                    offset,
                }
            },
        )
    }

    proptest! {
        #[test]
        fn a_row_is_what_the_serializer_writes(
            name in prop_oneof![
                "[a-z:0-9]{0,20}".prop_map(String::into_bytes),
                "[ -~\u{80}-\u{ff}\u{200b}\n]{0,20}".prop_map(String::into_bytes),
                proptest::collection::vec(any::<u8>(), 0..20),
            ],
            longer in prop_oneof![Just(0u64), 1u64..9],
            measure in measure(),
            shard in proptest::option::of("[ -~\u{9b}]{0,8}"),
            base64: bool,
            strings: bool,
        ) {
            let keys_as = if base64 { KeysAs::Base64 } else { KeysAs::Auto };
            let numbers_as = if strings { NumbersAs::String } else { NumbersAs::Number };
            let key_bytes = name.len() as u64 + longer;
            let shard = shard.as_deref();
            let key = KeyRow { name: &name, key_bytes, measure: &measure, largest_element: None, shard };
            let mut row = Vec::new();
            append_key_record(&mut row, key, (keys_as, numbers_as)).expect("in memory");
            let mut serialized = Vec::new();
            write_compact_with(&mut serialized, &key_record(key, keys_as), numbers_as).expect("in memory");
            prop_assert_eq!(String::from_utf8_lossy(&row), String::from_utf8_lossy(&serialized));
        }
    }
}
