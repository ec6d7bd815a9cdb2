//! Σx, Σx², Σx³ and Σx⁴ of a block, exactly, in ordinary floating-point registers.
//!
//! Numbers are split into *limbs*, multiples of units 2⁻²³, 2⁻⁴⁶, ... with so few bits that products
//! of two limbs, and sums of many such products, are floats: schoolbook multiplication of big
//! integers, with a fused multiply-add for each pair of limbs and no carries. Splitting is the
//! extraction of Rump, Ogita & Oishi, "Accurate floating-point summation part I", SIAM J. Sci.
//! Comput. 31 (2008): fl(x + 1.5·2⁵²u) − 1.5·2⁵²u is x rounded to a multiple of u.
//!
//! With values scaled to |x| < 1, of which all but 0 are at least 2⁻¹⁶ and so multiples of 2⁻⁶⁸, and B = 2⁻²³:
//!
//! | of | limbs or columns | sizes, in their units |
//! |---|---|---|
//! | x = l₀ + l₁ + l₂ | lⱼ of unit Bʲ⁺¹ | l₀ to 2²³, the others to 2²² |
//! | x² = c₀ + … + c₄ | cₖ = Σ lᵢlⱼ with i + j = k, of unit Bᵏ⁺² | to 1.3·2⁴⁶ |
//! | x² = s₀ + … + s₅ | the same after carries, sⱼ of unit Bʲ⁺¹ | s₀ to 2²³, the others to 2²² |
//! | x³ | Σ sᵢlⱼ with i + j = k ≤ 7, of unit Bᵏ⁺² | to 1.3·2⁴⁶ |
//! | x⁴ | Σ sᵢsⱼ with i + j = k ≤ 10, of unit Bᵏ⁺² | to 2⁴⁷ |
//!
//! So [`DEPTH`] = 64 values per lane end at no more than 2⁵³ units, where floats are still integers.
//!
//! What limits it: 47 multiplications, most of them fused, and 40 additions for each vector of
//! values; 22 cycles per register where a core has two units that do either, 24 where two multiply
//! and two others add. That is 6 cycles a value with AVX2 and 6 to 3 with AVX-512.

use super::builder::NotFinite;
use super::windows::{Octet, exponent, power_of_two};
use super::{First, Fourth, Second, Sums, Third};
use crate::simd::{Kernel, Lanes, Lanes64, Level, Lines, Part, Vector, dispatch};

/// log₂ of 1/B.
const RADIX: i32 = 23;
/// Values per lane after which the sums are taken down.
const DEPTH: usize = 64;
/// Values per lane whose limbs are kept in between: 9 limbs of each are 4.6 kB or 9.2 kB.
const AT_ONCE: usize = 16;
/// Largest exponent spread of a block.
const SPREAD: i32 = 16;
/// Limbs of x.
const LIMBS: usize = 3;
/// Columns of x².
const SQUARE: usize = 5;
/// Limbs of x².
const CARRIED: usize = 6;
/// Columns of x³.
const CUBE: usize = CARRIED + LIMBS - 1;
/// Columns of x⁴.
const FOURTH: usize = 2 * CARRIED - 1;

/// A block's exponent E: its values are 0 or in [2^(E−16), 2^E).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scale(i32);

impl Scale {
    /// So that values are normal, and no unit is below the last bit of the sums.
    const RANGE: std::ops::RangeInclusive<i32> = -1000..=1020;

    /// The one for values up to that size; `None` if there is none.
    pub(super) fn covering(largest: f64) -> Option<Self> {
        let exponent = (exponent(largest) + 1).max(*Self::RANGE.start());
        Self::RANGE.contains(&exponent).then_some(Self(exponent))
    }

    /// Whether values up to that size fit.
    fn covers(self, largest: f64) -> bool {
        exponent(largest) < self.0
    }

    /// The smallest value but 0 that fits.
    pub(super) fn smallest(self) -> f64 {
        power_of_two(self.0 - SPREAD)
    }
}

/// Sums in units of columns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Columns<T> {
    first: [T; LIMBS],
    second: [T; SQUARE],
    third: [T; CUBE],
    fourth: [T; FOURTH],
}

impl<T> Columns<T> {
    /// Those of all powers, one after the other.
    fn each<U>(&mut self, other: &Columns<U>, mut add: impl FnMut(&mut T, &U)) {
        let mut all = |left: &mut [T], right: &[U]| {
            left.iter_mut().zip(right).for_each(|(left, right)| add(left, right));
        };
        all(&mut self.first, &other.first);
        all(&mut self.second, &other.second);
        all(&mut self.third, &other.third);
        all(&mut self.fourth, &other.fourth);
    }
}

