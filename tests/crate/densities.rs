//! The built-in densities against their formulas, written as plainly as possible.

use std::f64::consts::PI;

use crate::error::Error;
use crate::fold::Stop;
use crate::mixture::{Geometry, Mixture};
use crate::simd::{Kernel, Lanes64, Level, Vector, dispatch};
use crate::walkers::densities::{
    Banana, EFFECTS, ERRORS, EggBox, EightSchools, Funnel, Gaussians, MixtureDensity, Ring, Value,
    Vectorised, cos_each,
};
use crate::walkers::density::Density;
use crate::walkers::fused::BuiltIn;

const WEIGHTS: [f64; 3] = [0.5, 0.3, 0.2];
const MEANS: [[f64; 2]; 3] = [[0.0, 0.0], [3.0, 3.0], [3.0, -3.0]];
const SDS: [f64; 3] = [1.0, 0.9, 0.8];

fn three() -> Gaussians<3> {
    Gaussians::new(WEIGHTS, MEANS, SDS).unwrap()
}

fn ln_normal(x: f64, mean: f64, sd: f64) -> f64 {
    let z = (x - mean) / sd;
    -0.5 * z * z - sd.ln() - 0.5 * (2.0 * PI).ln()
}

fn ln_sum_exp(terms: &[f64]) -> f64 {
    let largest = terms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    largest + terms.iter().map(|term| (term - largest).exp()).sum::<f64>().ln()
}

fn values(density: impl Vectorised, points: &[f64]) -> Vec<f64> {
    let n_dims = density.n_dims();
    let mut values = vec![f64::NAN; points.len() / n_dims];
    BuiltIn(density).evaluate(&Stop::default(), points, n_dims, &mut values).unwrap();
    values
}

/// Points between −`width` and `width`, by the golden ratio's sequence.
fn scattered(n_points: usize, n_dims: usize, width: f64) -> Vec<f64> {
    let mut state = 0.5;
    let mut next = || {
        state = (state + 0.618_033_988_749_894_9_f64) % 1.0;
        // Coordinates that follow each other must not be a lattice.
        (state * 97.0).sin() * width
    };
    (0..n_points * n_dims).map(|_| next()).collect()
}

/// Compares with a formula, relative to the larger of one and the value.
fn assert_follows(density: impl Vectorised, points: &[f64], formula: impl Fn(&[f64]) -> f64) {
    let n_dims = density.n_dims();
    let found = values(density, points);
    assert_eq!(found.len(), points.len() / n_dims);
    for (point, found) in points.chunks_exact(n_dims).zip(found) {
        let expected = formula(point);
        let error = (found - expected).abs() / expected.abs().max(1.0);
        assert!(error < 2e-14, "{found} for {expected} at {point:?}");
    }
}

#[test]
fn three_gaussians_are_the_logarithm_of_a_sum() {
    assert_follows(three(), &scattered(1003, 2, 6.0), |x| {
        let component = |k: usize| {
            let at = |j: usize| ln_normal(x[j], MEANS[k][j], SDS[k]);
            WEIGHTS[k].ln() + at(0) + at(1)
        };
        ln_sum_exp(&[component(0), component(1), component(2)])
    });
}

#[test]
fn weights_are_normalised() {
    let twice = Gaussians::new(WEIGHTS.map(|w| 2.0 * w), MEANS, SDS).unwrap();
    let points = scattered(40, 2, 4.0);
    for (a, b) in values(three(), &points).iter().zip(values(twice, &points)) {
        assert!((a - b).abs() < 1e-14, "{a} {b}");
    }
}

#[test]
fn the_banana_is_a_bent_normal() {
    for (n_dims, b, sd) in [(2, 0.03, 10.0), (5, 0.1, 3.0), (3, 0.0, 2.0)] {
        let density = Banana::new(n_dims, b, sd).unwrap();
        assert_follows(density, &scattered(500, n_dims, 20.0), |x| {
            let bent = x[1] + b * x[0] * x[0] - b * sd * sd;
            let others: f64 = x[2..].iter().map(|&x| ln_normal(x, 0.0, 1.0)).sum();
            ln_normal(x[0], 0.0, sd) + ln_normal(bent, 0.0, 1.0) + others
        });
    }
}

#[test]
fn the_funnel_narrows() {
    for (n_dims, sd) in [(10, 3.0), (2, 1.0)] {
        let density = Funnel::new(n_dims, sd).unwrap();
        assert_follows(density, &scattered(500, n_dims, 9.0), |x| {
            let others = x[1..].iter().map(|&other| ln_normal(other, 0.0, (x[0] / 2.0).exp()));
            ln_normal(x[0], 0.0, sd) + others.sum::<f64>()
        });
    }
}

