//! The steps of the vector kernels: bits of a number that are peeled off in floating point.
//!
//! `peel.rs` says why they are exact.

use std::ops::{Add, Sub};

use crate::simd::{Lanes64, Vector};

/// Eight values side by side: neighbours of one column, or one row of eight columns.
pub type Octet = [f64; 8];

/// Number of windows of a product.
pub const PRODUCT_WINDOWS: usize = 3;

/// ⌊log₂ x⌋ of a positive number, −1023 for 0 and subnormal ones.
pub(super) fn exponent(x: f64) -> i32 {
    (x.to_bits() >> 52 & 0x7ff) as i32 - 1023
}

/// 2ⁿ for n up to 1023; 0 below −1074.
#[must_use]
pub fn power_of_two(n: i32) -> f64 {
    f64::from_bits(match n {
        -1022.. => ((n + 1023) as u64) << 52,
        -1074..-1022 => 1 << (n + 1074),
        _ => 0,
    })
}

#[inline(always)]
pub(super) fn store<V: Vector<Lanes = Lanes64>>(vector: V) -> Octet {
    let mut lanes = V::ZERO;
    vector.store(&mut lanes);
    lanes.0
}

/// Adds to `s` what of x lies above its unit, and returns the rest.
#[inline(always)]
pub fn window<V: Copy + Add<Output = V> + Sub<Output = V>>(s: &mut V, x: V) -> V {
    let sum = *s + x;
    let taken = sum - *s;
    *s = sum;
    x - taken
}

/// Adds a product, and what its rounding left of it, to the accumulators of one chain.
#[inline(always)]
pub(super) fn take_product<V: Copy + Add<Output = V> + Sub<Output = V>>(
    s: &mut [V; PRODUCT_WINDOWS],
    product: V,
    error: V,
) {
    let rest = window(&mut s[0], product);
    s[1] = s[1] + rest;
    let rest = window(&mut s[1], error);
    s[2] = s[2] + rest;
}
