//! Tests of the log before and after a restart.

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::invalidation::{
    TagList,
    epoch::{Carried, Epoch, Validity},
};

/// A journal in memory that can fail.
#[derive(Default)]
struct Memory {
    bytes: Mutex<Vec<u8>>,
    full: Mutex<bool>,
}

impl Journal for Memory {
    fn read(&self) -> Result<Vec<u8>, BoxError> {
        Ok(self.bytes.lock().clone())
    }

    fn append(&self, record: &[u8]) -> Result<(), BoxError> {
        if *self.full.lock() {
            return Err("disk full".into());
        }
        self.bytes.lock().extend_from_slice(record);
        Ok(())
    }

    fn replace(&self, records: &[u8]) -> Result<(), BoxError> {
        *self.bytes.lock() = records.to_vec();
        Ok(())
    }
}

fn start(journal: &Arc<Memory>) -> (Arc<Epochs>, Arc<Counters>) {
    let counters = Arc::default();
    let journal = Arc::clone(journal);
    (resume(journal, &counters), counters)
}

fn validity(epochs: &Epochs, tag: u64, version: Option<u64>) -> Validity {
    let versions = version.map(|version| (Tag(tag), version)).into_iter();
    let versions: Box<[_]> = versions.collect();
    let carried = Carried::new([Tag(tag)], versions, &format!("name:{tag}"));
    let validity = Validity::of_call(&epochs.begin(Tag(tag)), carried);
    validity.cover();
    copy(&validity)
}

fn copy(validity: &Validity) -> Validity {
    let (log, fetched_at, carried) = validity.parts();
    Validity::from_parts(log, fetched_at, carried.unwatched())
}

/// Appends an invalidation. A write is hard: without a response it is not to last.
fn append(epochs: &Epochs, hit: Target, soft: bool) {
    match hit {
        Target::Written(tags) => _ = epochs.written(tags, false),
        hit => epochs.append(hit, soft),
    }
}

fn hit() -> impl Strategy<Value = Target> {
    let tags = vec((0..6_u64).prop_map(Tag), 1..3);
    prop_oneof![
        6 => tags.prop_map(|tags| Target::Tags(tags.into())),
        2 => (0..6_u64, 1..4_u64).prop_map(|(tag, version)| Target::Version(Tag(tag), version)),
        1 => (0..6_u64).prop_map(|tag| Target::Glob(Pattern::name(&format!("*:{tag}")))),
        1 => Just(Target::Glob(Pattern::literal_prefix("name:{1"))),
        1 => Just(Target::Glob(Pattern::literal_prefix("name:1"))),
        3 => (0..6_u64).prop_map(|tag| Target::Written(TagList::from_iter([Tag(tag)]))),
        1 => Just(Target::Everything),
    ]
}

proptest! {
    #[test]
    fn an_invalidation_holds_after_any_number_of_restarts(
        steps in vec((prop::option::of((hit(), any::<bool>())), 0..6_u64, 0..4_u64), 1..40),
        restarts in 1..4_usize,
    ) {
        let journal = Arc::new(Memory::default());
        let (mut epochs, _) = start(&journal);
        let mut entries = Vec::new();
        for (hit, tag, version) in steps {
            match hit {
                Some((hit, soft)) => append(&epochs, hit, soft),
                None => entries.push(validity(&epochs, tag, (version > 0).then_some(version))),
            }
        }
        for _ in 0..restarts {
            let before: Vec<_> = entries.iter().map(|entry| epochs.check(&copy(entry))).collect();
            (epochs, _) = start(&journal);
            let after: Vec<_> = entries.iter().map(|entry| epochs.check(&copy(entry))).collect();
            prop_assert_eq!(before, after);
            // A new invalidation still hits the older entries.
            entries.iter().for_each(|entry| {
                epochs.append(Target::Tags(entry.carried().tags().into_iter().collect()), true);
                assert_ne!(epochs.check(&copy(entry)), Epoch::Valid);
            });
        }
    }

    #[test]
    fn a_journal_that_is_damaged_or_cut_off_ends_the_log(
        at in any::<prop::sample::Index>(),
        change in 1..=u8::MAX,
        cut in any::<bool>(),
    ) {
        let journal = Arc::new(Memory::default());
        let (epochs, _) = start(&journal);
        let entry = validity(&epochs, 4, None);
        epochs.append(Target::tag(Tag(4)), false);
        {
            let mut bytes = journal.bytes.lock();
            let at = at.index(bytes.len());
            match cut {
                // A cut at the end of a record cannot be noticed: that is the journal's duty.
                true => bytes.truncate(at.max(1)),
                false => bytes[at] ^= change,
            }
        }
        let unnoticed = {
            let bytes = journal.bytes.lock();
            let mut rest = &bytes[..];
            while unframe(&mut rest).is_some() {}
            rest.is_empty()
        };
        let (epochs, _) = start(&journal);
        prop_assert!(unnoticed || epochs.check(&entry) == Epoch::Gone);
    }
}

