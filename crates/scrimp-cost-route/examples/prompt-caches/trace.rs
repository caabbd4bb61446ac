//! Traces of prompts.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::Path,
};

use flate2::read::GzDecoder;
use serde_json::Value;

/// Tokens of a block.
pub(crate) const BLOCK: f64 = 512.0;

/// One request of a trace.
#[derive(Clone)]
pub(crate) struct Request {
    /// Seconds since the start of the trace.
    pub(crate) at: f64,
    pub(crate) tokens: f64,
    pub(crate) answer: u64,
    pub(crate) blocks: Vec<u64>,
}

#[derive(Clone)]
pub(crate) struct Trace {
    pub(crate) requests: Vec<Request>,
}

/// Part of the conversations, by their first block.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Tuned,
    Other,
    All,
    /// All, as if no prompt had anything in common with another.
    Apart,
}

impl Trace {
    pub(crate) fn load(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let reader: Box<dyn Read> = match path.extension().is_some_and(|end| end == "gz") {
            true => Box::new(GzDecoder::new(file)),
            false => Box::new(file),
        };
        let mut requests = Vec::new();
        for line in BufReader::new(reader).lines() {
            let line: Value = serde_json::from_str(&line?)?;
            let number = |name: &str| line[name].as_f64().unwrap_or(0.0);
            let blocks = line["hash_ids"].as_array().into_iter().flatten();
            requests.push(Request {
                at: number("timestamp") / 1_000.0,
                tokens: number("input_length"),
                answer: line["output_length"].as_u64().unwrap_or(0),
                blocks: blocks.filter_map(Value::as_u64).collect(),
            });
        }
        requests.sort_by(|a, b| a.at.total_cmp(&b.at));
        Ok(Self { requests })
    }

    /// Returns the requests of a part. Those that begin with the same block are of one part.
    pub(crate) fn part(&self, part: Part) -> Self {
        let is_tuned = |request: &&Request| {
            let first = request.blocks.first().copied().unwrap_or_default();
            (first.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 60).is_multiple_of(2)
        };
        let requests = self.requests.iter();
        let requests = match part {
            Part::All => requests.cloned().collect(),
            Part::Apart => {
                let mut next = 0..;
                let apart = |request: &Request| {
                    let mut request = request.clone();
                    request
                        .blocks
                        .iter_mut()
                        .zip(&mut next)
                        .for_each(|(block, new)| *block = new);
                    request
                };
                requests.map(apart).collect()
            }
            Part::Tuned => requests.filter(is_tuned).cloned().collect(),
            Part::Other => requests
                .filter(|request| !is_tuned(request))
                .cloned()
                .collect(),
        };
        Self { requests }
    }

    pub(crate) fn tokens(&self) -> f64 {
        self.requests.iter().map(|request| request.tokens).sum()
    }
}

impl Request {
    /// Returns each block with its tokens. The last one need not be whole.
    pub(crate) fn blocks(&self) -> impl Iterator<Item = (u64, f64)> {
        let whole = self.blocks.len().saturating_sub(1);
        let last = self.tokens - BLOCK * whole as f64;
        let each = self.blocks.iter().enumerate();
        each.map(move |(n, block)| (*block, if n < whole { BLOCK } else { last }))
    }
}
