//! Numbers relative to the largest of them, by way of their logarithms.

use super::{Kernel, Lanes64, Level, Vector, dispatch, ln};

/// Puts e^(x − largest) in place of each x.
pub fn relative_exponentials(logarithms: &mut [f64]) {
    struct Exponentials<'a>(&'a mut [f64]);
    impl Kernel for Exponentials<'_> {
        type Output = ();
        #[inline(always)]
        fn run<L: Level>(self, level: L) {
            exponentials(level, self.0);
        }
    }
    dispatch(Exponentials(logarithms));
}

/// The geometric mean of each `width` positive values in turn, over the largest of these means; no
/// unit of `values[i]` in all of them matters.
pub fn relative_geometric_means(values: &[f64], width: usize, means: &mut [f64]) {
    struct Means<'a>(&'a [f64], usize, &'a mut [f64]);
    impl Kernel for Means<'_> {
        type Output = ();
        #[inline(always)]
        fn run<L: Level>(self, level: L) {
            let Self(values, width, means) = self;
            for (part, mean) in values.chunks_exact(width).zip(&mut *means) {
                let mut sum = 0.0;
                for i in 0..width {
                    sum += ln(part[i] / values[i]);
                }
                *mean = sum / width as f64;
            }
            exponentials(level, means);
        }
    }
    dispatch(Means(values, width, means));
}

#[inline(always)]
fn exponentials<L: Level>(level: L, logarithms: &mut [f64]) {
    let mut largest = f64::NEG_INFINITY;
    for x in &*logarithms {
        largest = largest.max(*x);
    }
    for part in logarithms.chunks_mut(8) {
        let mut lanes = Lanes64::ZERO;
        for (lane, x) in lanes.0.iter_mut().zip(&*part) {
            *lane = x - largest;
        }
        L::F64::load(level, &lanes).exp().store(&mut lanes);
        part.copy_from_slice(&lanes.0[..part.len()]);
    }
}
