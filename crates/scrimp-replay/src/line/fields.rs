//! Names of fields, in one table.
//!
//! All readers of named fields (JSON, pairs, columns) look them up here, and `docs/replay.md` prints
//! the table.

/// Fact that a field states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Kind {
    Time,
    /// A day, completed by a time of day.
    Day,
    Host,
    Method,
    /// `GET /a?b HTTP/1.1`.
    RequestLine,
    Target,
    Query,
    Status,
    Bytes,
    Latency,
    Agent,
    /// The address of the client.
    Client,
    /// A line of a log, in a field of a wrapper.
    Inner,
    /// States only which software wrote the line.
    Mark,
}

/// Number of kinds.
pub(super) const KINDS: usize = Kind::Mark as usize + 1;

/// Unit of a number without one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Seconds,
    Millis,
    Micros,
    Nanos,
    /// Seconds if the number has a fraction, otherwise milliseconds, or nanoseconds from
    /// 300,000 up.
    Guess,
}

/// A name in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) kind: Kind,
    pub(super) name: &'static str,
    /// Position in its list: the lowest counts.
    pub(super) rank: u8,
    pub(super) unit: Unit,
}

/// The table: kinds, and their names in the order of their precedence, separated by spaces.
///
/// A name that begins with `=` is compared exactly. Names that end with `?` are targets without
/// their query, which another field may add. A suffix `:ms` (or `:s`, `:us`, `:ns`) is the unit of a
/// latency.
pub(super) const TABLE: &[(Kind, &str)] = &[
    (
        Kind::Time,
        "StartUTC @timestamp time_iso8601 timestamp ts time msec time_local start_time \
         time_start started_at requestTime requestTimeEpoch EdgeStartTimestamp time_micros datetime \
         date_time eventTime event.created reqTimeSec EventTimestampMs @t asctime t \
         __REALTIME_TIMESTAMP",
    ),
    (Kind::Day, "date"),
    (
        Kind::Host,
        "x-host-header originalHost proxy.host http_host request.headers.host headers.host \
         :authority authority RequestHost ClientRequestHost reqHost url.domain request.host \
         http.host http.url_details.host vhost virtual_host host_header _host =hostName \
         host cs(Host) cs-host domainName server_name domain server.address \
         x_forwarded_host",
    ),
    (
        Kind::Method,
        "request_method ClientRequestMethod reqMethod proxy.method cs-method :method request.method \
         http.method http_method method verb request_verb",
    ),
    (
        Kind::RequestLine,
        "request_line requested_url request req short_message routeKey",
    ),
    (
        Kind::Target,
        "=request_uri =REQUEST_URI original_uri request.originalUrl originalUrl \
         original_path x-envoy-original-path originalRequestUriWithArgs url.original \
         url.full ClientRequestURI proxy.path =RequestPath :path http.target http.url requestUri? \
         requestUrl? requested_uri? request.uri? request.url? url? uri? cs-uri? cs-uri-stem? request.path? \
         path? reqPath? url.path? uri_path? request_path? ClientRequestPath? \
         http.url_details.path? document_uri? target? resourcePath?",
    ),
    (
        Kind::Query,
        "query_string request_query cs-uri-query url.query request.query \
         request.querystring http.url_details.queryString query args uri_query \
         query_params queryStringParameters queryStr",
    ),
    (
        Kind::Status,
        "DownstreamStatus EdgeResponseStatus proxy.statusCode elb_status_code sc-status \
         response.status_code response.status http.status_code status_code status \
         response_code response_status response_status_code http_status_code \
         http_status response OriginStatus http.code code",
    ),
    (
        Kind::Bytes,
        "body_bytes_sent DownstreamContentSize response.body.bytes EdgeResponseBytes \
         sc-bytes response_body_size bytes_sent sentBytes response_size response.size \
         response.bodySize response_length responseBytes bytes size body_size \
         response.headers.content-length content_length bytes_out",
    ),
    (
        Kind::Latency,
        "=Duration:ns =RequestTime:ms =Elapsed:ms latency_human total_ns:ns request_time:s reqtime:s rt:s latencies.request:ms responseTime:ms \
         responseLatency:ms event.duration:ns time_elapsed:us time-taken timeTaken \
         response_time request_duration duration latency elapsed elapsed_time \
         processing_time transferTimeMSec:ms service took apptime:s EdgeTimeToFirstByte \
         OriginResponseDuration WallTimeMs:ms upstream_response_time:s",
    ),
    (
        Kind::Agent,
        "http_user_agent user_agent.original user_agent request_user_agent \
         cs(User-Agent) request.headers.user-agent headers.user-agent request.userAgent \
         request_User-Agent ClientRequestUserAgent http.useragent ua agent",
    ),
    (
        Kind::Client,
        "x_forwarded_for http_x_forwarded_for request.headers.x-forwarded-for \
         headers.x-forwarded-for cs(X-Forwarded-For) proxy.clientIp request.client_ip client_ip \
         client.ip client.address ClientHost client_addr client.addr request.remote_ip request.remote_addr \
         request.remoteAddress remote_addr remote_ip remote_host remote_address c-ip cliIP source.ip \
         source.address downstream_remote_address sourceIp client ip fwd",
    ),
    (
        Kind::Inner,
        "log message msg MESSAGE textPayload @message body line event.original _raw raw \
         full_message",
    ),
    (
        Kind::Mark,
        "short_message controller response_flags upstream_cluster upstream_service_time \
         apisix_latency level x-edge-location",
    ),
];

