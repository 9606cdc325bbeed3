//! Names and types in JSON that carries a part of an analysis to another machine.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rdb_parser::ModuleId;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::data_type::DataType;

/// Bytes, as base64.
#[derive(Clone, Debug)]
pub(crate) struct Name(pub(crate) Vec<u8>);

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map(Self).map_err(serde::de::Error::custom)
    }
}

/// The types with names, besides [`DataType::BUILT_IN`].
const RARE_TYPES: [DataType; 9] = [
    DataType::Array,
    DataType::Json,
    DataType::Bloom,
    DataType::Cuckoo,
    DataType::CountMin,
    DataType::TopK,
    DataType::Gcra,
    DataType::Cron,
    DataType::Unknown,
];

/// A data type.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum TypeWire {
    /// A type that is not a module's, by its name.
    Named(String),
    /// The type of a module, by its id.
    Module(u64),
}

impl From<DataType> for TypeWire {
    fn from(data_type: DataType) -> Self {
        match data_type {
            DataType::Module(id) => Self::Module(id.0),
            named => Self::Named(named.to_string()),
        }
    }
}

impl TypeWire {
    /// `None`: the name is not known here.
    pub(crate) fn into_type(self) -> Option<DataType> {
        match self {
            Self::Module(id) => Some(DataType::Module(ModuleId(id))),
            Self::Named(name) => {
                DataType::BUILT_IN.into_iter().chain(RARE_TYPES).find(|known| known.to_string() == name)
            }
        }
    }
}
