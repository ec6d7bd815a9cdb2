//! Vectors of eight `u64`: what random numbers are made of.

use bytemuck::cast;

use super::{F64, Lanes, Level, Portable, Registers, Vector};

/// The memory form of eight `u64`.
pub type WordLanes = Lanes<u64, 8>;

/// Eight lanes of `u64`. All operations are those of [`u64`], lane by lane.
pub trait Words: Copy + 'static {
    /// The proof that the CPU has the instructions.
    type Token: Level;
    /// The vector of as many floats.
    type Float: Vector<Scalar = f64, Token = Self::Token>;

    /// Reads from memory.
    fn load(token: Self::Token, lanes: &WordLanes) -> Self;
    /// Writes to memory.
    fn store(self, lanes: &mut WordLanes);
    /// All lanes equal to `value`.
    fn splat(token: Self::Token, value: u64) -> Self;
    /// The sum modulo 2⁶⁴.
    fn wrapping_add(self, other: Self) -> Self;
    /// The exclusive or.
    fn xor(self, other: Self) -> Self;
    /// The or.
    fn or(self, other: Self) -> Self;
    /// The and.
    fn and(self, other: Self) -> Self;
    /// The bits moved towards the upper end, zeros after them.
    fn shift_left<const BITS: u32>(self) -> Self;
    /// The bits moved towards the lower end, zeros before them.
    fn shift_right<const BITS: u32>(self) -> Self;
    /// The floats of these bits.
    fn to_float(self) -> Self::Float;

    /// A float in [2ᵉ, 2ᵉ⁺¹) made of the upper 52 bits, where `scale` is 2ᵉ.
    #[inline(always)]
    fn in_binade(self, token: Self::Token, scale: f64) -> Self::Float {
        self.shift_right::<12>().or(Self::splat(token, scale.to_bits())).to_float()
    }
}

/// Eight lanes of `u64` in `R` registers of level `S`.
#[derive(Clone, Copy)]
pub struct RegisterWords<S: Registers, const R: usize> {
    simd: S,
    parts: [S::u64s; R],
}

impl<S: Registers<F64 = F64<S, R>>, const R: usize> Words for RegisterWords<S, R>
where
    F64<S, R>: Vector<Scalar = f64, Token = S>,
{
    type Token = S;
    type Float = F64<S, R>;

    #[inline(always)]
    fn load(token: S, lanes: &WordLanes) -> Self {
        Self { simd: token, parts: cast(lanes.0) }
    }
    #[inline(always)]
    fn store(self, lanes: &mut WordLanes) {
        lanes.0 = cast(self.parts);
    }
    #[inline(always)]
    fn splat(token: S, value: u64) -> Self {
        Self { simd: token, parts: [token.splat_u64s(value); R] }
    }
    #[inline(always)]
    fn wrapping_add(self, other: Self) -> Self {
        by_register!(self, |s, r| s.add_u64s(self.parts[r], other.parts[r]))
    }
    #[inline(always)]
    fn xor(self, other: Self) -> Self {
        by_register!(self, |s, r| s.xor_u64s(self.parts[r], other.parts[r]))
    }
    #[inline(always)]
    fn or(self, other: Self) -> Self {
        by_register!(self, |s, r| s.or_u64s(self.parts[r], other.parts[r]))
    }
    #[inline(always)]
    fn and(self, other: Self) -> Self {
        by_register!(self, |s, r| s.and_u64s(self.parts[r], other.parts[r]))
    }
    #[inline(always)]
    fn shift_left<const BITS: u32>(self) -> Self {
        by_register!(self, |s, r| s.shift_left_u64::<BITS>(self.parts[r]))
    }
    #[inline(always)]
    fn shift_right<const BITS: u32>(self) -> Self {
        by_register!(self, |s, r| s.shift_right_u64::<BITS>(self.parts[r]))
    }
    #[inline(always)]
    fn to_float(self) -> F64<S, R> {
        let s = self.simd;
        let mut parts = [s.splat_f64s(0.0); R];
        for r in 0..R {
            parts[r] = s.transmute_f64s_u64s(self.parts[r]);
        }
        F64 { simd: s, parts }
    }
}

/// Eight lanes of `u64` in an array.
#[derive(Clone, Copy)]
pub struct PortableWords([u64; 8]);

impl Words for PortableWords {
    type Token = pulp::Scalar;
    type Float = Portable<f64, 8>;

    #[inline(always)]
    fn load(_: pulp::Scalar, lanes: &WordLanes) -> Self {
        Self(lanes.0)
    }
    #[inline(always)]
    fn store(self, lanes: &mut WordLanes) {
        lanes.0 = self.0;
    }
    #[inline(always)]
    fn splat(_: pulp::Scalar, value: u64) -> Self {
        Self([value; 8])
    }
    #[inline(always)]
    fn wrapping_add(self, other: Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i].wrapping_add(other.0[i])))
    }
    #[inline(always)]
    fn xor(self, other: Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i] ^ other.0[i]))
    }
    #[inline(always)]
    fn or(self, other: Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i] | other.0[i]))
    }
    #[inline(always)]
    fn and(self, other: Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i] & other.0[i]))
    }
    #[inline(always)]
    fn shift_left<const BITS: u32>(self) -> Self {
        Self(self.0.map(|word| word << BITS))
    }
    #[inline(always)]
    fn shift_right<const BITS: u32>(self) -> Self {
        Self(self.0.map(|word| word >> BITS))
    }
    #[inline(always)]
    fn to_float(self) -> Portable<f64, 8> {
        Portable(self.0.map(f64::from_bits))
    }
}
