//! The cost of a call that is known only when its response has ended.

use std::{fmt, sync::Arc};

use http::Extensions;
use parking_lot::Mutex;

use super::Charge;
use crate::Money;

/// On a response: the cost of its upstream call, as soon as it is known. The [`Charge`] beside it
/// is an estimate until then.
///
/// A price by the token, or by the byte, is known when the body has ended. A layer books by
/// [`when_known`](Self::when_known), so that its ledger has the same cost as that of the layer
/// which makes the call. If the body is dropped, the call is settled by what was read of it.
///
/// ```
/// use scrimp_core::{Money, extensions::{Charge, Settlement}};
///
/// let (settlement, settler) = Settlement::open();
/// let mut response = http::Extensions::new();
/// response.insert(Charge("0.01".parse()?));
/// response.insert(settlement);
///
/// let price = Money::ZERO;
/// assert_eq!(Settlement::cost(&response, price).to_string(), "$0.01");
/// Settlement::when_known(&response, price, |cost| assert_eq!(cost.to_string(), "$0.02"));
/// settler.settle(Some("0.02".parse()?));
/// assert_eq!(Settlement::cost(&response, price).to_string(), "$0.02");
/// # Ok::<(), scrimp_core::ParseMoneyError>(())
/// ```
#[derive(Clone)]
pub struct Settlement(Arc<Mutex<State>>);

/// Handle that settles a [`Settlement`]. Dropped, it settles it as unknown.
pub struct Settler(Arc<Mutex<State>>);

/// On a response: the ledgers that have booked its call already.
///
/// Each layer on the way of a call books it on a line of its own. The first one to book it in a
/// ledger is the one whose line counts in the [totals](crate::Ledger::totals). See
/// [`Ledger::mark`](crate::Ledger::mark).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Booked {
    /// Identity of the first ledger. There is rarely another one.
    first: Option<u64>,
    others: Vec<u64>,
}

enum State {
    Open(Vec<Then>),
    /// The cost, if it is known.
    Settled(Option<Money>),
}

type Then = Box<dyn FnOnce(Option<Money>) + Send>;

// === impl Settlement ===

impl Settlement {
    /// Opens a settlement, and returns the handle that settles it.
    #[must_use]
    pub fn open() -> (Self, Settler) {
        let state = Arc::new(Mutex::new(State::Open(Vec::new())));
        (Self(Arc::clone(&state)), Settler(state))
    }

    /// Returns the cost of a response's call as far as it is known now: settled, else its
    /// [`Charge`], else `price`.
    #[must_use]
    pub fn cost(response: &Extensions, price: Money) -> Money {
        let told = told(response, price);
        let own = response.get::<Self>();
        own.map_or(told, |own| own.known_or(told))
    }

    /// Returns the cost, if it is settled and known, else `told`.
    #[must_use]
    pub fn known_or(&self, told: Money) -> Money {
        match &*self.0.lock() {
            State::Settled(cost) => cost.unwrap_or(told),
            State::Open(_) => told,
        }
    }

    /// Calls `then` with the cost of a response's call when it is settled: now, if the response
    /// has no settlement or is settled already. A cost that stays unknown is the response's
    /// [`Charge`], or `price` without one.
    pub fn when_known(
        response: &Extensions,
        price: Money,
        then: impl FnOnce(Money) + Send + 'static,
    ) {
        let told = told(response, price);
        let Some(own) = response.get::<Self>() else {
            return then(told);
        };
        let mut state = own.0.lock();
        match &mut *state {
            State::Open(waiting) => {
                waiting.push(Box::new(move |cost| then(cost.unwrap_or(told))));
            }
            State::Settled(cost) => {
                let cost = *cost;
                drop(state);
                then(cost.unwrap_or(told));
            }
        }
    }
}

fn told(response: &Extensions, price: Money) -> Money {
    response.get::<Charge>().map_or(price, |charge| charge.0)
}

impl fmt::Debug for Settlement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0.lock() {
            State::Open(_) => f.write_str("Settlement(open)"),
            State::Settled(cost) => f.debug_tuple("Settlement").field(cost).finish(),
        }
    }
}

// === impl Settler ===

impl Settler {
    /// Settles the cost. `None` if it stays unknown.
    pub fn settle(self, cost: Option<Money>) {
        self.set(cost);
    }

    fn set(&self, cost: Option<Money>) {
        let mut state = self.0.lock();
        let State::Open(waiting) = &mut *state else {
            return;
        };
        let waiting = std::mem::take(waiting);
        *state = State::Settled(cost);
        // What waits may look at the settlement.
        drop(state);
        waiting.into_iter().for_each(|then| then(cost));
    }
}

