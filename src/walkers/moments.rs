//! Running moments and histograms of walkers, for runs that are not to be kept.

use std::ops::Range;
use std::sync::Arc;

use super::block::{gather, scatter};
use crate::error::Error;
use crate::memory;
use crate::simd::{Kernel, Lanes64, Level, Vector, dispatch};

/// Which bin of a histogram of one or several coordinates a point belongs to.
///
/// Bins hold their lower edge, the last one also its upper; values beyond the edges have no bin.
#[derive(Debug, PartialEq)]
pub struct Binning {
    /// Which coordinates, each with its increasing edges; the last axis is the fastest.
    pub axes: Vec<(usize, Vec<f64>)>,
    /// Bins per unit of each axis, on average.
    scales: Vec<f64>,
}

/// Bins are kept by their index in 32 bits until they are counted.
const MOST_BINS: usize = u32::MAX as usize;
/// Draws of all walkers and histograms whose bins are kept before they are counted, 4 bytes each.
const UNCOUNTED: usize = 1 << 20;
/// What the memory of a histogram is for, in errors.
const BINS: &str = "the bins of a histogram";

impl Binning {
    fn new(axes: Vec<(usize, Vec<f64>)>) -> Self {
        let scale = |(_, edges): &(usize, Vec<f64>)| match edges[..] {
            [first, .., last] => (edges.len() - 1) as f64 / (last - first),
            _ => 0.0,
        };
        Self { scales: axes.iter().map(scale).collect(), axes }
    }

    /// The index of the bin of a point whose coordinates `coordinate` gives.
    #[inline(always)]
    fn index(&self, coordinate: impl Fn(usize) -> f64) -> Option<u32> {
        let mut index = 0;
        for ((dim, edges), &scale) in self.axes.iter().zip(&self.scales) {
            index = index * (edges.len() - 1) + bin(edges, scale, coordinate(*dim))?;
        }
        Some(index as u32)
    }
}

/// The bin of a value. Edges are mostly at equal distances, so the first guess is mostly right
/// or next to it.
#[inline(always)]
fn bin(edges: &[f64], scale: f64, x: f64) -> Option<usize> {
    let (&first, &last) = (edges.first()?, edges.last()?);
    if !(first <= x && x <= last) {
        return None;
    }
    let bins = edges.len() - 1;
    let guess = (((x - first) * scale) as usize).min(bins - 1);
    let holds = |bin: usize| edges[bin] <= x && (x < edges[bin + 1] || bin + 1 == bins);
    [guess, guess.saturating_sub(1), (guess + 1).min(bins - 1)]
        .into_iter()
        .find(|&bin| holds(bin))
        .or_else(|| Some(edges.partition_point(|&edge| edge <= x).clamp(1, bins) - 1))
}

/// A histogram of all walkers.
#[derive(Debug, PartialEq)]
pub struct Histogram {
    /// Its bins, shared with those who look for them.
    pub binning: Arc<Binning>,
    /// Draws in each of them.
    pub counts: Vec<u64>,
}

impl Histogram {
    /// Empty bins.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] if there is no memory for them.
    pub fn new(axes: Vec<(usize, Vec<f64>)>) -> Result<Self, Error> {
        let mut bins = 1_usize;
        for (_, edges) in &axes {
            bins = bins.saturating_mul(edges.len().saturating_sub(1));
        }
        if bins > MOST_BINS {
            let message = format!("have {bins} bins together, more than there is memory for");
            return Err(Error::InvalidArgument { name: "histograms", message });
        }
        let counts = memory::filled(bins, 0, BINS)?;
        Ok(Self { binning: Arc::new(Binning::new(axes)), counts })
    }

    /// A copy.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if there is no room for its bins.
    pub fn copied(&self) -> Result<Self, Error> {
        let counts = memory::copied(&self.counts, BINS)?;
        Ok(Self { binning: Arc::clone(&self.binning), counts })
    }
}

/// What the memory is for, in errors.
const WHAT: &str = "the moments of the walkers";

/// Moments of each walker and histograms of all of them.
///
/// Sums are taken about each walker's first draw, so that an offset costs no digits.
#[derive(Debug, PartialEq)]
pub struct Moments {
    /// Number of coordinates.
    pub n_dims: usize,
    /// Draws per walker.
    pub count: u64,
    /// The first draw of each walker, row by row.
    pub origins: Vec<f64>,
    /// Sums of differences from it, row by row.
    pub sums: Vec<f64>,
    /// Lower triangles of the sums of their products, row by row.
    pub products: Vec<f64>,
    /// The histograms.
    pub histograms: Vec<Histogram>,
}

impl Moments {
    /// No draws yet.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if there is no room for them.
    pub fn new(n_walkers: usize, n_dims: usize, histograms: Vec<Histogram>) -> Result<Self, Error> {
        let zeros = |per_walker: &[usize]| {
            let length = memory::product(per_walker, WHAT)?;
            memory::filled(memory::product(&[length, n_walkers], WHAT)?, 0.0, WHAT)
        };
        let (origins, sums) = (zeros(&[n_dims])?, zeros(&[n_dims])?);
        memory::product(&[n_dims, n_dims], WHAT)?;
        let products = zeros(&[triangle(n_dims)])?;
        Ok(Self { n_dims, count: 0, origins, sums, products, histograms })
    }

