//! Signs results, so that the password of the database does not suffice to forge them.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::auth::signature::{hex, unhex};

/// Signs what workers found, and checks what the database has. Without a secret neither happens.
#[derive(Clone, Default)]
pub(crate) struct Seal {
    secret: Option<Vec<u8>>,
}

/// What a signature is for, so that none can be moved to another place.
#[derive(Clone, Copy, Debug)]
pub(super) enum Sealed {
    /// The failure and the result of a shard.
    Shard(i64),
    Body,
    Report,
}

// Implemented by hand, so that the secret does not get into a log.
impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seal").field("is_secret", &self.secret.is_some()).finish()
    }
}

impl Seal {
    pub(crate) fn new(secret: Option<Vec<u8>>) -> Self {
        Self { secret }
    }

    /// The signature of texts of a task in hexadecimal digits. `None` without a secret.
    pub(super) fn sign(&self, task: &str, kind: Sealed, texts: &[Option<&str>]) -> Option<String> {
        Some(hex(&self.mac(task, kind, texts)?.finalize().into_bytes()))
    }

    /// Whether the secret made this signature of these texts. Without a secret everything passes.
    pub(super) fn admits(
        &self,
        task: &str,
        kind: Sealed,
        texts: &[Option<&str>],
        signature: Option<&str>,
    ) -> bool {
        let Some(mac) = self.mac(task, kind, texts) else { return true };
        signature.and_then(unhex).is_some_and(|signature| mac.verify_slice(&signature).is_ok())
    }

    fn mac(&self, task: &str, kind: Sealed, texts: &[Option<&str>]) -> Option<Hmac<Sha256>> {
        // HMAC takes a key of any length.
        let mut mac = Hmac::<Sha256>::new_from_slice(self.secret.as_deref()?).ok()?;
        let kind = match kind {
            Sealed::Shard(number) => format!("shard {number}"),
            Sealed::Body => "body".to_owned(),
            Sealed::Report => "report".to_owned(),
        };
        for text in [Some(task), Some(kind.as_str())].iter().chain(texts) {
            // The length before each text, so that no text can be moved into the next.
            mac.update(&text.map_or(u64::MAX, |text| text.len() as u64).to_le_bytes());
            mac.update(text.unwrap_or_default().as_bytes());
        }
        Some(mac)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_for_one_place_and_one_content() {
        let seal = Seal::new(Some(b"secret".to_vec()));
        let signature = seal.sign("a", Sealed::Shard(1), &[None, Some("x")]);
        let check = |seal: &Seal, task, kind, texts: &[Option<&str>]| {
            seal.admits(task, kind, texts, signature.as_deref())
        };
        assert!(check(&seal, "a", Sealed::Shard(1), &[None, Some("x")]));
        for (task, kind, texts) in [
            ("b", Sealed::Shard(1), [None, Some("x")]),
            ("a", Sealed::Shard(2), [None, Some("x")]),
            ("a", Sealed::Body, [None, Some("x")]),
            ("a", Sealed::Shard(1), [Some(""), Some("x")]),
            ("a", Sealed::Shard(1), [Some("x"), None]),
        ] {
            assert!(!check(&seal, task, kind, &texts), "{task} {kind:?} {texts:?}");
        }
        assert!(!check(&Seal::new(Some(b"other".to_vec())), "a", Sealed::Shard(1), &[None, Some("x")]));
        assert!(!seal.admits("a", Sealed::Body, &[], None));
        assert!(!seal.admits("a", Sealed::Body, &[], Some("00")));
    }

    #[test]
    fn without_a_secret_nothing_is_signed_or_refused() {
        let seal = Seal::default();
        assert_eq!(seal.sign("a", Sealed::Body, &[]), None);
        assert!(seal.admits("a", Sealed::Body, &[], Some("00")));
    }
}