#[test]
fn the_ring_depends_on_the_radius() {
    assert_follows(Ring::new(4.0, 0.5).unwrap(), &scattered(500, 2, 6.0), |x| {
        -(x[0].hypot(x[1]) - 4.0).powi(2) / (2.0 * 0.5 * 0.5)
    });
}

#[test]
fn the_egg_box_is_a_box_of_cosines() {
    let points: Vec<f64> = scattered(500, 2, 5.0 * PI).iter().map(|x| x + 5.0 * PI).collect();
    let formula = |x: &[f64]| (2.0 + (x[0] / 2.0).cos() * (x[1] / 2.0).cos()).powi(5);
    assert_follows(EggBox, &points, formula);
    let corners = [0.0, 0.0, 10.0 * PI, 10.0 * PI, 0.0, 10.0 * PI];
    assert_follows(EggBox, &corners, formula);
    let outside = [-1e-9, 1.0, 1.0, -1e-9, 31.5, 1.0, 1.0, 31.5, -1e300, 1e300];
    assert_eq!(values(EggBox, &outside), [f64::NEG_INFINITY; 5]);
}

#[test]
fn eight_schools_are_a_hierarchical_model() {
    let mut points = scattered(500, 10, 3.0);
    // Spreads far from the prior's scale as well.
    for (i, point) in points.chunks_exact_mut(10).enumerate() {
        point[1] *= [1.0, 20.0][i % 2];
    }
    assert_follows(EightSchools::new(), &points, |x| {
        let (mu, log_tau) = (x[0], x[1]);
        let tau = log_tau.exp();
        let half_cauchy = (2.0 / (PI * 5.0)).ln() - (tau / 5.0).powi(2).ln_1p();
        let schools = (0..8).map(|j| {
            let z = x[2 + j];
            ln_normal(z, 0.0, 1.0) + ln_normal(EFFECTS[j], mu + tau * z, ERRORS[j])
        });
        ln_normal(mu, 0.0, 5.0) + half_cauchy + log_tau + schools.sum::<f64>()
    });
}

/// A mixture of three components in three dimensions; U is upper triangular.
fn model(geometry: Geometry) -> Mixture {
    const UPPER: [f64; 9] = [1.0, 0.3, -0.2, 0.0, 0.8, 0.5, 0.0, 0.0, 2.0];
    const EVEN: [f64; 9] = [0.7, 0.7, 0.7, 0.0, 0.7, 0.7, 0.0, 0.0, 0.7];
    let factors: Vec<f64> = match geometry {
        Geometry::Full => [UPPER, EVEN, UPPER.map(|u| 0.4 * u)].concat(),
        Geometry::Tied => UPPER.to_vec(),
        Geometry::Diagonal => vec![1.0, 0.5, 2.0, 0.7, 0.9, 1.1, 0.3, 0.4, 0.6],
        Geometry::Spherical => vec![0.5, 1.5, 0.3],
    };
    let means = vec![0.0, 1.0, -1.0, 4.0, 2.0, 5.0, 1.0, 1.0, 1.0];
    Mixture::new(geometry, 3, vec![0.25, 0.35, 0.4], means, factors, &Stop::default()).unwrap()
}

/// ln Σ wₖ N(x | mₖ, Σₖ) by the definition of the factors.
fn ln_mixture(model: &Mixture, x: &[f64]) -> f64 {
    let (u, d) = (model.precisions_cholesky(), x.len());
    let factor = |k: usize, row: usize, column: usize| match model.geometry() {
        Geometry::Full if row <= column => u[(k * d + row) * d + column],
        Geometry::Tied if row <= column => u[row * d + column],
        Geometry::Diagonal if row == column => u[k * d + row],
        Geometry::Spherical if row == column => u[k],
        _ => 0.0,
    };
    let term = |k: usize| {
        let column = |i: usize| {
            let white: f64 = (0..d).map(|j| (x[j] - model.mean(k)[j]) * factor(k, j, i)).sum();
            ln_normal(white, 0.0, 1.0) + factor(k, i, i).abs().ln()
        };
        model.weights()[k].ln() + (0..d).map(column).sum::<f64>()
    };
    ln_sum_exp(&(0..model.n_components()).map(term).collect::<Vec<_>>())
}

#[test]
fn mixtures_have_every_geometry() {
    let points = scattered(301, 3, 8.0);
    for geometry in Geometry::ALL {
        let model = model(geometry);
        match geometry {
            Geometry::Full | Geometry::Tied => {
                assert_follows(MixtureDensity::triangular(&model).unwrap(), &points, |x| {
                    ln_mixture(&model, x)
                });
            }
            _ => assert_follows(MixtureDensity::diagonal(&model).unwrap(), &points, |x| {
                ln_mixture(&model, x)
            }),
        }
    }
}

