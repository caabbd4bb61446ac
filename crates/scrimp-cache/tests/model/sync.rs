//! The lock and the atomics of a model checker, under the names that the sources use.

/// Makes the modules that the sources of the log expect in its crate.
macro_rules! over {
    ($checker:ident) => {
        pub(crate) mod sync {
            pub(crate) use $checker::{
                sync::atomic::{AtomicU64, Ordering},
                thread,
            };

            pub(crate) const SHARDS: usize = 1;
            pub(crate) const BUCKETS: usize = 1;

            /// A lock without poison, as parking_lot has it.
            #[derive(Default)]
            pub(crate) struct RwLock<T>($checker::sync::RwLock<T>);

            impl<T> From<T> for RwLock<T> {
                fn from(value: T) -> Self {
                    Self($checker::sync::RwLock::new(value))
                }
            }

            impl<T> RwLock<T> {
                pub(crate) fn read(&self) -> $checker::sync::RwLockReadGuard<'_, T> {
                    self.0.read().expect("a panic ends the schedule")
                }

                pub(crate) fn write(&self) -> $checker::sync::RwLockWriteGuard<'_, T> {
                    self.0.write().expect("a panic ends the schedule")
                }
            }

            impl<T> std::fmt::Debug for RwLock<T> {
                fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str("RwLock")
                }
            }
        }

        /// Names match only themselves: the matching of patterns is not under test here.
        pub(crate) mod pattern {
            #[derive(Debug, Clone, PartialEq, Eq)]
            pub(crate) struct Pattern(pub(crate) &'static str);

            impl Pattern {
                pub(crate) fn matches(&self, name: &str) -> bool {
                    self.0 == name
                }

                pub(crate) fn may_match(&self, beginning: &str) -> bool {
                    self.0.starts_with(beginning)
                }
            }
        }
    };
}
