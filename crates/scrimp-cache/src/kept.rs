//! Extensions of responses that are stored with them.

use std::{any::type_name, fmt, sync::Arc};

use http::Extensions;

/// Memory that an extension takes besides its value: its box, and its place in the map.
const OVERHEAD: usize = 64;

/// Largest weight that counts, so that the weights of many responses can be added.
const MOST: usize = u32::MAX as usize;

/// The types of extensions that are stored, chosen by the operator.
#[derive(Debug, Clone, Default)]
pub(crate) struct KeptTypes(Vec<KeptType>);

/// Extensions of these types, and their weight in bytes.
#[derive(Default)]
pub(crate) struct KeptExtensions {
    pub(crate) values: Extensions,
    weight: usize,
}

#[derive(Clone)]
struct KeptType {
    name: &'static str,
    copy: Arc<CopyFn>,
}

/// A function that copies the extension of one type, if it is there, and returns its weight.
type CopyFn = dyn Fn(&Extensions, &mut Extensions) -> usize + Send + Sync;

// === impl KeptTypes ===

impl KeptTypes {
    /// Adds a type. `weigh` returns the bytes that a value takes outside of itself.
    pub(crate) fn push<T: Clone + Send + Sync + 'static>(
        &mut self,
        weigh: impl Fn(&T) -> usize + Send + Sync + 'static,
    ) {
        let copy = move |from: &Extensions, to: &mut Extensions| {
            let Some(value) = from.get::<T>() else {
                return 0;
            };
            to.insert(value.clone());
            let own = size_of::<T>() + OVERHEAD;
            own.saturating_add(weigh(value))
        };
        self.0.push(KeptType {
            name: type_name::<T>(),
            copy: Arc::new(copy),
        });
    }

    /// Copies the extensions of these types. `None` if a response has none of them.
    pub(crate) fn copy(&self, from: &Extensions) -> Option<KeptExtensions> {
        let mut kept = KeptExtensions::default();
        for kind in &self.0 {
            let weight = (kind.copy)(from, &mut kept.values);
            kept.weight = kept.weight.saturating_add(weight).min(MOST);
        }
        (!kept.values.is_empty()).then_some(kept)
    }
}

impl fmt::Debug for KeptType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

// === impl KeptExtensions ===

impl KeptExtensions {
    /// Returns their weight in bytes.
    pub(crate) fn weight(&self) -> usize {
        self.weight
    }
}
