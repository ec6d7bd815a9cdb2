//! Rows sorted by which features are there.

use std::collections::HashMap;

use ndarray::{ArrayView1, ArrayView2};

use super::WHAT;
use super::pattern::Pattern;
use crate::error::{Error, NonFiniteKind};
use crate::fold::Context;
use crate::memory;
use crate::mixture::unit::check_weights;
use crate::rows::{Element, Rows};

/// Rows, NaN for what is missing, as groups in each of which the same features are there.
#[derive(Debug)]
pub struct Grouped {
    /// In the order of the patterns.
    groups: Vec<Group>,
}

/// Rows in which the same features are there, in their order.
#[derive(Debug)]
pub struct Group {
    /// Which.
    pub(super) pattern: Pattern,
    /// How many.
    pub(super) n_features: usize,
    /// How many rows.
    n_rows: usize,
    /// What is there of them.
    values: Values,
    /// Their weights, if rows have any.
    weights: Option<Vec<f64>>,
}

/// Values of a group, row after row. Where nothing is there, a column of zeros.
#[derive(Debug)]
enum Values {
    F64(Vec<f64>),
    F32(Vec<f32>),
}

/// The number of the group of each row, and how many rows it has.
struct Sorting {
    group_of: Vec<usize>,
    patterns: Vec<(Pattern, usize)>,
}

impl Grouped {
    /// Sorts rows.
    ///
    /// # Errors
    ///
    /// [`Error::NonFinite`] with the first row and column of an infinity, [`Error::InvalidWeight`],
    /// [`Error::Memory`], [`Error::Interrupted`].
    pub fn of(
        context: &Context,
        rows: Rows<'_>,
        weights: Option<ArrayView1<'_, f64>>,
    ) -> Result<Self, Error> {
        let n_features = rows.n_columns();
        let Sorting { group_of, patterns } = Sorting::checked(context, &rows, weights)?;
        let mut groups = memory::with_capacity(patterns.len(), WHAT)?;
        for (pattern, count) in patterns {
            let features = pattern.features(n_features, true)?.len();
            let length = memory::product(&[count, features.max(1)], WHAT)?;
            groups.push(Group {
                pattern,
                n_features: features,
                n_rows: count,
                values: match &rows {
                    Rows::F64(_) => Values::F64(memory::with_capacity(length, WHAT)?),
                    Rows::F32(_) => Values::F32(memory::with_capacity(length, WHAT)?),
                },
                weights: weights.map(|_| memory::with_capacity(count, WHAT)).transpose()?,
            });
        }
        for (number, &group) in group_of.iter().enumerate() {
            if number.is_multiple_of(1 << 16) {
                context.check()?;
            }
            groups[group].push(&rows, number, weights.map(|weights| weights[number]));
        }
        Ok(Self { groups })
    }

    /// Refuses rows that [`Self::of`] would refuse, and copies none.
    ///
    /// # Errors
    ///
    /// As [`Self::of`].
    pub fn check(
        context: &Context,
        rows: &Rows<'_>,
        weights: Option<ArrayView1<'_, f64>>,
    ) -> Result<(), Error> {
        Sorting::checked(context, rows, weights).map(|_| ())
    }

    /// The groups, in the order of their patterns.
    #[must_use]
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }
}

impl Group {
    /// Which features are there.
    #[must_use]
    pub fn pattern(&self) -> &Pattern {
        &self.pattern
    }

    /// What is there of its rows; where nothing is, a column of zeros.
    ///
    /// # Errors
    ///
    /// None, unless there is a bug.
    pub fn rows(&self) -> Result<Rows<'_>, Error> {
        let shape = (self.n_rows, self.n_features.max(1));
        let bug = |error: ndarray::ShapeError| Error::Bug(error.to_string());
        Ok(match &self.values {
            Values::F64(values) => Rows::F64(ArrayView2::from_shape(shape, values).map_err(bug)?),
            Values::F32(values) => Rows::F32(ArrayView2::from_shape(shape, values).map_err(bug)?),
        })
    }

    /// Their weights.
    #[must_use]
    pub fn weights(&self) -> Option<ArrayView1<'_, f64>> {
        self.weights.as_deref().map(ArrayView1::from)
    }

    /// Adds a row, for which there is room.
    fn push(&mut self, rows: &Rows<'_>, number: usize, weight: Option<f64>) {
        if let (Some(weights), Some(weight)) = (&mut self.weights, weight) {
            weights.push(weight);
        }
        match (&mut self.values, rows) {
            (Values::F64(values), Rows::F64(view)) => push_present(values, view.row(number)),
            (Values::F32(values), Rows::F32(view)) => push_present(values, view.row(number)),
            _ => {}
        }
    }
}

