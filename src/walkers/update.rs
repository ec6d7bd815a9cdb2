//! One update of some blocks over a density that is called: propose, evaluate, accept.

use super::block::Block;
use super::density::Reason;
use super::fused::WIDE;
use super::generators::{Generators, Octet};
use super::rules::Rules;
use super::state::WHAT;
use super::transitions::Target;
use crate::error::Error;
use crate::memory;
use crate::simd::{Kernel, Lanes64, Level, Vector, dispatch};

/// Writes the uniform numbers in [0, 1) that decide on `updates` updates of one octet;
/// that of update u goes to `values[u * stride]`.
pub fn uniforms(generators: &mut Octet, updates: usize, values: &mut [Lanes64], stride: usize) {
    struct Uniforms<'a>(&'a mut Octet, usize, &'a mut [Lanes64], usize);
    impl Kernel for Uniforms<'_> {
        type Output = ();
        #[inline(always)]
        fn run<L: Level>(self, token: L) {
            let Self(octet, updates, values, stride) = self;
            let mut generators = Generators::load(token, octet);
            for update in 0..updates {
                generators.uniform().store(&mut values[update * stride]);
            }
            generators.store(octet);
        }
    }
    dispatch(Uniforms(generators, updates, values, stride));
}

/// Adds vectors: where walkers would go.
pub fn add(positions: &[Lanes64], increments: &[Lanes64], proposed: &mut [Lanes64]) {
    for ((sum, x), increment) in proposed.iter_mut().zip(positions).zip(increments) {
        for lane in 0..8 {
            sum.0[lane] = x.0[lane] + increment.0[lane];
        }
    }
}

/// Where the walkers of a block might go, and what speaks for it.
#[derive(Debug, Default)]
pub struct Candidates {
    /// Positions, one vector per coordinate and octet.
    pub positions: Vec<Lanes64>,
    /// Log-densities, one vector per octet.
    pub log_density: Vec<Lanes64>,
    /// Logarithms of Hastings' factors, one vector per octet.
    pub log_factor: Vec<Lanes64>,
    /// Uniform numbers in [0, 1), one vector per octet.
    pub uniforms: Vec<Lanes64>,
    /// With which probability they were accepted: an output of [`accept`].
    pub probability: Vec<Lanes64>,
}

impl Candidates {
    /// Room for a block of `width` octets.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if there is none.
    pub fn new(n_dims: usize, width: usize) -> Result<Self, Error> {
        let zeros = |length| memory::filled(length, Lanes64::ZERO, WHAT);
        Ok(Self {
            positions: zeros(n_dims * width)?,
            log_density: zeros(width)?,
            log_factor: zeros(width)?,
            uniforms: zeros(width)?,
            probability: zeros(width)?,
        })
    }

    /// Makes room for another block.
    pub fn resize(&mut self, n_dims: usize, width: usize) {
        self.positions.resize(n_dims * width, Lanes64::ZERO);
        for lanes in
            [&mut self.log_density, &mut self.log_factor, &mut self.uniforms, &mut self.probability]
        {
            lanes.resize(width, Lanes64::ZERO);
        }
    }
}

/// Metropolis and Hastings: walkers go where π(y) q(x|y) / π(x) q(y|x) exceeds their uniform number.
pub fn accept(block: &mut Block, candidates: &mut Candidates, share: f64) {
    dispatch(Accept { block, candidates, share });
}

struct Accept<'a> {
    block: &'a mut Block,
    candidates: &'a mut Candidates,
    share: f64,
}

impl Kernel for Accept<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self, token: L) {
        let Self { block, candidates, share } = self;
        let splat = L::F64::splat;
        let width = block.width;
        for p in 0..width {
            let new = L::F64::load(token, &candidates.log_density[p]);
            let old = L::F64::load(token, &block.log_density[p]);
            let factor = L::F64::load(token, &candidates.log_factor[p]);
            // In this order a ratio that is not a number stays one, and is rejected below.
            let ratio = splat(token, 0.0).min(new - old + factor).exp();
            let uniform = L::F64::load(token, &candidates.uniforms[p]);
            ratio.store(&mut candidates.probability[p]);
            uniform.select_less(ratio, new, old).store(&mut block.log_density[p]);
            let one = uniform.select_less(ratio, splat(token, share), splat(token, 0.0));
            (L::F64::load(token, &block.accepted[p]) + one).store(&mut block.accepted[p]);
            for i in (p..block.positions.len()).step_by(width) {
                let there = L::F64::load(token, &candidates.positions[i]);
                let here = L::F64::load(token, &block.positions[i]);
                uniform.select_less(ratio, there, here).store(&mut block.positions[i]);
            }
        }
    }
}

