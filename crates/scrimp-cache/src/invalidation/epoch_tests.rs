//! Tests of the log of invalidations on one thread; `tests/schedules.rs` uses many.

use proptest::prelude::*;

use super::epoch::{Carried, Epoch, Epochs, Tag, Target, Validity};
use crate::pattern::Pattern;

fn carried(tags: impl IntoIterator<Item = u64>) -> Carried {
    Carried {
        tags: tags.into_iter().map(Tag).collect(),
        ..Carried::default()
    }
}

fn hit(tag: u64) -> Target {
    Target::tag(Tag(tag))
}

#[test]
fn an_answer_under_way_when_its_tag_is_hit_is_dead_on_arrival() {
    let epochs = Epochs::new(10);
    let before = epochs.now();
    epochs.append(hit(7), false);
    let late = Validity::new(before, carried([1, 7]));
    assert_eq!(epochs.check(&late), Epoch::Gone);
    assert_eq!(
        epochs.check(&Validity::new(before, carried([1]))),
        Epoch::Valid
    );
    assert_eq!(
        epochs.check(&Validity::new(epochs.now(), carried([7]))),
        Epoch::Valid
    );
}

#[test]
fn a_soft_hit_makes_stale_and_a_hard_one_outweighs_it() {
    let epochs = Epochs::new(10);
    let entry = Validity::new(epochs.now(), carried([1]));
    epochs.append(hit(1), true);
    assert_eq!(epochs.check(&entry), Epoch::Stale);
    assert_eq!(epochs.check(&entry), Epoch::Stale);
    epochs.append(hit(1), false);
    assert_eq!(epochs.check(&entry), Epoch::Gone);
}

#[test]
fn everything_can_go_or_go_stale_at_once() {
    let epochs = Epochs::new(10);
    let entry = Validity::new(epochs.now(), carried([]));
    epochs.append(Target::Everything, true);
    assert_eq!(epochs.check(&entry), Epoch::Stale);
    epochs.append(Target::Everything, false);
    assert_eq!(epochs.check(&entry), Epoch::Gone);
    assert_eq!(
        epochs.check(&Validity::new(epochs.now(), carried([]))),
        Epoch::Valid
    );
}

#[test]
fn an_outdated_version_is_refused_even_if_it_is_fetched_afterwards() {
    let epochs = Epochs::new(10);
    let entry = |version| {
        let versions: Box<[_]> = [(Tag(1), version)].into();
        Validity::new(
            epochs.now(),
            Carried {
                versions,
                ..carried([1])
            },
        )
    };
    let (old, unversioned) = (entry(3), Validity::new(epochs.now(), carried([1])));
    epochs.append(Target::Version(Tag(1), 4), false);
    assert_eq!(epochs.check(&old), Epoch::Gone);
    assert_eq!(epochs.check(&unversioned), Epoch::Gone);
    assert_eq!(
        epochs.check(&entry(3)),
        Epoch::Gone,
        "from a replica that lags"
    );
    assert_eq!(epochs.check(&entry(4)), Epoch::Valid);
    let newer = entry(5);
    epochs.append(Target::Version(Tag(1), 4), false);
    epochs.append(Target::Version(Tag(1), 5), false);
    assert_eq!(
        epochs.check(&newer),
        Epoch::Valid,
        "events may come late and twice"
    );
}

#[test]
fn globs_hit_the_names_they_match_and_the_oldest_becomes_the_floor() {
    let epochs = Epochs::new(10);
    let entry = |names: &str| {
        Validity::new(
            epochs.now(),
            Carried {
                names: names.into(),
                ..Carried::default()
            },
        )
    };
    let (a, b) = (entry("x\nlist:a:1"), entry("list:b:1"));
    epochs.append(Target::Glob(Pattern::name("list:a:*")), false);
    assert_eq!(
        (epochs.check(&a), epochs.check(&b)),
        (Epoch::Gone, Epoch::Valid)
    );
    for n in 1..Epochs::MAX_GLOBS {
        epochs.append(Target::Glob(Pattern::name(&format!("{n}"))), false);
    }
    assert_eq!(epochs.check(&b), Epoch::Valid);
    epochs.append(Target::Glob(Pattern::name("more")), false);
    assert_eq!(epochs.check(&b), Epoch::Gone);
}

/// One step: an invalidation or a fetch.
#[derive(Debug, Clone, Copy)]
enum Step {
    Hit(u64),
    Raise(u64, u64),
    Fetch(u64, Option<u64>),
}

fn step() -> impl Strategy<Value = Step> {
    let tag = 0..12_u64;
    let versioned = (tag.clone(), 1..6_u64);
    prop_oneof![
        tag.clone().prop_map(Step::Hit),
        versioned.prop_map(|(tag, version)| Step::Raise(tag, version)),
        (tag, prop::option::of(1..6_u64)).prop_map(|(tag, version)| Step::Fetch(tag, version)),
    ]
}

fn fetched(log: &Epochs, tag: u64, version: Option<u64>) -> Validity {
    let carried = Carried {
        versions: version
            .map(|version| (Tag(tag), version))
            .into_iter()
            .collect(),
        ..carried([tag])
    };
    Validity::new(log.now(), carried)
}

proptest! {
    /// Compares with a log that never forgets: an entry that is gone there is gone here too, also
    /// one fetched after its version was forgotten.
    #[test]
    fn forgetting_never_revives_an_entry(
        max_marks in 2usize..6,
        steps in prop::collection::vec(step(), 1..80),
    ) {
        let (epochs, whole) = (Epochs::new(max_marks), Epochs::new(usize::MAX));
        let mut entries = Vec::new();
        for step in steps {
            match step {
                Step::Hit(tag) => [&epochs, &whole].map(|log| log.append(hit(tag), false)),
                Step::Raise(tag, version) => [&epochs, &whole]
                    .map(|log| log.append(Target::Version(Tag(tag), version), false)),
                Step::Fetch(tag, version) => {
                    let validity = |log: &Epochs| fetched(log, tag, version);
                    entries.push((validity(&epochs), validity(&whole)));
                    [(); 2]
                }
            };
            prop_assert!(epochs.marks() <= max_marks);
            for (entry, reference) in &entries {
                if whole.check(reference) == Epoch::Gone {
                    prop_assert_eq!(epochs.check(entry), Epoch::Gone);
                }
            }
        }
    }
}

#[test]
fn a_replica_that_lags_behind_a_forgotten_version_is_not_believed() {
    let epochs = Epochs::new(100);
    epochs.append(Target::Version(Tag(1), 7), false);
    for tag in 1_000..2_000 {
        epochs.append(Target::Version(Tag(tag), 1), false);
    }
    assert_eq!(epochs.check(&fetched(&epochs, 1, Some(6))), Epoch::Gone);
    assert_eq!(epochs.check(&fetched(&epochs, 1, Some(7))), Epoch::Valid);
    epochs.append(Target::Version(Tag(1), 3), false);
    let late = fetched(&epochs, 1, Some(6));
    assert_eq!(epochs.check(&late), Epoch::Gone, "an event that came late");
}
