//! Requests that several tenants share.

use std::{collections::HashMap, fmt, sync::Arc};

use super::{CostTags, Tenant};
use crate::{Money, Problem};

/// On a request: the tenants that share its cost, in place of one [`Tenant`]. A batch of several
/// tenants' requests has it.
///
/// It consists of items. Each has a weight, such as its number of inputs, and callers, who have
/// equal parts in it: a request that two tenants made alike is one item with two callers. A caller
/// without a tenant has the empty name.
///
/// The callers may have [`CostTags`] of their own, which a ledger books their parts under. Shares of
/// one tenant whose requests have different tags stand in place of the request's tags.
///
/// A layer that pays for the request splits each amount with [`split`](Self::split). If some of
/// the tenants may not pay, it answers with [`RefusedTenants`].
///
/// ```
/// use scrimp_core::{Money, extensions::{Tenant, TenantShares}};
///
/// let [a, b] = ["a", "b"].map(Tenant::from);
/// let shares = TenantShares::new([(1, vec![a.clone()]), (2, vec![b.clone(), a])]);
/// let parts = shares.split("0.03".parse::<Money>()?);
/// assert_eq!(parts, ["0.02".parse()?, "0.01".parse()?]);
/// assert_eq!(shares.without(|tenant| *tenant == b).unwrap().tenants().len(), 1);
/// # Ok::<(), scrimp_core::ParseMoneyError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct TenantShares(Arc<Parts>);

#[derive(Default, PartialEq, Eq)]
struct Parts {
    /// Each tenant once, in the order of its first caller.
    tenants: Vec<Tenant>,
    /// Callers of each tenant.
    callers: Vec<u64>,
    /// Each pair of a tenant, as an index, and tags once, in the order of its first caller.
    lines: Vec<(usize, CostTags)>,
    /// Callers of each pair.
    line_callers: Vec<u64>,
    items: Vec<Item>,
    /// The pairs of all items' callers, as indexes, one item after the other.
    order: Vec<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Item {
    weight: u32,
    callers: usize,
}

/// On a response: the request was not sent, because these tenants of its [`TenantShares`] may not
/// pay for it. Sent without their items, it may succeed. These may be all tenants.
///
/// Each tenant has a refusal of its own. It is for no other tenant, as it may say what that one
/// has spent; the response itself says none of it.
#[derive(Debug, Clone)]
pub struct RefusedTenants(Arc<HashMap<Tenant, Problem>>);

// === impl TenantShares ===

impl TenantShares {
    /// Makes shares of items: a weight, and the tenant of each caller. Items without callers are
    /// left out.
    #[must_use]
    pub fn new<T>(items: impl IntoIterator<Item = (u32, T)>) -> Self
    where
        T: IntoIterator<Item = Tenant>,
    {
        let untagged = |tenant| (tenant, CostTags::default());
        let items = items.into_iter();
        Self::tagged(items.map(|(weight, callers)| (weight, callers.into_iter().map(untagged))))
    }

    /// Makes shares of items: a weight, and the tenant and the tags of each caller. Items without
    /// callers are left out.
    #[must_use]
    pub fn tagged<T>(items: impl IntoIterator<Item = (u32, T)>) -> Self
    where
        T: IntoIterator<Item = (Tenant, CostTags)>,
    {
        let mut parts = Parts::default();
        let mut seen: HashMap<Tenant, usize> = HashMap::new();
        let mut lines: HashMap<(usize, CostTags), usize> = HashMap::new();
        for (weight, callers) in items {
            let before = parts.order.len();
            for (tenant, tags) in callers {
                let index = *seen.entry(tenant).or_insert_with_key(|tenant| {
                    parts.tenants.push(tenant.clone());
                    parts.callers.push(0);
                    parts.tenants.len() - 1
                });
                parts.callers[index] += 1;
                let line = *lines.entry((index, tags)).or_insert_with_key(|line| {
                    parts.lines.push(line.clone());
                    parts.line_callers.push(0);
                    parts.lines.len() - 1
                });
                parts.line_callers[line] += 1;
                parts.order.push(line);
            }
            let callers = parts.order.len() - before;
            if callers > 0 {
                parts.items.push(Item { weight, callers });
            }
        }
        Self(Arc::new(parts))
    }

