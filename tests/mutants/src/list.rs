//! Mutants, as cargo-mutants lists them.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::Result;

/// A change of one place in the source.
#[derive(Clone, Debug)]
pub(crate) struct Mutant {
    /// The file, from the root of the tree.
    pub(crate) file: String,
    /// The name that cargo-mutants gives it, which begins with file, line and column.
    pub(crate) name: String,
    /// The bytes that are replaced.
    pub(crate) range: Range<usize>,
    pub(crate) replacement: String,
}

/// Lists the mutants of files, which are given with their texts.
pub(crate) fn mutants(tree: &Path, files: &[(String, String)]) -> Result<Vec<Mutant>> {
    let output = Command::new("cargo")
        .args([
            "mutants",
            "--list",
            "--json",
            "--no-shuffle",
            "--all-features",
        ])
        .args(files.iter().flat_map(|(file, _)| ["--file", file]))
        .current_dir(tree)
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    let Value::Array(values) = serde_json::from_slice(&output.stdout)? else {
        return Err("cargo mutants lists no array".into());
    };
    let lines: HashMap<_, _> = files
        .iter()
        .map(|(file, text)| (file.as_str(), Lines::new(text)))
        .collect();
    let mutants = values.iter().map(|value| {
        let (file, span) = (value["file"].as_str()?, &value["span"]);
        let lines = lines.get(file)?;
        Some(Mutant {
            file: file.into(),
            name: value["name"].as_str()?.into(),
            range: lines.byte(&span["start"])?..lines.byte(&span["end"])?,
            replacement: value["replacement"].as_str()?.into(),
        })
    });
    let mutants: Option<Vec<_>> = mutants.collect();
    let mut mutants = mutants.ok_or("cannot read the list of cargo mutants")?;
    // A file that several targets include is listed for each.
    let mut seen = HashSet::new();
    mutants.retain(|mutant| seen.insert(mutant.name.clone()));
    Ok(mutants)
}

/// Beginnings of lines.
struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

// === impl Lines ===

impl<'a> Lines<'a> {
    fn new(text: &'a str) -> Self {
        let after = text.match_indices('\n').map(|(at, _)| at + 1);
        Self {
            text,
            starts: std::iter::once(0).chain(after).collect(),
        }
    }

    /// Returns the byte at a line and a column, which count from 1, in characters.
    fn byte(&self, place: &Value) -> Option<usize> {
        let line = usize::try_from(place["line"].as_u64()?)
            .ok()?
            .checked_sub(1)?;
        let column = usize::try_from(place["column"].as_u64()?)
            .ok()?
            .checked_sub(1)?;
        let start = *self.starts.get(line)?;
        let rest = &self.text[start..];
        let offset = rest
            .char_indices()
            .map(|(at, _)| at)
            .chain([rest.len()])
            .nth(column)?;
        Some(start + offset)
    }
}
