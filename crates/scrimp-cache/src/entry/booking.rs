//! The cost of calls, and the savings of hits.

use http::Response;
use scrimp_core::{
    Account, Ledger, Money,
    extensions::{Charge, OtherCharges, Shared},
};

use crate::config::Config;

/// The account of a hit, and its value.
#[derive(Debug, Clone)]
pub(crate) struct Booking {
    pub(crate) account: Account,
    pub(crate) charge: Money,
}

// === impl Booking ===

impl Booking {
    pub(crate) fn new(ledger: &Ledger, charge: Money, tenant: &str, route: &str) -> Self {
        Self {
            account: ledger.account("cache", tenant, route, charge.currency()),
            charge,
        }
    }
}

/// Books a call that reached the upstream, unless another request made it.
pub(crate) fn book<B>(config: &Config, response: &Response<B>, tenant: &str, route: &str) {
    if let Some(ledger) = &config.ledger
        && !is_collapsed(response)
    {
        let booking = Booking::new(ledger, charge(config, response), tenant, route);
        booking.account.made(booking.charge);
        if let Some(OtherCharges(others)) = response.extensions().get() {
            others
                .iter()
                .for_each(|amount| booking.account.paid(amount));
        }
    }
}

/// Returns the cost of a call: the upstream's own figure, or the price in the settings.
pub(crate) fn charge<B>(config: &Config, response: &Response<B>) -> Money {
    let charge = response.extensions().get::<Charge>();
    charge.map_or(config.price, |charge| charge.0)
}

/// Returns whether another request's call brought a response.
pub(crate) fn is_collapsed<B>(response: &Response<B>) -> bool {
    let shared = response.extensions().get::<Shared>();
    shared.is_some_and(Shared::collapsed)
}
