//! The example over a Redis that the test starts.

use std::{
    io::{BufRead, BufReader, ErrorKind, Read},
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

use crate::story::{Step, tell};

/// A server on a socket in its own folder. It is killed when dropped.
struct Server {
    process: Child,
    url: String,
    _folder: TempDir,
}

// === impl Server ===

impl Server {
    /// Starts a server, and waits until it is ready. `None`, with a word, where Redis is not
    /// installed.
    fn start() -> Option<Self> {
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_purge_on_one_gateway_takes_effect_on_the_other() {
    let Some(server) = Server::start() else {
        return;
    };
    let mut lines = Vec::new();
    let told = tell(&server.url, |step: &Step| lines.push(step.to_string())).await;
    told.unwrap_or_else(|error| panic!("{error}\n{}", lines.join("\n")));
    assert_eq!(lines.len(), 7, "{lines:?}");
    // A second fleet in the same Redis has nothing to do with the first one.
    tell(&server.url, |_| ()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn without_a_redis_the_error_says_so() {
    let nowhere = "unix:///nowhere/redis.sock";
    let error = tell(nowhere, |_| ()).await.unwrap_err().to_string();
    assert!(error.contains(nowhere), "{error}");
}