#[test]
fn a_component_without_weight_is_not_there() {
    let factors = vec![1.0, 2.0];
    let of = |weights: Vec<f64>| {
        let means = vec![0.0, 1.0];
        Mixture::new(Geometry::Spherical, 1, weights, means, factors.clone(), &Stop::default())
            .unwrap()
    };
    let points = scattered(20, 1, 4.0);
    let alone = |x: &[f64]| ln_normal(x[0], 1.0, 0.5);
    assert_follows(MixtureDensity::diagonal(&of(vec![0.0, 1.0])).unwrap(), &points, alone);
    let alone = |x: &[f64]| ln_normal(x[0], 0.0, 1.0);
    assert_follows(MixtureDensity::diagonal(&of(vec![1.0, 0.0])).unwrap(), &points, alone);
}

/// Points with every combination of tame and huge coordinates in the first three dimensions.
fn huge_points(n_dims: usize) -> Vec<f64> {
    const COORDINATES: [f64; 13] = [
        0.0,
        -0.0,
        1.0,
        -1e3,
        1e5,
        1e17,
        -1e154,
        1e155,
        -1e300,
        1e300,
        f64::MAX,
        -f64::MAX,
        f64::MIN_POSITIVE,
    ];
    let mut points = Vec::new();
    for a in COORDINATES {
        for b in COORDINATES {
            for c in COORDINATES {
                let point = [a, b].into_iter().chain(std::iter::repeat(c));
                points.extend(point.take(n_dims));
            }
        }
    }
    points
}

fn assert_never_infinite(density: impl Vectorised) {
    let n_dims = density.n_dims();
    let points = huge_points(n_dims);
    for eight in points.chunks_exact(8 * n_dims) {
        let factors = dispatch(Values(&density, &columns(eight, n_dims)))[1].map(f64::from_bits);
        assert!(factors.iter().all(|factor| (0.5..=3.0).contains(factor)), "{factors:?} {eight:?}");
    }
    for (point, value) in points.chunks_exact(n_dims).zip(values(density, &points)) {
        assert!(value < f64::INFINITY, "{value} at {point:?}");
        let huge = point.iter().any(|x| x.abs() > 1e200);
        assert!(!huge || value < -1e100, "{value} at {point:?}");
    }
}

#[test]
fn huge_coordinates_have_no_density() {
    assert_never_infinite(three());
    assert_never_infinite(Gaussians::new(WEIGHTS, MEANS, [1e-3, 1e3, 1.0]).unwrap());
    for b in [0.03, -2.0, 0.0] {
        assert_never_infinite(Banana::new(2, b, 10.0).unwrap());
        assert_never_infinite(Banana::new(3, b, 0.1).unwrap());
    }
    assert_never_infinite(Ring::new(4.0, 0.5).unwrap());
    assert_never_infinite(EggBox);
    for geometry in Geometry::ALL {
        let model = model(geometry);
        match geometry {
            Geometry::Full | Geometry::Tied => {
                assert_never_infinite(MixtureDensity::triangular(&model).unwrap());
            }
            _ => assert_never_infinite(MixtureDensity::diagonal(&model).unwrap()),
        }
    }
    // Residuals that overflow, times zeros.
    let factor = vec![1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0];
    let far =
        Mixture::new(Geometry::Tied, 3, vec![1.0], vec![-1.7e308; 3], factor, &Stop::default())
            .unwrap();
    assert_never_infinite(MixtureDensity::triangular(&far).unwrap());
}

#[test]
fn hierarchies_are_never_infinite_either() {
    // With a huge spread a huge coordinate may be probable, given the spread.
    for point in huge_points(10).chunks_exact(10) {
        let funnel = values(Funnel::new(10, 3.0).unwrap(), point)[0];
        assert!(funnel < 1e3 * point[0].abs().clamp(1.0, 1e3), "{funnel} at {point:?}");
        let schools = values(EightSchools::new(), point)[0];
        assert!(schools < 0.0, "{schools} at {point:?}");
    }
}

/// Values of one density by the vectors of one level, and cosines.
struct Values<'a, D>(&'a D, &'a [Lanes64]);

impl<D: Vectorised> Kernel for Values<'_, D> {
    type Output = Vec<[u64; 8]>;

    #[inline(always)]
    fn run<L: Level>(self, token: L) -> Self::Output {
        let value: Value<L::F64, 1> = self.0.evaluate(token, self.1);
        let cosines = cos_each(token, [L::F64::load(token, &self.1[0])]);
        let mut bits = Vec::new();
        for vector in [value.exponent[0], value.factor[0], cosines[0]] {
            let mut lanes = Lanes64::ZERO;
            vector.store(&mut lanes);
            bits.push(lanes.0.map(f64::to_bits));
        }
        bits
    }
}

