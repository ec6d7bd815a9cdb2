//! A random walk that learns from all walkers: the covariance of its steps is that of where they
//! have been, pooled over the ensemble in windows of the burn-in.
//!
//! One walker alone takes hundreds of steps to learn what many walkers see together at once (the
//! adaptive Metropolis of Haario, Saksman & Tamminen 2001, "An adaptive Metropolis algorithm",
//! with the pooling of Craiu, Rosenthal & Yang 2009, "Learn from thy neighbor"). In eighths of the
//! burn-in:
//!
//! | from, to | steps of walkers | what is learnt at the end |
//! |---|---|---|
//! | 0, 2 | of the moves that they were given | |
//! | 2, 4 | the same | covariance of these two eighths |
//! | 4, 5 | a random walk | covariance and scale |
//! | 5, 6½ | a random walk | scale |
//! | 6½, 7½ | a random walk | covariance since 5, scale |
//! | 7½, 8 | independent proposals | how many are accepted |
//!
//! Independent proposals go no farther than walkers have been, or than normal draws would be: Student's
//! tails reach where a user's function may underflow or raise. Walkers far below the others, which have
//! not arrived, are led in by those that are tried.
//!
//! Afterwards nothing changes. Where Student's t distribution with the mean and the covariance that
//! were learnt is near enough to the target, most steps after the burn-in are independent proposals
//! of it ([`Independence`]), and the others those of the random walk, which takes walkers out of
//! where t is too low.
//!
//! Steps of the walk have 2.38²/d times the covariance (Roberts, Gelman & Gilks 1997), times the
//! square of a scale that brings the acceptance to what that gives for a normal distribution. All
//! is read at fixed steps, from all walkers in their order: no thread and no portion of a run
//! changes a bit.

use std::sync::Arc;

use super::moves::NormalStep;
use super::state::{State, WHAT};
use super::transitions::Reach::{Towards, Within};
use super::transitions::{Independence, RandomWalk, Schedule, Transition};
use crate::diagnostics::normal_quantile;
use crate::error::Error;
use crate::fold::Stop;
use crate::linalg;
use crate::memory;

/// Points that an eighth of the burn-in gives, if it has as many steps.
const POINTS: usize = 512;
/// Looks in an eighth at least, if it has as many steps.
const LOOKS: usize = 4;
/// Walkers are left out whose log-density lies so many quartile distances below the lower quartile
/// of all: that of Cauchy's distribution has one in 50,000 there, that of a normal none.
const FAR: f64 = 10.0;
/// Shorter burn-ins, also in dimensions, leave walkers to the moves that they were given: too short
/// for what is learnt to be better.
const SHORTEST: u64 = 100;
const SHORTEST_PER_DIMENSION: u64 = 20;
/// The share of independent proposals while they are tried.
const TRIAL: f64 = 1.0;
/// Their share at most afterwards, and the acceptance of these from which on it is that.
const MOST_INDEPENDENT: f64 = 0.8;
const ENOUGH_ACCEPTED: f64 = 0.05;
/// Fewer are not worth their part of the steps.
const LEAST_ACCEPTED: f64 = 0.01;
/// Independent proposals go √d and so many standard deviations far at least. Of normal draws not one in
/// 10⁸ lies farther, and the steps of the walk, which a user's function must bear, go as far.
const REACH: f64 = 5.0;
/// And so many times as far as the farthest walker that was looked at.
const BEYOND: f64 = 1.1;
/// Steps of a pooled walk that make one independent point, in dimensions.
const STEPS_PER_POINT: f64 = 3.5;

/// Numbers of [`Pooled::numbers`] before the vectors.
const HEAD: usize = 10;

/// What a pooled walk has learnt, and what it learns from at the moment.
#[derive(Debug, PartialEq)]
pub struct Pooled {
    /// The step that learning begins at.
    pub first: u64,
    /// The points of this window.
    window: Window,
    /// The last steps at which walkers were looked at, and at which that was made use of.
    looked: u64,
    learnt: u64,
    /// Proposals that all walkers had accepted when the acceptance was last looked at, and the
    /// step.
    accepted: (f64, u64),
    /// Steps have 2.38 / √d times this.
    scale: f64,
    /// Mean, and lower Cholesky factor of the covariance, row by row; empty until they are learnt.
    mean: Vec<f64>,
    factor: Vec<f64>,
    /// How often a step is an independent proposal.
    independence: f64,
    /// The square of how far from the mean walkers were that were looked at, in units of the
    /// covariance.
    farthest: f64,
    /// The log-density below which walkers have not arrived when independent proposals are tried.
    least: f64,
}

