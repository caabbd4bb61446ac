//! Builds of the tests of a package.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::Result;

/// A program of tests.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    /// The folder where cargo would start it.
    pub(crate) folder: PathBuf,
    pub(crate) kind: Kind,
}

/// Tests that a program has.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Kind {
    Unit,
    Integration,
}

/// An error of the compiler.
#[derive(Debug)]
pub(crate) struct CompileError {
    pub(crate) code: String,
    pub(crate) message: String,
    /// Files and lines, the most telling first.
    pub(crate) places: Vec<(String, usize)>,
    pub(crate) rendered: String,
}

/// Builds the unit tests, or all tests, of a package.
///
/// The outer error is one of running cargo, the inner one of the compiler.
pub(crate) fn compile(
    tree: &Path,
    package: &str,
    kind: Kind,
) -> Result<std::result::Result<Vec<Program>, Vec<CompileError>>> {
    let mut which = vec!["--lib".to_owned()];
    if kind == Kind::Integration {
        which.extend(programs_of_tests(tree, package)?);
    }
    let output = Command::new("cargo")
        .args(["test", "--package", package, "--all-features"])
        .args(which)
        .args(["--no-run", "--message-format", "json"])
        .current_dir(tree)
        .stderr(Stdio::piped())
        .output()?;
    let mut programs = Vec::new();
    let mut errors = Vec::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let Ok(value) = serde_json::from_str::<Value>(line) else {
            continue;
        };
        match value["reason"].as_str() {
            Some("compiler-artifact") => programs.extend(program(&value)),
            Some("compiler-message") => errors.extend(error(&value["message"])),
            _ => {}
        }
    }
    programs.sort_by(|a, b| (a.kind, &a.path).cmp(&(b.kind, &b.path)));
    if output.status.success() {
        Ok(Ok(programs))
    } else if errors.is_empty() {
        Err(String::from_utf8_lossy(&output.stderr).into())
    } else {
        Ok(Err(errors))
    }
}

/// Returns the arguments that name the programs of tests, without those that compile files of the
/// crate themselves: there is no switch in them.
fn programs_of_tests(tree: &Path, package: &str) -> Result<Vec<String>> {
    let output = Command::new("cargo")
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(tree)
        .stderr(Stdio::inherit())
        .output()?;
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let targets = packages
        .filter(|found| found["name"] == package)
        .filter_map(|found| found["targets"].as_array())
        .flatten();
    let mut arguments = Vec::new();
    for target in targets.filter(|target| target["kind"][0] == "test") {
        if let (Some(name), Some(path)) = (target["name"].as_str(), target["src_path"].as_str())
            && !std::fs::read_to_string(path)?.contains("#[path = \"../src/")
        {
            arguments.extend(["--test".into(), name.into()]);
        }
    }
    Ok(arguments)
}

fn program(artifact: &Value) -> Option<Program> {
    let path = PathBuf::from(artifact["executable"].as_str()?);
    if artifact["profile"]["test"] != true {
        return None;
    }
    let folder = Path::new(artifact["manifest_path"].as_str()?)
        .parent()?
        .to_owned();
    let is_lib = artifact["target"]["kind"]
        .as_array()?
        .iter()
        .any(|kind| kind == "lib");
    Some(Program {
        path,
        folder,
        kind: if is_lib {
            Kind::Unit
        } else {
            Kind::Integration
        },
    })
}

fn error(message: &Value) -> Option<CompileError> {
    if !message["level"].as_str()?.starts_with("error") {
        return None;
    }
    let mut spans: Vec<_> = message["spans"].as_array()?.iter().collect();
    spans.sort_by_key(|span| span["is_primary"] != true);
    let places: Vec<_> = spans.into_iter().flat_map(places).collect();
    // The summary at the end has no place.
    if places.is_empty() {
        return None;
    }
    Some(CompileError {
        code: message["code"]["code"].as_str().unwrap_or_default().into(),
        message: message["message"].as_str().unwrap_or_default().into(),
        places,
        rendered: message["rendered"].as_str().unwrap_or_default().into(),
    })
}

/// Lists the places of a span, and those of the macros that it comes from.
fn places(span: &Value) -> Vec<(String, usize)> {
    let mut places = Vec::new();
    let mut span = span;
    while let (Some(file), Some(line)) = (span["file_name"].as_str(), span["line_start"].as_u64()) {
        places.push((file.into(), usize::try_from(line).unwrap_or_default()));
        span = &span["expansion"]["span"];
    }
    places
}