/// Eight points as vectors of coordinates.
fn columns(eight: &[f64], n_dims: usize) -> Vec<Lanes64> {
    let mut columns = vec![Lanes64::ZERO; n_dims];
    for (i, &number) in eight.iter().enumerate() {
        columns[i % n_dims].0[i / n_dims] = number;
    }
    columns
}

fn assert_same_bits(density: impl Vectorised) {
    let n_dims = density.n_dims();
    let numbers = scattered(800, n_dims, 7.0);
    for eight in numbers.chunks_exact(8 * n_dims) {
        let columns = columns(eight, n_dims);
        let best = dispatch(Values(&density, &columns));
        assert_eq!(best, Values(&density, &columns).run(pulp::Scalar));
    }
}

#[test]
fn every_level_gives_the_same_bits() {
    assert_same_bits(three());
    assert_same_bits(Banana::new(4, 0.03, 10.0).unwrap());
    assert_same_bits(Funnel::new(10, 3.0).unwrap());
    assert_same_bits(Ring::new(4.0, 0.5).unwrap());
    assert_same_bits(EggBox);
    assert_same_bits(EightSchools::new());
    assert_same_bits(MixtureDensity::triangular(&model(Geometry::Full)).unwrap());
    assert_same_bits(MixtureDensity::diagonal(&model(Geometry::Diagonal)).unwrap());
}

/// Cosines of many numbers.
struct Cosines<'a>(&'a [f64]);

impl Kernel for Cosines<'_> {
    type Output = Vec<f64>;

    #[inline(always)]
    fn run<L: Level>(self, token: L) -> Vec<f64> {
        let mut cosines = Vec::new();
        for chunk in self.0.chunks(16) {
            let mut lanes = [Lanes64::ZERO; 2];
            for (i, &x) in chunk.iter().enumerate() {
                lanes[i / 8].0[i % 8] = x;
            }
            let x = [L::F64::load(token, &lanes[0]), L::F64::load(token, &lanes[1])];
            for (vector, lanes) in cos_each(token, x).into_iter().zip(&mut lanes) {
                vector.store(lanes);
            }
            cosines.extend(lanes.iter().flat_map(|lanes| lanes.0).take(chunk.len()));
        }
        cosines
    }
}

#[test]
fn cosines_are_within_1e_15() {
    let mut x: Vec<f64> = (0..400_000).map(|i| (f64::from(i) - 2e5) / 2.0).collect();
    x.extend((0..200_000).map(|i| f64::from(i) * 1e-4 - 10.0));
    x.extend((-31_000..31_000).map(|k| f64::from(k) * PI / 2.0));
    for (x, cosine) in x.iter().zip(dispatch(Cosines(&x))) {
        assert!((cosine - x.cos()).abs() < 1e-15, "cos {x} = {cosine}, not {}", x.cos());
    }
    for cosine in dispatch(Cosines(&[1e16, -1e18, 1e300, f64::MAX, -f64::MAX])) {
        assert!(cosine.abs() <= 1.0 + 1e-15, "{cosine}");
    }
}

#[test]
fn wrong_parameters_are_named() {
    let name = |error: Error| match error {
        Error::InvalidArgument { name, message } => {
            assert!(message.contains("must be") && message.contains("found"), "{message}");
            name
        }
        other => panic!("{other}"),
    };
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let with = |weight, sd| Gaussians::new([weight, 1.0, 1.0], MEANS, [1.0, sd, 1.0]);
        assert_eq!(name(with(bad, 1.0).unwrap_err()), "weights");
        assert_eq!(name(with(1.0, bad).unwrap_err()), "sds");
        assert_eq!(name(Banana::new(2, 0.1, bad).unwrap_err()), "sd");
        assert_eq!(name(Funnel::new(2, bad).unwrap_err()), "sd");
        assert_eq!(name(Ring::new(1.0, bad).unwrap_err()), "width");
    }
    for bad in [f64::NAN, f64::INFINITY] {
        let means = [[0.0, 0.0], [0.0, bad], [0.0, 0.0]];
        assert_eq!(name(Gaussians::new(WEIGHTS, means, SDS).unwrap_err()), "means");
        assert_eq!(name(Banana::new(2, bad, 1.0).unwrap_err()), "b");
        assert_eq!(name(Ring::new(bad, 1.0).unwrap_err()), "radius");
    }
    assert_eq!(name(Ring::new(-1.0, 1.0).unwrap_err()), "radius");
    assert_eq!(name(Banana::new(1, 0.1, 1.0).unwrap_err()), "n_dims");
    assert_eq!(name(Funnel::new(1, 1.0).unwrap_err()), "n_dims");
}
