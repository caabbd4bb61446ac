//! Formats of lines.

use std::fmt;

use clap::ValueEnum;

/// Format of the lines of a log, without what docker, a collector or syslog put around them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum)]
#[non_exhaustive]
pub enum Format {
    /// JSON objects
    #[value(
        alias = "json-lines",
        alias = "ndjson",
        alias = "jsonl",
        alias = "caddy",
        alias = "cloudflare",
        alias = "kong",
        alias = "fastly",
        alias = "azure",
        alias = "gcp",
        alias = "ecs",
        alias = "pino",
        alias = "tracing",
        alias = "gelf"
    )]
    Json,
    /// Columns named by #Fields: CloudFront, IIS
    #[value(alias = "cloudfront", alias = "iis", alias = "zeek")]
    W3c,
    /// Columns named by the first line: CSV, tabs
    #[value(alias = "csv", alias = "tsv")]
    Table,
    /// Common or Combined Log Format: Apache, nginx, Traefik
    #[value(
        alias = "common",
        alias = "combined",
        alias = "apache",
        alias = "nginx",
        alias = "vhost-combined",
        alias = "vhost_combined",
        alias = "ingress-nginx",
        alias = "traefik",
        alias = "api-gateway"
    )]
    Clf,
    /// Application and Classic Load Balancers of AWS
    #[value(alias = "elb")]
    Alb,
    /// Server access log of S3
    S3,
    /// HTTP log of HAProxy
    Haproxy,
    /// Default format of Envoy, and Istio's
    #[value(alias = "istio")]
    Envoy,
    /// label:value between tabs
    Ltsv,
    /// name=value: logfmt, lograge, Heroku's router
    #[value(alias = "lograge", alias = "heroku", alias = "pairs")]
    Logfmt,
    /// Any other text with a time, a request and a status
    #[value(alias = "custom")]
    Text,
}

/// All formats, those with the clearest signs first.
pub(super) const ALL: [Format; 11] = [
    Format::Json,
    Format::W3c,
    Format::Table,
    Format::Clf,
    Format::Alb,
    Format::S3,
    Format::Haproxy,
    Format::Envoy,
    Format::Ltsv,
    Format::Logfmt,
    Format::Text,
];

// === impl Format ===

impl Format {
    /// Returns the name that `--format` takes.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::W3c => "w3c",
            Self::Table => "table",
            Self::Clf => "clf",
            Self::Alb => "alb",
            Self::S3 => "s3",
            Self::Haproxy => "haproxy",
            Self::Envoy => "envoy",
            Self::Ltsv => "ltsv",
            Self::Logfmt => "logfmt",
            Self::Text => "text",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
