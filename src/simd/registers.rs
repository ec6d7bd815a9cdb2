//! Vectors in registers: one of AVX-512, two of AVX2, four of NEON.

use std::ops::{Add, Mul, Sub};

use bytemuck::cast;

use super::coefficients::*;
use super::{Lanes, Lanes32, Lanes64, Part, Registers, Vector};

/// Eight lanes of `f64` in `R` registers of level `S`.
#[derive(Clone, Copy)]
pub struct F64<S: Registers, const R: usize> {
    pub(super) simd: S,
    pub(super) parts: [S::f64s; R],
}

/// Sixteen lanes of `f32` in `R` registers of level `S`.
#[derive(Clone, Copy)]
pub struct F32<S: Registers, const R: usize> {
    simd: S,
    parts: [S::f32s; R],
}

/// The arithmetic operators, the same for both elements.
macro_rules! vector_operators {
    ($name:ident, $($operator:ident::$method:ident => $operation:ident),*) => {$(
        impl<S: Registers, const R: usize> $operator for $name<S, R> {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                by_register!(self, |s, r| s.$operation(self.parts[r], other.parts[r]))
            }
        }
    )*};
}

vector_operators!(F64, Add::add => add_f64s, Sub::sub => sub_f64s, Mul::mul => mul_f64s);
vector_operators!(F32, Add::add => add_f32s, Sub::sub => sub_f32s, Mul::mul => mul_f32s);

