//! [`AdaptiveStep`].

use super::checks::check_axes;
use super::lower::{multiply, pack, row_start, standard_normals};
use super::{Adaptation, Increments, Learning, RandomWalkMove};
use crate::error::Error;
use crate::simd::{Kernel, Lanes64, Level, Vector, dispatch};
use crate::walkers::generators::Generators;

/// Entries of a factor stay below this, and its diagonal above the reciprocal, wherever a target
/// without scale would drive them: the arithmetic of the update then never leaves the range of
/// normal numbers.
const LARGEST: f64 = 1e140;

/// Normal steps whose covariance SSᵀ each walker learns during the burn-in, so that proposals
/// are accepted with a wanted probability.
///
/// The robust adaptive Metropolis algorithm of Vihola, "Robust adaptive Metropolis algorithm with
/// coerced acceptance rate", Statistics and Computing 22 (2012). The increment is Su with u
/// standard normal; where it was accepted with probability α in step n of the burn-in,
///
/// ```text
/// SSᵀ ← S (I + ηₙ (α − α*) uuᵀ/|u|²) Sᵀ,   ηₙ = min(1, d n^−decay),
/// ```
///
/// a change of rank one made in the Cholesky factor S itself. It is positive definite whatever α
/// is, because ηₙ(α − α*) > −1. After the burn-in S stays as it is, and the walk is an ordinary
/// Metropolis algorithm.
#[derive(Clone, Debug)]
pub struct AdaptiveStep {
    n_dims: usize,
    factor: Vec<f64>,
    target_acceptance: f64,
    decay: f64,
}

impl AdaptiveStep {
    /// Takes the lower Cholesky factor that the walkers begin with (`n_dims` rows one after the
    /// other), the wanted probability of acceptance, and the exponent of the steps' weights.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] or [`Error::Shape`] naming what cannot be used.
    pub fn new(
        factor: &[f64],
        n_dims: usize,
        target_acceptance: f64,
        decay: f64,
    ) -> Result<Self, Error> {
        let factor = pack("factor", factor, n_dims)?;
        if let Some(&entry) =
            factor.iter().find(|entry| **entry != 0.0 && !(1e-100..1e100).contains(&entry.abs()))
        {
            let message = format!("entries must lie between 1e-100 and 1e100, found {entry:e}");
            return Err(Error::InvalidArgument { name: "factor", message });
        }
        let invalid = |name, message| Err(Error::InvalidArgument { name, message });
        if !(target_acceptance > 0.0 && target_acceptance < 1.0) {
            let message = format!("must lie between 0 and 1, found {target_acceptance}");
            return invalid("target_acceptance", message);
        }
        if !(decay > 0.5 && decay <= 1.0) {
            let message = format!("must be above 0.5 and at most 1, found {decay:?}");
            return invalid("decay", message);
        }
        Ok(Self { n_dims, factor, target_acceptance, decay })
    }
}

impl RandomWalkMove for AdaptiveStep {
    fn check(&self, n_dims: usize) -> Result<(), Error> {
        check_axes("factor", [self.n_dims; 2], n_dims)
    }

    fn increments(&self, increments: &mut Increments<'_>) {
        dispatch(Fill { increments });
    }

    fn learning(&self) -> Option<&dyn Learning> {
        Some(self)
    }
}

impl Learning for AdaptiveStep {
    fn name(&self) -> &'static str {
        "factor"
    }

    fn initial(&self) -> &[f64] {
        &self.factor
    }

    fn adapt(&self, adaptation: &mut Adaptation<'_>) {
        dispatch(Adapt { parameters: self, adaptation });
    }
}

/// Increments Su, and |u|² as a note.
struct Fill<'a, 'b> {
    increments: &'a mut Increments<'b>,
}

impl Kernel for Fill<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self, token: L) {
        let Increments { generators: octet, n_dims: d, n_updates, values, stride, .. } =
            self.increments;
        let (d, stride) = (*d, *stride);
        let mut generators = Generators::<L>::load(token, octet);
        for u in 0..*n_updates {
            let slots = &mut values[u * d * stride..];
            standard_normals(token, &mut generators, slots, stride, d);
            let mut square = L::F64::splat(token, 0.0);
            for j in 0..d {
                let z = L::F64::load(token, &slots[j * stride]);
                square = z.mul_add(z, square);
            }
            square.store(&mut self.increments.note[u]);
            multiply(token, self.increments.learnt, slots, stride, d);
        }
        generators.store(octet);
    }
}

