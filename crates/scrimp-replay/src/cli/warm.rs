//! Arguments of `scrimp warm`, and its run.

use std::{
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use clap::Args;
use http::Uri;
use scrimp_core::Money;
use scrimp_warm::Schedule;

use super::values::price;
use crate::{
    error::{Error, Result},
    line::Format,
    rank::RankBy,
    warm::{Kind, Plan, list, site_of, warm},
};

pub(super) const WARM_HELP: &str = "\
Asks a cache, such as a gateway or a CDN, for what callers will ask for. Sources are lists of URIs or
paths, sitemaps (files, or URIs of them, indexes and gzip too) and access logs, of which the targets
that cost most are warmed. What is fresh in the cache is not fetched again by it, and costs nothing.

Rates and budgets hold for each run. Refusals (429, or 503 with Retry-After) make it wait. Errors are
counted by status. Exit code 1: no request was of use.

Examples:
  scrimp warm https://shop.example/sitemap.xml --rate 20
  scrimp warm pages.txt --to http://127.0.0.1:8080 --site https://shop.example
  scrimp warm access.log --top 500 --to http://127.0.0.1:8080 --price 0.002 --budget 1
  scrimp warm access.log --top 20 --site https://shop.example --dry-run
  scrimp warm pages.txt --to https://shop.example --variant 'accept-encoding: gzip, deflate, br, zstd'
      --variant 'accept-encoding: gzip' --resume warm.journal
  scrimp warm pages.txt --to https://shop.example --schedule '*/10 7-9 * * MON-FRI' --tz Europe/Berlin";

#[derive(Debug, Args)]
pub(super) struct WarmArgs {
    /// Lists of URIs, sitemaps, access logs; - is a list from standard input
    #[arg(value_name = "SOURCE", required = true)]
    sources: Vec<String>,
    /// Kind of the sources, if its detection fails
    #[arg(long, value_name = "KIND")]
    from: Option<Kind>,
    /// Server to send requests to, such as a gateway; their Host stays that of the URI [default: the site]
    #[arg(long, value_name = "URL", value_parser = server)]
    to: Option<Uri>,
    /// Site whose URIs are warmed; paths are on it [default: that of the first source, or --to]
    #[arg(long, value_name = "URL", value_parser = server)]
    site: Option<Uri>,
    /// Warm URIs of other hosts too; all requests go to --to
    #[arg(long, requires = "to")]
    any_host: bool,
    /// Number of targets of each access log
    #[arg(long, value_name = "COUNT", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    top: u32,
    /// Rank the targets of logs by the time that their responses took, instead of by their number
    #[arg(long)]
    by_time: bool,
    /// Format of the lines of logs, if its detection fails
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,
    /// Highest number of targets
    #[arg(long, value_name = "COUNT", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    max_targets: u32,
    /// Requests in flight at a time
    #[arg(long, value_name = "COUNT", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=1_024))]
    concurrency: u16,
    /// Most requests in a second, without bursts
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
    /// Most calls: requests that the cache does not answer
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    max_calls: Option<u64>,
    /// Cost of a call: dollars, or with a currency code, as in "0.02 EUR"
    #[arg(long, value_parser = price, allow_negative_numbers = true)]
    price: Option<Money>,
    /// Stop before all calls cost more than this
    #[arg(long, value_name = "MONEY", value_parser = price, requires = "price", allow_negative_numbers = true)]
    budget: Option<Money>,
    /// Field of all requests, such as "user-agent: warmer"
    #[arg(long = "header", value_name = "FIELD", value_parser = field)]
    headers: Vec<(String, String)>,
    /// Value of a field by which responses vary, such as "accept-encoding: gzip": each URI is asked for with
    /// each value, and with each combination if there are several fields
    #[arg(long = "variant", value_name = "FIELD", value_parser = field)]
    variants: Vec<(String, String)>,
    /// Longest time of a request
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = humantime::parse_duration)]
    timeout: Duration,
    /// Longest time that a refusal may make it wait
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = humantime::parse_duration)]
    max_pause: Duration,
    /// Write what is done to this file; after a kill, go on where it was
    #[arg(long, value_name = "FILE")]
    resume: Option<PathBuf>,
    /// Warm at these times until the process ends: a cron expression, such as "*/10 7-9 * * MON-FRI"
    #[arg(long, value_name = "CRON")]
    schedule: Option<String>,
    /// Time zone of --schedule, such as Europe/Berlin
    #[arg(
        long,
        value_name = "ZONE",
        default_value = "UTC",
        requires = "schedule"
    )]
    tz: String,
    /// Begin this long before each time of --schedule
    #[arg(long, value_name = "TIME", requires = "schedule", value_parser = humantime::parse_duration)]
    before: Option<Duration>,
    /// Begin later than that by a random time up to this
    #[arg(long, value_name = "TIME", requires = "schedule", value_parser = humantime::parse_duration)]
    jitter: Option<Duration>,
    /// Print the URIs that would be warmed, as a list, and warm none
    #[arg(long, conflicts_with_all = ["schedule", "json"])]
    dry_run: bool,
    /// Print one JSON object for each run instead of the table
    #[arg(long)]
    json: bool,
    /// Show no progress
    #[arg(long, short)]
    quiet: bool,
}

