//! The normal quantile function, and the normal scores of ranks.

#![expect(clippy::excessive_precision, reason = "coefficients as they were published")]

use crate::error::Error;
use crate::fold::{Context, Partition, RowsMut};
use crate::memory;
use crate::simd::{Kernel, Level, dispatch, ln};

/// Half the width of the central region, in probability.
const CENTRAL: f64 = 0.425;
/// Where the tails change their approximation, in √(−ln p).
const FAR: f64 = 5.0;

/// Coefficients of a rational approximation, the constant term first.
struct Rational {
    numerator: [f64; 8],
    denominator: [f64; 8],
}

impl Rational {
    #[inline(always)]
    fn at(&self, x: f64) -> f64 {
        let polynomial = |c: &[f64; 8]| c[..7].iter().rev().fold(c[7], |sum, &term| sum * x + term);
        polynomial(&self.numerator) / polynomial(&self.denominator)
    }
}

const CENTRE: Rational = Rational {
    numerator: [
        3.387_132_872_796_366_608,
        1.331_416_678_917_843_774_5e2,
        1.971_590_950_306_551_442_7e3,
        1.373_169_376_550_946_112_5e4,
        4.592_195_393_154_987_145_7e4,
        6.726_577_092_700_870_085_3e4,
        3.343_057_558_358_812_810_5e4,
        2.509_080_928_730_122_672_7e3,
    ],
    denominator: [
        1.0,
        4.231_333_070_160_091_125_2e1,
        6.871_870_074_920_579_083e2,
        5.394_196_021_424_751_107_7e3,
        2.121_379_430_158_659_586_7e4,
        3.930_789_580_009_271_061e4,
        2.872_908_573_572_194_267_4e4,
        5.226_495_278_852_854_561e3,
    ],
};

const TAIL: Rational = Rational {
    numerator: [
        1.423_437_110_749_683_577_34,
        4.630_337_846_156_545_295_9,
        5.769_497_221_460_691_405_5,
        3.647_848_324_763_204_605_04,
        1.270_458_252_452_368_382_58,
        2.417_807_251_774_506_117_7e-1,
        2.272_384_498_926_918_458_33e-2,
        7.745_450_142_783_414_076_4e-4,
    ],
    denominator: [
        1.0,
        2.053_191_626_637_758_821_87,
        1.676_384_830_183_803_849_4,
        6.897_673_349_851_000_045_5e-1,
        1.481_039_764_274_800_745_9e-1,
        1.519_866_656_361_645_719_66e-2,
        5.475_938_084_995_344_946e-4,
        1.050_750_071_644_416_843_24e-9,
    ],
};

const FAR_TAIL: Rational = Rational {
    numerator: [
        6.657_904_643_501_103_777_2,
        5.463_784_911_164_114_369_9,
        1.784_826_539_917_291_335_8,
        2.965_605_718_285_048_912_3e-1,
        2.653_218_952_657_612_309_3e-2,
        1.242_660_947_388_078_438_6e-3,
        2.711_555_568_743_487_578_15e-5,
        2.010_334_399_292_288_132_65e-7,
    ],
    denominator: [
        1.0,
        5.998_322_065_558_879_376_9e-1,
        1.369_298_809_227_358_053_1e-1,
        1.487_536_129_085_061_485_25e-2,
        7.868_691_311_456_132_591e-4,
        1.846_318_317_510_054_681_8e-5,
        1.421_511_758_316_445_888_7e-7,
        2.044_263_103_389_939_785_64e-15,
    ],
};

/// z with Φ(z) = ½ + q, for |q| ≤ [`CENTRAL`].
#[inline(always)]
fn central(q: f64) -> f64 {
    q * CENTRE.at(CENTRAL * CENTRAL - q * q)
}

/// −z with Φ(z) = p, for p < ½ − [`CENTRAL`].
fn tail(p: f64) -> f64 {
    let r = (-ln(p)).sqrt();
    if r <= FAR { TAIL.at(r - 1.6) } else { FAR_TAIL.at(r - FAR) }
}

/// The quantile function of the standard normal distribution, to about 1e-16 of its value.
///
/// NaN outside of 0 ≤ p ≤ 1. Wichura, "Algorithm AS 241: the percentage points of the normal
/// distribution", Applied Statistics 37(3), 1988.
#[must_use]
pub fn normal_quantile(p: f64) -> f64 {
    if !(0.0..=1.0).contains(&p) {
        return f64::NAN;
    }
    let q = p - 0.5;
    if q.abs() <= CENTRAL {
        central(q)
    } else if p == 0.0 || p == 1.0 {
        q * f64::INFINITY
    } else {
        tail(p.min(1.0 - p)).copysign(q)
    }
}

/// Normal scores of the ranks 1 to n: quantiles at (rank − 3/8) / (n + 1/4), Blom's positions.
#[derive(Debug, Default)]
pub struct NormalScores {
    of_rank: Vec<f64>,
}

impl NormalScores {
    /// The scores of `n` ranks: one table serves all dimensions, their ranks differ by ties only.
    pub fn new(context: &Context, n: usize) -> Result<Self, Error> {
        let mut of_rank = memory::filled(n, 0.0, "the normal scores of ranks")?;
        let output = RowsMut::column(&mut of_rank);
        context.for_each_chunk(&Partition::of_rows(n, 1), output, |ranks, mut output| {
            dispatch(Fill { first: ranks.start, n, scores: output.values() });
            Ok(())
        })?;
        Ok(Self { of_rank })
    }

    /// The scores of ranks without ties, that of rank 1 first.
    pub fn of_ranks(&self) -> &[f64] {
        &self.of_rank
    }

    /// The score of a rank given as twice itself: the average of ties may lie between two.
    pub fn of_twice(&self, twice: usize) -> f64 {
        let n = self.of_rank.len();
        if twice.is_multiple_of(2) { self.of_rank[twice / 2 - 1] } else { score(twice, n) }
    }
}

/// Exactly antisymmetric in the ranks: the middle one has score 0.
fn score(twice: usize, n: usize) -> f64 {
    let width = n as f64 + 0.25;
    let q = (twice as f64 - (n + 1) as f64) / (2.0 * width);
    if q.abs() <= CENTRAL {
        central(q)
    } else {
        let from_the_end = twice.min(2 * n + 2 - twice);
        tail((from_the_end as f64 / 2.0 - 0.375) / width).copysign(q)
    }
}

/// Fills in the scores of consecutive ranks.
struct Fill<'a> {
    first: usize,
    n: usize,
    scores: &'a mut [f64],
}

impl Kernel for Fill<'_> {
    type Output = ();

    /// All as if they were central, which vectorises; then those in the tails again.
    #[inline(always)]
    fn run<L: Level>(self, _level: L) {
        let width = 2.0 * (self.n as f64 + 0.25);
        let offset = 2.0 * (self.first + 1) as f64 - (self.n + 1) as f64;
        for (index, score) in self.scores.iter_mut().enumerate() {
            *score = central((offset + 2.0 * index as f64) / width);
        }
        for (index, slot) in self.scores.iter_mut().enumerate() {
            let twice = 2 * (self.first + index + 1);
            if ((twice as f64 - (self.n + 1) as f64) / width).abs() > CENTRAL {
                *slot = score(twice, self.n);
            }
        }
    }
}
