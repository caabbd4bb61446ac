//! Text in the tokens of real tokenizers, and the lengths of real answers.

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
};

use flate2::read::GzDecoder;
use serde_json::Value;
use tiktoken_rs::CoreBPE;

/// Bytes of text of a kind.
const MOST: usize = 300_000;

/// Texts of one kind, such as prose, by a tokenizer.
pub(crate) struct Corpus {
    tokens: Vec<Vec<u8>>,
    /// Bytes in JSON of all tokens before.
    bytes: Vec<u64>,
}

/// Lengths of a prompt and an answer, in tokens.
#[derive(Clone, Copy)]
pub(crate) struct Lengths {
    pub(crate) prompt: u64,
    pub(crate) answer: u64,
}

impl Corpus {
    /// Returns the project's own prose, code and data, and the texts of a folder that is named.
    pub(crate) fn all(tokenizer: &CoreBPE) -> Vec<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let mut folders = vec![
            (root.join("docs"), "md"),
            (root.join("crates/scrimp-http/src"), "rs"),
            (root.join("docs/grafana"), "json"),
        ];
        if let Ok(folder) = std::env::var("SCRIMP_CUTS_TEXTS") {
            folders.push((folder.into(), "txt"));
        }
        let texts = folders.iter().map(|(folder, end)| text(folder, end));
        texts.map(|text| Self::of(&text, tokenizer)).collect()
    }

    fn of(text: &str, tokenizer: &CoreBPE) -> Self {
        assert!(text.len() > 1_000, "there is text");
        let ranks = tokenizer.encode_ordinary(text);
        let decode = |rank: &u32| tokenizer.decode_bytes(&[*rank]).expect("its own token");
        let tokens: Vec<_> = ranks.iter().map(decode).collect();
        let mut sum = 0;
        let bytes = tokens.iter().map(|token| {
            sum += token.iter().copied().map(in_json).sum::<u64>();
            sum
        });
        Self {
            bytes: std::iter::once(0).chain(bytes).collect(),
            tokens,
        }
    }

    /// Returns tokens from a random place on.
    pub(crate) fn take(&self, count: u64) -> impl Iterator<Item = &[u8]> {
        let start = fastrand::usize(..self.tokens.len());
        let all = self.tokens.iter().cycle().skip(start);
        all.take(usize::try_from(count).unwrap()).map(Vec::as_slice)
    }

    /// Returns the bytes in JSON of as many tokens from a random place on.
    pub(crate) fn bytes(&self, count: u64) -> u64 {
        let length = self.tokens.len() as u64;
        let start = fastrand::u64(..length);
        let to = |place: u64| {
            let rest = usize::try_from(place % length).unwrap();
            place / length * self.bytes[self.tokens.len()] + self.bytes[rest]
        };
        to(start + count) - to(start)
    }
}

fn in_json(byte: u8) -> u64 {
    1 + u64::from(matches!(byte, b'"' | b'\\' | b'\n' | b'\t'))
}

/// Returns the files of a folder with this end, up to a limit.
fn text(folder: &Path, end: &str) -> String {
    let mut files: Vec<PathBuf> = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of texts") {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|own| own == end) {
                files.push(path);
            }
        }
    }
    files.sort();
    let mut text = String::new();
    for file in files {
        text += &fs::read_to_string(file).expect("text");
        if text.len() > MOST {
            break;
        }
    }
    text
}

/// Returns the lengths of two public traces, in turns. `None` if they are absent.
pub(crate) fn lengths() -> Option<Vec<Lengths>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/traces");
    let read = |name: &str| {
        let file = fs::File::open(folder.join(name)).ok()?;
        let mut text = String::new();
        GzDecoder::new(file).read_to_string(&mut text).ok()?;
        Some(text)
    };
    let code = read("azure-llm-code.csv.gz")?;
    let code = code.lines().skip(1).filter_map(|line| {
        let mut fields = line
            .split(',')
            .skip(1)
            .map(|field| field.trim().parse().ok());
        Some(Lengths {
            prompt: fields.next()??,
            answer: fields.next()??,
        })
    });
    let chat = read("mooncake-synthetic.jsonl.gz")?;
    let chat: Vec<_> = chat
        .lines()
        .filter_map(|line| {
            let line: Value = serde_json::from_str(line).ok()?;
            Some(Lengths {
                prompt: line["input_length"].as_u64()?,
                answer: line["output_length"].as_u64()?,
            })
        })
        .collect();
    let pairs = code.zip(chat.iter().cycle());
    Some(pairs.flat_map(|(one, other)| [one, *other]).collect())
}
