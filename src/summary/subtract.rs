//! What is left of a summary when values are taken away that were added before.
//!
//! Exact states form a group: counts, sums, and the counts of buckets and bins are integers, and
//! those of the values that are left are the differences. What single values make (the smallest,
//! the largest, the best, how many are distinct) cannot be told, and is dropped, unless only NaN
//! and nulls were taken away.
//!
//! Whether the values were there cannot be told either; but where it shows that they were not, in
//! a count below zero or in sums that no values have, that is an error.

use super::best::Best;
use super::exact::Exact;
use super::joint::Joint;
use super::number::Number;
use super::parts::{Counts, Parts};
use super::prefixes::PrefixSketch;
use super::sketch::Sketch;
use super::sums::{Higher, Sums, WeightedSums};
use super::weighted::Weighted;
use crate::error::Error;
use crate::fold::Stop;
use crate::memory;

/// The error that says what the values have that the whole does not.
pub(super) fn never_added(what: &str) -> Error {
    Error::NeverAdded(format!("it has {what}"))
}

/// No values are left, and a sum of them.
pub(super) fn left_over() -> Error {
    Error::NeverAdded("no finite values would be left, and a sum of them that is not 0".to_owned())
}

/// Σx² < 0.
pub(super) fn negative_squares() -> Error {
    Error::NeverAdded("the sum of the squares that are left would be negative".to_owned())
}

/// n Σx² < (Σx)².
pub(super) fn negative_scatter() -> Error {
    Error::NeverAdded("the variance of the values that are left would be negative".to_owned())
}

/// Σx² ≠ x² of one value.
pub(super) fn spread_of_one() -> Error {
    Error::NeverAdded("the one value that is left would have a variance".to_owned())
}

/// A sum above what the largest values have.
pub(super) fn too_large() -> Error {
    Error::NeverAdded("so few values as are left cannot have the sums that are left".to_owned())
}

/// Checks that a part lies within the range of all.
pub(super) fn check_range(all: (Number, Number), part: (Number, Number)) -> Result<(), Error> {
    let shown = |number: Number| match number.integer() {
        Some(integer) if !number.is_f64() => integer.to_string(),
        _ => format!("{:?}", number.nearest()),
    };
    let outside = |value: Number, side: &str, end: Number| {
        never_added(&format!("the value {}, {side} {}", shown(value), shown(end)))
    };
    if part.0 < all.0 {
        return Err(outside(part.0, "below the smallest of the whole,", all.0));
    }
    if part.1 > all.1 {
        return Err(outside(part.1, "above the largest of the whole,", all.1));
    }
    Ok(())
}

/// Takes counts away from those of the same buckets; both are in ascending order.
pub(super) fn subtract_buckets<K: Copy + Ord>(
    buckets: &mut Vec<(K, u64)>,
    taken: &[(K, u64)],
) -> Result<(), Error> {
    let mut place = 0;
    for &(key, times) in taken {
        place += buckets[place..].partition_point(|bucket| bucket.0 < key);
        let left = buckets
            .get_mut(place)
            .filter(|bucket| bucket.0 == key)
            .and_then(|bucket| bucket.1.checked_sub(times).map(|left| (bucket, left)));
        match left {
            Some((bucket, left)) => bucket.1 = left,
            None => {
                let what = "more values in a bucket of its quantiles than are there";
                return Err(never_added(what));
            }
        }
    }
    buckets.retain(|bucket| bucket.1 > 0);
    Ok(())
}

/// How many of a kind are left.
fn left(all: u64, taken: u64, kind: &str) -> Result<u64, Error> {
    all.checked_sub(taken).ok_or_else(|| never_added(&format!("{taken} {kind}, where {all} are")))
}

/// Checks that the best numbers of a part are among those of the whole, whatever ids they have there.
fn check_best(all: &Best, part: &Best) -> Result<(), Error> {
    let mut whole = all.entries().iter().map(|(number, _)| *number).peekable();
    let is_better = |a: Number, b: Number| if all.largest() { a > b } else { a < b };
    for &(number, _) in part.entries() {
        while whole.next_if(|&next| is_better(next, number)).is_some() {}
        match whole.next() {
            Some(next) if next == number => {}
            // What is cut off may be there.
            None if all.entries().len() == all.limit() => return Ok(()),
            _ => {
                return Err(never_added(
                    "one of the best values that is not among those of the whole",
                ));
            }
        }
    }
    Ok(())
}

