//! Standard normal numbers.

use crate::simd::{Kernel, Lanes, Lanes64, Level, Vector, cosine_and_sine, dispatch, normal_pair};
use crate::walkers::generators::{Generators, Octet};

use super::{generators, kolmogorov};

/// Pairs of standard normal numbers.
struct Pairs {
    generators: Octet,
    n: usize,
}

impl Kernel for Pairs {
    type Output = Vec<[Lanes64; 2]>;

    #[inline(always)]
    fn run<L: Level>(self, token: L) -> Self::Output {
        let mut generators = Generators::<L>::load(token, &self.generators);
        let mut pairs = vec![[Lanes64::ZERO; 2]; self.n];
        for pair in &mut pairs {
            let (radius, angle) = (generators.words(), generators.words());
            let normals = normal_pair(token, radius, angle);
            normals[0].store(&mut pair[0]);
            normals[1].store(&mut pair[1]);
        }
        pairs
    }
}

/// The pair that two words make.
struct OfWords(u64, u64);

impl Kernel for OfWords {
    type Output = [f64; 2];

    #[inline(always)]
    fn run<L: Level>(self, token: L) -> [f64; 2] {
        use crate::simd::Words;
        let pair = normal_pair(token, L::U64::splat(token, self.0), L::U64::splat(token, self.1));
        let mut lanes = [Lanes64::ZERO; 2];
        pair[0].store(&mut lanes[0]);
        pair[1].store(&mut lanes[1]);
        [lanes[0].0[0], lanes[1].0[7]]
    }
}

/// cos πt and sin πt.
struct Circle<'a>(&'a [f64]);

impl Kernel for Circle<'_> {
    type Output = Vec<[f64; 2]>;

    #[inline(always)]
    fn run<L: Level>(self, token: L) -> Self::Output {
        let mut points = Vec::new();
        for t in self.0 {
            let mut lanes = [Lanes64::ZERO; 2];
            let point = cosine_and_sine(token, L::F64::load(token, &Lanes([*t; 8])));
            point[0].store(&mut lanes[0]);
            point[1].store(&mut lanes[1]);
            points.push([lanes[0].0[3], lanes[1].0[3]]);
        }
        points
    }
}

fn sample() -> Vec<[f64; 2]> {
    let pairs = dispatch(Pairs { generators: generators(1, 0), n: 50_000 });
    (0..8).flat_map(|lane| pairs.iter().map(move |pair| pair.map(|v| v.0[lane]))).collect()
}

#[test]
fn cosine_and_sine_agree_with_the_standard_library() {
    let t: Vec<f64> = (-4096..=4096).map(|i| f64::from(i) / 8192.0).collect();
    for (t, point) in t.iter().zip(dispatch(Circle(&t))) {
        // The argument of the standard library's functions is rounded, too: 1e-16 more.
        let exact = [(std::f64::consts::PI * t).cos(), (std::f64::consts::PI * t).sin()];
        for (found, exact) in point.iter().zip(exact) {
            assert!((found - exact).abs() < 4e-16, "t = {t}: {found} instead of {exact}");
        }
    }
    let t: Vec<f64> = (0..3000).map(|i| f64::from(i) / 6000.0).collect();
    assert_eq!(dispatch(Circle(&t)), Circle(&t).run(pulp::Scalar));
}

#[test]
fn extreme_words_give_finite_numbers() {
    // u = 1: a radius of 0. u = 2⁻⁵²: the largest radius.
    assert_eq!(dispatch(OfWords(0, 5)).map(f64::abs), [0.0, 0.0]);
    for angle in [0, 1, 1 << 62, 1 << 63, u64::MAX, u64::MAX >> 1] {
        let [x, y] = dispatch(OfWords(u64::MAX, angle));
        let radius = (104.0 * std::f64::consts::LN_2).sqrt();
        assert!((x.hypot(y) - radius).abs() < 1e-14, "{x} {y}");
    }
}

