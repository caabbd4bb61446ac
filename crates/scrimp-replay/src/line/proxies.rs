//! Logs of proxies whose fields have positions: HAProxy and Envoy.

use std::borrow::Cow;

use super::{
    BadLine,
    facts::Facts,
    fields::{Kind, Unit, at, latency_at},
    time,
    value::Value,
    words::{Form, Word, Words, is_authority},
};

/// Most words of a line that are read.
const MOST: usize = 48;

/// Reads a line of HAProxy (`option httplog` and `httpslog`): `client [time] frontend server
/// TR/Tw/Tc/Tr/Ta status bytes cookie cookie flags connections queues {captured} {captured}
/// "request" tls`.
pub(super) fn haproxy(line: &[u8]) -> Result<Facts<'_>, BadLine> {
    let words: Vec<_> = Words::new(line).take(MOST).collect();
    let [
        client,
        time,
        _,
        _,
        timers,
        status,
        bytes,
        _,
        _,
        _,
        _,
        _,
        rest @ ..,
    ] = words.as_slice()
    else {
        return Err(BadLine::NotALog);
    };
    let slashes = timers.text.iter().filter(|&&byte| byte == b'/').count();
    if time.form != Form::Bracketed || slashes != 4 || !client.text.contains(&b':') {
        return Err(BadLine::NotALog);
    }
    let request = rest.iter().position(|word| word.form == Form::Quoted);
    let request = request.ok_or(BadLine::Request)?;
    let mut facts = Facts::default();
    // The port comes last, and IPv6 has no brackets.
    if let Some((address, _)) = client.str().and_then(|text| text.rsplit_once(':')) {
        let address = Value::Text(Cow::Borrowed(address));
        facts.put(at(Kind::Client, "client_ip"), address);
    }
    facts.word(at(Kind::Time, "accept_date"), *time);
    facts.word(at(Kind::Status, "status_code"), *status);
    let counted = bytes.text.strip_prefix(b"+").unwrap_or(bytes.text);
    facts.put(at(Kind::Bytes, "bytes_read"), text(counted));
    facts.word(at(Kind::RequestLine, "http_request"), rest[request]);
    // A plus says that the line was written before the end.
    let total = timers.text.rsplit(|&byte| byte == b'/').next();
    let total = total.unwrap_or_default();
    let total = total.strip_prefix(b"+").unwrap_or(total);
    facts.put(latency_at("Ta", Unit::Millis), text(total));
    let captured = rest[..request]
        .iter()
        .find(|word| word.form == Form::Braced);
    let captured = captured.and_then(|word| {
        let parts = word.str()?.split('|');
        parts.take(8).find(|part| is_authority(part))
    });
    if let Some(host) = captured {
        let host = Value::Text(Cow::Borrowed(host));
        facts.put(at(Kind::Host, "captured_request_headers"), host);
    }
    let tls = rest[request + 1..].iter().find_map(|word| {
        let (name, protocol) = word.str()?.split_once('/')?;
        (protocol.starts_with("TLS") && is_authority(name)).then_some(name)
    });
    if let Some(name) = tls {
        let mut sni = at(Kind::Host, "ssl_fc_sni");
        sni.rank = 1;
        facts.put(sni, Value::Text(Cow::Borrowed(name)));
    }
    Ok(facts)
}

/// Reads a line of Envoy's default format and of Istio's: `[time] "request" status flags … received
/// sent duration upstream_time "forwarded" "agent" "id" "authority" "upstream" …`. Istio writes
/// details between the flags and the numbers.
pub(super) fn envoy(line: &[u8]) -> Result<Facts<'_>, BadLine> {
    let words: Vec<_> = Words::new(line).take(MOST).collect();
    let [time, request, status, flags, rest @ ..] = words.as_slice() else {
        return Err(BadLine::NotALog);
    };
    let flag = |byte: &u8| byte.is_ascii_uppercase() || b",-".contains(byte);
    let timed = time.str().is_some_and(|text| time::text(text).is_some());
    if time.form != Form::Bracketed
        || !timed
        || request.form != Form::Quoted
        || !flags.text.iter().all(flag)
    {
        return Err(BadLine::NotALog);
    }
    let numbers = rest.windows(4).take(6).position(|run| {
        run[..3].iter().all(|word| word.number().is_some())
            && (run[3].number().is_some() || run[3].is_blank())
    });
    let numbers = numbers.ok_or(BadLine::NotALog)?;
    let after = &rest[numbers..];
    let mut facts = Facts::default();
    facts.word(at(Kind::Time, "START_TIME"), *time);
    facts.word(at(Kind::RequestLine, "request"), *request);
    facts.word(at(Kind::Status, "RESPONSE_CODE"), *status);
    facts.word(at(Kind::Bytes, "BYTES_SENT"), after[1]);
    facts.word(latency_at("DURATION", Unit::Millis), after[2]);
    let word = |position: usize| after.get(position).copied();
    if let Some(forwarded) = word(4) {
        facts.word(at(Kind::Client, "X-FORWARDED-FOR"), forwarded);
    }
    if let Some(agent) = word(5) {
        facts.word(at(Kind::Agent, "USER-AGENT"), agent);
    }
    let quoted = |word: &Word<'_>| word.form == Form::Quoted;
    if let Some(authority) = word(7).filter(quoted) {
        facts.word(at(Kind::Host, "AUTHORITY"), authority);
    }
    Ok(facts)
}

fn text(bytes: &[u8]) -> Value<'_> {
    Value::Text(String::from_utf8_lossy(bytes))
}
