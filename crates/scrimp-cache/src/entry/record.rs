//! The record of an upstream call: its request, its time and its cost.

use http::{Extensions, Request, Response};
use scrimp_core::{
    Account, AccountName, Key, KeyRef, Ledger, Money, PrivateRecheck,
    extensions::{CalledModel, CostTags, Fence, Settlement, Shared, Tags, Tenant},
};
use tokio::time::Instant;

use super::Entry;

use crate::{
    changes::Observation,
    config::Config,
    invalidation::epoch::CallStart,
    request::{LookupRequest, head_of},
    rule::{Matched, Place, QueryKey},
};

/// Record of an upstream call whose response may be stored: the request and its time.
pub(crate) struct CallRecord {
    /// The request as the client sent it, without its body and extensions.
    pub(super) request: Request<()>,
    pub(super) asked: LookupRequest,
    pub(super) key: Key,
    pub(super) tags: Option<Tags>,
    pub(super) sent: Instant,
    pub(super) start: CallStart,
    /// Only a response with a lifetime from its origin is stored.
    pub(super) explicit_only: bool,
    matched: Matched,
    tenant: Option<Tenant>,
    cost_tags: Option<CostTags>,
    fence: Option<Fence>,
    recheck: PrivateRecheck,
}

/// The account of a hit, and its value.
#[derive(Debug, Clone)]
pub(crate) struct Booking {
    pub(crate) account: Account,
    pub(crate) charge: Money,
}

/// Names that a call is booked under.
#[derive(Clone, Copy)]
pub(crate) struct Caller<'a> {
    pub(crate) tenant: &'a str,
    pub(crate) route: &'a str,
    pub(crate) tags: Option<&'a CostTags>,
}

// === impl CallRecord ===

impl CallRecord {
    /// Returns what its response tells of changes since a stored one.
    pub(crate) fn observation(&self, old: &Entry, changed: bool) -> Observation {
        let after = old.age_of_call(self.sent);
        Observation { after, changed }
    }

    /// Makes a record. `start` is from before the call began.
    #[inline]
    pub(crate) fn new<B>(
        config: &Config,
        request: &Request<B>,
        asked: LookupRequest,
        key: KeyRef<'_>,
        start: CallStart,
    ) -> Self {
        let extensions = request.extensions();
        Self {
            request: head_of(request),
            key: key.to_key(),
            tags: extensions.get().cloned(),
            sent: config.clock.instant(),
            start,
            explicit_only: false,
            matched: config.rules.matched(request, asked.rule),
            tenant: extensions.get().cloned(),
            cost_tags: extensions.get().cloned(),
            fence: extensions.get().copied(),
            recheck: config.private_if.recheck(request),
            asked,
        }
    }

    /// Turns it into the record of a write that was sent before. The write itself has been asked
    /// whether it is private.
    pub(crate) fn of_write(self, sent: Instant) -> Self {
        Self {
            sent,
            explicit_only: true,
            recheck: PrivateRecheck::default(),
            ..self
        }
    }

    pub(crate) fn request(&self) -> &Request<()> {
        &self.request
    }

    pub(crate) fn asked(&self) -> &LookupRequest {
        &self.asked
    }

    pub(crate) fn key(&self) -> &Key {
        &self.key
    }

    pub(crate) fn start(&self) -> &CallStart {
        &self.start
    }

    /// Returns the key that the response is stored under, and the fence of the lock that the call
    /// is made under.
    pub(crate) fn place(&self) -> (Key, Option<Fence>) {
        (self.key.clone(), self.fence)
    }

    /// Returns the same as [`place`](Self::place), without a copy.
    pub(crate) fn into_place(self) -> (Key, Option<Fence>) {
        (self.key, self.fence)
    }

    /// Returns whether the request is private now that its response is there. Then its extensions
    /// are released.
    pub(crate) fn is_private(&mut self) -> bool {
        std::mem::take(&mut self.recheck).is_private()
    }

    pub(crate) fn tenant(&self) -> &str {
        self.tenant.as_ref().map_or("", |tenant| &tenant.0)
    }

    pub(crate) fn cost_tags(&self) -> Option<&CostTags> {
        self.cost_tags.as_ref()
    }

    /// Returns whether a rule chooses the parameters that are part of the key.
    pub(super) fn has_chosen_query(&self, config: &Config) -> bool {
        let rule = config.rules.get(self.asked.rule);
        rule.is_some_and(|rule| rule.key.query != QueryKey::All)
    }

    /// Finds the rule for this request and a response to it.
    pub(crate) fn rule<B>(&self, config: &Config, response: &Response<B>) -> Place {
        config.rules.for_response(&self.matched, response)
    }
}

// === impl Booking ===

impl Booking {
    /// Opens the account of hits. The tags are those of each hit's own request.
    pub(crate) fn new(
        ledger: &Ledger,
        charge: Money,
        (tenant, route): (&str, &str),
        model: Option<&CalledModel>,
    ) -> Self {
        let name = AccountName::new("cache", tenant, route, charge.currency());
        let model = model.map_or("", |CalledModel(model)| model);
        Self {
            account: ledger.open(name.model(model)),
            charge,
        }
    }

    /// Books a hit.
    pub(crate) fn hit(&self, tags: Option<&CostTags>, response: &mut Extensions) {
        match tags {
            Some(tags) => self
                .account
                .with_tags(tags)
                .avoided_by(response, self.charge),
            None => self.account.avoided_by(response, self.charge),
        }
    }
}

// === impl Caller ===

impl Caller<'_> {
    /// Opens the account of a call, of which the model is known.
    fn account(
        &self,
        ledger: &Ledger,
        layer: &'static str,
        response: &Extensions,
        price: Money,
    ) -> Account {
        let currency = Settlement::cost(response, price).currency();
        let name = AccountName::new(layer, self.tenant, self.route, currency);
        let name = match self.tags {
            Some(tags) => name.tags(tags),
            None => name,
        };
        ledger.open(match response.get() {
            Some(CalledModel(model)) => name.model(model),
            None => name,
        })
    }
}

/// Layer of the ledger's lines for calls that were made while the store did not answer.
pub(crate) const DEGRADED: &str = "cache-degraded";

/// Layer of the ledger's lines for calls that compared a hit with the upstream.
pub(crate) const COMPARISONS: &str = "cache-monitor";

/// Books a call that reached the upstream, unless another request made it. The cost is booked when
/// it is known. A call may have a second line of this name, which the totals do not count.
pub(crate) fn book<B>(
    config: &Config,
    response: &mut Response<B>,
    who: Caller<'_>,
    second: Option<&'static str>,
) {
    if let Some(ledger) = &config.ledger
        && !is_collapsed(response)
    {
        let (extensions, price) = (response.extensions_mut(), config.price);
        let account = who.account(ledger, "cache", extensions, price);
        account.call(extensions, price);
        if let Some(second) = second {
            let account = who.account(ledger, second, extensions, price);
            account.passing().call(extensions, price);
        }
    }
}

/// Returns whether another request's call brought a response.
pub(crate) fn is_collapsed<B>(response: &Response<B>) -> bool {
    let shared = response.extensions().get::<Shared>();
    shared.is_some_and(Shared::collapsed)
}