#[test]
fn both_numbers_of_a_pair_change_sign_independently() {
    let word = 0x1234_5678_9abc_def0;
    let [x, y] = dispatch(OfWords(word, 0xbcd << 52));
    // The opposite point, and its mirror image: t → −t.
    assert_eq!(dispatch(OfWords(word, (0xbcd << 52) ^ (1 << 63))), [-x, -y]);
    let mirrored = (1 << 63) | ((1_u64 << 63) - ((0xbcd << 52) & !(1 << 63)));
    assert_eq!(dispatch(OfWords(word, mirrored)), [x, -y]);
}

#[test]
fn moments_and_tails_are_those_of_the_normal_distribution() {
    let pairs = sample();
    let n = pairs.len() as f64;
    let average = |f: &dyn Fn(&[f64; 2]) -> f64| pairs.iter().map(f).sum::<f64>() / n;
    for i in 0..2 {
        // Moments with five standard errors.
        for (power, moment, variance) in
            [(1, 0.0, 1.0), (2, 1.0, 2.0), (3, 0.0, 15.0), (4, 3.0, 96.0), (6, 15.0, 10_170.0)]
        {
            let found = average(&|pair| pair[i].powi(power));
            let error = (variance / n).sqrt();
            assert!((found - moment).abs() < 5.0 * error, "moment {power}: {found}");
        }
        // P(|z| > q), from SciPy's norm.sf.
        for (q, p) in
            [(1.0, 0.317_310_507_862_914), (3.0, 0.002_699_796_063_260_189), (4.0, 6.334e-5)]
        {
            let found = average(&|pair| f64::from(pair[i].abs() > q));
            assert!((found - p).abs() < 5.0 * (p / n).sqrt(), "beyond {q}: {found}");
        }
    }
    for (j, k) in [(1, 1), (2, 1), (2, 2)] {
        let found = average(&|pair| pair[0].powi(j) * pair[1].powi(k));
        let expected = if (j, k) == (2, 2) { 1.0 } else { 0.0 };
        assert!((found - expected).abs() < 5.0 * (9.0 / n).sqrt(), "{j} {k}: {found}");
    }
}

#[test]
fn the_distribution_function_is_the_normal_one() {
    let pairs = sample();
    for i in 0..2 {
        let sample = pairs.iter().map(|pair| pair[i]).collect();
        let distance = kolmogorov(sample, normal_cumulative);
        assert!(distance < 1.95, "{distance}");
    }
}

/// Φ by its continued fraction in the tails and its series elsewhere (Abramowitz & Stegun 26.2.10
/// and 26.2.14).
fn normal_cumulative(x: f64) -> f64 {
    let density = (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt();
    if x.abs() > 5.0 {
        let fraction = (1..60).rev().fold(x.abs(), |rest, k| x.abs() + f64::from(k) / rest);
        let tail = density / fraction;
        return if x > 0.0 { 1.0 - tail } else { tail };
    }
    let (mut term, mut sum) = (x, x);
    for k in 1..100 {
        term *= x * x / f64::from(2 * k + 1);
        sum += term;
    }
    0.5 + density * sum
}

#[test]
fn quantiles_of_the_reference_are_right() {
    // SciPy's norm.ppf at these probabilities.
    for (p, q) in [
        (0.5, 0.0),
        (0.975, 1.959_963_984_540_054),
        (0.01, -2.326_347_874_040_840_8),
        (1e-7, -5.199_337_582_187_471),
    ] {
        assert!((normal_cumulative(q) / p - 1.0).abs() < 1e-9, "{p}");
    }
}

#[test]
fn every_level_gives_the_same_normal_numbers() {
    let (best, portable) = (
        dispatch(Pairs { generators: generators(3, 8), n: 5000 }),
        Pairs { generators: generators(3, 8), n: 5000 }.run(pulp::Scalar),
    );
    let bits = |pairs: &[[Lanes64; 2]]| -> Vec<u64> {
        pairs.iter().flatten().flat_map(|lanes| lanes.0.map(f64::to_bits)).collect()
    };
    assert_eq!(bits(&best), bits(&portable));
}