impl Drop for Settler {
    fn drop(&mut self) {
        self.set(None);
    }
}

impl fmt::Debug for Settler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Settler")
    }
}

// === impl Booked ===

impl Booked {
    /// Reports whether a response's call is booked in the ledger of an identity.
    pub(crate) fn is_in(response: &Extensions, ledger: u64) -> bool {
        let booked = response.get::<Self>();
        booked.is_some_and(|booked| booked.has(ledger))
    }

    /// Marks a response's call. Returns true if it was marked before.
    pub(crate) fn mark(response: &mut Extensions, ledger: u64) -> bool {
        response.get_or_insert_default::<Self>().add(ledger)
    }

    /// Adds the marks of another response, for a response that is made of several.
    pub fn merge(&mut self, other: &Self) {
        for id in other.first.iter().chain(&other.others) {
            self.add(*id);
        }
    }

    fn has(&self, id: u64) -> bool {
        self.first == Some(id) || self.others.contains(&id)
    }

    fn add(&mut self, id: u64) -> bool {
        let known = self.has(id);
        match self.first {
            _ if known => {}
            None => self.first = Some(id),
            Some(_) => self.others.push(id),
        }
        known
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn money(text: &str) -> Money {
        text.parse().unwrap()
    }

    #[test]
    fn who_asks_before_or_after_the_end_learns_the_same_cost() {
        let (settlement, settler) = Settlement::open();
        let mut response = Extensions::new();
        response.insert(Charge(money("1")));
        response.insert(settlement);
        let (told, costs) = mpsc::channel();
        let ask = |response: &Extensions| {
            let told = told.clone();
            Settlement::when_known(response, money("5"), move |cost| told.send(cost).unwrap());
        };
        ask(&response);
        assert!(costs.try_recv().is_err(), "it is not known yet");
        assert_eq!(Settlement::cost(&response, money("5")), money("1"));
        settler.settle(Some(money("3")));
        ask(&response);
        assert_eq!(costs.try_iter().collect::<Vec<_>>(), [money("3"); 2]);
        assert_eq!(Settlement::cost(&response, money("5")), money("3"));
    }

    #[test]
    fn what_is_booked_in_several_ledgers_is_known_in_each_and_merged() {
        let mut response = Extensions::new();
        assert!(!Booked::is_in(&response, 1));
        for ledger in [1, 2, 3] {
            assert!(!Booked::mark(&mut response, ledger));
            assert!(Booked::mark(&mut response, ledger), "it is marked already");
        }
        assert!(
            [1, 2, 3]
                .iter()
                .all(|&ledger| Booked::is_in(&response, ledger))
        );
        assert!(!Booked::is_in(&response, 4));
        let mut merged = Extensions::new();
        Booked::mark(&mut merged, 4);
        let mut both = merged.get::<Booked>().cloned().unwrap();
        both.merge(response.get().unwrap());
        assert!((1..=4).all(|ledger| both.has(ledger)) && !both.has(5));
        assert_eq!(both.others.len(), 3, "each once");
        both.merge(response.get().unwrap());
        assert_eq!(both.others.len(), 3);
    }

    #[test]
    fn a_settlement_is_settled_once() {
        let (settlement, settler) = Settlement::open();
        assert_eq!(
            format!("{settlement:?} {settler:?}"),
            "Settlement(open) Settler"
        );
        assert_eq!(settlement.known_or(money("1")), money("1"));
        settler.settle(Some(money("2")));
        assert_eq!(settlement.known_or(money("1")), money("2"));
        assert_eq!(format!("{settlement:?}"), "Settlement(Some($2.00))");
    }

    #[test]
    fn a_cost_that_stays_unknown_is_the_charge_or_the_price() {
        for charge in [Some(Charge(money("1"))), None] {
            let (settlement, settler) = Settlement::open();
            let mut response = Extensions::new();
            charge.map(|charge| response.insert(charge));
            response.insert(settlement);
            let (told, costs) = mpsc::channel();
            Settlement::when_known(&response, money("5"), move |cost| told.send(cost).unwrap());
            drop(settler);
            let expected = if charge.is_some() { "1" } else { "5" };
            assert_eq!(costs.try_recv(), Ok(money(expected)));
        }
        let (told, costs) = mpsc::channel();
        Settlement::when_known(&Extensions::new(), money("5"), move |cost| {
            told.send(cost).unwrap();
        });
        assert_eq!(costs.try_recv(), Ok(money("5")));
    }
}