/// The exponent of the unit of a column of the `power`-th power of values below 2^`scale`.
fn unit(scale: Scale, power: i32, column: usize) -> i32 {
    // Only the limbs of x itself begin with a single B.
    let begin = if power == 1 { 1 } else { 2 };
    power * scale.0 - RADIX * (column as i32 + begin)
}

/// Sums of one scale since it was chosen, in its units.
#[derive(Clone, Debug, Default)]
pub(super) struct PowersBuilder(Option<(Scale, Box<Columns<i128>>)>);

impl PowersBuilder {
    /// The scale for values up to that size, the open one if they fit there.
    pub(super) fn scale(&self, smallest: f64, largest: f64) -> Option<Scale> {
        let open = self.0.as_ref().map(|(scale, _)| *scale);
        open.filter(|scale| scale.covers(largest) && smallest >= scale.smallest())
            .or_else(|| Scale::covering(largest))
    }

    /// Adds a block of values that fit the scale.
    ///
    /// # Errors
    ///
    /// [`NotFinite`], and then nothing was added, if one is NaN.
    pub(super) fn add(
        &mut self,
        octets: &[Octet],
        scale: Scale,
        ahead: Lines,
        sums: &mut Sums,
    ) -> Result<(), NotFinite> {
        let found = columns(octets, scale, ahead).ok_or(NotFinite)?;
        if self.0.as_ref().is_none_or(|(open, _)| *open != scale) {
            self.close(sums);
        }
        let (_, open) = self.0.get_or_insert_with(|| (scale, Box::default()));
        open.each(&found, |sum, &found| *sum += i128::from(found));
        Ok(())
    }

    /// Moves the sums to where they belong.
    pub(super) fn close(&mut self, sums: &mut Sums) {
        let (Some((scale, columns)), Some(higher)) = (self.0.take(), &mut sums.higher) else {
            return;
        };
        for (column, &sum) in columns.first.iter().enumerate() {
            sums.first.add_integer(sum, First::place(unit(scale, 1, column)));
        }
        for (column, &sum) in columns.second.iter().enumerate() {
            sums.second.add_integer(sum, Second::place(unit(scale, 2, column)));
        }
        for (column, &sum) in columns.third.iter().enumerate() {
            higher.third.add_integer(sum, Third::place(unit(scale, 3, column)));
        }
        for (column, &sum) in columns.fourth.iter().enumerate() {
            higher.fourth.add_integer(sum, Fourth::place(unit(scale, 4, column)));
        }
    }
}

/// The columns of a block; `None` if a value is NaN.
fn columns(octets: &[Octet], scale: Scale, ahead: Lines) -> Option<Columns<i64>> {
    dispatch(Powers { octets, scale: power_of_two(-scale.0), ahead })
}

struct Powers<'a> {
    octets: &'a [Octet],
    scale: f64,
    ahead: Lines,
}

impl Kernel for Powers<'_> {
    type Output = Option<Columns<i64>>;

    #[inline(always)]
    fn run<L: Level>(mut self, level: L) -> Self::Output {
        let mut total = Columns::default();
        let mut found = Columns {
            first: [Lanes64::ZERO; LIMBS],
            second: [Lanes64::ZERO; SQUARE],
            third: [Lanes64::ZERO; CUBE],
            fourth: [Lanes64::ZERO; FOURTH],
        };
        let mut steps = Steps::<L::F64>::new(level, self.scale);
        for octets in self.octets.chunks(DEPTH) {
            for part in 0..<L::F64 as Vector>::Part::COUNT {
                let ahead = if part == 0 { octets.len() } else { 0 };
                self.ahead.prefetch(ahead);
                steps.add_up(level, octets, part, &mut found);
            }
            if found.first[0].0.iter().any(|sum| sum.is_nan()) {
                return None;
            }
            take_down(&mut total, &found);
        }
        Some(total)
    }
}

/// Sums up one register of each octet, a few octets at a time.
///
/// One step after the other for these few: so each step keeps its sums in registers, and the core
/// works on several octets at once, as the additions of one step of one octet wait for one another.
struct Steps<V: Vector> {
    splitter: Splitter<V>,
    scale: V::Part,
    limbs: [[V::Part; LIMBS]; AT_ONCE],
    /// First the columns of squares, then their limbs.
    squares: [[V::Part; CARRIED]; AT_ONCE],
}

impl<V: Vector<Scalar = f64, Lanes = Lanes64>> Steps<V> {
    #[inline(always)]
    fn new(level: V::Token, scale: f64) -> Self {
        let zero = V::Part::splat(level, 0.0);
        Self {
            splitter: Splitter::new(level),
            scale: V::Part::splat(level, scale),
            limbs: [[zero; LIMBS]; AT_ONCE],
            squares: [[zero; CARRIED]; AT_ONCE],
        }
    }

