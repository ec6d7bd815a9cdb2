//! Random walks: no walker looks at another, so each block goes its own way.

use std::time::Instant;

use super::block::Block;
use super::fused::Walk;
use super::job::{Job, Memory};
use super::moments::{self, BlockMoments};
use super::moves::{Adaptation, Increments, Move};
use super::pace::Chunk;
use super::record::{Path, Recorder, Tally};
use super::sampler::{Failed, Stopped};
use super::state::WHAT;
use super::update::{self, Candidates, Rejected};
use crate::error::Error;
use crate::fold::{Context, Idle, Partition, RowsMut};
use crate::memory;
use crate::simd::Lanes64;

/// Memory for increments and paths of a block: it stays in the first-level cache.
const TILE: usize = 32 * 1024;

/// What a thread needs to walk one block.
struct Walker<'a> {
    block: Block,
    saved: Block,
    recorder: Recorder<'a>,
    saved_moments: Option<BlockMoments>,
    /// Why and after how many steps it stopped.
    stopped: Option<(u64, Rejected)>,
}

/// Buffers for consecutive updates.
#[derive(Default)]
struct Tile {
    increments: Vec<Lanes64>,
    uniforms: Vec<Lanes64>,
    path: Vec<Lanes64>,
    path_density: Vec<Lanes64>,
    note: Vec<Lanes64>,
    proposed: Vec<Lanes64>,
    candidates: Candidates,
    rows: update::Rows,
    memory: Vec<Lanes64>,
}

/// Does `steps` steps from step `first` on; blocks and recorders are those of all walkers.
///
/// # Errors
///
/// [`Stopped`] after the steps that all walkers did: blocks and output stand there.
pub fn advance(
    context: &Context,
    job: &Job<'_>,
    blocks: &mut Vec<Block>,
    recorders: &mut Vec<Recorder<'_>>,
    tally: &mut Tally<'_>,
    (first, steps): (u64, u64),
) -> Result<(), Stopped> {
    let walkers = blocks.drain(..).zip(recorders.drain(..)).map(|(block, recorder)| {
        let saved_moments = recorder.moments.as_ref().map(BlockMoments::copied).transpose()?;
        Ok(Walker { saved: block.copied()?, saved_moments, block, recorder, stopped: None })
    });
    let mut walkers: Vec<Walker<'_>> = memory::gathered::<_, Error>(walkers, WHAT)?;
    let result = meet(context, job, &mut walkers, tally, (first, steps));
    for walker in walkers {
        blocks.push(walker.block);
        recorders.push(walker.recorder);
    }
    result
}

/// Chunk after chunk, between which all walkers are at the same step.
fn meet(
    context: &Context,
    job: &Job<'_>,
    walkers: &mut [Walker<'_>],
    tally: &mut Tally<'_>,
    (first, steps): (u64, u64),
) -> Result<(), Stopped> {
    let most = tally.most_steps();
    let tiles = Idle::from(tiles(context, job, walkers)?);
    let mut done = 0;
    // A chunk that is interrupted is lost: it begins with a single step where one may take long.
    let mut chunk = Chunk::of(if job.fused.is_some() { 16 } else { 1 });
    while done < steps {
        let begin = Instant::now();
        let here = job.up_to_burn_in(first + done, chunk.steps().min(most).min(steps - done));
        let result = together(context, job, walkers, &tiles, (first + done, here));
        walkers.iter_mut().for_each(|walker| tally.count(&mut walker.recorder));
        if let Err(stopped) = result {
            return Err(Stopped { steps: done + stopped.steps, ..stopped });
        }
        done += here;
        let blocks = walkers.iter().map(|w| (&w.block, w.recorder.moments.as_ref()));
        job.report(context, blocks, first + done);
        chunk.learn(begin.elapsed());
    }
    Ok(())
}

/// The buffers of all threads, with room for the updates of any block.
fn tiles(context: &Context, job: &Job<'_>, walkers: &[Walker<'_>]) -> Result<Vec<Tile>, Error> {
    let Some(first) = walkers.first() else { return Ok(Vec::new()) };
    let (width, updates) = (first.block.width, first.most_updates(job));
    let threads = context.threads().min(walkers.len());
    memory::gathered((0..threads).map(|_| Tile::new(job, width, updates)), WHAT)
}

