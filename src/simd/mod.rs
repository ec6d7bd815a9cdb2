//! Vectors of eight `f64` or sixteen `f32`, their elementary functions, and run-time dispatch.
//!
//! A kernel is written once over *logical* lanes ([`Vector`]): eight for `f64`, sixteen for `f32`.
//! AVX-512 holds them in one register, AVX2 in two, NEON in four, and the portable level in an
//! array. Every operation is the same IEEE operation on each lane and every reduction has a fixed
//! order, so all levels give the same bits (all but sign and payload of a NaN that arithmetic makes:
//! these are the processor's). [`Vector::mul_add`] is a true fused multiply-add everywhere.
//!
//! A kernel must be reached through [`dispatch`]: the CPU features are switched on for the code
//! inlined into that call only, hence the `#[inline(always)]` on everything below it.

/// Applies an operation register by register. A macro and not a function taking a closure, because
/// a closure does not inherit the CPU features of the function around it.
macro_rules! by_register {
    ($vector:expr, |$s:ident, $r:ident| $operation:expr) => {{
        let $s = $vector.simd;
        let mut parts = $vector.parts;
        for $r in 0..R {
            parts[$r] = $operation;
        }
        Self { simd: $s, parts }
    }};
}

mod coefficients;
mod levels;
mod normal;
mod portable;
mod prefetch;
mod registers;
mod relative;
mod special;
mod words;

use std::ops::{Add, Mul, Sub};
use std::sync::OnceLock;

#[cfg(target_arch = "aarch64")]
use pulp::aarch64::Neon;
#[cfg(target_arch = "x86_64")]
use pulp::x86::{V3, V4};
use pulp::{Scalar, Simd};

pub use self::normal::{cosine_and_sine, exp_of_any, ln_of_rest, ln_upper_tail, normal_pair};
pub use self::portable::{Portable, exp, ln};
pub use self::prefetch::{Lines, prefetch};
pub use self::registers::{F32, F64};
pub use self::relative::{relative_exponentials, relative_geometric_means};
pub use self::special::{digamma, ln_beta, ln_gamma};
pub use self::words::{PortableWords, RegisterWords, WordLanes, Words};
use crate::error::Error;
use crate::rows::Element;

/// Eight `f64` or sixteen `f32`, aligned to a cache line: what a [`Vector`] is loaded from.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(align(64))]
pub struct Lanes<T, const N: usize>(pub [T; N]);

/// Eight `f64`: also the accumulator of the `f32` kernels.
pub type Lanes64 = Lanes<f64, 8>;
/// Sixteen `f32`.
pub type Lanes32 = Lanes<f32, 16>;

#[inline(always)]
fn lanes_as_scalars<T, const N: usize>(lanes: &[Lanes<T, N>]) -> &[T] {
    const { assert!(size_of::<Lanes<T, N>>() == N * size_of::<T>(), "lanes have no padding") };
    // SAFETY: `Lanes` is N scalars and, as asserted, nothing else; its alignment is larger.
    unsafe { std::slice::from_raw_parts(lanes.as_ptr().cast(), lanes.len() * N) }
}

#[inline(always)]
fn lanes_as_scalars_mut<T, const N: usize>(lanes: &mut [Lanes<T, N>]) -> &mut [T] {
    const { assert!(size_of::<Lanes<T, N>>() == N * size_of::<T>(), "lanes have no padding") };
    // SAFETY: as in `lanes_as_scalars`, and the exclusive borrow carries over.
    unsafe { std::slice::from_raw_parts_mut(lanes.as_mut_ptr().cast(), lanes.len() * N) }
}

impl Lanes64 {
    /// Eight zeros.
    pub const ZERO: Self = Lanes([0.0; 8]);

    /// The sum of the lanes, by halving: `((0+4)+(2+6)) + ((1+5)+(3+7))`.
    #[inline(always)]
    pub fn sum(&self) -> f64 {
        let v = &self.0;
        ((v[0] + v[4]) + (v[2] + v[6])) + ((v[1] + v[5]) + (v[3] + v[7]))
    }
}

