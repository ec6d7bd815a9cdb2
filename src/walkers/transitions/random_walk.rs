//! [`RandomWalk`].

use std::sync::Arc;

use super::{Piece, Step, Transition};
use crate::error::Error;
use crate::memory;
use crate::simd::Lanes64;
use crate::walkers::fused::Walk;
use crate::walkers::moves::{Adaptation, Increments, RandomWalkMove};
use crate::walkers::record::Path;
use crate::walkers::state::{Column, WHAT};
use crate::walkers::update::{self, Rejected};

/// Memory for increments and paths of a block: it stays in the first-level cache.
const TILE: usize = 32 * 1024;

/// The Metropolis algorithm: walkers add increments to all coordinates, or to some of them.
#[derive(Clone)]
pub struct RandomWalk {
    by: Arc<dyn RandomWalkMove>,
    /// The coordinates that move; empty for all.
    dims: Vec<usize>,
}

impl RandomWalk {
    /// All coordinates move.
    #[must_use]
    pub fn new(by: Arc<dyn RandomWalkMove>) -> Self {
        Self { by, dims: Vec::new() }
    }

    /// Only these coordinates move, which are as many as `by` is for.
    #[must_use]
    pub fn of(by: Arc<dyn RandomWalkMove>, dims: Vec<usize>) -> Self {
        Self { by, dims }
    }

    fn n_moved(&self, n_dims: usize) -> usize {
        if self.dims.is_empty() { n_dims } else { self.dims.len() }
    }

    /// Writes one update's candidates.
    fn propose(&self, step: &mut Step<'_>, update: usize) {
        let k = self.n_moved(step.n_dims());
        let Step { block, scratch, columns, .. } = step;
        scratch.candidates.log_factor.fill(Lanes64::ZERO);
        let candidates = &mut scratch.candidates.positions;
        if !self.dims.is_empty() {
            candidates.copy_from_slice(&block.positions);
        }
        for p in 0..block.width {
            let increments = &mut scratch.increments[p * k..][..k];
            let place = block.place(p, columns);
            self.by.increments(&mut Increments {
                generators: &mut block.proposal[p],
                n_dims: k,
                first_update: update,
                n_updates: 1,
                values: increments,
                stride: 1,
                learnt: &block.columns[place],
                note: &mut scratch.note[p..=p],
            });
            for (i, increment) in increments.iter().enumerate() {
                let at = self.dims.get(i).unwrap_or(&i) * block.width + p;
                update::add(
                    &block.positions[at..=at],
                    std::slice::from_ref(increment),
                    &mut candidates[at..=at],
                );
            }
        }
    }

    /// Learns from the update that was decided.
    fn learn(&self, step: &mut Step<'_>) {
        let Some(learning) = self.by.learning().filter(|_| step.learns) else { return };
        let (k, learnt) = (self.n_moved(step.n_dims()), step.learnt());
        let Step { block, scratch, columns, .. } = step;
        for p in 0..block.width {
            let place = block.place(p, columns);
            learning.adapt(&mut Adaptation {
                learnt: &mut block.columns[place],
                increments: &scratch.increments[p * k..][..k],
                note: &scratch.note[p],
                probability: &scratch.candidates.probability[p],
                step: learnt + 1,
            });
        }
    }

    /// Consecutive updates whose random numbers are drawn together.
    fn updates(
        &self,
        piece: &mut Piece<'_, '_>,
        (first, updates): (usize, usize),
    ) -> Result<(), (u64, Rejected)> {
        let (job, per_step) = (piece.job, self.by.updates(piece.job.n_dims));
        let (block, scratch) = (&mut piece.member.block, &mut *piece.scratch);
        scratch.resize(job.n_dims, block.width, updates);
        for p in 0..block.width {
            let place = block.place(p, &piece.columns);
            self.by.increments(&mut Increments {
                generators: &mut block.proposal[p],
                n_dims: job.n_dims,
                first_update: first % per_step,
                n_updates: updates,
                values: &mut scratch.increments[p..],
                stride: block.width,
                learnt: &block.columns[place],
                note: &mut scratch.note,
            });
            let uniforms = &mut scratch.uniforms[p..];
            update::uniforms(&mut block.acceptance[p], updates, uniforms, block.width);
        }
        if let Some(fused) = job.fused {
            fused.update(Walk {
                width: block.width,
                positions: &mut block.positions,
                increments: &scratch.increments,
                uniforms: &scratch.uniforms,
                proposed: &mut scratch.proposed,
                path: &mut scratch.path,
                accepted: &mut block.accepted,
                share: 1.0 / per_step as f64,
                bounds: job.rules.bounds.as_deref(),
            });
            return Ok(());
        }
        for update in 0..updates {
            called(piece, (first, update), per_step)
                .map_err(|rejected| (((first + update) / per_step) as u64, rejected))?;
        }
        Ok(())
    }
}