/// The vectors of both elements; operations are named by what pulp calls them.
macro_rules! register_vector {
    (
        $vector:ident, $registers:ident, $real:ident, $bits:ty, $lanes:ty, $n:literal,
        significand: $significand:literal, bias: $bias:literal, two: $two:literal, lowest: $lowest:literal,
        exp: [$exp:ident, $round:ident, $high:ident, $low:ident], ln: $ln:ident,
        arithmetic: [$splat:ident, $mul_add:ident, $div:ident, $sqrt:ident, $max:ident, $min:ident],
        sign: [$neg:ident, $abs:ident],
        choice: [$less_than:ident, $select:ident, $keep:ident, $drop:ident],
        bits: [$to_bits:ident, $from_bits:ident, $splat_bits:ident, $add_bits:ident, $sub_bits:ident,
            $and_bits:ident, $or_bits:ident, $shift_in:ident, $shift_out:ident]
    ) => {
        impl<S: Registers, const R: usize> Part<$vector<S, R>> for $vector<S, 1> {
            const COUNT: usize = R;

            #[inline(always)]
            fn splat(token: S, value: $real) -> Self {
                Self { simd: token, parts: [token.$splat(value)] }
            }

            #[inline(always)]
            fn load(token: S, lanes: &$lanes, part: usize) -> Self {
                assert!(part < R, "a vector has {R} parts");
                let parts = std::ptr::from_ref(lanes).cast::<[S::$registers; 1]>();
                // SAFETY: lanes are as large as R registers of plain numbers (`Vector::load` casts
                // them) and aligned to a cache line, so that there is one at each place below R.
                Self { simd: token, parts: unsafe { parts.add(part).read() } }
            }

            #[inline(always)]
            fn store(self, lanes: &mut $lanes, part: usize) {
                assert!(part < R, "a vector has {R} parts");
                let parts = std::ptr::from_mut(lanes).cast::<[S::$registers; 1]>();
                // SAFETY: as in `load`.
                unsafe { parts.add(part).write(self.parts) }
            }

            #[inline(always)]
            fn mul_add(self, b: Self, c: Self) -> Self {
                Self { parts: [self.simd.$mul_add(self.parts[0], b.parts[0], c.parts[0])], ..self }
            }

            #[inline(always)]
            fn mul_sub(self, b: Self, c: Self) -> Self {
                let c = self.simd.$neg(c.parts[0]);
                Self { parts: [self.simd.$mul_add(self.parts[0], b.parts[0], c)], ..self }
            }
        }

        impl<S: Registers, const R: usize> $vector<S, R> {
            /// eˣ = 2ᵏ eʳ with k = ⌊x / ln 2⌉ and r = x − k ln 2 (Cody & Waite 1980).
            #[inline(always)]
            fn exp_interleaved<const N: usize>(x: [Self; N]) -> [Self; N] {
                let s = x[0].simd;
                let (mut rounded, mut r) = (x, x);
                // Where 2ᵏ is below the normal range all this is nonsense, and replaced by 0 in the
                // end; the choice reads k and not x, to keep registers free for more chains.
                for n in 0..N {
                    rounded[n] = x[n].mul_add(
                        Self::splat(s, std::$real::consts::LOG2_E),
                        Self::splat(s, $round),
                    );
                }
                for n in 0..N {
                    let k = rounded[n] - Self::splat(s, $round);
                    r[n] = k.mul_add(Self::splat(s, -$high), x[n]);
                    r[n] = k.mul_add(Self::splat(s, -$low), r[n]);
                }
                let (&highest, others) = $exp.split_last().unwrap_or((&0.0, &[]));
                let mut p = [Self::splat(s, highest); N];
                for &c in others.iter().rev() {
                    for n in 0..N {
                        p[n] = p[n].mul_add(r[n], Self::splat(s, c));
                    }
                }
                for n in 0..N {
                    p[n] = (r[n] * r[n]).mul_add(p[n], r[n]) + Self::splat(s, 1.0);
                    for i in 0..R {
                        let bits = s.$to_bits(rounded[n].parts[i]);
                        let shift = s.$shift_in(bits);
                        let scaled = s.$add_bits(s.$to_bits(p[n].parts[i]), shift);
                        let dead = s.$less_than(rounded[n].parts[i], s.$splat($round + $lowest));
                        p[n].parts[i] = s.$drop(dead, s.$from_bits(scaled));
                    }
                }
                p
            }
        }

        impl<S: Registers, const R: usize> Vector for $vector<S, R> {
            type Scalar = $real;
            type Token = S;
            type Lanes = $lanes;
            const LANES: usize = $n;
            const ZERO: $lanes = Lanes([0.0; $n]);
            type Part = $vector<S, 1>;

            #[inline(always)]
            fn splat(token: S, value: $real) -> Self {
                Self { simd: token, parts: [token.$splat(value); R] }
            }

            #[inline(always)]
            fn load(token: S, lanes: &$lanes) -> Self {
                Self { simd: token, parts: cast(lanes.0) }
            }

            #[inline(always)]
            fn store(self, lanes: &mut $lanes) {
                lanes.0 = cast(self.parts);
            }

            #[inline(always)]
            fn mul_add(self, b: Self, c: Self) -> Self {
                by_register!(self, |s, r| s.$mul_add(self.parts[r], b.parts[r], c.parts[r]))
            }

            #[inline(always)]
            fn mul_sub(self, b: Self, c: Self) -> Self {
                by_register!(self, |s, r| s.$mul_add(self.parts[r], b.parts[r], s.$neg(c.parts[r])))
            }

            #[inline(always)]
            fn abs(self) -> Self {
                by_register!(self, |s, r| s.$abs(self.parts[r]))
            }

            #[inline(always)]
            fn div(self, divisor: Self) -> Self {
                by_register!(self, |s, r| s.$div(self.parts[r], divisor.parts[r]))
            }

            #[inline(always)]
            fn max(self, other: Self) -> Self {
                by_register!(self, |s, r| s.$max(self.parts[r], other.parts[r]))
            }

            #[inline(always)]
            fn min(self, other: Self) -> Self {
                by_register!(self, |s, r| s.$min(self.parts[r], other.parts[r]))
            }

            #[inline(always)]
            fn sqrt(self) -> Self {
                by_register!(self, |s, r| s.$sqrt(self.parts[r]))
            }

            #[inline(always)]
            fn select_less(self, other: Self, then: Self, otherwise: Self) -> Self {
                by_register!(self, |s, r| {
                    let less = s.$less_than(self.parts[r], other.parts[r]);
                    s.$select(less, then.parts[r], otherwise.parts[r])
                })
            }

            #[inline(always)]
            fn less_or_zero(self, other: Self, then: Self) -> Self {
                by_register!(self, |s, r| {
                    s.$keep(s.$less_than(self.parts[r], other.parts[r]), then.parts[r])
                })
            }

            #[inline(always)]
            fn exp_each<const N: usize>(x: [Self; N]) -> [Self; N] {
                if R < 4 || N < 3 {
                    return Self::exp_interleaved(x);
                }
                // More chains than two vectors of four registers are more than there are registers for.
                let mut x = x;
                let (pairs, single) = x.as_chunks_mut::<2>();
                for pair in pairs {
                    *pair = Self::exp_interleaved(*pair);
                }
                for x in single {
                    [*x] = Self::exp_interleaved([*x]);
                }
                x
            }

            /// ln x = e ln 2 + 2 artanh((m−1)/(m+1)) with x = 2ᵉ m, m in [√½, √2).
            #[inline(always)]
            fn ln(self) -> Self {
                let s = self.simd;
                let mut m = self;
                let mut e = self;
                const HALF_ROOT: $bits = std::$real::consts::FRAC_1_SQRT_2.to_bits();
                const TWO: $real = $two;
                for i in 0..R {
                    let offset = s.$sub_bits(
                        s.$add_bits(
                            s.$to_bits(self.parts[i]),
                            s.$splat_bits((1.0 as $real).to_bits()),
                        ),
                        s.$splat_bits(HALF_ROOT),
                    );
                    let exponent = s.$shift_out(offset);
                    let low = s.$and_bits(offset, s.$splat_bits((1 << $significand) - 1));
                    m.parts[i] = s.$from_bits(s.$add_bits(low, s.$splat_bits(HALF_ROOT)));
                    e.parts[i] = s.$from_bits(s.$or_bits(exponent, s.$splat_bits(TWO.to_bits())));
                }
                let e = e - Self::splat(s, TWO + $bias);
                let quotient = (m - Self::splat(s, 1.0)).div(m + Self::splat(s, 1.0));
                let square = quotient * quotient;
                let (&highest, others) = $ln.split_last().unwrap_or((&0.0, &[]));
                let mut tail = Self::splat(s, highest);
                for &c in others.iter().rev() {
                    tail = tail.mul_add(square, Self::splat(s, c));
                }
                let tail = tail * (square * quotient);
                let low = e.mul_add(Self::splat(s, $low), tail);
                e.mul_add(Self::splat(s, $high), (quotient + quotient) + low)
            }
        }
    };
}

