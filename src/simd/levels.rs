//! The levels: which vectors each of them has.

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use bytemuck::cast;
use pulp::Scalar;
#[cfg(target_arch = "aarch64")]
use pulp::aarch64::Neon;
#[cfg(target_arch = "x86_64")]
use pulp::x86::{V3, V4};

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use super::{F32, F64, RegisterWords, Registers};
use super::{Level, Portable, PortableWords};

/// Maximum and minimum by instructions that are exactly the comparison and the choice that
/// [`Registers`] asks for, as those of x86 are: they return their second operand where neither is
/// larger or smaller.
#[cfg(target_arch = "x86_64")]
macro_rules! extremes_by_instruction {
    () => {
        #[inline(always)]
        fn max_f64(self, a: Self::f64s, b: Self::f64s) -> Self::f64s {
            pulp::Simd::max_f64s(self, a, b)
        }
        #[inline(always)]
        fn max_f32(self, a: Self::f32s, b: Self::f32s) -> Self::f32s {
            pulp::Simd::max_f32s(self, a, b)
        }
        #[inline(always)]
        fn min_f64(self, a: Self::f64s, b: Self::f64s) -> Self::f64s {
            pulp::Simd::min_f64s(self, a, b)
        }
        #[inline(always)]
        fn min_f32(self, a: Self::f32s, b: Self::f32s) -> Self::f32s {
            pulp::Simd::min_f32s(self, a, b)
        }
    };
}

#[cfg(target_arch = "x86_64")]
impl Level for V4 {
    const NAME: &'static str = "avx512";
    const WIDE: bool = true;
    type F64 = F64<Self, 1>;
    type F32 = F32<Self, 1>;
    type U64 = RegisterWords<Self, 1>;

    #[inline(always)]
    fn transpose(self, rows: [[f64; 4]; 4]) -> [[f64; 4]; 4] {
        V3::transpose(*self, rows)
    }
}

#[cfg(target_arch = "x86_64")]
impl Registers for V4 {
    extremes_by_instruction!();

    #[inline(always)]
    fn keep_f64(self, mask: Self::m64s, value: Self::f64s) -> Self::f64s {
        self.select_f64x8(mask, value, self.splat_f64x8(0.0))
    }
    #[inline(always)]
    fn keep_f32(self, mask: Self::m32s, value: Self::f32s) -> Self::f32s {
        self.select_f32x16(mask, value, self.splat_f32x16(0.0))
    }
    #[inline(always)]
    fn drop_f64(self, mask: Self::m64s, value: Self::f64s) -> Self::f64s {
        self.select_f64x8(mask, self.splat_f64x8(0.0), value)
    }
    #[inline(always)]
    fn drop_f32(self, mask: Self::m32s, value: Self::f32s) -> Self::f32s {
        self.select_f32x16(mask, self.splat_f32x16(0.0), value)
    }
    #[inline(always)]
    fn shift_left_u64<const BITS: u32>(self, bits: Self::u64s) -> Self::u64s {
        self.shl_const_u64x8::<BITS>(bits)
    }
    #[inline(always)]
    fn shift_right_u64<const BITS: u32>(self, bits: Self::u64s) -> Self::u64s {
        self.shr_const_u64x8::<BITS>(bits)
    }
    #[inline(always)]
    fn shift_into_exponent_f64(self, bits: Self::u64s) -> Self::u64s {
        self.shl_const_u64x8::<52>(bits)
    }
    #[inline(always)]
    fn shift_out_of_exponent_f64(self, bits: Self::u64s) -> Self::u64s {
        self.shr_const_u64x8::<52>(bits)
    }
    #[inline(always)]
    fn shift_into_exponent_f32(self, bits: Self::u32s) -> Self::u32s {
        self.shl_const_u32x16::<23>(bits)
    }
    #[inline(always)]
    fn shift_out_of_exponent_f32(self, bits: Self::u32s) -> Self::u32s {
        self.shr_const_u32x16::<23>(bits)
    }
}

#[cfg(target_arch = "x86_64")]
impl Level for V3 {
    const NAME: &'static str = "avx2";
    const WIDE: bool = false;
    type F64 = F64<Self, 2>;
    type F32 = F32<Self, 2>;
    type U64 = RegisterWords<Self, 2>;

    #[inline(always)]
    fn transpose(self, rows: [[f64; 4]; 4]) -> [[f64; 4]; 4] {
        let [a, b, c, d] = rows.map(cast);
        let (even_ab, odd_ab) =
            (self.avx._mm256_unpacklo_pd(a, b), self.avx._mm256_unpackhi_pd(a, b));
        let (even_cd, odd_cd) =
            (self.avx._mm256_unpacklo_pd(c, d), self.avx._mm256_unpackhi_pd(c, d));
        [
            cast(self.avx._mm256_permute2f128_pd::<0x20>(even_ab, even_cd)),
            cast(self.avx._mm256_permute2f128_pd::<0x20>(odd_ab, odd_cd)),
            cast(self.avx._mm256_permute2f128_pd::<0x31>(even_ab, even_cd)),
            cast(self.avx._mm256_permute2f128_pd::<0x31>(odd_ab, odd_cd)),
        ]
    }
}

#[cfg(target_arch = "x86_64")]
impl Registers for V3 {
    extremes_by_instruction!();

