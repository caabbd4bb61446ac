//! A calibration for each class of predictions.

use crate::Calibration;

/// Classes with a calibration of their own. Further ones share the last.
const CLASSES: usize = 64;

/// Predictions that are calibrated together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Class(u32);

/// A calibration for each class.
#[derive(Debug, Default)]
pub(super) struct Classes(Vec<(Class, Calibration)>);

// === impl Class ===

impl Class {
    /// Returns the class of a predictor's predictions, by the place of the predictor.
    pub(super) fn of(predictor: usize, class: u16) -> Self {
        let predictor = u16::try_from(predictor).unwrap_or(u16::MAX);
        Self(u32::from(predictor) << 16 | u32::from(class))
    }
}

// === impl Classes ===

impl Classes {
    /// Returns the calibration of a class, which begins in doubt unless its confidences were declared.
    pub(super) fn of(&mut self, class: Class, is_declared: bool) -> &mut Calibration {
        let found = self.0.iter().position(|(own, _)| *own == class);
        let at = found.unwrap_or_else(|| {
            if self.0.len() < CLASSES {
                let new = match is_declared {
                    true => Calibration::new(),
                    false => Calibration::doubting(),
                };
                self.0.push((class, new));
            }
            self.0.len() - 1
        });
        &mut self.0[at].1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_times_as_many_classes_take_no_more_memory() {
        let mut classes = Classes::default();
        for class in 0..100 * CLASSES {
            classes.of(Class::of(class, 0), false).learn(0.5, true);
        }
        assert_eq!(classes.0.len(), CLASSES);
    }
}
