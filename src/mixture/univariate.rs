//! Mixtures of one feature: their distribution functions and quantiles, to the ends of both tails.

use std::ops::Range;

use super::elementary::{LANES, padded};
use super::prepared::PREPARED;
use super::value::Mixture;
use crate::error::Error;
use crate::fold::{Context, Partition, RowsMut};
use crate::memory;
use crate::simd::{
    Kernel, Lanes, Lanes64, Level, Vector, dispatch, exp_of_any, ln, ln_of_rest, ln_upper_tail,
};

/// A probability of 0 as a logarithm: infinities would make NaN of their differences.
const NEVER: f64 = -f64::MAX / 4.0;
/// Most steps to a quantile. Bisection alone needs some 60 from the first bracket to the last bit; near
/// 0 bits have no end, and there are other reasons to stop.
const MOST_STEPS: usize = 300;
/// How many roundings of a tail's logarithm are no difference.
const ROUNDINGS: f64 = 4.0;

/// Which probability is meant, and how it is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale {
    /// P(X > x), not P(X ≤ x).
    pub upper: bool,
    /// Its logarithm.
    pub logarithm: bool,
}

/// P(X ≤ x) of every x under a mixture of one feature.
///
/// # Errors
///
/// [`Error::InvalidArgument`] if the mixture has more features, [`Error::Interrupted`] if stopped.
pub fn distribution(
    context: &Context,
    model: &Mixture,
    x: &[f64],
    scale: Scale,
    out: &mut [f64],
) -> Result<(), Error> {
    let normals = &Normals::of(model)?;
    each_leaf(context, x, out, |x, out| dispatch(Distribution { context, normals, scale, x, out }))
}

/// x with P(X ≤ x) = p for every p under a mixture of one feature.
///
/// # Errors
///
/// As [`distribution`].
pub fn quantiles(
    context: &Context,
    model: &Mixture,
    p: &[f64],
    scale: Scale,
    out: &mut [f64],
) -> Result<(), Error> {
    let normals = &Normals::of(model)?;
    each_leaf(context, p, out, |p, out| dispatch(Quantiles { context, normals, scale, p, out }))
}

fn each_leaf(
    context: &Context,
    points: &[f64],
    out: &mut [f64],
    write: impl Fn(&[f64], &mut [f64]) -> Result<(), Error> + Sync,
) -> Result<(), Error> {
    let partition = Partition::new(points.len(), 256);
    let write =
        |range: Range<usize>, mut out: RowsMut<'_, f64>| write(&points[range], out.values());
    context.for_each_chunk(&partition, RowsMut::column(out), write)
}

/// The components of positive weight.
struct Normals {
    /// log of the weight, mean, 1/σ, and log of the density at the mean.
    components: Vec<[f64; 4]>,
}

/// Logarithms at one point: of both tails, and of the density.
struct Logs<V> {
    lower: V,
    upper: V,
    density: V,
}

impl Normals {
    fn of(model: &Mixture) -> Result<Self, Error> {
        if model.n_features() != 1 {
            let message = format!("must have one feature, found {}", model.n_features());
            return Err(Error::InvalidArgument { name: "the mixture", message });
        }
        let total: f64 = model.weights().iter().sum();
        let count = model.weights().iter().filter(|w| **w > 0.0).count();
        let mut components = memory::filled(count, [0.0; 4], PREPARED)?;
        let present = (0..model.n_components()).filter(|k| model.weights()[*k] > 0.0);
        for (component, k) in components.iter_mut().zip(present) {
            let weight = ln(model.weights()[k] / total);
            *component =
                [weight, model.mean(k)[0], model.factor(k)[0].abs(), model.log_normalizer(k)];
        }
        Ok(Self { components })
    }

    /// An interval that has the quantile of a tail of probability `tail` ≤ ½ in it: those of the
    /// components lie between √(−2 log tail) standard deviations and the mean, and that of the mixture
    /// among them.
    fn bracket(&self, log_tail: f64, upper: bool) -> [f64; 2] {
        let reach = (-2.0 * log_tail).sqrt();
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for &[_, mean, inverse, _] in &self.components {
            let far = if upper { mean + reach / inverse } else { mean - reach / inverse };
            low = low.min(mean).min(far);
            high = high.max(mean).max(far);
        }
        [low.max(-f64::MAX), high.min(f64::MAX)]
    }

