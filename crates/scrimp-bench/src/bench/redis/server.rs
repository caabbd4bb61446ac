//! A Redis server for the time of a measurement.

use std::{
    io::{BufRead, BufReader},
    net::{Ipv4Addr, TcpListener},
    process::{Child, Command, Stdio},
};

use anyhow::{Context, ensure};
use redis::{Value, aio::MultiplexedConnection, cmd};

/// A server. It ends when dropped.
pub(crate) struct Server(Child);

// === impl Server ===

impl Server {
    /// Starts a server on a socket of this machine.
    pub(crate) fn on_socket(socket: &str) -> anyhow::Result<Self> {
        Self::start(&["--port", "0", "--unixsocket", socket])
    }

    /// Starts a server on a port, and returns its URL.
    pub(crate) fn on_port() -> anyhow::Result<(Self, String)> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        drop(listener);
        let server = Self::start(&["--bind", "127.0.0.1", "--port", &port.to_string()])?;
        Ok((server, format!("redis://127.0.0.1:{port}")))
    }

    fn start(arguments: &[&str]) -> anyhow::Result<Self> {
        let mut server = Command::new("redis-server")
            .args(["--save", ""])
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .context("redis-server is needed")?;
        let output = server.stdout.take().context("its output")?;
        let mut lines = BufReader::new(output).lines().map_while(Result::ok);
        ensure!(
            lines.any(|line| line.to_lowercase().contains("ready to accept connections")),
            "redis-server ended"
        );
        Ok(Self(server))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Returns the seconds of CPU time that a server has taken.
pub(crate) async fn cpu_time(connection: &mut MultiplexedConnection) -> anyhow::Result<f64> {
    let text = info(connection, "cpu").await?;
    let seconds = |name| field(&text, name).and_then(|value| value.parse::<f64>().ok());
    let parts = ["used_cpu_user:", "used_cpu_sys:"].map(seconds);
    let [Some(user), Some(system)] = parts else {
        anyhow::bail!("no CPU time in the reply of Redis");
    };
    Ok(user + system)
}

/// Returns the calls of a command that a server has run.
pub(crate) async fn calls(
    connection: &mut MultiplexedConnection,
    command: &str,
) -> anyhow::Result<u64> {
    let text = info(connection, "commandstats").await?;
    let line = field(&text, &format!("cmdstat_{command}:"));
    let calls = line.and_then(|line| line.strip_prefix("calls=")?.split(',').next()?.parse().ok());
    Ok(calls.unwrap_or(0))
}

async fn info(connection: &mut MultiplexedConnection, part: &str) -> anyhow::Result<String> {
    let mut command = cmd("INFO");
    command.arg(part);
    match connection.send_packed_command(&command).await? {
        Value::BulkString(text) => Ok(String::from_utf8(text)?),
        Value::VerbatimString { text, .. } => Ok(text),
        other => anyhow::bail!("not a text: {other:?}"),
    }
}

fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(name))
}
