//! The table of scrimp's memory store.

use scrimp_core::KeyBuf;
use scrimp_table::{Change, Kept, Table};
use tokio::time::Instant;

use super::{Policy, Request};

/// Bytes that the table counts for itself and the key.
const COUNTED: u64 = 144;

pub(crate) struct Scrimp {
    table: Table<Value>,
    now: Instant,
    /// Flag that it knows what a hit saves.
    knows_costs: bool,
}

struct Value {
    weight: u64,
    saves: f64,
}

impl Scrimp {
    pub(crate) fn new(capacity: u64, knows_costs: bool) -> Self {
        Self {
            table: Table::new(capacity, u64::MAX),
            now: Instant::now(),
            knows_costs,
        }
    }
}

impl Policy for Scrimp {
    fn request(&mut self, request: Request) -> bool {
        let mut key = KeyBuf::new();
        key.part(&request.key.to_le_bytes());
        if self.table.get(key.as_ref()).is_some() {
            return true;
        }
        let value = || Value {
            weight: request.weight.saturating_sub(COUNTED),
            saves: if self.knows_costs { request.cost } else { 1.0 },
        };
        // No room: it was a miss all the same.
        let _ = self
            .table
            .change(key.to_key(), self.now, |_| Change::Put(value(), ()));
        false
    }
}

impl Kept for Value {
    fn weight(&self) -> u64 {
        self.weight
    }

    fn until(&self) -> Option<Instant> {
        None
    }

    fn saves(&self) -> f64 {
        self.saves
    }
}
