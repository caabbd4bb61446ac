//! The responses under one key.

use std::sync::Arc;

use http::{HeaderMap, Request};
use scrimp_table::Kept;
use tokio::time::Instant;

use super::{Entry, FillToken, Stay, worth};
use crate::policy::judge::Freshness;

/// Maximum number of responses under one key. The oldest are removed first: a client that varies a
/// field at will fills its own slots, not the memory.
const MAX_VARIANTS: usize = 32;

/// The responses stored under one key, newest first.
#[derive(Debug, Clone)]
pub struct Variants(Entries);

/// Most keys have one response.
#[derive(Debug, Clone)]
enum Entries {
    One(Arc<Entry>),
    Several(Box<Several>),
}

#[derive(Debug, Clone, Default)]
struct Several {
    entries: Box<[Arc<Entry>]>,
    /// Flag that values of the same request fields tell them apart, and nothing else does. Then a
    /// request with the very lines of one is answered by this one, whichever is newer.
    alike: bool,
    /// End of their time in a tier.
    leave_at: Option<Instant>,
}

// === impl Variants ===

impl Variants {
    /// Returns the newest response that answers a request.
    #[must_use]
    pub fn select<B>(&self, request: &Request<B>) -> Option<&Arc<Entry>> {
        self.place(request).map(|(_, entry)| entry)
    }

    /// Returns the same response, and its index.
    #[inline]
    pub(crate) fn place<B>(&self, request: &Request<B>) -> Option<(usize, &Arc<Entry>)> {
        if let Entries::Several(several) = &self.0
            && several.alike
            && let Some(place) = self.place_by_lines(request.headers())
        {
            return Some((place, &several.entries[place]));
        }
        let mut entries = self.entries().iter().enumerate();
        entries.find(|(_, entry)| entry.selection.matches(request))
    }

    /// Returns the index of the response that was made for a request with the same lines. Each
    /// field is looked up once, however many responses there are.
    fn place_by_lines(&self, request: &HeaderMap) -> Option<usize> {
        let lines = self.entries().first()?.selection.lines(request)?;
        let mut entries = self.entries().iter();
        entries.position(|entry| entry.selection.has_lines(&lines))
    }

    /// Returns the response at an index.
    pub(crate) fn at(&self, place: usize) -> Option<&Arc<Entry>> {
        self.entries().get(place)
    }

