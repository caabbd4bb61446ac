//! Instructions of an exchange. They do not move with what else the machine does.

use std::{env, path::Path, process::Command};

use anyhow::{Context as _, bail, ensure};
use clap::{Args, ValueEnum};

use crate::{
    alloc,
    bench::{pass, stack},
    fixture,
    peers::{self, FLOORS, Make, PEERS, SCRIMP, STAMPEDE, Setup},
    poll,
    report::Report,
    subject::Named,
    timing,
};

const BENCH: &str = "instructions";
const BATCH: usize = 64;
const BATCHES: usize = 32;
/// Warm-up enough for a cache to have settled its books.
const WARM_UP: usize = 32;

/// What is counted.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Case {
    /// A hit, from the request to the last byte.
    Hit,
    /// A method that no cache answers, up to the head of the response.
    Post,
    /// A response that may not be stored, up to its head.
    NoStore,
    /// A response that is stored, up to its head.
    Miss,
    /// A hit, with stampede protection around the cache.
    Stampede,
    /// All layers, as they are and boxed: hits and POSTs, from the request to the last byte.
    Stack,
}

#[derive(Args)]
pub(crate) struct Options {
    #[arg(long, value_enum, default_value_t = Case::Hit)]
    case: Case,
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

// === impl Case ===

impl Case {
    fn makes(self) -> Vec<Make> {
        let all = SCRIMP.iter().chain(PEERS).copied();
        match self {
            Self::Hit => FLOORS.iter().copied().chain(all).collect(),
            Self::Stampede => STAMPEDE.to_vec(),
            _ => [peers::bare as Make].into_iter().chain(all).collect(),
        }
    }

    fn subjects(self) -> Vec<Named> {
        let setup = match self {
            Self::Stack => return stack::subjects(),
            Self::Hit | Self::Stampede => Setup::hit(fixture::BODY),
            Self::Post => pass::CASES[0].setup(),
            Self::NoStore => pass::CASES[1].setup(),
            Self::Miss => pass::CASES[2].setup(),
        };
        self.makes().into_iter().map(|make| make(setup)).collect()
    }

    fn name(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

pub(crate) fn run(options: &Options, report: &mut Report) -> anyhow::Result<()> {
    let runtime = poll::runtime();
    let _entered = runtime.enter();
    if let Some(name) = &options.inside {
        return inside(options.case, name, &runtime);
    }
    let names = options.case.subjects().into_iter().map(|named| named.name);
    let wanted = |name: &&str| options.only.as_ref().is_none_or(|only| only == name);
    let scratch = tempfile::tempdir()?;
    let folder = options.keep.as_deref().unwrap_or(scratch.path());
    let mut floor = None;
    for name in names.filter(wanted) {
        let count = count(options.case, name, folder)?;
        let floor = *floor.get_or_insert(count);
        report.add(BENCH, name, "instructions", count, "");
        if matches!(options.case, Case::Hit | Case::Stampede) {
            report.add(BENCH, name, "ratio", count / floor, "");
        } else {
            report.add(BENCH, name, "added", count - floor, "");
        }
    }
    ensure!(floor.is_some(), "no subject has that name");
    Ok(())
}

/// Runs one subject under callgrind and reads how many instructions an exchange takes.
pub(super) fn count(case: Case, name: &str, folder: &Path) -> anyhow::Result<f64> {
    let file = folder.join(format!("{}.callgrind", name.replace([' ', ':', ','], "-")));
    let output = Command::new("valgrind")
        .arg("--tool=callgrind")
        .arg("--toggle-collect=*timing*measured*")
        .arg(format!("--callgrind-out-file={}", file.display()))
        .arg(env::current_exe()?)
        .args(["instructions", "--case", &case.name(), "--inside", name])
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
fn inside(case: Case, name: &str, runtime: &tokio::runtime::Runtime) -> anyhow::Result<()> {
    let mut named = case
        .subjects()
        .into_iter()
        .find(|named| named.name == name)
        .context("no subject has that name")?;
    let part = match case {
        Case::Hit | Case::Stampede | Case::Stack => timing::Part::Whole,
        Case::Post | Case::NoStore | Case::Miss => timing::Part::Head,
    };
    if case == Case::Miss {
        pass::fill(&mut *named.subject, runtime);
    }
    for batch in [1].into_iter().chain([BATCH; WARM_UP]) {
        named.subject.prepare(batch);
        named.subject.exchange();
        poll::settle(runtime);
    }
    for _ in 0..BATCHES {
        named.subject.prepare(BATCH);
        alloc::opt_out(|| timing::measured(&mut *named.subject, part));
        named.subject.finish();
        poll::settle(runtime);
    }
    Ok(())
}
