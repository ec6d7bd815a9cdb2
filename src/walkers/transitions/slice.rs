//! [`Slice`].

use super::{Step, Target, Transition};
use crate::error::Error;
use crate::memory;
use crate::simd::ln;
use crate::walkers::block::Block;
use crate::walkers::density::Reason;
use crate::walkers::state::{Column, WHAT};
use crate::walkers::stream::Stream;
use crate::walkers::update::{Rejected, Rows, write_rows};

/// A slice is looked for within so many widths.
const MOST_WIDTHS: f64 = 1024.0;
/// Slices along one coordinate that reach both ends of that in a row before the walker is given up.
/// That is in the burn-in, where each widens the next.
const MOST_ENDLESS: f64 = 64.0;
/// Points of an interval that lie below the level before the walker stays where it is: each halves
/// the interval or more, on average, so that nothing but the walker's own place is left.
const MOST_SHRINKS: u32 = 256;

/// Slice sampling, one coordinate after the other.
///
/// Neal, "Slice sampling", Annals of Statistics 31 (2003): with a level below the density where the
/// walker is, an interval of the given width about it steps out until both ends are below the level
/// (figure 3, within m = 1024 widths, which leaves the target as it is); then points of it are
/// drawn, each of which that is below the level becomes an end (figure 5), until one is above. In
/// the burn-in each walker learns its widths, twice the distances it goes.
#[derive(Clone, Debug)]
pub struct Slice {
    widths: Vec<f64>,
    /// The coordinates that move; empty for all.
    dims: Vec<usize>,
}

impl Slice {
    /// Takes the first width along each coordinate, and which coordinates these are; none for all.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] if a width is not positive and finite.
    pub fn new(widths: Vec<f64>, dims: Vec<usize>) -> Result<Self, Error> {
        crate::walkers::moves::check_positive("widths", &widths)?;
        Ok(Self { widths, dims })
    }

    fn dim(&self, i: usize) -> usize {
        self.dims.get(i).copied().unwrap_or(i)
    }
}

/// One walker's way along one coordinate.
struct Way {
    stream: Stream,
    /// Where it began, and the level it stays above.
    from: f64,
    level: f64,
    width: f64,
    ends: [f64; 2],
    /// Steps that the ends may still make.
    left: [f64; 2],
    phase: Phase,
    shrinks: u32,
    /// The point that is looked at next, or was reached.
    at: f64,
    /// The log-density there.
    log_density: f64,
    /// Which row of those that are evaluated is this point; none if no log-density is asked for.
    row: Option<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// This end steps out.
    Out(usize),
    /// The interval shrinks.
    In,
    /// A point is found.
    Done,
}

impl Way {
    fn new(mut stream: Stream, from: f64, log_density: f64, width: f64) -> Self {
        let level = log_density + ln(1.0 - stream.uniform());
        let share = stream.uniform();
        // Each from where the walker is, so that it lies between them however wide they are.
        let [low, high] = [from - width * share, from + width * (1.0 - share)];
        let out = (MOST_WIDTHS * stream.uniform()).floor();
        let mut way = Self {
            stream,
            from,
            level,
            width,
            ends: [low, high],
            left: [out, MOST_WIDTHS - 1.0 - out],
            phase: Phase::Out(0),
            shrinks: 0,
            at: low,
            log_density,
            row: None,
        };
        way.next_end();
        way
    }

    /// Passes over ends that may not step out.
    fn next_end(&mut self) {
        while let Phase::Out(end) = self.phase {
            if self.left[end] > 0.0 {
                self.at = self.ends[end];
                return;
            }
            self.phase = if end == 0 { Phase::Out(1) } else { Phase::In };
        }
        self.draw();
    }

    /// Chooses a point of the interval, whose ends may be as far apart as numbers go.
    fn draw(&mut self) {
        let [low, high] = self.ends.map(|end| end.clamp(-f64::MAX, f64::MAX));
        let share = self.stream.uniform();
        self.at = share.mul_add(high, (1.0 - share) * low).max(low).min(high);
    }

    /// Takes the log-density at the point that was looked at.
    fn take(&mut self, log_density: f64) {
        let above = log_density > self.level;
        match self.phase {
            Phase::Out(end) if above => {
                self.left[end] -= 1.0;
                self.ends[end] += if end == 0 { -self.width } else { self.width };
                self.next_end();
            }
            Phase::Out(end) => {
                self.phase = if end == 0 { Phase::Out(1) } else { Phase::In };
                self.next_end();
            }
            Phase::In if above => {
                self.phase = Phase::Done;
                self.log_density = log_density;
            }
            // The walker's own place is in the slice: with nothing else left, it stays.
            Phase::In if self.at == self.from || self.shrinks == MOST_SHRINKS => {
                self.phase = Phase::Done;
                self.at = self.from;
            }
            Phase::In => {
                self.shrinks += 1;
                self.ends[usize::from(self.at > self.from)] = self.at;
                self.draw();
            }
            Phase::Done => {}
        }
    }

    fn is_endless(&self) -> bool {
        self.left == [0.0; 2]
    }
}

impl Transition for Slice {
    fn check(&self, n_dims: usize, _n_walkers: usize) -> Result<(), Error> {
        let moved = if self.dims.is_empty() { n_dims } else { self.dims.len() };
        crate::walkers::moves::check_axes("widths", [self.widths.len()], moved)
    }

