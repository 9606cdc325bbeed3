//! Measurements of one key: data type, encoding, sizes and expiry.

mod data_type;
mod encoding;
mod key;
mod largest_element;
mod measurer;
mod old_value;
mod slot;
mod wire;

pub use data_type::DataType;
pub use encoding::Encoding;
pub(crate) use encoding::ValueFacts;
pub use key::{KeyView, Measure};
pub use largest_element::{ElementName, EntryId, LargestElement};
pub(crate) use measurer::{Estimator, Measurer, SeenPart};
pub(crate) use slot::slot_and_hash_tag;
pub use slot::{SLOTS, slot_of_name};
pub(crate) use wire::{Name, TypeWire};
