//! Reads traces.

use std::{
    collections::HashMap,
    io::{Cursor, Read},
    path::Path,
};

use anyhow::{Context, bail};

/// Requests of a trace. Keys are numbered from zero, in the order of their first request.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Trace {
    pub(super) keys: Vec<u32>,
    /// Size of the body of each key, if the trace states it: the largest one.
    pub(super) sizes: Option<Vec<u64>>,
    /// The saving of a hit on each key, if the trace states it.
    pub(super) costs: Option<Vec<f64>>,
}

/// A trace that is being read. A request is a name, and its size and cost.
#[derive(Default)]
struct Reader {
    names: HashMap<Vec<u8>, u32>,
    keys: Vec<u32>,
    sizes: Vec<Option<u64>>,
    costs: Vec<Option<f64>>,
}

/// Reads a file, which may be compressed by xz or gzip.
pub(super) fn read(path: &Path, key_bytes: Option<u8>) -> anyhow::Result<Trace> {
    let bytes = std::fs::read(path).with_context(|| format!("no trace at {}", path.display()))?;
    let bytes = unpacked(bytes).with_context(|| format!("cannot unpack {}", path.display()))?;
    let trace =
        parse(&bytes, key_bytes).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(trace)
}

fn unpacked(bytes: Vec<u8>) -> std::io::Result<Vec<u8>> {
    let mut plain = Vec::new();
    match &bytes[..] {
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => {
            lzma_rust2::XzReader::new(Cursor::new(bytes), true).read_to_end(&mut plain)?;
        }
        [0x1f, 0x8b, ..] => {
            flate2::read::MultiGzDecoder::new(Cursor::new(bytes)).read_to_end(&mut plain)?;
        }
        _ => plain = bytes,
    }
    Ok(plain)
}

fn parse(bytes: &[u8], key_bytes: Option<u8>) -> anyhow::Result<Trace> {
    let mut reader = Reader::default();
    match text(bytes) {
        None => reader.binary(bytes, key_bytes.unwrap_or_else(|| guess(bytes))),
        Some(text) if text.starts_with('{') => reader.blocks(text)?,
        Some(text)
            if text
                .lines()
                .next()
                .is_some_and(|line| line.contains("] \"")) =>
        {
            reader.access_log(text);
        }
        Some(text) => reader.lines(text),
    }
    let trace = reader.finish();
    if trace.keys.is_empty() {
        bail!("it has no requests");
    }
    Ok(trace)
}

/// Returns the text, if the bytes are text. An access log may have any bytes in its later lines.
fn text(bytes: &[u8]) -> Option<&str> {
    let is_text = |&byte: &u8| byte >= b' ' || matches!(byte, b'\t' | b'\n' | b'\r');
    let text = std::str::from_utf8(bytes).ok()?;
    bytes.iter().take(4_096).all(is_text).then_some(text)
}

/// Guesses the bytes of a key. Wide keys are hashes, and half of the words in hashes are negative.
fn guess(bytes: &[u8]) -> u8 {
    let words = || bytes.chunks_exact(4).take(10_000);
    let negative = words().filter(|word| word[0] >= 0x80).count();
    if negative * 4 > words().count() { 8 } else { 4 }
}

// === impl Reader ===

impl Reader {
    fn request(&mut self, name: &[u8], size: Option<u64>, cost: Option<f64>) {
        let new = u32::try_from(self.names.len()).expect("a trace has fewer than 2³² keys");
        let key = match self.names.get(name) {
            Some(&key) => key,
            None => {
                self.names.insert(name.to_vec(), new);
                self.sizes.push(None);
                self.costs.push(None);
                new
            }
        };
        let known = &mut self.sizes[key as usize];
        *known = (*known).max(size);
        self.costs[key as usize] = self.costs[key as usize].or(cost);
        self.keys.push(key);
    }

    fn binary(&mut self, bytes: &[u8], key_bytes: u8) {
        for name in bytes.chunks_exact(usize::from(key_bytes)) {
            self.request(name, None, None);
        }
    }

    /// Reads lines of `key`, `key size` or `key size cost`. A key that stands alone is a decimal
    /// number; other lines are skipped.
    fn lines(&mut self, text: &str) {
        for line in text.lines() {
            let mut words = line.split_whitespace();
            let Some(name) = words.next().filter(|name| !name.starts_with('#')) else {
                continue;
            };
            match words.next().map(str::parse) {
                None if name.parse::<i64>().is_err() => {}
                None => self.request(name.as_bytes(), None, None),
                Some(Err(_)) => {}
                Some(Ok(size)) => {
                    let cost = words.next().and_then(|cost| cost.parse().ok());
                    self.request(name.as_bytes(), Some(size), cost);
                }
            }
        }
    }

    /// Reads one JSON object a line, with the blocks of a prompt in `hash_ids`.
    fn blocks(&mut self, text: &str) -> anyhow::Result<()> {
        #[derive(serde::Deserialize)]
        struct Prompt {
            hash_ids: Vec<i64>,
        }
        for line in text.lines().filter(|line| !line.is_empty()) {
            let prompt: Prompt = serde_json::from_str(line)?;
            for block in prompt.hash_ids {
                self.request(&block.to_le_bytes(), None, None);
            }
        }
        Ok(())
    }