/// The memory form of a vector.
pub trait Memory: Copy + Send + Sync + 'static {
    /// What a lane holds.
    type Scalar;
    /// Adds the lanes to `f64` accumulators; lane i of `f32` goes to accumulator i mod 8.
    fn accumulate(&self, target: &mut Lanes64);
    /// The scalars of consecutive vectors.
    fn scalars(lanes: &[Self]) -> &[Self::Scalar];
    /// The scalars of consecutive vectors, to write.
    fn scalars_mut(lanes: &mut [Self]) -> &mut [Self::Scalar];
}

impl Memory for Lanes64 {
    type Scalar = f64;

    #[inline(always)]
    fn accumulate(&self, target: &mut Lanes64) {
        for i in 0..8 {
            target.0[i] += self.0[i];
        }
    }
    #[inline(always)]
    fn scalars(lanes: &[Self]) -> &[f64] {
        lanes_as_scalars(lanes)
    }
    #[inline(always)]
    fn scalars_mut(lanes: &mut [Self]) -> &mut [f64] {
        lanes_as_scalars_mut(lanes)
    }
}

impl Memory for Lanes32 {
    type Scalar = f32;

    #[inline(always)]
    fn accumulate(&self, target: &mut Lanes64) {
        for i in 0..8 {
            target.0[i] += f64::from(self.0[i]) + f64::from(self.0[i + 8]);
        }
    }
    #[inline(always)]
    fn scalars(lanes: &[Self]) -> &[f32] {
        lanes_as_scalars(lanes)
    }
    #[inline(always)]
    fn scalars_mut(lanes: &mut [Self]) -> &mut [f32] {
        lanes_as_scalars_mut(lanes)
    }
}

/// A floating-point type that kernels are written for.
pub trait Real: Element {
    /// The vector of this type at SIMD level `L`.
    type Vector<L: Level>: Vector<Scalar = Self, Token = L>;

    /// Rounds to this type.
    fn from_f64(value: f64) -> Self;
}

impl Real for f64 {
    type Vector<L: Level> = L::F64;

    #[inline(always)]
    fn from_f64(value: f64) -> Self {
        value
    }
}

impl Real for f32 {
    type Vector<L: Level> = L::F32;

    #[inline(always)]
    fn from_f64(value: f64) -> Self {
        value as f32
    }
}

