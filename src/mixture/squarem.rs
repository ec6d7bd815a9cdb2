//! SQUAREM: two steps of EM, then one along both of them (Varadhan & Roland, "Simple and globally
//! convergent methods for accelerating the convergence of any EM algorithm", Scandinavian Journal
//! of Statistics 35, 2008; their third step length, capped).
//!
//! ```text
//! fold θ:  t₁ = F(θ)
//! fold t₁: t₂ = F(t₁);  r = t₁ − θ;  v = (t₂ − t₁) − r;  s = |r| / |v|, from 1 to the cap
//!          p = θ + 2s·r + s²·v
//! fold p:  not worse than t₁?  yes: θ = p (and if s was the cap, a larger one), its F is the next t₁
//!                              no:  θ = t₂, and a smaller cap
//! ```
//!
//! A pass over the rows is both the check of p and the next cycle's first step: two passes a cycle,
//! three where p is refused. θ is ln w, the means, the logarithms of the diagonals of the
//! precisions' factors, and what lies above these: every value of it is a mixture. What is
//! extrapolated moves with each coordinate's unit and origin.
//!
//! Lengths are those of the complete data's Fisher information at θ, in which EM's steps contract
//! symmetrically: they have no unit either, and a component counts as much as it weighs.

use std::mem;
use std::sync::Arc;

use super::STARTS;
use super::geometry::Geometry;
use super::start::Start;
use super::value::Mixture;
use crate::error::Error;
use crate::fold::Stop;
use crate::memory;
use crate::simd::{exp, ln};

/// What steps are capped at first.
const FIRST_CAP: f64 = 4.0;

/// Where a run is between two passes.
#[derive(Debug)]
pub struct Cycle {
    /// The longest step.
    pub cap: f64,
    /// What the next pass is for.
    pub place: Place,
}

/// What a pass is for.
#[derive(Debug)]
pub enum Place {
    /// θ.
    First,
    /// t₁.
    Second {
        /// θ.
        base: Arc<Mixture>,
    },
    /// p.
    Third {
        /// t₂, which stands in for p if that is worse.
        kept: Start,
        /// The bound of t₁.
        bound: f64,
        /// Whether the step was as long as the cap.
        capped: bool,
    },
}

/// What a pass leads to.
#[derive(Debug)]
pub struct Taken {
    /// What is folded next. The covariances are those of what stands in for it.
    pub next: Start,
    /// The bound of what the fit would go on from.
    pub bound: f64,
    /// Whether a cycle has begun: only then bounds are compared.
    pub begun: bool,
}

impl Default for Cycle {
    fn default() -> Self {
        Self { cap: FIRST_CAP, place: Place::First }
    }
}

impl Cycle {
    /// Goes on after a pass that found `bound` for `at`; `step` is EM's from there.
    ///
    /// # Errors
    ///
    /// Those of `step`, but for a covariance that collapses where a step went too far.
    pub fn advance(
        &mut self,
        at: &Arc<Mixture>,
        bound: f64,
        stop: &Stop,
        step: impl FnOnce() -> Result<Start, Error>,
    ) -> Result<Taken, Error> {
        match mem::replace(&mut self.place, Place::First) {
            Place::First => {
                let next = step()?;
                self.place = Place::Second { base: Arc::clone(at) };
                Ok(Taken { next, bound, begun: true })
            }
            Place::Second { base } => {
                let next = self.further(&base, at, step()?, bound, stop)?;
                Ok(Taken { next, bound, begun: false })
            }
            Place::Third { kept, bound: before, capped } => {
                let next = if bound >= before { bearable(step())? } else { None };
                let Some(next) = next else {
                    self.shorten();
                    return Ok(Taken { next: kept, bound: before, begun: false });
                };
                if capped {
                    self.cap *= 4.0;
                }
                self.place = Place::Second { base: Arc::clone(at) };
                Ok(Taken { next, bound, begun: true })
            }
        }
    }

    /// What is to be kept of a fit that ends here, if it is not what would be folded next.
    #[must_use]
    pub fn kept(self) -> Option<Start> {
        match self.place {
            Place::Third { kept, .. } => Some(kept),
            Place::First | Place::Second { .. } => None,
        }
    }

