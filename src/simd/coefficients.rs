//! Numbers that the elementary functions of all levels share: hence the same bits.

// (eʳ − 1 − r)/r² on |r| ≤ ln 2 / 2, Chebyshev fits: error of eʳ 0.15 and 0.18 units of 2⁻⁵³, 2⁻²⁴.
#[allow(clippy::excessive_precision)]
pub(super) const EXP_F64: [f64; 10] = [
    0.5000000000000001,
    0.16666666666666669,
    0.04166666666662399,
    0.008333333333330051,
    0.0013888888917281794,
    0.00019841269863105968,
    2.480152119021773e-05,
    2.7557268378684192e-06,
    2.7620138719733994e-07,
    2.5100424157005067e-08,
];
pub(super) const EXP_F32: [f32; 5] = [0.5, 0.16666576, 0.041666556, 0.008363203, 0.0013926213];
// (2 artanh s − 2 s)/s³ in s² on s² ≤ ((√2−1)/(√2+1))².
pub(super) const LN_F64: [f64; 7] = [
    0.666666666666667,
    0.3999999999989889,
    0.2857142862625391,
    0.22222211089368124,
    0.18182892433364564,
    0.15331611694570085,
    0.14617807492803847,
];
pub(super) const LN_F32: [f32; 3] = [0.66666687, 0.3998876, 0.29580986];
// ln 2 in two parts: the first has enough trailing zeros that k·LN2_HIGH is exact.
pub(super) const LN2_HIGH_F64: f64 = f64::from_bits(0x3fe6_2e42_fee0_0000);
pub(super) const LN2_LOW_F64: f64 = 1.908_214_929_270_587_7e-10;
pub(super) const LN2_HIGH_F32: f32 = 0.693_359_4;
pub(super) const LN2_LOW_F32: f32 = -2.121_944_4e-4;
// Adding and subtracting 1.5·2^(significand bits) rounds to an integer and leaves it in the low bits.
pub(super) const ROUND_F64: f64 = 6_755_399_441_055_744.0;
pub(super) const ROUND_F32: f32 = 12_582_912.0;