/// The logical vector: 8 lanes of `f64` or 16 lanes of `f32`.
pub trait Vector:
    Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + 'static
{
    /// What a lane holds.
    type Scalar: Real;
    /// The proof that the CPU has the instructions.
    type Token: Level;
    /// The memory form.
    type Lanes: Memory<Scalar = Self::Scalar>;
    /// Number of lanes.
    const LANES: usize;
    /// The memory form of all zeros.
    const ZERO: Self::Lanes;
    /// What one register holds of it.
    type Part: Part<Self>;

    /// All lanes equal to `value`.
    fn splat(token: Self::Token, value: Self::Scalar) -> Self;
    /// Reads from memory.
    fn load(token: Self::Token, lanes: &Self::Lanes) -> Self;
    /// Writes to memory.
    fn store(self, lanes: &mut Self::Lanes);
    /// `self * b + c`, rounded once.
    fn mul_add(self, b: Self, c: Self) -> Self;
    /// `self * b - c`, rounded once.
    fn mul_sub(self, b: Self, c: Self) -> Self;
    /// Lane-wise absolute value.
    fn abs(self) -> Self;
    /// Lane-wise quotient.
    fn div(self, divisor: Self) -> Self;
    /// Lane-wise `if self > other { self } else { other }`: a NaN in `self` yields `other`.
    fn max(self, other: Self) -> Self;
    /// Lane-wise `if self < other { self } else { other }`.
    fn min(self, other: Self) -> Self;
    /// Lane-wise square root, correctly rounded.
    fn sqrt(self) -> Self;
    /// Lane-wise `if self < other { then } else { otherwise }`; a NaN is not less.
    fn select_less(self, other: Self, then: Self, otherwise: Self) -> Self;
    /// Lane-wise `if self < other { then } else { 0 }`: less work than [`Self::select_less`].
    fn less_or_zero(self, other: Self, then: Self) -> Self;
    /// Lane-wise `eˣ` for x ≤ 0 (and moderate x > 0): near the end of the normal range
    /// (x < −707.7, for `f32` −87.0) it is 0. Error < 1 ulp.
    ///
    /// Of several vectors at once: each is a chain of some twenty dependent operations, and only
    /// chains that are interleaved in the instruction stream keep the arithmetic units busy.
    fn exp_each<const N: usize>(x: [Self; N]) -> [Self; N];

    /// [`Self::exp_each`] of one vector.
    #[inline(always)]
    fn exp(self) -> Self {
        Self::exp_each([self])[0]
    }
    /// Lane-wise natural logarithm of positive normal numbers. Error < 1.5 ulp.
    fn ln(self) -> Self;
    /// Adds the lanes to `f64` accumulators: see [`Memory::accumulate`].
    #[inline(always)]
    fn accumulate(self, target: &mut Lanes64) {
        let mut lanes = Self::ZERO;
        self.store(&mut lanes);
        lanes.accumulate(target);
    }

    /// The scalars of a memory form.
    #[inline(always)]
    fn scalars(lanes: &[Self::Lanes]) -> &[Self::Scalar] {
        Memory::scalars(lanes)
    }

    /// The scalars of a memory form, to write.
    #[inline(always)]
    fn scalars_mut(lanes: &mut [Self::Lanes]) -> &mut [Self::Scalar] {
        Memory::scalars_mut(lanes)
    }
}

/// What one register holds of a logical vector.
///
/// A tile of whole vectors is two or four times as many registers; a kernel that goes over its rows
/// once for each part has all of them, and adds to each lane in the same order.
pub trait Part<V: Vector>:
    Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self>
{
    /// How many make a vector.
    const COUNT: usize;

    /// All lanes equal to `value`.
    fn splat(token: V::Token, value: V::Scalar) -> Self;
    /// Reads the lanes of part `part` from memory.
    fn load(token: V::Token, lanes: &V::Lanes, part: usize) -> Self;
    /// Writes them.
    fn store(self, lanes: &mut V::Lanes, part: usize);
    /// `self * b + c`, rounded once.
    fn mul_add(self, b: Self, c: Self) -> Self;
    /// `self * b - c`, rounded once.
    fn mul_sub(self, b: Self, c: Self) -> Self;
}

/// A SIMD level: a zero-sized proof that the CPU has its instructions.
pub trait Level: Simd {
    /// Name in `system()`.
    const NAME: &'static str;
    /// Row vectors that a register tile of four columns spans without spilling: 4 or 1.
    const WIDE: bool;
    /// Registers for what tiles of single registers hold ([`Part`]): 32 or 16.
    const REGISTERS: usize = Self::REGISTER_COUNT;
    /// Eight lanes of `f64`.
    type F64: Vector<Scalar = f64, Token = Self, Lanes = Lanes64>;
    /// Sixteen lanes of `f32`.
    type F32: Vector<Scalar = f32, Token = Self, Lanes = Lanes32>;
    /// Eight lanes of `u64`.
    type U64: Words<Token = Self, Float = Self::F64>;

    /// The columns of four rows of four numbers.
    fn transpose(self, rows: [[f64; 4]; 4]) -> [[f64; 4]; 4];
}

