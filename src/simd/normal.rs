//! Standard normal numbers, several at a time.

use super::{Vector, Words};

// (cos πt − 1)/t² and sin πt / t in t² on |t| ≤ ½: Chebyshev fits with errors of 6.3e-17 and 6.5e-19.
const COSINE: [f64; 8] = [
    -4.934802200544679,
    4.058712126416736,
    -1.3352627688518803,
    0.2353306302721577,
    -0.02580689002587539,
    0.001929562652479866,
    -0.00010458286368326585,
    4.166399462726949e-06,
];
const SINE: [f64; 9] = [
    std::f64::consts::PI,
    -5.167712780049969,
    2.5501640398773007,
    -0.5992645293189447,
    0.0821458865731029,
    -0.007370430505916944,
    0.0004662998161898394,
    -2.1903497074626018e-05,
    7.697826768224191e-07,
];

/// Two independent standard normal numbers per lane, made of two words of random bits.
///
/// The polar form of Box & Muller, "A note on the generation of random normal deviates", The
/// Annals of Mathematical Statistics 29 (1958): √(−2 ln u) times cosine and sine of a uniform
/// angle. u is a multiple of 2⁻⁵² in (0, 1], so no number exceeds 8.5. The angle is πt with t in
/// [−½, ½) in steps of 2⁻⁵², or the opposite one; all four signs of a pair are equally likely.
#[inline(always)]
pub fn normal_pair<W: Words>(token: W::Token, radius: W, angle: W) -> [W::Float; 2] {
    const SIGN: u64 = 1 << 63;
    let splat = W::Float::splat;
    let u = splat(token, 2.0) - radius.in_binade(token, 1.0);
    let one = W::splat(token, 1.0_f64.to_bits());
    let sign = angle.and(W::splat(token, SIGN)).or(one).to_float();
    let radius = (u.ln() * splat(token, -2.0)).sqrt() * sign;
    let t = angle.shift_left::<1>().in_binade(token, 1.0) - splat(token, 1.5);
    let [cosine, sine] = cosine_and_sine(token, t);
    [radius * cosine, radius * sine]
}

/// cos πt and sin πt for |t| ≤ ½. Error < 3e-16.
#[inline(always)]
pub fn cosine_and_sine<V: Vector<Scalar = f64>>(token: V::Token, t: V) -> [V; 2] {
    let square = t * t;
    let cosine = polynomial(token, square, &COSINE).mul_add(square, V::splat(token, 1.0));
    [cosine, polynomial(token, square, &SINE) * t]
}

/// Horner's rule, highest coefficient last.
#[inline(always)]
fn polynomial<V: Vector<Scalar = f64>, const N: usize>(
    token: V::Token,
    x: V,
    coefficients: &[f64; N],
) -> V {
    let mut sum = V::splat(token, coefficients[N - 1]);
    for i in (0..N - 1).rev() {
        sum = sum.mul_add(x, V::splat(token, coefficients[i]));
    }
    sum
}
