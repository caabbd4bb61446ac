//! Arguments of the command line.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand};
use scrimp_core::Money;

#[cfg(feature = "finance")]
use super::finance::{FOCUS_HELP, FocusArgs, RECONCILE_HELP, ReconcileArgs};
#[cfg(feature = "serve")]
use super::serve::{SERVE_HELP, ServeArgs};
#[cfg(feature = "warm")]
use super::warm::{WARM_HELP, WarmArgs};
use super::{
    audit::{AUDIT_HELP, AuditArgs},
    size::size,
    values::{Waits, amount, host, method, price, rule, takes, waits},
};
use crate::{
    error::{Error, Result},
    input::Input,
    line::Format,
    nodes::Spread,
    offer::{Batching, Offer},
    sample::SampleLog,
    settings::{self, Settings},
    ttl::Ttl,
};
use scrimp_demo::Demo;

/// Reduces the cost of API calls: measure by how much, on your own traffic
#[derive(Debug, Parser)]
#[command(name = "scrimp", version, arg_required_else_help = true)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Replay an access log through the cache, and print the cost with and without it
    #[command(after_help = REPLAY_HELP)]
    Replay(Box<ReplayArgs>),
    /// Show the savings of the layers and the failures they prevent: five scenarios, six failures
    #[command(after_help = DEMO_HELP)]
    Demo(DemoArgs),
    /// Fill a cache ahead of time: from lists, sitemaps and access logs, within a rate and a budget
    #[cfg(feature = "warm")]
    #[command(after_help = WARM_HELP)]
    Warm(Box<WarmArgs>),
    /// Compare the account of a ledger with what a provider says, by day and model
    #[cfg(feature = "finance")]
    #[command(after_help = RECONCILE_HELP)]
    Reconcile(ReconcileArgs),
    /// Write the account of a ledger in the FOCUS format, for finance
    #[cfg(feature = "finance")]
    #[command(after_help = FOCUS_HELP)]
    Focus(FocusArgs),
    /// Run a gateway with all layers, from one configuration file
    #[cfg(feature = "serve")]
    #[command(after_help = SERVE_HELP)]
    Serve(ServeArgs),
    /// Verify an audit log
    #[command(after_help = AUDIT_HELP)]
    Audit(AuditArgs),
    /// Generate the access log of a shop, in Combined Log Format
    SampleLog(SampleArgs),
}

const REPLAY_HELP: &str = "\
Reads the access logs of web servers, proxies, CDNs and applications, as text or JSON, also mixed,
wrapped by docker or syslog, and compressed: --explain shows how. The log is sorted by time and
replayed in virtual time through the real cache.

Logs contain no Cache-Control, so --ttl and --rule set the freshness lifetime.

