//! What is kept of a run: draws written where they belong, or moments.

use super::block::Block;
use super::fused::WIDE;
use super::moments::{BlockMoments, Moments};
use super::update::NARROW;
use crate::error::Error;
use crate::memory;
use crate::simd::Lanes64;

/// Where the draws of all walkers go.
#[derive(Debug, Default)]
pub struct Output<'a> {
    /// Every how many steps one is recorded.
    pub thin: u64,
    /// Draws there is room for, per walker.
    pub capacity: usize,
    /// Draws by walker, draw and coordinate.
    pub draws: Option<&'a mut [f64]>,
    /// Log-densities by walker and draw. Random walks over a built-in density do not write them:
    /// it is evaluated at the draws sooner than it is carried along.
    pub log_density: Option<&'a mut [f64]>,
}

/// The part of an [`Output`] that belongs to one block, whose walkers are consecutive.
#[derive(Debug)]
pub struct Recorder<'a> {
    thin: u64,
    capacity: usize,
    draws: Option<&'a mut [f64]>,
    log_density: Option<&'a mut [f64]>,
    /// The block's moments.
    pub moments: Option<BlockMoments>,
}

/// Hands each block its part of the output. The blocks are those of all walkers, in their order.
///
/// # Errors
///
/// [`Error::Memory`] if there is no room for the blocks' moments.
pub fn recorders<'a>(
    output: Output<'a>,
    moments: Option<&Moments>,
    blocks: &[Block],
    n_dims: usize,
) -> Result<Vec<Recorder<'a>>, Error> {
    let Output { thin, capacity, mut draws, mut log_density } = output;
    let recorder = |block: &Block| {
        let values = block.n_walkers() * capacity;
        let load = |moments| BlockMoments::load(moments, block.walkers.clone(), block.width);
        Ok(Recorder {
            thin,
            capacity,
            draws: split(&mut draws, values * n_dims),
            log_density: split(&mut log_density, values),
            moments: moments.map(load).transpose()?,
        })
    };
    memory::gathered(blocks.iter().map(recorder), "the records of the walkers")
}

/// The histograms of a run, which draws are counted in when they are final.
#[derive(Debug, Default)]
pub struct Tally<'a>(Option<&'a mut Moments>);

impl<'a> Tally<'a> {
    /// Those of these moments.
    pub fn new(moments: Option<&'a mut Moments>) -> Self {
        Self(moments)
    }

    /// Steps after which the draws should be counted.
    pub fn most_steps(&self) -> u64 {
        self.0.as_ref().map_or(u64::MAX, |moments| moments.most_steps())
    }

    /// Puts the moments of one block back.
    pub fn store(&mut self, recorder: &Recorder<'_>) {
        if let (Some(total), Some(moments)) = (&mut self.0, &recorder.moments) {
            moments.store(total);
        }
    }

    /// Counts the draws of one block.
    pub fn count(&mut self, recorder: &mut Recorder<'_>) {
        if let (Some(total), Some(moments)) = (&mut self.0, &mut recorder.moments) {
            moments.count_draws(&mut total.histograms);
        }
    }
}

/// Takes the first `len` values away.
fn split<'a>(values: &mut Option<&'a mut [f64]>, len: usize) -> Option<&'a mut [f64]> {
    let (here, rest) = values.take()?.split_at_mut(len);
    *values = Some(rest);
    Some(here)
}

/// Consecutive steps of a block.
#[derive(Clone, Copy, Debug)]
pub struct Path<'a> {
    /// Steps after the burn-in before the first of these.
    pub before: u64,
    /// How many steps.
    pub steps: usize,
    /// Entries of `positions` per step: one vector per coordinate and octet, the ones of the
    /// step's last update at the end.
    pub stride: usize,
    /// Where the walkers were.
    pub positions: &'a [Lanes64],
    /// Log-densities there, one vector per step and octet; empty where nobody wants them.
    pub log_density: &'a [Lanes64],
}

impl Recorder<'_> {
    /// Whether log-densities are to be recorded.
    #[must_use]
    pub fn wants_log_density(&self) -> bool {
        self.log_density.is_some()
    }

    /// Records those of the steps that are kept.
    pub fn record(&mut self, block: &Block, path: Path<'_>) {
        let (width, thin) = (block.width, self.thin);
        let per_step = block.positions.len();
        // Steps are counted from 1; a kept one is a multiple of `thin`.
        let first = thin - path.before % thin - 1;
        if first >= path.steps as u64 {
            return;
        }
        let draw = (path.before / thin) as usize;
        let thin = thin.min(path.steps as u64);
        if let Some(moments) = &mut self.moments {
            for step in (first as usize..path.steps).step_by(thin as usize) {
                let end = (step + 1) * path.stride;
                moments.add(&path.positions[end - per_step..end]);
            }
        }
        let rows = Rows {
            first: first as usize,
            thin: thin as usize,
            n_walkers: block.n_walkers(),
            width,
            capacity: self.capacity,
            draw,
        };
        if let Some(draws) = &mut self.draws {
            rows.write(draws, per_step / width, path.stride, path.positions);
        }
        if let Some(densities) = &mut self.log_density {
            rows.write(densities, 1, width, path.log_density);
        }
    }
}

/// Which steps of a path are kept, and where.
struct Rows {
    first: usize,
    thin: usize,
    n_walkers: usize,
    width: usize,
    capacity: usize,
    draw: usize,
}

impl Rows {
    /// Writes `d` numbers per walker and kept step, which lie at the ends of every `stride`
    /// vectors of `path`.
    fn write(&self, target: &mut [f64], d: usize, stride: usize, path: &[Lanes64]) {
        // With both known at compile time, the numbers of a walker need no loop of their own.
        macro_rules! by_number {
            ($($d:literal)*) => {
                match (self.width, d) {
                    $((WIDE, $d) => self.write_each::<WIDE, $d>(target, d, stride, path),
                    (NARROW, $d) => self.write_each::<NARROW, $d>(target, d, stride, path),)*
                    (WIDE, _) => self.write_each::<WIDE, 0>(target, d, stride, path),
                    (NARROW, _) => self.write_each::<NARROW, 0>(target, d, stride, path),
                    _ => self.write_each::<0, 0>(target, d, stride, path),
                }
            };
        }
        by_number!(1 2 3 4);
    }

    /// Walker by walker, so that each cache line is filled at once; blocks of `W` vectors and `D`
    /// numbers, or of any number of them where that is 0.
    fn write_each<const W: usize, const D: usize>(
        &self,
        target: &mut [f64],
        d: usize,
        stride: usize,
        path: &[Lanes64],
    ) {
        let d = if D == 0 { d } else { D };
        let width = if W == 0 { self.width } else { W };
        let first = self.first * stride + stride - d * width;
        let steps = path.get(first..).unwrap_or_default().chunks(stride * self.thin);
        for vector in 0..width {
            for lane in 0..self.n_walkers.saturating_sub(8 * vector).min(8) {
                let row = (8 * vector + lane) * self.capacity + self.draw;
                let rows = target[row * d..].chunks_exact_mut(d);
                for (step, row) in steps.clone().zip(rows) {
                    let step = &step[..d * width];
                    for j in 0..d {
                        row[j] = step[j * width + vector].0[lane];
                    }
                }
            }
        }
    }
}
