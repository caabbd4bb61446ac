//! Shows how the first lines of a log are read.

use std::fmt::{self, Write};

use crate::{
    error::Result,
    input::Input,
    intake::Opened,
    line::{Kind, Parsed, format_time},
    settings::Settings,
};
use scrimp_demo::support::format::count;

/// Reading of the first lines of logs: the format, and the field that states each fact.
///
/// ```
/// use scrimp_replay::{Explanation, Input, Settings};
///
/// let line = r#"{"ts": 1431857103, "RequestPath": "/a?b", "status": 200}"#;
/// let log = Input::Bytes("app.json".into(), line.into());
/// let shown = Explanation::of(vec![log], &Settings::new(), 1)?.to_string();
/// assert!(shown.contains("json") && shown.contains("RequestPath"));
/// # Ok::<(), scrimp_replay::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation(String);

// === impl Explanation ===

impl Explanation {
    /// Reads the first lines of each log, at most 64, and explains this many of them.
    ///
    /// # Errors
    ///
    /// If an input cannot be read.
    pub fn of(inputs: Vec<Input>, settings: &Settings, lines: usize) -> Result<Self> {
        let mut text = String::new();
        for input in inputs {
            let log = Opened::new(input, settings)?;
            // Writing to a string does not fail.
            let _ = log_to(&mut text, log, lines);
        }
        Ok(Self(text))
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn log_to(out: &mut String, mut log: Opened, lines: usize) -> fmt::Result {
    let read = log
        .head
        .iter()
        .filter(|(_, line)| line.as_ref().is_none_or(|line| !line.is_empty()));
    let total = read.count();
    write!(out, "{}: ", log.name)?;
    match log.counts.as_slice() {
        [] => writeln!(out, "no known format in the first {total} lines")?,
        [(format, most), others @ ..] => {
            write!(out, "{format} ({most} of the first {total} lines")?;
            for (format, count) in others {
                write!(out, ", {format} {count}")?;
            }
            out.push_str(")\n");
        }
    }
    for (number, line) in log.head.iter().take(lines) {
        let Some(line) = line else {
            writeln!(out, "\nline {number}: longer than 1 MiB")?;
            continue;
        };
        match log.reader.read(line) {
            Ok(None) => writeln!(out, "\nline {number}: no request of its own")?,
            Err(reason) => writeln!(out, "\nline {number}: {reason}")?,
            Ok(Some(parsed)) => {
                let format = log.reader.last.map_or("?", |format| format.name());
                write!(out, "\nline {}: {format}", count(*number))?;
                for wrapper in log.reader.wrappers.iter().rev() {
                    write!(out, " in {wrapper}")?;
                }
                out.push('\n');
                facts_to(out, &parsed)?;
            }
        }
    }
    out.push('\n');
    Ok(())
}

fn facts_to(out: &mut String, parsed: &Parsed) -> fmt::Result {
    let Parsed { entry, seen } = parsed;
    let request = seen.name(Kind::RequestLine);
    let own = |kind| seen.name(kind).or(request);
    let (path, query) = match entry.target.split_once('?') {
        Some((path, query)) => (path, Some(query.to_owned())),
        None => (entry.target.as_str(), None),
    };
    let latency = entry
        .latency
        .map(|time| humantime::format_duration(time).to_string());
    let agent = Some(&entry.user_agent).filter(|agent| !agent.is_empty());
    let host = Some(&entry.host).filter(|host| !host.is_empty());
    let target = own(Kind::Target);
    let rows = [
        ("time", Some(format_time(entry.time)), seen.name(Kind::Time)),
        ("host", host.cloned(), own(Kind::Host).or(target)),
        ("method", Some(entry.method.clone()), own(Kind::Method)),
        ("path", Some(path.to_owned()), target),
        ("query", query, seen.name(Kind::Query).or(target)),
        (
            "status",
            Some(entry.status.to_string()),
            seen.name(Kind::Status),
        ),
        (
            "bytes",
            Some(entry.bytes.to_string()),
            seen.name(Kind::Bytes),
        ),
        ("latency", latency, seen.name(Kind::Latency)),
        ("agent", agent.cloned(), seen.name(Kind::Agent)),
        // Of an address, only the hash is kept.
        (
            "client",
            (entry.client != 0).then(|| "stated".to_owned()),
            seen.name(Kind::Client),
        ),
    ];
    for (fact, value, name) in rows {
        match value {
            Some(value) => {
                let value = value.replace(char::is_control, "\u{fffd}");
                writeln!(out, "  {fact:<8} {value}  ← {}", name.unwrap_or("assumed"))?;
            }
            None => writeln!(out, "  {fact:<8} not recognised")?,
        }
    }
    Ok(())
}