impl Counts {
    /// How many are left.
    pub(super) fn minus(&self, other: &Self) -> Result<Self, Error> {
        left(self.finite_count(), other.finite_count(), "finite values")?;
        Ok(Self {
            count: left(self.count, other.count, "values")?,
            nan_count: left(self.nan_count, other.nan_count, "NaN")?,
            null_count: left(self.null_count, other.null_count, "nulls")?,
            positive_infinity_count: left(
                self.positive_infinity_count,
                other.positive_infinity_count,
                "values of +inf",
            )?,
            negative_infinity_count: left(
                self.negative_infinity_count,
                other.negative_infinity_count,
                "values of -inf",
            )?,
        })
    }
}

impl Sums {
    /// The sums of so many finite values that are left.
    fn minus(&self, other: &Self, count: u64) -> Result<Self, Error> {
        let mut left = self.clone();
        left.first.subtract(&other.first);
        left.second.subtract(&other.second);
        left.higher = left.higher.zip(other.higher.as_ref()).map(|(mut left, taken)| {
            left.third.subtract(&taken.third);
            left.fourth.subtract(&taken.fourth);
            left
        });
        left.check(count)?;
        Ok(left)
    }

    /// Checks that so many values can have them.
    fn check(&self, count: u64) -> Result<(), Error> {
        let higher = self.higher.as_deref();
        let fourth_is = |test: fn(&Higher) -> bool| higher.is_some_and(test);
        if self.second.is_negative() || fourth_is(|higher| higher.fourth.is_negative()) {
            return Err(negative_squares());
        }
        let possible = self.first.is_possible(count)
            && self.second.is_possible(count)
            && higher.is_none_or(|higher| {
                higher.third.is_possible(count) && higher.fourth.is_possible(count)
            });
        if !possible {
            return Err(if count == 0 { left_over() } else { too_large() });
        }
        let (n, s1, s2) = (Exact::from(count), self.first.exact(), self.second.exact());
        if is_less(&(&n * &s2), &(&s1 * &s1)) {
            return Err(negative_scatter());
        }
        if count == 1 && is_less(&(&s1 * &s1), &s2) {
            return Err(spread_of_one());
        }
        // Likewise of x², and of x beside x².
        if let Some(higher) = higher {
            let (s3, s4) = (higher.third.exact(), higher.fourth.exact());
            if is_less(&(&n * &s4), &(&s2 * &s2)) || is_less(&(&s2 * &s4), &(&s3 * &s3)) {
                let problem = "no values have the sums of powers that would be left";
                return Err(Error::NeverAdded(problem.to_owned()));
            }
        }
        Ok(())
    }
}

impl Weighted {
    /// Checks that so many values can have the sums.
    fn check(&self, count: u64) -> Result<(), Error> {
        let WeightedSums { weight, square, first, second } = &self.sums;
        if weight.is_negative() || square.is_negative() {
            let problem = "the weights that are left would be negative";
            return Err(Error::NeverAdded(problem.to_owned()));
        }
        if second.is_negative() {
            return Err(negative_squares());
        }
        let possible = weight.is_possible(count)
            && square.is_possible(count)
            && first.is_possible(count)
            && second.is_possible(count);
        if !possible {
            return Err(if count == 0 { left_over() } else { too_large() });
        }
        let (n, w, w2) = (Exact::from(count), weight.exact(), square.exact());
        // Weights are positive: Σw² ≤ (Σw)² ≤ n Σw².
        if (count > 0 && (weight.is_zero() || square.is_zero()))
            || is_less(&(&w * &w), &w2)
            || is_less(&(&n * &w2), &(&w * &w))
        {
            let problem = "no weights have the sums that would be left";
            return Err(Error::NeverAdded(problem.to_owned()));
        }
        let (s1, s2) = (first.exact(), second.exact());
        if is_less(&(&w * &s2), &(&s1 * &s1)) {
            return Err(negative_scatter());
        }
        if count == 1 && is_less(&(&s1 * &s1), &(&w * &s2)) {
            return Err(spread_of_one());
        }
        Ok(())
    }
}

fn is_less(left: &Exact, right: &Exact) -> bool {
    (left - right).is_negative()
}

impl Parts {
    /// Checks that single values that are known of a part are among those of the whole.
    fn check_members(&self, part: &Self) -> Result<(), Error> {
        if let (Some(all), Some(distinct)) = (&self.distinct, &part.distinct) {
            let mut both = all.clone();
            both.merge(distinct);
            if both != *all {
                return Err(never_added("values that are different from all those of the whole"));
            }
        }
        let same_order = self.best.largest() == part.best.largest();
        if self.best.limit() > 0 && part.best.limit() > 0 && same_order {
            check_best(&self.best, &part.best)?;
        }
        Ok(())
    }