Examples:
  scrimp replay --sample
  scrimp replay --sample --stampede=500ms
  scrimp replay access.log access.log.1.gz --price 0.002 --ttl 10m
  scrimp replay access.log --method GET --status 200,304 --ttl infinite --rule 'path=/** query=none'
  scrimp replay access.log --ttl none --latency 500ms --coalesce --window 30s
  scrimp replay access.log --nodes 8 --l2 1GiB
  scrimp replay access.log --prefetch=0.01,0.05 --prefetch-budget 1
  scrimp replay access.log --all --provider 'budget price=0.004 latency=900ms' --html report.html
  zcat logs/*.gz | scrimp replay - --json";

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("overlap").args(["latency", "all"]).multiple(true))]
#[command(group = clap::ArgGroup::new("batching").args(["batch", "all"]).multiple(true))]
#[command(group = clap::ArgGroup::new("sharing").args(["coalesce", "all"]).multiple(true))]
pub(super) struct ReplayArgs {
    /// Access logs; - is standard input
    #[arg(
        value_name = "LOG",
        required_unless_present = "sample",
        conflicts_with = "sample"
    )]
    logs: Vec<PathBuf>,
    /// Replay a generated log (see sample-log) instead
    #[arg(long)]
    sample: bool,
    /// Cost of an upstream call: dollars, or with a currency code, as in "0.02 EUR"
    #[arg(long, default_value = "0.01", value_parser = price, allow_negative_numbers = true)]
    price: Money,
    /// Freshness lifetime if no rule sets one: 30s, 5m, 1h30m, 7d, infinite or none
    #[arg(long, default_value = "5m")]
    ttl: Ttl,
    /// Rule of the cache, such as "path=/api/** query=none ttl=1h"; the first match counts
    #[arg(long = "rule", value_name = "RULE", value_parser = rule)]
    rules: Vec<String>,
    /// Memory of the cache
    #[arg(long, default_value = "256MiB", value_parser = size, value_name = "SIZE")]
    max_bytes: u64,
    /// Time that the upstream takes for a response, so that requests overlap: 500ms, 2s, or log for
    /// the time in the log (200ms where it has none)
    #[arg(long, value_name = "TIME", value_parser = waits)]
    latency: Option<Waits>,
    /// Share one call among equal requests in flight
    #[arg(long, requires = "overlap")]
    coalesce: bool,
    /// With --coalesce: reuse finished responses for this time
    #[arg(long, value_name = "TIME", requires = "sharing", value_parser = humantime::parse_duration)]
    window: Option<Duration>,
    /// Replay only requests with these methods
    #[arg(long = "method", value_delimiter = ',', value_name = "METHOD", value_parser = method)]
    methods: Vec<String>,
    /// Replay only requests that were answered with these statuses
    #[arg(long = "status", value_delimiter = ',', value_name = "CODE",
        value_parser = clap::value_parser!(u16).range(100..=999))]
    statuses: Vec<u16>,
    /// Host of requests in logs without hosts [default: log.local]
    #[arg(long, value_parser = host)]
    host: Option<String>,
    /// Format of the lines, if its detection fails
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,
    /// Memory for sorting; a larger log is sorted in temporary files
    #[arg(long, default_value = "64MiB", value_parser = size, value_name = "SIZE")]
    sort_memory: u64,
    /// Also compare waiting with and without stampede protection, for an upstream this slow
    #[arg(long, value_name = "TIME", num_args = 0..=1, default_missing_value = "200ms", require_equals = true,
        value_parser = takes)]
    stampede: Option<Duration>,
    /// Batch GETs that reach the upstream within this time, as if it accepted batches
    #[arg(long, value_name = "WINDOW", num_args = 0..=1, default_missing_value = "50ms", require_equals = true,
        value_parser = humantime::parse_duration)]
    batch: Option<Duration>,
    /// With --batch: highest number of requests in a batch [default: 20]
    #[arg(long, value_name = "COUNT", requires = "batching", value_parser = clap::value_parser!(u16).range(2..=10_000))]
    batch_max: Option<u16>,
    /// With --batch: batch only requests for matching paths, such as "/api/**"
    #[arg(long = "batch-path", value_name = "PATTERN", requires = "batching")]
    batch_paths: Vec<String>,
    /// Another provider of the same responses: "budget price=0.004 latency=900ms quality=0.8"
    #[arg(long = "provider", value_name = "PROVIDER")]
    providers: Vec<Offer>,
    /// File of such providers, one per line
    #[arg(long = "providers", value_name = "FILE")]
    provider_files: Vec<PathBuf>,
    /// Replay the same requests at this many nodes, each with a cache of --max-bytes
    #[arg(long, value_name = "COUNT", conflicts_with_all = ["all", "batch", "providers", "provider_files"],
        value_parser = clap::value_parser!(u16).range(1..=1_000))]
    nodes: Option<u16>,
    /// With --nodes: which node receives a request [default: round-robin]
    #[arg(long, value_name = "HOW", requires = "nodes")]
    spread: Option<Spread>,
    /// With --nodes: size of a tier that the nodes share, such as Redis; compares with and without
    #[arg(long, value_name = "SIZE", requires = "nodes", value_parser = size)]
    l2: Option<u64>,
    /// With --l2: time of a look-up in the shared tier [default: 1ms]
    #[arg(long, value_name = "TIME", requires = "l2", value_parser = humantime::parse_duration)]
    l2_latency: Option<Duration>,
    /// Also compare waiting with and without prefetches, at these values of a second of waiting, such as
    /// 0.01,0.05 [default: 1, 5 and 25 times the price]
    #[arg(long, value_name = "VALUES", num_args = 0..=1, value_delimiter = ',', require_equals = true,
        conflicts_with_all = ["all", "batch", "providers", "provider_files"], value_parser = amount)]
    prefetch: Option<Vec<Money>>,
    /// With --prefetch: time between a prefetch and the request that is expected [default: 5s]
    #[arg(long, value_name = "TIME", requires = "prefetch", value_parser = humantime::parse_duration)]
    prefetch_lead: Option<Duration>,
    /// With --prefetch: highest cost of the prefetches of an hour
    #[arg(long, value_name = "AMOUNT", requires = "prefetch", value_parser = amount)]
    prefetch_budget: Option<Money>,
    /// With --prefetch: least probability of what is fetched, besides that it must pay [default: 0]
    #[arg(long, value_name = "PROBABILITY", requires = "prefetch")]
    prefetch_threshold: Option<f64>,
    /// All layers: --latency log --coalesce --batch, stampede protection, routing
    #[arg(long)]
    all: bool,
    /// Show how the first lines are read, and replay nothing
    #[arg(long, value_name = "LINES", num_args = 0..=1, default_missing_value = "5", require_equals = true,
        value_parser = clap::value_parser!(u8).range(1..=64))]
    pub(super) explain: Option<u8>,
    /// Also write the report as a self-contained web page
    #[arg(long, value_name = "FILE")]
    pub(super) html: Option<PathBuf>,
    /// Print one JSON object instead of the table
    #[arg(long)]
    pub(super) json: bool,
    /// Show no progress
    #[arg(long, short)]
    pub(super) quiet: bool,
}

const DEMO_HELP: &str = "\
Every request goes through the real layers, in virtual time. Exit code 1: a required goal was not
met, such as no old price after its event. Savings below a goal are not an error.";

#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// Seed of the traffic; another seed gives other traffic of the same kind
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Generate only one part in this number of the traffic, at the same rates
    #[arg(long, default_value_t = 1, value_name = "PARTS", value_parser = clap::value_parser!(u64).range(1..=1_000))]
    one_in: u64,
    /// Print one JSON object instead of the table
    #[arg(long)]
    pub(super) json: bool,
    /// Show no progress
    #[arg(long, short)]
    pub(super) quiet: bool,
}

#[derive(Debug, Args)]
pub(super) struct SampleArgs {
    /// Seed of the log; another seed gives another log of the same kind
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Number of lines
    #[arg(long, default_value_t = 100_000)]
    requests: u64,
    /// Number of products in the shop
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    products: u64,
    /// Approximate number of hours covered
    #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    hours: u64,
    /// Write to this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
}

// === impl ReplayArgs ===

impl ReplayArgs {
    pub(super) fn settings(&self) -> Result<Settings> {
        let mut settings = Settings::new()
            .price(self.price)
            .ttl(self.ttl)
            .max_bytes(self.max_bytes)
            .sort_memory(self.sort_memory)
            .coalesce(self.coalesce);
        settings = match self.latency {
            Some(Waits::Fixed(time)) => settings.latency(time),
            Some(Waits::Logged) => settings.logged_latency(settings::USUAL_LATENCY),
            None => settings,
        };
        if let Some(host) = &self.host {
            settings = settings.host(host)?;
        }
        if let Some(format) = self.format {
            settings = settings.format(format);
        }
        if let Some(time) = self.window {
            settings = settings.window(time)?;
        }
        for rule in &self.rules {
            settings = settings.rule(rule)?;
        }
        if let Some(takes) = self.stampede {
            settings = settings.stampede(takes);
        }
        if self.batch.is_some() || self.batch_max.is_some() {
            let usual = Batching::default();
            let most = self.batch_max.map_or(usual.most, usize::from);
            settings = settings.batch(self.batch.unwrap_or(usual.window), most)?;
        }
        for path in &self.batch_paths {
            settings = settings.batch_path(path);
        }
        for offer in self.offers()? {
            settings = settings.provider(offer)?;
        }
        if self.all {
            settings = settings.all();
        }
        settings = self.fleet(settings)?;
        settings = self.prefetch(settings)?;
        settings = self
            .methods
            .iter()
            .fold(settings, |settings, method| settings.method(method));
        Ok(self
            .statuses
            .iter()
            .fold(settings, |settings, &status| settings.status(status)))
    }

    fn fleet(&self, mut settings: Settings) -> Result<Settings> {
        if let Some(nodes) = self.nodes {
            settings = settings.nodes(nodes.into())?;
        }
        if let Some(spread) = self.spread {
            settings = settings.spread(spread)?;
        }
        if let Some(bytes) = self.l2 {
            settings = settings.shared_tier(bytes)?;
        }
        match self.l2_latency {
            Some(time) => settings.shared_latency(time),
            None => Ok(settings),
        }
    }

    fn prefetch(&self, mut settings: Settings) -> Result<Settings> {
        if let Some(values) = &self.prefetch {
            settings = settings.prefetch(values)?;
        }
        if let Some(lead) = self.prefetch_lead {
            settings = settings.prefetch_lead(lead)?;
        }
        if let Some(budget) = self.prefetch_budget {
            settings = settings.prefetch_budget(budget)?;
        }
        match self.prefetch_threshold {
            Some(probability) => settings.prefetch_threshold(probability),
            None => Ok(settings),
        }
    }

    fn offers(&self) -> Result<Vec<Offer>> {
        let mut offers = self.providers.clone();
        for path in &self.provider_files {
            let text = std::fs::read_to_string(path)
                .map_err(|error| Error::io(format!("cannot read {}", path.display()), error))?;
            let inside = |error| Error::new(format!("{}: {error}", path.display()));
            offers.extend(Offer::list(&text).map_err(inside)?);
        }
        Ok(offers)
    }

    pub(super) fn inputs(&self) -> Result<Vec<Input>> {
        if self.sample {
            return Ok(vec![Input::Sample(SampleLog::new())]);
        }
        let is_stdin = |path: &&PathBuf| path.as_os_str() == "-";
        if self.logs.iter().filter(is_stdin).count() > 1 {
            return Err(Error::new(
                "standard input can be read only once: use one -",
            ));
        }
        let input = |path: &PathBuf| {
            if is_stdin(&path) {
                Input::Stdin
            } else {
                Input::File(path.clone())
            }
        };
        Ok(self.logs.iter().map(input).collect())
    }
}

// === impl DemoArgs ===

impl DemoArgs {
    pub(super) fn demo(&self) -> Demo {
        Demo::new().seed(self.seed).one_in(self.one_in)
    }
}

// === impl SampleArgs ===

impl SampleArgs {
    pub(super) fn log(&self) -> SampleLog {
        SampleLog::new()
            .seed(self.seed)
            .requests(self.requests)
            .products(self.products)
            .hours(self.hours)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_sound() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }
}
