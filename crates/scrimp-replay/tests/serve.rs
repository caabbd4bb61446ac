//! `scrimp serve` as a process: its check, its signals.

#![cfg(unix)]

mod common;

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::{Child, ChildStderr, ChildStdout, Command, Stdio},
    thread,
};

use common::scrimp;

fn upstream() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let mut lines = BufReader::new(&stream);
                loop {
                    let mut line = String::new();
                    while line != "\r\n" {
                        line.clear();
                        if lines.read_line(&mut line).unwrap_or(0) == 0 {
                            return;
                        }
                    }
                    let answer =
                        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncache-control: no-store\r\n\r\nok";
                    if (&stream).write_all(answer.as_bytes()).is_err() {
                        return;
                    }
                }
            });
        }
    });
    port
}

fn config(port: u16, timeout: u32) -> String {
    format!(
        "[server]\nlisten = \"127.0.0.1:0\"\n[admin]\nlisten = \"127.0.0.1:0\"\nopen = true\n\
         [[upstream]]\nname = \"shop\"\nurl = \"http://127.0.0.1:{port}\"\ntimeout = \"{timeout}s\"\n\
         [[route]]\nupstream = \"shop\"\n"
    )
}

struct Gateway {
    child: Child,
    address: String,
    log: BufReader<ChildStderr>,
    _out: BufReader<ChildStdout>,
}

impl Gateway {
    fn start(file: &str) -> Self {
        let command = Command::new(env!("CARGO_BIN_EXE_scrimp"))
            .args(["serve", file])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = command.unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let address = line
            .trim()
            .strip_prefix("listening on ")
            .unwrap()
            .to_owned();
        Self {
            child,
            address,
            log,
            _out: out,
        }
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args([name, &id])
                .status()
                .unwrap()
                .success()
        );
    }

    /// Waits for a line of the log.
    fn logged(&mut self, part: &str) {
        let mut line = String::new();
        while !line.contains(part) {
            line.clear();
            assert!(
                self.log.read_line(&mut line).unwrap() > 0,
                "the log ended before {part:?}"
            );
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn sighup_reloads_on_open_connections_and_sigterm_ends() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gateway.toml");
    let port = upstream();
    fs::write(&file, config(port, 10)).unwrap();
    let mut gateway = Gateway::start(file.to_str().unwrap());
    let stream = TcpStream::connect(&gateway.address).unwrap();
    let mut lines = BufReader::new(stream.try_clone().unwrap());
    let mut get = || {
        (&stream)
            .write_all(b"GET /x HTTP/1.1\r\nhost: a\r\n\r\n")
            .unwrap();
        let (mut status, mut line) = (String::new(), String::new());
        lines.read_line(&mut status).unwrap();
        while line != "\r\n" {
            line.clear();
            assert!(lines.read_line(&mut line).unwrap() > 0, "{status}");
        }
        let mut body = [0; 2];
        lines.read_exact(&mut body).unwrap();
        assert!(status.starts_with("HTTP/1.1 200"), "{status}");
    };
    get();
    for reload in 0..5 {
        fs::write(&file, config(port, 11 + reload)).unwrap();
        gateway.signal("-HUP");
        gateway.logged("reloaded");
        get();
    }
    fs::write(&file, "[[route]]\nupstream = 1\n").unwrap();
    gateway.signal("-HUP");
    gateway.logged("stays as it was");
    gateway.logged("gateway.toml:2:12");
    get();
    gateway.signal("-TERM");
    assert!(gateway.child.wait().unwrap().success());
}

#[test]
fn a_check_prints_all_problems_and_exits_with_1() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gateway.toml");
    let name = file.to_str().unwrap();
    fs::write(&file, config(1, 10)).unwrap();
    let good = scrimp(&["serve", name, "--check"], b"");
    assert_eq!((good.code, good.err.as_str()), (0, ""));
    fs::write(&file, "[server]\nlisten = 1\n[[route]]\nupstrem = \"a\"\n").unwrap();
    let bad = scrimp(&["serve", name, "--check"], b"");
    assert_eq!((bad.code, bad.out.as_str()), (1, ""));
    assert!(
        bad.err.contains("toml:2:10") && bad.err.contains("toml:4:1"),
        "{}",
        bad.err
    );
    let missing = scrimp(&["serve", "/nowhere.toml"], b"");
    assert_eq!(missing.code, 1);
    assert!(
        missing.err.contains("/nowhere.toml: cannot be read"),
        "{}",
        missing.err
    );
    let settings = scrimp(&["serve", "--settings"], b"");
    assert!(settings.out.contains("| `max_body` |"), "{}", settings.out);
}