#[test]
fn what_was_born_at_a_position_that_was_never_written_down_can_still_be_hit() {
    let journal = Arc::new(Memory::default());
    let (epochs, _) = start(&journal);
    epochs.append(Target::tag(Tag(9)), false);
    let entry = validity(&epochs, 4, None);
    // The process ended after the position had moved on, and before it was recorded.
    let whole = journal.bytes.lock().len();
    let (first, rest) = {
        let bytes = journal.bytes.lock();
        let mut rest = &bytes[..];
        unframe(&mut rest).expect("the beginning");
        (whole - rest.len(), rest.len())
    };
    assert!(rest > 0);
    journal.bytes.lock().truncate(first);
    let (epochs, _) = start(&journal);
    assert_eq!(epochs.check(&entry), Epoch::Valid);
    epochs.append(Target::tag(Tag(4)), false);
    assert_eq!(epochs.check(&copy(&entry)), Epoch::Gone);
}

#[test]
fn what_the_log_has_forgotten_of_versions_outlasts_a_restart() {
    let journal = Arc::new(Memory::default());
    let small = Epochs::new(2);
    for tag in 0..10 {
        small.append(Target::Version(Tag(tag), 7), false);
    }
    let mut writer = Writer {
        journal: Arc::clone(&journal) as Arc<dyn Journal>,
        length: 0,
        begun_with: 0,
        broken: false,
    };
    writer.begin(&small).expect("room");
    let (epochs, _) = start(&journal);
    for tag in 0..10 {
        assert_eq!(epochs.check(&validity(&epochs, tag, Some(6))), Epoch::Gone);
        assert_eq!(epochs.check(&validity(&epochs, tag, Some(7))), Epoch::Valid);
    }
}

#[test]
fn a_journal_that_cannot_be_written_is_emptied_and_counted() {
    let journal = Arc::new(Memory::default());
    let (epochs, counters) = start(&journal);
    let entry = validity(&epochs, 1, None);
    *journal.full.lock() = true;
    epochs.append(Target::tag(Tag(1)), false);
    assert_eq!(counters.store_failures.get(), 1);
    assert_eq!(epochs.check(&entry), Epoch::Gone);
    *journal.full.lock() = false;
    epochs.append(Target::tag(Tag(2)), false);
    assert!(journal.bytes.lock().is_empty(), "a part of a log is none");
    assert_eq!(start(&journal).0.check(&entry), Epoch::Gone);
}

#[test]
fn a_journal_is_written_anew_when_most_of_it_is_outdated() {
    let journal = Arc::new(Memory::default());
    let (epochs, _) = start(&journal);
    let entry = validity(&epochs, 7, None);
    for n in 0..200_000 {
        epochs.append(Target::tag(Tag(n % 100)), false);
    }
    let length = journal.bytes.lock().len();
    assert!(length < SLACK + 10_000, "{length}");
    assert_eq!(start(&journal).0.check(&copy(&entry)), Epoch::Gone);
}

fn write(epochs: &Epochs, tag: Tag, cancelled: bool) {
    epochs.written(TagList::from_iter([tag]), cancelled);
}

fn uri(n: u64) -> Tag {
    Tag(n << 2).of_kind(Tag::URI)
}

