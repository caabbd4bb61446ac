//! A third-party server, as a child process.

use std::{
    env,
    io::{BufRead, BufReader},
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

/// A server that ends with the test.
pub(crate) struct Server {
    child: Child,
    pub(crate) url: String,
}

impl Server {
    /// Starts a script beside the packages that `scripts/batch.sh` has installed.
    pub(crate) fn node(script: &str) -> Self {
        let mut command = Command::new("node");
        command.arg(folder().join(script));
        Self::start(command, |line| {
            Some(line.split_once("listening on ")?.1.trim().to_owned())
        })
    }

    /// Starts CAP with its own command: an OData service from `srv/`.
    pub(crate) fn odata() -> Self {
        let folder = folder();
        let mut command = Command::new("node");
        command.arg(folder.join("node_modules/@sap/cds/bin/serve.js"));
        command.args(["--port", "0"]).current_dir(folder);
        Self::start(command, |line| {
            let port = line.split_once("listening on { url: 'http://localhost:")?.1;
            Some(format!("http://127.0.0.1:{}", port.split('\'').next()?))
        })
    }

    /// Starts aria2, a download program with an RPC interface.
    pub(crate) fn aria2() -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let mut command = Command::new("aria2c");
        command.args([
            "--enable-rpc",
            "--no-conf",
            "--disable-ipv6",
            "--quiet=false",
        ]);
        command.arg(format!("--rpc-listen-port={port}"));
        let url = format!("http://127.0.0.1:{port}");
        Self::start(command, |line| {
            line.contains("listening on TCP port").then(|| url.clone())
        })
    }

    fn start(mut command: Command, ready: impl Fn(&str) -> Option<String>) -> Self {
        let child = command.stdout(Stdio::piped()).spawn();
        let child = child.expect("the program is installed");
        // Made before anything can fail, so that the process is always ended.
        let url = String::new();
        let mut server = Self { child, url };
        let mut output = BufReader::new(server.child.stdout.take().unwrap());
        let mut said = String::new();
        server.url = loop {
            let mut line = String::new();
            let read = output.read_line(&mut line).unwrap();
            assert!(read > 0, "the server did not start; its output:\n{said}");
            if let Some(url) = ready(&line) {
                break url;
            }
            said.push_str(&line);
        };
        // Further output is read, so that the server never waits for a full pipe.
        std::thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
        server
    }
}

fn folder() -> PathBuf {
    let folder = env::var_os("SCRIMP_BATCH_PEERS");
    folder
        .expect("run scripts/batch.sh, which installs the peers and sets SCRIMP_BATCH_PEERS")
        .into()
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
