//! Counters of allocations.

#[cfg(feature = "count")]
pub(crate) use allocation_counter::{measure, opt_out};

/// Counts nothing: without the feature `count` the system's allocator is used.
#[cfg(not(feature = "count"))]
mod without {
    #[derive(Default)]
    pub(crate) struct Counted {
        pub(crate) count_total: u64,
        pub(crate) bytes_current: i64,
    }

    pub(crate) fn measure(run: impl FnOnce()) -> Counted {
        run();
        Counted::default()
    }

    pub(crate) fn opt_out(run: impl FnOnce()) {
        run();
    }
}

#[cfg(not(feature = "count"))]
pub(crate) use without::{measure, opt_out};
