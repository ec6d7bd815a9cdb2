//! The gamma function's logarithm and its derivative: the same bits everywhere, as `ln` is ours.

use super::ln;

/// From here on the asymptotic series, of the terms that there are, is exact to rounding.
const FAR: f64 = 10.0;

/// ½ log 2π.
const HALF_LN_TAU: f64 = 0.918_938_533_204_672_7;

/// B₂ₙ / 2n, by which ψ(x) = ln x − 1/(2x) − Σ B₂ₙ / (2n x²ⁿ) (Abramowitz & Stegun 1964, 6.3.18).
const DIGAMMA: [f64; 7] = [
    1.0 / 12.0,
    -1.0 / 120.0,
    1.0 / 252.0,
    -1.0 / 240.0,
    1.0 / 132.0,
    -691.0 / 32760.0,
    1.0 / 12.0,
];

/// B₂ₙ / (2n (2n − 1)), by which log Γ(x) = (x − ½) ln x − x + ½ ln 2π + Σ … / x²ⁿ⁻¹ (6.1.41 there).
const LN_GAMMA: [f64; 7] = [
    1.0 / 12.0,
    -1.0 / 360.0,
    1.0 / 1260.0,
    -1.0 / 1680.0,
    1.0 / 1188.0,
    -691.0 / 360_360.0,
    1.0 / 156.0,
];

/// ψ(x), the derivative of log Γ, of a positive x.
///
/// The error is some units of 2⁻⁵³ of max(1, |ψ|): near its root, 1.46, the result has fewer digits.
#[must_use]
pub fn digamma(x: f64) -> f64 {
    // ψ(x) = ψ(x + 1) − 1/x.
    let (mut x, mut below) = (x, 0.0);
    while x < FAR {
        below += 1.0 / x;
        x += 1.0;
    }
    let inverse = 1.0 / x;
    ln(x) - 0.5 * inverse - series(DIGAMMA, inverse * inverse) * inverse * inverse - below
}

/// log Γ(x) of a positive x.
///
/// The error is some units of 2⁻⁵³ of max(1, |log Γ|).
#[must_use]
pub fn ln_gamma(x: f64) -> f64 {
    // Γ(x) = Γ(x + 1) / x; the product is below 10¹⁰.
    let (mut x, mut product) = (x, 1.0);
    while x < FAR {
        product *= x;
        x += 1.0;
    }
    let inverse = 1.0 / x;
    let stirling = (x - 0.5) * (ln(x) - 1.0) - 0.5 + HALF_LN_TAU;
    let far = stirling + series(LN_GAMMA, inverse * inverse) * inverse;
    if product == 1.0 { far } else { far - ln(product) }
}

/// log B(a, b) of positive numbers.
#[must_use]
pub fn ln_beta(a: f64, b: f64) -> f64 {
    ln_gamma(a) - ln_gamma(a + b) + ln_gamma(b)
}

/// Σ cₙ tⁿ.
fn series(coefficients: [f64; 7], t: f64) -> f64 {
    coefficients.into_iter().rev().fold(0.0, |sum, c| sum * t + c)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SciPy's values of x, ψ(x) and log Γ(x).
    #[allow(clippy::excessive_precision)]
    const SCIPY: [(f64, f64, f64); 27] = [
        (1e-300, -9.999999999999999e+299, 690.7755278982137),
        (1e-08, -100000000.57721564, 18.42068073818021),
        (0.001, -1000.5755719318103, 6.907178885383853),
        (0.02, -50.54478931045618, 3.900804516098376),
        (0.3, -3.502524222200133, 1.0957979948180756),
        (0.5, -1.9635100260214235, 0.5723649429247),
        (0.999, -0.5788618021086455, 0.0005780385328917337),
        (1.0, -0.5772156649015329, 0.0),
        (1.2, -0.2890398965921884, -0.08537409000331585),
        (1.4616321449683622, -9.241265521729427e-17, -0.1214862905358497),
        (1.5, 0.03648997397857652, -0.12078223763524526),
        (1.999, 0.4221391988923556, -0.0004224618006920533),
        (2.0, 0.42278433509846713, 0.0),
        (2.001, 0.4234290671906985, 0.000423106734800117),
        (3.7, 1.1671535393615113, 1.428072326665388),
        (5.0, 1.5061176684318003, 3.1780538303479458),
        (8.25, 2.0483845613664946, 9.033186919605123),
        (9.999, 2.251647417205735, 12.799575780077413),
        (10.0, 2.251752589066721, 12.801827480081469),
        (10.5, 2.3030010342976865, 13.940625219403763),
        (33.3, 3.490467238520243, 82.60372358165493),
        (1000.0, 6.907255195648812, 5905.220423209181),
        (123456.75, 11.723642121279045, 1323901.5615730141),
        (1000000.0, 13.81551005796419, 12815504.569147611),
        (1000000000000.0, 27.631021115928046, 26631021115915.65),
        (1e+100, 230.25850929940458, 2.292585092994046e+102),
        (1e+300, 690.7755278982137, 6.897755278982137e+302),
    ];

    #[test]
    fn the_values_of_scipy() {
        for (x, psi, log_gamma) in SCIPY {
            for (found, expected) in [(digamma(x), psi), (ln_gamma(x), log_gamma)] {
                // Below 10 they are differences of numbers of some tens.
                let error = (found - expected).abs() / expected.abs().max(1.0);
                assert!(error < 32.0 * f64::EPSILON, "{x}: {found} for {expected}");
            }
        }
    }

    #[test]
    fn factorials() {
        let mut factorial = 1.0_f64;
        for n in 1..20 {
            let found = ln_gamma(f64::from(n));
            assert!((found - factorial.ln()).abs() < 3e-15 * found.max(1.0), "{n}");
            factorial *= f64::from(n);
        }
        assert!((ln_gamma(0.5) - std::f64::consts::PI.sqrt().ln()).abs() < 2e-15);
        assert!((ln_beta(2.0, 3.0) - (1.0_f64 / 12.0).ln()).abs() < 5e-15);
    }

    #[test]
    fn the_ends_of_the_range() {
        assert_eq!(digamma(f64::INFINITY), f64::INFINITY);
        assert_eq!(ln_gamma(f64::MAX), f64::INFINITY);
        assert!(digamma(5e-324) == f64::NEG_INFINITY && (ln_gamma(5e-324) - 744.44).abs() < 0.01);
        assert!((ln_gamma(1e17) - 3.814_394_658_089_878e18).abs() < 1e4);
    }
}
