//! Records: the reader that reads one after the other.
//!
//! [`RecordReader`] owns what is kept between records, and only the files of this folder change it.
//! Each of them reads one kind of record: `key`, `overhead` (records that belong to no key),
//! `rare`, `dragonfly`, and `bare` (a value without a key). `part` reads on in a value that was
//! left.

mod bare;
mod dragonfly;
mod key;
mod meta;
mod next;
mod overhead;
mod part;
mod rare;
mod reader;

pub(crate) use key::{Host, Push, Run};
pub(crate) use next::{BlobStart, Found, Next, Other, Record};
pub use part::{ElementReader, ElementRun, OpenValueInfo};
pub(crate) use reader::RecordReader;
