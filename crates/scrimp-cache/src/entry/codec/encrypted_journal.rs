//! Encryption of the log of invalidations.

use std::fmt;

use parking_lot::Mutex;
use scrimp_core::BoxError;

use super::{DecodeError, EncryptionKeys};
use crate::invalidation::Journal;

/// Length of the number that is drawn at each rewrite.
const GENERATION: usize = 16;

/// Length in front of each record.
const LENGTH: usize = 4;

/// Encrypts a [`Journal`]: its paths, patterns and names of tags.
///
/// Each record is bound to its place since the last rewrite. Records that were changed, exchanged,
/// or taken out of the middle make the journal unreadable, as if it were damaged: nothing stored
/// is used then. Records that are missing at the end cannot be noticed.
///
/// Keys are changed as those of the [`Codec`](crate::Codec) are. At a restart the journal is written
/// anew, with the first key.
///
/// ```
/// use scrimp_cache::{EncryptedJournal, EncryptionKeys, Journal};
///
/// fn encrypted(journal: impl Journal, keys: EncryptionKeys) -> impl Journal {
///     EncryptedJournal::new(journal, keys)
/// }
/// ```
pub struct EncryptedJournal<J> {
    inner: J,
    keys: EncryptionKeys,
    place: Mutex<Place>,
}

/// Place of the next record.
#[derive(Debug, Default)]
struct Place {
    generation: [u8; GENERATION],
    index: u64,
}

// === impl EncryptedJournal ===

impl<J> EncryptedJournal<J> {
    /// Encrypts what this journal keeps.
    #[must_use]
    pub fn new(inner: J, keys: EncryptionKeys) -> Self {
        Self {
            inner,
            keys,
            place: Mutex::default(),
        }
    }

    /// Returns the record with its length in front, and moves to the next place.
    fn seal(&self, record: &[u8], place: &mut Place) -> Result<Vec<u8>, BoxError> {
        let sealed = self.keys.seal(record, &place.bound())?;
        let length = u32::try_from(sealed.len())?.to_le_bytes();
        place.index += 1;
        Ok([&length[..], &sealed].concat())
    }
}

impl<J: Journal> Journal for EncryptedJournal<J> {
    fn read(&self) -> Result<Vec<u8>, BoxError> {
        let bytes = self.inner.read()?;
        let mut rest = &bytes[..];
        if rest.is_empty() {
            return Ok(Vec::new());
        }
        let corrupt = DecodeError::Corrupt;
        let (generation, behind) = rest.split_first_chunk().ok_or(corrupt)?;
        let mut place = Place {
            generation: *generation,
            index: 0,
        };
        rest = behind;
        let mut records = Vec::new();
        while !rest.is_empty() {
            let corrupt = DecodeError::Corrupt;
            let (length, behind) = rest.split_first_chunk::<LENGTH>().ok_or(corrupt)?;
            let length = usize::try_from(u32::from_le_bytes(*length))?;
            let corrupt = DecodeError::Corrupt;
            let (sealed, behind) = behind.split_at_checked(length).ok_or(corrupt)?;
            records.extend(self.keys.open(sealed, &place.bound())?);
            place.index += 1;
            rest = behind;
        }
        *self.place.lock() = place;
        Ok(records)
    }

    fn append(&self, record: &[u8]) -> Result<(), BoxError> {
        let mut place = self.place.lock();
        let sealed = self.seal(record, &mut place)?;
        self.inner.append(&sealed)
    }

    fn replace(&self, records: &[u8]) -> Result<(), BoxError> {
        let mut place = self.place.lock();
        if records.is_empty() {
            *place = Place::default();
            return self.inner.replace(records);
        }
        let mut generation = [0; GENERATION];
        getrandom::fill(&mut generation).map_err(|_| DecodeError::NoRandomness)?;
        let mut next = Place {
            generation,
            index: 0,
        };
        let sealed = self.seal(records, &mut next)?;
        self.inner.replace(&[&generation[..], &sealed].concat())?;
        *place = next;
        Ok(())
    }
}

impl<J> fmt::Debug for EncryptedJournal<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EncryptedJournal")
            .field("keys", &self.keys)
            .finish_non_exhaustive()
    }
}

// === impl Place ===

impl Place {
    /// Returns the text that a record at this place is bound to.
    fn bound(&self) -> Vec<u8> {
        let index = self.index.to_le_bytes();
        [&b"journal"[..], &self.generation, &index].concat()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[derive(Clone, Default)]
    struct Pages(Arc<Mutex<Vec<u8>>>);

    impl Journal for Pages {
        fn read(&self) -> Result<Vec<u8>, BoxError> {
            Ok(self.0.lock().clone())
        }

        fn append(&self, record: &[u8]) -> Result<(), BoxError> {
            self.0.lock().extend_from_slice(record);
            Ok(())
        }

        fn replace(&self, records: &[u8]) -> Result<(), BoxError> {
            *self.0.lock() = records.to_vec();
            Ok(())
        }
    }

    fn journal(pages: &Pages, key: u32) -> EncryptedJournal<Pages> {
        let keys = EncryptionKeys::new(key, [1; 32]).also_read(1, [1; 32]);
        EncryptedJournal::new(pages.clone(), keys)
    }

    #[test]
    fn records_are_read_back_in_order_after_a_restart_and_under_a_new_key() {
        let pages = Pages::default();
        let first = journal(&pages, 1);
        assert!(first.read().unwrap().is_empty());
        first.replace(b"begin ").unwrap();
        first.append(b"/secret/a ").unwrap();
        let second = journal(&pages, 2);
        assert_eq!(second.read().unwrap(), b"begin /secret/a ");
        second.append(b"/secret/b").unwrap();
        let third = journal(&pages, 2);
        assert_eq!(third.read().unwrap(), b"begin /secret/a /secret/b");
        assert!(!pages.0.lock().windows(6).any(|bytes| bytes == b"secret"));
        third.replace(b"").unwrap();
        assert!(pages.0.lock().is_empty() && journal(&pages, 1).read().unwrap().is_empty());
    }

    #[test]
    fn a_record_that_is_changed_or_exchanged_or_missing_makes_the_journal_unreadable() {
        let pages = Pages::default();
        let journal = journal(&pages, 1);
        journal.replace(b"begin").unwrap();
        let begun = pages.0.lock().len();
        journal.append(b"aa").unwrap();
        let one = pages.0.lock().len();
        journal.append(b"bb").unwrap();
        let whole = pages.0.lock().clone();
        assert_eq!(journal.read().unwrap(), b"beginaabb");
        let (begin, a, b) = (&whole[..begun], &whole[begun..one], &whole[one..]);
        let mut changed = whole.clone();
        changed[one - 1] ^= 1;
        for damaged in [
            changed,
            [begin, b, a].concat(),
            [begin, b].concat(),
            [begin, a, a].concat(),
            whole[..whole.len() - 1].to_vec(),
            whole[1..].to_vec(),
            b"plain records".to_vec(),
        ] {
            *pages.0.lock() = damaged;
            assert!(journal.read().is_err());
        }
    }
}
