//! Text that containers, collectors and loggers put before a line.

use std::borrow::Cow;

use super::time;

/// Text before a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wrapped<'a> {
    pub(super) rest: &'a [u8],
    /// Name of the wrapper.
    pub(super) name: &'static str,
    /// Time that it states, in microseconds since 1970.
    pub(super) time: Option<i64>,
    /// The line goes on in the next one.
    pub(super) partial: bool,
}

/// Removes one wrapper, the outermost.
pub(super) fn peel(line: &[u8]) -> Option<Wrapped<'_>> {
    let first = *line.first()?;
    let found = match first {
        b'<' => priority(line),
        b'[' => tag(line),
        b'0'..=b'9' => stamped(line),
        _ if first.is_ascii_alphabetic() => {
            bsd(line).or_else(|| ruby(line)).or_else(|| process(line))
        }
        _ => None,
    };
    found
        .or_else(|| compose(line))
        .or_else(|| before_json(line))
}

fn wrapped<'a>(rest: &'a [u8], name: &'static str, time: Option<i64>) -> Wrapped<'a> {
    Wrapped {
        rest,
        name,
        time,
        partial: false,
    }
}

/// Removes the name before `web-1  | line`, as docker compose writes it.
fn compose(line: &[u8]) -> Option<Wrapped<'_>> {
    let name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.-".contains(byte);
    let end = line
        .iter()
        .position(|byte| !name(byte))
        .filter(|&end| end > 0)?;
    let rest = line[end..].trim_ascii_start().strip_prefix(b"|")?;
    Some(wrapped(rest.trim_ascii_start(), "docker compose", None))
}

/// Removes the time before a line, with the stream and the tag of the runtime of Kubernetes
/// (`2018-08-16T08:39:23Z stdout F line`), with the host and the tag of syslog (`… host tag[1]:
/// line`), or alone (docker and kubectl).
fn stamped(line: &[u8]) -> Option<Wrapped<'_>> {
    let end = line.iter().take(48).position(|&byte| byte == b' ')?;
    if end < 19 || line[4] != b'-' || line[10] != b'T' {
        return None;
    }
    let time = time::text(std::str::from_utf8(&line[..end]).ok()?)?;
    let rest = &line[end + 1..];
    let stream = rest
        .strip_prefix(b"stdout ")
        .or_else(|| rest.strip_prefix(b"stderr "));
    if let Some([tag @ (b'F' | b'P'), b' ', rest @ ..]) = stream {
        return Some(Wrapped {
            partial: *tag == b'P',
            ..wrapped(rest, "CRI", Some(time))
        });
    }
    Some(match after_tag(rest) {
        Some(rest) => wrapped(rest, "syslog", Some(time)),
        None => wrapped(rest, "a time stamp", Some(time)),
    })
}

/// Removes the priority of syslog, and the six fields that RFC 5424 §6 puts between it and the line.
fn priority(line: &[u8]) -> Option<Wrapped<'_>> {
    let end = line.iter().take(6).position(|&byte| byte == b'>')?;
    let digits = end > 1 && line[1..end].iter().all(u8::is_ascii_digit);
    let rest = digits.then(|| &line[end + 1..])?;
    let Some(fields) = rest.strip_prefix(b"1 ") else {
        return Some(wrapped(rest, "syslog", None));
    };
    let mut parts = fields.splitn(6, |&byte| byte == b' ');
    let stamp = std::str::from_utf8(parts.next()?).ok()?;
    let data = parts.nth(4)?;
    let rest = match data.strip_prefix(b"-") {
        Some(rest) => rest,
        None => &data[data.windows(2).position(|pair| pair == b"] ")? + 1..],
    };
    let rest = rest.trim_ascii_start();
    let rest = rest.strip_prefix(b"\xef\xbb\xbf").unwrap_or(rest);
    Some(wrapped(rest, "syslog", time::text(stamp)))
}

