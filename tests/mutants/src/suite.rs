//! Tests of a package, each run by itself or with others.

use std::collections::HashSet;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::Result;
use crate::compile::Program;

/// Address space of a test, in KiB: a mutant may allocate without end.
const MEMORY: &str = "12000000";
/// Copies of a body share one frame, whose variables do not overlap without optimization.
const STACK: &str = "67108864";

/// A test.
#[derive(Clone, Debug)]
pub(crate) struct Test {
    pub(crate) program: usize,
    pub(crate) name: String,
    /// The time that it takes by itself without a mutant.
    pub(crate) time: Duration,
    /// First numbers of the groups of mutants that it reaches.
    pub(crate) reaches: HashSet<usize>,
}

/// End of a run.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum End {
    Passed,
    /// Names of the tests that failed; none if the program ended otherwise.
    Failed(Vec<String>),
    /// It was stopped.
    Late,
}

/// Lists the tests of a program that run by default.
pub(crate) fn tests(program: &Program, index: usize) -> Result<Vec<Test>> {
    let all = list(program, &[])?;
    let ignored: HashSet<_> = list(program, &["--ignored"])?.into_iter().collect();
    let run = all.into_iter().filter(|name| !ignored.contains(name));
    Ok(run
        .map(|name| Test {
            program: index,
            name,
            time: Duration::ZERO,
            reaches: HashSet::new(),
        })
        .collect())
}

fn list(program: &Program, more: &[&str]) -> Result<Vec<String>> {
    let mut command = Command::new(&program.path);
    let output = command
        .args(["--list", "--format", "terse"])
        .args(more)
        .current_dir(&program.folder)
        .output()?;
    let text = String::from_utf8(output.stdout)?;
    Ok(text
        .lines()
        .filter_map(|line| line.strip_suffix(": test"))
        .map(str::to_owned)
        .collect())
}

/// Runs a test without a mutant, and keeps its time and what it reaches.
pub(crate) fn record(program: &Program, test: &mut Test, marks: &Path) -> Result<End> {
    let _ = fs::remove_file(marks);
    let begin = Instant::now();
    let mut command = command(program, Duration::from_secs(300));
    let end = finish(
        command
            .env("MUTANT_RECORD", marks)
            .args(["--exact", &test.name]),
    )?;
    test.time = begin.elapsed();
    let text = fs::read_to_string(marks).unwrap_or_default();
    test.reaches = text.lines().filter_map(|line| line.parse().ok()).collect();
    Ok(end)
}

/// Runs tests of a program with a mutant.
pub(crate) fn run(
    program: &Program,
    names: &[&str],
    mutant: usize,
    limit: Duration,
) -> Result<End> {
    finish(
        command(program, limit)
            .env("MUTANT", mutant.to_string())
            .arg("--exact")
            .args(names),
    )
}

/// Runs all tests of a program but these.
pub(crate) fn run_all(program: &Program, without: &[&str], limit: Duration) -> Result<End> {
    let skips = without.iter().flat_map(|name| ["--skip", name]);
    finish(command(program, limit).arg("--exact").args(skips))
}

fn command(program: &Program, limit: Duration) -> Command {
    let mut command = Command::new("sh");
    command
        .args([
            "-c",
            r#"ulimit -v "$0"; exec timeout --signal KILL "$@""#,
            MEMORY,
        ])
        .arg(limit.as_secs_f64().to_string())
        .arg(&program.path)
        .current_dir(&program.folder)
        .env("CARGO_MANIFEST_DIR", &program.folder)
        .env("RUST_MIN_STACK", STACK)
        .env("RUST_BACKTRACE", "0")
        .env("PROPTEST_MAX_SHRINK_ITERS", "0")
        .env("PROPTEST_DISABLE_FAILURE_PERSISTENCE", "1")
        .env_remove("MUTANT")
        .env_remove("MUTANT_RECORD")
        .stdin(Stdio::null());
    command
}

fn finish(command: &mut Command) -> Result<End> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(End::Passed);
    }
    // timeout kills its whole group, and itself with it.
    if output.status.code() == Some(137) || output.status.signal() == Some(9) {
        return Ok(End::Late);
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let failed = text
        .lines()
        .filter_map(|line| line.strip_prefix("test ")?.strip_suffix(" ... FAILED"));
    Ok(End::Failed(
        failed
            .map(|name| name.trim_end_matches(" - should panic").to_owned())
            .collect(),
    ))
}