#[test]
fn a_flood_of_writes_to_other_uris_spares_what_is_encoded_before_and_after_restarts() {
    let journal = Arc::new(Memory::default());
    let (mut epochs, _) = start(&journal);
    let honest = validity(&epochs, uri(0).0, None);
    let written = validity(&epochs, uri(1).0, None);
    write(&epochs, uri(1), false);
    for round in 0..2 {
        for n in 0..(1 << 18) + 2 {
            write(&epochs, uri(2 + n), n % 2 == 0);
        }
        // Those to URIs that were fetched leave marks. They fill all buckets.
        for n in 0..(1 << 17) << round {
            let _ = validity(&epochs, uri(n + 2).0, None);
            write(&epochs, uri(n + 2), false);
        }
        assert_eq!(epochs.check(&copy(&honest)), Epoch::Valid, "{round}");
        assert_eq!(epochs.check(&copy(&written)), Epoch::Gone);
        (epochs, _) = start(&journal);
        assert_eq!(epochs.check(&copy(&honest)), Epoch::Valid, "{round}");
        assert_eq!(epochs.check(&copy(&written)), Epoch::Gone);
    }
    write(&epochs, uri(0), false);
    assert_eq!(epochs.check(&copy(&honest)), Epoch::Gone);
    assert_eq!(start(&journal).0.check(&copy(&honest)), Epoch::Gone);
}

#[test]
fn what_is_recorded_is_the_same_after_any_number_of_restarts() {
    let journal = Arc::new(Memory::default());
    let (epochs, _) = start(&journal);
    for n in 0..100 {
        let _ = validity(&epochs, uri(n).0, None);
        write(&epochs, uri(n / 2), n % 7 == 0);
    }
    let restarted = || {
        let _ = start(&journal);
        let mut bytes = &journal.bytes.lock()[..];
        // The first record has the position.
        let _ = unframe(&mut bytes);
        let records = std::iter::from_fn(|| unframe(&mut bytes).map(<[u8]>::to_vec));
        let mut records: Vec<_> = records.collect();
        records.sort_unstable();
        records
    };
    let first = restarted();
    assert!(first.len() > 20, "{}", first.len());
    for _ in 0..3 {
        assert_eq!(restarted(), first);
    }
}

#[test]
fn a_write_holds_after_a_restart_and_a_cancelled_one_does_not() {
    let journal = Arc::new(Memory::default());
    let (epochs, _) = start(&journal);
    let entry = validity(&epochs, uri(0).0, None);
    write(&epochs, uri(0), true);
    assert_eq!(epochs.check(&entry), Epoch::Stale);
    assert_eq!(start(&journal).0.check(&copy(&entry)), Epoch::Valid);
    write(&epochs, uri(0), false);
    assert_eq!(start(&journal).0.check(&copy(&entry)), Epoch::Gone);
}

#[test]
fn a_response_whose_record_is_lost_is_gone_after_a_restart() {
    let journal = Arc::new(Memory::default());
    let (epochs, _) = start(&journal);
    let kept = validity(&epochs, uri(0).0, None);
    let whole = journal.bytes.lock().clone();
    let lost = validity(&epochs, uri(1).0, None);
    *journal.bytes.lock() = whole;
    let (epochs, _) = start(&journal);
    assert_eq!(epochs.check(&copy(&kept)), Epoch::Valid);
    assert_eq!(epochs.check(&copy(&lost)), Epoch::Gone);
    write(&epochs, uri(1), false);
    let again = validity(&epochs, uri(1).0, None);
    assert_eq!(epochs.check(&copy(&lost)), Epoch::Gone);
    assert_eq!(epochs.check(&copy(&again)), Epoch::Valid);
}

#[test]
fn a_response_of_another_variant_counts_from_the_call_that_began_first() {
    let epochs = Epochs::default();
    let early = epochs.begin(uri(0));
    write(&epochs, uri(0), true);
    let carried = |call: &_| {
        let validity = Validity::of_call(call, Carried::new([uri(0)], [], ""));
        validity.cover();
        copy(&validity)
    };
    let late = carried(&epochs.begin(uri(0)));
    let early = carried(&early);
    assert_eq!(epochs.check(&copy(&early)), Epoch::Stale);
    assert_eq!(epochs.check(&copy(&late)), Epoch::Valid);
    write(&epochs, uri(0), false);
    assert_eq!(epochs.check(&copy(&early)), Epoch::Gone);
    assert_eq!(epochs.check(&copy(&late)), Epoch::Gone);
}
