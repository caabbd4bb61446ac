//! The log of invalidations, one thread at a time; many are in `tests/schedules.rs`.

use proptest::prelude::*;

use super::epoch::{Birth, Carried, Epoch, Epochs, Hit, Tag};
use crate::pattern::Pattern;

fn carried(tags: impl IntoIterator<Item = u64>) -> Carried {
    Carried {
        tags: tags.into_iter().map(Tag).collect(),
        ..Carried::default()
    }
}

fn hit(tag: u64) -> Hit {
    Hit::tag(Tag(tag))
}

#[test]
fn an_answer_under_way_when_its_tag_is_hit_is_dead_on_arrival() {
    let epochs = Epochs::new(10);
    let before = epochs.now();
    epochs.append(hit(7), false);
    let late = Birth::new(before, carried([1, 7]));
    assert_eq!(epochs.check(&late), Epoch::Gone);
    assert_eq!(
        epochs.check(&Birth::new(before, carried([1]))),
        Epoch::Valid
    );
    assert_eq!(
        epochs.check(&Birth::new(epochs.now(), carried([7]))),
        Epoch::Valid
    );
}

#[test]
fn a_soft_hit_makes_stale_and_a_hard_one_outweighs_it() {
    let epochs = Epochs::new(10);
    let entry = Birth::new(epochs.now(), carried([1]));
    epochs.append(hit(1), true);
    assert_eq!(epochs.check(&entry), Epoch::Stale);
    assert_eq!(epochs.check(&entry), Epoch::Stale);
    epochs.append(hit(1), false);
    assert_eq!(epochs.check(&entry), Epoch::Gone);
}

#[test]
fn everything_can_go_or_go_stale_at_once() {
    let epochs = Epochs::new(10);
    let entry = Birth::new(epochs.now(), carried([]));
    epochs.append(Hit::Everything, true);
    assert_eq!(epochs.check(&entry), Epoch::Stale);
    epochs.append(Hit::Everything, false);
    assert_eq!(epochs.check(&entry), Epoch::Gone);
    assert_eq!(
        epochs.check(&Birth::new(epochs.now(), carried([]))),
        Epoch::Valid
    );
}

#[test]
fn an_outdated_version_is_refused_even_if_it_is_fetched_afterwards() {
    let epochs = Epochs::new(10);
    let entry = |version| {
        let versions: Box<[_]> = [(Tag(1), version)].into();
        Birth::new(
            epochs.now(),
            Carried {
                versions,
                ..carried([1])
            },
        )
    };
    let (old, unversioned) = (entry(3), Birth::new(epochs.now(), carried([1])));
    epochs.append(Hit::Version(Tag(1), 4), false);
    assert_eq!(epochs.check(&old), Epoch::Gone);
    assert_eq!(epochs.check(&unversioned), Epoch::Gone);
    assert_eq!(
        epochs.check(&entry(3)),
        Epoch::Gone,
        "from a replica that lags"
    );
    assert_eq!(epochs.check(&entry(4)), Epoch::Valid);
    let newer = entry(5);
    epochs.append(Hit::Version(Tag(1), 4), false);
    epochs.append(Hit::Version(Tag(1), 5), false);
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
        Birth::new(
            epochs.now(),
            Carried {
                names: names.into(),
                ..Carried::default()
            },
        )
    };
    let (a, b) = (entry("x\nlist:a:1"), entry("list:b:1"));
    epochs.append(Hit::Glob(Pattern::name("list:a:*")), false);
    assert_eq!(
        (epochs.check(&a), epochs.check(&b)),
        (Epoch::Gone, Epoch::Valid)
    );
    for n in 1..Epochs::MAX_GLOBS {
        epochs.append(Hit::Glob(Pattern::name(&format!("{n}"))), false);
    }
    assert_eq!(epochs.check(&b), Epoch::Valid);
    epochs.append(Hit::Glob(Pattern::name("more")), false);
    assert_eq!(epochs.check(&b), Epoch::Gone);
}

proptest! {
    /// Against a log that never forgets: what is gone there is gone here.
    #[test]
    fn forgetting_marks_never_revives_an_entry(
        max_marks in 2usize..6,
        steps in prop::collection::vec((0u64..12, any::<bool>()), 1..60),
    ) {
        let (epochs, whole) = (Epochs::new(max_marks), Epochs::new(usize::MAX));
        let mut entries = Vec::new();
        for (tag, invalidate) in steps {
            if invalidate {
                epochs.append(hit(tag), false);
                whole.append(hit(tag), false);
            } else {
                let birth = |log: &Epochs| Birth::new(log.now(), carried([tag]));
                entries.push((birth(&epochs), birth(&whole)));
            }
            prop_assert!(epochs.marks() <= max_marks);
            for (entry, reference) in &entries {
                if whole.check(reference) == Epoch::Gone {
                    prop_assert_eq!(epochs.check(entry), Epoch::Gone);
                }
            }
        }
    }
}
