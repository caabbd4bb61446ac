//! Arrows between the rooms of a crate run one way.

use std::collections::{BTreeMap, BTreeSet};

use super::sources::{self, Source};

/// Top-level modules, each with those that it names.
type Arrows = BTreeMap<String, BTreeSet<String>>;

#[test]
fn no_import_cycle_reaches_beyond_one_room_of_a_crate() {
    let mut cycles = Vec::new();
    for folder in sources::folders("crates") {
        let arrows = arrows(&folder);
        for cycle in find_cycles(&arrows) {
            cycles.push(format!("{folder}: {}", cycle.join(" -> ")));
        }
    }
    assert!(
        cycles.is_empty(),
        "modules that import each other in a circle; move what both need below both:\n{}",
        cycles.join("\n")
    );
}

#[test]
fn a_cycle_is_found_through_groups_reexports_and_super() {
    let lib = "mod a;\nmod b;\nmod c;\npub use a::{Alpha, deep::Beta};\n";
    let exports = exports(lib);
    let named = |file: &str, text: &str| -> Vec<String> {
        named_by(file, text, &exports).into_iter().collect()
    };
    let text = "use crate::{\n    Beta,\n    c::{self, d},\n};\nuse std::fmt;";
    assert_eq!(named("b.rs", text), ["a", "c"]);
    assert_eq!(named("b/deep.rs", "fn f(_: super::super::c::D) {}"), ["c"]);
    assert_eq!(named("b/deep.rs", "use super::c;"), [""; 0]);
    assert_eq!(named("b/mod.rs", "use super::c;"), ["c"]);
    let arrows = [("a", "b"), ("b", "c"), ("c", "a"), ("d", "a")];
    let mut all = Arrows::new();
    for (from, to) in arrows {
        all.entry(from.into()).or_default().insert(to.into());
    }
    assert_eq!(find_cycles(&all), [["a", "b", "c", "a"]]);
}

/// Returns the arrows between the top-level modules of a crate.
fn arrows(folder: &str) -> Arrows {
    let source = format!("{folder}/src/");
    let files = sources::below(&source);
    let inside = |file: &Source| {
        let path = file.path.strip_prefix(&source);
        path.unwrap_or(&file.path).to_owned()
    };
    let lib = files.iter().find(|file| inside(file) == "lib.rs");
    let exports = exports(&lib.map(text).unwrap_or_default());
    let mut arrows = Arrows::new();
    for file in &files {
        let path = inside(file);
        if path == "lib.rs" || path == "main.rs" {
            continue;
        }
        let named = named_by(&path, &text(file), &exports);
        arrows.entry(room(&path)).or_default().extend(named);
    }
    arrows
}

fn text(file: &Source) -> String {
    let lines = file.lines.iter().map(|(_, line)| line.as_str());
    lines.collect::<Vec<_>>().join("\n")
}

/// Returns the top-level module of a file.
fn room(path: &str) -> String {
    let first = path.split('/').next().unwrap_or_default();
    first.trim_end_matches(".rs").to_owned()
}

/// Returns what the root of a crate re-exports, and from which module.
fn exports(lib: &str) -> BTreeMap<String, String> {
    let mut exports = BTreeMap::new();
    for item in lib.split(';') {
        let Some((_, tree)) = item.split_once("use ") else {
            continue;
        };
        let Some((module, names)) = tree.split_once("::") else {
            continue;
        };
        let names = names.split(|c: char| !c.is_alphanumeric() && c != '_');
        for name in names.filter(|name| !name.is_empty()) {
            exports.insert(name.to_owned(), module.trim().to_owned());
        }
    }
    exports
}

/// Returns the other top-level modules that a file names.
fn named_by(path: &str, text: &str, exports: &BTreeMap<String, String>) -> BTreeSet<String> {
    let depth = path.trim_end_matches("/mod.rs").split('/').count();
    let up = "super::".repeat(depth);
    let mut named = BTreeSet::new();
    for root in ["crate::", up.as_str()] {
        for (at, _) in text.match_indices(root) {
            let before = text[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || "_:$".contains(c)) {
                continue;
            }
            for name in heads(&text[at + root.len()..]) {
                let module = exports.get(&name).unwrap_or(&name);
                named.insert(module.clone());
            }
        }
    }
    named.remove(&room(path));
    named.remove("super");
    named.remove("self");
    named
}

/// Returns the first names of a path, or of each path in a group.
fn heads(text: &str) -> Vec<String> {
    let head = |text: &str| -> String {
        let name = text.trim_start().chars();
        name.take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect()
    };
    let Some(group) = text.strip_prefix('{') else {
        return vec![head(text)];
    };
    let (mut depth, mut start, mut names) = (0, 0, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                names.push(head(&group[start..at]));
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                names.push(head(&group[start..at]));
                start = at + 1;
            }
            _ => {}
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

/// Returns the shortest cycle through each module that is in one, each cycle once.
fn find_cycles(arrows: &Arrows) -> Vec<Vec<String>> {
    let mut found: Vec<Vec<String>> = Vec::new();
    for start in arrows.keys() {
        if found.iter().any(|cycle| cycle.contains(start)) {
            continue;
        }
        if let Some(cycle) = shortest_cycle(arrows, start) {
            found.push(cycle);
        }
    }
    found
}

fn shortest_cycle(arrows: &Arrows, start: &str) -> Option<Vec<String>> {
    let mut from: BTreeMap<&str, &str> = BTreeMap::new();
    let mut line = std::collections::VecDeque::from([start]);
    while let Some(module) = line.pop_front() {
        for next in arrows
            .get(module)?
            .iter()
            .filter(|next| arrows.contains_key(*next))
        {
            if next == start {
                let mut cycle = vec![start.to_owned(), module.to_owned()];
                let mut at = module;
                while at != start {
                    at = from[at];
                    cycle.push(at.to_owned());
                }
                cycle.reverse();
                if module == start {
                    cycle.pop();
                }
                return Some(cycle);
            }
            if !from.contains_key(next.as_str()) {
                from.insert(next, module);
                line.push_back(next);
            }
        }
    }
    None
}
