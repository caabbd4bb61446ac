//! Quotas of the providers' accounts: what is left, as far as it is known.

mod accounts;
mod bucket;
mod gauge;
mod need;
#[cfg(test)]
mod tests;

pub(crate) use self::{
    accounts::{Quotas, Taken},
    bucket::Room,
    need::Need,
};
