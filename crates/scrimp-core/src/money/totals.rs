//! Sums of money in more than one currency.

use std::{collections::BTreeMap, fmt};

use super::{Currency, Money};

/// A sum of amounts: a total for each currency.
///
/// Amounts of two currencies have no common sum, so each currency keeps a total of its own.
/// Currencies whose total is nothing are left out.
///
/// ```
/// use scrimp_core::{Currency, Money, Totals};
///
/// let amounts = ["1 USD", "300 JPY", "0.5 USD"].map(|text| text.parse::<Money>());
/// let totals = amounts.into_iter().collect::<Result<Totals, _>>()?;
/// assert_eq!(totals.to_string(), "300.00 JPY + $1.50");
/// assert_eq!(totals.get(Currency::USD), "1.50 USD".parse()?);
/// # Ok::<(), scrimp_core::ParseMoneyError>(())
/// ```
///
/// With the feature `serde` it is a list of its amounts.
#[derive(Clone, PartialEq, Eq, Default, Hash)]
pub struct Totals(BTreeMap<Currency, Money>);

// === impl Totals ===

impl Totals {
    /// Returns nothing, in any currency.
    #[must_use]
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Adds an amount to the total of its currency.
    pub fn add(&mut self, amount: Money) {
        let total = self.get(amount.currency());
        let total = total
            .checked_add(amount)
            .expect("the total that was got is of this currency");
        if total.is_zero() {
            self.0.remove(&amount.currency());
        } else {
            self.0.insert(amount.currency(), total);
        }
    }

    /// Returns the total of a currency.
    #[must_use]
    pub fn get(&self, currency: Currency) -> Money {
        let total = self.0.get(&currency).copied();
        total.unwrap_or(Money::zero(currency))
    }

    /// Tells whether there is nothing in any currency.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the totals that are not nothing, by the letters of their currencies.
    pub fn iter(&self) -> impl Iterator<Item = Money> + '_ {
        self.0.values().copied()
    }
}

impl fmt::Display for Totals {
    /// The totals with `+` between them; `$0.00` if there is nothing.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_zero() {
            return fmt::Display::fmt(&Money::ZERO, f);
        }
        for (place, total) in self.iter().enumerate() {
            if place > 0 {
                f.write_str(" + ")?;
            }
            fmt::Display::fmt(&total, f)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl From<Money> for Totals {
    fn from(amount: Money) -> Self {
        [amount].into_iter().collect()
    }
}

impl FromIterator<Money> for Totals {
    fn from_iter<I: IntoIterator<Item = Money>>(amounts: I) -> Self {
        let mut totals = Self::new();
        totals.extend(amounts);
        totals
    }
}

impl Extend<Money> for Totals {
    fn extend<I: IntoIterator<Item = Money>>(&mut self, amounts: I) {
        amounts.into_iter().for_each(|amount| self.add(amount));
    }
}

impl IntoIterator for Totals {
    type Item = Money;
    type IntoIter = std::collections::btree_map::IntoValues<Currency, Money>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn totals(texts: &[&str]) -> Totals {
        texts
            .iter()
            .map(|text| text.parse::<Money>().unwrap())
            .collect()
    }

    #[test]
    fn no_currency_is_dropped_whatever_comes_first() {
        let all = totals(&["1 USD", "3 EUR", "2 USD", "5 JPY"]);
        assert_eq!(all.to_string(), "3.00 EUR + 5.00 JPY + $3.00");
        assert_eq!(all, totals(&["5 JPY", "3 EUR", "3 USD"]));
    }

    #[test]
    fn what_comes_to_nothing_is_equal_to_nothing() {
        let none = totals(&["1 EUR", "-1 EUR", "0 JPY"]);
        assert_eq!((none.is_zero(), none.to_string()), (true, "$0.00".into()));
        assert_eq!(none, Totals::default());
    }
}
