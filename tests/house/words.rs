//! The page of rules has the words of the rule language, and the reasons for which nothing is stored.

use std::fs;

use crate::sources::root;

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Returns a row of a table without links of the crate's documentation, which a page cannot follow.
fn plain(row: &str) -> String {
    let mut plain = String::new();
    let mut rest = row;
    while let Some((before, code)) = rest.split_once("[`") {
        let (name, behind) = code.split_once("`](").expect("a link");
        let (_, after) = behind.split_once(')').expect("the end of a link");
        match (before.strip_suffix(" ("), after.strip_prefix(')')) {
            // The link is all that stands in the parentheses.
            (Some(before), Some(after)) => {
                plain.push_str(before);
                rest = after;
            }
            _ => {
                plain.push_str(&format!("{before}`{name}`"));
                rest = after;
            }
        }
    }
    plain + rest
}

#[test]
fn the_page_of_rules_has_the_words_as_the_crate_explains_them() {
    let source = read("crates/scrimp-cache/src/rule/mod.rs");
    let page = read("docs/rules.md");
    let rows = source
        .lines()
        .filter_map(|line| line.strip_prefix("/// | `"));
    let rows: Vec<String> = rows.map(|row| plain(&format!("| `{row}"))).collect();
    assert!(rows.len() > 25, "{rows:#?}");
    for row in rows {
        assert!(
            page.lines().any(|line| line == row),
            "not on the page: {row}"
        );
    }
}

#[test]
fn the_page_of_rules_has_each_word_of_cache_status() {
    let reasons = read("crates/scrimp-cache/src/policy/refusal.rs");
    let (_, reasons) = reasons.split_once("reasons! {").expect("the reasons");
    let reasons = reasons.lines().filter(|line| line.contains(" => "));
    let ways = read("crates/scrimp-cache/src/cache_status.rs");
    let (_, ways) = ways.split_once("fn token(self)").expect("the tokens");
    let ways = ways.lines().take_while(|line| *line != "}");
    let page = read("docs/rules.md");
    let mut count = 0;
    for line in reasons
        .chain(ways)
        .filter(|line| !line.trim_start().starts_with("//"))
    {
        if let Some(word) = line.split('"').nth(1) {
            count += 1;
            let named = [format!("`{word}`"), format!("`fwd={word}`")];
            assert!(named.iter().any(|word| page.contains(word)), "{word}");
        }
    }
    assert!(count > 30, "{count} words");
}
