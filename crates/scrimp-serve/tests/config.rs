//! The configuration: its problems, its example and its table.

use scrimp_serve::{Config, ConfigError, settings_in_markdown};

fn problems(text: &str) -> ConfigError {
    Config::parse(text, "gateway.toml").unwrap_err()
}

/// Sections that have no problem.
const GOOD: &str =
    "[[upstream]]\nname = \"shop\"\nurl = \"http://127.0.0.1:9\"\n[[route]]\nupstream = \"shop\"\n";

#[test]
fn all_problems_are_found_at_once_each_in_its_line() {
    let text = "\
[server]
lisen = \"127.0.0.1:80\"
max_body = \"10 potatoes\"
idle_timeout = 60
max_connections = 0

[admin]
listen = \"127.0.0.1:81\"

[cache]
rules = [\"path=/a ttl=5m\", \"pth=/b\"]
mode = \"public\"

[[upstream]]
name = \"shop\"
url = \"http://127.0.0.1:9/path\"

[[upstream]]
name = \"shop\"
url = \"http://127.0.0.1:9\"
rate = \"100/week\"

[[provider]]
name = \"east\"
endpoint = \"https:/nowhere\"
key = \"in clear\"

[[budget]]
name = \"day\"
limit = \"lots\"
provider = \"eats\"

[[route]]
path = \"api\"
upstream = \"shpo\"
methods = [\"get\"]
";
    let error = problems(text);
    let found: Vec<(usize, &str)> = error
        .problems()
        .map(|(line, _, message)| (line, message))
        .collect();
    let lines: Vec<usize> = found.iter().map(|(line, _)| *line).collect();
    for line in [2, 3, 4, 5, 7, 11, 12, 16, 19, 21, 25, 26, 30, 34, 35, 36] {
        assert!(lines.contains(&line), "no problem in line {line}: {error}");
    }
    let shown = error.to_string();
    for part in [
        "gateway.toml:2:1: unknown key `lisen` in [server]",
        "  2 | lisen = \"127.0.0.1:80\"\n    | ^^^^^",
        "did you mean `listen`?",
        "did you mean `shop`?",
        "`key` is a secret, and stands in the file as text",
        "[admin] has no `token`",
    ] {
        assert!(shown.contains(part), "{part:?} is not in:\n{shown}");
    }
    assert!(
        !shown.contains("\"in clear\""),
        "the secret is in the output: {shown}"
    );
}

#[test]
fn a_place_is_counted_in_letters_and_lines() {
    let error = problems(&format!(
        "{GOOD}\n[cache]\n# ö\nmode = \"ö\" \nmemory = true\n"
    ));
    let places: Vec<_> = error
        .problems()
        .map(|(line, column, _)| (line, column))
        .collect();
    assert_eq!(places, [(9, 8), (10, 10)], "{error}");
}

#[test]
fn errors_of_syntax_have_their_lines_too() {
    let error = problems("[server]\nlisten = \n[cache\nmemory = \"1G\"\n");
    let lines: Vec<_> = error.problems().map(|(line, ..)| line).collect();
    assert!(lines.contains(&2) && lines.contains(&3), "{error}");
}

#[test]
fn no_text_makes_the_reader_panic() {
    // Each beginning of a large file, and the file with each byte replaced.
    let text = include_str!("../../../examples/serve/gateway.toml");
    let some = text.char_indices().step_by(97).map(|(at, _)| at);
    for at in some.clone() {
        let _ = Config::parse(&text[..at], "x");
    }
    for at in some {
        let mut changed = text.to_owned();
        changed.replace_range(at..=at, "ö");
        let _ = Config::parse(&changed, "x");
        changed.replace_range(at..at + 2, "[");
        let _ = Config::parse(&changed, "x");
    }
}

#[test]
fn a_secret_is_read_from_a_file_and_is_in_no_output() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, " hush-hush \n").unwrap();
    let admin = |token: &str| format!("{GOOD}[admin]\ntoken = {token}\n");
    let good = Config::parse(&admin(&format!("{{ file = {file:?} }}")), "x").unwrap();
    assert!(!format!("{good:?}").contains("hush"));
    for (token, why) in [
        ("{ file = \"/nowhere/at/all\" }", "cannot read"),
        ("{ env = \"SCRIMP_SERVE_TEST_UNSET\" }", "is not set"),
        ("{ plain = \"\" }", "is empty"),
        ("{ plain = \"a\", env = \"B\" }", "one of"),
        ("{ evn = \"B\" }", "did you mean `env`?"),
    ] {
        let error = problems(&admin(token)).to_string();
        assert!(error.contains(why), "{error}");
    }
}

