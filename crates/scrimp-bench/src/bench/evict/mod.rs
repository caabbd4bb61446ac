//! Hits of a full store, on traces of real systems or on independent draws.

mod layered;
mod policies;
mod read;
mod sizes;
mod stores;
mod synthetic;
mod traces;
mod traffic;

use std::path::PathBuf;

use crate::report::Report;

const BENCH: &str = "evict";

/// Options of the bench.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Traces, each in one of the forms that the README beside this crate lists. Without any, the
    /// requests are independent draws.
    #[arg(long, num_args = 1..)]
    trace: Vec<PathBuf>,
    /// Sizes of bodies in traces that have none.
    #[arg(long, value_enum, default_value_t = sizes::Sizes::Flat)]
    sizes: sizes::Sizes,
    /// Memory, in percent of the unique bytes of a trace.
    #[arg(long, num_args = 1.., default_values_t = [1.0, 3.0, 10.0, 30.0])]
    percent: Vec<f64>,
    /// Bytes of a key in a binary trace; otherwise they are guessed.
    #[arg(long, value_parser = clap::value_parser!(u8).range(4..=8))]
    key_bytes: Option<u8>,
    /// Costs of calls that a trace does not state are log-normal, and the share of money that is
    /// saved is shown instead of hits.
    #[arg(long)]
    costs: bool,
    /// Also sends all requests through a `CacheLayer`.
    #[arg(long)]
    through_layer: bool,
}

pub(crate) fn run(options: &Options, report: &mut Report) -> anyhow::Result<()> {
    if options.trace.is_empty() {
        synthetic::run(report);
        return Ok(());
    }
    traces::run(options, report)
}