    /// A copy.
    ///
    /// # Errors
    ///
    /// As [`Self::new`].
    pub fn copied(&self) -> Result<Self, Error> {
        Ok(Self {
            n_dims: self.n_dims,
            count: self.count,
            origins: memory::copied(&self.origins, WHAT)?,
            sums: memory::copied(&self.sums, WHAT)?,
            products: memory::copied(&self.products, WHAT)?,
            histograms: memory::gathered(self.histograms.iter().map(Histogram::copied), WHAT)?,
        })
    }

    /// Steps after which the bins of the draws have to be counted.
    #[must_use]
    pub fn most_steps(&self) -> u64 {
        match self.histograms.len() {
            0 => u64::MAX,
            n => (UNCOUNTED / (n * self.n_walkers())).max(1) as u64,
        }
    }

    /// Number of walkers.
    #[must_use]
    pub fn n_walkers(&self) -> usize {
        self.origins.len() / self.n_dims.max(1)
    }

    /// Mean of each walker, row by row; NaN without draws.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if there is no room for them.
    pub fn means(&self) -> Result<Vec<f64>, Error> {
        let n = self.count as f64;
        let means = self.origins.iter().zip(&self.sums).map(|(origin, sum)| origin + sum / n);
        memory::collected(means, WHAT)
    }

    /// Writes the covariance matrix of each walker, divided by n − 1; NaN for fewer than two draws.
    pub fn covariances(&self, covariances: &mut [f64]) {
        let (d, n) = (self.n_dims, self.count as f64);
        let divisor = if self.count < 2 { f64::NAN } else { n - 1.0 };
        for (walker, matrix) in covariances.chunks_exact_mut((d * d).max(1)).enumerate() {
            let sums = &self.sums[walker * d..][..d];
            let products = &self.products[walker * triangle(d)..][..triangle(d)];
            for i in 0..d {
                for j in 0..=i {
                    let sum = products[triangle(i) + j] - sums[i] * sums[j] / n;
                    matrix[i * d + j] = sum / divisor;
                    matrix[j * d + i] = matrix[i * d + j];
                }
            }
        }
    }

    /// The largest potential scale reduction factor of the coordinates, from the walkers' means and
    /// variances; NaN for fewer than two walkers or draws.
    #[must_use]
    pub fn psrf(&self) -> f64 {
        let (d, t, n) = (self.n_dims, triangle(self.n_dims), self.count as f64);
        let of_dim = |j: usize| {
            let of_walker = |walker: usize| {
                let sum = self.sums[walker * d + j];
                let square = self.products[walker * t + triangle(j) + j];
                moments_of(self.origins[walker * d + j], sum, square, n)
            };
            potential_scale_reduction((0..self.n_walkers()).map(of_walker), n)
        };
        (0..d).map(of_dim).fold(f64::NAN, f64::max)
    }
}

/// Mean and variance from the sums of n differences from an origin and of their squares.
fn moments_of(origin: f64, sum: f64, square: f64, n: f64) -> (f64, f64) {
    (origin + sum / n, (square - sum * sum / n) / (n - 1.0))
}

/// √((B/n + (n − 1)/n W) / W) for chains of n draws with these means and variances (Gelman & Rubin,
/// "Inference from iterative simulation using multiple sequences", Statistical Science 7, 1992).
fn potential_scale_reduction(chains: impl Iterator<Item = (f64, f64)> + Clone, n: f64) -> f64 {
    let m = chains.clone().count() as f64;
    if m < 2.0 || n < 2.0 {
        return f64::NAN;
    }
    let mean = chains.clone().map(|(mean, _)| mean).sum::<f64>() / m;
    let between = chains.clone().map(|(x, _)| (x - mean).powi(2)).sum::<f64>() / (m - 1.0);
    let within = chains.map(|(_, variance)| variance).sum::<f64>() / m;
    ((between + within * (n - 1.0) / n) / within).sqrt()
}

/// [`Moments::psrf`] of all walkers while they are in their blocks.
pub fn worst_r_hat(blocks: &[&BlockMoments]) -> f64 {
    let Some(first) = blocks.first() else { return f64::NAN };
    let n = first.count as f64;
    let of_dim = |j: usize| {
        let chains = blocks.iter().flat_map(|block| {
            (0..block.walkers.len()).map(move |lane| {
                let (vector, lane) = (lane / 8, lane % 8);
                let at = j * block.width + vector;
                let square = block.products[(triangle(j) + j) * block.width + vector].0[lane];
                moments_of(block.origins[at].0[lane], block.sums[at].0[lane], square, n)
            })
        });
        potential_scale_reduction(chains, n)
    };
    (0..first.n_dims).map(of_dim).fold(f64::NAN, f64::max)
}

