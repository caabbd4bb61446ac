//! Budgets that the processes of a fleet share.

use std::{future::Future, pin::Pin, sync::Arc, time::SystemTime};

use scrimp_core::{AllowanceAccount, Money, SharedAllowance, Take};

use super::{
    Budget, Cap, Inner, Refusal, Reservation, books::Books, cap::CapRules, reservation::Held,
};

/// Future that is ready when an amount should be reserved again.
pub(crate) type Waiting = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Reason why nothing was reserved.
pub(crate) enum Denied {
    Refused(Box<Refusal>),
    /// Other processes have to be asked. The refusal is for those who cannot wait.
    Wait(Waiting, Box<Refusal>),
}

// === impl Budget ===

impl Budget {
    /// Opens books for caps that the processes of a fleet share: together they spend no more than
    /// each limit. Caps are the same ones if their names, periods and currencies are.
    ///
    /// The allowance decides about every amount, and about the time at which periods begin. The
    /// books here hold what this process has spent.
    ///
    /// A request may wait for an answer of the other processes, no longer than its deadline and the
    /// layer's time-out.
    ///
    /// If the others cannot be asked and the policy of the allowance is to refuse, the refusal is that of
    /// a cap which is used up: a [`SharedAllowance`] does not say why it refuses.
    #[must_use]
    pub fn shared(caps: impl IntoIterator<Item = Cap>, allowance: impl SharedAllowance) -> Self {
        Self::with(caps, None, Some(Arc::new(allowance)))
    }

    /// Reserves money, as [`reserve`](Self::reserve) does, and asks the other processes of a fleet
    /// where that is necessary.
    ///
    /// # Errors
    ///
    /// If a cap has too little left, or is in a currency that no exchange rate converts to.
    pub async fn reserve_shared(
        &self,
        amount: Money,
        tenant: &str,
        provider: &str,
        route: &str,
    ) -> Result<Reservation, Box<Refusal>> {
        loop {
            match self.set_aside(Some(amount), tenant, provider, route) {
                Ok(reservation) => return Ok(reservation),
                Err(Denied::Refused(refusal)) => return Err(refusal),
                Err(Denied::Wait(waiting, _)) => waiting.await,
            }
        }
    }
}

/// Takes an amount of an account of a cap.
pub(super) fn take(
    fleet: &dyn SharedAllowance,
    cap: &CapRules,
    name: &str,
    amount: i128,
    now: SystemTime,
) -> Result<Box<AllowanceAccount>, Denied> {
    let account = cap.shared_account(name, now);
    // Amounts and limits are not negative.
    let refusal = || {
        let used = fleet.used(&account).unwrap_or(0);
        let used = i128::try_from(used).unwrap_or(i128::MAX);
        Box::new(cap.refusal(used, now, None))
    };
    match fleet.take(&account, amount.unsigned_abs()) {
        Take::Taken => Ok(Box::new(account)),
        Take::Refused => Err(Denied::Refused(refusal())),
        Take::Wait(waiting) => Err(Denied::Wait(waiting, refusal())),
    }
}

// === impl Denied ===

impl Denied {
    /// Returns the refusal for a caller that cannot wait.
    pub(super) fn at_once(self) -> Box<Refusal> {
        match self {
            Self::Refused(refusal) | Self::Wait(_, refusal) => refusal,
        }
    }
}

// === impl CapRules ===

impl CapRules {
    /// Returns an account of the cap as all processes know it.
    pub(super) fn shared_account(&self, name: &str, now: SystemTime) -> AllowanceAccount {
        let currency = self.limit.currency();
        let parts = [&*self.name, self.period.name(), currency.code(), name];
        let mut bytes = Vec::new();
        for part in parts {
            // With its length, so that no two lists make the same name.
            bytes.extend((part.len() as u64).to_le_bytes());
            bytes.extend(part.as_bytes());
        }
        let (began, ends) = self.period.bounds(now);
        AllowanceAccount::new(bytes, self.limit.pico().unsigned_abs(), began, ends)
    }
}

// === impl Inner ===

impl Inner {
    /// Lets go of accounts that nothing was reserved in yet.
    pub(super) fn let_go(&self, books: &mut Books, held: &[Held]) {
        books.let_go(held);
        for held in held {
            self.settle_shared(held, 0);
        }
    }

    /// Tells the fleet what became of an amount.
    pub(super) fn settle_shared(&self, held: &Held, used: i128) {
        if let (Some(fleet), Some(account)) = (&self.fleet, &held.shared) {
            fleet.settle(account, held.amount.unsigned_abs(), used.unsigned_abs());
        }
    }

    /// Returns what all processes have used or hold of an account.
    pub(super) fn used_by_all(&self, cap: &CapRules, name: &str, now: SystemTime) -> Option<i128> {
        let fleet = self.fleet.as_ref()?;
        let used = fleet.used(&cap.shared_account(name, now))?;
        Some(i128::try_from(used).unwrap_or(i128::MAX))
    }
}
