//! Pages lead to files and headings that exist.

use std::{
    collections::BTreeSet,
    fs,
    path::{Component, Path, PathBuf},
};

use crate::sources::root;

/// Folders that are no part of the repository.
const OUTSIDE: [&str; 3] = ["target", "node_modules", ".git"];

/// Returns the pages below a folder.
fn pages(folder: &Path, found: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(folder);
    let entries = entries.unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries {
        let path = entry.expect("a readable folder").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() {
            if !OUTSIDE.contains(&&*name) {
                pages(&path, found);
            }
        } else if name.ends_with(".md") {
            found.push(path);
        }
    }
}

/// Returns a page without its blocks of code.
fn text(page: &Path) -> String {
    let whole = fs::read_to_string(page);
    let whole = whole.unwrap_or_else(|error| panic!("{}: {error}", page.display()));
    let mut inside = false;
    let lines = whole.lines().filter(|line| {
        let fence = line.trim_start().starts_with("```");
        inside ^= fence;
        !inside && !fence
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Returns the targets of a page's links to files.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let behind = text.split("](").skip(1);
    let targets = behind
        .filter_map(|rest| rest.split_once(')'))
        .map(|it| it.0);
    targets.filter(|target| !target.contains("://") && !target.contains(char::is_whitespace))
}

/// Returns the names of a page's headings in addresses, as GitHub makes them.
fn headings(page: &Path) -> BTreeSet<String> {
    let text = text(page);
    let lines = text.lines().filter(|line| line.starts_with('#'));
    let name = |line: &str| -> String {
        let line = line.trim_start_matches('#').trim().to_lowercase();
        let line = line.replace(' ', "-");
        let letters = line.chars();
        letters
            .filter(|letter| letter.is_alphanumeric() || matches!(letter, '-' | '_'))
            .collect()
    };
    lines.map(name).collect()
}

/// Resolves `..` in a path.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(plain.pop()),
            part => plain.push(part),
        }
    }
    plain
}

#[test]
fn every_link_of_a_page_leads_to_a_file_and_a_heading() {
    let mut found = Vec::new();
    pages(&root(), &mut found);
    let mut count = 0;
    let mut broken = Vec::new();
    for page in &found {
        for link in links(&text(page)) {
            count += 1;
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => page.clone(),
                file => plain(&page.parent().expect("a folder").join(file)),
            };
            let is_page = target.extension().is_some_and(|end| end == "md");
            let heading_is_there =
                heading.is_empty() || !is_page || headings(&target).contains(heading);
            if !target.exists() || !heading_is_there {
                broken.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(count > 100, "{count} links");
    assert!(broken.is_empty(), "{broken:#?}");
}