/// One update over a density that is called, whose random numbers are drawn.
fn called(
    piece: &mut Piece<'_, '_>,
    (first, update): (usize, usize),
    per_step: usize,
) -> Result<(), Rejected> {
    let (block, scratch) = (&mut piece.member.block, &mut *piece.scratch);
    let (width, size) = (block.width, block.positions.len());
    let candidates = &mut scratch.candidates;
    candidates.log_factor.fill(Lanes64::ZERO);
    update::add(
        &block.positions,
        &scratch.increments[update * size..][..size],
        &mut candidates.positions,
    );
    candidates.uniforms.copy_from_slice(&scratch.uniforms[update * width..][..width]);
    update::evaluate(piece.job.target(piece.stop), block, candidates, &mut scratch.rows)?;
    update::accept(block, candidates, 1.0 / per_step as f64);
    scratch.path[update * size..][..size].copy_from_slice(&block.positions);
    let all = first + update + 1;
    if all.is_multiple_of(per_step) {
        let at = (all / per_step - 1) * width;
        scratch.path_density[at..at + width].copy_from_slice(&block.log_density);
    }
    Ok(())
}

impl Transition for RandomWalk {
    fn check(&self, n_dims: usize, _n_walkers: usize) -> Result<(), Error> {
        self.by.check(self.n_moved(n_dims))
    }

    fn evaluations(&self, n_dims: usize) -> usize {
        self.by.updates(self.n_moved(n_dims))
    }

    fn columns(&self, _n_dims: usize) -> Result<Vec<Column>, Error> {
        let Some(learning) = self.by.learning() else { return Ok(Vec::new()) };
        let initial = memory::copied(learning.initial(), WHAT)?;
        Ok(vec![Column { name: learning.name().to_owned(), initial }])
    }

    fn step(&self, step: &mut Step<'_>) -> Result<(), Rejected> {
        step.refresh()?;
        let updates = self.by.updates(self.n_moved(step.n_dims()));
        for update in 0..updates {
            self.propose(step, update);
            step.decide(updates)?;
            self.learn(step);
        }
        Ok(())
    }

    fn updates_at_once(&self, n_dims: usize, width: usize) -> usize {
        let vectors = width.saturating_mul(n_dims.saturating_mul(2).saturating_add(3));
        let most = (TILE / vectors.saturating_mul(size_of::<Lanes64>())).clamp(1, 64);
        if self.dims.is_empty() { most } else { 1 }
    }

    fn piece(&self, piece: &mut Piece<'_, '_>) -> Result<(), (u64, Rejected)> {
        let (job, width, steps) = (piece.job, piece.member.block.width, piece.steps);
        if job.learns_in(piece.first) || !self.dims.is_empty() {
            return piece.one_by_one(|step| self.step(step));
        }
        let per_step = self.by.updates(job.n_dims);
        // The updates of a single step may be too many for one tile.
        let most =
            if steps > 1 { steps * per_step } else { self.updates_at_once(job.n_dims, width) };
        let mut done = 0;
        while done < steps * per_step {
            let here = most.min(steps * per_step - done);
            self.updates(piece, (done, here))?;
            done += here;
        }
        let Some(before) = piece.first.checked_sub(job.burn_in) else { return Ok(()) };
        let (scratch, member) = (&*piece.scratch, &mut *piece.member);
        let stride = if steps > 1 { per_step * job.n_dims * width } else { scratch.path.len() };
        let log_density = match member.recorder.wants_log_density() {
            true => &scratch.path_density[..steps * width],
            false => &[],
        };
        let path = Path { before, steps, stride, positions: &scratch.path, log_density };
        member.record(path);
        Ok(())
    }

    fn stays_in_registers(&self) -> bool {
        self.dims.is_empty()
    }
}