    fn evaluations(&self, _n_dims: usize) -> usize {
        6 * self.widths.len()
    }

    fn columns(&self, _n_dims: usize) -> Result<Vec<Column>, Error> {
        let widths = memory::copied(&self.widths, WHAT)?;
        let endless = memory::filled(self.widths.len(), 0.0, WHAT)?;
        let named = |name: &str, initial| Column { name: name.to_owned(), initial };
        Ok(vec![named("width", widths), named("endless", endless)])
    }

    fn step(&self, step: &mut Step<'_>) -> Result<(), Rejected> {
        step.refresh()?;
        let walker = step.block.walkers.start;
        let failed = |error| Rejected::of_memory(walker, error);
        let mut points =
            memory::filled(step.block.n_walkers() * step.n_dims(), 0.0, WHAT).map_err(failed)?;
        write_rows(&step.block.positions, step.block.width, step.n_dims(), &mut points);
        // Coordinates that each walker moved in.
        let mut moves = memory::filled(step.block.n_walkers(), 0, WHAT).map_err(failed)?;
        for i in 0..self.widths.len() {
            let ways = step.block.lanes().map(|lane| self.way(step, lane, i));
            let mut ways = memory::collected(ways, WHAT).map_err(failed)?;
            while ways.iter().any(|way| way.phase != Phase::Done) {
                let rows = &mut step.scratch.rows;
                look(&mut ways, &mut points, self.dim(i), (step.block, step.target, rows))?;
            }
            for (lane, way) in ways.iter().enumerate() {
                moves[lane] += u32::from(way.at != way.from);
                self.arrive(step, lane, i, way)?;
            }
        }
        for (lane, moves) in moves.into_iter().enumerate() {
            let rate = step.share * f64::from(moves) / self.widths.len() as f64;
            step.block.accepted[lane / 8].0[lane % 8] += rate;
        }
        Ok(())
    }
}

impl Slice {
    /// The place of a walker's width along coordinate `i`, and of the count of endless slices.
    fn places(&self, step: &Step<'_>, lane: usize, i: usize) -> [usize; 2] {
        let first = step.block.place(lane / 8, &step.columns).start + i;
        [first, first + self.widths.len()]
    }

    /// A walker before it goes along coordinate `i`.
    fn way(&self, step: &Step<'_>, lane: usize, i: usize) -> Way {
        let (block, [width, _]) = (&*step.block, self.places(step, lane, i));
        let (p, lane_of) = (lane / 8, lane % 8);
        Way::new(
            Stream::of(&block.proposal, lane),
            block.positions[self.dim(i) * block.width + p].0[lane_of],
            block.log_density[p].0[lane_of],
            block.columns[width].0[lane_of],
        )
    }

    /// A walker at the end of its way along coordinate `i`.
    fn arrive(
        &self,
        step: &mut Step<'_>,
        lane: usize,
        i: usize,
        way: &Way,
    ) -> Result<(), Rejected> {
        let [width, endless] = self.places(step, lane, i);
        let (dim, learns, learnt) = (self.dim(i), step.learns, step.learnt());
        let (block, p, lane_of) = (&mut *step.block, lane / 8, lane % 8);
        way.stream.store(&mut block.proposal, lane);
        block.positions[dim * block.width + p].0[lane_of] = way.at;
        block.log_density[p].0[lane_of] = way.log_density;
        if learns && way.at != way.from {
            // The mean of what is seen, in which the last is a weight of 4/(n + 7) of n.
            let weight = 4.0 / (learnt as f64 + 8.0);
            let width = &mut block.columns[width].0[lane_of];
            let seen = 2.0 * (way.at - way.from).abs();
            *width = weight.mul_add(seen - *width, *width).clamp(f64::MIN_POSITIVE, f64::MAX);
        }
        let endless = &mut block.columns[endless].0[lane_of];
        *endless = if learns && way.is_endless() { *endless + 1.0 } else { 0.0 };
        if *endless >= MOST_ENDLESS {
            return Err(Rejected::in_lane(block, lane, Reason::Endless(dim)));
        }
        Ok(())
    }
}

/// Evaluates the density where walkers look next.
fn look(
    ways: &mut [Way],
    points: &mut [f64],
    dim: usize,
    (block, target, rows): (&Block, Target<'_>, &mut Rows),
) -> Result<(), Rejected> {
    let d = points.len() / ways.len();
    rows.clear();
    let mut n_rows = 0;
    for (lane, (way, point)) in ways.iter_mut().zip(points.chunks_exact_mut(d)).enumerate() {
        point[dim] = way.at;
        let asks = way.phase != Phase::Done && target.rules.admits(point);
        way.row = asks.then_some(n_rows);
        if asks {
            rows.push(block.walkers.start + lane, point);
        } else if rows.is_whole() {
            let at = std::mem::replace(&mut point[dim], way.from);
            rows.push(block.walkers.start + lane, point);
            point[dim] = at;
        } else {
            continue;
        }
        n_rows += 1;
    }
    rows.evaluate(target)?;
    for way in ways {
        way.take(way.row.map_or(f64::NEG_INFINITY, |row| rows.value(row)));
    }
    Ok(())
}
