//! What each published crate says of itself.

use std::fs;

use crate::sources::{folders, root};

/// Crates that are not published.
const OURS: [&str; 2] = ["crates/scrimp-bench", "crates/scrimp-testkit"];

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn the_documentation_of_each_crate_has_all_features_and_names_them() {
    for krate in folders("crates") {
        if OURS.contains(&&*krate) {
            continue;
        }
        let manifest = read(&format!("{krate}/Cargo.toml"));
        for line in [
            "[package.metadata.docs.rs]\nall-features = true\nrustdoc-args = [\"--cfg\", \"docsrs\"]\n",
            "description = \"",
            "keywords.workspace = true\n",
            "categories.workspace = true\n",
            "license.workspace = true\n",
        ] {
            assert!(manifest.contains(line), "{krate} lacks {line}");
        }
        if manifest.contains("[features]") {
            let lib = read(&format!("{krate}/src/lib.rs"));
            let names = "#![cfg_attr(docsrs, feature(doc_cfg))]";
            assert!(lib.contains(names), "{krate} lacks {names}");
        }
    }
}
