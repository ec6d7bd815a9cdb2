//! The standard normal distribution: numbers from it, and its tails, several at a time.

use super::{Vector, Words};

/// ½ log 2π.
const HALF_LN_TAU: f64 = 0.918_938_533_204_672_8;

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

/// (1 + a) Q(a)/φ(a) as Chebyshev polynomials in t = (a − 5)/(a + 5), a ≥ 0, with an error of 3e-18.
///
/// The change of variable is that of Shepherd & Laframboise, "Chebyshev approximation of
/// (1 + 2x) exp(x²) erfc x in 0 ≤ x < ∞", Mathematics of Computation 36 (1981).
const MILLS: [f64; 26] = [
    1.1579976221305188,
    -0.1633449388451398,
    -0.013683136055781576,
    0.03082200019810004,
    -0.016220073012046806,
    0.005616691016460094,
    -0.0014133933783549216,
    0.0002502625460725661,
    -2.468907239728387e-05,
    -1.0107964061837592e-06,
    7.495419179740573e-07,
    -7.600274268728337e-08,
    -1.1574771441328644e-08,
    3.333386472599843e-09,
    7.538039628171347e-11,
    -1.1104247263727494e-10,
    3.509243776551059e-12,
    3.6894953861750955e-12,
    -2.3376697776383095e-13,
    -1.3271797523541405e-13,
    9.921706995888276e-15,
    5.276004995455379e-15,
    -3.373097694187922e-16,
    -2.2804338776379946e-16,
    7.496330565808626e-18,
    1.0328041877290668e-17,
];

/// log Q(a) for a ≥ 0, where Q is the upper tail of the standard normal distribution.
///
/// The error is a few roundings of the result, however far out a is; −∞ where its square overflows.
#[inline(always)]
pub fn ln_upper_tail<V: Vector<Scalar = f64>>(token: V::Token, a: V) -> V {
    let five = V::splat(token, 5.0);
    let mills = clenshaw(token, (a - five).div(a + five), &MILLS).div(a + V::splat(token, 1.0));
    a * a * V::splat(token, -0.5) + (mills.ln() - V::splat(token, HALF_LN_TAU))
}

/// Σ cₖ Tₖ(t), the recurrence of Clenshaw (1955).
#[inline(always)]
fn clenshaw<V: Vector<Scalar = f64>, const N: usize>(
    token: V::Token,
    t: V,
    coefficients: &[f64; N],
) -> V {
    let twice = t + t;
    let (mut next, mut after) = (V::splat(token, 0.0), V::splat(token, 0.0));
    for i in (1..N).rev() {
        let this = twice.mul_add(next, V::splat(token, coefficients[i]) - after);
        (next, after) = (this, next);
    }
    t.mul_add(next, V::splat(token, coefficients[0]) - after)
}

/// eˣ over the whole range of `f64`, where [`Vector::exp`] knows moderate x only: 0 below −745, ∞ above 710.
#[inline(always)]
pub fn exp_of_any<V: Vector<Scalar = f64>>(token: V::Token, x: V) -> V {
    let x = x.max(V::splat(token, -1400.0)).min(V::splat(token, 1418.0));
    let [whole, half] = V::exp_each([x, x * V::splat(token, 0.5)]);
    // Squared, an error of 1 ulp is 2: only where there is no other way.
    x.abs().select_less(V::splat(token, 700.0), whole, half * half)
}

/// log(1 − eˣ) for x ≤ −log 2, relative to its own size: W. Kahan's trick for log(1 + y).
#[inline(always)]
pub fn ln_of_rest<V: Vector<Scalar = f64>>(token: V::Token, x: V) -> V {
    let part = exp_of_any(token, x);
    let rest = V::splat(token, 1.0) - part;
    let lost = V::splat(token, 1.0) - rest; // what was taken away, exactly
    let tiny = V::splat(token, f64::MIN_POSITIVE);
    let ratio = part.div(lost.max(tiny));
    lost.select_less(tiny, V::splat(token, 0.0) - part, rest.ln() * ratio)
}
