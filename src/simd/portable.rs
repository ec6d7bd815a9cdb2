//! Vectors in arrays.

use std::ops::{Add, Mul, Sub};

use pulp::Scalar;

use super::coefficients::*;
use super::{Lanes, Lanes32, Lanes64, Part, Real, Vector};

/// Lanes in an array: the level of machines without AVX2 or NEON, and the yardstick of the others.
///
/// On x86-64 this is the level of very old machines, where a fused multiply-add is a call into the C
/// library, and on aarch64 a yardstick only: nothing is gained by inlining, and kernels of unrolled
/// arrays would be most of the binary. Elsewhere it is one instruction and the loops over lanes
/// vectorise.
#[derive(Clone, Copy)]
pub struct Portable<T, const N: usize>(pub(super) [T; N]);

/// The vectors in arrays. Lane by lane they do exactly what the vectors in registers do.
macro_rules! portable_vector {
    (
        $real:ty, $constants:ident, $lanes:ty, $n:literal, $bits:ty, $significand:literal, $bias:literal, lowest: $lowest:literal,
        exp: [$exp:ident, $round:ident, $high:ident, $low:ident], ln: [$ln:ident, $two:literal]
    ) => {
        impl Add for Portable<$real, $n> {
            type Output = Self;
            #[cfg_attr(any(target_arch = "x86_64", target_arch = "aarch64"), inline(never))]
            #[cfg_attr(not(any(target_arch = "x86_64", target_arch = "aarch64")), inline(always))]
            fn add(self, other: Self) -> Self {
                Self(std::array::from_fn(|i| self.0[i] + other.0[i]))
            }
        }
        impl Sub for Portable<$real, $n> {
            type Output = Self;
            #[cfg_attr(any(target_arch = "x86_64", target_arch = "aarch64"), inline(never))]
            #[cfg_attr(not(any(target_arch = "x86_64", target_arch = "aarch64")), inline(always))]
            fn sub(self, other: Self) -> Self {
                Self(std::array::from_fn(|i| self.0[i] - other.0[i]))
            }
        }
        impl Mul for Portable<$real, $n> {
            type Output = Self;
            #[cfg_attr(any(target_arch = "x86_64", target_arch = "aarch64"), inline(never))]
            #[cfg_attr(not(any(target_arch = "x86_64", target_arch = "aarch64")), inline(always))]
            fn mul(self, other: Self) -> Self {
                Self(std::array::from_fn(|i| self.0[i] * other.0[i]))
            }
        }

        impl Portable<$real, $n> {
            /// ln x = e ln 2 + 2 artanh((m−1)/(m+1)) with x = 2ᵉ m, m in [√½, √2).
            #[inline(always)]
            fn ln_of_lane(lane: $real) -> $real {
                const HALF_ROOT: $bits = std::$constants::consts::FRAC_1_SQRT_2.to_bits();
                const ONE: $bits = (1.0 as $real).to_bits();
                const TWO: $real = $two;

                let offset = lane.to_bits().wrapping_add(ONE).wrapping_sub(HALF_ROOT);
                let m = <$real>::from_bits((offset & ((1 << $significand) - 1)) + HALF_ROOT);
                let e =
                    <$real>::from_bits((offset >> $significand) | TWO.to_bits()) - (TWO + $bias);
                let quotient = (m - 1.0) / (m + 1.0);
                let square = quotient * quotient;
                let tail = polynomial(square, &$ln) * (square * quotient);
                e.mul_add($high, (quotient + quotient) + e.mul_add($low, tail))
            }
        }

        impl Part<Self> for Portable<$real, $n> {
            const COUNT: usize = 1;

            #[inline(always)]
            fn splat(_: Scalar, value: $real) -> Self {
                Self([value; $n])
            }
            #[inline(always)]
            fn load(_: Scalar, lanes: &$lanes, _: usize) -> Self {
                Self(lanes.0)
            }
            #[inline(always)]
            fn store(self, lanes: &mut $lanes, _: usize) {
                lanes.0 = self.0;
            }
            #[inline(always)]
            fn mul_add(self, b: Self, c: Self) -> Self {
                Vector::mul_add(self, b, c)
            }
            #[inline(always)]
            fn mul_sub(self, b: Self, c: Self) -> Self {
                Vector::mul_sub(self, b, c)
            }
        }

        impl Vector for Portable<$real, $n> {
            type Scalar = $real;
            type Token = Scalar;
            type Lanes = $lanes;
            const LANES: usize = $n;
            const ZERO: $lanes = Lanes([0.0; $n]);
            type Part = Self;

            #[inline(always)]
            fn splat(_: Scalar, value: $real) -> Self {
                Self([value; $n])
            }
            #[inline(always)]
            fn load(_: Scalar, lanes: &$lanes) -> Self {
                Self(lanes.0)
            }
            #[inline(always)]
            fn store(self, lanes: &mut $lanes) {
                lanes.0 = self.0;
            }
            #[cfg_attr(any(target_arch = "x86_64", target_arch = "aarch64"), inline(never))]
            #[cfg_attr(not(any(target_arch = "x86_64", target_arch = "aarch64")), inline(always))]
            fn mul_add(self, b: Self, c: Self) -> Self {
                Self(std::array::from_fn(|i| self.0[i].mul_add(b.0[i], c.0[i])))
            }
            #[cfg_attr(any(target_arch = "x86_64", target_arch = "aarch64"), inline(never))]
            #[cfg_attr(not(any(target_arch = "x86_64", target_arch = "aarch64")), inline(always))]
            fn mul_sub(self, b: Self, c: Self) -> Self {
                Self(std::array::from_fn(|i| self.0[i].mul_add(b.0[i], -c.0[i])))
            }
            #[cfg_attr(any(target_arch = "x86_64", target_arch = "aarch64"), inline(never))]
            #[cfg_attr(not(any(target_arch = "x86_64", target_arch = "aarch64")), inline(always))]
            fn abs(self) -> Self {
                Self(self.0.map(<$real>::abs))
            }
            #[cfg_attr(any(target_arch = "x86_64", target_arch = "aarch64"), inline(never))]
            #[cfg_attr(not(any(target_arch = "x86_64", target_arch = "aarch64")), inline(always))]
            fn div(self, divisor: Self) -> Self {
                Self(std::array::from_fn(|i| self.0[i] / divisor.0[i]))
            }
            #[cfg_attr(any(target_arch = "x86_64", target_arch = "aarch64"), inline(never))]
            #[cfg_attr(not(any(target_arch = "x86_64", target_arch = "aarch64")), inline(always))]
            fn max(self, other: Self) -> Self {
                Self(std::array::from_fn(|i| {
                    if self.0[i] > other.0[i] { self.0[i] } else { other.0[i] }
                }))
            }
            #[cfg_attr(any(target_arch = "x86_64", target_arch = "aarch64"), inline(never))]
            #[cfg_attr(not(any(target_arch = "x86_64", target_arch = "aarch64")), inline(always))]
            fn min(self, other: Self) -> Self {
                Self(std::array::from_fn(|i| {
                    if self.0[i] < other.0[i] { self.0[i] } else { other.0[i] }
                }))
            }

            fn sqrt(self) -> Self {
                Self(self.0.map(<$real>::sqrt))
            }
            #[inline(always)]
            fn select_less(self, other: Self, then: Self, otherwise: Self) -> Self {
                Self(std::array::from_fn(|i| {
                    if self.0[i] < other.0[i] { then.0[i] } else { otherwise.0[i] }
                }))
            }

            #[inline(always)]
            fn less_or_zero(self, other: Self, then: Self) -> Self {
                self.select_less(other, then, Self([0.0; $n]))
            }

            #[inline(never)]
            fn exp_each<const N: usize>(x: [Self; N]) -> [Self; N] {
                x.map(|vector| {
                    Self(vector.0.map(|x| {
                        let rounded = x.mul_add(std::$constants::consts::LOG2_E, $round);
                        let k = rounded - $round;
                        let r = k.mul_add(-$low, k.mul_add(-$high, x));
                        let p = (r * r).mul_add(polynomial(r, &$exp), r) + 1.0;
                        let scaled = <$real>::from_bits(
                            p.to_bits().wrapping_add(rounded.to_bits() << $significand),
                        );
                        if rounded < $round + $lowest { 0.0 } else { scaled }
                    }))
                })
            }

            fn ln(self) -> Self {
                Self(self.0.map(Self::ln_of_lane))
            }
        }
    };
}

