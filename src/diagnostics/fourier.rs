//! Sums of lagged products for all lags at once, by fast Fourier transforms of our own.
//!
//! Of our own, because results must have the same bits on every machine: the usual libraries
//! choose their algorithm by the CPU. It can be short, since no transform is ever looked at:
//! forwards it leaves its output in bit-reversed order, and the way back starts from there.

use super::draws::WHAT;
use super::lags::{Series, Sums};
use crate::error::Error;
use crate::fold::{Context, Partition};
use crate::memory;
use crate::simd::{Kernel, Level, dispatch};

/// At most this many partial sums of power spectra, each as long as a transform.
const PARTS: usize = 8;

/// Σⱼ yⱼ yⱼ₊ₜ over all pieces for the lags t = 0 to `lags` − 1, which is at most their length.
pub(super) fn lag_sums(
    context: &Context,
    series: &impl Series,
    lags: usize,
) -> Result<Vec<f64>, Error> {
    // Products wrap around the end of a transform: those of lag t with those of lag size − t.
    let size = (series.length() + lags - 1).next_power_of_two().max(2);
    let roots = Roots::new(size)?;
    let pairs = series.pieces().div_ceil(2);
    let partition = Partition::new(pairs, pairs.div_ceil(PARTS));
    let power = context.fold(&partition, |pairs| {
        let zeros = || memory::filled(size, 0.0, WHAT);
        let (mut power, mut real, mut imaginary) = (zeros()?, zeros()?, zeros()?);
        for pair in pairs {
            context.check()?;
            // A pair of pieces as one complex series: the products of one with the other are
            // imaginary in the end and never looked at.
            fill(series, 2 * pair, &mut real);
            fill(series, 2 * pair + 1, &mut imaginary);
            dispatch(AddPower {
                roots: &roots,
                real: &mut real,
                imaginary: &mut imaginary,
                power: &mut power,
            });
        }
        Ok(Sums(power))
    })?;
    let (mut real, mut imaginary) = (power.0, memory::filled(size, 0.0, WHAT)?);
    dispatch(Back { roots: &roots, real: &mut real, imaginary: &mut imaginary });
    real.truncate(lags);
    real.iter_mut().for_each(|sum| *sum /= size as f64);
    Ok(real)
}

/// A piece with zeros behind it; only zeros if there is no such piece.
fn fill(series: &impl Series, piece: usize, target: &mut [f64]) {
    let (values, padding) = target.split_at_mut(series.length());
    if piece < series.pieces() {
        series.write(piece, values);
    } else {
        values.fill(0.0);
    }
    padding.fill(0.0);
}

/// Roots of unity exp(−iπ j / h) for h = 1, 2, 4, …, size / 2 and j < h.
struct Roots {
    /// Those of h start at h − 1.
    real: Vec<f64>,
    imaginary: Vec<f64>,
}

impl Roots {
    /// By halving angles and by products, without the sines of the platform, whose bits differ.
    fn new(size: usize) -> Result<Self, Error> {
        let room = || memory::with_capacity(size, WHAT);
        let (mut real, mut imaginary) = (room()?, room()?);
        real.push(1.0);
        imaginary.push(0.0);
        // exp(−iπ / h), from that of h / 2.
        let (mut cosine, mut sine) = (-1.0_f64, 0.0_f64);
        let mut h = 2;
        while h < size {
            (cosine, sine) = if h == 2 {
                (0.0, -1.0)
            } else {
                let half = (f64::midpoint(1.0, cosine)).sqrt();
                (half, sine / (2.0 * half))
            };
            // Even ones are those of h / 2, odd ones one step further.
            for j in 0..h {
                let (c, s) = (real[h / 2 - 1 + j / 2], imaginary[h / 2 - 1 + j / 2]);
                let odd = j % 2 == 1;
                real.push(if odd { c * cosine - s * sine } else { c });
                imaginary.push(if odd { c * sine + s * cosine } else { s });
            }
            h *= 2;
        }
        Ok(Self { real, imaginary })
    }

    #[inline(always)]
    fn of(&self, h: usize) -> (&[f64], &[f64]) {
        (&self.real[h - 1..2 * h - 1], &self.imaginary[h - 1..2 * h - 1])
    }
}

/// Transforms and adds the squares of the absolute values, in bit-reversed order.
struct AddPower<'a> {
    roots: &'a Roots,
    real: &'a mut [f64],
    imaginary: &'a mut [f64],
    power: &'a mut [f64],
}

