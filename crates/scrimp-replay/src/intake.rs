//! Reads logs, counts unusable lines, and sorts the rest.

use std::io;

use crate::{
    error::{Error, Result},
    input::{Input, Line, Lines, Source, cannot_read},
    line,
    progress::Progress,
    report::{BadLine, Reading},
    settings::Settings,
    sort::{Sorted, Sorter},
};

/// Highest number of bad lines that a report shows.
const MAX_EXAMPLES: usize = 10;

/// Lines between two progress reports.
const STRIDE: u64 = 4096;

/// Reads all inputs, one after another.
pub(crate) fn read(
    inputs: Vec<Input>,
    settings: &Settings,
    progress: &mut dyn Progress,
) -> Result<(Reading, Sorted)> {
    let mut intake = Intake {
        reading: Reading::default(),
        sorter: Sorter::new(settings.sort_memory),
        settings,
    };
    for input in inputs {
        intake.read(input, progress)?;
    }
    let Intake {
        reading, sorter, ..
    } = intake;
    let sorted = sorter.finish()?;
    if sorted.count == 0 {
        return Err(Error::new(nothing_to_replay(&reading)));
    }
    Ok((reading, sorted))
}

struct Intake<'a> {
    reading: Reading,
    sorter: Sorter,
    settings: &'a Settings,
}

// === impl Intake ===

impl Intake<'_> {
    fn read(&mut self, input: Input, progress: &mut dyn Progress) -> Result<()> {
        let name = input.name();
        let source = Source::open(input)?;
        let (gzip, size, position) = (source.gzip, source.size, source.position());
        let mut lines = Lines::new(source.reader);
        loop {
            if lines.number.is_multiple_of(STRIDE) {
                progress.reading(&name, position.get(), size);
            }
            let number = lines.number + 1;
            match lines.next() {
                Ok(None) => break,
                Ok(Some(line)) => self.line(&name, number, &line)?,
                Err(error) if gzip && is_damage(&error) => {
                    self.reading
                        .warnings
                        .push(damage(&name, lines.number, &error));
                    break;
                }
                Err(error) => return Err(cannot_read(&name, error)),
            }
        }
        self.reading.inputs.push(name);
        Ok(())
    }

    fn line(&mut self, name: &str, number: u64, line: &Line<'_>) -> Result<()> {
        let parsed = match line {
            Line::Text([]) => return Ok(()),
            Line::Text(text) => line::parse(text),
            Line::TooLong => Err(line::BadLine::TooLong),
        };
        let reading = &mut self.reading;
        reading.lines += 1;
        match parsed {
            Ok(entry) if !self.settings.counts(&entry) => reading.left_out += 1,
            Ok(entry) => self.sorter.push(&entry)?,
            Err(reason) => {
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
        _ => "is damaged, or has other data than gzip at its end",
    };
    format!("{name} {what}: the {lines} lines before that were used")
}

fn nothing_to_replay(reading: &Reading) -> String {
    let names = reading.names();
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
        (_, left_out, _) => {
            format!("--method and --status left out all of its {left_out} requests")
        }
    };
    let warning = reading
        .warnings
        .first()
        .map(|text| format!("; {text}"))
        .unwrap_or_default();
    format!("there is nothing to replay in {names}: {why}{warning}")
}
