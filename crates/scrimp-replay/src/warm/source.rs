//! The sources: lists, sitemaps, access logs.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::Path,
};

use bytes::Bytes;
use flate2::bufread::MultiGzDecoder;
use http::Uri;
use http_body_util::Empty;
use scrimp_warm::Targets;

use super::{
    client::Client,
    plan::{Plan, site_of},
};
use crate::{
    error::{Error, Result},
    input::Input,
    rank::{RankedTarget, rank},
    settings::Settings,
};

/// Bytes from which the kind of a file is detected.
const HEAD: u64 = 1 << 12;
/// Targets of a log that are looked at for each one that is warmed: some are on other hosts.
const SPARE: usize = 4;

/// Failed sitemaps of an index in a file after which no more are fetched.
const MAX_FAILURES: u32 = 20;

/// Kind of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Kind {
    /// A URI or path on each line; # begins a comment
    List,
    /// A sitemap or an index of sitemaps, also in gzip
    Sitemap,
    /// An access log, in any format that `scrimp replay` reads
    Log,
}

/// Reads all sources. Returns the targets, and notes for the user.
pub(super) async fn read(plan: &Plan, client: &Client) -> Result<(Targets, Vec<String>)> {
    let mut targets = Targets::on(&plan.site)?.max(plan.max_targets)?;
    if plan.any_host {
        targets = targets.any_host();
    }
    let mut notes = Vec::new();
    for source in &plan.sources {
        let kind = match plan.kind {
            Some(kind) => kind,
            None => detect(source)?,
        };
        let is_uri = site_of(source).is_some();
        match kind {
            Kind::Sitemap if is_uri => fetch(source, &mut targets, &mut notes, client).await?,
            _ if is_uri => {
                return Err(Error::new(format!(
                    "{source} can only be a sitemap: download other sources, and give the file"
                )));
            }
            Kind::Sitemap => sitemap(plan, source, &mut targets, &mut notes, client).await?,
            Kind::List => targets
                .add_list(open(source)?)
                .map_err(cannot_read(source))?,
            Kind::Log => log(plan, source, &mut targets, &mut notes)?,
        }
    }
    Ok((targets, notes))
}

/// Returns a sentence about why there is nothing to warm.
pub(super) fn nothing(plan: &Plan, targets: &Targets) -> String {
    let names = plan.sources.join(", ");
    let skipped = targets.skipped();
    if skipped.all() == 0 {
        return format!("there is nothing to warm in {names}: it names no URI");
    }
    let example = targets.examples().first();
    let example = example.map_or_else(String::new, |example| format!(" ({example})"));
    let hint = hint(plan, targets).map_or_else(String::new, |hint| format!("; {hint}"));
    format!("there is nothing to warm in {names}: {skipped}{example}{hint}")
}

/// Returns advice if URIs were left out because of their host.
pub(super) fn hint(plan: &Plan, targets: &Targets) -> Option<String> {
    if targets.skipped().other_host == 0 {
        return None;
    }
    let advice = match plan.site_is_stated {
        true => "--any-host warms all",
        false => "name another one by --site https://HOST",
    };
    Some(format!("only URIs on {} are warmed; {advice}", plan.site))
}

async fn fetch(
    source: &str,
    targets: &mut Targets,
    notes: &mut Vec<String>,
    client: &Client,
) -> Result<()> {
    let uri: Uri = source
        .parse()
        .map_err(|error| Error::new(format!("{source} is not a URI: {error}")))?;
    let fetched = targets.fetch_sitemap::<_, Empty<Bytes>>(client.clone(), &uri);
    let report = fetched
        .await
        .map_err(|error| Error::new(error.to_string()))?;
    notes.extend(report.examples);
    let missing = report.failed + report.skipped;
    if missing > 0 {
        notes.push(format!(
            "{} sitemaps were read, {} failed, {} were not fetched (other host, named twice, or too many)",
            report.read, report.failed, report.skipped
        ));
    }
    Ok(())
}

/// Reads a sitemap in a file, and fetches those that it names if it is an index.
async fn sitemap(
    plan: &Plan,
    source: &str,
    targets: &mut Targets,
    notes: &mut Vec<String>,
    client: &Client,
) -> Result<()> {
    let further = targets
        .add_sitemap(source, open(source)?)
        .map_err(|error| Error::new(error.to_string()))?;
    let (mut failures, mut skipped) = (0, 0);
    for place in further {
        let place = match place.as_str() {
            path if path.starts_with('/') => format!("{}{path}", plan.site),
            _ => place,
        };
        let on_site = site_of(&place).is_some_and(|site| plan.any_host || site == plan.site);
        if !on_site || targets.is_full() || failures >= MAX_FAILURES {
            skipped += 1;
        } else if let Err(error) = fetch(&place, targets, notes, client).await {
            failures += 1;
            notes.push(error.to_string());
        }
    }
    if skipped > 0 {
        notes.push(format!(
            "{skipped} sitemaps of {source} were not fetched (other host, or too many)"
        ));
    }
    Ok(())
}