impl Kernel for AddPower<'_> {
    type Output = ();

    /// Decimation in frequency: from halves to neighbours.
    #[inline(always)]
    fn run<L: Level>(self, _level: L) {
        let size = self.real.len();
        // Blocks of eight and less are too short for vectors.
        let shortest = if size >= 8 { 8 } else { 1 };
        let mut h = size / 2;
        while h >= shortest {
            let roots = self.roots.of(h);
            let blocks = self.real.chunks_exact_mut(2 * h);
            for (real, imaginary) in blocks.zip(self.imaginary.chunks_exact_mut(2 * h)) {
                forth(roots, real.split_at_mut(h), imaginary.split_at_mut(h));
            }
            h /= 2;
        }
        if size >= 8 {
            let (blocks, _) = self.real.as_chunks_mut();
            for (real, imaginary) in blocks.iter_mut().zip(self.imaginary.as_chunks_mut().0) {
                last_three(self.roots.of(4), real, imaginary);
            }
        }
        for ((sum, &c), &s) in self.power.iter_mut().zip(&*self.real).zip(&*self.imaginary) {
            *sum += c.mul_add(c, s * s);
        }
    }
}

/// The two halves of a block.
type Halves<'a> = (&'a mut [f64], &'a mut [f64]);

/// (a, b) → (a + b, (a − b) w).
#[inline(always)]
fn forth(roots: (&[f64], &[f64]), real: Halves<'_>, imaginary: Halves<'_>) {
    let parts = real.0.iter_mut().zip(real.1).zip(imaginary.0.iter_mut().zip(imaginary.1));
    for (((ar, br), (ai, bi)), (&c, &s)) in parts.zip(roots.0.iter().zip(roots.1)) {
        let (dr, di) = (*ar - *br, *ai - *bi);
        *ar += *br;
        *ai += *bi;
        *br = dr.mul_add(c, -(di * s));
        *bi = dr.mul_add(s, di * c);
    }
}

/// The stages with h = 4, 2 and 1 of one block of eight.
#[inline(always)]
fn last_three(roots: (&[f64], &[f64]), real: &mut [f64; 8], imaginary: &mut [f64; 8]) {
    let (low, high) = real.split_at_mut(4);
    forth(roots, (low, high), imaginary.split_at_mut(4));
    for start in [0, 4] {
        // The roots are 1 and −i: no products.
        sum_and_difference(real, start, start + 2);
        sum_and_difference(imaginary, start, start + 2);
        sum_and_difference(real, start + 1, start + 3);
        sum_and_difference(imaginary, start + 1, start + 3);
        (real[start + 3], imaginary[start + 3]) = (imaginary[start + 3], -real[start + 3]);
    }
    for start in [0, 2, 4, 6] {
        sum_and_difference(real, start, start + 1);
        sum_and_difference(imaginary, start, start + 1);
    }
}

#[inline(always)]
fn sum_and_difference(values: &mut [f64; 8], a: usize, b: usize) {
    (values[a], values[b]) = (values[a] + values[b], values[a] - values[b]);
}

/// The inverse transform of numbers in bit-reversed order, times their number.
struct Back<'a> {
    roots: &'a Roots,
    real: &'a mut [f64],
    imaginary: &'a mut [f64],
}

impl Kernel for Back<'_> {
    type Output = ();

    /// Decimation in time: from neighbours to halves.
    #[inline(always)]
    fn run<L: Level>(self, _level: L) {
        let mut h = 1;
        while h < self.real.len() {
            let roots = self.roots.of(h);
            let blocks = self.real.chunks_exact_mut(2 * h);
            for (real, imaginary) in blocks.zip(self.imaginary.chunks_exact_mut(2 * h)) {
                back(roots, real.split_at_mut(h), imaginary.split_at_mut(h));
            }
            h *= 2;
        }
    }
}

/// (a, b) → (a + b w̄, a − b w̄).
#[inline(always)]
fn back(roots: (&[f64], &[f64]), real: Halves<'_>, imaginary: Halves<'_>) {
    let parts = real.0.iter_mut().zip(real.1).zip(imaginary.0.iter_mut().zip(imaginary.1));
    for (((ar, br), (ai, bi)), (&c, &s)) in parts.zip(roots.0.iter().zip(roots.1)) {
        let turned_real = br.mul_add(c, *bi * s);
        let turned_imaginary = bi.mul_add(c, -(*br * s));
        (*br, *bi) = (*ar - turned_real, *ai - turned_imaginary);
        *ar += turned_real;
        *ai += turned_imaginary;
    }
}