    /// The sums with weights of the values that are left: values without weigh 1.
    fn weights_minus(&self, other: &Self, count: u64) -> Result<Option<Box<Weighted>>, Error> {
        let Some((all, taken)) = self.with_weights_of_both(other)? else { return Ok(None) };
        let mut left = all;
        left.sums.subtract(&taken.sums);
        left.check(count)?;
        Ok(Some(Box::new(left)))
    }

    /// What is left without the values of another; a part that one side lacks cannot be told.
    pub(super) fn minus(&self, other: &Self) -> Result<Self, Error> {
        memory::check("a summary")?;
        let counts = self.counts.minus(&other.counts)?;
        if let (Some(all), Some(part)) = (self.extremes.range(), other.extremes.range()) {
            check_range(all, part)?;
        }
        let complete = !other.extremes.are_unknown();
        let known = complete && !self.extremes.are_unknown() && other.counts.count == 0;
        self.check_members(other)?;
        let prefixes = self.prefixes.as_ref().zip(other.prefixes.as_ref());
        let sketches = self.sketch.as_ref().zip(other.sketch.as_ref());
        let histograms = self.histogram.as_ref().zip(other.histogram.as_ref());
        let weighted = self.weights_minus(other, counts.finite_count())?;
        let sums = match weighted {
            Some(_) => Sums::new(false),
            None => self.sums.minus(&other.sums, counts.finite_count())?,
        };
        let mut left = Self {
            counts,
            extremes: self.extremes,
            sums,
            weighted,
            best: Best::new(0, false),
            prefixes: prefixes
                .map(|(all, part)| PrefixSketch::minus(all, part, complete))
                .transpose()?,
            sketch: sketches.map(|(all, part)| Sketch::minus(all, part, complete)).transpose()?,
            histogram: histograms.map(|(all, part)| all.minus(part)).transpose()?,
            distinct: None,
        };
        if known {
            left.best = self.best.copied()?;
            left.best.merge(&other.best)?;
            left.distinct = self.distinct.clone().filter(|_| other.distinct.is_some());
        } else {
            left.forget_members();
        }
        Ok(left)
    }
}

impl Joint {
    /// Takes the rows of another one away, which were added before.
    ///
    /// # Errors
    ///
    /// [`Error::NeverAdded`] wherever it shows that they were not, [`Error::Incompatible`] if the
    /// numbers of columns differ, [`Error::Memory`], [`Error::Interrupted`]; `self` then stays as
    /// it is.
    pub fn try_subtract(&mut self, other: &Self, stop: &Stop) -> Result<(), Error> {
        self.check_columns(other)?;
        let mut all = self.copied()?;
        all.count = left(self.count, other.count, "complete rows")?;
        all.incomplete_count =
            left(self.incomplete_count, other.incomplete_count, "incomplete rows")?;
        all.sums.iter_mut().zip(&other.sums).for_each(|(left, taken)| left.subtract(taken));
        all.products.iter_mut().zip(&other.products).for_each(|(left, taken)| left.subtract(taken));
        all.check(stop)?;
        *self = all;
        Ok(())
    }

    /// Checks that as many rows can have the sums.
    fn check(&self, stop: &Stop) -> Result<(), Error> {
        let n = Exact::from(self.count);
        let possible = self.sums.iter().all(|sum| sum.is_possible(self.count))
            && self.products.iter().all(|sum| sum.is_possible(self.count));
        if !possible {
            return Err(if self.count == 0 { left_over() } else { too_large() });
        }
        let columns = 0..self.n_columns();
        let sums = memory::collected(columns.clone().map(|i| self.sum(i)), "the joint sums")?;
        let cross = |i: usize, j: usize| &(&n * &self.product(i, j)) - &(&sums[i] * &sums[j]);
        let squares = memory::collected(columns.clone().map(|i| cross(i, i)), "the joint sums")?;
        if squares.iter().any(Exact::is_negative) {
            return Err(negative_scatter());
        }
        for i in columns {
            stop.check()?;
            for j in 0..i {
                let product = cross(i, j);
                if is_less(&(&squares[i] * &squares[j]), &(&product * &product)) {
                    let problem = "two columns that are left would have a correlation beyond 1";
                    return Err(Error::NeverAdded(problem.to_owned()));
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