/// A level whose vectors are registers of pulp's: all but the portable one.
pub trait Registers: Level {
    /// `if a > b { a } else { b }`: a NaN in `a` yields `b`, and zeros of either sign are equal.
    fn max_f64(self, a: Self::f64s, b: Self::f64s) -> Self::f64s;
    /// As [`Self::max_f64`].
    fn max_f32(self, a: Self::f32s, b: Self::f32s) -> Self::f32s;
    /// `if a < b { a } else { b }`.
    fn min_f64(self, a: Self::f64s, b: Self::f64s) -> Self::f64s;
    /// As [`Self::min_f64`].
    fn min_f32(self, a: Self::f32s, b: Self::f32s) -> Self::f32s;
    /// `value` where the mask is set, 0 elsewhere. A choice between two vectors is three operations
    /// on AVX2, or a comparison more than was asked for; this is one.
    fn keep_f64(self, mask: Self::m64s, value: Self::f64s) -> Self::f64s;
    /// As [`Self::keep_f64`].
    fn keep_f32(self, mask: Self::m32s, value: Self::f32s) -> Self::f32s;
    /// 0 where the mask is set, `value` elsewhere.
    fn drop_f64(self, mask: Self::m64s, value: Self::f64s) -> Self::f64s;
    /// As [`Self::drop_f64`].
    fn drop_f32(self, mask: Self::m32s, value: Self::f32s) -> Self::f32s;
    /// Shifts every 64-bit lane left by `BITS`.
    fn shift_left_u64<const BITS: u32>(self, bits: Self::u64s) -> Self::u64s;
    /// Shifts every 64-bit lane right by `BITS`.
    fn shift_right_u64<const BITS: u32>(self, bits: Self::u64s) -> Self::u64s;
    /// Shifts every 64-bit lane left by the 52 bits of the significand.
    fn shift_into_exponent_f64(self, bits: Self::u64s) -> Self::u64s;
    /// Shifts every 64-bit lane right by the 52 bits of the significand.
    fn shift_out_of_exponent_f64(self, bits: Self::u64s) -> Self::u64s;
    /// Shifts every 32-bit lane left by the 23 bits of the significand.
    fn shift_into_exponent_f32(self, bits: Self::u32s) -> Self::u32s;
    /// Shifts every 32-bit lane right by the 23 bits of the significand.
    fn shift_out_of_exponent_f32(self, bits: Self::u32s) -> Self::u32s;
}

/// A computation written over a SIMD level; every function below `run` must be inlined into it.
///
/// The compiler lays these methods beside the type that has them (of a tuple, its first), where
/// instances of a generic function are all laid in one place, and what lies in one place is compiled
/// on one core.
pub trait Kernel: Sized {
    /// What it returns.
    type Output;

    /// Computes with the instructions that `level` proves.
    fn run<L: Level>(self, level: L) -> Self::Output;

    /// [`Kernel::run`], compiled for AVX-512.
    ///
    /// # Safety
    ///
    /// The CPU must have the instructions, as `level` proves.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(
        enable = "sse,sse2,fxsr,sse3,ssse3,sse4.1,sse4.2,popcnt,avx,avx2,bmi1,bmi2,fma,lzcnt"
    )]
    #[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl")]
    unsafe fn run_avx512(self, level: V4) -> Self::Output {
        self.run(level)
    }

    /// [`Kernel::run`], compiled for AVX2.
    ///
    /// # Safety
    ///
    /// The CPU must have the instructions, as `level` proves.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(
        enable = "sse,sse2,fxsr,sse3,ssse3,sse4.1,sse4.2,popcnt,avx,avx2,bmi1,bmi2,fma,lzcnt"
    )]
    unsafe fn run_avx2(self, level: V3) -> Self::Output {
        self.run(level)
    }

    /// [`Kernel::run`], compiled for NEON.
    ///
    /// # Safety
    ///
    /// The CPU must have the instructions, as `level` proves.
    #[cfg(target_arch = "aarch64")]
    #[target_feature(enable = "neon")]
    unsafe fn run_neon(self, level: Neon) -> Self::Output {
        self.run(level)
    }

    /// [`Kernel::run`], compiled for any CPU.
    #[inline(never)]
    fn run_portable(self) -> Self::Output {
        self.run(Scalar)
    }
}

