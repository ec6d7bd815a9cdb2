//! R-hat: the variance between chains against that within.

use super::draws::{Draws, Layout, Packed, WHAT};
use super::engine::{Work, each_dimension};
use super::lags::Centred;
use super::normal::NormalScores;
use super::ranks;
use crate::error::Error;
use crate::fold::{Context, Stop};
use crate::memory;

/// Fewer draws per chain have no R-hat and no effective sample size.
pub(super) const FEWEST_DRAWS: usize = 4;

/// The unbiased variance; NaN of fewer than two numbers.
pub(super) fn variance(numbers: &[f64]) -> f64 {
    let Some(&pivot) = numbers.first() else { return f64::NAN };
    let n = numbers.len() as f64;
    let mean = numbers.iter().map(|number| number - pivot).sum::<f64>() / n;
    let squares: f64 = numbers.iter().map(|number| ((number - pivot) - mean).powi(2)).sum();
    if numbers.len() < 2 { f64::NAN } else { squares / (n - 1.0) }
}

/// Mean and unbiased variance of each of some pieces of chains, all of one length.
pub(super) struct Pieces {
    length: usize,
    means: Vec<f64>,
    variances: Vec<f64>,
}

impl Pieces {
    /// Of a centred series.
    pub fn of(series: &Centred<'_>, length: usize) -> Result<Self, Error> {
        let n = length as f64;
        let means = series.moments.iter().map(|piece| piece.mean);
        let variances = series.moments.iter().map(|piece| piece.squares / (n - 1.0));
        let means = memory::collected(means, WHAT)?;
        Ok(Self { length, means, variances: memory::collected(variances, WHAT)? })
    }

    /// Of the normal scores of `n` numbers in pieces of `length`, without writing them down.
    fn of_scores(
        (sorted, order): (&[f64], &[u64]),
        length: usize,
        scores: &NormalScores,
        stop: &Stop,
    ) -> Result<Self, Error> {
        let mut sums = memory::filled(sorted.len() / length, Sums::NONE, WHAT)?;
        let divisor = Divisor::new(length);
        ranks::for_each_score(sorted, order, scores, stop, |position, score| {
            sums[divisor.quotient(position)].add(score);
        })?;
        let n = length as f64;
        let means = sums.iter().map(|piece| piece.pivot + piece.sum / n);
        let variance =
            |piece: &Sums| (piece.squares - piece.sum * (piece.sum / n)).max(0.0) / (n - 1.0);
        let variances = memory::collected(sums.iter().map(variance), WHAT)?;
        Ok(Self { length, means: memory::collected(means, WHAT)?, variances })
    }

    /// R-hat: Vehtari et al. (2021), equations 1 to 4.
    pub fn r_hat(&self) -> f64 {
        let n = self.length as f64;
        let within = self.variances.iter().sum::<f64>() / self.variances.len() as f64;
        let between = n * variance(&self.means);
        ((between / within + n - 1.0) / n).sqrt()
    }

    /// Nested R-hat: Margossian et al. (2024), equations 4 to 8.
    fn nested_r_hat(&self, superchains: &Superchains) -> Result<f64, Error> {
        let pieces_per_chain = self.means.len() / superchains.of_chain.len();
        let room = self.means.len() / superchains.count;
        let members = (0..superchains.count).map(|_| memory::with_capacity(room, WHAT));
        let mut members: Vec<Vec<f64>> = memory::gathered(members, WHAT)?;
        for (piece, &mean) in self.means.iter().enumerate() {
            members[superchains.of_chain[piece / pieces_per_chain]].push(mean);
        }
        let mean = |chain: &Vec<f64>| chain.iter().sum::<f64>() / chain.len() as f64;
        let means = memory::collected(members.iter().map(mean), WHAT)?;
        // A single piece, or a single draw, has no variance of its own to add.
        let single = members[0].len() == 1;
        let between_pieces =
            if single { 0.0 } else { members.iter().map(|chain| variance(chain)).sum::<f64>() };
        let within_pieces = if self.length == 1 { 0.0 } else { self.variances.iter().sum::<f64>() };
        let within =
            between_pieces / superchains.count as f64 + within_pieces / self.variances.len() as f64;
        Ok((1.0 + variance(&means) / within).sqrt())
    }
}

/// Sums of one piece's scores, less the first of them: a constant piece has no variance at all.
#[derive(Clone, Copy)]
struct Sums {
    pivot: f64,
    sum: f64,
    squares: f64,
}

impl Sums {
    const NONE: Self = Self { pivot: f64::NAN, sum: 0.0, squares: 0.0 };

    #[inline(always)]
    fn add(&mut self, score: f64) {
        if self.pivot.is_nan() {
            self.pivot = score;
        }
        let distance = score - self.pivot;
        self.sum += distance;
        self.squares += distance * distance;
    }
}

/// Division by a number known only at run time, by one multiplication.
///
/// Exact for numbers below 2³² (Lemire, Kaser & Kurz, "Faster remainder by direct computation",
/// Software: Practice and Experience 49(6), 2019).
struct Divisor(u128);

impl Divisor {
    fn new(divisor: usize) -> Self {
        Self((1 << 64) / divisor as u128 + 1)
    }