register_vector!(
    F64, f64s, f64, u64, Lanes64, 8,
    significand: 52, bias: 1023.0, two: 4_503_599_627_370_496.0, lowest: -1021.0,
    exp: [EXP_F64, ROUND_F64, LN2_HIGH_F64, LN2_LOW_F64], ln: LN_F64,
    arithmetic: [splat_f64s, mul_add_f64s, div_f64s, sqrt_f64s, max_f64, min_f64],
    sign: [neg_f64s, abs_f64s],
    choice: [less_than_f64s, select_f64s, keep_f64, drop_f64],
    bits: [transmute_u64s_f64s, transmute_f64s_u64s, splat_u64s, add_u64s, sub_u64s,
        and_u64s, or_u64s, shift_into_exponent_f64, shift_out_of_exponent_f64]
);
register_vector!(
    F32, f32s, f32, u32, Lanes32, 16,
    significand: 23, bias: 127.0, two: 8_388_608.0, lowest: -125.0,
    exp: [EXP_F32, ROUND_F32, LN2_HIGH_F32, LN2_LOW_F32], ln: LN_F32,
    arithmetic: [splat_f32s, mul_add_f32s, div_f32s, sqrt_f32s, max_f32, min_f32],
    sign: [neg_f32s, abs_f32s],
    choice: [less_than_f32s, select_f32s, keep_f32, drop_f32],
    bits: [transmute_u32s_f32s, transmute_f32s_u32s, splat_u32s, add_u32s, sub_u32s,
        and_u32s, or_u32s, shift_into_exponent_f32, shift_out_of_exponent_f32]
);
