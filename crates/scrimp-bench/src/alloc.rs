//! Counting allocations.

#[cfg(feature = "count")]
pub(crate) use allocation_counter::{measure, opt_out};

/// Without the feature `count` nothing is counted, and the allocator is the system's own.
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
