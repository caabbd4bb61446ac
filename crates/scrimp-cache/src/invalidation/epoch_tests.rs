//! Tests of the log of invalidations on one thread; `tests/schedules.rs` uses many.

use proptest::prelude::*;

use super::{
    epoch::{Carried, Epoch, Epochs, Tag, Target, Validity},
    log::TagList,
};
use crate::pattern::Pattern;

fn carried(tags: impl IntoIterator<Item = u64>) -> Carried {
    Carried::new(tags.into_iter().map(Tag).collect::<Vec<_>>(), [], "")
}

/// Returns the tag of something that only operators name.
fn plain(n: u64) -> Tag {
    Tag(n << 2)
}

fn hit(n: u64) -> Target {
    Target::tag(plain(n))
}

#[test]
fn an_answer_under_way_when_its_tag_is_hit_is_dead_on_arrival() {
    let epochs = Epochs::new(10);
    let before = epochs.now();
    epochs.append(hit(7), false);
    let late = Validity::new(before, carried([plain(1).0, plain(7).0]));
    assert_eq!(epochs.check(&late), Epoch::Gone);
    assert_eq!(
        epochs.check(&Validity::new(before, carried([plain(1).0]))),
        Epoch::Valid
    );
    assert_eq!(
        epochs.check(&Validity::new(epochs.now(), carried([plain(7).0]))),
        Epoch::Valid
    );
}

#[test]
fn a_soft_hit_makes_stale_and_a_hard_one_outweighs_it() {
    let epochs = Epochs::new(10);
    let entry = Validity::new(epochs.now(), carried([plain(1).0]));
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
        let carried = Carried::new([plain(1)], [(plain(1), version)], "");
        Validity::new(epochs.now(), carried)
    };
    let (old, unversioned) = (entry(3), Validity::new(epochs.now(), carried([plain(1).0])));
    epochs.append(Target::Version(plain(1), 4), false);
    assert_eq!(epochs.check(&old), Epoch::Gone);
    assert_eq!(epochs.check(&unversioned), Epoch::Gone);
    assert_eq!(
        epochs.check(&entry(3)),
        Epoch::Gone,
        "from a replica that lags"
    );
    assert_eq!(epochs.check(&entry(4)), Epoch::Valid);
    let newer = entry(5);
    epochs.append(Target::Version(plain(1), 4), false);
    epochs.append(Target::Version(plain(1), 5), false);
    assert_eq!(
        epochs.check(&newer),
        Epoch::Valid,
        "events may come late and twice"
    );
}