    #[inline(always)]
    fn keep_f64(self, mask: Self::m64s, value: Self::f64s) -> Self::f64s {
        self.and_f64x4(cast(mask), value)
    }
    #[inline(always)]
    fn keep_f32(self, mask: Self::m32s, value: Self::f32s) -> Self::f32s {
        self.and_f32x8(cast(mask), value)
    }
    #[inline(always)]
    fn drop_f64(self, mask: Self::m64s, value: Self::f64s) -> Self::f64s {
        cast(self.avx._mm256_andnot_pd(cast(mask), cast(value)))
    }
    #[inline(always)]
    fn drop_f32(self, mask: Self::m32s, value: Self::f32s) -> Self::f32s {
        cast(self.avx._mm256_andnot_ps(cast(mask), cast(value)))
    }
    #[inline(always)]
    fn shift_left_u64<const BITS: u32>(self, bits: Self::u64s) -> Self::u64s {
        self.shl_dyn_u64x4(bits, self.splat_u64x4(u64::from(BITS)))
    }
    #[inline(always)]
    fn shift_right_u64<const BITS: u32>(self, bits: Self::u64s) -> Self::u64s {
        self.shr_dyn_u64x4(bits, self.splat_u64x4(u64::from(BITS)))
    }
    #[inline(always)]
    fn shift_into_exponent_f64(self, bits: Self::u64s) -> Self::u64s {
        self.shl_const_u64x4::<52>(bits)
    }
    #[inline(always)]
    fn shift_out_of_exponent_f64(self, bits: Self::u64s) -> Self::u64s {
        self.shr_const_u64x4::<52>(bits)
    }
    #[inline(always)]
    fn shift_into_exponent_f32(self, bits: Self::u32s) -> Self::u32s {
        self.shl_const_u32x8::<23>(bits)
    }
    #[inline(always)]
    fn shift_out_of_exponent_f32(self, bits: Self::u32s) -> Self::u32s {
        self.shr_const_u32x8::<23>(bits)
    }
}

#[cfg(target_arch = "aarch64")]
impl Level for Neon {
    const NAME: &'static str = "neon";
    const WIDE: bool = false;
    type F64 = F64<Self, 4>;
    type F32 = F32<Self, 4>;
    type U64 = RegisterWords<Self, 4>;

    #[inline(always)]
    fn transpose(self, rows: [[f64; 4]; 4]) -> [[f64; 4]; 4] {
        Scalar::transpose(Scalar, rows)
    }
}

#[cfg(target_arch = "aarch64")]
impl Registers for Neon {
    // NEON's instructions return a NaN of either operand, and take −0 to be less than 0.
    #[inline(always)]
    fn max_f64(self, a: Self::f64s, b: Self::f64s) -> Self::f64s {
        self.select_f64x2(self.cmp_gt_f64x2(a, b), a, b)
    }
    #[inline(always)]
    fn max_f32(self, a: Self::f32s, b: Self::f32s) -> Self::f32s {
        self.select_f32x4(self.cmp_gt_f32x4(a, b), a, b)
    }
    #[inline(always)]
    fn min_f64(self, a: Self::f64s, b: Self::f64s) -> Self::f64s {
        self.select_f64x2(self.cmp_lt_f64x2(a, b), a, b)
    }
    #[inline(always)]
    fn min_f32(self, a: Self::f32s, b: Self::f32s) -> Self::f32s {
        self.select_f32x4(self.cmp_lt_f32x4(a, b), a, b)
    }
    #[inline(always)]
    fn keep_f64(self, mask: Self::m64s, value: Self::f64s) -> Self::f64s {
        self.and_f64x2(cast(mask), value)
    }
    #[inline(always)]
    fn keep_f32(self, mask: Self::m32s, value: Self::f32s) -> Self::f32s {
        self.and_f32x4(cast(mask), value)
    }
    #[inline(always)]
    fn drop_f64(self, mask: Self::m64s, value: Self::f64s) -> Self::f64s {
        self.andnot_f64x2(cast(mask), value)
    }
    #[inline(always)]
    fn drop_f32(self, mask: Self::m32s, value: Self::f32s) -> Self::f32s {
        self.andnot_f32x4(cast(mask), value)
    }
    #[inline(always)]
    fn shift_left_u64<const BITS: u32>(self, bits: Self::u64s) -> Self::u64s {
        self.shl_dyn_u64x2(bits, self.splat_i64x2(i64::from(BITS)))
    }
    #[inline(always)]
    fn shift_right_u64<const BITS: u32>(self, bits: Self::u64s) -> Self::u64s {
        // The one instruction for both directions: a negative number of bits is one to the right.
        self.shl_dyn_u64x2(bits, self.splat_i64x2(-i64::from(BITS)))
    }
    #[inline(always)]
    fn shift_into_exponent_f64(self, bits: Self::u64s) -> Self::u64s {
        self.shl_const_u64x2::<52>(bits)
    }
    #[inline(always)]
    fn shift_out_of_exponent_f64(self, bits: Self::u64s) -> Self::u64s {
        self.shr_const_u64x2::<52>(bits)
    }
    #[inline(always)]
    fn shift_into_exponent_f32(self, bits: Self::u32s) -> Self::u32s {
        self.shl_const_u32x4::<23>(bits)
    }
    #[inline(always)]
    fn shift_out_of_exponent_f32(self, bits: Self::u32s) -> Self::u32s {
        self.shr_const_u32x4::<23>(bits)
    }
}

impl Level for Scalar {
    const NAME: &'static str = "scalar";
    const WIDE: bool = false;
    type F64 = Portable<f64, 8>;
    type F32 = Portable<f32, 16>;
    type U64 = PortableWords;

    #[inline(always)]
    fn transpose(self, rows: [[f64; 4]; 4]) -> [[f64; 4]; 4] {
        let mut columns = [[0.0; 4]; 4];
        for i in 0..4 {
            for j in 0..4 {
                columns[j][i] = rows[i][j];
            }
        }
        columns
    }
}