/// Horner's rule, highest coefficient last.
#[inline(always)]
fn polynomial<T: Real + FusedMultiplyAdd>(x: T, coefficients: &[T]) -> T {
    let (last, rest) = coefficients
        .split_last()
        .map_or((T::from_f64(0.0), coefficients), |(&last, rest)| (last, rest));
    rest.iter().rev().fold(last, |value, &c| value.fused_mul_add(x, c))
}

/// `mul_add` for both elements.
trait FusedMultiplyAdd {
    fn fused_mul_add(self, b: Self, c: Self) -> Self;
}
impl FusedMultiplyAdd for f64 {
    #[inline(always)]
    fn fused_mul_add(self, b: f64, c: f64) -> f64 {
        self.mul_add(b, c)
    }
}
impl FusedMultiplyAdd for f32 {
    #[inline(always)]
    fn fused_mul_add(self, b: f32, c: f32) -> f32 {
        self.mul_add(b, c)
    }
}

portable_vector!(
    f64, f64, Lanes64, 8, u64, 52, 1023.0, lowest: -1021.0,
    exp: [EXP_F64, ROUND_F64, LN2_HIGH_F64, LN2_LOW_F64], ln: [LN_F64, 4_503_599_627_370_496.0]
);
portable_vector!(
    f32, f32, Lanes32, 16, u32, 23, 127.0, lowest: -125.0,
    exp: [EXP_F32, ROUND_F32, LN2_HIGH_F32, LN2_LOW_F32], ln: [LN_F32, 8_388_608.0]
);