/// Moments of points, one by one: Welford's recurrence.
#[derive(Debug, PartialEq)]
struct Window {
    count: f64,
    mean: Vec<f64>,
    /// Σ (x−m)(x−m)ᵀ, row by row.
    scatter: Vec<f64>,
}

/// What is done when, in sixteenths of the burn-in.
const BEGINS_WINDOW: [u64; 3] = [4, 8, 10];
const LEARNS_SCALE: [u64; 3] = [10, 13, 15];
const LEARNS_COVARIANCE: [u64; 3] = [8, 10, 15];
const BEGINS_TRIAL: u64 = 15;

/// The stages of a burn-in from step `first` to `end`.
#[derive(Clone, Copy, Debug)]
struct Plan {
    first: u64,
    end: u64,
    stride: u64,
}

impl Plan {
    /// `None` if it is too short, or not yet begun.
    fn new(first: u64, end: u64, state: &State) -> Option<Self> {
        let length = end.checked_sub(first)?;
        state.step.checked_sub(first)?;
        let shortest = SHORTEST.max(SHORTEST_PER_DIMENSION.saturating_mul(state.n_dims as u64));
        let looks = POINTS.div_ceil(state.n_walkers()).max(LOOKS);
        let stride = (length / 8 / looks as u64).max(1);
        (length >= shortest).then_some(Self { first, end, stride })
    }

    /// The step that lies so many sixteenths of the burn-in after its beginning.
    fn at(&self, sixteenths: u64) -> u64 {
        let length = u128::from(self.end - self.first);
        // At most `length`, so that it fits.
        self.first + (length * u128::from(sixteenths) / 16) as u64
    }

    /// The first step from `step` on at which walkers are looked at.
    fn next(&self, step: u64) -> Option<u64> {
        if step > self.end {
            return None;
        }
        let look = self.first + (step - self.first).next_multiple_of(self.stride);
        let parts = BEGINS_WINDOW.iter().chain(&LEARNS_SCALE).map(|&part| self.at(part));
        let next = parts.filter(|&at| at >= step).min().unwrap_or(self.end);
        Some(if step <= self.at(BEGINS_WINDOW[0]) { next } else { next.min(look) })
    }

    /// Whether a step is one of those that lie so many sixteenths after the beginning.
    fn is_at(&self, step: u64, sixteenths: &[u64]) -> bool {
        sixteenths.iter().any(|&part| self.at(part) == step)
    }
}

impl Window {
    fn new(n_dims: usize) -> Result<Self, Error> {
        let size = memory::product(&[n_dims, n_dims], WHAT)?;
        Ok(Self {
            count: 0.0,
            mean: memory::filled(n_dims, 0.0, WHAT)?,
            scatter: memory::filled(size, 0.0, WHAT)?,
        })
    }

    fn copied(&self) -> Result<Self, Error> {
        Ok(Self {
            count: self.count,
            mean: memory::copied(&self.mean, WHAT)?,
            scatter: memory::copied(&self.scatter, WHAT)?,
        })
    }

    fn clear(&mut self) {
        self.count = 0.0;
        self.mean.fill(0.0);
        self.scatter.fill(0.0);
    }

    fn add(&mut self, point: &[f64], difference: &mut [f64]) {
        let d = point.len();
        let before = self.count;
        self.count += 1.0;
        for ((difference, mean), x) in difference.iter_mut().zip(&mut self.mean).zip(point) {
            *difference = x - *mean;
            *mean += *difference / self.count;
        }
        let weight = before / self.count;
        for (i, row) in self.scatter.chunks_exact_mut(d).enumerate() {
            let factor = weight * difference[i];
            for (entry, other) in row[..=i].iter_mut().zip(&*difference) {
                *entry += factor * other;
            }
        }
    }

