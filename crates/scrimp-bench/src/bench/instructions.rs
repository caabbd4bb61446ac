//! Instructions of an exchange. They do not depend on other work on the machine.

use std::{collections::HashMap, env, iter::repeat_n, path::Path, process::Command};

use anyhow::{Context as _, bail, ensure};
use clap::{Args, ValueEnum};

use crate::{
    alloc,
    bench::{
        coalesce::counted::{self, Counted},
        pass, redis, stack,
    },
    fixture,
    peers::{self, FLOORS, Make, PEERS, SCRIMP, STAMPEDE, Setup},
    poll,
    report::Report,
    timing,
};

const BENCH: &str = "instructions";

/// The counted part of an exchange.
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
    /// Calls that could be shared, with different keys.
    Unique,
    /// A call that a thousand callers share, per caller.
    Crowd,
    /// All layers, unboxed and boxed: hits and POSTs, from the request to the last byte.
    Stack,
    /// A hit in Redis, beside a GET, without what Redis and the kernel do.
    Redis,
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
    /// Runs one subject in this process, under callgrind.
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

    fn subjects(self) -> Box<dyn Iterator<Item = Counted>> {
        let setup = match self {
            Self::Stack => {
                return Box::new(stack::subjects().into_iter().map(|named| Counted {
                    name: named.name,
                    floor: named.name.strip_suffix(", boxed").unwrap_or(named.name),
                    subject: named.subject,
                }));
            }
            Self::Hit | Self::Stampede => Setup::hit(fixture::BODY),
            Self::Post => pass::CASES[0].setup(),
            Self::NoStore => pass::CASES[1].setup(),
            Self::Miss => pass::CASES[2].setup(),
            Self::Unique => return Box::new(counted::unique()),
            Self::Crowd => return Box::new(counted::crowd()),
            Self::Redis => {
                return Box::new(redis::counted::hits().expect("redis-server is installed"));
            }
        };
        let makes = self.makes();
        let floor = makes[0](setup).name;
        Box::new(makes.into_iter().map(move |make| {
            let named = make(setup);
            Counted {
                name: named.name,
                floor,
                subject: named.subject,
            }
        }))
    }

    /// Reports whether the result is compared with its floor, rather than added to it.
    fn is_ratio(self) -> bool {
        matches!(self, Self::Hit | Self::Stampede | Self::Crowd | Self::Redis)
    }

    /// Returns the exchanges in a batch and the number of counted batches. The same number runs
    /// before, so that a cache reaches its steady state.
    fn batches(self) -> (usize, usize) {
        match self {
            Self::Crowd => (counted::CALLERS, 4),
            _ => (64, 32),
        }
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
    let scratch = tempfile::tempdir()?;
    let folder = options.keep.as_deref().unwrap_or(scratch.path());
    let mut counts: HashMap<&str, f64> = HashMap::new();
    for Counted { name, floor, .. } in options.case.subjects() {
        if options.only.as_ref().is_some_and(|only| only != name) {
            continue;
        }
        let count = count(options.case, name, folder)?;
        counts.insert(name, count);
        report.add(BENCH, name, "instructions", count, "");
        let Some(floor) = counts.get(floor) else {
            continue;
        };
        if options.case.is_ratio() {
            report.add(BENCH, name, "ratio", count / floor, "");
        } else {
            report.add(BENCH, name, "added", count - floor, "");
        }
    }
    ensure!(!counts.is_empty(), "no subject has that name");
    Ok(())
}

/// Runs one subject under callgrind and reads the instructions per exchange.
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
    let (batch, batches) = case.batches();
    Ok(total / (batch * batches) as f64)
}

/// Only `timing::measured` is counted; it runs only in the last loop.
fn inside(case: Case, name: &str, runtime: &tokio::runtime::Runtime) -> anyhow::Result<()> {
    let mut named = case
        .subjects()
        .into_iter()
        .find(|named| named.name == name)
        .context("no subject has that name")?;
    let part = match case {
        Case::Hit | Case::Stampede | Case::Unique | Case::Crowd | Case::Stack | Case::Redis => {
            timing::Part::Whole
        }
        Case::Post | Case::NoStore | Case::Miss => timing::Part::Head,
    };
    if case == Case::Miss {
        pass::fill(&mut *named.subject, runtime);
    }
    let (batch, batches) = case.batches();
    for batch in [1].into_iter().chain(repeat_n(batch, batches)) {
        named.subject.prepare(batch);
        named.subject.exchange();
        poll::settle(runtime);
    }
    for _ in 0..batches {
        named.subject.prepare(batch);
        alloc::opt_out(|| timing::measured(&mut *named.subject, part));
        named.subject.finish();
        poll::settle(runtime);
    }
    Ok(())
}