/// Objects around the facts, separated by spaces: `{"properties": {"status": 200}}` states a
/// `status`.
pub(super) const CONTAINERS: &str = "_source access apache attributes context data event fields flow \
     http httpRequest httpResponse json jsonPayload l7 log message msg nginx payload properties \
     record result span spans";

/// Other names of the objects `request` and `response`.
pub(super) const OBJECTS: &[(&str, &str)] = &[
    ("http.request.", "request."),
    ("http.response.", "response."),
    ("httpresponse.", "response."),
    ("req.", "request."),
    ("res.", "response."),
    ("resp.", "response."),
];

/// Splits `request_time:s` into name and unit.
pub(super) fn split_unit(name: &str) -> (&str, Unit) {
    let units = [
        (":ms", Unit::Millis),
        (":us", Unit::Micros),
        (":ns", Unit::Nanos),
        (":s", Unit::Seconds),
    ];
    let found = units
        .into_iter()
        .find_map(|(end, unit)| Some((name.strip_suffix(end)?, unit)));
    found.unwrap_or((name, Unit::Guess))
}

// === impl Field ===

impl Field {
    /// Reports whether a target has no query of its own, so that another field may add one.
    pub(super) fn takes_query(&self) -> bool {
        self.name.ends_with('?')
    }
}

/// Returns a field of a format whose fields have positions.
pub(super) const fn at(kind: Kind, name: &'static str) -> Field {
    Field {
        kind,
        name,
        rank: 0,
        unit: Unit::Guess,
    }
}

/// Returns the latency field of such a format.
pub(super) const fn latency_at(name: &'static str, unit: Unit) -> Field {
    Field {
        kind: Kind::Latency,
        name,
        rank: 0,
        unit,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write;

    /// Writes the table as the documentation prints it.
    fn printed() -> String {
        let mut text =
            String::from("| fact | names, the first one that a line has counts |\n|---|---|\n");
        for (kind, names) in TABLE.iter().filter(|(kind, _)| *kind != Kind::Mark) {
            let fact = match kind {
                Kind::Time => "time",
                Kind::Day => "day of a time without one",
                Kind::Host => "host",
                Kind::Method => "method",
                Kind::RequestLine => "request line",
                Kind::Target => "target",
                Kind::Query => "query",
                Kind::Status => "status",
                Kind::Bytes => "bytes",
                Kind::Latency => "latency",
                Kind::Agent => "user agent",
                Kind::Client => "client",
                Kind::Inner => "a wrapped line",
                Kind::Mark => continue,
            };
            let names = names.split_whitespace().map(|name| format!("`{name}`"));
            let names = names.collect::<Vec<_>>().join(" ");
            writeln!(text, "| {fact} | {names} |").unwrap();
        }
        text
    }

    #[test]
    fn the_documentation_prints_this_table() {
        let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/replay.md");
        let docs = std::fs::read_to_string(docs).unwrap();
        let table = printed();
        assert!(docs.contains(&table), "docs/replay.md needs:\n{table}");
        for name in CONTAINERS.split_whitespace() {
            assert!(docs.contains(&format!("`{name}`")), "{name}");
        }
    }

    #[test]
    fn no_name_stands_twice_for_one_fact() {
        for (kind, names) in TABLE {
            let mut seen = std::collections::HashSet::new();
            for name in names.split_whitespace() {
                assert!(seen.insert(name), "{kind:?}: {name}");
            }
        }
    }
}
