//! The hash templates of a file (Redis 8.10): field names that many hashes share.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::slice;

use super::shown::view_next;
use crate::error::{ErrorKind, Result};
use crate::input::Input;
use crate::limits::{MAX_HASH_TEMPLATES, MAX_HELD_FIELD_NAME_BYTES, MAX_HELD_TEMPLATE_BYTES};
use crate::string::RdbString;

/// The templates of a file, by id. An attacker may choose the ids, so they are hashed with a random
/// key.
#[derive(Debug, Default)]
pub(crate) struct Templates {
    by_id: HashMap<u64, Placed>,
    /// The names of all templates, one template after the other.
    names: Names,
}

/// The place of a template's names among those of all templates.
#[derive(Clone, Copy, Debug)]
struct Placed {
    fields: u64,
    /// Index of the first name. `u32::MAX`, which no name has: the names are too many to hold.
    first: u32,
}

impl Templates {
    /// Adds a template.
    pub(crate) fn add(&mut self, id: u64, template: &Template) -> Result<(), ErrorKind> {
        if template.fields == 0 {
            return Err(ErrorKind::Corrupt("hash template", "it has no fields"));
        }
        if self.by_id.len() >= MAX_HASH_TEMPLATES {
            return Err(ErrorKind::Limit("the number of hash templates"));
        }
        match self.by_id.entry(id) {
            Entry::Occupied(_) => Err(ErrorKind::Corrupt("hash template", "its id is already taken")),
            Entry::Vacant(free) => {
                let first = template.names.as_ref().and_then(|names| self.names.append(names));
                let first = first.unwrap_or(u32::MAX);
                free.insert(Placed { fields: template.fields, first });
                Ok(())
            }
        }
    }

    /// Whether the file has none so far.
    pub(crate) fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// The fields of a template.
    pub(super) fn fields(&self, id: u64) -> Option<Fields<'_>> {
        let placed = self.by_id.get(&id)?;
        let names = self.names.range(placed.first, placed.fields);
        Some(Fields { count: placed.fields, names })
    }
}

/// A template that is being read.
#[derive(Debug)]
pub(crate) struct Template {
    fields: u64,
    /// `None`: the names are too many to hold.
    names: Option<Names>,
    previous: Option<Vec<u8>>,
    scratch: Vec<u8>,
    is_out_of_order: bool,
    /// Damage to a compressed name.
    damage: Option<ErrorKind>,
}

impl Template {
    pub(super) fn new() -> Self {
        Self {
            fields: 0,
            names: Some(Names::default()),
            previous: None,
            scratch: Vec::new(),
            is_out_of_order: false,
            damage: None,
        }
    }

    /// Reads `fields` names that are stored one by one.
    ///
    /// # Errors
    ///
    /// If `input` ends or fails, or has something else than a string.
    pub(crate) fn read<I: Input>(input: &mut I, fields: u64) -> Result<Self> {
        let mut template = Self::new();
        for _ in 0..fields {
            view_next::<I, ()>(input, "a template field", |name| template.push(name))?;
            input.checkpoint();
        }
        Ok(template)
    }

    /// Adds a name. One that is too long to hold is not compared with its neighbours.
    pub(super) fn push(&mut self, name: RdbString<'_>) {
        self.fields = self.fields.saturating_add(1);
        let decoded = match name.decode(&mut self.scratch) {
            Ok(name) => Some(name),
            Err(ErrorKind::Limit(_)) => None,
            Err(kind) => {
                self.damage.get_or_insert(kind);
                None
            }
        };
        if let Some(names) = &mut self.names
            && !names.push(decoded, name.decoded_len())
        {
            self.names = None;
        }
        let Some(name) = decoded else { return };
        match &mut self.previous {
            Some(previous) => {
                self.is_out_of_order |= (previous.len(), previous.as_slice()) >= (name.len(), name);
                previous.clear();
                previous.extend_from_slice(name);
            }
            None => self.previous = Some(name.to_vec()),
        }
    }

