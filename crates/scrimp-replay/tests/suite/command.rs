//! Output and exit codes of the command.

use crate::common;

use common::{Run, json, scrimp};
use std::io::Write;

const GOOD: &str = r#"10.0.0.1 - - [17/May/2015:10:05:03 +0000] "GET /a HTTP/1.1" 200 12 "-" "ua""#;

/// Checks that wrong usage gives one sentence on standard error, no standard output, and code 2.
fn refused(run: &Run, says: &str) {
    assert_eq!((run.code, run.out.as_str()), (2, ""), "{}", run.err);
    assert!(
        run.err.starts_with("scrimp: ") && run.err.contains(says),
        "{}",
        run.err
    );
    assert_eq!(run.err.lines().count(), 1, "{}", run.err);
}

#[test]
fn inputs_that_cannot_be_read_are_named() {
    refused(&scrimp(&["replay", "no/such.log"], b""), "no/such.log");
    refused(&scrimp(&["replay", "."], b""), "directory");
    refused(&scrimp(&["replay", "-"], b""), "no lines");
    refused(
        &scrimp(&["replay", "-"], b"hello\nworld\n"),
        "none of its 2 lines can be read (line 1",
    );
    refused(
        &scrimp(&["replay", "-", "--method", "PUT"], GOOD.as_bytes()),
        "left out",
    );
    let html = ["replay", "--sample", "--html", "no/such/dir.html"];
    refused(&scrimp(&html, b""), "no/such/dir.html");
}

#[test]
fn bad_lines_are_counted_and_shown_with_their_numbers() {
    let log = format!("{GOOD}\n\nbad\n{GOOD}\r\n{{\"time\":\n{GOOD}");
    let report = json(&["-"], log.as_bytes());
    assert_eq!(report["lines"], 5);
    assert_eq!(report["requests"], 3);
    assert_eq!(report["bad_lines"], 2);
    let examples = report["bad_line_examples"].as_array().unwrap();
    let numbers: Vec<_> = examples
        .iter()
        .map(|bad| bad["line"].as_u64().unwrap())
        .collect();
    assert_eq!(numbers, [3, 5]);
    let table = scrimp(&["replay", "-"], log.as_bytes());
    assert_eq!(table.code, 0);
    assert!(
        table.out.contains("standard input:3: in none"),
        "{}",
        table.out
    );
    assert!(!table.out.contains('\u{1b}'), "colour only on a terminal");
}

#[test]
fn formats_may_be_mixed_and_files_joined() {
    let dir = tempfile::tempdir().unwrap();
    let (plain, zipped) = (dir.path().join("a"), dir.path().join("b"));
    std::fs::write(
        &plain,
        format!("{GOOD}\n{{\"ts\":1431857104,\"uri\":\"/a\",\"status\":200}}\n"),
    )
    .unwrap();
    // Two gzip members, as from `cat a.gz b.gz` and log rotation.
    let mut members = Vec::new();
    for _ in 0..2 {
        let mut gzip = flate2::write::GzEncoder::new(&mut members, flate2::Compression::fast());
        writeln!(gzip, "{GOOD}").unwrap();
        gzip.finish().unwrap();
    }
    std::fs::write(&zipped, &members).unwrap();
    let report = json(&[plain.to_str().unwrap(), zipped.to_str().unwrap()], b"");
    assert_eq!(report["requests"], 4);
    assert_eq!(report["upstream_calls_with"], 1);

    let report = json(&["-"], &members[..members.len() - 4]);
    assert_eq!(report["requests"], 2);
    assert!(
        report["warnings"][0]
            .as_str()
            .unwrap()
            .contains("ends in the middle")
    );
}

/// Returns a text as a command packs it; nothing if the command is absent.
fn packed(command: &str, text: &str) -> Option<Vec<u8>> {
    let mut child = std::process::Command::new(command)
        .arg("-c")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .ok()?;
    child.stdin.take()?.write_all(text.as_bytes()).ok()?;
    let output = child.wait_with_output().ok()?;
    output.status.success().then_some(output.stdout)
}

