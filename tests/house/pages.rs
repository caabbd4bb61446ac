//! Programs that pages show are those of the examples.

use std::fs;

use crate::sources::root;

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Returns the part of a program from its imports up to a text.
fn program<'a>(text: &'a str, end: &str) -> &'a str {
    let begin = text.find("use ").expect("imports");
    let end = text.find(end).expect("an end");
    text[begin..end].trim_end()
}

#[test]
fn the_page_of_authentication_shows_the_program_of_its_example() {
    let example = read("examples/behind_auth/main.rs");
    let program = program(&example, "/// A visit: its");
    let page = read("docs/authentication.md");
    let (_, main) = page.split_once(program).expect("the program on the page");
    let main = main.split("```").next().unwrap_or_default();
    assert!(main.contains("async fn main()"), "{main}");
    for rule in [
        "path=/prices ttl=1m auth=shared",
        "path=/orders ttl=1m header=authorization",
    ] {
        assert!(main.contains(rule) && example.contains(rule), "{rule}");
    }
}

#[test]
fn the_first_page_shows_the_programs_of_its_examples() {
    let page = read("docs/start.md");
    for name in ["server", "client", "llm"] {
        let example = read(&format!("examples/start/{name}.rs"));
        let program = program(&example, "#[cfg(test)]");
        assert!(page.contains(program), "{name}");
        assert!(program.lines().count() < 100, "{name} is long");
    }
}

#[cfg(unix)]
#[test]
fn a_script_starts_as_a_page_prints_it() {
    use std::os::unix::fs::PermissionsExt;

    let entries = fs::read_dir(root().join("scripts")).expect("scripts");
    let mut programs = 0;
    for entry in entries {
        let path = entry.expect("a readable folder").path();
        let mode = fs::metadata(&path).expect("a file").permissions().mode();
        if path.is_file() && mode & 0o111 != 0 {
            let text = fs::read(&path).expect("a readable file");
            assert!(
                text.starts_with(b"#!"),
                "{}: begins without `#!`",
                path.display()
            );
            programs += 1;
        }
    }
    assert!(programs > 10, "{programs}");
}