/// Removes `May  4 12:36:08 host tag[1]: ` (RFC 3164 §4.1). Its time has no year.
fn bsd(line: &[u8]) -> Option<Wrapped<'_>> {
    let months = b"JanFebMarAprMayJunJulAugSepOctNovDec";
    let month = line.get(..3)?;
    let known = months.chunks(3).any(|name| name == month) && line.get(3) == Some(&b' ');
    let clock = known.then(|| line.get(7..15)).flatten()?;
    let timed = time::is_clock(std::str::from_utf8(clock).ok()?);
    let rest = timed.then(|| line.get(16..)).flatten()?;
    Some(wrapped(after_tag(rest)?, "syslog", None))
}

/// Removes `nginx[7]: `, as a collector leaves it of syslog.
fn process(line: &[u8]) -> Option<Wrapped<'_>> {
    let name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.-".contains(byte);
    let end = line.iter().take(64).position(|byte| !name(byte))?;
    let number = line[end..].strip_prefix(b"[")?;
    let digits = number.iter().take_while(|byte| byte.is_ascii_digit());
    let rest = number.get(digits.count()..)?.strip_prefix(b"]: ")?;
    Some(wrapped(rest, "syslog", None))
}

/// Returns the text after `host tag[1]: ` or `host[tag]: `.
fn after_tag(text: &[u8]) -> Option<&[u8]> {
    let head = &text[..text.len().min(160)];
    let end = head.windows(2).position(|pair| pair == b": ")?;
    let words = head[..end].iter().filter(|&&byte| byte == b' ').count();
    let plain = !head[..end].iter().any(|byte| b"\"{=".contains(byte));
    (words <= 1 && plain).then(|| &text[end + 2..])
}

/// Removes `I, [2023-05-04T12:36:08.123456 #1234]  INFO -- : `, as Ruby's logger writes it.
fn ruby(line: &[u8]) -> Option<Wrapped<'_>> {
    let rest = line.get(1..)?.strip_prefix(b", [")?;
    let head = &rest[..rest.len().min(120)];
    let end = head
        .windows(3)
        .position(|part| part == b" : " || part == b"-: ")?;
    let blank = head.iter().position(|&byte| byte == b' ')?;
    let stamp = std::str::from_utf8(&head[..blank]).ok()?;
    Some(wrapped(
        &rest[end + 3..],
        "Ruby's logger",
        time::text(stamp),
    ))
}

/// Removes `[request-id] ` or `[pod/name/container] `.
fn tag(line: &[u8]) -> Option<Wrapped<'_>> {
    let head = &line[..line.len().min(160)];
    let end = head.iter().position(|&byte| byte == b']')?;
    let inner = std::str::from_utf8(&head[1..end]).ok()?;
    let rest = line[end + 1..].strip_prefix(b" ")?;
    let stamp = time::text(inner);
    if stamp.is_none() && inner.contains(' ') {
        return Some(wrapped(rest, "a logger", Some(time_among(inner)?)));
    }
    Some(wrapped(rest, "a tag", stamp))
}

/// Returns the time among the first words of a logger's prefix: `2018-08-16T08:39:23Z INFO module`,
/// `I 180816 08:39:23 web:2271`.
fn time_among(prefix: &str) -> Option<i64> {
    let words: Vec<_> = prefix.split_ascii_whitespace().take(4).collect();
    words.iter().enumerate().find_map(|(at, word)| {
        let clock = words.get(at + 1).filter(|clock| time::is_clock(clock));
        let whole = || time::text(word).filter(|_| word.contains(['-', '/', ':']));
        match clock {
            Some(clock) => time::text(&format!("{word} {clock}")).or_else(whole),
            None => whole(),
        }
    })
}

/// Removes any words before an object that ends the line. One of the first may be its time.
fn before_json(line: &[u8]) -> Option<Wrapped<'_>> {
    if line.last() != Some(&b'}') {
        return None;
    }
    let start = line
        .windows(2)
        .position(|pair| pair == b"{\"")
        .filter(|&at| at > 0)?;
    let time = std::str::from_utf8(&line[..start])
        .ok()
        .and_then(time_among);
    Some(wrapped(&line[start..], "words", time))
}

