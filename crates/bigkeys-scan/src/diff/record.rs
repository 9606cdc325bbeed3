//! A key of one side of a comparison, as bytes.

use rdb_analysis::KeyView;
use rdb_parser::ErrorKind;

/// Bytes before the fields of a record: its length, and the hash of database and name.
pub(super) const HEAD_BYTES: usize = 16;

/// Bytes of the numbers of a record: four of 64 bits, whether there is an expiry, and the lengths of
/// the names of type and encoding.
const NUMBERS_BYTES: usize = 4 * 8 + 3;

/// What is compared of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KeyState<'a> {
    pub(super) db: u64,
    /// The name of the type in reports.
    pub(super) data_type: &'a [u8],
    /// The answer of `OBJECT ENCODING`.
    pub(super) encoding: &'a [u8],
    /// In memory where that is modelled, or else in the file.
    pub(super) bytes: u64,
    pub(super) elements: Option<u64>,
    pub(super) expires_at_ms: Option<i64>,
    pub(super) name: &'a [u8],
}

/// Appends the record of a key to `out`. `hash` hashes the database and the name.
///
/// # Errors
///
/// The name cannot be decompressed.
pub(super) fn append(
    key: &KeyView<'_>,
    hash: impl Fn(u64, &[u8]) -> u64,
    out: &mut Vec<u8>,
) -> Result<(), ErrorKind> {
    let mut scratch = Vec::new();
    let name = key.key.decode(&mut scratch)?;
    let measure = &key.measure;
    let start = out.len();
    out.extend([0; HEAD_BYTES]);
    let (data_type, encoding) = (measure.data_type.name(), measure.encoding.name());
    out.extend(measure.db.to_le_bytes());
    out.extend(measure.memory_bytes.unwrap_or(measure.rdb_bytes).to_le_bytes());
    out.extend(measure.elements.map_or(0, |elements| elements.saturating_add(1)).to_le_bytes());
    out.extend(measure.expires_at_ms.unwrap_or(0).to_le_bytes());
    // The names of types and encodings are short.
    let len = |text: &str| u8::try_from(text.len()).unwrap_or(0);
    let lens = [len(&data_type), len(encoding)];
    out.extend([u8::from(measure.expires_at_ms.is_some()), lens[0], lens[1]]);
    out.extend_from_slice(data_type.get(..lens[0].into()).unwrap_or_default().as_bytes());
    out.extend_from_slice(encoding.get(..lens[1].into()).unwrap_or_default().as_bytes());
    out.extend_from_slice(name);
    let fields_bytes = (out.len() - start - HEAD_BYTES) as u64;
    out[start..start + HEAD_BYTES].copy_from_slice(&head_of(fields_bytes, hash(measure.db, name)));
    Ok(())
}

/// The head of a record.
pub(super) fn head_of(fields_bytes: u64, hash: u64) -> [u8; HEAD_BYTES] {
    (u128::from(hash) << u64::BITS | u128::from(fields_bytes)).to_le_bytes()
}

/// The length of the fields behind a head, and the hash.
pub(super) fn head(bytes: &[u8]) -> Option<(usize, u64)> {
    let fields_bytes = u64::from_le_bytes(*bytes.first_chunk()?);
    let hash = u64::from_le_bytes(*bytes.get(8..)?.first_chunk()?);
    Some((usize::try_from(fields_bytes).ok()?, hash))
}

impl<'a> KeyState<'a> {
    /// Reads the fields of a record. `None`: they are damaged.
    pub(super) fn read(fields: &'a [u8]) -> Option<Self> {
        let (numbers, texts) = fields.split_first_chunk::<NUMBERS_BYTES>()?;
        let number = |index: usize| Some(u64::from_le_bytes(*numbers.get(8 * index..)?.first_chunk()?));
        let &[has_expiry, type_bytes, encoding_bytes] = numbers.last_chunk()?;
        let (data_type, texts) = texts.split_at_checked(type_bytes.into())?;
        let (encoding, name) = texts.split_at_checked(encoding_bytes.into())?;
        Some(Self {
            db: number(0)?,
            data_type,
            encoding,
            bytes: number(1)?,
            elements: number(2)?.checked_sub(1),
            expires_at_ms: (has_expiry == 1).then_some(number(3)?.cast_signed()),
            name,
        })
    }
}
