//! Parts of the table below the bill.

use std::fmt;

use super::Table;
use crate::{report::ratio, suggestion::Suggestion, ttl::Ttl};
use scrimp_demo::support::format::{count, money, percent};

/// Number of routes in the table.
const ROUTES: usize = 10;

/// Length above which a route is shortened.
const ROUTE_WIDTH: usize = 48;

// === impl Table ===

impl Table<'_> {
    /// Writes each layer's share, if there are more layers than the cache and shared calls.
    pub(super) fn layers(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(layers) = &self.report.layers else {
            return Ok(());
        };
        let head = ["savings by layer", "calls avoided", "saved", ""].map(str::to_owned);
        let rows: Vec<_> = [head].into_iter().chain(layers.rows()).collect();
        f.write_str("\n")?;
        let [first, second, third, _] = widths(&rows);
        for (at, [name, calls, saved, _]) in rows.iter().enumerate() {
            let line = format!("{name:<first$}  {calls:>second$}  {saved:>third$}");
            let edge = at == 0 || at + 1 == rows.len();
            writeln!(f, "{}", if edge { self.bold(&line) } else { line })?;
        }
        f.write_str("\n")?;
        layers
            .facts()
            .iter()
            .try_for_each(|(name, fact)| writeln!(f, "{name:<10}  {fact}"))
    }

    pub(super) fn stampede(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(stampede) = &self.report.stampede else {
            return Ok(());
        };
        let head = [
            format!("upstream takes {}", Ttl::After(stampede.takes)),
            "cache alone".into(),
            "with stampede protection".into(),
        ];
        let rows = [head].into_iter().chain(stampede.rows());
        let rows: Vec<_> = rows
            .map(|[name, without, with]| [name, without, with, String::new()])
            .collect();
        f.write_str("\n")?;
        let [first, second, third, _] = widths(&rows);
        for (at, [name, without, with, _]) in rows.into_iter().enumerate() {
            let line = format!("{name:<first$}  {without:>second$}  {with:>third$}");
            writeln!(f, "{}", if at == 0 { self.bold(&line) } else { line })?;
        }
        Ok(())
    }

    /// Writes the results of a fleet, without and with a shared tier.
    pub(super) fn fleet(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(fleet) = &self.report.fleet else {
            return Ok(());
        };
        let head = [
            fleet.title(),
            "without a shared tier".into(),
            fleet.shared_title().unwrap_or_default(),
        ];
        let rows: Vec<_> = [head]
            .into_iter()
            .chain(fleet.rows())
            .map(|[name, without, with]| [name, without, with, String::new()])
            .collect();
        f.write_str("\n")?;
        let [first, second, third, _] = widths(&rows);
        for (at, [name, without, with, _]) in rows.into_iter().enumerate() {
            let line = format!("{name:<first$}  {without:>second$}  {with:>third$}");
            let line = line.trim_end();
            writeln!(
                f,
                "{}",
                if at == 0 {
                    self.bold(line)
                } else {
                    line.to_owned()
                }
            )?;
        }
        fleet
            .facts()
            .iter()
            .try_for_each(|fact| writeln!(f, "{fact}"))
    }

    pub(super) fn routes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let routes = self
            .report
            .routes
            .iter()
            .filter(|route| route.saved() > 0)
            .take(ROUTES);
        let mut rows = vec![[
            "highest savings".into(),
            "requests".into(),
            match self.report.layers {
                None => "hit rate".into(),
                Some(_) => "avoided".into(),
            },
            "saved".into(),
        ]];
        rows.extend(routes.map(|route| {
            [
                shorten(&route.route),
                count(route.requests),
                percent(ratio(route.saved(), route.requests)),
                money(self.report.price * route.saved()),
            ]
        }));
        if rows.len() == 1 {
            return Ok(());
        }
        f.write_str("\n")?;
        let [first, second, third, fourth] = widths(&rows);
        for (at, [route, requests, rate, saved]) in rows.into_iter().enumerate() {
            let line =
                format!("{route:<first$}  {requests:>second$}  {rate:>third$}  {saved:>fourth$}");
            writeln!(f, "{}", if at == 0 { self.bold(&line) } else { line })?;
        }
        Ok(())
    }

    pub(super) fn suggestions(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(first) = self.report.suggestions.first() else {
            return Ok(());
        };
        let head = ["suggestions", "hit rate", "flags", ""].map(str::to_owned);
        let rows = self.report.suggestions.iter().map(|suggestion| {
            let Suggestion { change, flags, .. } = suggestion;
            [
                change.clone(),
                suggestion.rates(),
                flags.clone(),
                String::new(),
            ]
        });
        let rows: Vec<_> = [head].into_iter().chain(rows).collect();
        f.write_str("\n")?;
        let [first_width, second, ..] = widths(&rows);
        for (at, [change, rates, flags, _]) in rows.into_iter().enumerate() {
            let line = format!("{change:<first_width$}  {rates:>second$}  {flags}");
            writeln!(f, "{}", if at == 0 { self.bold(&line) } else { line })?;
        }
        writeln!(f, "Tried {}.", first.basis())
    }
}

pub(super) fn widths(rows: &[[String; 4]]) -> [usize; 4] {
    [0, 1, 2, 3].map(|at| {
        let width = |row: &[String; 4]| row[at].chars().count();
        rows.iter().map(width).max().unwrap_or(0)
    })
}

fn shorten(route: &str) -> String {
    match route.char_indices().nth(ROUTE_WIDTH) {
        Some((end, _)) => format!("{}…", &route[..end]),
        None => route.to_owned(),
    }
}
