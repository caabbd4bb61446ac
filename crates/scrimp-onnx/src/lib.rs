//! Predictions of a model of your own, in ONNX, for scrimp's prefetch layer.
//!
//! [`OnnxPredictor`] is a [`Predictor`](scrimp_prefetch::Predictor) of
//! [`PrefetchLayer`](scrimp_prefetch::PrefetchLayer). It asks a model, trained elsewhere and stored in the ONNX
//! format, which page template a session will ask for next. The model runs in the process, through
//! [tract](https://docs.rs/tract-onnx).
//!
//! ```no_run
//! use scrimp_onnx::OnnxPredictor;
//! use scrimp_prefetch::{PrefetchLayer, SessionKey};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let prefetch = PrefetchLayer::builder(SessionKey::cookie("sid"))
//!     .predictor(OnnxPredictor::open("next.onnx", "next.json")?)
//!     .value_of_waiting("0.002") // dollars
//!     .price("0.0005")
//!     .build()?;
//! # let _ = prefetch; Ok(()) }
//! ```
//!
//! # Vocabulary
//!
//! A model knows pages by templates of their paths. The [`Vocabulary`] lists them, in the order of the model's
//! outputs, in a JSON file beside the model:
//!
//! ```
//! let vocabulary = r#"{"templates": ["/", "/products/{id}", "/products/{id}/reviews", "/cart"]}"#;
//! let vocabulary: scrimp_onnx::Vocabulary = vocabulary.parse()?;
//! assert_eq!(vocabulary.templates(), 4);
//! # Ok::<(), scrimp_onnx::OnnxError>(())
//! ```
//!
//! A name in braces stands for one segment of a path. What is predicted gets its value from the session's latest
//! page that has it; without one, the template is not predicted. Queries of requests play no part.
//!
//! # Features
//!
//! The input is one row of 32-bit floats. With `V` templates there are `4 V + 7` of them:
//!
//! | columns | content |
//! |---|---|
//! | 0 to `V` | 1 at the template of the session's last page; column `V` stands for pages without a template |
//! | the next `V + 1` | the same for the page before it; repetitions of a page count once |
//! | the next `V + 1` | the same for the page before that |
//! | the next `V` | for each template `ln(1 + n)`, with `n` different pages of the session, of its last 48 |
//! | then one each | `ln(1 + seconds)` since the request before the last (0 if there is none), `ln(1 + requests)`, `ln(1 + different pages)`, `ln(1 + repetitions of the last page)` |
//!
//! The output has one row of `V` floats: the probability of each template to be the session's next new page. It is
//! the output named `probabilities`, or the only one. [`Vocabulary::features`] returns the number of columns, and
//! `train/train.py` in the repository writes both files, with scikit-learn and skl2onnx.
//!
//! Pages without parameters that the session has visited already are left out, and the others share their
//! probability.
//!
//! # Confidence
//!
//! The layer does not take a model's word: it watches predictions, which costs nothing, and fetches when outcomes
//! have shown how often the model is right ([`Calibration`](scrimp_prefetch::Calibration)).
//!
//! # When not to use it
//!
//! [`MarkovPredictor`](scrimp_prefetch::MarkovPredictor) learns as it goes, needs no training and follows what
//! changes. A model that was trained once knows what held then. tract adds some ninety crates to a build.
//!
//! # Time and memory
//!
//! A prediction runs where the layer learns, never in the way of a request. The model's time is its own: without
//! [`quick`](OnnxPredictor::quick) it runs on a thread for blocking work. Pages of sessions are remembered for a
//! fixed number of targets, and the one that was not asked for for longest makes room.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod error;
mod features;
mod pages;
mod predictor;
mod vocabulary;

pub use error::OnnxError;
pub use predictor::OnnxPredictor;
pub use vocabulary::Vocabulary;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
