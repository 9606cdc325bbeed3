//! Signs results, so that the password of the database does not suffice to forge them.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::model::TaskRow;
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
    Page,
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
    pub(super) fn sign(&self, task: &TaskRow, kind: Sealed, texts: &[Option<&str>]) -> Option<String> {
        Some(hex(&self.mac(task, kind, texts)?.finalize().into_bytes()))
    }

    /// Whether the secret made this signature of these texts. Without a secret everything passes.
    pub(super) fn admits(
        &self,
        task: &TaskRow,
        kind: Sealed,
        texts: &[Option<&str>],
        signature: Option<&str>,
    ) -> bool {
        let Some(mac) = self.mac(task, kind, texts) else { return true };
        signature.and_then(unhex).is_some_and(|signature| mac.verify_slice(&signature).is_ok())
    }

    fn mac(&self, task: &TaskRow, kind: Sealed, texts: &[Option<&str>]) -> Option<Hmac<Sha256>> {
        // HMAC takes a key of any length.
        let mut mac = Hmac::<Sha256>::new_from_slice(self.secret.as_deref()?).ok()?;
        let kind = match kind {
            Sealed::Shard(number) => format!("shard {number}"),
            Sealed::Body => "body".to_owned(),
            Sealed::Report => "report".to_owned(),
            Sealed::Page => "page".to_owned(),
        };
        // The instance and the analysis too, so that a task cannot be moved to another instance.
        let place = [&task.id, &task.instance, task.kind.name(), &kind].map(Some);
        for text in place.iter().chain(texts) {
            // The length before each text, so that no text can be moved into the next.
            mac.update(&text.map_or(u64::MAX, |text| text.len() as u64).to_le_bytes());
            mac.update(text.unwrap_or_default().as_bytes());
        }
        Some(mac)
    }
}

#[cfg(test)]
mod tests {
    use dcs_bigkeys::{ScanType, Status};
    use jiff::Timestamp;

    use super::*;
    use crate::store::{AnalysisKind, Origin};

    fn task(id: &str, kind: AnalysisKind, instance: &str) -> TaskRow {
        TaskRow {
            id: id.to_owned(),
            kind,
            instance: instance.to_owned(),
            node: None,
            backup: None,
            scan_type: ScanType::Manual,
            status: Status::Running,
            created_at: Timestamp::UNIX_EPOCH,
            started_at: None,
            finished_at: None,
            shards: 2,
            open_shards: 0,
            num: 0,
            failure: None,
            origin: Origin::default(),
            summary: None,
        }
    }

    #[test]
    fn a_signature_is_for_one_place_and_one_content() {
        let seal = Seal::new(Some(b"secret".to_vec()));
        let a = task("a", AnalysisKind::Bigkeys, "i");
        let texts = [None, Some("x")];
        let signature = seal.sign(&a, Sealed::Shard(1), &texts);
        let signature = signature.as_deref();
        assert!(seal.admits(&a, Sealed::Shard(1), &texts, signature));
        for (task, kind, texts) in [
            (task("b", AnalysisKind::Bigkeys, "i"), Sealed::Shard(1), texts),
            (task("a", AnalysisKind::Offline, "i"), Sealed::Shard(1), texts),
            (task("a", AnalysisKind::Bigkeys, "j"), Sealed::Shard(1), texts),
            (a.clone(), Sealed::Shard(2), texts),
            (a.clone(), Sealed::Body, texts),
            (a.clone(), Sealed::Shard(1), [Some(""), Some("x")]),
            (a.clone(), Sealed::Shard(1), [Some("x"), None]),
        ] {
            assert!(!seal.admits(&task, kind, &texts, signature), "{task:?} {kind:?} {texts:?}");
        }
        let other = Seal::new(Some(b"other".to_vec()));
        assert!(!other.admits(&a, Sealed::Shard(1), &texts, signature));
        for wrong in [None, Some("00")] {
            assert!(!seal.admits(&a, Sealed::Body, &[], wrong));
        }
    }

    #[test]
    fn without_a_secret_nothing_is_signed_or_refused() {
        let (seal, a) = (Seal::default(), task("a", AnalysisKind::Bigkeys, "i"));
        assert_eq!(seal.sign(&a, Sealed::Body, &[]), None);
        assert!(seal.admits(&a, Sealed::Body, &[], Some("00")));
    }
}