/// Entries on and below the diagonal of the first `rows` rows.
fn triangle(rows: usize) -> usize {
    rows * (rows + 1) / 2
}

/// The moments of the walkers of one block, eight to a vector as in [`super::block::Block`].
#[derive(Debug)]
pub struct BlockMoments {
    walkers: Range<usize>,
    width: usize,
    n_dims: usize,
    count: u64,
    origins: Vec<Lanes64>,
    sums: Vec<Lanes64>,
    products: Vec<Lanes64>,
    /// Each histogram's bins of the draws that are not counted yet.
    uncounted: Vec<(Arc<Binning>, Vec<u32>)>,
}

impl BlockMoments {
    /// Takes walkers out.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if there is no room for them.
    pub fn load(moments: &Moments, walkers: Range<usize>, width: usize) -> Result<Self, Error> {
        let d = moments.n_dims;
        let gather = |values: &[f64], per_walker| gather(values, per_walker, &walkers, width);
        let bins = (moments.most_steps() as usize).saturating_mul(walkers.len());
        let uncounted = |histogram: &Histogram| {
            Ok((Arc::clone(&histogram.binning), memory::with_capacity(bins, BINS)?))
        };
        Ok(Self {
            width,
            n_dims: d,
            count: moments.count,
            origins: gather(&moments.origins, d)?,
            sums: gather(&moments.sums, d)?,
            products: gather(&moments.products, triangle(d))?,
            uncounted: memory::gathered(moments.histograms.iter().map(uncounted), WHAT)?,
            walkers,
        })
    }

    /// A copy without the draws that are not counted.
    ///
    /// # Errors
    ///
    /// As [`Self::load`].
    pub fn copied(&self) -> Result<Self, Error> {
        Ok(Self {
            walkers: self.walkers.clone(),
            origins: memory::copied(&self.origins, WHAT)?,
            sums: memory::copied(&self.sums, WHAT)?,
            products: memory::copied(&self.products, WHAT)?,
            uncounted: Vec::new(),
            ..*self
        })
    }

    /// Becomes what `other`, which has the same walkers and no draws that are not counted, is.
    pub fn copy_from(&mut self, other: &Self) {
        self.count = other.count;
        self.origins.copy_from_slice(&other.origins);
        self.sums.copy_from_slice(&other.sums);
        self.products.copy_from_slice(&other.products);
        self.uncounted.iter_mut().for_each(|(_, bins)| bins.clear());
    }

    /// Puts the walkers back.
    pub fn store(&self, moments: &mut Moments) {
        let (d, t) = (self.n_dims, triangle(self.n_dims));
        moments.count = self.count;
        let scatter = |lanes: &[Lanes64], values: &mut [f64], per_walker| {
            scatter(lanes, values, per_walker, &self.walkers, self.width);
        };
        scatter(&self.origins, &mut moments.origins, d);
        scatter(&self.sums, &mut moments.sums, d);
        scatter(&self.products, &mut moments.products, t);
    }

    /// Counts the draws that are not counted yet.
    pub fn count_draws(&mut self, histograms: &mut [Histogram]) {
        for (histogram, (_, bins)) in histograms.iter_mut().zip(&mut self.uncounted) {
            for bin in bins.drain(..) {
                histogram.counts[bin as usize] += 1;
            }
        }
    }

    /// Adds one draw of every walker, one vector per coordinate and octet.
    pub fn add(&mut self, draw: &[Lanes64]) {
        if self.count == 0 {
            self.origins.copy_from_slice(draw);
        }
        self.count += 1;
        dispatch(Add { moments: self, draw });
        let width = self.width;
        for (binning, bins) in &mut self.uncounted {
            for lane in 0..self.walkers.len() {
                bins.extend(binning.index(|dim| draw[dim * width + lane / 8].0[lane % 8]));
            }
        }
    }
}

/// Both or none are there: the first becomes what the second is.
pub fn copy(to: &mut Option<BlockMoments>, from: Option<&BlockMoments>) {
    if let (Some(to), Some(from)) = (to, from) {
        to.copy_from(from);
    }
}

/// Adds a draw to the sums.
struct Add<'a> {
    moments: &'a mut BlockMoments,
    draw: &'a [Lanes64],
}

impl Kernel for Add<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self, token: L) {
        let BlockMoments { width, n_dims, origins, sums, products, .. } = self.moments;
        let load = L::F64::load;
        for p in 0..*width {
            let mut product = p;
            for i in 0..*n_dims {
                let at = i * *width + p;
                let x = load(token, &self.draw[at]) - load(token, &origins[at]);
                (load(token, &sums[at]) + x).store(&mut sums[at]);
                for j in 0..=i {
                    let other = j * *width + p;
                    let y = load(token, &self.draw[other]) - load(token, &origins[other]);
                    let sum = x.mul_add(y, load(token, &products[product]));
                    sum.store(&mut products[product]);
                    product += *width;
                }
            }
        }
    }
}
