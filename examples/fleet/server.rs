//! A Redis of the tests' own.

use std::{
    io::{BufRead, BufReader, ErrorKind, Read},
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

/// A server on a socket in its own folder. It is killed when dropped.
pub(crate) struct Server {
    process: Child,
    pub(crate) url: String,
    _folder: TempDir,
}

// === impl Server ===

impl Server {
    /// Starts a server, and waits until it is ready. `None`, with a word, where Redis is not
    /// installed.
    pub(crate) fn start() -> Option<Self> {
        let folder = TempDir::new().unwrap();
        let socket = folder.path().join("redis.sock");
        let mut command = Command::new("redis-server");
        command.args(["--port", "0", "--save", "", "--unixsocket"]);
        command.arg(&socket).arg("--dir").arg(folder.path());
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = match command.spawn() {
            Ok(process) => process,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                eprintln!("SKIPPED: redis-server is not installed; scripts/test.sh installs it");
                return None;
            }
            Err(error) => panic!("redis-server does not start: {error}"),
        };
        let mut output = BufReader::new(process.stdout.take().unwrap());
        // Versions differ in the first letter, and in what comes before it.
        let is_ready = |line: &str| line.contains("eady to accept connections");
        let mut lines = output.by_ref().lines().map_while(Result::ok);
        assert!(lines.any(|line| is_ready(&line)), "redis-server ended");
        // Its output has to be read, or it blocks one day.
        std::thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
        Some(Self {
            process,
            url: format!("unix://{}", socket.display()),
            _folder: folder,
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