    /// The Cholesky factor of the covariance of points of which so many count as independent;
    /// `None` if they do not span the space. Too few of them are made up for by the diagonal.
    fn factor(&self, independent: f64, stop: &Stop) -> Result<Option<Vec<f64>>, Error> {
        let d = self.mean.len();
        let trust = if independent < 2.0 * (d as f64 + 1.0) {
            (1.0 - d as f64 / (2.0 * independent)).max(0.0)
        } else {
            1.0
        };
        let mut covariance = memory::copied(&self.scatter, WHAT)?;
        for (i, row) in covariance.chunks_exact_mut(d).enumerate() {
            for (j, entry) in row.iter_mut().enumerate().take(i + 1) {
                *entry *= if i == j { 1.0 } else { trust } / (self.count - 1.0);
            }
        }
        // Units of the coordinates decide nothing: what is singular is so in their own.
        let root = |i: usize| covariance[i * d + i].sqrt();
        let roots = memory::collected((0..d).map(root), WHAT)?;
        if !roots.iter().all(|root| root.is_normal()) {
            return Ok(None);
        }
        for (i, row) in covariance.chunks_exact_mut(d).enumerate() {
            for (entry, root) in row[..=i].iter_mut().zip(&roots) {
                *entry = *entry / roots[i] / root;
            }
        }
        match linalg::cholesky(&covariance, d, stop) {
            Ok(mut factor) => {
                for (row, root) in factor.chunks_exact_mut(d).zip(&roots) {
                    row.iter_mut().for_each(|entry| *entry *= root);
                }
                Ok(Some(factor))
            }
            Err(Error::IllConditioned { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Pooled {
    /// Nothing is learnt yet.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if there is no room for the covariance.
    pub fn new(n_dims: usize, first: u64) -> Result<Self, Error> {
        Ok(Self {
            first,
            window: Window::new(n_dims)?,
            looked: first,
            learnt: first,
            accepted: (0.0, first),
            scale: 1.0,
            mean: Vec::new(),
            factor: Vec::new(),
            independence: 0.0,
            farthest: 0.0,
            least: f64::MIN,
        })
    }

    /// A copy.
    ///
    /// # Errors
    ///
    /// As [`Self::new`].
    pub fn copied(&self) -> Result<Self, Error> {
        let (window, factor) = (self.window.copied()?, memory::copied(&self.factor, WHAT)?);
        Ok(Self { window, mean: memory::copied(&self.mean, WHAT)?, factor, ..*self })
    }

    /// Learns once more from where walkers are, beginning with what is learnt; not if the burn-in
    /// ends too soon.
    pub fn begin_again(&mut self, state: &State, burn_in: u64) {
        let step = state.step;
        self.window.clear();
        (self.first, self.looked, self.learnt) = (step, step, step);
        self.accepted = (state.accepted.iter().sum(), step);
        if self.independence == TRIAL || Plan::new(step, burn_in, state).is_some() {
            (self.independence, self.farthest) = (0.0, 0.0);
        }
    }

    /// How many steps walkers go before [`Self::learn`] looks at them.
    #[must_use]
    pub fn steps_ahead(&self, state: &State, burn_in: u64) -> Option<u64> {
        let plan = Plan::new(self.first, burn_in, state)?;
        let from = state.step.max(self.learnt.saturating_add(1));
        Some(plan.next(from)? - state.step)
    }

    /// Learns from where walkers are; whether the walk has changed.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`], or [`Error::Interrupted`] if stopped: to be called again then.
    pub fn learn(&mut self, state: &State, burn_in: u64, stop: &Stop) -> Result<bool, Error> {
        let Some(plan) = Plan::new(self.first, burn_in, state) else { return Ok(false) };
        let is_at = |sixteenths: &[u64]| plan.is_at(state.step, sixteenths);
        if state.step > plan.at(BEGINS_WINDOW[0]) && self.looked < state.step {
            self.look(state)?;
            self.looked = state.step;
        }
        let moments = match is_at(&LEARNS_COVARIANCE) {
            true => {
                let mean = memory::copied(&self.window.mean, WHAT)?;
                let factor = self.window.factor(self.independent(state, plan.stride), stop)?;
                factor.map(|factor| (mean, factor))
            }
            false => None,
        };
        self.learnt = state.step;
        let learns_scale = is_at(&LEARNS_SCALE);
        let changes_scale = learns_scale && !self.factor.is_empty();
        if changes_scale {
            self.scale *= self.change_of_scale(state);
        }
        let ends_trial = state.step == plan.end && self.independence == TRIAL;
        if ends_trial {
            self.independence = self.share(state);
        }
        let begins_window = is_at(&BEGINS_WINDOW);
        if begins_window || learns_scale {
            self.accepted = (state.accepted.iter().sum(), state.step);
        }
        if begins_window {
            self.window.clear();
            self.farthest = 0.0;
        }
        let changes = moments.is_some() || changes_scale || ends_trial;
        if let Some(moments) = moments {
            (self.mean, self.factor) = moments;
        }
        if is_at(&[BEGINS_TRIAL]) && !self.factor.is_empty() {
            self.independence = TRIAL;
            self.least = least(state)?;
        }
        Ok(changes)
    }

    /// Adds where the walkers are that have arrived.
    fn look(&mut self, state: &State) -> Result<(), Error> {
        let least = least(state)?;
        let mut difference = memory::filled(state.n_dims, 0.0, WHAT)?;
        for (walker, &log_density) in state.log_densities.iter().enumerate() {
            if log_density >= least {
                let point = state.position(walker);
                self.window.add(point, &mut difference);
                self.farthest = self.farthest.max(self.square_of(point, &mut difference));
            }
        }
        Ok(())
    }

    /// |L⁻¹(x−m)|², where they are learnt.
    fn square_of(&self, point: &[f64], room: &mut [f64]) -> f64 {
        let d = point.len();
        let mut square = 0.0;
        for (j, row) in self.factor.chunks_exact(d).enumerate() {
            let solved = row.iter().zip(&*room).take(j).map(|(entry, solved)| entry * solved);
            let rest = point[j] - self.mean[j] - solved.sum::<f64>();
            room[j] = rest / row[j];
            square += room[j] * room[j];
        }
        square
    }

    /// How many of the points of this window count as independent.
    fn independent(&self, state: &State, stride: u64) -> f64 {
        let n = state.n_walkers() as f64;
        let steps = self.window.count / n * stride as f64;
        let each = 1.0 + steps / (STEPS_PER_POINT * state.n_dims as f64);
        self.window.count.min(n * each)
    }

    /// The acceptance of proposals since it was last looked at; `None` if there were none.
    fn acceptance(&self, state: &State) -> Option<f64> {
        let (before, step) = self.accepted;
        let proposals = (state.step - step) as f64 * state.n_walkers() as f64;
        let accepted = state.accepted.iter().sum::<f64>() - before;
        (proposals > 0.0).then(|| accepted / proposals)
    }

    /// How often a step shall be an independent proposal, of which some were tried.
    fn share(&self, state: &State) -> f64 {
        let accepted = self.acceptance(state).unwrap_or(0.0);
        let share = MOST_INDEPENDENT * (accepted / ENOUGH_ACCEPTED).min(1.0);
        if accepted >= LEAST_ACCEPTED { share } else { 0.0 }
    }

    /// What the scale is multiplied with. A random walk over a normal distribution accepts
    /// 2 Φ(−c·scale) of its steps, with a constant c (Roberts, Gelman & Gilks 1997).
    fn change_of_scale(&self, state: &State) -> f64 {
        let Some(acceptance) = self.acceptance(state) else { return 1.0 };
        let rate = acceptance.clamp(1e-3, 1.0 - 1e-3);
        let target = 0.234 + 0.206 / state.n_dims as f64;
        (normal_quantile(target / 2.0) / normal_quantile(rate / 2.0)).clamp(0.25, 4.0)
    }

    /// The walk as it is learnt so far, if it is.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if there is no room for it, [`Error::InvalidArgument`] if the factor is
    /// none.
    pub fn schedule(&self, key: [u8; 32], state: &State) -> Result<Option<Schedule>, Error> {
        if self.factor.is_empty() {
            return Ok(None);
        }
        let d = state.n_dims;
        let scale = self.scale * 2.38 / (d as f64).sqrt();
        let factor = memory::collected(self.factor.iter().map(|entry| entry * scale), WHAT)?;
        let walk = RandomWalk::new(Arc::new(NormalStep::new(&factor, d)?));
        let mut steps: Vec<(f64, Arc<dyn Transition>)> = Vec::new();
        if self.independence < TRIAL {
            steps.push((1.0 - self.independence, Arc::new(walk)));
        }
        if self.independence > 0.0 {
            let proposals = Independence::new(&self.mean, &self.factor)?;
            let reach = ((d as f64).sqrt() + REACH).max(BEYOND * self.farthest.sqrt());
            let reach = match self.independence == TRIAL {
                true => Towards(reach, self.least),
                false => Within(reach),
            };
            steps.push((self.independence, Arc::new(proposals.cut(reach))));
        }
        Schedule::new(steps, key, d, state.n_walkers()).map(Some)
    }

    /// All numbers, which [`Self::from_numbers`] reads.
    ///
    /// # Errors
    ///
    /// As [`Self::new`].
    pub fn numbers(&self) -> Result<Vec<f64>, Error> {
        let (accepted, step) = self.accepted;
        // Steps are exact up to 2⁵³, which would take years.
        let steps = [self.first, step, self.looked, self.learnt].map(|step| step as f64);
        let [first, step, looked, learnt] = steps;
        let (scale, count) = (self.scale, self.window.count);
        let (share, farthest, least) = (self.independence, self.farthest, self.least);
        let head = [first, step, looked, learnt, accepted, share, scale, count, farthest, least];
        let mut numbers = memory::copied(&head, WHAT)?;
        for part in [&self.window.mean, &self.window.scatter, &self.mean, &self.factor] {
            memory::append(&mut numbers, part, WHAT)?;
        }
        Ok(numbers)
    }

    /// What [`Self::numbers`] gave.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] if these are other numbers.
    pub fn from_numbers(numbers: &[f64], n_dims: usize) -> Result<Self, Error> {
        let invalid = || {
            let message = "holds no covariance of walkers and no moments of theirs".to_owned();
            Err(Error::InvalidArgument { name: "state", message })
        };
        let square = memory::product(&[n_dims, n_dims], WHAT)?;
        let rest = numbers.len().checked_sub(HEAD + n_dims + square);
        let (Some(rest), true) = (rest, numbers.iter().all(|number| number.is_finite())) else {
            return invalid();
        };
        let (head, tail) = numbers.split_at(HEAD);
        let &[first, step, looked, learnt, accepted, independence, scale, count, farthest, least] =
            head
        else {
            return invalid();
        };
        let (window_mean, tail) = tail.split_at(n_dims);
        let (scatter, tail) = tail.split_at(square);
        let (mean, factor) = tail.split_at(tail.len().min(n_dims));
        let steps = [first, step, looked, learnt];
        let whole = steps.iter().all(|step| *step >= 0.0 && step.fract() == 0.0);
        let lengths = [0, n_dims + square];
        let share = 0.0..=if rest == 0 { 0.0 } else { TRIAL };
        let fits = share.contains(&independence) && lengths.contains(&rest);
        if !(whole && scale > 0.0 && count >= 0.0 && farthest >= 0.0 && fits) {
            return invalid();
        }
        let [first, step, looked, learnt] = steps.map(|step| step as u64);
        let copied = |part: &[f64]| memory::copied(part, WHAT);
        let window = Window { count, mean: copied(window_mean)?, scatter: copied(scatter)? };
        let (mean, factor) = (copied(mean)?, copied(factor)?);
        let accepted = (accepted, step);
        Ok(Self {
            first,
            window,
            looked,
            learnt,
            accepted,
            scale,
            mean,
            factor,
            independence,
            farthest,
            least,
        })
    }
}

/// The log-density below which walkers are taken for such that have not arrived.
fn least(state: &State) -> Result<f64, Error> {
    let mut sorted = memory::copied(&state.log_densities, WHAT)?;
    sorted.sort_unstable_by(f64::total_cmp);
    let n = sorted.len();
    let (low, high) = (sorted[n / 4], sorted[n - 1 - n / 4]);
    Ok((low - FAR * (high - low)).max(f64::MIN))
}
