//! Judges one answer.

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, header};

use crate::{
    ask::Ask,
    tally::Kind,
    thing::{Area, Edition},
    truth::{Before, Truth, Untrue},
};

/// An answer that was read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Judgement of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is what was asked for, and new enough.
    Right(Edition),
    /// It is an error, and says so.
    Failure,
    Fault(Kind, String),
}

/// Name of the field that marks an answer of the cache's fallback.
pub(crate) const FALLBACK: &str = "x-fallback";

// === impl Answer ===

impl Answer {
    pub(crate) fn header(&self, name: impl header::AsHeaderName) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().unwrap_or_default())
    }

    /// Returns the edition that it says it is of. `Err` if its parts contradict one another.
    fn edition(&self, method: &Method) -> Result<Edition, String> {
        let named = Edition::of_etag(self.header(header::ETAG));
        if self.status == StatusCode::OK && method == Method::GET {
            let edition = Edition::of_body(&self.body)
                .ok_or_else(|| format!("a body of no edition: {}", self.beginning()))?;
            let named =
                named.or_else(|| (edition.thing.area == Area::Bare).then(|| edition.clone()));
            return match named == Some(edition.clone()) {
                true => Ok(edition),
                false => Err(format!("{} under the name {named:?}", edition.name())),
            };
        }
        let edition = named.ok_or("no ETag")?;
        match self.status {
            StatusCode::PARTIAL_CONTENT => self.check_parts(&edition.render())?,
            _ if self.body.is_empty() => {}
            _ => return Err(format!("a body where none may be: {}", self.beginning())),
        }
        Ok(edition)
    }

    /// Checks that each part of a partial answer is that part of the whole.
    fn check_parts(&self, whole: &[u8]) -> Result<(), String> {
        let kind = self.header(header::CONTENT_TYPE);
        let Some(boundary) = kind.strip_prefix("multipart/byteranges; boundary=") else {
            return check_part(self.header(header::CONTENT_RANGE), &self.body, whole);
        };
        let separator = format!("--{}", boundary.trim_matches('"'));
        let mut rest = &self.body[..];
        loop {
            let start = find(rest, separator.as_bytes()).ok_or("no last boundary")?;
            rest = &rest[start + separator.len()..];
            if rest.starts_with(b"--") {
                return Ok(());
            }
            let head = find(rest, b"\r\n\r\n").ok_or("a part without a head")?;
            let fields = String::from_utf8_lossy(&rest[..head]).to_lowercase();
            let mut lines = fields.lines();
            let range = lines.find_map(|line| line.strip_prefix("content-range: "));
            rest = &rest[head + 4..];
            let end = find(rest, format!("\r\n{separator}").as_bytes()).ok_or("a part's end")?;
            check_part(range.unwrap_or_default(), &rest[..end], whole)?;
            rest = &rest[end..];
        }
    }

    fn beginning(&self) -> String {
        let text = &self.body[..self.body.len().min(80)];
        format!(
            "{} {} bytes: {}",
            self.status,
            self.body.len(),
            String::from_utf8_lossy(text)
        )
    }
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|part| part == wanted)
}

/// Checks a part against the whole, by its Content-Range.
fn check_part(range: &str, part: &[u8], whole: &[u8]) -> Result<(), String> {
    let place = || {
        let (ends, length) = range.strip_prefix("bytes ")?.split_once('/')?;
        let (first, last) = ends.split_once('-')?;
        let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
        (length.parse() == Ok(whole.len())).then(|| whole.get(first..=last))?
    };
    match place() == Some(part) {
        true => Ok(()),
        false => Err(format!("{} bytes are not {range:?}", part.len())),
    }
}

/// Judges an answer to a request that began at `before` and has ended now.
pub(crate) fn judge(truth: &Truth, ask: &Ask, before: Before, answer: &Answer) -> Verdict {
    let status = answer.status;
    let ranged = status == StatusCode::RANGE_NOT_SATISFIABLE;
    if answer.headers.contains_key(FALLBACK) || ranged || status.as_u16() >= 400 {
        return match answer.header(header::CACHE_STATUS).contains("; hit") && !ranged {
            // No error of the upstream has a lifetime.
            true => Verdict::Fault(Kind::Wrong, format!("{ask}: {status} from store")),
            false => Verdict::Failure,
        };
    }
    let wrong = |reason: String| {
        let place = answer.header(header::CACHE_STATUS);
        Verdict::Fault(Kind::Wrong, format!("{ask}: {reason} ({place})"))
    };
    let edition = match answer.edition(&ask.method) {
        Ok(edition) => edition,
        Err(reason) => return wrong(reason),
    };
    if edition.thing != ask.thing || edition.audience != ask.audience {
        return wrong(format!("got {}", edition.name()));
    }
    match truth.check(ask.thing, edition.version, before) {
        Ok(()) => Verdict::Right(edition),
        Err(Untrue::Unwritten(reason)) => wrong(reason),
        Err(Untrue::Stale(reason)) => {
            let place = answer.header(header::CACHE_STATUS);
            Verdict::Fault(Kind::Stale, format!("{ask}: {reason} ({status}, {place})"))
        }
    }
}
