//! Logs of AWS whose fields have positions: load balancers and S3.

use super::{
    BadLine,
    facts::Facts,
    fields::{Kind, Unit, at, latency_at},
    time,
    value::Value,
    words::{Form, Word, Words},
};

/// Most words of a line that are read.
const MOST: usize = 32;

/// Reads a line of an Application or a Classic Load Balancer:
/// `type time elb client target request_time target_time response_time status target_status
/// received sent "request" "agent" …`. The Classic one has no type.
pub(super) fn balancer(line: &[u8]) -> Result<Facts<'_>, BadLine> {
    let words: Vec<_> = Words::new(line).take(MOST).collect();
    let typed = words.first().is_some_and(|word| {
        let types: [&[u8]; 6] = [b"http", b"https", b"h2", b"grpcs", b"ws", b"wss"];
        types.contains(&word.text)
    });
    let words = words.get(usize::from(typed)..).unwrap_or_default();
    let [time, _, client, _, parts @ ..] = words else {
        return Err(BadLine::NotALog);
    };
    let [
        before,
        target,
        after,
        status,
        _,
        _,
        sent,
        request,
        agent,
        rest @ ..,
    ] = parts
    else {
        return Err(BadLine::NotALog);
    };
    let timed = time
        .str()
        .is_some_and(|text| text.contains('T') && time::text(text).is_some());
    let addressed = client.text.contains(&b':') || client.is_blank();
    if !timed || !addressed || request.form != Form::Quoted {
        return Err(BadLine::NotALog);
    }
    let times = [before, target, after].map(|word| word.number());
    let [Some(before), Some(target), Some(after)] = times else {
        return Err(BadLine::NotALog);
    };
    let mut facts = Facts::default();
    facts.word(at(Kind::Client, "client:port"), *client);
    facts.word(at(Kind::Time, "time"), *time);
    facts.word(at(Kind::Status, "elb_status_code"), *status);
    facts.word(at(Kind::Bytes, "sent_bytes"), *sent);
    facts.word(at(Kind::RequestLine, "request"), *request);
    facts.word(at(Kind::Agent, "user_agent"), *agent);
    // -1 says that the request was not sent on.
    if before >= 0.0 && target >= 0.0 && after >= 0.0 {
        let sum = Value::Number(before + target + after, true);
        let name = "request, target and response_processing_time";
        facts.put(latency_at(name, Unit::Seconds), sum);
    }
    if let Some(domain) = rest.get(4).filter(|_| typed) {
        facts.word(at(Kind::Host, "domain_name"), *domain);
    }
    Ok(facts)
}

/// Reads a line of S3's server access log: `owner bucket [time] ip requester id operation key
/// "request" status error sent size total_time turn_around_time "referer" "agent" version id
/// signature cipher authentication host …`.
pub(super) fn s3(line: &[u8]) -> Result<Facts<'_>, BadLine> {
    let words: Vec<_> = Words::new(line).take(MOST).collect();
    let [
        _,
        bucket,
        time,
        remote,
        _,
        _,
        operation,
        _,
        request,
        status,
        _,
        sent,
        _,
        total,
        _,
        rest @ ..,
    ] = words.as_slice()
    else {
        return Err(BadLine::NotALog);
    };
    let named = operation.text.iter().filter(|&&byte| byte == b'.').count() >= 1;
    if time.form != Form::Bracketed || request.form != Form::Quoted && !request.is_blank() || !named
    {
        return Err(BadLine::NotALog);
    }
    let mut facts = Facts::default();
    facts.word(at(Kind::Client, "Remote IP"), *remote);
    facts.word(at(Kind::Time, "Time"), *time);
    facts.word(at(Kind::RequestLine, "Request-URI"), *request);
    facts.word(at(Kind::Status, "HTTP status"), *status);
    facts.word(at(Kind::Bytes, "Bytes Sent"), *sent);
    facts.word(latency_at("Total Time", Unit::Millis), *total);
    if let Some(agent) = rest.get(1) {
        facts.word(at(Kind::Agent, "User-Agent"), *agent);
    }
    // Older lines have no host: the bucket tells them apart.
    let host = rest.get(7).filter(|word| !word.is_blank());
    let (name, word): (_, Word<'_>) = match host {
        Some(host) => ("Host Header", *host),
        None => ("Bucket", *bucket),
    };
    facts.word(at(Kind::Host, name), word);
    Ok(facts)
}
