//! [`State`]: a summary in few bytes, for very many groups, columns or rows side by side.

use super::accumulate::{Accumulator, Block, Counting, Owners, blocks};
use super::exact::Exact;
use super::number::Number;
use super::parts::{Counts, Parts};
use super::short::Short;
use super::summary::Summary;
use super::sums::SumsBuilder;
use crate::error::Error;
use crate::memory;

/// What the memory is for, in errors.
pub(super) const WHAT: &str = "the summaries of the groups";

/// A [`Summary`], in the fewest bytes that hold it.
///
/// It is short if it can be: so equal summaries are equal states.
#[derive(Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// A hundred bytes.
    #[expect(private_interfaces, reason = "what is short is for this room to know")]
    Short(Short),
    /// Any other.
    Whole(Summary),
}

impl From<Summary> for State {
    fn from(summary: Summary) -> Self {
        match summary.parts().and_then(Short::of_parts) {
            Some(short) => Self::Short(short),
            None => Self::Whole(summary),
        }
    }
}

impl State {
    /// What values with the settings of empty parts are added to: it has these settings if they are those of short
    /// summaries, and else is the identity until the first values come.
    pub(super) fn begun(template: &Parts) -> Self {
        if Short::has_settings_of(template) { Self::Short(Short::EMPTY) } else { Self::identity() }
    }

    /// The neutral element of merging.
    #[must_use]
    pub fn identity() -> Self {
        Self::Whole(Summary::identity())
    }

    /// The summary that it is; the identity is left behind.
    #[must_use]
    pub fn take_summary(&mut self) -> Summary {
        std::mem::replace(self, Self::identity()).into_summary()
    }

    /// The summary that it is.
    #[must_use]
    pub fn into_summary(self) -> Summary {
        match self {
            Self::Short(short) => short.parts().into(),
            Self::Whole(summary) => summary,
        }
    }

    /// The summary that it is.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if there is no room for it.
    pub fn summary(&self) -> Result<Summary, Error> {
        match self {
            Self::Short(short) => {
                memory::check(WHAT)?;
                Ok(short.parts().into())
            }
            Self::Whole(summary) => summary.copied(),
        }
    }

    /// A copy.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if there is no room for it.
    pub fn copied(&self) -> Result<Self, Error> {
        match self {
            Self::Short(short) => Ok(Self::Short(*short)),
            Self::Whole(summary) => summary.copied().map(Self::Whole),
        }
    }

    /// Itself, which leaves something empty behind.
    pub(super) fn take(&mut self) -> Self {
        std::mem::replace(self, Self::Short(Short::EMPTY))
    }

    /// Adds the values of another.
    ///
    /// # Errors
    ///
    /// As [`Summary::try_merge`]; it then stays as it is.
    pub fn try_merge(&mut self, other: &Self) -> Result<(), Error> {
        if let (Self::Short(short), Self::Short(other)) = (&*self, other)
            && let Some(merged) = short.merged(other)
        {
            *self = Self::Short(merged);
            return Ok(());
        }
        if let Self::Short(short) = self {
            memory::check(WHAT)?;
            *self = Self::Whole(short.parts().into());
        }
        let Self::Whole(summary) = self else { return Ok(()) };
        // A merge that fails leaves the summary as it is; it then becomes short again if it was.
        let merged = match other {
            Self::Whole(other) => summary.try_merge(other),
            Self::Short(_) => other.summary().and_then(|other| summary.try_merge(&other)),
        };
        *self = self.take_summary().into();
        merged
    }

    /// Takes the values of another away.
    ///
    /// # Errors
    ///
    /// As [`Summary::try_subtract`]; it then stays as it is.
    pub fn try_subtract(&mut self, other: &Self) -> Result<(), Error> {
        if let (Self::Short(short), Self::Short(other)) = (&*self, other)
            && let Some(left) = short.minus(other)?
        {
            *self = Self::Short(left);
            return Ok(());
        }
        let mut summary = self.summary()?;
        match other {
            Self::Whole(other) => summary.try_subtract(other)?,
            Self::Short(_) => summary.try_subtract(&other.summary()?)?,
        }
        *self = summary.into();
        Ok(())
    }

    /// Adds what is short.
    fn add_short(&mut self, added: Option<Short>) -> bool {
        let (Self::Short(short), Some(added)) = (&*self, added) else { return false };
        let merged = short.merged(&added);
        if let Some(merged) = merged {
            *self = Self::Short(merged);
        }
        merged.is_some()
    }

    /// Adds values, with the settings of `template`.
    pub(super) fn add(&mut self, run: &Run<'_, '_>, template: &Parts) -> Result<(), Error> {
        if matches!(run.counting, Counting::Once) && self.add_short(run.short()) {
            return Ok(());
        }
        memory::check(WHAT)?;
        let mut accumulator = Accumulator::new(template)?;
        run.add_to(&mut accumulator);
        self.take_in(accumulator)
    }

    /// Counts nulls.
    pub(super) fn add_nulls(&mut self, times: u64, template: &Parts) -> Result<(), Error> {
        if self.add_short(Short::of_absent(0, times)) {
            return Ok(());
        }
        let mut accumulator = Accumulator::new(template)?;
        accumulator.add_nulls(times);
        self.take_in(accumulator)
    }

    fn take_in(&mut self, accumulator: Accumulator) -> Result<(), Error> {
        let added = Summary::from(accumulator.finish()?).into();
        if self.is_identity() {
            *self = added;
            return Ok(());
        }
        self.try_merge(&added)
    }

