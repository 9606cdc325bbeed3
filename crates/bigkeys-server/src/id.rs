//! Ids of projects, instances and tasks: UUIDs, with or without dashes.

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// Parses an id into 32 lower-case hexadecimal digits, the form in which ids are compared. `None`
/// if `text` is not an id.
pub(crate) fn normalize(text: &str) -> Option<String> {
    // The two forms that the contract's examples show, and none of the others that a UUID parser
    // takes.
    if !matches!(text.len(), 32 | 36) {
        return None;
    }
    Uuid::try_parse(text).ok().map(|id| id.simple().to_string())
}

/// Parses the id of a task into the form in which tasks are stored. `None` if `text` is not an id.
pub(crate) fn task(text: &str) -> Option<String> {
    normalize(text).and_then(|id| Uuid::try_parse(&id).ok()).map(|id| id.to_string())
}

/// Creates a random id for a task.
pub(crate) fn random() -> String {
    Uuid::new_v4().to_string()
}

/// Derives an id from `name`. The same name always gives the same id.
pub(crate) fn derive(name: &str) -> String {
    let digest = Sha256::digest(name.as_bytes());
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(digest).for_each(|(byte, hash)| *byte = hash);
    uuid::Builder::from_custom_bytes(bytes).into_uuid().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_32_digits_with_or_without_dashes() {
        let simple = "5560df16cebf447395c4d1b573c16e79";
        assert_eq!(normalize(simple).as_deref(), Some(simple));
        assert_eq!(normalize("5560DF16-cebf-4473-95c4-d1b573c16e79").as_deref(), Some(simple));
        for wrong in ["", "5560df16", "{project_id}", "5560df16-cebf447395c4-d1b573c16e79--", &"g".repeat(32)]
        {
            assert_eq!(normalize(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_derived_id_is_the_same_every_time_and_an_id() {
        assert_eq!(derive("a"), derive("a"));
        assert_ne!(derive("a"), derive("b"));
        assert!(normalize(&derive("a")).is_some());
    }
}
