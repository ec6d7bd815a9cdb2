//! The levels: which vectors each of them has.

#[cfg(target_arch = "x86_64")]
use bytemuck::cast;
use pulp::Scalar;
#[cfg(target_arch = "x86_64")]
use pulp::x86::{V3, V4};

#[cfg(target_arch = "x86_64")]
use super::{F32, F64, RegisterWords, Registers};
use super::{Level, Portable, PortableWords};

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
        let [a, b, c, d] = rows.map(|row| cast(row));
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
