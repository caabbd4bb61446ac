//! The page of compatibility names the versions that Cargo.toml and Cargo.lock have.

use std::fs;

use crate::sources::root;

/// Libraries that a reader looks for, each with the manifest that has its lowest version. The lock file
/// beside that has the version of the tests.
const NAMED: [(&str, &str); 16] = [
    ("axum", "Cargo.toml"),
    ("bytes", "Cargo.toml"),
    ("http", "Cargo.toml"),
    ("http-body", "Cargo.toml"),
    ("hyper", "Cargo.toml"),
    ("hyper-util", "Cargo.toml"),
    ("metrics", "Cargo.toml"),
    ("moka", "crates/scrimp-bench/Cargo.toml"),
    ("object_store", "Cargo.toml"),
    ("redis", "Cargo.toml"),
    ("reqwest", "Cargo.toml"),
    ("tokio", "Cargo.toml"),
    ("tower", "Cargo.toml"),
    ("tower-http", "Cargo.toml"),
    ("tower-sessions", "Cargo.toml"),
    ("tracing", "Cargo.toml"),
];

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Returns the lowest version that a manifest allows of a library.
fn lowest(manifest: &str, library: &str) -> String {
    let text = read(manifest);
    let begun = format!("{library} = ");
    let line = text.lines().find_map(|line| line.strip_prefix(&begun));
    let line = line.unwrap_or_else(|| panic!("{library} in {manifest}"));
    let version = match line.split_once("version = ") {
        Some((_, version)) => version,
        None => line,
    };
    let version = version.split('"').nth(1).expect("a version");
    version.to_owned()
}

/// Reports whether a version fits a caret requirement.
fn fits(version: &str, lowest: &str) -> bool {
    let numbers = |text: &str| -> Vec<u64> {
        let numbers = text.split('.').map(|number| number.parse().unwrap_or(0));
        numbers.chain([0, 0]).take(3).collect()
    };
    let (version, lowest) = (numbers(version), numbers(lowest));
    // The first number that is not zero stays.
    let fixed = 1 + lowest.iter().take_while(|number| **number == 0).count();
    version[..fixed.min(3)] == lowest[..fixed.min(3)] && version >= lowest
}

/// Returns the version of a library in the lock file beside a manifest.
fn tested(manifest: &str, library: &str, lowest: &str) -> String {
    let lock = read(&manifest.replace("Cargo.toml", "Cargo.lock"));
    let named = format!("name = \"{library}\"\nversion = \"");
    let versions = lock.split(&named).skip(1);
    let mut versions = versions.filter_map(|rest| rest.split('"').next());
    let version = versions.find(|version| fits(version, lowest));
    let version = version.unwrap_or_else(|| panic!("{library} beside {manifest}"));
    version.to_owned()
}

#[test]
fn the_table_of_versions_is_what_the_manifests_and_lock_files_say() {
    let page = read("docs/compatibility.md");
    let (_, table) = page
        .split_once("| library | lowest | tested |\n")
        .expect("the table");
    let rows = table
        .lines()
        .skip(1)
        .take_while(|line| line.starts_with('|'));
    let rows: Vec<&str> = rows.collect();
    let expected = NAMED.map(|(library, manifest)| {
        let lowest = lowest(manifest, library);
        let tested = tested(manifest, library, &lowest);
        format!("| {library} | {lowest} | {tested} |")
    });
    assert_eq!(rows, expected, "\n{}", expected.join("\n"));
}

#[test]
fn the_table_of_libraries_names_versions_that_were_tried() {
    let page = read("docs/compatibility.md");
    for (library, manifest) in [
        ("axum", "Cargo.toml"),
        ("tower-http", "Cargo.toml"),
        ("reqwest", "Cargo.toml"),
        ("tonic", "tests/ecosystem/Cargo.toml"),
        ("kube", "tests/ecosystem/Cargo.toml"),
        ("jsonrpsee", "tests/ecosystem/Cargo.toml"),
        ("async-openai", "tests/ecosystem/Cargo.toml"),
    ] {
        let begun = format!("| {library} | ");
        let row = page.lines().find_map(|line| line.strip_prefix(&begun));
        let said = row.and_then(|row| row.split(' ').next());
        let said = said.unwrap_or_else(|| panic!("{library} on the page"));
        let tested = tested(manifest, library, &lowest(manifest, library));
        assert!(
            format!("{tested}.").starts_with(&format!("{said}.")),
            "{library}: {tested}"
        );
    }
}

#[test]
fn a_version_fits_up_to_the_next_one_that_breaks() {
    for (version, lowest, expected) in [
        ("1.5.0", "1.2", true),
        ("1.1.9", "1.2", false),
        ("2.0.0", "1.2", false),
        ("0.7.1", "0.7", true),
        ("0.6.11", "0.7", false),
        ("0.8.0", "0.7.1", false),
        ("0.0.3", "0.0.3", true),
        ("0.0.4", "0.0.3", false),
    ] {
        assert_eq!(fits(version, lowest), expected, "{version} {lowest}");
    }
}
