//! A key as C programs see it.

use std::borrow::Cow;
use std::ffi::{CString, c_char};

use bigkeys_scan::{DataType, KeyView};
use rdb_analysis::Encoding;

/// The value of a number of a key that is not known. No known number is negative.
pub const BIGKEYS_UNKNOWN: i64 = -1;

/// The value of `expires_at_ms` for a key without an expiry.
pub const BIGKEYS_NO_EXPIRY: i64 = i64::MIN;

/// A key during a walk. The key and its pointers are valid only until the callback returns.
///
/// Later versions may add fields at the end.
#[derive(Debug)]
#[repr(C)]
pub struct Key {
    /// The decoded name: any bytes, without a NUL at the end.
    pub name: *const u8,
    /// Length of `name` in bytes.
    pub name_len: usize,
    /// Length of the whole name in bytes. It is greater than `name_len` if the name is too long to
    /// hold; `name` is then its beginning.
    pub whole_name_len: u64,
    /// Data type, as `TYPE` returns it, such as "hash". Ends with NUL.
    pub data_type: *const c_char,
    /// Encoding after the server has loaded the file, as `OBJECT ENCODING` returns it. Ends with
    /// NUL.
    pub encoding: *const c_char,
    /// Number of the logical database.
    pub db: u64,
    /// Bytes of the key in the file: prefix opcodes, type, name and value.
    pub rdb_bytes: u64,
    /// Absolute offset of the key in the file, in bytes.
    pub offset: u64,
    /// Items, members, field-value pairs or stream entries; 1 for a string. `BIGKEYS_UNKNOWN` for
    /// the value of a module.
    pub elements: i64,
    /// Payload bytes: the length of a string, or the sum over the elements. `BIGKEYS_UNKNOWN` if
    /// the walk did not read the elements, see `bigkeys_options_set_deep`.
    pub value_bytes: i64,
    /// What `MEMORY USAGE key SAMPLES 0` would return. `BIGKEYS_UNKNOWN` without the memory model.
    pub memory_bytes: i64,
    /// Payload bytes of the largest element. `BIGKEYS_UNKNOWN` as for `value_bytes`.
    pub largest_element_bytes: i64,
    /// When the key expires, in milliseconds since 1970. `BIGKEYS_NO_EXPIRY` if it does not.
    pub expires_at_ms: i64,
    /// Seconds between the last access and the writing of the file. `BIGKEYS_UNKNOWN` if the file
    /// does not state them.
    pub idle_seconds: i64,
    /// Logarithmic access counter (LFU). `BIGKEYS_UNKNOWN` if the file does not state it.
    pub freq: i32,
    /// Cluster slot. `BIGKEYS_UNKNOWN` if the file does not state it.
    pub slot: i32,
    /// 1 if `memory_bytes` is from the memory model. 0 if it is `rdb_bytes`, as for the value of a
    /// module, or unknown.
    pub memory_is_modelled: i32,
}

impl Key {
    /// The key `view` with the decoded `name`. `view`, `name` and `texts` must outlive the key.
    pub(crate) fn new(view: &KeyView<'_>, name: &[u8], texts: &mut KeyTexts) -> Self {
        let measure = &view.measure;
        Self {
            name: name.as_ptr(),
            name_len: name.len(),
            whole_name_len: view.key.decoded_len(),
            data_type: texts.data_type.of(measure.data_type, DataType::name),
            encoding: texts.encoding.of(measure.encoding, |encoding| Cow::Borrowed(encoding.name())),
            db: measure.db,
            rdb_bytes: measure.rdb_bytes,
            offset: measure.offset,
            elements: or_unknown(measure.elements),
            value_bytes: or_unknown(measure.value_bytes),
            memory_bytes: or_unknown(measure.memory_bytes),
            largest_element_bytes: or_unknown(measure.largest_element_bytes),
            expires_at_ms: measure.expires_at_ms.unwrap_or(BIGKEYS_NO_EXPIRY),
            idle_seconds: or_unknown(measure.idle_seconds),
            freq: measure.freq.map_or(-1, i32::from),
            slot: measure.slot.map_or(-1, i32::from),
            memory_is_modelled: (measure.memory_bytes.is_some() && measure.memory_is_modelled).into(),
        }
    }
}

fn or_unknown(number: Option<u64>) -> i64 {
    number.map_or(BIGKEYS_UNKNOWN, |number| i64::try_from(number).unwrap_or(i64::MAX))
}

/// Texts that a [`Key`] points to.
#[derive(Default)]
pub(crate) struct KeyTexts {
    data_type: NulTerminated<DataType>,
    encoding: NulTerminated<Encoding>,
}

/// The name of the last value. Most keys have the type of the key before, so it is made rarely.
struct NulTerminated<T> {
    value: Option<T>,
    text: CString,
}

impl<T> Default for NulTerminated<T> {
    fn default() -> Self {
        Self { value: None, text: CString::default() }
    }
}

impl<T: Copy + PartialEq> NulTerminated<T> {
    /// The name of `value`, until the next call.
    fn of(&mut self, value: T, name: impl FnOnce(T) -> Cow<'static, str>) -> *const c_char {
        if self.value != Some(value) {
            // No name of a type or an encoding has a NUL inside.
            self.text = CString::new(name(value).as_bytes()).unwrap_or_default();
            self.value = Some(value);
        }
        self.text.as_ptr()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_known_unknown_or_as_large_as_possible() {
        assert_eq!([None, Some(0), Some(7), Some(u64::MAX)].map(or_unknown), [-1, 0, 7, i64::MAX]);
    }

    #[test]
    fn a_text_follows_its_value() {
        let mut texts = NulTerminated::default();
        let upper = |name: &'static str| Cow::Owned(name.to_uppercase());
        for (name, text) in [("hash", c"HASH"), ("hash", c"HASH"), ("set", c"SET")] {
            texts.of(name, upper);
            assert_eq!(texts.text.as_c_str(), text);
        }
    }
}
