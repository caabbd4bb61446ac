//! Prefetches at several values of waiting: a table, and a chart of the waiting.

use std::fmt;

use super::{
    chart::{self, Chart, Series},
    parts::Escaped,
};
use crate::{ahead::PrefetchReport, report::Report};

/// Writes the results of prefetching, if it was requested.
pub(super) fn prefetch(f: &mut fmt::Formatter<'_>, report: &Report) -> fmt::Result {
    let Some(prefetch) = &report.prefetch else {
        return Ok(());
    };
    table(f, prefetch, report.requests)?;
    let Some(side) = prefetch.with.last() else {
        return Ok(());
    };
    let timeline = &report.timeline;
    let chart = Chart {
        title: format!(
            "Seconds of waiting per {}, with prefetches at {}",
            chart::length(timeline.seconds),
            side.title()
        ),
        series: [
            Series {
                name: "without",
                class: "without",
                values: &prefetch.without.timeline,
            },
            Series {
                name: "with prefetches",
                class: "with",
                values: &side.waited.timeline,
            },
        ],
        top: None,
        unit: &|value| chart::short(value),
        timeline,
    };
    write!(f, "{chart}")
}

fn table(f: &mut fmt::Formatter<'_>, prefetch: &PrefetchReport, requests: u64) -> fmt::Result {
    f.write_str(
        "<section>\n<h2>Prefetches</h2>\n<div class=\"scroll\">\n<table class=\"numbers\">\n",
    )?;
    for (number, row) in prefetch.rows().iter().enumerate() {
        f.write_str(if number == 0 { "<thead><tr>" } else { "<tr>" })?;
        for (at, cell) in row.iter().enumerate() {
            let cell = Escaped(cell);
            match (number, at) {
                (0, _) => write!(f, "<th scope=\"col\">{cell}</th>")?,
                (_, 0) => write!(f, "<th scope=\"row\">{cell}</th>")?,
                _ => write!(f, "<td>{cell}</td>")?,
            }
        }
        f.write_str(if number == 0 {
            "</tr></thead>\n<tbody>\n"
        } else {
            "</tr>\n"
        })?;
    }
    f.write_str("</tbody>\n</table>\n</div>\n")?;
    for fact in prefetch.facts(requests) {
        writeln!(f, "<p class=\"rule\">{}</p>", Escaped(&fact))?;
    }
    f.write_str("</section>\n")
}
