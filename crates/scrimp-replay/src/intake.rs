//! Reads logs, counts unusable lines, and sorts the rest.

use std::{cell::Cell, io, rc::Rc};

use crate::{
    error::{Error, Result},
    input::{Input, Line, Lines, Source, cannot_read},
    line::{self, Entry, Format, Reader},
    progress::Progress,
    recognised::Recognised,
    report::{BadLine, Reading},
    settings::Settings,
    sizes::Footprint,
    sort::{Sorted, Sorter},
    suggest::Params,
};

/// Highest number of bad lines that a report shows.
const MAX_EXAMPLES: usize = 10;

/// Lines between two progress reports.
const STRIDE: u64 = 4096;

/// Lines from which the format is detected, and their highest length together.
const HEAD: usize = 64;
const HEAD_BYTES: usize = 1 << 18;

/// Receiver of the requests in logs.
pub(crate) trait Sink {
    /// Receives a request that the settings do not leave out. Returns false to leave it out all the same.
    fn request(&mut self, entry: &Entry) -> Result<bool>;
}

/// Reads all inputs, one after another, to be replayed.
pub(crate) fn read(
    inputs: Vec<Input>,
    settings: &Settings,
    progress: &mut dyn Progress,
) -> Result<(Reading, Sorted, Content)> {
    let mut kept = Kept {
        content: Content::default(),
        sorter: Sorter::new(settings.sort_memory),
    };
    let reading = read_into(inputs, settings, &mut kept, progress)?;
    let sorted = kept.sorter.finish()?;
    if sorted.count == 0 {
        let why = nothing_in(&reading);
        let names = reading.names();
        return Err(Error::new(format!(
            "there is nothing to replay in {names}: {why}"
        )));
    }
    Ok((reading, sorted, kept.content))
}

/// Reads all inputs, one after another.
pub(crate) fn read_into(
    inputs: Vec<Input>,
    settings: &Settings,
    sink: &mut dyn Sink,
    progress: &mut dyn Progress,
) -> Result<Reading> {
    let mut intake = Intake {
        reading: Reading::default(),
        recognised: Recognised::default(),
        sink,
        reads_fields: settings.reads_fields(),
        settings,
    };
    for input in inputs {
        intake.read(input, progress)?;
    }
    let warnings = intake.recognised.warnings();
    intake.reading.warnings.extend(warnings);
    Ok(intake.reading)
}

/// The purpose of the requests of a log.
#[derive(Debug, Default)]
pub(crate) struct Content {
    pub(crate) params: Params,
    pub(crate) footprint: Footprint,
}

/// An opened log, its first lines, and the reader for its format.
pub(crate) struct Opened {
    pub(crate) name: String,
    lines: Lines<Box<dyn io::BufRead>>,
    compressed: bool,
    size: Option<u64>,
    position: Rc<Cell<u64>>,
    pub(crate) reader: Reader,
    /// The first lines with their numbers; nothing for one that is too long.
    pub(crate) head: Vec<(u64, Option<Vec<u8>>)>,
    /// Number of those lines that each format reads.
    pub(crate) counts: Vec<(Format, usize)>,
    /// The log ended, or broke off, within them.
    ended: Option<io::Result<()>>,
}

/// Requests that are sorted, to be replayed.
struct Kept {
    content: Content,
    sorter: Sorter,
}

struct Intake<'a> {
    reading: Reading,
    recognised: Recognised,
    sink: &'a mut dyn Sink,
    /// Flag that a rule reads header fields, so that user agents are kept.
    reads_fields: bool,
    settings: &'a Settings,
}

// === impl Opened ===

impl Opened {
    /// Opens a log, and detects the format of its lines.
    pub(crate) fn new(input: Input, settings: &Settings) -> Result<Self> {
        let name = input.name();
        let source = Source::open(input)?;
        let (compressed, size, position) = (source.compressed, source.size, source.position());
        let mut lines = Lines::new(source.reader);
        let mut head = Vec::new();
        let mut bytes = 0;
        let mut ended = None;
        while ended.is_none() && head.len() < HEAD && bytes < HEAD_BYTES {
            match lines.next() {
                Ok(Some((number, Line::Text(text)))) => {
                    bytes += text.len();
                    head.push((number, Some(text.to_vec())));
                }
                Ok(Some((number, Line::TooLong))) => head.push((number, None)),
                Ok(None) => ended = Some(Ok(())),
                Err(error) => ended = Some(Err(error)),
            }
        }
        let mut reader = Reader::new(settings.format);
        let counts = reader.detect(&head.iter().filter_map(|(_, line)| line.as_deref()));
        Ok(Self {
            name,
            lines,
            compressed,
            size,
            position,
            reader,
            head,
            counts,
            ended,
        })
    }
}