// === impl WarmArgs ===

impl WarmArgs {
    /// Returns what is to be warmed.
    pub(super) fn plan(&self) -> Result<Plan> {
        if self.sources.iter().filter(|source| *source == "-").count() > 1 {
            return Err(Error::new(
                "standard input can be read only once: use one -",
            ));
        }
        if self.schedule.is_some() && self.sources.iter().any(|source| source == "-") {
            return Err(Error::new(
                "standard input can be read only once, and --schedule reads its sources each time",
            ));
        }
        let named = self.sources.iter().find_map(|source| site_of(source));
        let stated = self.site.as_ref().map(shown).or(named);
        let site = stated.clone().or(self.to.as_ref().map(shown));
        let site = site.ok_or_else(|| {
            Error::new(
                "no server is named: add --to URL, such as --to https://shop.example or --to \
                 http://127.0.0.1:8080",
            )
        })?;
        let to = self.to.clone().map_or_else(|| server(&site), Ok);
        let plan = Plan {
            sources: self.sources.clone(),
            kind: self.from,
            to: to.map_err(Error::new)?,
            site_is_stated: stated.is_some(),
            site,
            any_host: self.any_host,
            top: usize::try_from(self.top).unwrap_or(usize::MAX),
            by: if self.by_time {
                RankBy::Time
            } else {
                RankBy::Cost
            },
            format: self.format,
            max_targets: usize::try_from(self.max_targets).unwrap_or(usize::MAX),
            concurrency: self.concurrency.into(),
            rate: self.rate,
            max_calls: self.max_calls,
            price: self.price,
            budget: self.budget,
            headers: self.headers.clone(),
            variants: self.variants.clone(),
            timeout: self.timeout,
            max_pause: self.max_pause,
            resume: self.resume.clone(),
            schedule: self.schedule()?,
            quiet: self.quiet,
        };
        plan.builder().build()?;
        Ok(plan)
    }

    fn schedule(&self) -> Result<Option<Schedule>> {
        let Some(cron) = &self.schedule else {
            return Ok(None);
        };
        let mut schedule = Schedule::new(cron, &self.tz).map_err(|error| {
            let flag = match error.setting() {
                "zone" => "--tz",
                _ => "--schedule",
            };
            Error::new(format!("{flag}: {error}"))
        })?;
        if let Some(time) = self.before {
            schedule = schedule.before(time)?;
        }
        if let Some(time) = self.jitter {
            schedule = schedule.jitter(time)?;
        }
        Ok(Some(schedule))
    }

    /// Warms, or prints what would be warmed.
    pub(super) fn run(&self, plan: &Plan) -> Result<ExitCode> {
        if self.dry_run {
            let targets = list(plan)?;
            let lines = targets.uris().iter().map(|uri| format!("{uri}\n"));
            print(&lines.collect::<String>())?;
            return Ok(ExitCode::SUCCESS);
        }
        let mut code = ExitCode::SUCCESS;
        warm(plan, |warmed| {
            if warmed.is_in_vain() {
                code = ExitCode::FAILURE;
            }
            let text = if self.json {
                let json = warmed.to_json();
                json.map_err(|error| Error::new(error.to_string()))? + "\n"
            } else {
                warmed.to_string()
            };
            print(&text)
        })?;
        Ok(code)
    }
}

fn print(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.map_err(|error| Error::io("cannot write the report", error))
}

fn shown(uri: &Uri) -> String {
    let text = uri.to_string();
    text.trim_end_matches('/').to_owned()
}

/// Reads the URI of a server: scheme and host.
fn server(text: &str) -> Result<Uri, String> {
    let wrong = |why: &str| format!("write a server such as https://shop.example: it {why}");
    let uri: Uri = text.parse().map_err(|_| wrong("is not a URI"))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err(wrong("must begin with http:// or https://"));
    }
    match uri.authority() {
        Some(authority) if authority.as_str().contains('@') => Err(wrong("has a user name")),
        Some(_) if uri.path() != "/" || uri.query().is_some() => {
            Err(wrong("has a path, which belongs to the sources"))
        }
        Some(_) => Ok(uri),
        None => Err(wrong("has no host")),
    }
}

/// Splits a field into name and value.
fn field(text: &str) -> Result<(String, String), String> {
    let (name, value) = text
        .split_once(':')
        .ok_or_else(|| "write a field such as \"accept-encoding: gzip\"".to_owned())?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}
