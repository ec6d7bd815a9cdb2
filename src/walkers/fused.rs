//! Random walks over built-in densities: proposal, density and acceptance of all walkers of a
//! block stay in vector registers.
//!
//! What limits the kernel is the number of vector operations: on the sum of three Gaussians in two
//! dimensions about ninety per eight walkers and step, three exponentials of twenty among them.
//! A core of Intel's that has AVX-512 does these in some 60 cycles. AVX2, which needs two
//! instructions for each, takes 110, and must take 85: that long the two ports are busy which
//! multiply, compare and shift. Registers that spill are not what costs: pieces of two vectors or of
//! one, other orders of the exponentials and steps that overlap were all within 6 % of this, and most of
//! them slower with AVX-512. Increments and uniform numbers take 27 cycles more (AVX-512: 19).

use super::densities::{Value, Vectorised};
use super::density::{Calls, Density, Failure, Reason};
use crate::fold::Stop;
use crate::memory;
use crate::simd::{Kernel, Lanes64, Level, Vector, dispatch};

/// Vectors of eight walkers in a block: enough independent chains of operations to keep the
/// arithmetic units busy.
pub const WIDE: usize = 4;

/// A density that evaluates vectors of walkers by itself.
pub trait Fused: Send + Sync {
    /// Makes consecutive updates.
    fn update(&self, walk: Walk<'_>);

    /// Log-densities of `values.len()` vectors of walkers; coordinates come first in `points`.
    fn log_densities(&self, points: &[Lanes64], values: &mut [Lanes64]);
}

/// Consecutive updates of a block of `width` vectors of walkers by a random walk. Arrays of
/// vectors are indexed by update, coordinate and vector, in this order.
pub struct Walk<'a> {
    /// Vectors per coordinate: 1 or [`WIDE`].
    pub width: usize,
    /// Where the walkers are, and in the end where they went.
    pub positions: &'a mut [Lanes64],
    /// What is added to each coordinate in each update.
    pub increments: &'a [Lanes64],
    /// Uniform numbers in [0, 1), one per update, that decide on acceptance.
    pub uniforms: &'a [Lanes64],
    /// Room for one vector per coordinate and vector of walkers.
    pub proposed: &'a mut [Lanes64],
    /// Where the walkers are after each update: to be written.
    pub path: &'a mut [Lanes64],
    /// Acceptance rates summed over steps: each accepted proposal adds `share`.
    pub accepted: &'a mut [Lanes64],
    /// One over the number of updates in a step.
    pub share: f64,
    /// Lower and upper bound of each coordinate; outside the density is zero.
    pub bounds: Option<&'a [[f64; 2]]>,
}

/// Makes a [`Density`] of a [`Vectorised`] one.
pub struct BuiltIn<D>(pub D);

impl<D: Vectorised> Density for BuiltIn<D> {
    fn evaluate(
        &self,
        _stop: &Stop,
        points: &[f64],
        n_dims: usize,
        values: &mut [f64],
    ) -> Result<(), Failure> {
        let length = n_dims * WIDE;
        let Ok(mut columns) = memory::filled(length, Lanes64::ZERO, "the points of a density")
        else {
            let reason = Reason::Memory(length * size_of::<Lanes64>());
            return Err(Failure { row: 0, reason });
        };
        let rows = Rows { density: &self.0, points, n_dims, values, columns: &mut columns };
        dispatch((&self.0, rows));
        Ok(())
    }

    fn calls(&self) -> Calls {
        Calls::Parallel
    }

    fn nanoseconds(&self) -> f64 {
        self.0.nanoseconds()
    }

    fn fused(&self) -> Option<&dyn Fused> {
        Some(self)
    }
}

impl<D: Vectorised> Fused for BuiltIn<D> {
    fn log_densities(&self, points: &[Lanes64], values: &mut [Lanes64]) {
        match values.len() {
            WIDE => dispatch((&self.0, Values::<D, WIDE> { density: &self.0, points, values })),
            _ => dispatch((&self.0, Values::<D, 1> { density: &self.0, points, values })),
        }
    }

    fn update(&self, walk: Walk<'_>) {
        match walk.width {
            WIDE => dispatch((&self.0, Updates::<D, WIDE> { density: &self.0, walk })),
            _ => dispatch((&self.0, Updates::<D, 1> { density: &self.0, walk })),
        }
    }
}

/// Log-densities of rows.
struct Rows<'a, D> {
    density: &'a D,
    points: &'a [f64],
    n_dims: usize,
    values: &'a mut [f64],
    /// Room for one block of rows, one vector per coordinate and octet.
    columns: &'a mut [Lanes64],
}

impl<D: Vectorised> Kernel for Rows<'_, D> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self, token: L) {
        const ROWS: usize = 8 * WIDE;
        let (d, columns) = (self.n_dims, self.columns);
        let blocks = self.points.chunks(ROWS * d).zip(self.values.chunks_mut(ROWS));
        for (points, values) in blocks {
            for (row, point) in points.chunks_exact(d).enumerate() {
                for (j, &coordinate) in point.iter().enumerate() {
                    columns[j * WIDE + row / 8].0[row % 8] = coordinate;
                }
            }
            let value: Value<L::F64, WIDE> = self.density.evaluate(token, columns);
            let mut lanes = [Lanes64::ZERO; WIDE];
            for p in 0..WIDE {
                log_density::<L, D, WIDE>(&value, p).store(&mut lanes[p]);
            }
            values.copy_from_slice(&L::F64::scalars(&lanes)[..values.len()]);
        }
    }
}

