//! Arguments of the command line.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::{Parser, ValueEnum};
use http::Uri;
use scrimp::{cache::Rule, core::Money, cost_route::Period};
use scrimp_gateway::Gateway;
use tracing_subscriber::filter::LevelFilter;

/// A caching reverse proxy in front of one HTTP upstream.
#[derive(Debug, Clone, Parser)]
#[command(name = "gateway", version)]
pub(crate) struct Args {
    /// URL of the upstream: http://HOST[:PORT] or https://HOST[:PORT], without a path.
    #[arg(long, value_name = "URL", value_parser = upstream)]
    pub(crate) upstream: Uri,

    /// Address to listen on; port 0 selects a free one and prints it.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,

    /// Memory for stored responses: bytes, or a number with K, M or G (powers of 1024).
    #[arg(long, value_name = "SIZE", default_value = "256M", value_parser = size)]
    pub(crate) max_bytes: u64,

    /// Cache for one user (RFC 9111, private cache) rather than for all users.
    #[arg(long)]
    pub(crate) private: bool,

    /// Additional caching rule, such as "path=/api/** ttl=5m".
    ///
    /// May be repeated; the first rule that matches decides. The syntax is that of
    /// scrimp::cache::Rule.
    #[arg(long = "rule", value_name = "RULE")]
    pub(crate) rules: Vec<Rule>,

    /// Treat cookies like any other header, as RFC 9111 does.
    ///
    /// Only for an upstream that marks every personal response private.
    #[arg(long)]
    pub(crate) trust_cookies: bool,

    /// Pass all requests through and store nothing.
    #[arg(long)]
    pub(crate) no_cache: bool,

    /// Send the client's Host to the upstream instead of the upstream's own.
    #[arg(long)]
    pub(crate) preserve_host: bool,

    /// Believe and extend the Forwarded and X-Forwarded-* headers of clients.
    ///
    /// Only for a gateway that no client but a trusted proxy can reach.
    #[arg(long)]
    pub(crate) trust_forwarded: bool,

    /// Time limit for the upstream's headers, in seconds, including the upload of the request.
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    pub(crate) upstream_timeout: Duration,

    /// Call the upstream over HTTP/2 only, without asking it.
    #[arg(long, conflicts_with = "preserve_host")]
    pub(crate) upstream_http2: bool,

    /// File with the certificate authorities (PEM) of an https upstream, instead of the system's.
    #[arg(long, value_name = "FILE")]
    pub(crate) upstream_ca: Option<PathBuf>,

    /// File with the gateway's certificates (PEM), to speak TLS with clients.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_certificates: Option<PathBuf>,

    /// File with the private key (PEM) of the gateway's certificate.
    #[arg(long, value_name = "FILE", requires = "tls_certificates")]
    pub(crate) tls_key: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) limits: Limits,

    #[command(flatten)]
    pub(crate) calls: Calls,

    #[command(flatten)]
    pub(crate) fleet: FleetArgs,

    /// Address for purges and statistics, which anything that reaches it may use.
    #[arg(long, value_name = "ADDR")]
    pub(crate) admin: Option<SocketAddr>,

    /// Time limit for open requests after SIGINT or SIGTERM, in seconds.
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub(crate) drain: Duration,

    /// Level of the log on stderr.
    #[arg(long, value_enum, default_value_t = Log::Info)]
    pub(crate) log: Log,
}

/// Limits of the clients' side. Those without a default have that of the gateway's builder.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Limits {
    /// Number of connections.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) max_connections: Option<usize>,

    /// Number of connections of one address.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) max_connections_per_address: Option<usize>,

    /// Number of requests that are open at once.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) max_requests: Option<usize>,

    /// Time limit for the fields of a request, in seconds.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) header_timeout: Option<Duration>,

    /// Time limit for a connection without a request, in seconds.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) idle_timeout: Option<Duration>,

    /// Pace of a request's body, such as 20s:500 (a grace, and bytes per second).
    #[arg(long, value_name = "PACE", value_parser = pace)]
    pub(crate) body_pace: Option<(Duration, u32)>,

    /// Pace at which a client reads, such as 30s:500.
    #[arg(long, value_name = "PACE", value_parser = pace)]
    pub(crate) send_pace: Option<(Duration, u32)>,
}