fn log(plan: &Plan, source: &str, targets: &mut Targets, notes: &mut Vec<String>) -> Result<()> {
    let mut settings = Settings::new();
    if let Some(price) = plan.price {
        settings = settings.price(price);
    }
    if let Some(format) = plan.format {
        settings = settings.format(format);
    }
    let input = match source {
        "-" => Input::Stdin,
        path => Input::File(path.into()),
    };
    let most = plan.top.saturating_mul(SPARE);
    let ranking = rank(vec![input], &settings, plan.by, most, &mut ())?;
    let scheme = plan.site.split("://").next().unwrap_or("http");
    let (mut added, mut requests) = (0, 0);
    for target in &ranking.targets {
        if added == plan.top {
            break;
        }
        if targets.add(&reference(scheme, target)) {
            added += 1;
            requests += target.requests;
        }
    }
    let estimate = if ranking.is_estimate { " at least" } else { "" };
    notes.push(format!(
        "{source}: {added} targets, which had{estimate} {requests} of {} requests",
        ranking.reading.lines
    ));
    Ok(())
}

fn reference(scheme: &str, target: &RankedTarget) -> String {
    match target.host.as_str() {
        "" => target.target.clone(),
        host => format!("{scheme}://{host}{}", target.target),
    }
}

/// Detects the kind of a source from its first bytes.
fn detect(source: &str) -> Result<Kind> {
    if site_of(source).is_some() {
        return Ok(Kind::Sitemap);
    }
    if source == "-" {
        return Ok(Kind::List);
    }
    let mut head = Vec::new();
    open(source)?
        .take(HEAD)
        .read_to_end(&mut head)
        .map_err(cannot_read(source))?;
    if head.starts_with(&[0x1f, 0x8b]) {
        let mut text = Vec::new();
        // The end is cut off; what comes before it is enough.
        let _ = MultiGzDecoder::new(&*head)
            .take(HEAD)
            .read_to_end(&mut text);
        head = text;
    }
    Ok(kind_of(&String::from_utf8_lossy(&head)))
}

fn kind_of(head: &str) -> Kind {
    let head = head.trim_start_matches('\u{feff}').trim_start();
    if head.starts_with('<') {
        return Kind::Sitemap;
    }
    let mut lines = head.lines().map(str::trim);
    let first = lines.find(|line| !line.is_empty() && !line.starts_with('#'));
    let is_uri = |line: &str| {
        let begins = line.starts_with('/') || line.starts_with("http");
        begins && !line.contains(char::is_whitespace)
    };
    match first {
        Some(line) if !is_uri(line) => Kind::Log,
        _ => Kind::List,
    }
}

fn open(source: &str) -> Result<Box<dyn BufRead>> {
    if source == "-" {
        return Ok(Box::new(BufReader::new(io::stdin())));
    }
    let path = Path::new(source);
    let file = File::open(path).map_err(cannot_read(source))?;
    if file.metadata().is_ok_and(|meta| meta.is_dir()) {
        return Err(Error::new(format!(
            "cannot read {source}: it is a directory"
        )));
    }
    Ok(Box::new(BufReader::new(file)))
}

fn cannot_read(source: &str) -> impl Fn(io::Error) -> Error {
    move |error| Error::io(format!("cannot read {source}"), error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_told_apart_by_their_first_lines() {
        for (head, kind) in [
            ("<?xml version=\"1.0\"?><urlset>", Kind::Sitemap),
            ("\u{feff}\n <urlset>", Kind::Sitemap),
            ("# pages\n\nhttps://a.example/\n", Kind::List),
            ("/a\n/b\n", Kind::List),
            ("", Kind::List),
            (
                "#Software: IIS\n2026-01-01 00:00:00 GET / - 200\n",
                Kind::Log,
            ),
            (
                "1.2.3.4 - - [01/Jan/2026:00:00:00 +0000] \"GET / HTTP/1.1\" 200 1",
                Kind::Log,
            ),
            ("{\"path\":\"/\"}", Kind::Log),
        ] {
            assert_eq!(kind_of(head), kind, "{head}");
        }
    }
}