/// One chunk. If a walker fails, all of them do the steps before the one that failed.
fn together(
    context: &Context,
    job: &Job<'_>,
    walkers: &mut [Walker<'_>],
    tiles: &Idle<Tile>,
    (first, steps): (u64, u64),
) -> Result<(), Stopped> {
    for walker in &mut *walkers {
        if first == job.burn_in {
            walker.block.accepted.fill(Lanes64::ZERO);
        }
        walker.saved.copy_from(&walker.block);
        moments::copy(&mut walker.saved_moments, walker.recorder.moments.as_ref());
    }
    if run_all(context, job, walkers, tiles, (first, steps)) {
        return Ok(());
    }
    let failure = walkers.iter_mut().filter_map(|walker| walker.stopped.take());
    let earliest = failure.min_by_key(|(steps, rejected)| (*steps, rejected.walker));
    for walker in &mut *walkers {
        walker.back();
    }
    // Without any: the stop flag kept blocks from being begun.
    let Some((whole, rejected)) = earliest else {
        return Err(Stopped { steps: 0, failed: Failed::Interrupted });
    };
    if rejected.reason == super::density::Reason::Interrupted || context.stop().is_raised() {
        return Err(Stopped { steps: 0, failed: Failed::Interrupted });
    }
    // The same steps once more give the same draws, up to the last step that all walkers did.
    if run_all(context, job, walkers, tiles, (first, whole)) {
        return Err(Stopped { steps: whole, failed: Failed::At(rejected) });
    }
    walkers.iter_mut().for_each(Walker::back);
    let failed =
        if context.stop().is_raised() { Failed::Interrupted } else { Failed::At(rejected) };
    Err(Stopped { steps: 0, failed })
}

/// Whether all walkers did all steps.
fn run_all(
    context: &Context,
    job: &Job<'_>,
    walkers: &mut [Walker<'_>],
    tiles: &Idle<Tile>,
    (first, steps): (u64, u64),
) -> bool {
    let partition = Partition::new(walkers.len(), 1);
    let rows = RowsMut::column(walkers);
    let result = context.for_each_chunk(&partition, rows, |_, mut walker| {
        let mut tile = tiles.take().unwrap_or_default();
        for walker in walker.values() {
            walker.run(context, job, &mut tile, (first, steps));
        }
        tiles.put(tile);
        Ok(())
    });
    result.is_ok() && walkers.iter().all(|walker| walker.stopped.is_none())
}

impl Walker<'_> {
    /// Back to where the chunk began.
    fn back(&mut self) {
        self.block.copy_from(&self.saved);
        moments::copy(&mut self.recorder.moments, self.saved_moments.as_ref());
        self.stopped = None;
    }

    fn run(
        &mut self,
        context: &Context,
        job: &Job<'_>,
        tile: &mut Tile,
        (first, steps): (u64, u64),
    ) {
        let mut done = 0;
        while done < steps {
            let step = first + done;
            let index = job.schedule.choose(step);
            let chosen = job.schedule.get(index);
            let here = if job.one_by_one(step) {
                1
            } else {
                ((self.most_updates(job) / chosen.updates(job.n_dims)).max(1) as u64)
                    .min(steps - done)
            };
            if context.stop().is_raised() {
                let reason = super::density::Reason::Interrupted;
                let walker = self.block.walkers.start;
                self.stopped = Some((done, Rejected { walker, point: Vec::new(), reason }));
                return;
            }
            if let Err((whole, rejected)) =
                self.walk((context, job), tile, chosen, &job.memories[index], (step, here as usize))
            {
                self.stopped = Some((done + whole as u64, rejected));
                return;
            }
            done += here;
        }
    }

    /// Updates whose buffers fit the cache.
    fn most_updates(&self, job: &Job<'_>) -> usize {
        let vectors = self.block.width * (2 * job.n_dims + 3);
        (TILE / (vectors * size_of::<Lanes64>())).clamp(1, 64)
    }

    /// Some steps of one move, or a single step in pieces where its updates are many.
    fn walk(
        &mut self,
        (context, job): (&Context, &Job<'_>),
        tile: &mut Tile,
        chosen: &dyn Move,
        memory: &Memory,
        (step, steps): (u64, usize),
    ) -> Result<(), (usize, Rejected)> {
        let per_step = chosen.updates(job.n_dims);
        let most = if steps > 1 { steps * per_step } else { self.most_updates(job) };
        let mut done = 0;
        while done < steps * per_step {
            let here = most.min(steps * per_step - done);
            let piece = Piece { chosen, memory, step, per_step, first: done, updates: here };
            self.walk_piece((context, job), tile, &piece)?;
            done += here;
        }
        let Some(before) = step.checked_sub(job.burn_in) else { return Ok(()) };
        let (size, width) = (self.block.positions.len(), self.block.width);
        let log_density = match self.recorder.wants_log_density() {
            true => &tile.path_density[..steps * width],
            false => &[],
        };
        let stride = if steps > 1 { per_step * size } else { tile.path.len() };
        let path = Path { before, steps, stride, positions: &tile.path, log_density };
        self.recorder.record(&self.block, path);
        Ok(())
    }

    /// Consecutive updates.
    fn walk_piece(
        &mut self,
        (context, job): (&Context, &Job<'_>),
        tile: &mut Tile,
        piece: &Piece<'_>,
    ) -> Result<(), (usize, Rejected)> {
        let width = self.block.width;
        tile.resize(job.n_dims, width, piece.updates);
        self.block.prepare(tile, job.n_dims, piece);
        let Some(fused) = job.fused.filter(|_| !job.adapts(piece.step)) else {
            for update in 0..piece.updates {
                self.update((context, job), tile, piece, update)
                    .map_err(|rejected| ((piece.first + update) / piece.per_step, rejected))?;
            }
            return Ok(());
        };
        fused.walk(Walk {
            width,
            positions: &mut self.block.positions,
            increments: &tile.increments,
            uniforms: &tile.uniforms,
            proposed: &mut tile.proposed,
            path: &mut tile.path,
            accepted: &mut self.block.accepted,
            share: 1.0 / piece.per_step as f64,
            bounds: job.rules.bounds.as_deref(),
        });
        Ok(())
    }

    /// One update over a density that is called.
    fn update(
        &mut self,
        (context, job): (&Context, &Job<'_>),
        tile: &mut Tile,
        piece: &Piece<'_>,
        update: usize,
    ) -> Result<(), Rejected> {
        let block = &mut self.block;
        let (width, size) = (block.width, block.positions.len());
        let increments = &tile.increments[update * size..][..size];
        let candidates = &mut tile.candidates;
        update::add(&block.positions, increments, &mut candidates.positions);
        candidates.uniforms.copy_from_slice(&tile.uniforms[update * width..][..width]);
        update::evaluate(
            (job.density, job.rules, context.stop()),
            block,
            candidates,
            &mut tile.rows,
        )?;
        update::accept(block, candidates, 1.0 / piece.per_step as f64);
        tile.path[update * size..][..size].copy_from_slice(&block.positions);
        let all = piece.first + update + 1;
        if all.is_multiple_of(piece.per_step) {
            let at = (all / piece.per_step - 1) * width;
            tile.path_density[at..at + width].copy_from_slice(&block.log_density);
        }
        if job.adapts(piece.step) {
            debug_assert_eq!(width, 1, "walkers that learn go one vector at a time");
            piece.chosen.adapt(&mut Adaptation {
                memory: &mut block.memory[piece.memory.numbers.clone()],
                increments,
                note: &tile.note[update],
                probability: &candidates.probability[0],
                step: piece.step + 1,
            });
        }
        Ok(())
    }
}

/// Consecutive updates by one move.
struct Piece<'a> {
    chosen: &'a dyn Move,
    memory: &'a Memory,
    /// The step of the first of them, and how many updates make a step.
    step: u64,
    per_step: usize,
    /// Updates since the beginning of that step, and how many these are.
    first: usize,
    updates: usize,
}

impl Tile {
    /// Room for so many updates of a block: what [`Tile::resize`] then asks for is there.
    fn new(job: &Job<'_>, width: usize, updates: usize) -> Result<Self, Error> {
        let (d, learnt) = (job.n_dims, job.memories.iter().map(|memory| memory.numbers.len()));
        let room =
            |lengths: [usize; 2]| memory::with_capacity(memory::product(&lengths, WHAT)?, WHAT);
        let walkers = if job.fused.is_some() { 0 } else { 8 * width };
        Ok(Self {
            increments: room([updates, d * width])?,
            uniforms: room([updates, width])?,
            path: room([updates, d * width])?,
            path_density: room([updates, width])?,
            note: room([updates, 1])?,
            proposed: room([d, width])?,
            candidates: Candidates::new(d, width)?,
            rows: update::Rows::new(walkers, d)?,
            memory: room([learnt.max().unwrap_or(0), 1])?,
        })
    }

    fn resize(&mut self, d: usize, width: usize, updates: usize) {
        let resize = |lanes: &mut Vec<Lanes64>, len| lanes.resize(len, Lanes64::ZERO);
        resize(&mut self.increments, updates * d * width);
        resize(&mut self.path, updates * d * width);
        resize(&mut self.uniforms, updates * width);
        resize(&mut self.path_density, updates * width);
        resize(&mut self.note, updates);
        self.candidates.resize(d, width);
        resize(&mut self.proposed, d * width);
    }
}

impl Block {
    /// Draws the random numbers of consecutive updates.
    fn prepare(&mut self, tile: &mut Tile, n_dims: usize, piece: &Piece<'_>) {
        let (width, n_updates) = (self.width, piece.updates);
        let numbers = piece.memory.numbers.clone();
        let mut memory = std::mem::take(&mut tile.memory);
        for p in 0..width {
            memory.clear();
            memory.extend(numbers.clone().map(|number| self.memory[number * width + p]));
            piece.chosen.increments(&mut Increments {
                generators: &mut self.proposal[p],
                n_dims,
                first_update: piece.first % piece.per_step,
                n_updates,
                values: &mut tile.increments[p..],
                stride: width,
                memory: &memory,
                note: &mut tile.note,
            });
            update::uniforms(&mut self.acceptance[p], n_updates, &mut tile.uniforms[p..], width);
        }
        tile.memory = memory;
    }
}
