//! Arithmetic on rows of numbers. It has no branches, so that compilers work on several numbers at once.

/// Numbers that are added up side by side.
const LANES: usize = 4;

/// A polynomial for the binary logarithm from 1 to 2, wrong by 0.000,015 at most.
const FIT: [f32; 6] = [
    -2.794_15, 5.069_75, -3.520_21, 1.610_17, -0.409_474, 0.043_928,
];

/// The series of 2ˣ, which is wrong by 0.000,003 at most from -½ to ½.
const SERIES: [f32; 6] = [
    1.0,
    std::f32::consts::LN_2,
    0.240_226_5,
    0.055_504_1,
    0.009_618_13,
    0.001_333_36,
];

/// A number so large that adding it leaves no digit behind the point.
const LARGE: f32 = 12_582_912.0;

/// Returns the natural logarithm of a positive number, to about four digits.
pub(super) fn ln(number: f32) -> f32 {
    let bits = number.to_bits();
    #[expect(clippy::cast_possible_wrap, reason = "an exponent has eight bits")]
    let exponent = (bits >> 23) as i32 as f32 - 127.0;
    let mantissa = f32::from_bits(bits & 0x007f_ffff | 0x3f80_0000);
    (exponent + polynomial(&FIT, mantissa)) * std::f32::consts::LN_2
}

/// Returns the exponential of a number that is not positive, to about five digits.
pub(super) fn exp(number: f32) -> f32 {
    let binary = larger(number * std::f32::consts::LOG2_E, -126.0);
    let whole = binary + LARGE;
    let rest = binary - (whole - LARGE);
    // The last bits of `whole` are the integer, which becomes the exponent.
    let exponent = whole.to_bits().wrapping_sub(LARGE.to_bits()) << 23;
    f32::from_bits(polynomial(&SERIES, rest).to_bits().wrapping_add(exponent))
}

/// Returns the larger number. If one is no number, it returns the second: `f32::max` would look for that.
pub(super) fn larger(one: f32, other: f32) -> f32 {
    if one > other { one } else { other }
}

/// Adds up numbers.
pub(super) fn sum<const N: usize>(numbers: &[f32; N]) -> f32 {
    let mut lanes = [0.0; LANES];
    for some in numbers.chunks_exact(LANES) {
        for (lane, number) in lanes.iter_mut().zip(some) {
            *lane += number;
        }
    }
    (lanes[0] + lanes[1]) + (lanes[2] + lanes[3])
}

/// Adds up the products of numbers.
pub(super) fn dot<const N: usize>(one: &[f32; N], other: &[f32; N]) -> f32 {
    sum(&std::array::from_fn::<_, N, _>(|at| one[at] * other[at]))
}

fn polynomial(factors: &[f32; 6], number: f32) -> f32 {
    let factors = factors.iter().rev();
    factors.fold(0.0, |sum, factor| sum * number + factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_logarithm_is_right_to_four_digits() {
        for number in [1e-7, 1e-4, 0.01, 0.3, 0.5, 0.99, 1.0, 1.5, 7.0] {
            assert!((ln(number) - f32::ln(number)).abs() < 1e-4, "{number}");
        }
    }

    #[test]
    fn the_exponential_is_right_to_five_digits_and_zero_far_below() {
        for hundredths in 0..8_000 {
            let number = hundredths as f32 / -100.0;
            let (own, right) = (exp(number), f32::exp(number));
            assert!((own / right - 1.0).abs() < 1e-5, "{number}: {own} {right}");
        }
        assert!(exp(-1e4) < 1e-37 && exp(f32::MIN) < 1e-37);
    }

    #[test]
    fn sums_are_of_all_numbers() {
        let numbers: [f32; 16] = std::array::from_fn(|at| at as f32);
        assert!((sum(&numbers) - 120.0).abs() < 1e-3);
        assert!((dot(&numbers, &numbers) - 1_240.0).abs() < 1e-3);
    }
}
