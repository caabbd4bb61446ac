//! The same requests again, through the layer that prefetches and without it.

mod recall;
mod run;
mod side;

pub(crate) use run::PrefetchRun;