#[test]
fn a_log_may_be_compressed_in_several_members() {
    for command in ["gzip", "bzip2", "xz", "zstd"] {
        let Some(member) = packed(command, &format!("{GOOD}\n").repeat(1_000)) else {
            println!("{command} is absent");
            continue;
        };
        let report = json(&["-"], &member.repeat(3));
        assert_eq!(report["requests"], 3_000, "{command}");
        assert_eq!(report["bad_lines"], 0, "{command}");

        let cut = [&member[..], &member[..member.len() - 5]].concat();
        let report = json(&["-"], &cut);
        assert!(report["requests"].as_u64() >= Some(1_000), "{command}");
        let warning = report["warnings"][0].as_str().unwrap();
        assert!(
            warning.contains("ends in the middle"),
            "{command}: {warning}"
        );

        let trailing = [&member[..], b"other data, of no compression at all"].concat();
        let report = json(&["-"], &trailing);
        assert_eq!(report["requests"], 1_000, "{command}");
    }
}

#[test]
fn a_file_that_asks_for_more_memory_than_allowed_is_refused() {
    // A frame of zstd whose window has 2 GiB (RFC 8878 §3.1.1.1.2).
    let greedy = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 21 << 3, 0x01, 0x00, 0x00];
    let run = scrimp(&["replay", "-"], &greedy);
    assert_eq!(run.code, 2, "{}", run.err);
}

#[test]
fn filtered_requests_are_counted_as_left_out() {
    let log = format!(
        "{GOOD}\n{}\n{}\n",
        GOOD.replace("GET", "POST"),
        GOOD.replace(" 200 ", " 404 ")
    );
    let report = json(
        &["-", "--method", "get", "--status", "200,304"],
        log.as_bytes(),
    );
    assert_eq!(
        (&report["requests"], &report["left_out"]),
        (&1.into(), &2.into())
    );
}

#[test]
fn money_is_in_the_currency_of_the_price() {
    let log = format!("{GOOD}\n").repeat(4);
    let report = json(&["-", "--price", "2.5 EUR"], log.as_bytes());
    assert_eq!(report["currency"], "EUR");
    assert_eq!(
        (&report["cost_without"], &report["cost_with"]),
        (&10.0.into(), &2.5.into())
    );
    let table = scrimp(&["replay", "-", "--price", "2.5 EUR"], log.as_bytes()).out;
    assert!(table.contains("7.50 EUR"), "{table}");
}

#[test]
fn a_generated_log_replays_equally_from_a_pipe_a_file_and_memory() {
    let log = scrimp(&["sample-log", "--seed", "1", "--requests", "100000"], b"").out;
    assert_eq!(log.lines().count(), 100_000);
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    assert_eq!(scrimp(&["sample-log", "-o", path], b"").code, 0);
    let strip = |mut report: serde_json::Value| {
        report["elapsed_seconds"] = 0.into();
        report["inputs"] = "".into();
        // Tables that are too small evict by hashes with a new key in each process.
        report["curve"] = report["curve"]["sampled"].take();
        report
    };
    let memory = strip(json(&["--sample"], b""));
    assert_eq!(memory, strip(json(&[path, "--host", "log.local"], b"")));
    assert_eq!(
        memory,
        strip(json(&["-", "--host", "log.local"], log.as_bytes()))
    );
    // Sorting in temporary files does not change the result.
    assert_eq!(
        memory,
        strip(json(
            &[path, "--host", "log.local", "--sort-memory", "100KiB"],
            b""
        ))
    );
}

#[test]
fn the_page_is_self_contained_and_shows_the_same_numbers() {
    let hostile = GOOD.replace("/a ", "/<script>alert('x')</script>&\\\" ");
    let log = format!("{GOOD}\n{GOOD}\n{hostile}\n{hostile}\n");
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    let run = scrimp(&["replay", "-", "--html", path], log.as_bytes());
    assert_eq!(run.code, 0, "{}", run.err);
    let page = std::fs::read_to_string(path).unwrap();
    assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"));
    for outside in [
        "http://", "https://", "src=", "<script", "<link", "url(", "@import",
    ] {
        assert!(!page.contains(outside), "{outside}");
    }
    for part in [
        "$0.02",
        "prefers-color-scheme",
        "viewport",
        "<svg",
        "<desc>",
        "<table",
    ] {
        assert!(page.contains(part), "{part}");
    }
}