/// The natural logarithm of one number, the same bits on every machine; −∞ for 0, NaN below it.
#[must_use]
#[inline(always)]
pub fn ln(x: f64) -> f64 {
    const SCALE: f64 = (1_u64 << 54) as f64;
    if x == 0.0 {
        f64::NEG_INFINITY
    } else if x.is_nan() || x < 0.0 {
        f64::NAN
    } else if x == f64::INFINITY {
        x
    } else if x < f64::MIN_POSITIVE {
        Portable::<f64, 8>::ln_of_lane(x * SCALE) - 54.0 * std::f64::consts::LN_2
    } else {
        Portable::<f64, 8>::ln_of_lane(x)
    }
}

/// The exponential of one number, the same bits on every machine: 0 below −707.7, ∞ above 709.
#[must_use]
#[inline(always)]
pub fn exp(x: f64) -> f64 {
    if x.is_nan() {
        x
    } else if x > 709.0 {
        f64::INFINITY
    } else {
        Portable::<f64, 8>([x; 8]).exp().0[0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_exponential_is_that_of_the_platform_to_rounding() {
        for x in [-700.0, -37.5, -1e-9, 0.0, 1e-300, 0.5, 1.0, 37.5, 700.0] {
            assert!((exp(x) / x.exp() - 1.0).abs() < 4.0 * f64::EPSILON, "{x}");
        }
        assert_eq!((exp(-710.0), exp(f64::NEG_INFINITY)), (0.0, 0.0));
        assert_eq!((exp(709.5), exp(f64::INFINITY)), (f64::INFINITY, f64::INFINITY));
        assert!(exp(f64::NAN).is_nan());
    }
}
