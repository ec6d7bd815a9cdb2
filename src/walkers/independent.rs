//! Walkers that look at no other: each block goes its own way.

use super::block::Block;
use super::density::Reason;
use super::job::Job;
use super::outcome::{Failed, Stopped};
use super::record::{Recorder, Tally};
use super::state::WHAT;
use super::transaction::{self, Crew, Member};
use super::transitions::{Piece, Scratch, Transition};
use super::update::{Rejected, Rows};
use crate::error::Error;
use crate::fold::{Context, Idle, Partition, RowsMut};
use crate::memory;

/// All blocks, and buffers for as many threads as there may be.
pub struct Independent<'a> {
    walkers: Vec<Walker<'a>>,
    scratch: Idle<Scratch>,
}

/// One block.
struct Walker<'a> {
    member: Member<'a>,
    /// Why and after how many steps it stopped.
    stopped: Option<(u64, Rejected)>,
}

impl<'a> Independent<'a> {
    /// Does `steps` steps from step `first` on; blocks and recorders are those of all walkers.
    ///
    /// # Errors
    ///
    /// [`Stopped`] after the steps that all walkers did: blocks and output stand there.
    pub fn run(
        context: &Context,
        job: &Job<'_>,
        (blocks, recorders): (&mut Vec<Block>, &mut Vec<Recorder<'a>>),
        tally: &mut Tally<'_>,
        span: (u64, u64),
    ) -> Result<(), Stopped> {
        let mut crew = Self::new(context, job, blocks, recorders)?;
        let result = transaction::run(context, job, &mut crew, tally, span);
        for Walker { member, .. } in crew.walkers {
            blocks.push(member.block);
            recorders.push(member.recorder);
        }
        result
    }

    fn new(
        context: &Context,
        job: &Job<'_>,
        blocks: &mut Vec<Block>,
        recorders: &mut Vec<Recorder<'a>>,
    ) -> Result<Self, Error> {
        let threads = context.threads().min(blocks.len());
        let (width, most) = blocks.iter().fold((1, 0), |(width, most), block| {
            (width.max(block.width), most.max(block.n_walkers()))
        });
        let walkers = blocks.drain(..).zip(recorders.drain(..)).map(|(block, recorder)| {
            Ok(Walker { member: Member::new(block, recorder)?, stopped: None })
        });
        let walkers = memory::gathered::<_, Error>(walkers, WHAT)?;
        let at_once = |transition: &dyn Transition| transition.updates_at_once(job.n_dims, width);
        let updates = job.schedule.transitions().map(at_once).max().unwrap_or(1);
        let rows = if job.fused.is_some() { 0 } else { most };
        let scratch = |_| Scratch::new(job.n_dims, width, updates, Rows::new(rows, job.n_dims)?);
        let scratch: Vec<Scratch> = memory::gathered((0..threads).map(scratch), WHAT)?;
        Ok(Self { walkers, scratch: Idle::from(scratch) })
    }
}

impl<'a> Crew<'a> for Independent<'a> {
    fn members<'s>(&'s mut self) -> impl Iterator<Item = &'s mut Member<'a>>
    where
        'a: 's,
    {
        self.walkers.iter_mut().map(|walker| &mut walker.member)
    }

    fn piece(
        &mut self,
        context: &Context,
        job: &Job<'_>,
        (first, steps): (u64, u64),
    ) -> Result<(), (u64, Failed)> {
        let partition = Partition::new(self.walkers.len(), 1);
        let rows = RowsMut::column(&mut self.walkers);
        let result = context.for_each_chunk(&partition, rows, |_, mut walker| {
            let mut scratch = self.scratch.take().unwrap_or_default();
            for walker in walker.values() {
                walker.stopped = walker.piece(context, job, &mut scratch, (first, steps)).err();
            }
            self.scratch.put(scratch);
            Ok(())
        });
        let failures = self.walkers.iter_mut().filter_map(|walker| walker.stopped.take());
        match failures.min_by_key(|(steps, rejected)| (*steps, rejected.walker)) {
            Some((_, rejected)) if rejected.reason == Reason::Interrupted => {
                Err((0, Failed::Interrupted))
            }
            Some((whole, rejected)) => Err((whole, Failed::At(rejected))),
            // The stop flag kept blocks from being begun.
            None => result.map_err(|_| (0, Failed::Interrupted)),
        }
    }
}

impl Walker<'_> {
    /// Steps of this block; on failure how many whole ones were done.
    fn piece(
        &mut self,
        context: &Context,
        job: &Job<'_>,
        scratch: &mut Scratch,
        (first, steps): (u64, u64),
    ) -> Result<(), (u64, Rejected)> {
        let mut done = 0;
        scratch.resize(job.n_dims, self.member.block.width, 1);
        while done < steps {
            let step = first + done;
            let (transition, columns) = job.transition(step);
            let block = &self.member.block;
            if context.stop().is_raised() {
                let (walker, reason) = (block.walkers.start, Reason::Interrupted);
                return Err((done, Rejected { walker, point: Vec::new(), reason }));
            }
            let at_once = transition.updates_at_once(job.n_dims, block.width);
            let most = at_once / transition.evaluations(job.n_dims).max(1);
            let here =
                if job.one_by_one(step) { 1 } else { (most.max(1) as u64).min(steps - done) };
            let mut piece = Piece {
                member: &mut self.member,
                scratch,
                job,
                stop: context.stop(),
                columns,
                first: step,
                steps: here as usize,
            };
            transition.piece(&mut piece).map_err(|(whole, rejected)| (done + whole, rejected))?;
            done += here;
        }
        Ok(())
    }
}