    #[inline(always)]
    fn logs<V: Vector<Scalar = f64>>(&self, token: V::Token, x: V) -> Logs<V> {
        let zero = V::splat(token, 0.0);
        let mut lower = LogSum::new(token);
        let mut upper = LogSum::new(token);
        let mut density = LogSum::new(token);
        for &[weight, mean, inverse, normalizer] in &self.components {
            let weight = V::splat(token, weight);
            let z = (x - V::splat(token, mean)) * V::splat(token, inverse);
            let tail = ln_upper_tail(token, z.abs()).max(V::splat(token, NEVER));
            // No rounding matters here: the other tail is at least ½.
            let rest = (V::splat(token, 1.0) - tail.exp()).ln();
            lower.add(token, weight + z.select_less(zero, tail, rest));
            upper.add(token, weight + z.select_less(zero, rest, tail));
            density
                .add(token, weight + (z * z * V::splat(token, -0.5) + V::splat(token, normalizer)));
        }
        let (mut lower, mut upper) = (lower.total(), upper.total());
        let half = V::splat(token, -std::f64::consts::LN_2);
        // The larger tail is what the smaller one leaves.
        let of_upper = ln_of_rest(token, upper.min(half));
        let of_lower = ln_of_rest(token, lower.min(half));
        let (below, above) = (lower, upper);
        lower = above.select_less(half, of_upper, lower);
        upper = below.select_less(half, of_lower, upper);
        Logs { lower, upper, density: density.total() }
    }
}

/// log Σ exp of terms that come one by one.
struct LogSum<V> {
    largest: V,
    sum: V,
}

impl<V: Vector<Scalar = f64>> LogSum<V> {
    #[inline(always)]
    fn new(token: V::Token) -> Self {
        Self { largest: V::splat(token, NEVER), sum: V::splat(token, 0.0) }
    }

    #[inline(always)]
    fn add(&mut self, token: V::Token, term: V) {
        let term = term.max(V::splat(token, NEVER));
        let largest = self.largest.max(term);
        let [before, new] = V::exp_each([self.largest - largest, term - largest]);
        self.sum = self.sum.mul_add(before, new);
        self.largest = largest;
    }

    #[inline(always)]
    fn total(&self) -> V {
        self.largest + self.sum.ln()
    }
}

struct Distribution<'a> {
    context: &'a Context,
    normals: &'a Normals,
    scale: Scale,
    x: &'a [f64],
    out: &'a mut [f64],
}

impl Kernel for Distribution<'_> {
    type Output = Result<(), Error>;

    #[inline(always)]
    fn run<L: Level>(self, token: L) -> Self::Output {
        self.context.check()?;
        for (x, out) in self.x.chunks(LANES).zip(self.out.chunks_mut(LANES)) {
            let x = L::F64::load(token, &Lanes(padded(x)));
            let logs = self.normals.logs(token, x);
            let tail = if self.scale.upper { logs.upper } else { logs.lower };
            let value = if self.scale.logarithm { tail } else { exp_of_any(token, tail) };
            let mut lanes = Lanes64::ZERO;
            value.store(&mut lanes);
            for (out, value) in out.iter_mut().zip(lanes.0) {
                *out = if value < NEVER / 2.0 { f64::NEG_INFINITY } else { value };
            }
        }
        Ok(())
    }
}

/// The search for one quantile: Newton's steps on the logarithm of the smaller tail, within a bracket.
#[derive(Clone, Copy)]
struct Search {
    upper: bool,
    log_tail: f64,
    low: f64,
    high: f64,
    x: f64,
    last_step: f64,
    done: bool,
}

impl Search {
    fn new(normals: &Normals, log_tail: f64, upper: bool) -> Self {
        let [low, high] = normals.bracket(log_tail, upper);
        let x = 0.5 * low + 0.5 * high;
        let last_step = 0.5 * high - 0.5 * low;
        let end = log_tail <= NEVER / 2.0;
        let edge = if upper { f64::INFINITY } else { f64::NEG_INFINITY };
        let x = if end { edge } else { x };
        Self { upper, log_tail, low, high, x, last_step, done: end || log_tail.is_nan() }
    }