    fn shorten(&mut self) {
        self.cap = (self.cap / 2.0).max(1.0);
    }

    /// The third point of a cycle, or t₂ where there is none further on.
    fn further(
        &mut self,
        base: &Mixture,
        first: &Mixture,
        second: Start,
        bound: f64,
        stop: &Stop,
    ) -> Result<Start, Error> {
        let path = Path { base, first, second: &second.mixture };
        let length = path.length(stop)?;
        let capped = length >= self.cap;
        let length = length.min(self.cap);
        if length <= 1.0 {
            // EM itself. A cap that says so is given another chance.
            if capped {
                self.cap *= 4.0;
            }
            return Ok(second);
        }
        let Some(mixture) = bearable(path.at(length, stop))? else {
            self.shorten();
            return Ok(second);
        };
        let covariances = memory::copied(&second.covariances, STARTS)?;
        self.place = Place::Third { kept: second, bound, capped };
        Ok(Start { mixture: Arc::new(mixture), covariances })
    }
}

/// Nothing where values went out of their range.
fn bearable<T>(result: Result<T, Error>) -> Result<Option<T>, Error> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(Error::IllConditioned { .. } | Error::InvalidArgument { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// θ, t₁ and t₂.
struct Path<'l> {
    base: &'l Mixture,
    first: &'l Mixture,
    second: &'l Mixture,
}

/// A number on its way, as differences from where it began: what moves the origin cancels.
#[derive(Clone, Copy)]
struct Way {
    base: f64,
    /// t₁ − θ.
    step: f64,
    /// (t₂ − t₁) − (t₁ − θ).
    bend: f64,
}

impl Way {
    fn of([base, first, second]: [f64; 3]) -> Self {
        let step = first - base;
        Self { base, step, bend: (second - first) - step }
    }

    /// That of the logarithm of a positive number.
    fn of_logarithm(values: [f64; 3]) -> Self {
        Self::of(values.map(ln))
    }

    fn at(self, length: f64) -> f64 {
        self.base + (2.0 * length * self.step + length * length * self.bend)
    }
}

/// The squared lengths of r and v.
#[derive(Clone, Copy, Default)]
struct Squares {
    step: f64,
    bend: f64,
}

impl Squares {
    fn add(&mut self, weight: f64, step: f64, bend: f64) {
        self.step += weight * (step * step);
        self.bend += weight * (bend * bend);
    }
}

impl Path<'_> {
    fn each<'s>(&'s self, values: impl Fn(&'s Mixture) -> &'s [f64]) -> impl Fn(usize) -> [f64; 3] {
        let all = [values(self.base), values(self.first), values(self.second)];
        move |i| all.map(|values| values[i])
    }

    /// |r| / |v|; 0 where nothing moves.
    fn length(&self, stop: &Stop) -> Result<f64, Error> {
        let Squares { step, bend } = self.squares(stop)?;
        // Of a path that is straight to rounding nothing is known but that it goes on.
        let length = if step > 0.0 { (step / bend).sqrt() } else { 0.0 };
        Ok(if length.is_nan() { 0.0 } else { length })
    }

    fn squares(&self, stop: &Stop) -> Result<Squares, Error> {
        let (d, geometry) = (self.base.n_features(), self.base.geometry());
        let (weight, mean) = (self.each(Mixture::weights), self.each(Mixture::means));
        let mut squares = Squares::default();
        let mut ways = memory::with_capacity(d, STARTS)?;
        for k in 0..self.base.n_components() {
            stop.check()?;
            let weights = weight(k);
            let share = weights[0];
            if weights.contains(&0.0) {
                continue; // Its logarithm is not there, and the component hardly.
            }
            let way = Way::of_logarithm(weights);
            squares.add(share, way.step, way.bend);
            ways.clear();
            ways.extend((k * d..(k + 1) * d).map(|i| Way::of(mean(i))));
            self.add_mean(k, &ways, share, &mut squares);
            if !geometry.is_shared() {
                self.add_shape(k, share, stop, &mut squares)?;
            }
        }
        if geometry.is_shared() {
            self.add_shape(0, 1.0, stop, &mut squares)?;
        }
        Ok(squares)
    }

    /// |Uᵀ Δμ|².
    fn add_mean(&self, k: usize, ways: &[Way], share: f64, squares: &mut Squares) {
        let (d, factor) = (ways.len(), self.base.factor(k));
        for j in 0..d {
            let (step, bend) = match self.base.geometry() {
                Geometry::Spherical => (factor[0] * ways[j].step, factor[0] * ways[j].bend),
                Geometry::Diagonal => (factor[j] * ways[j].step, factor[j] * ways[j].bend),
                Geometry::Full | Geometry::Tied => {
                    let column = ways[..=j].iter().enumerate().map(|(i, way)| {
                        let u = factor[i * d + j];
                        (u * way.step, u * way.bend)
                    });
                    column.fold((0.0, 0.0), |sum, value| (sum.0 + value.0, sum.1 + value.1))
                }
            };
            squares.add(share, step, bend);
        }
    }

    /// ½ |M + Mᵀ|², where M = U⁻¹ ΔU.
    fn add_shape(
        &self,
        k: usize,
        share: f64,
        stop: &Stop,
        squares: &mut Squares,
    ) -> Result<(), Error> {
        let (d, geometry) = (self.base.n_features(), self.base.geometry());
        let value = self.each(|mixture| mixture.factor(k));
        if !geometry.is_matrix() {
            let copies = if geometry == Geometry::Spherical { d } else { 1 };
            for i in 0..self.base.factor(k).len() {
                let way = Way::of_logarithm(value(i));
                squares.add(2.0 * copies as f64 * share, way.step, way.bend);
            }
            return Ok(());
        }
        let factor = self.base.factor(k);
        let mut column: Vec<(f64, f64)> = memory::with_capacity(d, STARTS)?;
        for j in 0..d {
            stop.check()?;
            column.clear();
            let above = (0..j).map(|i| Way::of(value(i * d + j)));
            column.extend(above.map(|way| (way.step, way.bend)));
            let (way, diagonal) = (Way::of_logarithm(value(j * d + j)), factor[j * d + j]);
            column.push((diagonal * way.step, diagonal * way.bend));
            // Solved from below, column by column of U.
            for row in (0..=j).rev() {
                let diagonal = factor[row * d + row];
                let (step, bend) = (column[row].0 / diagonal, column[row].1 / diagonal);
                squares.add(if row == j { 2.0 * share } else { share }, step, bend);
                for i in 0..row {
                    let u = factor[i * d + row];
                    column[i] = (column[i].0 - u * step, column[i].1 - u * bend);
                }
            }
        }
        Ok(())
    }

    /// θ + 2s·r + s²·v.
    fn at(&self, length: f64, stop: &Stop) -> Result<Mixture, Error> {
        let (base, second) = (self.base, self.second);
        let mean = self.each(Mixture::means);
        let means = (0..base.means().len()).map(|i| Way::of(mean(i)).at(length));
        let means = memory::collected(means, STARTS)?;
        let weights = self.weights(length)?;
        let mut factors = memory::copied(second.precisions_cholesky(), STARTS)?;
        let (d, geometry) = (base.n_features(), base.geometry());
        let value = self.each(Mixture::precisions_cholesky);
        let size = geometry.factor_len(d);
        for (i, factor) in factors.iter_mut().enumerate() {
            let place = i % size;
            *factor = if !geometry.is_matrix() || place % (d + 1) == 0 {
                exp(Way::of_logarithm(value(i)).at(length))
            } else {
                Way::of(value(i)).at(length)
            };
        }
        Mixture::new(geometry, d, weights, means, factors, stop)
    }

    /// Shares of sum 1. A component that is not there stays as it was last.
    fn weights(&self, length: f64) -> Result<Vec<f64>, Error> {
        let weight = self.each(Mixture::weights);
        let of = |k| {
            let weights: [f64; 3] = weight(k);
            if weights.contains(&0.0) {
                return weights[2];
            }
            exp(Way::of_logarithm(weights).at(length))
        };
        let mut weights = memory::collected((0..self.base.weights().len()).map(of), STARTS)?;
        let total: f64 = weights.iter().sum();
        weights.iter_mut().for_each(|weight| *weight /= total);
        Ok(weights)
    }
}
