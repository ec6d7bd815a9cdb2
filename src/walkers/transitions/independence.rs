//! [`Independence`].

use super::{Step, Transition};
use crate::error::Error;
use crate::memory;
use crate::simd::{Kernel, Lanes64, Level, Vector, dispatch};
use crate::walkers::block::Block;
use crate::walkers::generators::Generators;
use crate::walkers::moves::{check_axes, multiply, pack, row_start, standard_normals};
use crate::walkers::state::WHAT;
use crate::walkers::update::Rejected;

/// Degrees of freedom of the proposals. An even number of them makes χ² a sum of exponential
/// numbers; tails that are heavier than the target's are what keeps walkers from getting stuck.
pub const FREEDOM: usize = 8;

/// Proposals that do not depend on where a walker is: of Student's t distribution about a mean.
///
/// The independence sampler of Tierney, "Markov chains for exploring posterior distributions",
/// Annals of Statistics 22 (1994), section 2.3.3. With m and LLᵀ the mean and covariance of the
/// target, y = m + L z √(ν/χ²), where z is standard normal and χ² has ν = 8 degrees of freedom, and
/// Hastings' factor is t(x)/t(y) with t(x) ∝ (1 + |L⁻¹(x−m)|²/ν)^(−(ν+d)/2). Where the target is
/// nearly of that form a step is nearly an independent draw of it.
///
/// With a [`Reach`] R the distribution is cut where |L⁻¹(y−m)| exceeds R: instead of going there, and
/// if it is there, a walker is proposed to stay.
#[derive(Clone, Debug)]
pub struct Independence {
    mean: Vec<f64>,
    /// L, packed row by row, and one over its diagonal.
    factor: Vec<f64>,
    inverse: Vec<f64>,
    /// R².
    reach: f64,
    /// Walkers whose log-density is below this leave whatever is farther; −∞ for none.
    leaves_below: f64,
}

/// How far [`Independence`] goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reach {
    /// Up to R.
    Within(f64),
    /// Up to R, but a walker that is farther out and whose log-density is below the second number is
    /// led in: for a burn-in, in which walkers arrive. It is no Markov kernel of the target.
    Towards(f64, f64),
}

impl Independence {
    /// Takes m and L, `mean.len()` rows one after the other.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] or [`Error::Shape`] if L is no lower Cholesky factor or a mean is
    /// not finite; [`Error::Memory`] if there is no room for them.
    pub fn new(mean: &[f64], factor: &[f64]) -> Result<Self, Error> {
        let d = mean.len();
        if let Some(bad) = mean.iter().find(|mean| !mean.is_finite()) {
            let message = format!("must be finite, found {bad}");
            return Err(Error::InvalidArgument { name: "mean", message });
        }
        let factor = pack("factor", factor, d)?;
        let inverse = (0..d).map(|j| 1.0 / factor[row_start(j) + j]);
        let (mean, inverse) = (memory::copied(mean, WHAT)?, memory::collected(inverse, WHAT)?);
        let (reach, leaves_below) = (f64::INFINITY, f64::NEG_INFINITY);
        Ok(Self { mean, factor, inverse, reach, leaves_below })
    }

    /// The same, cut.
    #[must_use]
    pub fn cut(self, reach: Reach) -> Self {
        let (reach, leaves_below) = match reach {
            Reach::Within(reach) => (reach, f64::NEG_INFINITY),
            Reach::Towards(reach, below) => (reach, below),
        };
        Self { reach: reach * reach, leaves_below, ..self }
    }
}

impl Transition for Independence {
    fn check(&self, n_dims: usize, _n_walkers: usize) -> Result<(), Error> {
        check_axes("factor", [self.mean.len(); 2], n_dims)
    }

    fn evaluations(&self, _n_dims: usize) -> usize {
        1
    }

