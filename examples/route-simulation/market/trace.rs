//! Requests of public traces.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::Path,
};

use flate2::read::GzDecoder;
use serde_json::Value;

/// Tokens of a block.
pub(super) const BLOCK: u64 = 512;

/// A request.
#[derive(Debug, Clone)]
pub(super) struct Demand {
    /// Seconds since the start.
    pub(super) at: f64,
    /// Priority: 0 low, 1 default, 2 high.
    pub(super) priority: usize,
    /// Tokens of the prompt and of the answer.
    pub(super) input: u64,
    pub(super) output: u64,
    /// Blocks of the prompt. The last one need not be whole.
    pub(super) blocks: Vec<u64>,
    /// Seconds since the start until which the answer may take, if its caller does not wait for it.
    pub(super) due: Option<f64>,
    /// Seed of its random numbers, which are equal for every policy.
    pub(super) seed: u64,
}

// === impl Demand ===

impl Demand {
    fn new(at: f64, input: u64, output: u64, blocks: Vec<u64>) -> Self {
        Self {
            at,
            priority: 1,
            input,
            output,
            blocks,
            due: None,
            seed: 0,
        }
    }

    /// Returns each block with its tokens.
    pub(super) fn parts(&self) -> impl Iterator<Item = (u64, u64)> {
        let whole = self.blocks.len().saturating_sub(1) as u64;
        let last = self.input.saturating_sub(BLOCK * whole);
        let each = self.blocks.iter().zip(0..);
        each.map(move |(block, n)| (*block, if n < whole { BLOCK } else { last }))
    }
}

/// Reads a trace of conversations, whose prompts have beginnings in common. Those conversations are left out
/// on which the layer's settings were compared.
pub(super) fn conversations(folder: &Path) -> io::Result<Vec<Demand>> {
    let lines = open(&folder.join("mooncake-synthetic.jsonl.gz"))?.lines();
    let mut demands = Vec::new();
    for line in lines {
        let line: Value = serde_json::from_str(&line?)?;
        let number = |name: &str| line[name].as_u64().unwrap_or(0);
        let blocks = line["hash_ids"].as_array().into_iter().flatten();
        let blocks: Vec<_> = blocks.filter_map(Value::as_u64).collect();
        let first = blocks.first().copied().unwrap_or_default();
        let is_tuned = (first.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 60).is_multiple_of(2);
        if !is_tuned {
            let at = number("timestamp") as f64 / 1_000.0;
            let (input, output) = (number("input_length"), number("output_length"));
            demands.push(Demand::new(at, input, output, blocks));
        }
    }
    Ok(sorted(demands))
}

/// Reads a trace of code completions, whose prompts are taken to have nothing in common.
pub(super) fn completions(folder: &Path) -> io::Result<Vec<Demand>> {
    let lines = open(&folder.join("azure-llm-code.csv.gz"))?.lines();
    let mut demands = Vec::new();
    for line in lines.skip(1) {
        let line = line?;
        let demand = completion(line.trim(), demands.len() as u64);
        demands.push(demand.ok_or(io::ErrorKind::InvalidData)?);
    }
    Ok(sorted(demands))
}

fn completion(line: &str, number: u64) -> Option<Demand> {
    let mut columns = line.split(',');
    let (_, time) = columns.next()?.split_once(' ')?;
    let mut at = 0.0;
    for part in time.split(':') {
        at = 60.0 * at + part.parse::<f64>().ok()?;
    }
    let input: u64 = columns.next()?.parse().ok()?;
    let output = columns.next()?.parse().ok()?;
    let first = (number + 1) << 32;
    let blocks = (first..first + input.div_ceil(BLOCK)).collect();
    Some(Demand::new(at, input, output, blocks))
}

fn open(path: &Path) -> io::Result<BufReader<Box<dyn Read>>> {
    let file = File::open(path)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
    Ok(BufReader::new(Box::new(GzDecoder::new(file))))
}

fn sorted(mut demands: Vec<Demand>) -> Vec<Demand> {
    demands.sort_by(|a, b| a.at.total_cmp(&b.at));
    let start = demands.first().map_or(0.0, |first| first.at);
    demands.iter_mut().for_each(|demand| demand.at -= start);
    demands
}