    /// Writes the columns of at most [`DEPTH`] octets, those of the lanes of a part.
    #[inline(always)]
    fn add_up(
        &mut self,
        level: V::Token,
        octets: &[Octet],
        part: usize,
        found: &mut Columns<Lanes64>,
    ) {
        let zero = V::Part::splat(level, 0.0);
        let (mut first, mut second) = ([zero; LIMBS], [zero; SQUARE]);
        let (mut third, mut fourth) = ([zero; CUBE], [zero; FOURTH]);
        for octets in octets.chunks(AT_ONCE) {
            let limbs = &mut self.limbs[..octets.len()];
            let squares = &mut self.squares[..octets.len()];
            for ((limbs, columns), octet) in limbs.iter_mut().zip(squares.iter_mut()).zip(octets) {
                let x = V::Part::load(level, &Lanes(*octet), part) * self.scale;
                *limbs = self.splitter.limbs(x);
                let square = square_columns::<V>(*limbs);
                for j in 0..LIMBS {
                    first[j] = first[j] + limbs[j];
                }
                for j in 0..SQUARE {
                    second[j] = second[j] + square[j];
                    columns[j] = square[j];
                }
            }
            for columns in squares.iter_mut() {
                self.splitter.carry(columns);
            }
            for (limbs, square) in limbs.iter().zip(squares.iter()) {
                add_cubes::<V>(&mut third, limbs, square);
            }
            for square in squares.iter() {
                add_fourths::<V>(&mut fourth, square);
            }
        }
        write::<V, LIMBS>(&mut found.first, first, part);
        write::<V, SQUARE>(&mut found.second, second, part);
        write::<V, CUBE>(&mut found.third, third, part);
        write::<V, FOURTH>(&mut found.fourth, fourth, part);
    }
}

#[inline(always)]
fn write<V: Vector, const N: usize>(lanes: &mut [V::Lanes; N], sums: [V::Part; N], part: usize) {
    for (lanes, sum) in lanes.iter_mut().zip(sums) {
        sum.store(lanes, part);
    }
}

/// Adds lanes to sums of integers, in the units of columns of values below 1.
fn take_down(total: &mut Columns<i64>, found: &Columns<Lanes64>) {
    let one = Scale(0);
    let add = |total: &mut [i64], found: &[Lanes64], power: i32| {
        for (column, (total, lanes)) in total.iter_mut().zip(found).enumerate() {
            let per_unit = power_of_two(-unit(one, power, column));
            *total += lanes.0.iter().map(|sum| (sum * per_unit) as i64).sum::<i64>();
        }
    };
    add(&mut total.first, &found.first, 1);
    add(&mut total.second, &found.second, 2);
    add(&mut total.third, &found.third, 3);
    add(&mut total.fourth, &found.fourth, 4);
}

/// What rounds to multiples of B, B², ...: 1.5·2⁵² of each.
struct Splitter<V: Vector>([V::Part; CARRIED - 1]);

impl<V: Vector<Scalar = f64>> Splitter<V> {
    #[inline(always)]
    fn new(level: V::Token) -> Self {
        Self(std::array::from_fn(|j| {
            V::Part::splat(level, 1.5 * power_of_two(52 - RADIX * (j as i32 + 1)))
        }))
    }

    /// x rounded to a multiple of Bʲ⁺¹.
    #[inline(always)]
    fn round(&self, x: V::Part, j: usize) -> V::Part {
        (x + self.0[j]) - self.0[j]
    }

    /// Those of x.
    #[inline(always)]
    fn limbs(&self, x: V::Part) -> [V::Part; LIMBS] {
        let first = self.round(x, 0);
        let rest = x - first;
        let second = self.round(rest, 1);
        [first, second, rest - second]
    }

    /// From the columns of a square to its limbs, in their place: what exceeds a unit of the column
    /// before is carried there.
    #[inline(always)]
    fn carry(&self, square: &mut [V::Part; CARRIED]) {
        let mut columns = *square;
        for j in (0..SQUARE).rev() {
            let carried = self.round(columns[j], j);
            square[j + 1] = columns[j] - carried;
            if j == 0 {
                square[0] = carried;
            } else {
                columns[j - 1] = columns[j - 1] + carried;
            }
        }
    }
}

/// The columns of x².
#[inline(always)]
fn square_columns<V: Vector>([a, b, c]: [V::Part; LIMBS]) -> [V::Part; SQUARE] {
    let twice = a + a;
    [a * a, twice * b, twice.mul_add(c, b * b), (b + b) * c, c * c]
}

