//! Runs the command as a user does.
#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    reason = "each test file uses a part of it"
)]

use std::{
    io::Write,
    path::PathBuf,
    process::{Command, Stdio},
};

pub struct Run {
    pub code: i32,
    pub out: String,
    pub err: String,
}

pub fn scrimp(args: &[&str], stdin: &[u8]) -> Run {
    let mut child = Command::new(env!("CARGO_BIN_EXE_scrimp"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pipe = child.stdin.take().unwrap();
    let stdin = stdin.to_vec();
    // Written in another thread, because each side could wait for the other.
    let writer = std::thread::spawn(move || {
        let _ = pipe.write_all(&stdin);
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    Run {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Runs a replay with `--json`, and parses its output.
pub fn json(args: &[&str], stdin: &[u8]) -> serde_json::Value {
    let args: Vec<_> = ["replay", "--json"].iter().chain(args).copied().collect();
    let run = scrimp(&args, stdin);
    assert_eq!((run.code, run.err.as_str()), (0, ""));
    serde_json::from_str(&run.out).unwrap()
}

/// Returns the real trace if it is present; otherwise prints that it is absent.
pub fn trace() -> Option<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let trace = root.join("shared/traces/semicomplete-2015-05.log.gz");
    if trace.exists() {
        return Some(trace);
    }
    println!("the real trace is absent: only the generated log is replayed");
    None
}
