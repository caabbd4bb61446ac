//! Instructions of a hit. They do not move with what else the machine does.

use std::{env, path::Path, process::Command};

use anyhow::{Context as _, bail, ensure};
use clap::Args;

use crate::{
    alloc, fixture,
    peers::{FLOORS, Make, PEERS, SCRIMP, STAMPEDE, Setup},
    poll,
    report::Report,
    timing,
};

const BENCH: &str = "instructions";
const BATCH: usize = 64;
const BATCHES: usize = 32;
/// Warm-up enough for a cache to have settled its books.
const WARM_UP: usize = 32;

#[derive(Args)]
pub(crate) struct Options {
    /// Only the subject with this name.
    #[arg(long)]
    only: Option<String>,
    /// Keeps callgrind's file for each subject in this folder.
    #[arg(long)]
    keep: Option<std::path::PathBuf>,
    /// Runs one subject in this process: what runs under callgrind.
    #[arg(long, hide = true)]
    inside: Option<String>,
}

fn makes() -> impl Iterator<Item = Make> {
    FLOORS.iter().chain(SCRIMP).chain(PEERS).copied()
}

/// Those that run under callgrind by name, of whatever bench.
fn known() -> impl Iterator<Item = Make> {
    makes().chain(STAMPEDE.iter().copied())
}

pub(crate) fn run(options: &Options, report: &mut Report) -> anyhow::Result<()> {
    let runtime = poll::runtime();
    let _entered = runtime.enter();
    if let Some(name) = &options.inside {
        return inside(name, &runtime);
    }
    let names = makes().map(|make| make(Setup::hit(fixture::BODY)).name);
    let wanted = |name: &&str| options.only.as_ref().is_none_or(|only| only == name);
    let scratch = tempfile::tempdir()?;
    let folder = options.keep.as_deref().unwrap_or(scratch.path());
    let mut floor = None;
    for name in names.filter(wanted) {
        let count = count(name, folder)?;
        let floor = *floor.get_or_insert(count);
        report.add(BENCH, name, "instructions", count, "");
        report.add(BENCH, name, "ratio", count / floor, "");
    }
    ensure!(floor.is_some(), "no subject has that name");
    Ok(())
}

/// Runs one subject under callgrind and reads how many instructions an exchange takes.
pub(super) fn count(name: &str, folder: &Path) -> anyhow::Result<f64> {
    let file = folder.join(format!("{}.callgrind", name.replace([' ', ':', ','], "-")));
    let output = Command::new("valgrind")
        .arg("--tool=callgrind")
        .arg("--toggle-collect=*timing*measured*")
        .arg(format!("--callgrind-out-file={}", file.display()))
        .arg(env::current_exe()?)
        .args(["instructions", "--inside", name])
        .output()
        .context("valgrind does not start; on Debian: apt-get install valgrind")?;
    if !output.status.success() {
        bail!(
            "valgrind failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let text = std::fs::read_to_string(&file)?;
    let total = text
        .lines()
        .find_map(|line| line.strip_prefix("totals: "))
        .context("callgrind wrote no totals")?;
    let total: f64 = total.trim().parse()?;
    ensure!(total > 0.0, "callgrind did not find the measured function");
    Ok(total / (BATCH * BATCHES) as f64)
}

/// Only `timing::measured` is counted; it runs in nothing but the last loop.
fn inside(name: &str, runtime: &tokio::runtime::Runtime) -> anyhow::Result<()> {
    let mut named = known()
        .map(|make| make(Setup::hit(fixture::BODY)))
        .find(|named| named.name == name)
        .context("no subject has that name")?;
    for batch in [1].into_iter().chain([BATCH; WARM_UP]) {
        named.subject.prepare(batch);
        named.subject.exchange();
        poll::settle(runtime);
    }
    for _ in 0..BATCHES {
        named.subject.prepare(BATCH);
        alloc::opt_out(|| timing::measured(&mut *named.subject));
        poll::settle(runtime);
    }
    Ok(())
}
