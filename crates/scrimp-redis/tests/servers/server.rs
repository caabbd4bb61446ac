//! Redis servers of the tests' own, on loopback.

use std::{
    io::{BufRead, BufReader, ErrorKind},
    net::{Ipv4Addr, TcpListener},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, channel},
};

use parking_lot::Mutex;
use tempfile::TempDir;

/// A server with its own folder. It is killed when dropped.
pub(crate) struct Server {
    pub(crate) port: u16,
    process: Child,
    lines: Mutex<Receiver<String>>,
    folder: TempDir,
    arguments: Vec<String>,
}

// === impl Server ===

impl Server {
    /// Starts a server, and waits until it is ready. `None`, with a word, where Redis is not
    /// installed.
    pub(crate) fn start(arguments: &[&str]) -> Option<Self> {
        Self::start_at(free_port(), arguments)
    }

    /// Starts a server on a port.
    pub(crate) fn start_at(port: u16, arguments: &[&str]) -> Option<Self> {
        let own = ["--bind", "127.0.0.1", "--save", ""];
        let arguments = own.iter().chain(arguments).map(|&text| text.to_owned());
        let folder = TempDir::new().expect("a folder");
        Self::launch(port, folder, arguments.collect())
    }

    /// Starts a sentinel that watches a server under the name `main`.
    pub(crate) fn sentinel(primary: u16) -> Option<Self> {
        let folder = TempDir::new().expect("a folder");
        let settings = format!(
            "sentinel monitor main 127.0.0.1 {primary} 1\n\
             sentinel down-after-milliseconds main 500\n\
             sentinel failover-timeout main 3000\n"
        );
        let file = folder.path().join("sentinel.conf");
        std::fs::write(&file, settings).expect("a file");
        let file = file.to_str().expect("text").to_owned();
        Self::launch(free_port(), folder, vec![file, "--sentinel".to_owned()])
    }

    /// Starts a process. Another test may have taken the port meanwhile: then another one is tried.
    fn launch(mut port: u16, folder: TempDir, arguments: Vec<String>) -> Option<Self> {
        let mut tries = 0;
        let (process, lines) = loop {
            match spawn(port, folder.path(), &arguments)? {
                Ok(started) => break started,
                Err(status) => assert!(tries < 5, "redis-server ended: {status}"),
            }
            tries += 1;
            port = free_port();
        };
        Some(Self {
            port,
            process,
            lines: Mutex::new(lines),
            folder,
            arguments,
        })
    }

    /// Waits until the server writes a line with this text.
    pub(crate) fn wait_for(&self, text: &str) {
        let lines = self.lines.lock();
        assert!(
            lines.iter().any(|line| line.contains(text)),
            "it ended before `{text}`"
        );
    }

    /// Returns the folder of what it saves.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Kills the process, as the kernel does when memory runs out.
    pub(crate) fn kill(&mut self) {
        self.process.kill().expect("it runs");
        self.process.wait().expect("it ends");
    }

    /// Starts it again on the same port, with nothing stored.
    pub(crate) fn restart(&mut self) {
        let started = spawn(self.port, self.folder.path(), &self.arguments);
        let started = started.expect("it is installed");
        let (process, lines) = started.expect("its port is free");
        (self.process, self.lines) = (process, Mutex::new(lines));
    }

    /// Sends a signal, such as STOP.
    pub(crate) fn signal(&self, name: &str) {
        let mut command = Command::new("kill");
        command
            .arg(format!("-{name}"))
            .arg(self.process.id().to_string());
        assert!(command.status().expect("kill is there").success());
    }

    /// Runs a command on a connection of its own.
    pub(crate) fn run(&self, command: &[&str]) -> redis::Value {
        let client = redis::Client::open(self.url()).expect("a URL");
        let mut connection = client.get_connection().expect("it runs");
        let mut line = redis::cmd(command[0]);
        line.arg(&command[1..]);
        line.query(&mut connection).expect("a reply")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener.local_addr().expect("an address").port()
}

type Started = (Child, Receiver<String>);

/// Starts a process. `None` if Redis is not installed; an error if the process ended at once.
fn spawn(port: u16, folder: &Path, arguments: &[String]) -> Option<Result<Started, ExitStatus>> {
    let mut command = Command::new("redis-server");
    command
        .args(arguments)
        .args(["--port", &port.to_string()])
        .arg("--dir")
        .arg(folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut process = match command.spawn() {
        Ok(process) => process,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            eprintln!("SKIPPED: redis-server is not installed; scripts/test.sh installs it");
            return None;
        }
        Err(error) => panic!("redis-server does not start: {error}"),
    };
    let output = process.stdout.take().expect("it is piped");
    let mut output = BufReader::new(output).lines();
    let ready = output.by_ref().map_while(Result::ok).find(|line| {
        line.contains("Ready to accept connections") || line.contains("+monitor master")
    });
    if ready.is_none() {
        return Some(Err(process.wait().expect("it has ended")));
    }
    // Its output has to be read, or it blocks one day.
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in output.map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    Some(Ok((process, lines)))
}
