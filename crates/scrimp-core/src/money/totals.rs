//! Sums of money in more than one currency.

use std::{collections::BTreeMap, fmt};

use super::{Currency, Money};

/// A sum of amounts: a total for each currency.
///
/// Amounts of two currencies have no common sum, so each currency keeps its own total. Currencies
/// with a total of zero are left out.
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
    /// Returns zero, in any currency.
    #[must_use]
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Adds an amount to the total of its currency.
    pub fn add(&mut self, amount: Money) {
        let currency = amount.currency();
        let Some(total) = self.0.get_mut(&currency) else {
            if !amount.is_zero() {
                self.0.insert(currency, amount);
            }
            return;
        };
        let sum = total.checked_add(amount);
        *total = sum.expect("the total is in this currency");
        if total.is_zero() {
            self.0.remove(&currency);
        }
    }

    /// Returns the total of a currency.
    #[must_use]
    pub fn get(&self, currency: Currency) -> Money {
        let total = self.0.get(&currency).copied();
        total.unwrap_or(Money::zero(currency))
    }

    /// Reports whether the total of every currency is zero.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the totals that are not zero, in the order of their currency codes.
    pub fn iter(&self) -> impl Iterator<Item = Money> + '_ {
        self.0.values().copied()
    }
}

impl fmt::Display for Totals {
    /// Writes the totals with `+` between them; `$0.00` if all are zero.
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
    fn every_currency_is_kept_in_any_order() {
        let all = totals(&["1 USD", "3 EUR", "2 USD", "5 JPY"]);
        assert_eq!(all.to_string(), "3.00 EUR + 5.00 JPY + $3.00");
        assert_eq!(all, totals(&["5 JPY", "3 EUR", "3 USD"]));
    }

    #[test]
    fn a_sum_is_made_of_one_amount_and_taken_apart_by_currency() {
        let mut one = Totals::from("2 EUR".parse::<Money>().unwrap());
        assert_eq!(one, totals(&["2 EUR"]));
        one.extend(["1 USD", "3 EUR"].map(|text| text.parse::<Money>().unwrap()));
        assert_eq!(format!("{one:?}"), "[5.00 EUR, $1.00]");
        assert_eq!(one.get(Currency::USD).to_string(), "$1.00");
        let apart: Vec<_> = one.clone().into_iter().collect();
        assert!(one.iter().eq(apart) && !one.is_zero());
        assert!(Totals::new().is_zero());
    }

    #[test]
    fn a_sum_of_zero_equals_no_amounts() {
        let none = totals(&["1 EUR", "-1 EUR", "0 JPY"]);
        assert_eq!((none.is_zero(), none.to_string()), (true, "$0.00".into()));
        assert_eq!(none, Totals::default());
    }
}
