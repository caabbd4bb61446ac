//! The lanes of a service, whatever the type of its answers.

use std::{
    any::{Any, TypeId},
    collections::HashMap,
    sync::Arc,
};

use parking_lot::Mutex;

use crate::{codec::Item, engine::Lanes};

/// Lanes by the type of their answers, which is known only when there is a request. A service has
/// one type of answers, and a layer has one for each type of service.
pub(crate) struct AnyLanes {
    by_type: Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>,
    /// Lanes of each type.
    most: usize,
}

// === impl AnyLanes ===

impl AnyLanes {
    pub(crate) fn new(most: usize) -> Self {
        Self {
            by_type: Mutex::default(),
            most,
        }
    }

    /// Returns the lanes for answers of this type, made if there are none.
    pub(crate) fn get<A: Send + 'static>(&self) -> Arc<Lanes<Item, A>> {
        let mut all = self.by_type.lock();
        let make = || Arc::new(Lanes::<Item, A>::new(self.most)) as Arc<dyn Any + Send + Sync>;
        let lanes = all.entry(TypeId::of::<A>()).or_insert_with(make);
        let lanes = Arc::clone(lanes).downcast();
        lanes.expect("lanes are kept under their type")
    }
}
