//! The lanes of a service, whatever the type of its answers.

use std::{
    any::{Any, TypeId},
    collections::HashMap,
    sync::Arc,
};

use parking_lot::Mutex;

use crate::{codec::Item, engine::Lanes, stats::Gauge};

/// Lanes by the type of their answers, which is known only when there is a request. A service has
/// one type of answers, and a layer has one for each type of service.
///
/// The type is found by a downcast. It could be a parameter of the layer and of its services
/// instead; but a tower layer makes its service from the inner service alone, before the type of
/// the requests' bodies is known, and so each user would have to write the type of that body. To
/// erase the type is no way out either: a caller gets the error of its own inner service, which
/// cannot be made again from an erased one.
pub(crate) struct AnyLanes {
    by_type: Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>,
    /// Lanes of each type.
    most: usize,
    gauge: Gauge,
}

// === impl AnyLanes ===

impl AnyLanes {
    pub(crate) fn new(most: usize, gauge: &Gauge) -> Self {
        Self {
            by_type: Mutex::default(),
            most,
            gauge: gauge.clone(),
        }
    }

    /// Returns the lanes for answers of this type, made if there are none.
    pub(crate) fn get<A: Send + 'static>(&self) -> Arc<Lanes<Item, A>> {
        let mut all = self.by_type.lock();
        let make = || -> Arc<dyn Any + Send + Sync> {
            Arc::new(Lanes::<Item, A>::new(self.most, self.gauge.clone()))
        };
        let lanes = all.entry(TypeId::of::<A>()).or_insert_with(make);
        let lanes = Arc::clone(lanes).downcast();
        lanes.expect("lanes are kept under their type")
    }
}
