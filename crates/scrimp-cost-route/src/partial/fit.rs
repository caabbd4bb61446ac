//! Weighted least squares, in memory that does not grow.

/// Factor by which the weight of earlier observations falls with each one.
const KEEP: f64 = 1.0 - 1.0 / 4096.0;

/// Share of each measure's own weight by which its coefficient is drawn to the expected one. Measures
/// that say the same, as the parts and the bytes of equal parts, could not be told apart without it.
const DRAW: f64 = 1e-6;

/// Fit of a count by `N` measures: the count is about a sum of the measures, each times a coefficient.
///
/// An observation weighs as much as its expected count is small. Then the counts that the fit returns
/// for the observations add up to the observed ones, so that sums over many are right although single
/// ones are not.
#[derive(Debug, Clone)]
pub(super) struct Fit<const N: usize> {
    /// Coefficients that are expected before anything is seen.
    expected: [f64; N],
    /// Sums of products of the measures, and of the measures and the counts.
    products: [[f64; N]; N],
    counts: [f64; N],
    /// Sums of expected counts and of counts.
    sums: [f64; 2],
    /// Sum of squares of what the fit was off, in units of the expected count.
    off: f64,
    weight: f64,
}

// === impl Fit ===

impl<const N: usize> Fit<N> {
    pub(super) fn new(expected: [f64; N]) -> Self {
        Self {
            expected,
            products: [[0.0; N]; N],
            counts: [0.0; N],
            sums: [0.0; 2],
            off: 0.0,
            weight: 0.0,
        }
    }

    /// Learns the count of an observation.
    pub(super) fn learn(&mut self, measures: &[f64; N], count: f64) {
        let expected = dot(&self.expected, measures);
        if expected <= 0.0 || !count.is_finite() {
            return;
        }
        let off = count - dot(&self.coefficients(), measures);
        let weight = 1.0 / expected;
        for (row, own) in self.products.iter_mut().zip(measures) {
            for (sum, other) in row.iter_mut().zip(measures) {
                *sum = *sum * KEEP + weight * own * other;
            }
        }
        for (sum, own) in self.counts.iter_mut().zip(measures) {
            *sum = *sum * KEEP + weight * own * count;
        }
        self.sums = [self.sums[0] * KEEP + expected, self.sums[1] * KEEP + count];
        self.off = self.off * KEEP + weight * off * off;
        self.weight = self.weight * KEEP + 1.0;
    }

    /// Returns the coefficients.
    pub(super) fn coefficients(&self) -> [f64; N] {
        if self.weight == 0.0 {
            return self.expected;
        }
        let scale = (self.sums[1] + self.expected_unit()) / (self.sums[0] + self.expected_unit());
        let expected = self.expected.map(|coefficient| coefficient * scale);
        let mut system = self.products;
        let mut counts = self.counts;
        let draw = DRAW + 1.0 / (1.0 + self.weight * self.weight / 16.0);
        for place in 0..N {
            let pull = system[place][place] * draw + f64::MIN_POSITIVE;
            system[place][place] += pull;
            counts[place] += pull * expected[place];
        }
        solve(system, counts).unwrap_or(expected)
    }

    /// Returns the usual expected count of one observation.
    fn expected_unit(&self) -> f64 {
        self.sums[0] / self.weight
    }

    /// Returns the number of observations, later ones fully and earlier ones in part.
    pub(super) fn weight(&self) -> f64 {
        self.weight
    }

    /// Returns the standard deviation of the count for measures, from what the fit was off.
    pub(super) fn deviation(&self, measures: &[f64; N], unknown: f64) -> f64 {
        let expected = dot(&self.expected, measures).max(0.0);
        // Before much is seen, the expected coefficients may be off by a share of the count.
        let first = unknown * expected;
        let variance = (self.off * expected + first * first) / (self.weight + 1.0);
        variance.sqrt()
    }
}

/// Returns the sum of products.
pub(super) fn dot<const N: usize>(a: &[f64; N], b: &[f64; N]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Solves a system of equations whose matrix is symmetric and positive, by Cholesky's method.
fn solve<const N: usize>(matrix: [[f64; N]; N], right: [f64; N]) -> Option<[f64; N]> {
    let mut lower = [[0.0; N]; N];
    for row in 0..N {
        for column in 0..=row {
            let before: f64 = (0..column).map(|k| lower[row][k] * lower[column][k]).sum();
            let rest = matrix[row][column] - before;
            lower[row][column] = if row == column {
                // A measure that was never seen keeps its coefficient.
                rest.max(f64::MIN_POSITIVE).sqrt()
            } else {
                rest / lower[column][column]
            };
        }
    }
    let mut half = [0.0; N];
    for row in 0..N {
        let before: f64 = (0..row).map(|k| lower[row][k] * half[k]).sum();
        half[row] = (right[row] - before) / lower[row][row];
    }
    let mut result = [0.0; N];
    for row in (0..N).rev() {
        let after: f64 = (row + 1..N).map(|k| lower[k][row] * result[k]).sum();
        result[row] = (half[row] - after) / lower[row][row];
    }
    result
        .iter()
        .all(|value| value.is_finite())
        .then_some(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coefficients_are_found_and_those_never_seen_are_kept() {
        let mut fit = Fit::new([1.0, 1.0, 0.5]);
        for n in 1..400_u32 {
            let (a, b) = (f64::from(n % 17 + 1), f64::from(n % 5));
            fit.learn(&[a, b, 0.0], 3.0 * a + 0.25 * b);
        }
        let [a, b, c] = fit.coefficients();
        assert!((a - 3.0).abs() < 0.01 && (b - 0.25).abs() < 0.05, "{a} {b}");
        assert!(c.is_finite());
    }

    #[test]
    fn the_sum_is_right_though_single_counts_are_not() {
        let mut fit = Fit::new([0.3, 1.0]);
        let mut seen = Vec::new();
        for n in 1..=2_000_u32 {
            let size = f64::from(n * 7919 % 1_000 + 1);
            // No fit by a line has these.
            let count = size.powf(0.8) + f64::from(n % 3) * 10.0;
            fit.learn(&[size, 1.0], count);
            seen.push((size, count));
        }
        let coefficients = fit.coefficients();
        let sum: f64 = seen.iter().map(|(_, count)| count).sum();
        let fitted: f64 = seen
            .iter()
            .map(|(size, _)| dot(&coefficients, &[*size, 1.0]))
            .sum();
        assert!((fitted / sum - 1.0).abs() < 0.005, "{fitted} {sum}");
    }

    #[test]
    fn measures_that_say_the_same_are_no_harm() {
        let mut fit = Fit::new([0.25, 1.0]);
        for n in 1..100_u32 {
            let size = f64::from(n);
            fit.learn(&[4.0 * size, size], size);
        }
        let count = dot(&fit.coefficients(), &[40.0, 10.0]);
        assert!((count - 10.0).abs() < 0.01, "{count}");
    }
}
