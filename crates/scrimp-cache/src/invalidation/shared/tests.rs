//! Tests of a log that a fleet shares, and of its two beginnings.

use super::*;
use crate::invalidation::{epoch::Tag, validity::Validity};

fn carried() -> Carried {
    Carried::new([Tag(4)], [], "")
}

fn id(at: u64, nonce: u64) -> RecordId {
    RecordId { at, nonce }
}

#[test]
fn what_was_applied_before_a_layer_connects_hits_what_its_journal_brought_back() {
    for has_begun in [false, true] {
        let (log, replica) = SharedLog::new(|| {});
        let epochs = Arc::new(Epochs::default());
        let restored = Validity::of_call(&epochs.begin(Tag(4)), carried());
        if has_begun {
            replica.begin(7, id(3, 9));
            replica.set_complete(true);
        }
        log.connect(&epochs);
        let expected = match has_begun {
            true => Epoch::Gone,
            false => Epoch::Doubtful,
        };
        assert_eq!(epochs.check(&restored), expected);
        let new = Validity::of_call(&epochs.begin(Tag(4)), carried());
        let doubtful = epochs.check(&new) == Epoch::Doubtful;
        assert_eq!(doubtful, !has_begun);
    }
}

#[test]
fn a_response_that_knows_another_record_at_the_first_position_is_not_used() {
    let (log, replica) = SharedLog::new(|| {});
    log.connect(&Arc::default());
    let name = id(3, 9);
    replica.begin(7, name);
    replica.set_complete(true);
    let stamp = log.stamp();
    assert_eq!(stamp.at, name.stamp());
    assert!(log.admit(stamp, carried()).is_some());
    let at = id(3, 8).stamp();
    assert!(log.admit(Stamp { at, ..stamp }, carried()).is_none());
}
