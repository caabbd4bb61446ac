//! Order of the layers.

use std::fmt;

/// A layer of scrimp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Stampede,
    Cache,
    Coalesce,
    Batch,
    CostRoute,
    Limit,
    Prefetch,
}

use Kind::{Batch, Cache, Coalesce, CostRoute, Limit, Prefetch, Stampede};

/// All of them, in the recommended order.
const ALL: [Kind; 7] = [Prefetch, Stampede, Cache, Coalesce, Batch, CostRoute, Limit];

/// Those whose order makes a difference. A limit has its use in any place, and keeps nothing; what learns from requests
/// passes them on as they are.
const ORDERED: [Kind; 5] = [Stampede, Cache, Coalesce, Batch, CostRoute];

/// Pairs that should not be nested in this way, and the reason. Such an order must be as correct as
/// any other; it saves less.
///
/// `(outside, inside, reason)`. All others are sensible: coalescing may be outside of a cache too,
/// so that a thousand hits become one look-up in a remote store.
pub(crate) const NOT_SENSIBLE: [(Kind, Kind, &str); 8] = [
    (
        Cache,
        Stampede,
        "the cache answers hits itself, and early refreshes need hits",
    ),
    (
        Batch,
        Stampede,
        "a batch is a POST, which is never refreshed",
    ),
    (Batch, Cache, "a batch is a POST, which is not stored"),
    (
        Batch,
        Coalesce,
        "two batches are rarely equal, and equal items of one are sent once anyway",
    ),
    (
        CostRoute,
        Stampede,
        "the layer inside sees one key per provider, and its hits are booked as paid calls",
    ),
    (
        CostRoute,
        Cache,
        "a response is stored once per provider, and hits are booked as paid calls",
    ),
    (
        CostRoute,
        Coalesce,
        "equal requests may go to different providers, and each is booked as a paid call",
    ),
    (
        CostRoute,
        Batch,
        "each item is booked as a call, and a provider's header fields stay in the envelope",
    ),
];

/// Layers, outermost first.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Order(Vec<Kind>);

// === impl Order ===

impl Order {
    pub(crate) fn new(kinds: impl Into<Vec<Kind>>) -> Self {
        Self(kinds.into())
    }

    /// Returns every two layers, in both orders: 42.
    pub(crate) fn pairs() -> impl Iterator<Item = Self> {
        ALL.into_iter().flat_map(|outer| {
            let inner = ALL.into_iter().filter(move |inner| *inner != outer);
            inner.map(move |inner| Self::new([outer, inner]))
        })
    }

    /// Returns all but the limit and prefetches in every order with `SCRIMP_MATRIX=all`, else in a quarter of
    /// the orders.
    pub(crate) fn permutations() -> Vec<Self> {
        let all = std::env::var_os("SCRIMP_MATRIX").is_some_and(|which| which == "all");
        let orders = Self::every_permutation().into_iter();
        orders.step_by(if all { 1 } else { 4 }).collect()
    }

    /// Returns all but the limit and prefetches, in every order: 120.
    pub(crate) fn every_permutation() -> Vec<Self> {
        let mut orders = vec![Vec::new()];
        for kind in ORDERED {
            orders = orders
                .into_iter()
                .flat_map(|order: Vec<Kind>| {
                    (0..=order.len()).map(move |place| {
                        let mut order = order.clone();
                        order.insert(place, kind);
                        order
                    })
                })
                .collect();
        }
        orders.into_iter().map(Self).collect()
    }

    /// Returns all but the limit and prefetches in the sensible orders, these in the recommended order with each of the
    /// other two in each place, and all.
    pub(crate) fn sensible() -> impl Iterator<Item = Self> {
        let all = Self::every_permutation().into_iter();
        let limited = [Limit, Prefetch].into_iter().flat_map(|kind| {
            (0..=ORDERED.len()).map(move |place| {
                let mut order = ORDERED.to_vec();
                order.insert(place, kind);
                Self(order)
            })
        });
        all.filter(|order| order.objection().is_none())
            .chain(limited)
            .chain([Self::new(ALL)])
    }

    /// Returns every pair, and the sensible orders: the orders of every test.
    pub(crate) fn matrix() -> impl Iterator<Item = Self> {
        Self::pairs().chain(Self::sensible())
    }

    /// Returns the layers, outermost first.
    pub(crate) fn kinds(&self) -> impl DoubleEndedIterator<Item = Kind> + '_ {
        self.0.iter().copied()
    }

    pub(crate) fn has(&self, kind: Kind) -> bool {
        self.0.contains(&kind)
    }

    /// Reports whether both are present and the first is further out.
    pub(crate) fn puts(&self, outer: Kind, inner: Kind) -> bool {
        let place = |kind| self.0.iter().position(|own| *own == kind);
        matches!((place(outer), place(inner)), (Some(outer), Some(inner)) if outer < inner)
    }

    /// Returns the reason why this order is not sensible.
    pub(crate) fn objection(&self) -> Option<&'static str> {
        let mut objections = NOT_SENSIBLE.iter();
        let found = objections.find(|(outer, inner, _)| self.puts(*outer, *inner));
        found.map(|(_, _, reason)| *reason)
    }
}

impl fmt::Debug for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut kinds = self.kinds();
        if let Some(first) = kinds.next() {
            write!(f, "{first:?}")?;
        }
        kinds.try_for_each(|kind| write!(f, " > {kind:?}"))
    }
}

#[test]
fn three_orders_of_layers_that_answer_are_sensible_and_the_recommended_ones_are_among_them() {
    let orders: Vec<_> = Order::sensible().collect();
    assert_eq!(Order::every_permutation().len(), 120);
    let chosen = Order::permutations();
    let outermost = |kind| {
        chosen
            .iter()
            .any(|order| order.kinds().next() == Some(kind))
    };
    assert!(ORDERED.into_iter().all(outermost), "{chosen:?}");
    assert_eq!(Order::pairs().count(), 42);
    assert!(orders.contains(&Order::new(ALL)), "{orders:?}");
    assert!(orders.contains(&Order::new(ORDERED)), "{orders:?}");
    assert_eq!(orders.len(), 3 + 2 * (ORDERED.len() + 1) + 1, "{orders:?}");
}
