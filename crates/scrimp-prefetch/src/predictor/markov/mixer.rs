//! The mixture of what contexts say, with weights that are learned.

/// Ranges of evidence that have weights of their own.
const LEVELS: usize = 8;

/// Shapes of sessions that have weights of their own.
pub(super) const SHAPES: usize = 64;

/// Step of learning.
const RATE: f32 = 0.06;

/// Step of learning for a shape, whose weights are corrections.
const SHAPE_RATE: f32 = 0.03;

/// Weights of the experts in a product of their probabilities.
///
/// An expert's weight depends on how much it has seen in its context, so that order 3 counts where it is known,
/// and order 1 elsewhere; and, less so, on the shape of the session. They are learned by gradient descent on the logarithmic loss, with a step for each
/// weight (AdaGrad).
pub(super) struct Mixer<const EXPERTS: usize> {
    weights: [[f32; LEVELS]; EXPERTS],
    squares: [[f32; LEVELS]; EXPERTS],
    /// Corrections of the weights, by shape, with their squares.
    shapes: Box<[[(f32, f32); EXPERTS]; SHAPES]>,
}

// === impl Mixer ===

impl<const EXPERTS: usize> Mixer<EXPERTS> {
    /// Makes a mixture that trusts all experts alike.
    pub(super) fn new() -> Self {
        let even = [1.5 / EXPERTS as f32; LEVELS];
        Self {
            weights: [even; EXPERTS],
            squares: [[1e-3; LEVELS]; EXPERTS],
            shapes: Box::new([[(0.0, 1e-3); EXPERTS]; SHAPES]),
        }
    }

    /// Returns the weights of the experts for what they have seen, in a session of this shape.
    pub(super) fn weights(&self, seen: &[u16; EXPERTS], shape: usize) -> [f32; EXPERTS] {
        let shape = &self.shapes[shape];
        std::array::from_fn(|expert| match level(seen[expert]) {
            0 => 0.0,
            level => self.weights[expert][level] + shape[expert].0,
        })
    }

    /// Learns from what came: its logarithm by each expert, less the one that was expected.
    pub(super) fn learn(&mut self, seen: &[u16; EXPERTS], shape: usize, surprise: &[f32; EXPERTS]) {
        for (expert, surprise) in surprise.iter().enumerate() {
            let level = level(seen[expert]);
            if level == 0 {
                continue;
            }
            let squares = &mut self.squares[expert][level];
            *squares += surprise * surprise;
            self.weights[expert][level] += RATE * surprise / squares.sqrt();
            let (weight, squares) = &mut self.shapes[shape][expert];
            *squares += surprise * surprise;
            *weight += SHAPE_RATE * surprise / squares.sqrt();
        }
    }
}

/// Returns the range of a number of observations.
fn level(seen: u16) -> usize {
    match seen {
        0 => 0,
        1 => 1,
        2..=3 => 2,
        4..=7 => 3,
        8..=19 => 4,
        20..=59 => 5,
        60..=299 => 6,
        _ => 7,
    }
}