/// Log-densities of vectors.
struct Values<'a, D, const P: usize> {
    density: &'a D,
    points: &'a [Lanes64],
    values: &'a mut [Lanes64],
}

impl<D: Vectorised, const P: usize> Kernel for Values<'_, D, P> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self, token: L) {
        let value: Value<L::F64, P> = self.density.evaluate(token, self.points);
        for (p, lanes) in self.values.iter_mut().enumerate() {
            log_density::<L, D, P>(&value, p).store(lanes);
        }
    }
}

#[inline(always)]
fn log_density<L: Level, D: Vectorised, const P: usize>(
    value: &Value<L::F64, P>,
    p: usize,
) -> L::F64 {
    if D::FACTOR { value.exponent[p] + value.factor[p].ln() } else { value.exponent[p] }
}

/// The Metropolis algorithm (Metropolis et al. 1953) with symmetric increments.
struct Updates<'a, 'w, D, const P: usize> {
    density: &'a D,
    walk: Walk<'w>,
}

impl<D: Vectorised, const P: usize> Kernel for Updates<'_, '_, D, P> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self, token: L) {
        let Self { density, walk } = self;
        let d = density.n_dims();
        let splat = L::F64::splat;
        let (zero, share) = (splat(token, 0.0), splat(token, walk.share));
        // Larger ratios are accepted all the same, and e⁷⁰⁰ times a factor is still finite.
        let most = splat(token, 700.0);
        let proposed = &mut walk.proposed[..d * P];
        let mut here: Value<L::F64, P> = density.evaluate(token, walk.positions);
        let mut accepted = [zero; P];
        for p in 0..P {
            accepted[p] = L::F64::load(token, &walk.accepted[p]);
        }
        let updates = walk.increments.chunks_exact(d * P).zip(walk.uniforms.chunks_exact(P));
        for (update, (increments, uniforms)) in updates.enumerate() {
            let (before, after) = walk.path.split_at_mut(update * d * P);
            let after = &mut after[..d * P];
            let current = match update {
                0 => &walk.positions[..d * P],
                _ => &before[(update - 1) * d * P..],
            };
            for i in 0..d * P {
                let sum = L::F64::load(token, &current[i]) + L::F64::load(token, &increments[i]);
                sum.store(&mut proposed[i]);
            }
            let mut there: Value<L::F64, P> = density.evaluate(token, proposed);
            let mut ratio = [zero; P];
            for p in 0..P {
                // What is not a number counts as a density of zero.
                there.exponent[p] = there.exponent[p].max(splat(token, -f64::MAX));
                if let Some(bounds) = walk.bounds {
                    there.exponent[p] =
                        inside::<L, P>(token, bounds, proposed, p, there.exponent[p]);
                }
                ratio[p] = most.min(there.exponent[p] - here.exponent[p]);
            }
            ratio = L::F64::exp_each(ratio);
            let mut threshold = [zero; P];
            for p in 0..P {
                threshold[p] = L::F64::load(token, &uniforms[p]);
                if D::FACTOR {
                    threshold[p] = threshold[p] * here.factor[p];
                    ratio[p] = ratio[p] * there.factor[p];
                    here.factor[p] =
                        threshold[p].select_less(ratio[p], there.factor[p], here.factor[p]);
                }
                here.exponent[p] =
                    threshold[p].select_less(ratio[p], there.exponent[p], here.exponent[p]);
                accepted[p] = accepted[p] + threshold[p].less_or_zero(ratio[p], share);
            }
            for j in 0..d {
                for p in 0..P {
                    let i = j * P + p;
                    let (old, new) =
                        (L::F64::load(token, &current[i]), L::F64::load(token, &proposed[i]));
                    threshold[p].select_less(ratio[p], new, old).store(&mut after[i]);
                }
            }
        }
        if let Some(last) = walk.path.chunks_exact(d * P).last() {
            walk.positions.copy_from_slice(last);
        }
        for p in 0..P {
            accepted[p].store(&mut walk.accepted[p]);
        }
    }
}

/// The exponent, or the lowest number for walkers out of bounds.
#[inline(always)]
fn inside<L: Level, const P: usize>(
    token: L,
    bounds: &[[f64; 2]],
    points: &[Lanes64],
    p: usize,
    exponent: L::F64,
) -> L::F64 {
    let lowest = L::F64::splat(token, -f64::MAX);
    let mut exponent = exponent;
    for (j, [low, high]) in bounds.iter().enumerate() {
        let x = L::F64::load(token, &points[j * P + p]);
        exponent = x.select_less(L::F64::splat(token, *low), lowest, exponent);
        exponent = L::F64::splat(token, *high).select_less(x, lowest, exponent);
    }
    exponent
}