    fn step(&self, step: &mut Step<'_>) -> Result<(), Rejected> {
        step.refresh()?;
        let (block, scratch) = (&mut *step.block, &mut *step.scratch);
        for vector in 0..block.width {
            dispatch(Propose {
                of: self,
                block,
                vector,
                proposed: &mut scratch.candidates.positions,
                log_factor: &mut scratch.candidates.log_factor[vector],
                room: &mut scratch.increments,
            });
        }
        step.decide(1)
    }
}

/// −(ν + d)/2 ln(1 + q/ν).
#[inline(always)]
fn of_square<L: Level>(token: L, square: L::F64, d: usize) -> L::F64 {
    let nu = FREEDOM as f64;
    let splat = L::F64::splat;
    let base = square.mul_add(splat(token, 1.0 / nu), splat(token, 1.0));
    base.ln() * splat(token, -0.5 * (nu + d as f64))
}

/// |L⁻¹(x−m)|², by forward substitution.
#[inline(always)]
fn square_of<L: Level>(
    token: L,
    of: &Independence,
    points: &[Lanes64],
    stride: usize,
    room: &mut [Lanes64],
) -> L::F64 {
    let splat = L::F64::splat;
    let mut square = splat(token, 0.0);
    for j in 0..of.mean.len() {
        let row = row_start(j);
        let mut rest = L::F64::load(token, &points[j * stride]) - splat(token, of.mean[j]);
        for i in 0..j {
            let solved = L::F64::load(token, &room[i]);
            rest = solved.mul_add(splat(token, -of.factor[row + i]), rest);
        }
        let solved = rest * splat(token, of.inverse[j]);
        solved.store(&mut room[j]);
        square = solved.mul_add(solved, square);
    }
    square
}

/// The proposals of one vector of walkers.
struct Propose<'a> {
    of: &'a Independence,
    block: &'a mut Block,
    vector: usize,
    proposed: &'a mut [Lanes64],
    log_factor: &'a mut Lanes64,
    room: &'a mut [Lanes64],
}

impl Kernel for Propose<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self, token: L) {
        let Self { of, block, vector, proposed, log_factor, room } = self;
        let (d, width) = (of.mean.len(), block.width);
        let splat = L::F64::splat;
        let here = square_of(token, of, &block.positions[vector..], width, room);
        let mut generators = Generators::<L>::load(token, &block.proposal[vector]);
        standard_normals(token, &mut generators, room, 1, d);
        let mut square = splat(token, 0.0);
        for slot in &room[..d] {
            let z = L::F64::load(token, slot);
            square = z.mul_add(z, square);
        }
        // χ² of ν degrees of freedom is −2 ln of the product of ν/2 uniform numbers.
        let mut product = splat(token, 1.0);
        for _ in 0..FREEDOM / 2 {
            product = product * generators.uniform_positive();
        }
        generators.store(&mut block.proposal[vector]);
        let stretch = splat(token, -0.5 * FREEDOM as f64).div(product.ln());
        // A product that is 1 has the logarithm 0: what is no number is rejected.
        let scale = stretch.sqrt();
        let there = square * stretch;
        let reach = splat(token, of.reach);
        let log_density = L::F64::load(token, &block.log_density[vector]);
        // How far a walker is, but for one that is led in.
        let bound = log_density.select_less(splat(token, of.leaves_below), reach, here);
        let unless_cut = |value: L::F64, otherwise: L::F64| {
            reach.select_less(bound, otherwise, reach.select_less(there, otherwise, value))
        };
        multiply(token, &of.factor[..], room, 1, d);
        for j in 0..d {
            let step = L::F64::load(token, &room[j]);
            let point = step.mul_add(scale, splat(token, of.mean[j]));
            let slot = j * width + vector;
            let stay = L::F64::load(token, &block.positions[slot]);
            unless_cut(point, stay).store(&mut proposed[slot]);
        }
        let factor = of_square(token, here, d) - of_square(token, there, d);
        let never = splat(token, f64::NEG_INFINITY);
        unless_cut(factor, never).store(log_factor);
    }
}
