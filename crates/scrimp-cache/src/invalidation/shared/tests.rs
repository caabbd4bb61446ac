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

/// A log that a layer uses, and the local log of that layer.
fn connected() -> (SharedLog, LogReplica, Arc<Epochs>) {
    let (log, replica) = SharedLog::new(|| {});
    let epochs = Arc::new(Epochs::default());
    log.connect(&epochs);
    replica.begin(7, id(3, 9));
    replica.set_complete(true);
    (log, replica, epochs)
}

#[test]
fn what_the_log_does_not_take_is_passed_on_once_holds_elsewhere_and_is_appended_there() {
    let (_, writer, here) = connected();
    let (log, reader, there) = connected();
    here.append(Target::tag(Tag(4)), false);
    let taken = writer.take().expect("an invalidation waits");
    writer.begin_refusal([&taken.bytes[..]]);
    here.append(Target::tag(Tag(8)), false);
    let told = writer.unlisted(false);
    assert_eq!(told.len(), 1);
    assert!(writer.unlisted(false).is_empty());

    let stamp = log.stamp();
    let fetched = Validity::of_call(&there.begin(Tag(4)), carried());
    assert!(log.admit(stamp, carried()).is_some());
    reader.adopt(&told[0], false).expect("a record");
    assert_eq!(there.check(&fetched), Epoch::Gone);
    assert!(log.admit(stamp, carried()).is_none());
    assert!(!log.is_settled());
    let own = reader.take().expect("it waits to be appended");
    reader
        .apply(id(4, 1), &own.bytes, Some(own.through))
        .expect("a record");
    assert!(log.is_settled());
    assert!(log.admit(stamp, carried()).is_none());
    assert!(log.admit(log.stamp(), carried()).is_some());
}

#[test]
fn what_is_repeated_counts_once_until_messages_may_have_been_lost() {
    let (_, writer, here) = connected();
    let (_, reader, there) = connected();
    writer.begin_refusal([]);
    here.append(Target::tag(Tag(4)), false);
    let told = writer.unlisted(false);
    let is_hit_by = |bytes: &Bytes, again: bool| {
        let fetched = Validity::of_call(&there.begin(Tag(4)), carried());
        reader.adopt(bytes, again).expect("a record");
        there.check(&fetched) == Epoch::Gone
    };
    assert!(is_hit_by(&told[0], false));
    let repeated = writer.unlisted(true);
    assert_eq!(repeated, told);
    assert!(!is_hit_by(&repeated[0], true));
    assert!(is_hit_by(&told[0], false));
    reader.forget_adopted();
    assert!(is_hit_by(&repeated[0], true));
    // What is new in between is still told as new.
    here.append(Target::tag(Tag(4)), false);
    assert_eq!(writer.unlisted(true).len(), 1);
    assert_eq!(writer.unlisted(false).len(), 1);
    writer.end_refusal();
    assert!(writer.unlisted(true).is_empty());
}

#[test]
fn a_flood_of_adopted_invalidations_has_the_bounds_of_own_ones() {
    let room = 100;
    let mut unlisted = Unlisted::new(&Outbox::new(room), []);
    let bytes = |unlisted: &mut Unlisted| -> usize {
        let records = unlisted.records(true);
        records.iter().map(Bytes::len).sum()
    };
    // A hundred times the room for tags.
    for n in 0..100 * room as u64 {
        let target = Target::tag(Tag(n << 2));
        unlisted.add(&target, false);
        assert!(bytes(&mut unlisted) < 20 * room);
        assert!(unlisted.adopt(target.clone(), false, true).is_some());
        assert!(unlisted.adopted.len() <= room);
    }
}

#[test]
fn an_adopted_record_that_is_damaged_is_an_invalidation_of_everything() {
    let (log, reader, there) = connected();
    let fetched = Validity::of_call(&there.begin(Tag(4)), carried());
    assert!(reader.adopt(b"no record", false).is_err());
    assert_eq!(there.check(&fetched), Epoch::Gone);
    assert!(log.admit(log.stamp(), carried()).is_none());
}
