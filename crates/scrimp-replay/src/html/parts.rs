//! Parts of the page.

use std::fmt;

use crate::{
    line::format_time,
    report::{Report, ratio},
    ttl::Ttl,
};
use scrimp_demo::support::format::{count, money, percent};

/// Text from a log or a command line, escaped for HTML.
pub(super) struct Escaped<'a>(pub(super) &'a str);

/// A large number with a note.
pub(super) struct Tile {
    pub(super) name: &'static str,
    pub(super) value: String,
    pub(super) note: String,
    pub(super) strong: bool,
}

/// Writes the routes with the highest savings.
pub(super) fn routes(f: &mut fmt::Formatter<'_>, report: &Report) -> fmt::Result {
    let routes: Vec<_> = report
        .routes
        .iter()
        .filter(|route| route.saved() > 0)
        .collect();
    if routes.is_empty() {
        return Ok(());
    }
    let rate_name = match report.layers {
        None => "Hit rate",
        Some(_) => "Avoided",
    };
    write!(
        f,
        "<section>\n<h2>Routes with the highest savings</h2>\n<table class=\"routes\">\n<thead><tr>\
         <th scope=\"col\">Route</th><th scope=\"col\">Requests</th>\
         <th scope=\"col\">Upstream calls</th><th scope=\"col\">{rate_name}</th>\
         <th scope=\"col\">Saved</th></tr></thead>\n<tbody>\n",
    )?;
    for route in routes {
        let rate = ratio(route.saved(), route.requests);
        writeln!(
            f,
            "<tr><th scope=\"row\">{}</th><td data-name=\"Requests\">{}</td>\
             <td data-name=\"Calls\">{}</td>\
             <td data-name=\"{rate_name}\"><span class=\"bar\" style=\"--share:{rate:.3}\"></span>{}</td>\
             <td data-name=\"Saved\">{}</td></tr>",
            Escaped(&route.route),
            count(route.requests),
            count(route.upstream_calls),
            percent(rate),
            money(report.price * route.saved()),
        )?;
    }
    f.write_str("</tbody>\n</table>\n</section>\n")
}

/// Writes the settings that would raise the hit rate.
pub(super) fn suggestions(f: &mut fmt::Formatter<'_>, report: &Report) -> fmt::Result {
    let Some(first) = report.suggestions.first() else {
        return Ok(());
    };
    f.write_str("<section>\n<h2>Suggestions</h2>\n<ul class=\"facts\">\n")?;
    for suggestion in &report.suggestions {
        writeln!(
            f,
            "<li>{}: hit rate {} (<code>{}</code>)</li>",
            Escaped(&suggestion.change),
            suggestion.rates(),
            Escaped(&suggestion.flags),
        )?;
    }
    writeln!(
        f,
        "</ul>\n<p class=\"rule\">Tried {}.</p>\n</section>",
        first.basis()
    )
}

/// Writes the numbers of the charts as a table, for screen readers and for copying.
pub(super) fn numbers(f: &mut fmt::Formatter<'_>, report: &Report) -> fmt::Result {
    let timeline = &report.timeline;
    f.write_str(
        "<details>\n<summary>The numbers behind the charts</summary>\n<div class=\"scroll\">\n\
         <table class=\"numbers\">\n<thead><tr><th scope=\"col\">From</th><th scope=\"col\">Requests</th>\
         <th scope=\"col\">Upstream calls</th><th scope=\"col\">Hit rate</th></tr></thead>\n<tbody>\n",
    )?;
    let mut start = timeline.start;
    for slice in &timeline.slices {
        writeln!(
            f,
            "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{}</td></tr>",
            format_time(start.saturating_mul(crate::line::MICROS)),
            count(slice.requests),
            count(slice.upstream_calls),
            if slice.requests == 0 {
                "–".to_owned()
            } else {
                percent(slice.hit_rate())
            },
        )?;
        start += timeline.seconds;
    }
    f.write_str("</tbody>\n</table>\n</div>\n</details>\n")
}

/// Writes the waiting times, with and without stampede protection.
pub(super) fn waiting(f: &mut fmt::Formatter<'_>, report: &Report) -> fmt::Result {
    let Some(stampede) = &report.stampede else {
        return Ok(());
    };
    write!(
        f,
        "<section>\n<h2>Waiting for an upstream that takes {}</h2>\n<table class=\"waiting\">\n\
         <thead><tr><th scope=\"col\"></th><th scope=\"col\">cache alone</th>\
         <th scope=\"col\">with stampede protection</th></tr></thead>\n<tbody>\n",
        Ttl::After(stampede.takes)
    )?;
    for [name, without, with] in stampede.rows() {
        writeln!(
            f,
            "<tr><th scope=\"row\">{name}</th><td data-name=\"cache alone\">{without}</td>\
             <td data-name=\"with protection\">{with}</td></tr>"
        )?;
    }
    f.write_str("</tbody>\n</table>\n</section>\n")
}

/// Writes the results of a fleet, without and with a shared tier.
pub(super) fn fleet(f: &mut fmt::Formatter<'_>, report: &Report) -> fmt::Result {
    let Some(fleet) = &report.fleet else {
        return Ok(());
    };
    let with = fleet.shared_title();
    write!(
        f,
        "<section>\n<h2>A fleet: {}</h2>\n<table class=\"waiting\">\n\
         <thead><tr><th scope=\"col\"></th><th scope=\"col\">without a shared tier</th>",
        fleet.title()
    )?;
    if let Some(with) = &with {
        write!(f, "<th scope=\"col\">{with}</th>")?;
    }
    f.write_str("</tr></thead>\n<tbody>\n")?;
    for [name, without, shared] in fleet.rows() {
        write!(
            f,
            "<tr><th scope=\"row\">{}</th><td data-name=\"without\">{without}</td>",
            Escaped(&name)
        )?;
        if with.is_some() {
            write!(f, "<td data-name=\"with\">{shared}</td>")?;
        }
        f.write_str("</tr>\n")?;
    }
    f.write_str("</tbody>\n</table>\n")?;
    for fact in fleet.facts() {
        writeln!(f, "<p class=\"rule\">{fact}</p>")?;
    }
    f.write_str("</section>\n")
}

// === impl Tile ===

impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            value,
            note,
            strong,
        } = self;
        let class = if *strong { "tile strong" } else { "tile" };
        writeln!(
            f,
            "<div class=\"{class}\"><h2>{name}</h2><p class=\"value\">{}</p><p>{}</p></div>",
            Escaped(value),
            Escaped(note),
        )
    }
}

// === impl Escaped ===

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some(at) = rest.find(['&', '<', '>', '"', '\'']) {
            f.write_str(&rest[..at])?;
            f.write_str(match rest.as_bytes()[at] {
                b'&' => "&amp;",
                b'<' => "&lt;",
                b'>' => "&gt;",
                b'"' => "&quot;",
                _ => "&#39;",
            })?;
            rest = &rest[at + 1..];
        }
        f.write_str(rest)
    }
}