    // ------------------------------------------------------------ reads

    /// What the summary has to say.
    pub fn read<R>(&self, read: impl FnOnce(&Summary) -> R) -> R {
        match self {
            Self::Short(short) => read(&short.parts().into()),
            Self::Whole(summary) => read(summary),
        }
    }

    /// Whether it keeps fourth powers, quantiles and distinct values.
    #[must_use]
    pub fn keeps(&self) -> (bool, bool, bool) {
        match self {
            Self::Short(_) => (false, false, false),
            Self::Whole(summary) => (
                summary.moments() == Some(4),
                summary.sketch().is_some() || summary.prefixes().is_some(),
                summary.distinct().is_some(),
            ),
        }
    }

    /// Whether it is the identity.
    #[must_use]
    pub fn is_identity(&self) -> bool {
        matches!(self, Self::Whole(summary) if summary.is_identity())
    }

    /// As [`Summary::counts`].
    #[must_use]
    pub fn counts(&self) -> Counts {
        match self {
            Self::Short(short) => short.counts(),
            Self::Whole(summary) => summary.counts(),
        }
    }

    /// As [`Summary::is_reduced`].
    #[must_use]
    pub fn is_reduced(&self) -> bool {
        match self {
            Self::Short(short) => short.is_reduced(),
            Self::Whole(summary) => summary.is_reduced(),
        }
    }

    /// The smallest and the largest value, if there are any and they are known.
    #[must_use]
    pub fn range(&self) -> Option<(Number, Number)> {
        match self {
            Self::Short(short) => short.range(),
            Self::Whole(summary) => summary.minimum().zip(summary.maximum()),
        }
    }

    /// As [`Summary::sum`].
    #[must_use]
    pub fn sum(&self) -> f64 {
        match self {
            Self::Short(short) => short.sum(),
            Self::Whole(summary) => summary.sum(),
        }
    }

    /// As [`Summary::mean`].
    #[must_use]
    pub fn mean(&self) -> f64 {
        match self {
            Self::Short(short) => short.mean(),
            Self::Whole(summary) => summary.mean(),
        }
    }

    /// As [`Summary::variance`].
    #[must_use]
    pub fn variance(&self, ddof: i64) -> f64 {
        self.of(|short| short.variance(ddof), |summary| summary.variance(ddof))
    }

    /// As [`Summary::standard_deviation`].
    #[must_use]
    pub fn standard_deviation(&self, ddof: i64) -> f64 {
        self.of(|short| short.standard_deviation(ddof), |summary| summary.standard_deviation(ddof))
    }

    /// As [`Summary::standard_error`].
    #[must_use]
    pub fn standard_error(&self) -> f64 {
        self.of(Short::standard_error, Summary::standard_error)
    }

    fn of(
        &self,
        quickly: impl FnOnce(&Short) -> Option<f64>,
        read: impl FnOnce(&Summary) -> f64,
    ) -> f64 {
        match self {
            Self::Short(short) => quickly(short).unwrap_or_else(|| self.read(read)),
            Self::Whole(summary) => read(summary),
        }
    }

    /// As [`Summary::power_sum`].
    #[must_use]
    pub fn power_sum(&self, power: u8) -> Option<Exact> {
        match self {
            Self::Short(short) => short.power_sum(power),
            Self::Whole(summary) => summary.power_sum(power),
        }
    }
}

/// Values of one group that lie together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run<'r, 'd> {
    pub(super) values: Numbers<'r>,
    /// How much each counts.
    pub(super) counting: Counting<'r>,
    /// Whose they are: `rows` has a row for each, or nobody asks.
    pub(super) owners: Owners<'r, 'd>,
}

/// Numbers as `f64`, if that holds all of them.
#[derive(Clone, Copy, Debug)]
pub(super) enum Numbers<'r> {
    Floats(&'r [f64]),
    Any(&'r [Number]),
}

impl Run<'_, '_> {
    fn short(&self) -> Option<Short> {
        match self.values {
            Numbers::Floats(values) => Short::of_values(values).or_else(|| without_nan(values)),
            Numbers::Any(numbers) => Short::of_numbers(numbers),
        }
    }

    /// Adds it to an accumulator.
    pub(super) fn add_to(&self, accumulator: &mut Accumulator) {
        let Owners { ids, first, rows } = self.owners;
        match self.values {
            Numbers::Floats(values) => {
                for part in blocks(0..values.len(), SumsBuilder::BLOCK) {
                    accumulator.add(&Block {
                        values: &values[part.clone()],
                        counting: self.counting.part(part.clone()),
                        ahead: &[],
                        owners: Owners { ids, first, rows: rows.map(|rows| &rows[part]) },
                    });
                }
            }
            Numbers::Any(numbers) => {
                for (index, &number) in numbers.iter().enumerate() {
                    accumulator.add_counted_number(
                        number,
                        || self.owners.id(index),
                        self.counting.part(index..index + 1),
                    );
                }
            }
        }
    }
}

/// Of values with NaN among them, which it counts.
#[cold]
fn without_nan(values: &[f64]) -> Option<Short> {
    let mut numbers = memory::with_capacity(values.len(), WHAT).ok()?;
    numbers.extend(values.iter().copied().filter(|value| !value.is_nan()));
    let nan_count = (values.len() - numbers.len()) as u64;
    Short::of_values(&numbers)?.merged(&Short::of_absent(nan_count, 0)?)
}

#[cfg(test)]
mod tests;