    /// Reads the Common Log Format: GET requests with status 200 or 304, sorted by time, without
    /// the query.
    fn access_log(&mut self, text: &str) {
        let mut requests: Vec<_> = text.lines().filter_map(logged).collect();
        requests.sort_by_key(|&(time, ..)| time);
        for (_, path, size) in requests {
            self.request(path.as_bytes(), Some(size), None);
        }
    }

    fn finish(self) -> Trace {
        Trace {
            keys: self.keys,
            sizes: self.sizes.into_iter().collect(),
            costs: self.costs.into_iter().collect(),
        }
    }
}

/// Returns time, path and size of a line that a cache could answer.
fn logged(line: &str) -> Option<([u32; 6], &str, u64)> {
    let (_, line) = line.split_once('[')?;
    let (time, line) = line.split_once("] \"GET ")?;
    let (target, line) = line.split_once(' ')?;
    let (_, line) = line.split_once("\" ")?;
    let mut words = line.split(' ');
    let status = words.next()?;
    let size = words.next().and_then(|size| size.parse().ok());
    let path = target.split('?').next().unwrap_or_default();
    matches!(status, "200" | "304").then_some((moment(time)?, path, size.unwrap_or(0)))
}

/// Returns year, month, day, hour, minute and second of `17/May/2015:10:05:03 +0000`.
fn moment(time: &str) -> Option<[u32; 6]> {
    const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
    let mut parts = time.split([' ', '/', ':']);
    let mut next = || parts.next();
    let [day, month, year, hour, minute, second] =
        [next()?, next()?, next()?, next()?, next()?, next()?];
    let month = MONTHS.find(month)? as u32;
    let number = |text: &str| text.parse().ok();
    Some([
        number(year)?,
        month,
        number(day)?,
        number(hour)?,
        number(minute)?,
        number(second)?,
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(bytes: &[u8]) -> Vec<u32> {
        parse(bytes, None).expect("a trace").keys
    }

    #[test]
    fn big_endian_keys_of_four_and_eight_bytes_are_told_apart() {
        let narrow: Vec<u8> = [5_i32, 7, 5]
            .iter()
            .flat_map(|key| key.to_be_bytes())
            .collect();
        assert_eq!(keys(&narrow), [0, 1, 0]);
        let hashes = [
            0x9f73_1daa_d8ee_a731_u64,
            0x11de_1cd1_8a4e_cbb7,
            0x9f73_1daa_d8ee_a731,
        ];
        let wide: Vec<u8> = hashes.iter().flat_map(|key| key.to_be_bytes()).collect();
        assert_eq!(keys(&wide), [0, 1, 0]);
    }

    #[test]
    fn lines_have_a_key_and_may_have_a_size_and_a_cost() {
        assert_eq!(keys(b"12\n*\n7\n12\n"), [0, 1, 0]);
        let trace = parse(b"/a 10 0.5\n/b 20 2\n/a 12 0.5\n# end\n", None).expect("a trace");
        assert_eq!(trace.keys, [0, 1, 0]);
        assert_eq!(trace.sizes, Some(vec![12, 20]));
        assert_eq!(trace.costs, Some(vec![0.5, 2.0]));
    }

    #[test]
    fn blocks_of_prompts_are_keys() {
        let lines = b"{\"timestamp\": 0, \"hash_ids\": [4, 9]}\n{\"hash_ids\": [4]}\n";
        assert_eq!(keys(lines), [0, 1, 0]);
    }

    #[test]
    fn an_access_log_is_sorted_by_time_and_holds_what_a_cache_could_answer() {
        let log = "h - - [17/May/2015:10:05:43 +0000] \"GET /b?x=1 HTTP/1.1\" 200 30 \"-\" \"-\"\n\
                   h - - [17/May/2015:10:05:03 +0000] \"GET /a HTTP/1.1\" 200 20 \"-\" \"-\"\n\
                   h - - [17/May/2015:10:06:03 +0000] \"POST /a HTTP/1.1\" 200 20 \"-\" \"-\"\n\
                   h - - [17/Apr/2015:10:06:03 +0000] \"GET /c HTTP/1.1\" 404 20 \"-\" \"-\"\n\
                   h - - [18/May/2015:10:00:00 +0000] \"GET /b HTTP/1.1\" 304 - \"-\" \"-\"\n";
        let trace = parse(log.as_bytes(), None).expect("a trace");
        assert_eq!(trace.keys, [0, 1, 1]);
        assert_eq!(trace.sizes, Some(vec![20, 30]));
    }

    #[test]
    fn what_is_no_trace_is_an_error() {
        assert!(parse(b"", None).is_err());
        assert!(parse(b"only words\n", None).is_err());
        assert!(parse(b"{\"no\": 1}\n", None).is_err());
    }
}
