//! The schema of record batches.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, SchemaRef};

use crate::report::{KEY_COLUMNS, KEY_SCHEMA_VERSION, KEY_SCHEMA_VERSION_FIELD, KeyColumn};

/// The schema of the batches of [`key_batches`](super::key_batches). Parquet files of keys have the same
/// columns.
///
/// Integers are signed and texts are plain `Utf8`, because Spark reads neither unsigned integers nor
/// dictionaries. A name is in `key` if it is UTF-8, or else in `key_binary`. An unknown value is null. The
/// metadata has [`KEY_SCHEMA_VERSION`].
pub fn key_schema() -> SchemaRef {
    let fields = KEY_COLUMNS.map(|(name, column, is_nullable)| {
        let data_type = match column {
            KeyColumn::Number(_) => DataType::Int64,
            KeyColumn::BinaryName => DataType::Binary,
            KeyColumn::Name | KeyColumn::Type | KeyColumn::Encoding | KeyColumn::Shard => DataType::Utf8,
        };
        Field::new(name, data_type, is_nullable)
    });
    let metadata = HashMap::from([(KEY_SCHEMA_VERSION_FIELD.to_owned(), KEY_SCHEMA_VERSION.to_string())]);
    Arc::new(Schema::new_with_metadata(fields.to_vec(), metadata))
}