    /// Checks that the names are sorted by length and then by bytes, without duplicates.
    ///
    /// # Errors
    ///
    /// If they are not. Servers refuse such a template.
    pub(crate) fn check_order(&self) -> Result<(), ErrorKind> {
        if self.is_out_of_order {
            return Err(ErrorKind::Corrupt("hash template", "its fields are not in order"));
        }
        Ok(())
    }

    /// Takes the damage to a compressed name, if there is some.
    pub(super) fn take_damage(&mut self) -> Option<ErrorKind> {
        self.damage.take()
    }

    pub(super) fn fields(&self) -> Fields<'_> {
        let names = self.names.as_ref().and_then(|names| names.range(0, self.fields));
        Fields { count: self.fields, names }
    }
}

/// The fields of a hash with a template.
#[derive(Clone)]
pub(super) struct Fields<'a> {
    pub(super) count: u64,
    /// `None`: the names are not held.
    pub(super) names: Option<NameIter<'a>>,
}

/// Names of fields. Their memory is bounded.
#[derive(Debug, Default)]
struct Names {
    bytes: Vec<u8>,
    places: Vec<NamePlace>,
}

#[derive(Clone, Copy, Debug)]
struct NamePlace {
    decoded_len: u64,
    /// Where it begins and ends in the bytes of all names. Empty if the name is too long to hold.
    start: u32,
    end: u32,
}

impl Names {
    /// Adds a name. Returns false if there is no room for it.
    fn push(&mut self, name: Option<&[u8]>, decoded_len: u64) -> bool {
        let name = name.filter(|name| name.len() <= MAX_HELD_FIELD_NAME_BYTES).unwrap_or_default();
        self.place(name, decoded_len).is_some()
    }

    fn place(&mut self, name: &[u8], decoded_len: u64) -> Option<()> {
        if self.held_bytes() + name.len() + size_of::<NamePlace>() > MAX_HELD_TEMPLATE_BYTES {
            return None;
        }
        let start = u32::try_from(self.bytes.len()).ok()?;
        self.bytes.extend_from_slice(name);
        let end = u32::try_from(self.bytes.len()).ok()?;
        self.places.push(NamePlace { decoded_len, start, end });
        Some(())
    }

    /// Adds all of `other`, or nothing if there is no room. Returns the place of the first.
    fn append(&mut self, other: &Self) -> Option<u32> {
        if self.held_bytes() + other.held_bytes() > MAX_HELD_TEMPLATE_BYTES {
            return None;
        }
        let first = u32::try_from(self.places.len()).ok()?;
        for place in &other.places {
            self.place(other.bytes_of(*place), place.decoded_len)?;
        }
        Some(first)
    }

    fn held_bytes(&self) -> usize {
        self.bytes.len() + self.places.len() * size_of::<NamePlace>()
    }

    fn bytes_of(&self, place: NamePlace) -> &[u8] {
        self.bytes.get(place.start as usize..place.end as usize).unwrap_or_default()
    }

    /// `count` names from the one with index `first`. `None`: they are not held.
    fn range(&self, first: u32, count: u64) -> Option<NameIter<'_>> {
        let first = usize::try_from(first).ok()?;
        let end = first.checked_add(usize::try_from(count).ok()?)?;
        Some(NameIter { names: self, places: self.places.get(first..end)?.iter() })
    }
}

/// The names of a template, in their order.
#[derive(Clone)]
pub(super) struct NameIter<'a> {
    names: &'a Names,
    places: slice::Iter<'a, NamePlace>,
}

impl<'a> Iterator for NameIter<'a> {
    type Item = RdbString<'a>;

    #[inline]
    fn next(&mut self) -> Option<RdbString<'a>> {
        let &place = self.places.next()?;
        let name = self.names.bytes_of(place);
        Some(if name.len() as u64 == place.decoded_len {
            RdbString::Raw(name)
        } else {
            RdbString::Skipped { decoded_len: place.decoded_len }
        })
    }
}