#[test]
fn settings_that_contradict_each_other_are_refused() {
    for (more, why) in [
        (
            "[admin]\nopen = true\ntoken = { plain = \"a\" }\n",
            "contradict",
        ),
        (
            "[admin]\nopen = true\npurge = true\n",
            "`purge` needs a token",
        ),
        (
            "[server]\nkey = \"/dev/null\"\n",
            "needs `certificates` too",
        ),
        (
            "[cache.redis]\nurl = \"redis://a:b@c\"\n",
            "password in clear",
        ),
        (
            "[cache.redis]\nurl = \"redis://c\"\n[cache.disk]\nfolder = \"x\"\n",
            "together",
        ),
        (
            "[[route]]\nname = \"b\"\nupstream = \"shop\"\nproviders = []\n",
            "both",
        ),
        ("[[route]]\nname = \"b\"\n", "neither"),
        (
            "[[route]]\nname = \"b\"\nupstream = \"shop\"\ncache = false\nstampede = true\n",
            "needs the cache",
        ),
        (
            "[[route]]\nupstream = \"shop\"\n",
            "two [[route]] have the name `/**`",
        ),
        (
            "[[route]]\nname = \"b\"\nupstream = \"shop\"\nbatch = { protocol = \"soap\" }\n",
            "no protocol",
        ),
        (
            "[[route]]\nname = \"b\"\nupstream = \"shop\"\nbatch = { protocol = \"rest\" }\n",
            "has no `path`",
        ),
        (
            "[[tenant]]\nname = \"a\"\nkey = { plain = \"k\" }\n[[tenant]]\nname = \"b\"\nkey = { plain = \"k\" }\n",
            "same key",
        ),
        (
            "[[route]]\nname = \"b\"\nupstream = \"shop\"\nquota_wait = \"1s\"\n",
            "`quota_wait` needs `providers`",
        ),
        (
            "[[provider]]\nname = \"e\"\nendpoint = \"http://e\"\nprice = \"1\"\ncache_read = \"1\"\n",
            "cannot be used together",
        ),
        (
            "[[provider]]\nname = \"e\"\nendpoint = \"http://e\"\nprompt_cache = \"always\"\n",
            "there are `automatic` and `on_request`",
        ),
        (
            "[[provider]]\nname = \"e\"\nendpoint = \"http://e\"\nprompt_cache_lifetime = \"5m\"\n",
            "needs `prompt_cache`",
        ),
        (
            "[[route]]\nname = \"b\"\nupstream = \"shop\"\nrules = [\"ttl=5m\"]\n",
            "`rules` stands in [cache]",
        ),
        ("[cache]\nmemory = 256\n", "hold no response"),
        (
            "[[upstream]]\nname = \"u\"\nurl = \"127.0.0.1:7001\"\n",
            "`url` must be like http://HOST[:PORT]",
        ),
        (
            "[[route]]\nname = \"b\"\nproviders = []\nhedge = \"lots\"\n",
            "`hedge = \"lots\"` cannot be used",
        ),
        (
            "[cache.redis]\nurl = \"redis://c\"\nca = \"Cargo.toml\"\n",
            "`tls_roots`",
        ),
        (
            "[[provider]]\nname = \"e\"\nendpoint = \"http://e\"\n[[budget]]\nname = \"b\"\nlimit = \"1\"\n[[route]]\nname = \"p\"\nproviders = [\"e\"]\n",
            "price",
        ),
    ] {
        let error = problems(&format!("{GOOD}{more}")).to_string();
        assert!(error.contains(why), "{more}\n{error}");
    }
    let error = problems("").to_string();
    assert!(error.contains("nothing is served"), "{error}");
}

#[test]
fn the_example_has_no_problem_but_the_secrets_that_are_not_set() {
    let text = include_str!("../../../examples/serve/gateway.toml");
    let with_secrets = text
        .replace("{ env = \"GATEWAY_TOKEN\" }", "{ plain = \"a\" }")
        .replace("{ env = \"ACME_KEY\" }", "{ plain = \"b\" }")
        .replace("{ env = \"SMALL_KEY\" }", "{ plain = \"c\" }")
        .replace("{ env = \"LARGE_KEY\" }", "{ plain = \"d\" }");
    assert_eq!(Config::parse(&with_secrets, "x").map(drop), Ok(()));
}

#[test]
fn the_page_of_the_docs_has_the_table_of_the_code() {
    let docs = include_str!("../../../docs/serve.md");
    let (_, after) = docs
        .split_once("<!-- settings -->\n")
        .expect("the table begins");
    let (table, _) = after
        .split_once("<!-- end of settings -->")
        .expect("the table ends");
    assert_eq!(
        table.trim(),
        settings_in_markdown().trim(),
        "write it with `scrimp serve --settings`"
    );
}
