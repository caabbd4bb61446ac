//! Budgets that a fleet shares, over an allowance of the tests' own.

use crate::common;

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use common::{Rig, cents, get, ok, provider, status};
use http::StatusCode;
use parking_lot::Mutex;
use scrimp_core::{
    AllowanceAccount, SharedAllowance, Take,
    extensions::{Tenant, TenantShares},
};
use scrimp_cost_route::{Budget, Cap, CostRouteLayer, CostRouteLayerBuilder, Period, Scope};
use tokio::sync::Notify;

/// An allowance that asks before the first amount of each account.
#[derive(Debug, Default, Clone)]
struct Scripted(Arc<State>);

#[derive(Debug, Default)]
struct State {
    accounts: Mutex<HashMap<AllowanceAccount, Amounts>>,
    answers: Mutex<bool>,
    answered: Notify,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Amounts {
    reserved: u128,
    used: u128,
    asked: bool,
}

impl Scripted {
    /// An allowance that answers at once.
    fn answering() -> Self {
        let scripted = Self::default();
        scripted.answer();
        scripted
    }

    fn answer(&self) {
        *self.0.answers.lock() = true;
        self.0.answered.notify_waiters();
    }

    fn amounts(&self) -> Vec<(u128, u128)> {
        let accounts = self.0.accounts.lock();
        let mut amounts: Vec<_> = accounts
            .values()
            .map(|amounts| (amounts.reserved, amounts.used))
            .collect();
        amounts.sort_unstable();
        amounts
    }
}

impl SharedAllowance for Scripted {
    fn wall(&self, _: SystemTime) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(86_400 * 10_000 + 7)
    }

    fn take(&self, account: &AllowanceAccount, amount: u128) -> Take {
        let mut accounts = self.0.accounts.lock();
        let known = accounts.entry(account.clone()).or_default();
        if !std::mem::replace(&mut known.asked, true) {
            let state = Arc::clone(&self.0);
            return Take::Wait(Box::pin(async move {
                let answered = state.answered.notified();
                if !*state.answers.lock() {
                    answered.await;
                }
            }));
        }
        if known.used + known.reserved + amount > account.limit {
            return Take::Refused;
        }
        known.reserved += amount;
        Take::Taken
    }

    fn settle(&self, account: &AllowanceAccount, taken: u128, used: u128) {
        let mut accounts = self.0.accounts.lock();
        let known = accounts.get_mut(account).expect("it was taken from");
        known.reserved -= taken;
        known.used += used;
    }

    fn used(&self, account: &AllowanceAccount) -> Option<u128> {
        let accounts = self.0.accounts.lock();
        accounts
            .get(account)
            .map(|known| known.reserved + known.used)
    }
}

fn layer(caps: impl IntoIterator<Item = Cap>, fleet: &Scripted) -> CostRouteLayerBuilder {
    let budget = Budget::shared(caps, fleet.clone());
    CostRouteLayer::builder([provider("a", 1)]).budget(budget)
}

const CENT: u128 = 10_000_000_000;