/// A kernel that is laid beside another type: instances for many types are compiled apart.
impl<T, K: Kernel> Kernel for (&T, K) {
    type Output = K::Output;

    #[inline(always)]
    fn run<L: Level>(self, level: L) -> Self::Output {
        self.1.run(level)
    }
}

/// The level in use, chosen once per process.
#[derive(Clone, Copy, Debug)]
enum Chosen {
    #[cfg(target_arch = "x86_64")]
    Avx512(V4),
    #[cfg(target_arch = "x86_64")]
    Avx2(V3),
    #[cfg(target_arch = "aarch64")]
    Neon(Neon),
    Scalar,
}

/// The best level of this CPU, or a lower one named by `FOLDSTAT_SIMD`
/// (`avx512`, `avx2`, `neon` or `scalar`; to check that all of them give the same bits).
///
/// A level that this CPU does not have limits nothing, be it too new or of another architecture:
/// environments are shared among machines, and no result depends on the level.
fn chosen() -> Chosen {
    static CHOSEN: OnceLock<Chosen> = OnceLock::new();
    *CHOSEN.get_or_init(|| {
        let limit = std::env::var("FOLDSTAT_SIMD").unwrap_or_default();
        #[cfg(target_arch = "x86_64")]
        {
            if let (Some(v4), true) =
                (V4::try_new(), !matches!(limit.as_str(), Avx2::NAME | Scalar::NAME))
            {
                return Chosen::Avx512(v4);
            }
            if let (Some(v3), true) = (V3::try_new(), limit != Scalar::NAME) {
                return Chosen::Avx2(v3);
            }
        }
        #[cfg(target_arch = "aarch64")]
        if let (Some(neon), true) = (Neon::try_new(), limit != Scalar::NAME) {
            return Chosen::Neon(neon);
        }
        let _ = limit;
        Chosen::Scalar
    })
}

#[cfg(target_arch = "x86_64")]
use pulp::x86::V3 as Avx2;

/// Checks the environment variable that limits the SIMD level.
///
/// # Errors
///
/// [`Error::InvalidArgument`] if it names no level.
pub fn check_environment() -> Result<(), Error> {
    const NAMES: [&str; 5] = ["", "avx512", "avx2", "neon", "scalar"];
    let limit = std::env::var("FOLDSTAT_SIMD").unwrap_or_default();
    if NAMES.contains(&limit.as_str()) {
        return Ok(());
    }
    let message = format!("must be avx512, avx2, neon or scalar, found {limit:?}");
    Err(Error::InvalidArgument { name: "the environment variable FOLDSTAT_SIMD", message })
}

/// The name of the SIMD level in use: `avx512`, `avx2`, `neon` or `scalar`.
pub fn level_name() -> &'static str {
    match chosen() {
        #[cfg(target_arch = "x86_64")]
        Chosen::Avx512(_) => V4::NAME,
        #[cfg(target_arch = "x86_64")]
        Chosen::Avx2(_) => V3::NAME,
        #[cfg(target_arch = "aarch64")]
        Chosen::Neon(_) => Neon::NAME,
        Chosen::Scalar => Scalar::NAME,
    }
}

/// Runs a kernel compiled for the best instructions of this CPU.
pub fn dispatch<K: Kernel>(kernel: K) -> K::Output {
    match chosen() {
        // SAFETY: a `V4` is made only where the CPU has what the method is compiled for.
        #[cfg(target_arch = "x86_64")]
        Chosen::Avx512(level) => unsafe { kernel.run_avx512(level) },
        // SAFETY: as above, with a `V3`.
        #[cfg(target_arch = "x86_64")]
        Chosen::Avx2(level) => unsafe { kernel.run_avx2(level) },
        // SAFETY: as above, with a `Neon`.
        #[cfg(target_arch = "aarch64")]
        Chosen::Neon(level) => unsafe { kernel.run_neon(level) },
        Chosen::Scalar => kernel.run_portable(),
    }
}