    /// Iterates over all of them, newest first.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.entries().iter()
    }

    fn entries(&self) -> &[Arc<Entry>] {
        match &self.0 {
            Entries::One(entry) => std::slice::from_ref(entry),
            Entries::Several(several) => &several.entries,
        }
    }

    /// Returns these responses and a new one, which replaces those with the same selection.
    #[must_use]
    pub fn with(&self, entry: &Arc<Entry>) -> Self {
        let others = self
            .iter()
            .filter(|other| !other.selection.is_replaced_by(&entry.selection))
            .take(MAX_VARIANTS - 1)
            .cloned();
        self.same_stay(Self::of(std::iter::once(Arc::clone(entry)).chain(others)))
    }

    /// Ends their time in a tier with this stay, unless it ends earlier, and is not over.
    pub(crate) fn staying(self, stay: Option<Stay>) -> Self {
        let Some(Stay { from, until }) = stay else {
            return self;
        };
        let present = self.leave_at().filter(|&end| end > from);
        let end = present.map_or(until, |present| present.min(until));
        self.leaving_at(Some(end))
    }

    /// Reports whether their time in a tier is over.
    pub(crate) fn has_left(&self, now: Instant) -> bool {
        self.leave_at().is_some_and(|end| end <= now)
    }

    /// Reports whether one of them is fresh.
    pub(crate) fn is_fresh(&self, now: Instant) -> bool {
        self.iter()
            .any(|entry| Freshness::new(&entry.policy, now).is_fresh())
    }

    /// Reports whether one of them can be served without waiting for the upstream.
    pub(crate) fn is_usable(&self, now: Instant) -> bool {
        self.iter()
            .any(|entry| entry.policy.usable_until().is_none_or(|until| until > now))
    }

    /// Reports whether all of them are kept for their validators only.
    pub(crate) fn is_never_fresh(&self) -> bool {
        self.iter().all(|entry| entry.policy.lifetime().is_zero())
    }

    fn leave_at(&self) -> Option<Instant> {
        match &self.0 {
            Entries::One(_) => None,
            Entries::Several(several) => several.leave_at,
        }
    }

    fn leaving_at(self, end: Option<Instant>) -> Self {
        let mut several = match self.0 {
            Entries::One(one) if end.is_none() => return Self(Entries::One(one)),
            Entries::One(one) => Box::new(Several {
                entries: [one].into(),
                ..Several::default()
            }),
            Entries::Several(several) => several,
        };
        several.leave_at = end;
        Self(Entries::Several(several))
    }

    fn same_stay(&self, other: Self) -> Self {
        other.leaving_at(self.leave_at())
    }

    /// Makes it of responses of which none replaces another.
    fn of(entries: impl Iterator<Item = Arc<Entry>>) -> Self {
        let mut all = Self::from_iter(entries);
        // One is compared in its own way.
        if let Entries::Several(several) = &mut all.0 {
            let mut pairs = several.entries.windows(2);
            several.alike = pairs.all(|pair| pair[0].selection.is_like(&pair[1].selection));
        }
        all
    }

    /// Returns it, unless it is empty.
    fn if_any(self) -> Option<Self> {
        (!self.entries().is_empty()).then_some(self)
    }

    /// Returns whether a valid response with the same selection was requested later. A slow
    /// response must not replace a newer one.
    #[must_use]
    pub fn outdates(&self, entry: &Entry, token: &FillToken) -> bool {
        let newer = |other: &Entry| {
            other.selection == entry.selection && other.sent > entry.sent && token.allows(other)
        };
        self.iter().any(|other| newer(other))
    }

    /// Returns the responses that answer other requests than `entry` does; `None` if there are
    /// none.
    pub(crate) fn beside(&self, entry: &Entry) -> Option<Self> {
        let others = self.iter();
        let others = others.filter(|other| other.selection != entry.selection);
        Some(self.same_stay(Self::of(others.cloned()).if_any()?))
    }

    /// Returns these responses without one of them; `None` if none is left.
    #[must_use]
    pub fn without(&self, entry: &Arc<Entry>) -> Option<Self> {
        let others = self
            .iter()
            .filter(|other| !Arc::ptr_eq(other, entry) && !other.is_same(entry));
        Some(self.same_stay(Self::of(others.cloned()).if_any()?))
    }

    /// Returns those that `keeps` selects; `None` if there are none.
    pub(crate) fn only(&self, keeps: impl Fn(&Entry) -> bool) -> Option<Self> {
        let kept = self.iter().filter(|entry| keeps(entry));
        Some(self.same_stay(Self::of(kept.cloned()).if_any()?))
    }

    /// Returns their weight in bytes of memory.
    #[must_use]
    pub fn weight(&self) -> u64 {
        let several = match &self.0 {
            Entries::One(_) => 0,
            Entries::Several(several) => size_of::<Several>() + size_of_val(&*several.entries),
        };
        // The newest response and the store share a key.
        let keys = self.iter().skip(1).map(|entry| entry.validity.key_size());
        let own = size_of::<Self>() + several + keys.sum::<usize>();
        own as u64 + self.iter().map(|entry| entry.weight()).sum::<u64>()
    }
}

impl FromIterator<Arc<Entry>> for Variants {
    /// Collects responses that are stored under one key, newest first.
    fn from_iter<I: IntoIterator<Item = Arc<Entry>>>(entries: I) -> Self {
        let mut entries = entries.into_iter().take(MAX_VARIANTS);
        let (first, second) = (entries.next(), entries.next());
        Self(match (first, second) {
            (Some(entry), None) => Entries::One(entry),
            (first, second) => Entries::Several(Box::new(Several {
                entries: first.into_iter().chain(second).chain(entries).collect(),
                // Two of them may answer the same requests.
                alike: false,
                leave_at: None,
            })),
        })
    }
}

impl Default for Variants {
    fn default() -> Self {
        Self(Entries::Several(Box::default()))
    }
}

impl Kept for Variants {
    fn weight(&self) -> u64 {
        self.weight()
    }

    fn until(&self) -> Option<Instant> {
        let until = |entry: &Arc<Entry>| entry.policy.usable_until();
        let usable = self.iter().map(until).try_fold(None, |latest, until| {
            // One response that is usable without end makes the whole set so.
            until.map(|until| latest.max(Some(until)))
        });
        match (usable.flatten(), self.leave_at()) {
            (Some(usable), Some(leave)) => Some(usable.min(leave)),
            (usable, leave) => usable.or(leave),
        }
    }

    fn saves(&self) -> f64 {
        let saves = self.iter().map(|entry| worth::of(entry));
        saves.fold(0.0, f64::max)
    }
}