/// Removes the codes that colour a terminal.
pub(super) fn without_colours(line: &[u8]) -> Cow<'_, [u8]> {
    if !line.contains(&0x1b) {
        return Cow::Borrowed(line);
    }
    let mut plain = Vec::with_capacity(line.len());
    let mut rest = line;
    while let [byte, tail @ ..] = rest {
        rest = tail;
        if *byte != 0x1b {
            plain.push(*byte);
        } else if let [b'[', code @ ..] = tail {
            let digit = |byte: &&u8| byte.is_ascii_digit() || **byte == b';';
            let length = code.iter().take_while(digit).count();
            rest = code.get(length + 1..).unwrap_or_default();
        }
    }
    Cow::Owned(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wrapper_and_its_time_are_removed() {
        let moment = time::text("2018-08-16T08:39:23Z");
        for (line, name, time) in [
            ("web-1  | REST", "docker compose", None),
            (
                "2018-08-16T08:39:23.000000000Z stdout F REST",
                "CRI",
                moment,
            ),
            ("2018-08-16T08:39:23Z REST", "a time stamp", moment),
            (
                "2018-08-16T10:39:23.000+02:00 web nginx[7]: REST",
                "syslog",
                moment,
            ),
            (
                "2018-08-16T08:39:23+00:00 heroku[router]: REST",
                "syslog",
                moment,
            ),
            ("Aug  6 08:39:23 web nginx[7]: REST", "syslog", None),
            ("<190>REST", "syslog", None),
            ("nginx[7]: REST", "syslog", None),
            (
                "<134>1 2018-08-16T08:39:23Z web app 7 id - REST",
                "syslog",
                moment,
            ),
            (
                "<134>1 2018-08-16T08:39:23Z web app 7 id [a b=\"c\"] REST",
                "syslog",
                moment,
            ),
            (
                "I, [2018-08-16T08:39:23.000000 #7]  INFO -- : REST",
                "Ruby's logger",
                moment,
            ),
            ("[pod/web/nginx] REST", "a tag", None),
            (
                "[2018-08-16T08:39:23Z INFO  app::web] REST",
                "a logger",
                moment,
            ),
            ("[I 180816 08:39:23 web:2271] REST", "a logger", moment),
            (
                "[I 2018-08-16 08:39:23.000 ServerApp] REST",
                "a logger",
                moment,
            ),
        ] {
            let found = peel(line.as_bytes()).unwrap_or_else(|| panic!("{line}"));
            assert_eq!(
                (found.rest, found.name, found.time),
                (&b"REST"[..], name, time),
                "{line}"
            );
        }
        let timed = peel(b"2018-08-16T08:39:23Z\taccess\t{\"a\":1}").unwrap();
        assert_eq!((timed.rest, timed.time), (&b"{\"a\":1}"[..], moment));
        assert_eq!(peel(b"INFO access {\"a\":1}").unwrap().rest, b"{\"a\":1}");
    }

    #[test]
    fn a_part_of_a_line_is_told_from_a_whole_one() {
        let partial = |tag: &str| {
            peel(format!("2018-08-16T08:39:23Z stdout {tag} x").as_bytes())
                .unwrap()
                .partial
        };
        assert!(partial("P"));
        assert!(!partial("F"));
    }

    #[test]
    fn a_line_of_a_log_has_no_wrapper() {
        for line in [
            "192.0.2.1 - - [16/Aug/2018:08:39:23 +0000] \"GET / HTTP/1.1\" 200 1",
            "2018/08/16 08:39:23 GET / 200",
            "shop.example 192.0.2.1 - - []",
            "{\"a\":{\"b\":1}}",
            "",
        ] {
            assert_eq!(peel(line.as_bytes()), None, "{line}");
        }
    }
}