/// A walker whose proposal could not be evaluated.
#[derive(Clone, Debug, PartialEq)]
pub struct Rejected {
    /// Which walker.
    pub walker: usize,
    /// Where.
    pub point: Vec<f64>,
    /// Why.
    pub reason: Reason,
}

impl Rejected {
    /// The walker in that lane of a block, where it is.
    #[must_use]
    pub fn in_lane(block: &Block, lane: usize, reason: Reason) -> Self {
        let coordinates = block.positions.iter().skip(lane / 8).step_by(block.width);
        let point = coordinates.map(|lanes| lanes.0[lane % 8]).collect();
        Self { walker: block.walkers.start + lane, point, reason }
    }

    /// A walker for which there was no room.
    #[must_use]
    pub fn of_memory(walker: usize, error: Error) -> Self {
        let reason = match error {
            Error::Memory { bytes, .. } => Reason::Memory(bytes),
            _ => Reason::Interrupted,
        };
        Self { walker, point: Vec::new(), reason }
    }
}

/// Points of walkers as rows that a density is evaluated at: [`Rows::gather`] takes the candidates of
/// a block, [`Rows::push`] points one by one; then [`Rows::evaluate`], and [`Rows::scatter`] or
/// [`Rows::value`].
#[derive(Debug, Default)]
pub struct Rows {
    n_dims: usize,
    points: Vec<f64>,
    values: Vec<f64>,
    /// The walker of each row.
    walkers: Vec<usize>,
    /// For each point that was taken, whether it is evaluated; empty if all are.
    admitted: Vec<bool>,
    /// Whether refused proposals have a row, too.
    whole: bool,
}

impl Rows {
    /// Room for the rows of so many walkers.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if there is none.
    pub fn new(n_walkers: usize, n_dims: usize) -> Result<Self, Error> {
        Ok(Self {
            points: memory::with_capacity(memory::product(&[n_walkers, n_dims], WHAT)?, WHAT)?,
            values: memory::with_capacity(n_walkers, WHAT)?,
            walkers: memory::with_capacity(n_walkers, WHAT)?,
            admitted: memory::with_capacity(n_walkers, WHAT)?,
            ..Self::default()
        })
    }

    /// Rows of which a density sees as many in each call: where a proposal is refused before it is
    /// evaluated, the row is where the walker is. Callables that compile themselves for a shape
    /// then do so once.
    ///
    /// # Errors
    ///
    /// As [`Rows::new`].
    pub fn whole(n_walkers: usize, n_dims: usize) -> Result<Self, Error> {
        Ok(Self { whole: true, ..Self::new(n_walkers, n_dims)? })
    }

    /// Forgets all rows.
    pub fn clear(&mut self) {
        self.points.clear();
        self.walkers.clear();
        self.admitted.clear();
    }

    /// Takes the candidates of a block, of which those are evaluated at which the density may be
    /// positive.
    pub fn gather(&mut self, rules: &Rules, block: &Block, candidates: &Candidates) {
        let (width, n) = (block.width, block.n_walkers());
        let d = candidates.positions.len() / width;
        self.n_dims = d;
        self.points.resize(n * d, 0.0);
        write_rows(&candidates.positions, width, d, &mut self.points);
        // Mostly all of them are taken, without looking at each.
        if rules.bounds.is_none() && all_finite(&candidates.positions) {
            self.walkers.extend(block.walkers.clone());
            return;
        }
        let mut kept = 0;
        for (lane, walker) in block.walkers.clone().enumerate() {
            let point = lane * d..(lane + 1) * d;
            let admitted = rules.admits(&self.points[point.clone()]);
            self.admitted.push(admitted);
            if !admitted && self.whole {
                for (j, coordinate) in self.points[point.clone()].iter_mut().enumerate() {
                    *coordinate = block.positions[j * width + lane / 8].0[lane % 8];
                }
            }
            if admitted || self.whole {
                self.points.copy_within(point, kept);
                self.walkers.push(walker);
                kept += d;
            }
        }
        self.points.truncate(kept);
    }

    /// Evaluates the density at all rows in one call.
    ///
    /// # Errors
    ///
    /// The first walker for which it failed.
    pub fn evaluate(&mut self, target: Target<'_>) -> Result<(), Rejected> {
        let Target { density, rules, stop } = target;
        if self.walkers.is_empty() {
            return Ok(());
        }
        self.values.clear();
        self.values.resize(self.walkers.len(), f64::NAN);
        density
            .evaluate(stop, &self.points, self.n_dims, &mut self.values)
            .map_err(|failure| self.rejected(failure.row, failure.reason))?;
        let log_densities = rules.log_densities(&mut self.values);
        log_densities.map_err(|(row, reason)| self.rejected(row, reason))
    }

