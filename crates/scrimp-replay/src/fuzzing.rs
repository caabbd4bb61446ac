//! Entry of this repository's fuzz targets into the reader of log lines.

use http::Request;

use crate::{line, simulated, sort};

/// Facts that a line of a log states.
#[derive(Debug)]
pub struct LogLine {
    time: i64,
    status: u16,
    request: Request<()>,
    survives_sorting: bool,
}

// === impl LogLine ===

impl LogLine {
    /// Reads a line without its line break, as a replay does.
    ///
    /// # Errors
    ///
    /// If the replay would count it as a bad line.
    ///
    /// # Panics
    ///
    /// If a replay could not make the request of a line that it accepts.
    pub fn read(text: &[u8]) -> Result<Self, String> {
        Self::of(&mut line::Reader::new(None), text)
    }

    /// Reads lines one after another, as the lines of one log: some name the columns of others.
    ///
    /// # Panics
    ///
    /// As [`read`](Self::read).
    pub fn read_all<'a>(lines: impl IntoIterator<Item = &'a [u8]>) -> Vec<Result<Self, String>> {
        let mut reader = line::Reader::new(None);
        let lines = lines.into_iter();
        lines.map(|text| Self::of(&mut reader, text)).collect()
    }

    fn of(reader: &mut line::Reader, text: &[u8]) -> Result<Self, String> {
        let parsed = reader.read(text).map_err(|reason| reason.to_string())?;
        let entry = parsed.ok_or("no line of its own")?.entry;
        let request = simulated::request(&entry, "default.example");
        Ok(Self {
            time: entry.time,
            status: entry.status,
            request: request.expect("what was accepted can be requested"),
            survives_sorting: sort::survives(&entry),
        })
    }

    /// Returns its time, in microseconds since 1970.
    #[must_use]
    pub fn time(&self) -> i64 {
        self.time
    }

    /// Returns the status of its response.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Returns the request that a replay makes of it.
    #[must_use]
    pub fn request(&self) -> &Request<()> {
        &self.request
    }

    /// Reports whether it is equal after a way through a temporary file.
    #[must_use]
    pub fn survives_sorting(&self) -> bool {
        self.survives_sorting
    }
}
