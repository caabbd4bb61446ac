//! Allowances that the processes of a fleet share.

use std::{fmt, future::Future, pin::Pin, time::SystemTime};

/// Amounts under a limit that several processes use up together: money under a cap, say.
///
/// An implementation keeps the sum in one place, and takes leases from it: a process takes most
/// amounts from its lease, without a word to the others. A layer asks it before each call, and
/// settles after it:
///
/// 1. [`take`](Self::take) takes an amount, refuses it, or says that it has to ask first. In the last
///    case the layer waits, and takes again.
/// 2. [`settle`](Self::settle) states which part of a taken amount was used. The rest is there again.
///
/// Neither may wait: both are called under locks of a layer. An amount that is taken and never settled
/// is as good as used until its process ends.
pub trait SharedAllowance: fmt::Debug + Send + Sync + 'static {
    /// Returns the time that all processes share, which decides about the period of an account.
    /// `own` is the time of this process, for implementations that have no other.
    fn wall(&self, own: SystemTime) -> SystemTime {
        own
    }

    /// Takes an amount from an account.
    fn take(&self, account: &AllowanceAccount, amount: u128) -> Take;

    /// States which part of an amount taken was used. It may be more than was taken.
    fn settle(&self, account: &AllowanceAccount, taken: u128, used: u128);

    /// Returns the amount that all processes have used or hold, as far as it is known here.
    fn used(&self, account: &AllowanceAccount) -> Option<u128>;
}

/// Account of a [`SharedAllowance`], in one period.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct AllowanceAccount {
    /// Names of the limit and of the account, in a form that tells any two apart.
    pub name: Box<[u8]>,
    /// Limit on the amounts of the period.
    pub limit: u128,
    /// Beginning of the period.
    pub began: SystemTime,
    /// End of the period. `None` if there is none.
    pub ends: Option<SystemTime>,
}

/// Outcome of [`SharedAllowance::take`].
pub enum Take {
    /// The amount is taken. It has to be settled.
    Taken,
    /// The limit is reached, or it cannot be found out and the policy is to refuse.
    Refused,
    /// Nothing is taken yet. When the future is ready, more is known: take again.
    Wait(Pin<Box<dyn Future<Output = ()> + Send>>),
}

// === impl AllowanceAccount ===

impl AllowanceAccount {
    /// Returns the account of this name in a period.
    #[must_use]
    pub fn new(
        name: impl Into<Box<[u8]>>,
        limit: u128,
        began: SystemTime,
        ends: Option<SystemTime>,
    ) -> Self {
        Self {
            name: name.into(),
            limit,
            began,
            ends,
        }
    }
}

// === impl Take ===

impl fmt::Debug for Take {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Taken => "Taken",
            Self::Refused => "Refused",
            Self::Wait(_) => "Wait(..)",
        })
    }
}
