//! The vectors against the standard library, and every level against the portable one, bit by bit.

use crate::simd::{Kernel, Lanes, Level, Real, Vector, dispatch, ln};

/// exp and ln of many numbers, by the vectors of one level.
struct Functions<'a, T>(&'a [T]);

impl<T: Real> Kernel for Functions<'_, T> {
    type Output = (Vec<T>, Vec<T>);

    #[inline(always)]
    fn run<L: Level>(self, token: L) -> Self::Output {
        let (mut exponentials, mut logarithms) = (Vec::new(), Vec::new());
        for chunk in self.0.chunks(T::Vector::<L>::LANES) {
            let mut lanes = [T::Vector::<L>::ZERO];
            T::Vector::<L>::scalars_mut(&mut lanes)[..chunk.len()].copy_from_slice(chunk);
            let x = T::Vector::<L>::load(token, &lanes[0]);
            x.exp().store(&mut lanes[0]);
            exponentials.extend_from_slice(&T::Vector::<L>::scalars(&lanes)[..chunk.len()]);
            x.ln().store(&mut lanes[0]);
            logarithms.extend_from_slice(&T::Vector::<L>::scalars(&lanes)[..chunk.len()]);
        }
        (exponentials, logarithms)
    }
}

fn grid(from: f64, to: f64) -> Vec<f64> {
    (0..=20_000).map(|i| from + (to - from) * f64::from(i) / 20_000.0).collect()
}

#[test]
fn exp_is_within_one_and_a_half_units_of_relative_rounding() {
    let x = grid(-707.9, 1.0);
    for (x, e) in x.iter().zip(dispatch(Functions(&x)).0) {
        let error = (e - x.exp()).abs() / (x.exp() * f64::EPSILON);
        assert!(error <= 1.5, "exp({x}) = {e}, {error} units");
    }
    let single: Vec<f32> = grid(-86.5, 1.0).iter().map(|&x| x as f32).collect();
    for (&x, e) in single.iter().zip(dispatch(Functions(&single)).0) {
        let exact = f64::from(x).exp();
        let error = (f64::from(e) - exact).abs() / (exact * f64::from(f32::EPSILON));
        assert!(error <= 1.5, "exp({x}) = {e}, {error} units");
    }
}

#[test]
fn exp_ends_in_zero() {
    let x = [0.0, -0.0, -709.5, -745.0, -1e10, -1e300, f64::MIN, f64::NEG_INFINITY];
    let e = dispatch(Functions(&x)).0;
    assert_eq!(e, [1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    let x = [0.0, -88.5, -104.0, -1e10, f32::MIN, f32::NEG_INFINITY];
    assert_eq!(dispatch(Functions(&x)).0, [1.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
}

#[test]
fn ln_is_within_two_units_in_the_last_place() {
    let x: Vec<f64> = grid(-300.0, 300.0).iter().map(|&e| 10f64.powf(e)).collect();
    for (&x, l) in x.iter().zip(dispatch(Functions(&x)).1) {
        let error = (l - x.ln()).abs() / (x.ln().abs() * f64::EPSILON);
        assert!(x == 1.0 && l == 0.0 || error <= 2.0, "ln({x}) = {l}, {error} units");
        assert_eq!(l.to_bits(), ln(x).to_bits());
    }
    assert_eq!(ln(0.0), f64::NEG_INFINITY);
    assert!((ln(5e-324) - 5e-324f64.ln()).abs() < 1e-12);
}

#[test]
fn every_level_gives_the_same_bits() {
    let x: Vec<f64> = grid(-800.0, 2.0);
    let (best, portable) = (dispatch(Functions(&x)).0, Functions(&x).run(pulp::Scalar).0);
    assert!(best.iter().zip(&portable).all(|(a, b)| a.to_bits() == b.to_bits()));
    let x: Vec<f64> = grid(1e-3, 1e6);
    let (best, portable) = (dispatch(Functions(&x)).1, Functions(&x).run(pulp::Scalar).1);
    assert!(best.iter().zip(&portable).all(|(a, b)| a.to_bits() == b.to_bits()));
    let x: Vec<f32> = grid(0.01, 100.0).iter().map(|&x| x as f32).collect();
    let (best, portable) = (dispatch(Functions(&x)), Functions(&x).run(pulp::Scalar));
    assert!(best.1.iter().zip(&portable.1).all(|(a, b)| a.to_bits() == b.to_bits()));
    let x: Vec<f32> = x.iter().map(|x| -x).collect();
    let (best, portable) = (dispatch(Functions(&x)), Functions(&x).run(pulp::Scalar));
    assert!(best.0.iter().zip(&portable.0).all(|(a, b)| a.to_bits() == b.to_bits()));
}

#[test]
fn lanes_are_summed_by_halving() {
    let lanes = Lanes([1e16, 1.0, -1e16, 1.0, 1.0, 1.0, 1.0, 1.0]);
    assert_eq!(lanes.sum(), ((1e16 + 1.0) + (-1e16 + 1.0)) + ((1.0 + 1.0) + (1.0 + 1.0)));
}