/// Limits of the calls of the upstream. Gateways over one Redis keep to them together.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Calls {
    /// Price of a call of the upstream, such as 0.002 or "0.002 EUR".
    #[arg(long, value_name = "MONEY")]
    pub(crate) price: Option<Money>,

    /// Money that calls of the upstream may cost: 25/month, 25/day, 1/hour, 0.05/minute, or 25 in all.
    #[arg(long, value_name = "MONEY[/PERIOD]", value_parser = budget, requires = "price")]
    pub(crate) budget: Option<(Money, Period)>,

    /// Number of calls of the upstream, such as 100/second, 600/minute, 5000/hour or 20000/day.
    #[arg(long, value_name = "NUMBER/PERIOD", value_parser = rate)]
    pub(crate) rate: Option<(u32, Duration)>,
}

/// The Redis that gateways share.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct FleetArgs {
    /// URL of the Redis: redis://HOST[:PORT] or unix:///PATH. Gateways over it share stored responses,
    /// purges, fills, the budget and the rate.
    #[arg(long, value_name = "URL")]
    pub(crate) redis: Option<String>,

    /// Name of the fleet. Gateways with different names share nothing.
    #[arg(
        long = "fleet",
        value_name = "NAME",
        default_value = "gateway",
        requires = "redis"
    )]
    pub(crate) name: String,

    /// Time that a request waits for Redis, in seconds.
    #[arg(long, value_name = "SECONDS", default_value = "0.04", value_parser = seconds)]
    pub(crate) redis_timeout: Duration,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Log {
    Off,
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

// === impl Log ===

impl From<Log> for LevelFilter {
    fn from(log: Log) -> Self {
        match log {
            Log::Off => Self::OFF,
            Log::Error => Self::ERROR,
            Log::Warn => Self::WARN,
            Log::Info => Self::INFO,
            Log::Debug => Self::DEBUG,
            Log::Trace => Self::TRACE,
        }
    }
}

// === parsers ===

/// Reads the URL and lets the gateway's own builder check it.
fn upstream(text: &str) -> Result<Uri, String> {
    let uri: Uri = text.parse().map_err(|e| format!("not a URL ({e})"))?;
    match Gateway::builder(uri.clone()).no_cache().build() {
        // Other settings are checked when all of them are known.
        Err(error) if error.setting() == "upstream" => Err(error.to_string()),
        _ => Ok(uri),
    }
}

fn size(text: &str) -> Result<u64, String> {
    let (digits, unit) = match text.as_bytes().last() {
        Some(b'K' | b'k') => (&text[..text.len() - 1], 1 << 10),
        Some(b'M' | b'm') => (&text[..text.len() - 1], 1 << 20),
        Some(b'G' | b'g') => (&text[..text.len() - 1], 1 << 30),
        _ => (text, 1),
    };
    digits
        .parse::<u64>()
        .ok()
        .and_then(|n| n.checked_mul(unit))
        .ok_or_else(|| "expected a number of bytes such as 1048576, 1024K, 256M or 4G".into())
}

fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>().map(Duration::try_from_secs_f64) {
        Ok(Ok(duration)) if duration <= Duration::from_secs(86_400) => Ok(duration),
        _ => Err("expected a number of seconds between 0 and 86400".into()),
    }
}

fn budget(text: &str) -> Result<(Money, Period), String> {
    let (amount, period) = match text.rsplit_once('/') {
        None => (text, Some(Period::Forever)),
        Some((amount, "minute")) => (amount, Some(Period::Minute)),
        Some((amount, "hour")) => (amount, Some(Period::Hour)),
        Some((amount, "day")) => (amount, Some(Period::Day)),
        Some((amount, "month")) => (amount, Some(Period::Month)),
        Some((amount, _)) => (amount, None),
    };
    match (amount.parse(), period) {
        (Ok(amount), Some(period)) => Ok((amount, period)),
        _ => Err("expected an amount and a period, such as 25/day or 25".into()),
    }
}

fn rate(text: &str) -> Result<(u32, Duration), String> {
    let (count, period) = text.split_once('/').unwrap_or_default();
    let period = match period {
        "second" => 1,
        "minute" => 60,
        "hour" => 3_600,
        "day" => 86_400,
        _ => 0,
    };
    match count.parse() {
        Ok(count) if period > 0 => Ok((count, Duration::from_secs(period))),
        _ => Err("expected a number and a period, such as 100/second".into()),
    }
}

fn pace(text: &str) -> Result<(Duration, u32), String> {
    let (grace, rate) = text.split_once("s:").unwrap_or_default();
    match (seconds(grace), rate.parse()) {
        (Ok(grace), Ok(rate)) => Ok((grace, rate)),
        _ => Err("expected seconds and bytes per second, such as 20s:500".into()),
    }
}
