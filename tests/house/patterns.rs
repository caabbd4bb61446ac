//! Tests that the page of patterns names.

use std::fs;

use crate::sources::root;

/// Returns crate, file and name of each test on the page, written as "crate, file: name" in code.
fn named(page: &str) -> Vec<[&str; 3]> {
    let codes = page.split('`').skip(1).step_by(2);
    codes
        .filter_map(|code| {
            let (krate, rest) = code.split_once(", ")?;
            let (file, name) = rest.split_once(": ")?;
            file.ends_with(".rs").then_some([krate, file, name])
        })
        .collect()
}

#[test]
fn every_test_that_the_page_of_patterns_names_exists() {
    exist("docs/patterns.md", 30);
}

#[test]
fn every_test_that_the_page_of_compliance_names_exists() {
    exist("docs/compliance.md", 20);
}

/// Checks that the tests that a page names exist, and that there are more than `least`.
fn exist(page: &str, least: usize) {
    let page = fs::read_to_string(root().join(page)).expect("the page");
    let tests = named(&page);
    assert!(tests.len() > least, "{tests:?}");
    for [krate, file, name] in tests {
        let path = match krate {
            "scrimp-tests" => root().join(file),
            _ => root().join("crates").join(krate).join(file),
        };
        let source = fs::read_to_string(&path);
        let source = source.unwrap_or_else(|error| panic!("{krate}, {file}: {error}"));
        assert!(
            source.contains(&format!("fn {name}()")),
            "{krate}, {file}: {name}"
        );
    }
}
