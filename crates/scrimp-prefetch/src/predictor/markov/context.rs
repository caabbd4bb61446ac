//! Contexts: what of a session an expert looks at.

use crate::Trail;

/// Number of experts.
pub(super) const EXPERTS: usize = 13;

/// An expert, by what it looks at. Each comes after the one that it backs off to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expert {
    /// Nothing: popularity.
    Popularity,
    /// The last item.
    One,
    /// The last two items.
    Two,
    /// The last three items.
    Three,
    /// The item before the last.
    Before,
    /// The item two before the last.
    Third,
    /// The first item that is remembered.
    First,
    /// The set of all items.
    Set,
    /// The last two items, and how often the last was repeated.
    Run,
    /// The last item, and the length of the session.
    Length,
    /// The set of all items, and the last one.
    SetAndLast,
    /// Items that came together with the last one, before it or after it.
    Together,
    /// Items that came at once after the last one, new or not.
    Any,
}

/// The context of each expert.
#[derive(Debug, Clone)]
pub(super) struct Contexts {
    /// In the order of the experts. 0: an expert counts nothing itself.
    pub(super) hashes: [u64; EXPERTS],
    /// The expert whose counts an expert looks at: another one, where both contexts always come together.
    own: [Expert; EXPERTS],
}

// === impl Expert ===

impl Expert {
    pub(super) const ALL: [Self; EXPERTS] = [
        Self::Popularity,
        Self::One,
        Self::Two,
        Self::Three,
        Self::Before,
        Self::Third,
        Self::First,
        Self::Set,
        Self::Run,
        Self::Length,
        Self::SetAndLast,
        Self::Together,
        Self::Any,
    ];

    /// Experts whose context is counted with each new item.
    pub(super) const COUNTED: [Self; 10] = [
        Self::One,
        Self::Two,
        Self::Three,
        Self::Before,
        Self::Third,
        Self::First,
        Self::Set,
        Self::Run,
        Self::Length,
        Self::SetAndLast,
    ];

    /// Experts in the order in which they name candidates: the most specific first.
    pub(super) const NAMING: [Self; 10] = [
        Self::Three,
        Self::SetAndLast,
        Self::Run,
        Self::Two,
        Self::Set,
        Self::Length,
        Self::One,
        Self::Before,
        Self::Together,
        Self::Any,
    ];

    /// Experts that name none: their items are among those of the others, as a rule.
    pub(super) const FOLLOWING: [Self; 2] = [Self::Third, Self::First];

    /// Returns the expert that it backs off to.
    pub(super) fn parent(self) -> Self {
        match self {
            Self::Two | Self::Length => Self::One,
            Self::Three | Self::Run => Self::Two,
            Self::SetAndLast => Self::Set,
            _ => Self::Popularity,
        }
    }
}

// === impl Contexts ===

impl Contexts {
    /// Returns the expert whose counts an expert looks at.
    pub(super) fn own(&self, expert: Expert) -> Expert {
        self.own[expert as usize]
    }

    /// Returns the experts whose contexts are counted with each new item, but those that share the counts of another.
    pub(super) fn counted(&self) -> impl Iterator<Item = Expert> + '_ {
        let all = Expert::COUNTED.into_iter();
        all.filter(|expert| self.hashes[*expert as usize] != 0)
    }
}

/// Returns the context of each expert.
pub(super) fn contexts(trail: &Trail) -> Contexts {
    let item = |back: usize| trail.recent(back).map_or(0, |item| u64::from(item.get()));
    let (one, two, three) = (item(0), item(1), item(2));
    let (mut set, mut first) = (0_u64, 0_u64);
    for item in trail.seen() {
        first = item.get().into();
        set = set.wrapping_add(mix(0x5e7, item.get().into()));
    }
    let run = match trail.run() {
        run @ 0..=2 => run,
        3..=4 => 3,
        5..=8 => 4,
        _ => 5,
    };
    let steps = match trail.steps() {
        steps @ 0..=3 => steps,
        4..=5 => 4,
        6..=9 => 5,
        10..=20 => 6,
        _ => 7,
    };
    let different = trail.different().min(8) as u64;
    let pair = mix(one, two);
    let hash = |expert: Expert, what: u64| mix(expert as u64 + 1, what);
    let mut hashes = [
        0,
        hash(Expert::One, one),
        hash(Expert::Two, pair),
        hash(Expert::Three, mix(pair, three)),
        hash(Expert::Before, two),
        hash(Expert::Third, three),
        hash(Expert::First, first),
        hash(Expert::Set, set),
        hash(Expert::Run, mix(pair, run.into())),
        hash(Expert::Length, mix(one, different << 8 | u64::from(steps))),
        hash(Expert::SetAndLast, mix(set, one)),
        hash(Expert::Together, one),
        hash(Expert::Any, one),
    ];
    let mut own = Expert::ALL;
    let mut share = |expert: Expert, with: Expert| {
        (hashes[expert as usize], own[expert as usize]) = (0, with);
    };
    // With one item so far, its set and its orders are the same.
    if trail.different() == 1 {
        for same in [Expert::Three, Expert::Set, Expert::SetAndLast] {
            share(same, Expert::Two);
        }
        // Of longer sessions, repetitions and steps are told apart by other limits.
        if trail.steps() <= 2 {
            share(Expert::Length, Expert::Run);
        }
    }
    Contexts { hashes, own }
}

/// Returns the shape of a session: how many requests it has made, and for how many items. Less than 64.
pub(super) fn shape(trail: &Trail) -> usize {
    let steps = match trail.steps() {
        0..=1 => 0,
        2 => 1,
        3 => 2,
        4..=6 => 3,
        7..=12 => 4,
        _ => 5,
    };
    trail.different().clamp(1, 8) * 8 - 8 + steps
}

/// Returns the context of an expert that looks at one item.
pub(super) fn context(expert: Expert, item: u32) -> u64 {
    mix(expert as u64 + 1, item.into())
}

/// Mixes two numbers to one.
pub(super) fn mix(a: u64, b: u64) -> u64 {
    let mut hash = a.wrapping_mul(0x9e37_79b9_7f4a_7c15)
        ^ b.wrapping_mul(0xc2b2_ae3d_27d4_eb4f).rotate_left(31);
    hash ^= hash >> 29;
    hash = hash.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash ^ hash >> 32
}