fn push_present<T: Element>(values: &mut Vec<T>, row: ArrayView1<'_, T>) {
    let before = values.len();
    values.extend(row.iter().filter(|value| value.is_finite()));
    if values.len() == before {
        values.push(T::ZERO);
    }
}

impl Sorting {
    fn checked(
        context: &Context,
        rows: &Rows<'_>,
        weights: Option<ArrayView1<'_, f64>>,
    ) -> Result<Self, Error> {
        weights.map_or(Ok(()), check_weights)?;
        match rows {
            Rows::F64(view) => Self::of(context, *view),
            Rows::F32(view) => Self::of(context, *view),
        }
    }

    fn of<T: Element>(context: &Context, rows: ArrayView2<'_, T>) -> Result<Self, Error> {
        let mut group_of: Vec<usize> = memory::with_capacity(rows.nrows(), WHAT)?;
        let mut bits = memory::filled(Pattern::words(rows.ncols()), 0_u64, WHAT)?;
        let mut groups: HashMap<Pattern, usize> = HashMap::new();
        let mut counts: Vec<usize> = Vec::new();
        let mut last = None;
        let mut before = memory::copied(&bits, WHAT)?;
        for (number, row) in rows.outer_iter().enumerate() {
            if number.is_multiple_of(1 << 16) {
                context.check()?;
            }
            read(row, number, &mut bits)?;
            // Rows of one pattern are often neighbours, and most rows are complete.
            let group = match last {
                Some(last) if bits == before => last,
                _ => match groups.get(&bits[..]) {
                    Some(&group) => group,
                    None => {
                        memory::reserve_entry(&mut groups, WHAT)?;
                        groups.insert(Pattern::of(&bits)?, counts.len());
                        memory::push(&mut counts, 0, WHAT)?;
                        counts.len() - 1
                    }
                },
            };
            before.copy_from_slice(&bits);
            last = Some(group);
            counts[group] += 1;
            group_of.push(group);
        }
        Self::ordered(group_of, groups, &counts)
    }

    /// Numbers the groups in the order of their patterns.
    fn ordered(
        mut group_of: Vec<usize>,
        groups: HashMap<Pattern, usize>,
        counts: &[usize],
    ) -> Result<Self, Error> {
        let mut found = memory::with_capacity(groups.len(), WHAT)?;
        found.extend(groups);
        found.sort_unstable();
        let mut places = memory::filled(found.len(), 0, WHAT)?;
        let mut patterns = memory::with_capacity(found.len(), WHAT)?;
        for (place, (pattern, group)) in found.into_iter().enumerate() {
            places[group] = place;
            patterns.push((pattern, counts[group]));
        }
        group_of.iter_mut().for_each(|group| *group = places[*group]);
        Ok(Self { group_of, patterns })
    }
}

/// The bits of a row: what is finite is there, NaN is not, infinity is an error.
fn read<T: Element>(row: ArrayView1<'_, T>, number: usize, bits: &mut [u64]) -> Result<(), Error> {
    bits.fill(0);
    for (column, value) in row.iter().enumerate() {
        if value.is_finite() {
            bits[column / 64] |= 1 << (column % 64);
        } else if NonFiniteKind::of(value.to_f64()) == Some(NonFiniteKind::Infinity) {
            let kind = NonFiniteKind::Infinity;
            return Err(Error::NonFinite { name: "X", row: number, column, kind });
        }
    }
    Ok(())
}
