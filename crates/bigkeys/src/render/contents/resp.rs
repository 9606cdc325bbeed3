//! Commands that write a key to a server, in the protocol RESP.

use std::io::{self, Write};

use rdb_analysis::{DataType, KeyRecord};
use rdb_parser::contents::{Element, Text};

/// Arguments of elements that a command has at most.
const MAX_ARGUMENTS: usize = 256;

/// Bytes of arguments after which a command ends.
const MAX_COMMAND_BYTES: usize = 1 << 20;

/// Writes commands.
pub(crate) struct Writer<'a, W> {
    out: W,
    key: &'a KeyRecord,
    /// The command that adds elements.
    command: &'static [u8],
    /// The arguments of the command that is not written yet.
    arguments: Vec<Vec<u8>>,
    argument_bytes: usize,
    /// The fields of a hash in `arguments` that expire.
    expiries: Vec<(Vec<u8>, u64)>,
}

impl<'a, W: Write> Writer<'a, W> {
    /// Selects the database.
    ///
    /// # Errors
    ///
    /// There are no commands for the type, or the name of the key is not known whole.
    pub(crate) fn begin(key: &'a KeyRecord, mut out: W) -> anyhow::Result<Self> {
        let command: &[u8] = match key.measure.data_type {
            DataType::String => b"SET",
            DataType::List => b"RPUSH",
            DataType::Set => b"SADD",
            DataType::Zset => b"ZADD",
            DataType::Hash => b"HSET",
            DataType::Stream => b"XADD",
            other => anyhow::bail!("there are no commands for a key of type {other}"),
        };
        if key.key.len() as u64 != key.key_bytes {
            anyhow::bail!("its name has {} bytes, of which {} were read", key.key_bytes, key.key.len());
        }
        write(&mut out, &[b"SELECT", key.measure.db.to_string().as_bytes()])?;
        // What the server has under this name does not mix with the value.
        write(&mut out, &[b"DEL", &key.key])?;
        let (arguments, expiries) = (Vec::new(), Vec::new());
        Ok(Self { out, key, command, arguments, argument_bytes: 0, expiries })
    }

    pub(crate) fn element(&mut self, element: Element<'_>) -> io::Result<()> {
        match element {
            Element::Whole(text) | Element::Item(text) | Element::Member { member: text, .. } => {
                self.add(bytes(text));
            }
            Element::Scored { member, score } => {
                // The caller has found out that all scores are numbers.
                self.add(score.unwrap_or(0.0).to_string().as_bytes());
                self.add(bytes(member));
            }
            Element::Field { field, value, expires_at_ms } => {
                self.add(bytes(field));
                self.add(bytes(value));
                self.expiries.extend(expires_at_ms.map(|at_ms| (bytes(field).to_vec(), at_ms)));
            }
            Element::EntryStart { id: (ms, sequence) } => {
                self.add(format!("{ms}-{sequence}").as_bytes());
            }
            Element::EntryField { field, value } => {
                self.add(bytes(field));
                self.add(bytes(value));
                // An entry is one command.
                return Ok(());
            }
            // The caller has found out that no node is damaged, so every entry ends.
            Element::EntryEnd => return self.flush(),
            Element::Group { name } => {
                // What was delivered to a group is not written.
                write(&mut self.out, &[b"XGROUP", b"CREATE", &self.key.key, bytes(name), b"0", b"MKSTREAM"])?;
            }
            _ => {}
        }
        if self.arguments.len() >= MAX_ARGUMENTS || self.argument_bytes >= MAX_COMMAND_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    /// Writes the last command, and when the key expires.
    pub(crate) fn end(mut self) -> io::Result<()> {
        self.flush()?;
        if let Some(at_ms) = self.key.measure.expires_at_ms {
            write(&mut self.out, &[b"PEXPIREAT", &self.key.key, at_ms.to_string().as_bytes()])?;
        }
        Ok(())
    }

    fn add(&mut self, argument: &[u8]) {
        self.argument_bytes += argument.len();
        self.arguments.push(argument.to_vec());
    }

    fn flush(&mut self) -> io::Result<()> {
        self.argument_bytes = 0;
        let arguments = std::mem::take(&mut self.arguments);
        if arguments.is_empty() {
            return Ok(());
        }
        let mut command: Vec<&[u8]> = vec![self.command, &self.key.key];
        command.extend(arguments.iter().map(Vec::as_slice));
        write(&mut self.out, &command)?;
        for (field, at_ms) in std::mem::take(&mut self.expiries) {
            let at_ms = at_ms.to_string();
            let command: [&[u8]; 6] =
                [b"HPEXPIREAT", &self.key.key, at_ms.as_bytes(), b"FIELDS", b"1", &field];
            write(&mut self.out, &command)?;
        }
        Ok(())
    }
}

/// Finds elements that no command makes.
#[derive(Default)]
pub(crate) struct Refused {
    has_wrong_score: bool,
    has_elements: bool,
}

impl Refused {
    pub(crate) fn see(&mut self, element: Element<'_>) {
        self.has_elements = true;
        if let Element::Scored { score, .. } = element {
            self.has_wrong_score |= score.is_none_or(f64::is_nan);
        }
    }

    /// Why a value cannot be written, once all of its elements were seen.
    pub(crate) fn reason(&self, data_type: DataType) -> Option<&'static str> {
        if self.has_wrong_score {
            return Some("a score is no number, which no server accepts");
        }
        let is_empty = data_type == DataType::Stream && !self.has_elements;
        is_empty.then_some("no command makes a stream without entries and groups")
    }
}

/// The bytes of a string. The caller has found out that all strings can be read.
fn bytes(text: Text<'_>) -> &[u8] {
    match text {
        Text::Whole(bytes) => bytes,
        Text::Skipped { .. } => &[],
    }
}

/// Writes one command.
fn write(out: &mut impl Write, command: &[&[u8]]) -> io::Result<()> {
    write!(out, "*{}\r\n", command.len())?;
    for argument in command {
        write!(out, "${}\r\n", argument.len())?;
        out.write_all(argument)?;
        out.write_all(b"\r\n")?;
    }
    Ok(())
}
