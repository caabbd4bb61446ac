//! Real sequences, and how well a predictor knows what comes next.

#![allow(dead_code, unreachable_pub, reason = "each program uses its own part")]

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
};

use flate2::read::{DeflateDecoder, GzDecoder};
use http::Uri;
use scrimp_prefetch::{Calibration, ItemId, Next, Prediction, Predictor, Trail, Visit};

/// Sessions, as lists of items.
pub type Sessions = Vec<Vec<u32>>;

/// Counts of right predictions of items that were new to their session.
#[derive(Debug, Clone, Default)]
pub struct Score {
    pub events: u32,
    pub top_1: u32,
    pub top_3: u32,
    /// Sums of confidence and of outcomes of first predictions, by confidence: as said, and calibrated.
    said: [(f64, f64); BINS],
    calibrated: [(f64, f64); BINS],
}

/// Ranges of equal width for the calibration error.
const BINS: usize = 15;

/// Finds a file of real inputs beside the checkout. Says so if it is absent.
pub fn trace(name: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let path = root.join("shared/traces").join(name);
    if !path.exists() {
        eprintln!("absent: ../shared/traces/{name}");
        return None;
    }
    Some(path)
}

/// Reads the categories of msnbc.com: a session a line. The archive has the file first.
pub fn msnbc() -> Option<Sessions> {
    let data = fs::read(trace("msnbc990928.zip")?).unwrap();
    let length = |at: usize| usize::from(u16::from_le_bytes([data[at], data[at + 1]]));
    let start = 30 + length(26) + length(28);
    let mut text = String::new();
    DeflateDecoder::new(&data[start..])
        .read_to_string(&mut text)
        .unwrap();
    let numbers = |line: &str| line.split_whitespace().map(|it| it.parse().ok()).collect();
    let sessions: Sessions = text.lines().filter_map(numbers).collect();
    Some(
        sessions
            .into_iter()
            .filter(|session| !session.is_empty())
            .collect(),
    )
}

/// Reads the clicks of a shop: session and item a line.
pub fn bms() -> Option<Sessions> {
    let file = fs::File::open(trace("bms.dat.gz")?).unwrap();
    let mut text = String::new();
    GzDecoder::new(file).read_to_string(&mut text).unwrap();
    let (mut sessions, mut last) = (Sessions::new(), None);
    for line in text.lines() {
        let mut numbers = line.split_whitespace().map(|it| it.parse::<u32>().unwrap());
        let session = numbers.next();
        if session != last {
            sessions.push(Vec::new());
            last = session;
        }
        let session = sessions.last_mut().expect("one was pushed");
        session.extend(numbers);
    }
    Some(sessions)
}

/// Returns the identity of an item.
pub fn id(item: u32) -> ItemId {
    ItemId::of_hash(u64::from(item).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 17)
}

/// Lets a predictor learn from a session.
pub fn learn(predictor: &mut dyn Predictor, session: &[u32]) {
    let (uri, mut trail) = (Uri::from_static("/"), Trail::new());
    for item in session {
        let item = id(*item);
        predictor.observe(&trail, &Visit::new(item, &uri, None));
        trail.push(item);
    }
}

/// Judges a predictor by sessions: at each item that is new to its session, but the first one. It learns from
/// each item after it was judged, if `learns`.
pub fn judge(
    predictor: &mut dyn Predictor,
    calibration: &mut Calibration,
    sessions: &[Vec<u32>],
    learns: bool,
) -> Score {
    let (mut score, uri) = (Score::default(), Uri::from_static("/"));
    let mut predictions = Vec::new();
    for session in sessions {
        let mut trail = Trail::new();
        for item in session {
            let item = id(*item);
            if let Some(last) = trail.recent(0)
                && !trail.has_seen(item)
            {
                predictions.clear();
                predictor.predict(&trail, &Visit::new(last, &uri, None), &mut predictions);
                score.add(&predictions, item, calibration);
            }
            if learns {
                predictor.observe(&trail, &Visit::new(item, &uri, None));
            }
            trail.push(item);
        }
    }
    score
}

// === impl Score ===

impl Score {
    fn add(&mut self, predictions: &[Prediction], item: ItemId, calibration: &mut Calibration) {
        let is_right = |prediction: &&Prediction| prediction.next == Next::Item(item);
        self.events += 1;
        self.top_3 += u32::from(predictions.iter().take(3).any(|one| is_right(&one)));
        let Some(first) = predictions.first() else {
            return;
        };
        let right = is_right(&first);
        self.top_1 += u32::from(right);
        let calibrated = calibration.probability(first.confidence);
        calibration.learn(first.confidence, right);
        for (bins, confidence) in [
            (&mut self.said, first.confidence),
            (&mut self.calibrated, calibrated),
        ] {
            let bin = &mut bins[((confidence * BINS as f64) as usize).min(BINS - 1)];
            bin.0 += confidence;
            bin.1 += f64::from(u8::from(right));
        }
    }

    /// Returns the share of events whose item was predicted first.
    pub fn first(&self) -> f64 {
        f64::from(self.top_1) / f64::from(self.events.max(1))
    }

    /// Returns the share of events whose item was among the first three.
    pub fn third(&self) -> f64 {
        f64::from(self.top_3) / f64::from(self.events.max(1))
    }

    /// Returns the expected calibration error of first predictions: as said, and calibrated.
    pub fn errors(&self) -> (f64, f64) {
        let error = |bins: &[(f64, f64)]| {
            let sum: f64 = bins.iter().map(|(said, right)| (said - right).abs()).sum();
            sum / f64::from(self.events.max(1))
        };
        (error(&self.said), error(&self.calibrated))
    }
}