    /// Returns each tenant once, in the order of its first caller.
    #[must_use]
    pub fn tenants(&self) -> &[Tenant] {
        &self.0.tenants
    }

    /// Returns the number of callers of each tenant, in the order of [`tenants`](Self::tenants).
    #[must_use]
    pub fn callers(&self) -> &[u64] {
        &self.0.callers
    }

    /// Returns the weight of all items.
    #[must_use]
    pub fn weight(&self) -> u64 {
        let weights = self.0.items.iter().map(|item| u64::from(item.weight));
        weights.fold(0, u64::saturating_add)
    }

    /// Returns each pair of a tenant and tags once, in the order of its first caller.
    #[must_use]
    pub fn lines(&self) -> impl ExactSizeIterator<Item = (&Tenant, &CostTags)> {
        let lines = self.0.lines.iter();
        lines.map(|(tenant, tags)| (&self.0.tenants[*tenant], tags))
    }

    /// Returns the number of callers of each pair, in the order of [`lines`](Self::lines).
    #[must_use]
    pub fn callers_by_line(&self) -> &[u64] {
        &self.0.line_callers
    }

    /// Splits an amount over the tenants, in the order of [`tenants`](Self::tenants): over the
    /// items by weight, and each item's part over its callers equally, both as [`Money::split`]
    /// does. The parts add up to the amount exactly.
    #[must_use]
    pub fn split(&self, amount: Money) -> Vec<Money> {
        let mut totals = vec![Money::zero(amount.currency()); self.0.tenants.len()];
        let lines = self.0.lines.iter().zip(self.split_by_line(amount));
        lines.for_each(|((tenant, _), part)| add(&mut totals[*tenant], part));
        totals
    }

    /// Splits an amount over the pairs of a tenant and tags, in the order of [`lines`](Self::lines):
    /// the parts of one tenant's pairs add up to its part by [`split`](Self::split).
    #[must_use]
    pub fn split_by_line(&self, amount: Money) -> Vec<Money> {
        let Parts {
            lines,
            items,
            order,
            ..
        } = &*self.0;
        let mut totals = vec![Money::zero(amount.currency()); lines.len()];
        let weights: Vec<u32> = items.iter().map(|item| item.weight).collect();
        let mut order = order.iter();
        for (item, part) in items.iter().zip(amount.split(&weights)) {
            let equal = part.split(&vec![1; item.callers]);
            for (share, line) in equal.into_iter().zip(order.by_ref()) {
                add(&mut totals[*line], share);
            }
        }
        totals
    }

    /// Returns the shares without some tenants. `None` if no other tenant is left.
    #[must_use]
    pub fn without(&self, gone: impl Fn(&Tenant) -> bool) -> Option<Self> {
        let Parts {
            tenants,
            lines,
            items,
            order,
            ..
        } = &*self.0;
        let gone: Vec<bool> = tenants.iter().map(gone).collect();
        if gone.iter().all(|gone| *gone) {
            return None;
        }
        let mut order = order.iter();
        let kept = items.iter().map(|item| {
            let callers = order.by_ref().take(item.callers);
            let kept = callers.map(|line| &lines[*line]);
            let kept = kept.filter(|(tenant, _)| !gone[*tenant]);
            let kept: Vec<_> = kept
                .map(|(tenant, tags)| (tenants[*tenant].clone(), tags.clone()))
                .collect();
            (item.weight, kept)
        });
        Some(Self::tagged(kept))
    }
}

fn add(total: &mut Money, part: Money) {
    *total = total.checked_add(part).expect("it is in this currency");
}

impl fmt::Debug for TenantShares {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenantShares")
            .field("tenants", &self.0.tenants)
            .field("callers", &self.0.callers)
            .field("weight", &self.weight())
            .finish_non_exhaustive()
    }
}

// === impl RefusedTenants ===

impl RefusedTenants {
    /// Returns the refusal of a tenant, if it is among them.
    #[must_use]
    pub fn get(&self, tenant: &str) -> Option<&Problem> {
        self.0.get(tenant)
    }
}

