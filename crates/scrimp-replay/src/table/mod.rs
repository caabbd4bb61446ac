//! The report as a table for a terminal.

mod curve;
mod parts;
mod prefetch;

use std::fmt;

use crate::{
    line::format_time,
    report::{Report, ratio},
    ttl::Ttl,
};
use parts::widths;
use scrimp_demo::support::format::{bytes, count, counted, elapsed, money, percent};

/// Shows a [`Report`] as an aligned table.
///
/// ```
/// use scrimp_replay::{Input, SampleLog, Settings, replay};
///
/// let log = Input::Sample(SampleLog::new().requests(1_000));
/// let report = replay(vec![log], &Settings::new(), &mut ())?;
/// assert!(report.table(false).to_string().contains("upstream calls"));
/// # Ok::<(), scrimp_replay::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Table<'a> {
    report: &'a Report,
    colour: bool,
}

// === impl Report ===

impl Report {
    /// Returns the report for a terminal, with or without ANSI colours.
    #[must_use]
    pub fn table(&self, colour: bool) -> Table<'_> {
        Table {
            report: self,
            colour,
        }
    }
}

// === impl Table ===

impl Table<'_> {
    fn paint(&self, code: &str, text: &str) -> String {
        if self.colour {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }

    fn bold(&self, text: &str) -> String {
        self.paint("1", text)
    }

    fn good(&self, text: &str) -> String {
        self.paint("1;32", text)
    }

    fn head(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report {
            reading,
            requests,
            span,
            ..
        } = self.report;
        writeln!(f, "{}", self.bold(&reading.names()))?;
        writeln!(f, "{} to {}", format_time(span.0), format_time(span.1))?;
        f.write_str(&counted(*requests, "request"))?;
        if reading.left_out > 0 {
            write!(
                f,
                ", {} left out by --method and --status",
                count(reading.left_out)
            )?;
        }
        if reading.other_lines > 0 {
            write!(f, ", {}", counted(reading.other_lines, "other event"))?;
        }
        if reading.bad_lines > 0 {
            let text = format!("{} skipped", counted(reading.bad_lines, "bad line"));
            write!(f, ", {}", self.paint("33", &text))?;
        }
        f.write_str("\n\n")
    }

    fn bill(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = self.report;
        let rows = [
            ["".into(), "without".into(), "with".into(), "saved".into()],
            [
                "upstream calls".into(),
                count(report.requests),
                count(report.upstream_calls),
                count(report.hits()),
            ],
            [
                match report.layers {
                    None => format!("cost at {} each", report.price),
                    Some(_) => format!("cost ({} each without)", report.price),
                },
                money(report.cost_without()),
                money(report.cost_with()),
                money(report.saved()),
            ],
        ];
        let widths = widths(&rows);
        for [name, without, with, saved] in rows {
            // Padded before it is coloured: colour codes have no width.
            let saved = self.good(&format!("{saved:>0$}", widths[3]));
            let (first, second, third) = (widths[0], widths[1], widths[2]);
            writeln!(
                f,
                "{name:<first$}  {without:>second$}  {with:>third$}  {saved}"
            )?;
        }
        Ok(())
    }

    fn facts(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = self.report;
        let hits = report.cache_hits();
        writeln!(
            f,
            "\nhit rate    {} of at most {} (infinite cache, nothing expires)",
            self.good(&percent(ratio(hits, report.requests))),
            percent(report.ceiling()),
        )?;
        writeln!(
            f,
            "reached     {} of what is possible",
            percent(ratio(hits, report.ceiling_hits)),
        )?;
        writeln!(
            f,
            "memory      {} at most, of {}; {} stored responses at the end, {} evicted",
            bytes(report.peak_bytes),
            bytes(report.max_bytes),
            count(report.entries),
            count(report.evicted),
        )?;
        let reasons = report.reasons();
        let reasons = reasons.map(|(reason, number)| format!("{} {reason}", count(number)));
        let reasons: Vec<_> = reasons.collect();
        if !reasons.is_empty() {
            writeln!(f, "not stored  {}", reasons.join(", "))?;
        }
        if let Some(shared) = report.coalesced {
            writeln!(
                f,
                "shared      {} requests joined a call in flight, {} reused its response",
                count(shared.joined),
                count(shared.reused),
            )?;
        }
        if report.logged_latency && report.reading.timed > 0 {
            writeln!(
                f,
                "latency     from the log for {}, otherwise {}",
                counted(report.reading.timed, "request"),
                Ttl::After(report.latency),
            )?;
        }
        writeln!(f, "time taken  {}", elapsed(report.elapsed))
    }

    fn footnotes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reading = &self.report.reading;
        f.write_str("\n")?;
        match self.report.ttl {
            Ttl::None => {
                f.write_str(
                    "Logs contain no Cache-Control: only rules store responses (--ttl none)",
                )?;
            }
            ttl => write!(
                f,
                "Logs contain no Cache-Control: responses are fresh for --ttl {ttl}"
            )?,
        }
        match self.report.rules.as_slice() {
            [] => f.write_str(".\n")?,
            rules => writeln!(f, "; rules: {}.", rules.join("; "))?,
        }
        if self
            .report
            .layers
            .as_ref()
            .is_some_and(|layers| layers.batch.is_some())
        {
            f.write_str(
                "Logs with whole seconds make all requests of a second simultaneous: batches are an \
                 upper bound.\n",
            )?;
        }
        for warning in &reading.warnings {
            writeln!(f, "{}", self.paint("33", &format!("Warning: {warning}.")))?;
        }
        for bad in &reading.bad_line_examples {
            writeln!(f, "Bad line: {}:{}: {}.", bad.input, bad.line, bad.reason)?;
        }
        let more = reading
            .bad_lines
            .saturating_sub(reading.bad_line_examples.len() as u64);
        if more > 0 {
            writeln!(f, "And {} more.", counted(more, "bad line"))?;
        }
        Ok(())
    }
}

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.head(f)?;
        self.bill(f)?;
        self.facts(f)?;
        self.layers(f)?;
        self.stampede(f)?;
        self.fleet(f)?;
        self.prefetch(f)?;
        self.routes(f)?;
        self.curve(f)?;
        self.suggestions(f)?;
        self.footnotes(f)
    }
}
