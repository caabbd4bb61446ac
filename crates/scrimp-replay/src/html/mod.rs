//! The report as one self-contained page: without scripts, fonts and network.

mod chart;
mod curve;
mod parts;
mod prefetch;
mod waterfall;

use std::fmt;

use scrimp_core::Money;

use crate::{
    line::format_time,
    report::{Report, ratio},
    ttl::Ttl,
};
use chart::{Chart, Series};
use curve::curve;
use parts::{Escaped, Tile, fleet, numbers, routes, suggestions, waiting};
use prefetch::prefetch;
use scrimp_demo::support::format::{bytes, count, counted, elapsed, money, percent};
use waterfall::shares;

const STYLE: &str = include_str!("style.css");

/// Shows a [`Report`] as a web page.
#[derive(Debug, Clone, Copy)]
pub struct Html<'a>(&'a Report);

// === impl Report ===

impl Report {
    /// Returns the report as one self-contained web page.
    #[must_use]
    pub fn html(&self) -> Html<'_> {
        Html(self)
    }
}

// === impl Html ===

impl fmt::Display for Html<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = self.0;
        let names = report.reading.names();
        write!(
            f,
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n\
             <meta http-equiv=\"Content-Security-Policy\" \
             content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
             <title>scrimp replay: {}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n",
            Escaped(&names),
        )?;
        self.head(f, &names)?;
        self.tiles(f)?;
        shares(f, report)?;
        self.charts(f)?;
        curve(f, report)?;
        waiting(f, report)?;
        fleet(f, report)?;
        prefetch(f, report)?;
        routes(f, report)?;
        suggestions(f, report)?;
        numbers(f, report)?;
        self.foot(f)?;
        f.write_str("</main>\n</body>\n</html>\n")
    }
}

/// Returns the cost up to each slice, without and with the layers.
fn bills(report: &Report) -> (Vec<f64>, Vec<f64>) {
    let nothing = Money::from_pico(0, report.price.currency());
    let (mut without, mut with) = (nothing, nothing);
    let add = |sum: &mut Money, amount: Money| {
        let next = sum.checked_add(amount);
        *sum = next.expect("a report uses the currency of its price only");
        sum.as_f64()
    };
    let slices = report.timeline.slices.iter();
    let sums = slices.map(|slice| {
        let requests = report.price * slice.requests;
        (add(&mut without, requests), add(&mut with, slice.spent))
    });
    sums.unzip()
}

