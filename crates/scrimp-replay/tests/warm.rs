//! `scrimp warm` against a gateway over real sockets.

mod common;
mod shop;

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use common::scrimp;
use serde_json::Value;
use shop::Shop;

fn warm(shop: &Shop, args: &[&str]) -> Value {
    let to = shop.gateway();
    let all: Vec<_> = ["warm", "--json", "--quiet", "--to", &to]
        .iter()
        .chain(args)
        .copied()
        .collect();
    let run = scrimp(&all, b"");
    assert_eq!((run.code, run.err.as_str()), (0, ""), "{}", run.out);
    serde_json::from_str(&run.out).unwrap()
}

fn file(folder: &tempfile::TempDir, name: &str, text: &str) -> String {
    let path = folder.path().join(name);
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

fn pages(count: usize) -> String {
    (0..count).map(|page| format!("/page/{page}\n")).collect()
}

#[test]
fn a_list_is_warmed_once_and_then_costs_nothing() {
    let (shop, folder) = (Shop::start(), tempfile::tempdir().unwrap());
    let list = file(&folder, "list", &pages(20));
    let first = warm(&shop, &[&list, "--price", "0.01"]);
    assert_eq!(
        (&first["stored"], &first["calls"]),
        (&20.into(), &20.into())
    );
    assert_eq!(first["cost"][0], "0.20 USD");
    let second = warm(&shop, &[&list]);
    assert_eq!(
        (&second["fresh"], &second["calls"]),
        (&20.into(), &0.into())
    );
    assert_eq!(shop.calls("/page/"), 20);
}

#[test]
fn each_variant_is_warmed_with_its_fields() {
    let (shop, folder) = (Shop::start(), tempfile::tempdir().unwrap());
    let list = file(&folder, "list", "/vary/1\n");
    let fields = ["accept-language: de", "accept-language: en"];
    let args = [&*list, "--variant", fields[0], "--variant", fields[1]];
    assert_eq!(warm(&shop, &args)["stored"], 2);
    assert_eq!(
        warm(&shop, &[&list, "--header", "Accept-Language: en"])["fresh"],
        1
    );
    assert_eq!(
        warm(&shop, &[&list, "--header", "Accept-Language: fr"])["fresh"],
        0
    );
}

#[test]
fn a_sitemap_is_fetched_through_the_gateway_with_the_host_of_the_site() {
    let shop = Shop::start();
    let result = warm(&shop, &["http://shop.example/sitemap.xml"]);
    assert_eq!(
        (&result["targets"], &result["stored"]),
        (&3.into(), &3.into())
    );
    assert_eq!(result["skipped"]["other_host"], 1);
    assert_eq!((shop.calls("/page/"), shop.calls("/part.xml.gz")), (3, 1));
    assert!(shop.hosts().iter().all(|host| host == "shop.example"));
}

#[test]
fn the_targets_of_a_log_that_cost_most_are_warmed() {
    let (shop, folder) = (Shop::start(), tempfile::tempdir().unwrap());
    let line = |path: &str| {
        format!(
            "1.2.3.4 - - [17/May/2015:10:05:03 +0000] \"GET {path} HTTP/1.1\" 200 12 \"-\" \"u\"\n"
        )
    };
    let mut text = String::new();
    for page in 0..10 {
        text.push_str(&line(&format!("/page/{page}")).repeat(page + 1));
    }
    text.push_str(&line("/page/form").replace("GET", "POST").repeat(50));
    text.push_str(&line("/page/secret?token=x").repeat(50));
    let log = file(&folder, "access.log", &text);
    let result = warm(&shop, &[&log, "--top", "3"]);
    assert_eq!(
        (&result["targets"], &result["stored"]),
        (&3.into(), &3.into())
    );
    for (page, calls) in [
        ("/page/9", 1),
        ("/page/8", 1),
        ("/page/7", 1),
        ("/page/6", 0),
    ] {
        assert_eq!(shop.calls(page), calls, "{page}");
    }
    let to = shop.gateway();
    let run = scrimp(&["warm", &log, "--top", "2", "--to", &to, "--dry-run"], b"");
    assert_eq!(run.out, format!("{to}/page/9\n{to}/page/8\n"));
}

#[test]
fn limits_of_calls_money_and_rate_hold() {
    let (shop, folder) = (Shop::start(), tempfile::tempdir().unwrap());
    let list = file(&folder, "list", &pages(40));
    let result = warm(&shop, &[&list, "--max-calls", "7"]);
    assert_eq!((&result["calls"], &result["left"]), (&7.into(), &33.into()));
    assert_eq!(result["stopped"], "calls");
    let result = warm(&shop, &[&list, "--price", "0.01", "--budget", "0.05"]);
    assert_eq!(
        (&result["calls"], &result["stopped"]),
        (&5.into(), &"budget".into())
    );
    assert_eq!(shop.calls("/page/"), 12);
    let result = warm(&shop, &[&list, "--rate", "50", "--concurrency", "64"]);
    assert_eq!(
        (&result["fresh"], &result["stored"]),
        (&12.into(), &28.into())
    );
    assert!(result["took"].as_f64().unwrap() >= 39.0 / 50.0, "{result}");
}

#[test]
fn a_run_that_was_killed_goes_on_where_it_was() {
    let (shop, folder) = (Shop::start(), tempfile::tempdir().unwrap());
    let list = file(
        &folder,
        "list",
        &format!("{}/held\n{}", pages(5), "/page/a\n/page/b\n"),
    );
    let journal = folder.path().join("journal");
    let journal = journal.to_str().unwrap();
    let to = shop.gateway();
    let mut first = start(&[
        "warm",
        &list,
        "--to",
        &to,
        "--concurrency",
        "1",
        "--price",
        "0.01",
        "--resume",
        journal,
    ]);
    // The sixth request is with the upstream: what came before it is done.
    shop.wait_for_held();
    first.kill().unwrap(); // SIGKILL
    first.wait().unwrap();
    // As if the kill had come in the middle of a line.
    let mut written = fs::read(journal).unwrap();
    written.extend_from_slice(b"0123abcd\tdone\t10");
    fs::write(journal, written).unwrap();
    shop.release();

    let second = warm(&shop, &[&list, "--price", "0.01", "--resume", journal]);
    assert_eq!(
        (&second["requests"], &second["resumed"]),
        (&8.into(), &5.into())
    );
    assert_eq!(
        (&second["earlier_calls"], &second["left"]),
        (&5.into(), &0.into())
    );
    assert_eq!(second["earlier_cost"][0], "0.05 USD");
    for page in 0..5 {
        assert_eq!(shop.calls(&format!("/page/{page}")), 1);
    }
    assert_eq!(shop.calls("/page/a"), 1);
    // It came to its end, and begins anew.
    assert_eq!(warm(&shop, &[&list, "--resume", journal])["resumed"], 0);
}

#[test]
fn a_schedule_warms_again_and_again() {
    let (shop, folder) = (Shop::start(), tempfile::tempdir().unwrap());
    let list = file(&folder, "list", &pages(3));
    let to = shop.gateway();
    let cron = "* * * * * *";
    let mut child = start(&[
        "warm",
        &list,
        "--to",
        &to,
        "--json",
        "--schedule",
        cron,
        "--tz",
        "Asia/Tokyo",
    ]);
    let out = BufReader::new(child.stdout.take().unwrap());
    let runs: Vec<Value> = out
        .lines()
        .take(2)
        .map(|line| serde_json::from_str(&line.unwrap()).unwrap())
        .collect();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(
        (&runs[0]["stored"], &runs[1]["fresh"]),
        (&3.into(), &3.into())
    );
}

#[test]
fn a_server_that_is_not_there_is_reported_with_its_reason_and_exit_code_1() {
    let folder = tempfile::tempdir().unwrap();
    let list = file(&folder, "list", &pages(3));
    let run = scrimp(&["warm", &list, "--to", "http://127.0.0.1:1"], b"");
    assert_eq!(run.code, 1);
    assert!(
        run.out.contains("the first failure: Connection refused"),
        "{}",
        run.out
    );
}

#[test]
fn the_table_says_what_was_warmed_and_what_was_left_out() {
    let (shop, folder) = (Shop::start(), tempfile::tempdir().unwrap());
    let list = file(
        &folder,
        "list",
        "/page/1\n/page/1\n/missing\nhttp://other.example/\n/private\n",
    );
    let run = scrimp(&["warm", &list, "--to", &shop.gateway()], b"");
    assert_eq!(run.code, 0, "{}", run.err);
    for part in [
        "1 named twice, 1 on another host",
        "404 Not Found",
        "stored                         1",
        "name another one by --site",
        "did not store 1 responses",
    ] {
        assert!(run.out.contains(part), "{part}: {}", run.out);
    }
}

#[test]
fn what_cannot_be_used_is_refused_with_what_would_be_right() {
    let folder = tempfile::tempdir().unwrap();
    let list = file(&folder, "list", &pages(1));
    let to = ["--to", "http://127.0.0.1:1"];
    for (args, says) in [
        (vec![], "SOURCE"),
        (vec![&*list], "add --to URL"),
        (vec![&list, "--to", "shop.example"], "https://shop.example"),
        (vec![&list, "--to", "http://a.example/path"], "has a path"),
        (vec![&list, to[0], to[1], "--rate", "0"], "--rate"),
        (vec![&list, to[0], to[1], "--budget", "1"], "--price"),
        (
            vec![&list, to[0], to[1], "--variant", "range: x"],
            "must not ask for a part",
        ),
        (
            vec![&list, to[0], to[1], "--header", "nonsense"],
            "accept-encoding: gzip",
        ),
        (
            vec![&list, to[0], to[1], "--schedule", "often"],
            "--schedule: ",
        ),
        (
            vec![&list, to[0], to[1], "--schedule", "@daily", "--tz", "Mars"],
            "Europe/Berlin",
        ),
        (vec![&list, to[0], to[1], "--tz", "UTC"], "--schedule"),
        (vec!["-", "-", to[0], to[1]], "use one -"),
    ] {
        let args: Vec<_> = ["warm"].into_iter().chain(args).collect();
        let run = scrimp(&args, b"");
        assert_eq!(
            (run.code, run.out.as_str()),
            (2, ""),
            "{args:?}: {}",
            run.err
        );
        assert!(
            run.err.starts_with("error: ") && run.err.contains(says),
            "{}",
            run.err
        );
    }
    let empty = file(&folder, "empty", "# nothing\n");
    let other = file(&folder, "other", "https://other.example/\n");
    let text = file(&folder, "text", "this is no log\n");
    let path = folder.path().to_str().unwrap();
    for (source, says) in [
        ("nowhere", "cannot read nowhere"),
        (path, "it is a directory"),
        (&empty, "it names no URI"),
        (&other, "--site https://HOST"),
        (&text, "none of its 1 lines can be read"),
    ] {
        let run = scrimp(&["warm", source, to[0], to[1]], b"");
        assert_eq!((run.code, run.out.as_str()), (2, ""));
        assert!(run.err.contains(says), "{}", run.err);
    }
}

#[test]
fn a_file_that_is_no_journal_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let list = file(&folder, "list", &pages(1));
    let args = [
        "warm",
        &*list,
        "--to",
        "http://127.0.0.1:1",
        "--resume",
        &*list,
    ];
    let run = scrimp(&args, b"");
    assert_eq!(run.code, 2);
    assert!(
        run.err.contains("is not a journal of scrimp"),
        "{}",
        run.err
    );
    assert_eq!(fs::read_to_string(Path::new(&list)).unwrap(), pages(1));
}

fn start(args: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_scrimp"))
        .args(args)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}