    fn rejected(&self, row: usize, reason: Reason) -> Rejected {
        let point = self.points[row * self.n_dims..][..self.n_dims].to_vec();
        Rejected { walker: self.walkers[row], point, reason }
    }

    /// Gives the log-densities to the candidates they belong to.
    pub fn scatter(&self, candidates: &mut Candidates) {
        if self.admitted.is_empty() {
            for (target, values) in candidates.log_density.iter_mut().zip(self.values.chunks(8)) {
                target.0[..values.len()].copy_from_slice(values);
            }
            return;
        }
        let mut row = 0;
        for (lane, &admitted) in self.admitted.iter().enumerate() {
            let target = &mut candidates.log_density[lane / 8].0[lane % 8];
            *target = if admitted { self.values[row] } else { f64::NEG_INFINITY };
            row += usize::from(admitted || self.whole);
        }
    }

    /// The first of the points that were gathered at which the density is known to be zero.
    #[must_use]
    pub fn refused(&self) -> Option<usize> {
        self.admitted.iter().position(|admitted| !admitted)
    }

    /// Takes one point of a walker, which must be one that the rules admit.
    pub fn push(&mut self, walker: usize, point: &[f64]) {
        self.n_dims = point.len();
        self.points.extend_from_slice(point);
        self.walkers.push(walker);
    }

    /// The log-density at the point that was taken as that one, if each was admitted.
    #[must_use]
    pub fn value(&self, row: usize) -> f64 {
        self.values[row]
    }

    /// Whether a density sees as many rows in each call.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.whole
    }
}

/// Whether all lanes are finite.
fn all_finite(lanes: &[Lanes64]) -> bool {
    // Zero times anything else is not a number.
    let mut zeros = [0.0; 8];
    for lanes in lanes {
        for lane in 0..8 {
            zeros[lane] += lanes.0[lane] * 0.0;
        }
    }
    zeros == [0.0; 8]
}

/// Writes walkers as rows of `d` coordinates.
pub fn write_rows(lanes: &[Lanes64], width: usize, d: usize, rows: &mut [f64]) {
    // With their number known, the coordinates of a walker need no loop of their own.
    macro_rules! by_dimensions {
        ($($d:literal)*) => {
            match d {
                $($d => write_rows_of::<$d>(lanes, width, d, rows),)*
                _ => write_rows_of::<0>(lanes, width, d, rows),
            }
        };
    }
    by_dimensions!(1 2 3 4);
}

/// [`write_rows`] of `D` coordinates, or of any number of them where `D` is 0.
fn write_rows_of<const D: usize>(lanes: &[Lanes64], width: usize, d: usize, rows: &mut [f64]) {
    let d = if D == 0 { d } else { D };
    for (vector, rows) in rows.chunks_mut(8 * d).enumerate() {
        let lanes = &lanes[vector..=(d - 1) * width + vector];
        for (lane, row) in rows.chunks_exact_mut(d).take(8).enumerate() {
            for j in 0..d {
                row[j] = lanes[j * width].0[lane];
            }
        }
    }
}

/// Evaluates the candidates of a block, in vectors if the density can.
///
/// # Errors
///
/// As [`Rows::evaluate`].
pub fn evaluate(
    target: Target<'_>,
    block: &Block,
    candidates: &mut Candidates,
    rows: &mut Rows,
) -> Result<(), Rejected> {
    let Target { density, rules, .. } = target;
    if let Some(fused) = density.fused()
        && matches!(block.width, NARROW | WIDE)
    {
        fused.log_densities(&candidates.positions, &mut candidates.log_density);
        confine(rules, candidates, block);
        return Ok(());
    }
    rows.clear();
    rows.gather(rules, block, candidates);
    rows.evaluate(target)?;
    rows.scatter(candidates);
    Ok(())
}

/// Vectors of walkers per block for a density that is called: small blocks share the work evenly.
pub const NARROW: usize = 1;

const _: () = assert!(NARROW < WIDE);

/// Applies bounds to what a built-in density gave for a block, which is a logarithm and NaN at
/// most where a coordinate is not finite: such proposals are rejected.
fn confine(rules: &Rules, candidates: &mut Candidates, block: &Block) {
    let width = block.width;
    for (j, [low, high]) in rules.bounds.iter().flatten().enumerate() {
        for (x, log_density) in
            candidates.positions[j * width..].iter().zip(&mut candidates.log_density)
        {
            for lane in 0..8 {
                if !(*low <= x.0[lane] && x.0[lane] <= *high) {
                    log_density.0[lane] = f64::NEG_INFINITY;
                }
            }
        }
    }
}