    #[inline(always)]
    fn quotient(&self, number: usize) -> usize {
        if self.0 > u128::from(u64::MAX) {
            return number; // divided by 1
        }
        ((u128::from(self.0 as u64) * number as u128) >> 64) as usize
    }
}

/// R-hat of the ranks, after `packed` was sorted: how well chains agree in the bulk, or NaN.
pub(super) fn bulk_r_hat(
    packed: &Packed,
    work: &Work,
    scores: &NormalScores,
    stop: &Stop,
) -> Result<f64, Error> {
    let order = (work.sorter.sorted(), work.sorter.order());
    Ok(Pieces::of_scores(order, packed.length, scores, stop)?.r_hat())
}

/// R-hat of the ranks of distances from the median: how well chains agree in the tails.
pub(super) fn folded_r_hat(
    packed: &Packed,
    work: &mut Work,
    scores: &NormalScores,
    stop: &Stop,
) -> Result<f64, Error> {
    Ok(folded(packed, work, scores, stop)?.map_or(f64::NAN, |pieces| pieces.r_hat()))
}

fn folded(
    packed: &Packed,
    work: &mut Work,
    scores: &NormalScores,
    stop: &Stop,
) -> Result<Option<Pieces>, Error> {
    let order = ranks::fold(&mut work.sorter, &mut work.series, stop)?;
    order.map(|order| Pieces::of_scores(order, packed.length, scores, stop)).transpose()
}

/// The larger of two: of the bulk if that of the tails is NaN, NaN if that of the bulk is.
pub(super) fn larger(bulk: f64, tails: f64) -> f64 {
    if tails > bulk { tails } else { bulk }
}

/// Which chains started together.
#[derive(Clone, Debug)]
pub struct Superchains {
    of_chain: Vec<usize>,
    count: usize,
}

impl Superchains {
    /// Chain i belongs to superchain `of_chain[i]`, numbered from 0.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] if there are fewer than two superchains, or if they do not
    /// have the same number of chains.
    pub fn new(of_chain: Vec<usize>) -> Result<Self, Error> {
        let invalid = |message| Error::InvalidArgument { name: "superchains", message };
        let count = of_chain.iter().max().map_or(0, |&last| last.saturating_add(1));
        if count < 2 || count > of_chain.len() {
            return Err(invalid(format!(
                "there must be at least 2 superchains, each of at least one chain, found {count} \
                 of {} chains",
                of_chain.len()
            )));
        }
        let mut sizes = memory::filled(count, 0_usize, "the superchains")?;
        of_chain.iter().for_each(|&superchain| sizes[superchain] += 1);
        if let Some(odd) = sizes.iter().position(|&size| size != sizes[0]) {
            return Err(invalid(format!(
                "all superchains must have the same number of chains, but superchain 0 has {} and \
                 superchain {odd} has {}",
                sizes[0], sizes[odd]
            )));
        }
        Ok(Self { of_chain, count })
    }
}

/// Nested R-hat of every dimension: have many chains, each too short for R-hat, converged?
///
/// Chains that started from the same point make up a superchain, and superchains are compared
/// (Margossian, Hoffman, Sountsov, Riou-Durand, Vehtari & Gelman, "Nested R-hat: assessing the
/// convergence of Markov chain Monte Carlo when running many short chains", Bayesian Analysis,
/// 2024). With `rank`, of ranks in halves of chains, the larger one of bulk and folded, as
/// [`r_hat`](super::r_hat()) does; chains of fewer than four draws are not halved. Without, of
/// the draws themselves, as in the paper. A chain may have a single draw.
///
/// # Errors
///
/// [`Error::Shape`] if the superchains are not those of as many chains;
/// [`Error::Interrupted`] if the stop flag was raised.
pub fn nested_r_hat(
    context: &Context,
    draws: &Draws<'_>,
    superchains: &Superchains,
    rank: bool,
) -> Result<Vec<f64>, Error> {
    let (chains, found) = (draws.chains(), superchains.of_chain.len());
    if chains != found {
        let expected = format!("({chains},), one superchain for each chain");
        return Err(Error::Shape { name: "superchains", expected, found: vec![found] });
    }
    if draws.draws() == 0 {
        return memory::filled(draws.dimensions(), f64::NAN, WHAT);
    }
    let halved = rank && draws.draws() >= FEWEST_DRAWS;
    let layout = if halved { Layout::Halves } else { Layout::Whole };
    let numbers = draws.draws() / layout.pieces_per_chain() * layout.pieces_per_chain() * chains;
    let scores = NormalScores::new(context, if rank { numbers } else { 0 })?;
    each_dimension(
        context,
        draws,
        layout,
        || Ok(f64::NAN),
        |packed, work| {
            if !rank {
                work.take(&packed.values)?;
                let series = Centred::new(&mut work.series, packed.length)?;
                return Pieces::of(&series, packed.length)?.nested_r_hat(superchains);
            }
            let stop = context.stop();
            work.sorter.sort(&packed.values, stop)?;
            let order = (work.sorter.sorted(), work.sorter.order());
            let bulk = Pieces::of_scores(order, packed.length, &scores, stop)?;
            let bulk = bulk.nested_r_hat(superchains)?;
            let tails = folded(packed, work, &scores, stop)?;
            let tails = tails.map_or(Ok(f64::NAN), |pieces| pieces.nested_r_hat(superchains))?;
            Ok(larger(bulk, tails))
        },
    )
}
