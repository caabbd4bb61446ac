//! The source files of the workspace.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A source file without its tests.
pub(crate) struct Source {
    /// Its path from the root of the workspace.
    pub(crate) path: String,
    /// Its lines except tests and comments, with their numbers.
    pub(crate) lines: Vec<(usize, String)>,
}

/// Returns the root of the workspace.
pub(crate) fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("the workspace's root").to_owned()
}

/// Returns the source files below a folder of the workspace.
pub(crate) fn below(folder: &str) -> Vec<Source> {
    let mut files = Vec::new();
    gather(&root().join(folder), &mut files);
    assert!(!files.is_empty(), "no source files below {folder}");
    files.sort();
    files.iter().map(|path| read(path)).collect()
}

/// Returns the folders of a folder of the workspace, by their paths from its root.
pub(crate) fn folders(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(root().join(folder));
    let entries = entries.unwrap_or_else(|error| panic!("{folder}: {error}"));
    let mut folders: Vec<String> = entries
        .map(|entry| entry.expect("a readable folder"))
        .filter(|entry| entry.path().is_dir())
        .map(|entry| format!("{folder}/{}", entry.file_name().to_string_lossy()))
        .collect();
    folders.sort();
    folders
}

fn gather(folder: &Path, files: &mut Vec<PathBuf>) {
    let entries =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let tests = test_modules(folder);
    for entry in entries {
        let path = entry.expect("a readable folder").path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let is_test = name == "tests" || name == "tests.rs" || tests.contains(&name);
        if is_test {
            continue;
        }
        if path.is_dir() {
            gather(&path, files);
        } else if path.extension().is_some_and(|end| end == "rs") {
            files.push(path);
        }
    }
}

/// Returns the files of modules that are compiled for tests only.
fn test_modules(folder: &Path) -> Vec<String> {
    let index = ["lib.rs", "mod.rs", "main.rs"].iter().find_map(|name| {
        let text = fs::read_to_string(folder.join(name));
        text.ok()
    });
    let text = index.unwrap_or_default();
    let behind = text.split("#[cfg(test)]\n").skip(1);
    let names = behind.filter_map(|rest| {
        let line = rest.lines().find(|line| !line.starts_with("#["))?;
        line.trim().strip_prefix("mod ")?.strip_suffix(';')
    });
    names.map(|name| format!("{name}.rs")).collect()
}

fn read(path: &Path) -> Source {
    let text =
        fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let path = path.strip_prefix(root()).unwrap_or(path);
    let lines = text
        .lines()
        .take_while(|line| line.trim() != "#[cfg(test)]" && !line.starts_with("#[cfg(all(test"))
        .enumerate()
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .map(|(at, line)| (at + 1, line.to_owned()));
    Source {
        path: path.display().to_string(),
        lines: lines.collect(),
    }
}
