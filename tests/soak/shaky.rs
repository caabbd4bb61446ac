//! User code inside of layers that panics now and then.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response, request::Parts};
use scrimp::{
    batch::{Admission, BatchCodec, Decoded, Item, RestJson},
    core::{KeyBuf, SettingError},
    stampede::{Moment, Strategy, XFetch},
};

use crate::{dice::Dice, origin::BATCH};

/// [`RestJson`] of all methods, with panics.
#[derive(Debug)]
pub(crate) struct ShakyCodec {
    inner: RestJson,
    dice: Arc<Dice>,
}

/// [`XFetch`], with panics.
#[derive(Debug)]
pub(crate) struct ShakyStrategy {
    inner: XFetch,
    dice: Arc<Dice>,
}

// === impl ShakyCodec ===

impl ShakyCodec {
    pub(crate) fn new(dice: &Arc<Dice>) -> Self {
        Self {
            inner: RestJson::new(BATCH).base("/api").any_method(),
            dice: Arc::clone(dice),
        }
    }
}

impl BatchCodec for ShakyCodec {
    fn accepts(&self, head: &Parts) -> bool {
        self.dice.may_panic("panic in a codec: accepts");
        self.inner.accepts(head)
    }

    fn admit(&self, head: &Parts, body: &Bytes, lane: &mut KeyBuf) -> Option<Admission> {
        self.dice.may_panic("panic in a codec: admit");
        self.inner.admit(head, body, lane)
    }

    fn encode(&self, items: &[&Item]) -> Option<Request<Bytes>> {
        self.dice.may_panic("panic in a codec: encode");
        self.inner.encode(items)
    }

    fn decode(&self, items: &[&Item], response: &Response<Bytes>) -> Decoded {
        self.dice.may_panic("panic in a codec: decode");
        self.inner.decode(items, response)
    }

    fn max_items(&self) -> usize {
        self.inner.max_items()
    }

    fn check(&self) -> Result<(), SettingError> {
        self.inner.check()
    }
}

// === impl ShakyStrategy ===

impl ShakyStrategy {
    pub(crate) fn new(dice: &Arc<Dice>) -> Self {
        Self {
            inner: XFetch::new(1.0),
            dice: Arc::clone(dice),
        }
    }
}

impl Strategy for ShakyStrategy {
    fn reach(&self, lifetime: Duration, cost: Option<Duration>) -> Duration {
        self.dice.may_panic("panic in a strategy: reach");
        self.inner.reach(lifetime, cost)
    }

    fn is_due(&self, moment: &Moment, uniform: f64) -> bool {
        self.dice.may_panic("panic in a strategy: is_due");
        self.inner.is_due(moment, uniform)
    }

    fn stale_for(&self) -> Duration {
        self.inner.stale_for()
    }
}