#[tokio::test(start_paused = true)]
async fn two_layers_spend_one_limit_and_a_request_waits_for_the_first_word() {
    let fleet = Scripted::default();
    let caps = || [Cap::new("day", cents(3), Period::Day)];
    let rigs = [0, 1].map(|_| {
        let built = layer(caps(), &fleet).build().expect("settings");
        (Rig::new(&built, |_| ok("fine")), built)
    });
    let (first, ()) = tokio::join!(rigs[0].0.get(), async {
        tokio::task::yield_now().await;
        assert_eq!(rigs[0].0.upstream.calls(), 0, "it waits");
        fleet.answer();
    });
    assert_eq!(first.status, StatusCode::OK);
    for (rig, expected) in [(1, 200), (1, 200), (0, 402), (1, 402)] {
        assert_eq!(rigs[rig].0.get().await.status, expected);
    }
    assert_eq!(fleet.amounts(), [(0, 3 * CENT)]);
    // A request that waited is one request.
    assert_eq!(rigs.map(|(_, layer)| layer.stats().requests), [2, 3]);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_given_up_while_it_waits_takes_nothing() {
    let fleet = Scripted::default();
    let caps = [
        Cap::new("day", cents(9), Period::Day),
        Cap::new("hour", cents(9), Period::Hour),
    ];
    let rig = Rig::new(&layer(caps, &fleet).build().expect("settings"), |_| {
        ok("fine")
    });
    for _ in 0..3 {
        let late = tokio::time::timeout(Duration::from_secs(1), rig.get());
        let _ = late.await;
    }
    fleet.answer();
    assert_eq!(rig.get().await.status, StatusCode::OK);
    let used = fleet.amounts();
    assert!(used.iter().all(|(reserved, _)| *reserved == 0), "{used:?}");
    assert_eq!(rig.upstream.calls() as u128 * CENT, used[0].1);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_fails_costs_the_fleet_nothing() {
    let fleet = Scripted::answering();
    let caps = [Cap::new("day", cents(3), Period::Day)];
    let rig = Rig::new(&layer(caps, &fleet).build().expect("settings"), |_| {
        status(500)
    });
    assert_eq!(rig.get().await.status, 500);
    assert_eq!(fleet.amounts(), [(0, 0)]);
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_with_the_time_out_of_the_layer() {
    let fleet = Scripted::default();
    let caps = [Cap::new("day", cents(3), Period::Day)];
    let built = layer(caps, &fleet).timeout(Duration::from_secs(2));
    let rig = Rig::new(&built.build().expect("settings"), |_| ok("fine"));
    let start = tokio::time::Instant::now();
    assert_eq!(rig.get().await.status, StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(start.elapsed().as_secs(), 2);
}

#[tokio::test(start_paused = true)]
async fn tenants_that_share_a_request_have_accounts_of_their_own_in_the_fleet() {
    let fleet = Scripted::answering();
    let caps = [Cap::new("each", cents(1), Period::Day).tenants(Scope::Each)];
    let rig = Rig::new(&layer(caps, &fleet).build().expect("settings"), |_| {
        ok("fine")
    });
    let shares = TenantShares::new([(3, [Tenant("a".into())]), (1, [Tenant("b".into())])]);
    let mut request = get();
    request.extensions_mut().insert(shares);
    assert_eq!(rig.send(request).await.status, StatusCode::OK);
    assert_eq!(fleet.amounts(), [(0, CENT / 4), (0, CENT / 4 * 3)]);
}

#[tokio::test(start_paused = true)]
async fn a_reservation_by_hand_asks_the_fleet_and_the_report_has_what_is_left_for_all() {
    let fleet = Scripted::answering();
    let caps = || [Cap::new("day", cents(3), Period::Day)];
    let (one, other) = (
        Budget::shared(caps(), fleet.clone()),
        Budget::shared(caps(), fleet.clone()),
    );
    assert!(
        one.reserve(cents(2), "", "", "").is_err(),
        "it would have to ask"
    );
    let reserved = one
        .reserve_shared(cents(2), "", "", "")
        .await
        .expect("room");
    assert!(other.reserve_shared(cents(2), "", "", "").await.is_err());
    assert_eq!(other.report()[0].rest, cents(1));
    reserved.settle(cents(1)).expect("one currency");
    assert_eq!(other.report()[0].rest, cents(2));
    drop(
        other
            .reserve_shared(cents(2), "", "", "")
            .await
            .expect("room"),
    );
    assert_eq!(fleet.amounts(), [(0, CENT)]);
}

#[test]
fn an_account_for_which_there_is_no_room_takes_nothing_from_the_fleet() {
    let fleet = Scripted::answering();
    let caps = [Cap::new("each", cents(9), Period::Day).tenants(Scope::Each)];
    let budget = Budget::shared(caps, fleet.clone());
    let mut held = Vec::new();
    for n in 0..200_000 {
        let tenant = format!("tenant {n}");
        // The first look at an account asks.
        let _ = budget.reserve(cents(1), &tenant, "p", "/");
        match budget.reserve(cents(1), &tenant, "p", "/") {
            Ok(reserved) => held.push(reserved),
            Err(refused) => {
                assert_eq!(&*refused.cap, "each");
                break;
            }
        }
    }
    assert!(held.len() < 200_000, "accounts are bounded");
    let taken = fleet
        .amounts()
        .into_iter()
        .filter(|(reserved, _)| *reserved > 0);
    assert_eq!(taken.count(), held.len());
}