// === impl Kept ===

impl Sink for Kept {
    fn request(&mut self, entry: &Entry) -> Result<bool> {
        self.content.params.note(&entry.target);
        self.content.footprint.note(entry);
        self.sorter.push(entry)?;
        Ok(true)
    }
}

// === impl Intake ===

impl Intake<'_> {
    fn read(&mut self, input: Input, progress: &mut dyn Progress) -> Result<()> {
        let generated = matches!(input, Input::Sample(_));
        let mut log = Opened::new(input, self.settings)?;
        self.recognised.begin(generated || self.settings.one_host);
        for (number, text) in std::mem::take(&mut log.head) {
            let line = text.as_deref().map_or(Line::TooLong, Line::Text);
            self.line(&mut log.reader, &log.name, number, &line)?;
        }
        progress.reading(&log.name, log.position.get(), log.size);
        let mut ended = log.ended.take();
        while ended.is_none() {
            if log.lines.number.is_multiple_of(STRIDE) {
                progress.reading(&log.name, log.position.get(), log.size);
            }
            match log.lines.next() {
                Ok(None) => ended = Some(Ok(())),
                Ok(Some((number, line))) => {
                    self.line(&mut log.reader, &log.name, number, &line)?;
                }
                Err(error) => ended = Some(Err(error)),
            }
        }
        match ended {
            Some(Err(error)) if log.compressed && is_damage(&error) => {
                let warning = damage(&log.name, log.lines.number, &error);
                self.reading.warnings.push(warning);
            }
            Some(Err(error)) => return Err(cannot_read(&log.name, error)),
            _ => {}
        }
        self.recognised.end(&log.name);
        self.reading.inputs.push(log.name);
        Ok(())
    }

    fn line(
        &mut self,
        reader: &mut Reader,
        name: &str,
        number: u64,
        line: &Line<'_>,
    ) -> Result<()> {
        let parsed = match line {
            Line::Text([]) => return Ok(()),
            Line::Text(text) => reader.read(text),
            Line::TooLong => Err(line::BadLine::TooLong),
        };
        let reading = &mut self.reading;
        match parsed {
            Ok(None) => {}
            Ok(Some(mut parsed)) => {
                if !self.reads_fields {
                    parsed.entry.user_agent = String::new();
                }
                reading.lines += 1;
                self.recognised.note(&parsed);
                reading.timed += u64::from(parsed.entry.latency.is_some());
                let counts = self.settings.counts(&parsed.entry);
                if !(counts && self.sink.request(&parsed.entry)?) {
                    reading.left_out += 1;
                }
            }
            Err(line::BadLine::Event) => {
                reading.lines += 1;
                reading.other_lines += 1;
            }
            Err(reason) => {
                reading.lines += 1;
                reading.bad_lines += 1;
                if reading.bad_line_examples.len() < MAX_EXAMPLES {
                    let reason = reason.to_string();
                    let example = BadLine {
                        input: name.to_owned(),
                        line: number,
                        reason,
                    };
                    reading.bad_line_examples.push(example);
                }
            }
        }
        Ok(())
    }
}

/// Reports whether a compressed file is damaged, as opposed to an error of the disk.
fn is_damage(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(
        error.kind(),
        Kind::UnexpectedEof | Kind::InvalidData | Kind::InvalidInput
    )
}

fn damage(name: &str, lines: u64, error: &io::Error) -> String {
    let what = match error.kind() {
        io::ErrorKind::UnexpectedEof => "ends in the middle of its compressed data",
        _ => "is damaged, or has other data than its compression at its end",
    };
    format!("{name} {what}: the {lines} lines before that were used")
}

/// Returns the reason why logs have no request that counts.
pub(crate) fn nothing_in(reading: &Reading) -> String {
    let why = match (
        reading.lines,
        reading.left_out,
        reading.bad_line_examples.first(),
    ) {
        (0, ..) => "it has no lines".to_owned(),
        (lines, 0, Some(bad)) => format!(
            "none of its {lines} lines can be read (line {} of {}: {})",
            bad.line, bad.input, bad.reason
        ),
        (lines, 0, None) => format!("none of its {lines} lines is a request"),
        (_, left_out, _) => {
            format!("--method and --status left out all of its {left_out} requests")
        }
    };
    let warning = reading
        .warnings
        .first()
        .map(|text| format!("; {text}"))
        .unwrap_or_default();
    format!("{why}{warning}")
}