    /// Takes in the logarithm of the tail at x, and tail / density.
    fn advance(&mut self, found: f64, ratio: f64) {
        let excess = found - self.log_tail;
        if (excess > 0.0) == self.upper {
            self.low = self.x;
        } else {
            self.high = self.x;
        }
        let step = if self.upper { excess * ratio } else { -excess * ratio };
        // As close as rounding lets the tail be known: x cannot be told from its neighbours.
        let met = excess.abs() <= ROUNDINGS * f64::EPSILON * (-self.log_tail).max(1.0);
        let newton = self.x + step;
        let inside = newton > self.low && newton < self.high;
        if met || step.abs() <= f64::EPSILON * self.x.abs() {
            self.x = if inside { newton } else { self.x };
            self.done = true;
            return;
        }
        let next = if inside && step.abs() <= 0.5 * self.last_step.abs() {
            newton
        } else {
            0.5 * self.low + 0.5 * self.high
        };
        self.done = next <= self.low || next >= self.high;
        self.last_step = next - self.x;
        if next >= self.low && next <= self.high {
            self.x = next;
        }
    }
}

struct Quantiles<'a> {
    context: &'a Context,
    normals: &'a Normals,
    scale: Scale,
    p: &'a [f64],
    out: &'a mut [f64],
}

impl Kernel for Quantiles<'_> {
    type Output = Result<(), Error>;

    #[inline(always)]
    fn run<L: Level>(self, token: L) -> Self::Output {
        let Self { context, normals, scale, p, out } = self;
        for (p, out) in p.chunks(LANES).zip(out.chunks_mut(LANES)) {
            let mut searches = searches(token, normals, scale, padded(p));
            for _ in 0..MOST_STEPS {
                context.check()?;
                if searches.iter().all(|search| search.done) {
                    break;
                }
                step(normals, token, &mut searches);
            }
            for (out, search) in out.iter_mut().zip(&searches) {
                *out = search.x;
            }
        }
        Ok(())
    }
}

/// Each probability as the smaller one of the two tails that it cuts.
#[inline(always)]
fn searches<L: Level>(
    token: L,
    normals: &Normals,
    scale: Scale,
    p: [f64; LANES],
) -> [Search; LANES] {
    let mut rest = Lanes64::ZERO;
    if scale.logarithm {
        let p = L::F64::load(token, &Lanes(p)).max(L::F64::splat(token, NEVER));
        larger_tail(token, p).store(&mut rest);
    }
    std::array::from_fn(|i| {
        let (log, log_rest) = match scale.logarithm {
            true => (p[i], rest.0[i]),
            false => (ln(p[i]), ln(1.0 - p[i])),
        };
        let small = log <= -std::f64::consts::LN_2;
        let tail = if small { log } else { log_rest };
        Search::new(normals, tail, small == scale.upper)
    })
}

/// log(1 − eˣ) for −log 2 < x ≤ 0, where 1 − eˣ is what counts: −∞ at 0.
#[inline(always)]
fn larger_tail<V: Vector<Scalar = f64>>(token: V::Token, x: V) -> V {
    // eˣ − 1 = (u − 1) x / log u with u = eˣ rounded, again by W. Kahan.
    let one = V::splat(token, 1.0);
    let tiny = V::splat(token, f64::MIN_POSITIVE);
    let u = x.exp();
    let lost = one - u;
    let log = V::splat(token, 0.0) - u.ln();
    let exact = lost.select_less(
        tiny,
        V::splat(token, 0.0) - x,
        lost * ((V::splat(token, 0.0) - x).div(log.max(tiny))),
    );
    let logarithm = exact.max(tiny).ln();
    exact.select_less(tiny, V::splat(token, NEVER), logarithm)
}

/// One step of eight searches.
#[inline(always)]
fn step<L: Level>(normals: &Normals, token: L, searches: &mut [Search; LANES]) {
    let mut x = [0.0; LANES];
    for (x, search) in x.iter_mut().zip(searches.iter()) {
        *x = if search.done { 0.0 } else { search.x };
    }
    let logs = normals.logs(token, L::F64::load(token, &Lanes(x)));
    let (mut tails, mut ratios) = ([Lanes64::ZERO; 2], [Lanes64::ZERO; 2]);
    logs.lower.store(&mut tails[0]);
    logs.upper.store(&mut tails[1]);
    exp_of_any(token, logs.lower - logs.density).store(&mut ratios[0]);
    exp_of_any(token, logs.upper - logs.density).store(&mut ratios[1]);
    for (i, search) in searches.iter_mut().enumerate() {
        if !search.done {
            let tail = usize::from(search.upper);
            search.advance(tails[tail].0[i], ratios[tail].0[i]);
        }
    }
}