/// The change of S after one update.
struct Adapt<'a, 'b> {
    parameters: &'a AdaptiveStep,
    adaptation: &'a mut Adaptation<'b>,
}

impl Kernel for Adapt<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self, token: L) {
        let Self { parameters, adaptation } = self;
        let d = parameters.n_dims;
        let splat = L::F64::splat;
        let (zero, one) = (splat(token, 0.0), splat(token, 1.0));
        let count = splat(token, adaptation.step.max(1) as f64);
        let weight =
            one.min(splat(token, d as f64) * (count.ln() * splat(token, -parameters.decay)).exp());
        // NaN counts as rejected.
        let probability = one.min(L::F64::load(token, adaptation.probability).max(zero));
        let change = weight * (probability - splat(token, parameters.target_acceptance));
        let change = within_limits(token, adaptation.learnt, d, change);
        // Where u is 0 so are the increments, and nothing changes.
        let square = L::F64::load(token, adaptation.note).max(splat(token, f64::MIN_POSITIVE));
        let scale = one.div(square.sqrt());
        let mut direction = Vec::with_capacity(d);
        for increment in &adaptation.increments[..d] {
            let mut lanes = Lanes64::ZERO;
            (L::F64::load(token, increment) * scale).store(&mut lanes);
            direction.push(lanes);
        }
        change_rank_one(token, adaptation.learnt, &mut direction, change);
    }
}

/// The change, or 0 where S would leave the range of numbers.
#[inline(always)]
fn within_limits<L: Level>(token: L, memory: &[Lanes64], d: usize, change: L::F64) -> L::F64 {
    let zero = L::F64::splat(token, 0.0);
    let mut smallest = L::F64::splat(token, f64::MAX);
    let mut largest = zero;
    for j in 0..d {
        for entry in &memory[row_start(j)..row_start(j + 1)] {
            largest = L::F64::load(token, entry).abs().max(largest);
        }
        smallest = L::F64::load(token, &memory[row_start(j) + j]).min(smallest);
    }
    let growth = largest.select_less(L::F64::splat(token, LARGEST), change, zero);
    let shrinkage = L::F64::splat(token, 1.0 / LARGEST).select_less(smallest, change, zero);
    zero.select_less(change, growth, shrinkage)
}

/// Replaces S by the Cholesky factor of S(I + c ûûᵀ)Sᵀ, where `direction` is Sû with |û| = 1 and
/// c > −1 is the change. `direction` is used up.
///
/// Method C1 of Gill, Golub, Murray & Saunders, "Methods for modifying matrix factorizations",
/// Mathematics of Computation 28 (1974), written for the factor of Cholesky: with a = c at first,
/// for each column q = ûⱼ, g = 1 + aq², and a ← a/g. Since g is the ratio of consecutive values
/// of 1 + c Σûᵢ², exact arithmetic gives |q| ≤ 1, g ≥ min(1, 1 + c) and a ≥ min(0, c/(1 + c));
/// forced to hold also in rounded arithmetic, they keep the diagonal positive.
#[inline(always)]
fn change_rank_one<L: Level>(
    token: L,
    memory: &mut [Lanes64],
    direction: &mut [Lanes64],
    change: L::F64,
) {
    let d = direction.len();
    let splat = L::F64::splat;
    let (zero, one) = (splat(token, 0.0), splat(token, 1.0));
    let least = one.min(one + change);
    let lowest = zero.min(change.div(least));
    let mut a = change;
    for j in 0..d {
        let diagonal = L::F64::load(token, &memory[row_start(j) + j]);
        let q = L::F64::load(token, &direction[j]).div(diagonal);
        let q = one.min(q.max(splat(token, -1.0)));
        let g = (a * q).mul_add(q, one).max(least);
        let root = g.sqrt();
        let factor = (a * q).div(root);
        (diagonal * root).store(&mut memory[row_start(j) + j]);
        for r in j + 1..d {
            let entry = L::F64::load(token, &memory[row_start(r) + j]);
            let rest = (zero - q).mul_add(entry, L::F64::load(token, &direction[r]));
            rest.store(&mut direction[r]);
            factor.mul_add(rest, root * entry).store(&mut memory[row_start(r) + j]);
        }
        a = a.div(g).max(lowest);
    }
}