impl FromIterator<(Tenant, Problem)> for RefusedTenants {
    fn from_iter<I: IntoIterator<Item = (Tenant, Problem)>>(refused: I) -> Self {
        Self(Arc::new(refused.into_iter().collect()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Currency;

    fn tenant(n: u8) -> Tenant {
        Tenant::from(format!("tenant {n}"))
    }

    proptest! {
        #[test]
        fn no_part_of_an_amount_is_lost_or_made_and_those_who_leave_pay_nothing(
            pico in any::<i128>(),
            items in prop::collection::vec((any::<u32>(), prop::collection::vec(0_u8..20, 0..4)), 1..100),
            gone in 0_u8..20,
        ) {
            let shares = TenantShares::new(items.iter().map(|(weight, callers)| {
                (*weight, callers.iter().map(|n| tenant(*n)).collect::<Vec<_>>())
            }));
            let sum = |shares: &TenantShares| {
                let parts = shares.split(Money::from_pico(pico, Currency::USD));
                assert_eq!(parts.len(), shares.tenants().len());
                parts.iter().fold(0_i128, |sum, part| sum.wrapping_add(part.pico()))
            };
            let callers: usize = items.iter().map(|(_, callers)| callers.len()).sum();
            prop_assert_eq!(shares.callers().iter().sum::<u64>(), callers as u64);
            if callers > 0 {
                prop_assert_eq!(sum(&shares), pico);
            }
            match shares.without(|name| *name == tenant(gone)) {
                None => prop_assert!(shares.tenants().iter().all(|name| *name == tenant(gone))),
                Some(rest) => {
                    prop_assert!(!rest.tenants().contains(&tenant(gone)));
                    prop_assert_eq!(sum(&rest), pico);
                }
            }
        }
    }

    #[test]
    fn the_parts_of_a_tenant_by_tags_are_its_part() {
        let tags = |team: &str| CostTags::new([("team", team)]);
        let [a, b] = [tenant(0), tenant(1)];
        let shares = TenantShares::tagged([
            (2, vec![(a.clone(), tags("x")), (b.clone(), tags("x"))]),
            (3, vec![(a.clone(), tags("y"))]),
            (2, vec![(a.clone(), tags("x"))]),
        ]);
        let lines: Vec<_> = shares.lines().collect();
        assert_eq!(
            lines,
            [(&a, &tags("x")), (&b, &tags("x")), (&a, &tags("y"))]
        );
        assert_eq!(
            (shares.callers(), shares.callers_by_line()),
            (&[3, 1][..], &[2, 1, 1][..])
        );
        let amount = Money::from_pico(1_000_003, Currency::USD);
        let pico = |parts: Vec<Money>| parts.iter().map(|part| part.pico()).collect::<Vec<_>>();
        let by_line = pico(shares.split_by_line(amount));
        assert_eq!(
            pico(shares.split(amount)),
            [by_line[0] + by_line[2], by_line[1]]
        );
        assert_eq!(by_line.iter().sum::<i128>(), 1_000_003);
        let rest = shares.without(|name| *name == b).unwrap();
        assert_eq!(rest.lines().len(), 2);
        assert_eq!(
            pico(rest.split_by_line(amount)).iter().sum::<i128>(),
            1_000_003
        );
    }

    #[test]
    fn an_item_of_two_callers_stays_while_one_is_left() {
        let [a, b] = [tenant(0), tenant(1)];
        let shares = TenantShares::new([(3, vec![a.clone(), b.clone()]), (1, vec![b.clone()])]);
        let four = Money::from_pico(4, Currency::USD);
        let parts = |shares: &TenantShares| {
            let parts = shares.split(four);
            parts.iter().map(|part| part.pico()).collect::<Vec<_>>()
        };
        assert_eq!(parts(&shares), [2, 2]);
        let rest = shares.without(|name| *name == b).unwrap();
        assert_eq!(
            (rest.tenants(), parts(&rest), rest.weight()),
            (&[a][..], vec![4], 3)
        );
    }
}