impl Html<'_> {
    fn head(self, f: &mut fmt::Formatter<'_>, names: &str) -> fmt::Result {
        let report = self.0;
        let Report { reading, span, .. } = report;
        write!(
            f,
            "<header>\n<h1>Savings by {}</h1>\n<p>{}<br>{} to {}",
            if report.layers.is_some() {
                "these layers"
            } else {
                "the cache"
            },
            Escaped(names),
            format_time(span.0),
            format_time(span.1),
        )?;
        if reading.left_out > 0 {
            write!(
                f,
                "; {} left out by method or status",
                counted(reading.left_out, "request")
            )?;
        }
        if reading.other_lines > 0 {
            write!(f, "; {}", counted(reading.other_lines, "other event"))?;
        }
        if reading.bad_lines > 0 {
            write!(f, "; {} skipped", counted(reading.bad_lines, "bad line"))?;
        }
        f.write_str("</p>\n</header>\n")
    }

    fn tiles(self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = self.0;
        let without = money(report.cost_without());
        let tiles = [
            Tile {
                name: "Saved",
                value: money(report.saved()),
                note: format!("{without} without, {} with", money(report.cost_with())),
                strong: true,
            },
            Tile {
                name: "Hit rate",
                value: percent(ratio(report.cache_hits(), report.requests)),
                note: format!("at most {} is possible", percent(report.ceiling())),
                strong: false,
            },
            Tile {
                name: "Upstream calls",
                value: count(report.upstream_calls),
                note: format!("for {}", counted(report.requests, "request")),
                strong: false,
            },
            Tile {
                name: "Memory",
                value: bytes(report.peak_bytes),
                note: format!("at most, of {}", bytes(report.max_bytes)),
                strong: false,
            },
        ];
        f.write_str("<section class=\"tiles\" aria-label=\"Summary\">\n")?;
        tiles.iter().try_for_each(|tile| write!(f, "{tile}"))?;
        f.write_str("</section>\n")
    }

    fn charts(self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = self.0;
        let timeline = &report.timeline;
        let slices = &timeline.slices;
        #[expect(clippy::cast_precision_loss, reason = "a chart")]
        let per_slice = |pick: fn(&crate::Slice) -> u64| -> Vec<f64> {
            slices.iter().map(|slice| pick(slice) as f64).collect()
        };
        let requests = per_slice(|slice| slice.requests);
        let calls = per_slice(|slice| slice.upstream_calls);
        let (bill_without, bill_with) = bills(report);
        let every = format!("per {}", chart::length(timeline.seconds));
        let rate = |slice: &crate::Slice| {
            if slice.requests == 0 {
                f64::NAN
            } else {
                slice.hit_rate()
            }
        };
        let rates: Vec<f64> = slices.iter().map(rate).collect();
        let code = report.price.currency();
        let all = report.layers.is_some();
        let with = if all {
            "with all layers"
        } else {
            "with the cache"
        };
        let rate_name = if all { "calls avoided" } else { "hit rate" };
        let ceiling = "ceiling of the cache for the whole log";
        let ceiling = if all {
            ceiling
        } else {
            "ceiling of the whole log"
        };

        let charts = [
            Chart {
                title: format!("Requests and upstream calls {every}"),
                series: [
                    Series {
                        name: "without",
                        class: "without",
                        values: &requests,
                    },
                    Series {
                        name: with,
                        class: "with",
                        values: &calls,
                    },
                ],
                top: None,
                unit: &|value| chart::short(value),
                timeline,
            },
            Chart {
                title: format!("The bill so far, in {code}"),
                series: [
                    Series {
                        name: "without",
                        class: "without",
                        values: &bill_without,
                    },
                    Series {
                        name: with,
                        class: "with",
                        values: &bill_with,
                    },
                ],
                top: None,
                unit: &|value| chart::short(value),
                timeline,
            },
            Chart {
                title: format!("{} {every}", if all { "Calls avoided" } else { "Hit rate" }),
                series: [
                    Series {
                        name: ceiling,
                        class: "ceiling",
                        values: &vec![report.ceiling(); slices.len()],
                    },
                    Series {
                        name: rate_name,
                        class: "with",
                        values: &rates,
                    },
                ],
                top: Some(1.0),
                unit: &percent,
                timeline,
            },
        ];
        charts.iter().try_for_each(|chart| write!(f, "{chart}"))
    }

    fn foot(self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = self.0;
        let reading = &report.reading;
        f.write_str("<footer>\n<p>")?;
        match report.ttl {
            Ttl::None => {
                f.write_str("Logs contain no Cache-Control: only the rules stored responses.")?;
            }
            ttl => write!(
                f,
                "Logs contain no Cache-Control: responses were fresh for {ttl} unless a rule set \
                 another lifetime."
            )?,
        }
        let reached = percent(ratio(report.cache_hits(), report.ceiling_hits));
        writeln!(
            f,
            " The ceiling is the number of requests that a cache of any size would have answered if \
             nothing expired; {reached} of it was reached. Replayed in {}.</p>",
            elapsed(report.elapsed),
        )?;
        if !report.rules.is_empty() {
            f.write_str("<p>Rules:</p>\n<ul>\n")?;
            for rule in &report.rules {
                writeln!(f, "<li><code>{}</code></li>", Escaped(rule))?;
            }
            f.write_str("</ul>\n")?;
        }
        if reading.bad_lines > 0 || !reading.warnings.is_empty() {
            f.write_str("<p>Unreadable input:</p>\n<ul>\n")?;
            for warning in &reading.warnings {
                writeln!(f, "<li>{}</li>", Escaped(warning))?;
            }
            for bad in &reading.bad_line_examples {
                let input = Escaped(&bad.input);
                writeln!(
                    f,
                    "<li>{input}, line {}: {}</li>",
                    bad.line,
                    Escaped(&bad.reason)
                )?;
            }
            let more = reading
                .bad_lines
                .saturating_sub(reading.bad_line_examples.len() as u64);
            if more > 0 {
                writeln!(f, "<li>and {} more</li>", counted(more, "line"))?;
            }
            f.write_str("</ul>\n")?;
        }
        f.write_str("</footer>\n")
    }
}