#[test]
fn globs_hit_the_names_they_match_and_the_oldest_becomes_the_floor() {
    let epochs = Epochs::new(10);
    let entry = |names: &str| Validity::new(epochs.now(), Carried::new([], [], names));
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

#[test]
fn a_hard_glob_stays_hard_when_the_same_glob_follows_softly_or_comes_before() {
    for order in [[false, true], [true, false]] {
        let epochs = Epochs::new(10);
        let entry = || Validity::new(epochs.now(), Carried::new([], [], "list:a:1"));
        let glob = |soft| epochs.append(Target::Glob(Pattern::name("list:a:*")), soft);
        let (start, before) = (epochs.now(), entry());
        glob(order[0]);
        let between = entry();
        glob(order[1]);
        assert_eq!(epochs.check(&before), Epoch::Gone, "{order:?}");
        let second = if order[1] { Epoch::Stale } else { Epoch::Gone };
        assert_eq!(epochs.check(&between), second, "{order:?}");
        assert_eq!(epochs.check(&entry()), Epoch::Valid);
        // The same two again take no more places.
        for _ in 0..100 * Epochs::MAX_GLOBS {
            order.into_iter().for_each(glob);
        }
        let other = Validity::new(start, Carried::new([], [], "list:b:1"));
        assert_eq!(epochs.check(&other), Epoch::Valid);
    }
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
    let versions = version.map(|version| (plain(tag), version)).into_iter();
    let versions: Box<[_]> = versions.collect();
    Validity::new(log.now(), Carried::new([plain(tag)], versions, ""))
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
                    .map(|log| log.append(Target::Version(plain(tag), version), false)),
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
    epochs.append(Target::Version(plain(1), 7), false);
    for tag in 1_000..2_000 {
        epochs.append(Target::Version(plain(tag), 1), false);
    }
    assert_eq!(epochs.check(&fetched(&epochs, 1, Some(6))), Epoch::Gone);
    assert_eq!(epochs.check(&fetched(&epochs, 1, Some(7))), Epoch::Valid);
    epochs.append(Target::Version(plain(1), 3), false);
    let late = fetched(&epochs, 1, Some(6));
    assert_eq!(epochs.check(&late), Epoch::Gone, "an event that came late");
}

fn uri(n: u64) -> Tag {
    Tag(n << 2).of_kind(Tag::URI)
}

fn group(n: u64) -> Tag {
    Tag(n << 2).of_kind(Tag::GROUP)
}

/// Returns an entry fetched now, in memory.
fn held(log: &Epochs, of: Tag, more: Option<Tag>) -> Validity {
    let tags = [Some(of), more];
    let tags = carried(tags.into_iter().flatten().map(|tag| tag.0));
    Validity::of_call(&log.begin(of), tags)
}

#[test]
fn a_call_tells_other_layers_what_the_log_tells_them() {
    let epochs = Epochs::default();
    let before = epochs.since();
    assert_eq!(epochs.begin(uri(1)).since(), before);
    // Nothing depends on these: they move no position.
    for n in 2..5 {
        assert_eq!(epochs.written(TagList::from_iter([uri(n)]), false), None);
    }
    assert_eq!(epochs.since().at, before.at + 3);
    assert_eq!(epochs.begin(uri(1)).since(), epochs.since());
    epochs.append(hit(7), false);
    assert_eq!(epochs.since().at, before.at + 4);
    assert_eq!(epochs.begin(uri(1)).since(), epochs.since());
}

#[test]
fn a_write_to_what_nobody_has_leaves_no_mark_and_moves_no_position() {
    let epochs = Epochs::default();
    let honest = held(&epochs, uri(1), None);
    let before = (epochs.now(), epochs.begin(uri(2)).since());
    for n in 0..100_000 {
        epochs.written(TagList::from_iter([uri(100 + n)]), n % 2 == 0);
    }
    assert_eq!((epochs.now(), epochs.watched()), (before.0, 1));
    assert_eq!(epochs.check(&honest), Epoch::Valid);
    let later = epochs.begin(uri(2)).since();
    assert!(
        later.at >= before.1.at + 100_000,
        "layers that share calls learn of each"
    );
}

#[test]
fn a_mark_of_a_write_lasts_as_long_as_the_calls_and_responses_that_it_hits() {
    let epochs = Epochs::default();
    let call = epochs.begin(uri(1));
    let stored = held(&epochs, uri(1), None);
    epochs.written(TagList::from_iter([uri(1)]), false);
    assert_eq!(epochs.check(&stored), Epoch::Gone);
    drop(stored);
    let late = Validity::of_call(&call, carried([uri(1).0]));
    drop(call);
    assert_eq!(epochs.check(&late), Epoch::Gone, "dead on arrival");
    drop(late);
    assert_eq!(epochs.watched(), 0);
    assert_eq!(epochs.check(&held(&epochs, uri(1), None)), Epoch::Valid);
}

#[test]
fn a_confirmed_response_keeps_the_watch_on_each_uri_it_was_fetched_from() {
    let epochs = Epochs::default();
    let first = held(&epochs, uri(1), None);
    let mut both = carried([uri(2).0]);
    assert!(both.add_all(first.carried()));
    let second = Validity::of_call(&epochs.begin(uri(2)), both);
    drop(first);
    epochs.written(TagList::from_iter([uri(1)]), false);
    assert_eq!(epochs.check(&second), Epoch::Gone);
}

#[test]
fn a_confirmed_response_cannot_collect_tags_without_end() {
    let epochs = Epochs::default();
    let mut response = held(&epochs, uri(0), None);
    let mut confirmed = 1;
    loop {
        let mut tags = carried([uri(confirmed).0]);
        if !tags.add_all(response.carried()) {
            break;
        }
        response = Validity::of_call(&epochs.begin(uri(confirmed)), tags);
        confirmed += 1;
    }
    assert_eq!(confirmed, 256);
}

/// One step of a client, an origin or the cache.
#[derive(Debug, Clone, Copy)]
enum Move {
    Begin(u64),
    Arrive(usize, bool),
    Evict(usize),
    Write(u64, bool),
    WriteGroup(u64),
    Encode(usize),
}

fn moves() -> impl Strategy<Value = Move> {
    let place = 0..8_usize;
    prop_oneof![
        4 => (0..4_u64).prop_map(Move::Begin),
        4 => (place.clone(), any::<bool>()).prop_map(|(which, group)| Move::Arrive(which, group)),
        1 => place.clone().prop_map(Move::Evict),
        4 => (0..4_u64, any::<bool>()).prop_map(|(uri, soft)| Move::Write(uri, soft)),
        1 => (0..4_u64).prop_map(Move::WriteGroup),
        1 => place.prop_map(Move::Encode),
    ]
}

/// The latest marks that hit a response, by a model that never forgets.
#[derive(Debug, Clone, Copy, Default)]
struct Hits {
    hard: bool,
    soft: bool,
}

proptest! {
    /// Every response knows exactly the writes since its call began, in memory and encoded, while
    /// there is room.
    #[test]
    fn no_response_outlives_a_write_to_its_uri_or_group(steps in prop::collection::vec(moves(), 1..60)) {
        let epochs = Epochs::default();
        let mut calls = Vec::new();
        let mut stored: Vec<(u64, Option<u64>, Validity, Hits)> = Vec::new();
        for step in steps {
            match step {
                Move::Begin(n) => calls.push((n, epochs.begin(uri(n)), Hits::default(), [false; 4])),
                Move::Arrive(which, grouped) if which < calls.len() => {
                    let (n, call, mut hits, groups) = calls.swap_remove(which);
                    let of = grouped.then_some(n);
                    hits.hard |= grouped && groups[n as usize];
                    let tags = [Some(uri(n)), of.map(group)];
                    let tags = carried(tags.into_iter().flatten().map(|tag| tag.0));
                    stored.push((n, of, Validity::of_call(&call, tags), hits));
                }
                Move::Evict(which) if which < stored.len() => drop(stored.swap_remove(which)),
                Move::Write(n, soft) => {
                    epochs.written(TagList::from_iter([uri(n)]), soft);
                    let of_calls = calls.iter_mut().map(|call| (call.0, &mut call.2));
                    let of_stored = stored.iter_mut().map(|entry| (entry.0, &mut entry.3));
                    for (_, hits) in of_calls.chain(of_stored).filter(|(own, _)| *own == n) {
                        *(if soft { &mut hits.soft } else { &mut hits.hard }) = true;
                    }
                }
                Move::WriteGroup(n) => {
                    epochs.written(TagList::from_iter([group(n)]), false);
                    calls.iter_mut().for_each(|call| call.3[n as usize] = true);
                    for entry in stored.iter_mut().filter(|entry| entry.1 == Some(n)) {
                        entry.3.hard = true;
                    }
                }
                #[cfg(feature = "codec")]
                Move::Encode(which) if which < stored.len() => {
                    let validity = &mut stored[which].2;
                    validity.cover();
                    let (log, at, carried) = validity.parts();
                    *validity = Validity::from_parts(log, at, carried.unwatched());
                }
                Move::Arrive(..) | Move::Evict(_) | Move::Encode(_) => {}
            }
            for (_, _, validity, hits) in &stored {
                let expected = match hits {
                    Hits { hard: true, .. } => Epoch::Gone,
                    Hits { soft: true, .. } => Epoch::Stale,
                    _ => Epoch::Valid,
                };
                prop_assert_eq!(epochs.check(validity), expected);
            }
        }
        let watched = epochs.watched();
        prop_assert!(watched <= calls.len() + stored.len());
        drop((calls, stored));
        prop_assert_eq!(epochs.watched(), 0);
    }
}