/// A report names what people asked for.
#[cfg(unix)]
#[test]
fn a_new_report_is_readable_by_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    for command in [&["replay", "-", "--html"][..], &["sample-log", "--output"]] {
        let path = folder.path().join(command[0]);
        let args = [command, &[path.to_str().unwrap()]].concat();
        assert_eq!(scrimp(&args, GOOD.as_bytes()).code, 0);
        let mode = path.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{mode:o}");
    }
}

/// Logs in three formats, with a secret in every place but the path.
fn telling() -> [String; 3] {
    let combined = (0..40).map(|n| {
        format!(
            "10.0.0.{n} - s3cr3t-user [17/May/2015:10:05:{n:02} +0000] \"GET /a?token=s3cr3t-{n}&q=s3cr3t \
             HTTP/1.1\" 200 12 \"http://s3cr3t.example/?token=s3cr3t\" \"agent s3cr3t\"\n"
        )
    });
    let json = (0..40).map(|n| {
        format!(
            "{{\"ts\":{},\"status\":200,\"method\":\"GET\",\"host\":\"a.example\",\"path\":\"/a?token=s3cr3t-{n}\",\
             \"authorization\":\"Bearer s3cr3t\",\"cookie\":\"id=s3cr3t\",\"user\":\"s3cr3t\",\
             \"headers\":{{\"x-api-key\":\"s3cr3t-key\"}},\"latency\":0.2}}\n",
            1_431_857_103 + n
        )
    });
    let bad = "s3cr3t\n{\"s3cr3t\":\nGET /?token=s3cr3t\n".repeat(20);
    [
        combined.collect(),
        json.collect(),
        format!("{GOOD}\n{bad}{GOOD}\n"),
    ]
}

#[test]
fn a_report_in_any_form_holds_no_secret_of_the_log() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    for log in telling() {
        for args in [
            &["--all", "--html", path][..],
            &["--all", "--json"],
            &["--stampede=2s", "--html", path],
            &["--rule", "path=/a query=token ttl=1m", "--all"],
        ] {
            let args = [&["replay", "-"], args].concat();
            let run = scrimp(&args, log.as_bytes());
            assert_eq!(run.code, 0, "{}", run.err);
            let page = std::fs::read_to_string(path).unwrap();
            for (place, text) in [("output", &run.out), ("errors", &run.err), ("page", &page)] {
                let at = text.find("s3cr3t").map(|at| &text[at.saturating_sub(80)..]);
                assert_eq!(at, None, "{place} of {args:?}");
            }
        }
    }
}

#[test]
fn every_table_of_the_page_has_a_form_for_narrow_screens() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    let log = format!("{GOOD}\n").repeat(4);
    let run = scrimp(&["replay", "-", "--all", "--html", path], log.as_bytes());
    assert_eq!(run.code, 0, "{}", run.err);
    let page = std::fs::read_to_string(path).unwrap();
    let narrow = page.split("@media (max-width").nth(1).unwrap();
    let narrow = narrow.split("@media").next().unwrap();
    let tables: Vec<_> = page.split("<table").skip(1).collect();
    assert_eq!(tables.len(), 4);
    for table in tables {
        let class = table
            .strip_prefix(" class=\"")
            .unwrap()
            .split('"')
            .next()
            .unwrap();
        assert!(narrow.contains(&format!(".{class} ")), "{class}");
    }
}

#[test]
fn a_closed_reader_is_not_an_error() {
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_scrimp"))
        .args(["sample-log", "--requests", "1000000"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(
        (output.status.code(), output.stderr.as_slice()),
        (Some(0), &b""[..])
    );
}

#[cfg(unix)]
#[test]
fn the_error_of_sorting_on_disk_names_the_folder() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_scrimp"))
        .args(["replay", "--sample", "--sort-memory", "1KiB"])
        .env("TMPDIR", "/no/such/place")
        .output()
        .unwrap();
    let run = Run {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    };
    refused(&run, "temporary file in /no/such/place");
}
