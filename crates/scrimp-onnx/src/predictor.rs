//! The predictor.

use std::{fmt, fs, path::Path, sync::Arc, time::Duration};

use scrimp_prefetch::{Next, Prediction, Predictor, Trail, Visit};
use tract_onnx::prelude::{
    Datum, Framework, InferenceFact, InferenceModelExt, IntoRunnable, Tensor, TractResult,
    TypedRunnableModel, tvec,
};

use crate::{OnnxError, Vocabulary, features, pages::Pages};

/// Predictions for one request.
const MOST: usize = 8;

/// Targets whose pages are remembered.
const PAGES: usize = 16_384;

/// Largest file that is read, in bytes.
const LARGEST: u64 = 256 << 20;

/// Share of the latest stay in the mean.
const SHARE: f32 = 0.1;

/// Time that is assumed until sessions have shown it, in seconds.
const FIRST: f32 = 10.0;

/// Asks a model in the ONNX format which page a session will ask for next.
///
/// The documentation of the crate has the model's inputs and outputs. The model is checked once, when it is loaded:
/// a later failure makes no prediction.
pub struct OnnxPredictor {
    model: Arc<TypedRunnableModel>,
    vocabulary: Vocabulary,
    pages: Pages,
    /// Mean of the logarithm of the stay at pages of each template, in seconds.
    stays: Vec<f32>,
    row: Vec<f32>,
    is_quick: bool,
}

// === impl OnnxPredictor ===

impl OnnxPredictor {
    /// Reads a model and its vocabulary from files of at most 256 MiB.
    ///
    /// # Errors
    ///
    /// If a file cannot be read, or its content cannot be used.
    pub fn open(model: impl AsRef<Path>, vocabulary: impl AsRef<Path>) -> Result<Self, OnnxError> {
        let vocabulary = String::from_utf8(read(vocabulary.as_ref())?);
        let vocabulary = vocabulary.map_err(|error| OnnxError::from("no vocabulary", error))?;
        Self::new(&read(model.as_ref())?, vocabulary.parse()?)
    }

    /// Makes a predictor from the bytes of a model.
    ///
    /// # Errors
    ///
    /// If it is no model that tract can run, or its inputs and outputs do not fit the vocabulary.
    pub fn new(model: &[u8], vocabulary: Vocabulary) -> Result<Self, OnnxError> {
        let row = vec![0.0; vocabulary.features()];
        let model = load(model, vocabulary.features())
            .map_err(|error| OnnxError::from("no model that can be run", error))?;
        // An empty session.
        let output = run(&model, &row);
        let output = output.map_err(|error| OnnxError::from("a model that fails", error))?;
        if output.len() != vocabulary.templates() {
            return Err(OnnxError::new(format!(
                "the model has {} outputs for {} templates",
                output.len(),
                vocabulary.templates()
            )));
        }
        Ok(Self {
            stays: vec![FIRST.ln(); vocabulary.templates()],
            pages: Pages::new(PAGES),
            is_quick: false,
            model,
            vocabulary,
            row,
        })
    }

    /// Declares that a prediction takes microseconds only, so it needs no thread for blocking work. Default: it runs
    /// on one.
    #[must_use]
    pub fn quick(mut self) -> Self {
        self.is_quick = true;
        self
    }

    fn template(&self, visit: &Visit<'_>) -> Option<usize> {
        self.pages.template(visit.item).map(usize::from)
    }

    /// Returns the probabilities of templates that the session may ask for next. Those without names that it has seen
    /// are no part of it.
    fn probabilities(&mut self, trail: &Trail, since: Option<Duration>) -> Option<Vec<f32>> {
        features::write(&mut self.row, &self.vocabulary, &self.pages, trail, since);
        let mut all = run(&self.model, &self.row).ok()?;
        if all.len() != self.vocabulary.templates() {
            return None;
        }
        for template in trail.seen().filter_map(|item| self.pages.template(item)) {
            let template = usize::from(template);
            if !self.vocabulary.has_names(template) {
                all[template] = 0.0;
            }
        }
        let sum: f32 = all.iter().sum();
        let is_valid = all.iter().all(|one| *one >= 0.0) && sum > 0.0 && sum.is_finite();
        all.iter_mut().for_each(|one| *one /= sum);
        is_valid.then_some(all)
    }
}

impl Predictor for OnnxPredictor {
    fn observe(&mut self, trail: &Trail, next: &Visit<'_>) {
        self.pages.note(&self.vocabulary, next);
        let last = trail.recent(0).and_then(|last| self.pages.template(last));
        if let (Some(last), Some(since)) = (last, next.since) {
            let stay = &mut self.stays[usize::from(last)];
            *stay += SHARE * (since.as_secs_f32().max(0.001).ln() - *stay);
        }
    }

    fn predict(&mut self, trail: &Trail, last: &Visit<'_>, predictions: &mut Vec<Prediction>) {
        self.pages.note(&self.vocabulary, last);
        let Some(all) = self.probabilities(trail, last.since) else {
            return;
        };
        let stay = self.template(last).map_or(FIRST.ln(), |at| self.stays[at]);
        let delay = Duration::try_from_secs_f32(stay.exp()).unwrap_or_default();
        let mut best: Vec<_> = all.into_iter().enumerate().collect();
        best.sort_unstable_by(|a, b| b.1.total_cmp(&a.1));
        let paths = best
            .into_iter()
            .take(MOST)
            .filter(|(_, probability)| *probability > 0.0);
        for (template, probability) in paths {
            let value = |name| self.pages.value(trail, name);
            if let Some(path) = self.vocabulary.path(template, value)
                && path != last.uri.path()
            {
                let next = Next::Path(path);
                predictions.push(Prediction::new(next, f64::from(probability), delay));
            }
        }
    }

    fn forget(&mut self, session: u64) {
        self.pages.forget(session);
    }

    fn is_quick(&self) -> bool {
        self.is_quick
    }
}

impl fmt::Debug for OnnxPredictor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnnxPredictor")
            .field("templates", &self.vocabulary.templates())
            .finish_non_exhaustive()
    }
}

/// Reads a file that is not too large.
fn read(path: &Path) -> Result<Vec<u8>, OnnxError> {
    let name = || format!("cannot read {}", path.display());
    let length = fs::metadata(path).map_err(|error| OnnxError::from(name(), error))?;
    if length.len() > LARGEST {
        let problem = format!("{} has more than {LARGEST} bytes", path.display());
        return Err(OnnxError::new(problem));
    }
    fs::read(path).map_err(|error| OnnxError::from(name(), error))
}

/// Reads a model whose input is a row of this many features.
fn load(mut model: &[u8], features: usize) -> TractResult<Arc<TypedRunnableModel>> {
    let mut model = tract_onnx::onnx().model_for_read(&mut model)?;
    let shape = [1, features];
    model.set_input_fact(0, InferenceFact::dt_shape(f32::datum_type(), shape))?;
    // Classifiers also have the likeliest class as an output.
    if model.output_outlets()?.len() > 1 {
        model = model.with_outputs_by_name(["probabilities"])?;
    }
    model.into_optimized()?.into_runnable()
}

fn run(model: &Arc<TypedRunnableModel>, row: &[f32]) -> TractResult<Vec<f32>> {
    let input = Tensor::from_shape(&[1, row.len()], row)?;
    let outputs = model.run(tvec!(input.into()))?;
    let output = outputs[0].cast_to::<f32>()?;
    Ok(output.try_as_plain_ram()?.as_slice::<f32>()?.to_vec())
}