/// Adds the columns of x²·x.
#[inline(always)]
fn add_cubes<V: Vector>(
    sums: &mut [V::Part; CUBE],
    x: &[V::Part; LIMBS],
    square: &[V::Part; CARRIED],
) {
    for i in 0..CARRIED {
        for j in 0..LIMBS {
            sums[i + j] = square[i].mul_add(x[j], sums[i + j]);
        }
    }
}

/// Adds the columns of x²·x².
#[inline(always)]
fn add_fourths<V: Vector>(sums: &mut [V::Part; FOURTH], square: &[V::Part; CARRIED]) {
    for i in 0..CARRIED {
        sums[2 * i] = square[i].mul_add(square[i], sums[2 * i]);
        let twice = square[i] + square[i];
        for j in i + 1..CARRIED {
            sums[i + j] = twice.mul_add(square[j], sums[i + j]);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::summary::sums::{BLOCK, SumsBuilder};

    fn one_by_one(values: &[f64]) -> Sums {
        let mut sums = Sums::new(true);
        values.iter().for_each(|&value| sums.add(value));
        sums
    }

    fn by_limbs(values: &[f64]) -> Sums {
        let (octets, rest) = values.as_chunks();
        assert!(rest.is_empty());
        let sizes = || values.iter().map(|value| value.abs()).filter(|&size| size > 0.0);
        let largest = sizes().fold(0.0, f64::max);
        let scale = Scale::covering(largest).expect("sizes that are covered");
        assert!(sizes().all(|size| size >= scale.smallest()), "sizes of one scale");
        let (mut sums, mut builder) = (Sums::new(true), PowersBuilder::default());
        builder.add(octets, scale, Lines::NONE, &mut sums).unwrap();
        builder.close(&mut sums);
        sums
    }

    /// Values of every size that a scale covers, above all those at its ends.
    fn values(scale: i32) -> impl Strategy<Value = f64> {
        let mantissa = prop_oneof![Just(0_u64), Just((1 << 52) - 1), 0..1_u64 << 52];
        let below = prop_oneof![Just(0_i32), Just(SPREAD - 1), 0..SPREAD];
        (mantissa, below, any::<bool>()).prop_map(move |(mantissa, below, negative)| {
            let size = f64::from_bits(1.0_f64.to_bits() | mantissa);
            let value = size * power_of_two(scale - 1 - below);
            if negative { -value } else { value }
        })
    }

    fn blocks() -> impl Strategy<Value = Vec<f64>> {
        let scale = prop_oneof![Just(-1000), Just(1020), -1000..=1020_i32, -20..20_i32];
        (scale, 1..=BLOCK).prop_flat_map(|(scale, octets)| {
            let value = prop_oneof![8 => values(scale), 1 => Just(0.0)];
            prop::collection::vec(value, 8 * octets)
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn sums_are_those_of_values_one_by_one(values in blocks()) {
            let largest = values.iter().fold(0.0_f64, |a, b| a.max(b.abs()));
            let scale = Scale::covering(largest).unwrap();
            let values: Vec<f64> = values
                .into_iter()
                .map(|value| if value.abs() < scale.smallest() { 0.0 } else { value })
                .collect();
            prop_assert_eq!(by_limbs(&values), one_by_one(&values));
        }

        /// Where each sum is as large as it can be, and of one sign.
        #[test]
        fn equal_values_fill_the_sums(value in values(3), octets in 1..=BLOCK) {
            let values = vec![value.abs(); 8 * octets];
            prop_assert_eq!(by_limbs(&values), one_by_one(&values));
        }

        /// Some values too small for the scale of the others, or all of any size.
        #[test]
        fn blocks_of_any_sizes(
            mut values in blocks(),
            strange in prop::collection::vec((any::<prop::sample::Index>(), any::<f64>()), 0..40),
        ) {
            for (index, value) in strange {
                let place = index.index(values.len());
                values[place] = if value.is_finite() { value } else { 5e-324 };
            }
            let mut builder = SumsBuilder::new(true);
            builder.add(&values, &[]).unwrap();
            prop_assert_eq!(builder.finish(), one_by_one(&values));
        }
    }

    #[test]
    fn nan_is_found_in_every_lane_and_leaves_nothing() {
        for place in [0, 3, 7, 8 * 100 + 5] {
            let mut values = vec![1.5; 8 * BLOCK];
            values[place] = f64::NAN;
            let mut builder = SumsBuilder::new(true);
            assert!(builder.add(&values, &[]).is_err());
            assert_eq!(builder.finish(), Sums::new(true));
        }
    }
}
