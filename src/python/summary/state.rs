//! [`SummaryState`]: how numbers get in, how states merge, and what is read from them.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use numpy::PyArray1;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

use super::input::{self, RowIds, RowWeights};
use super::passes::Rows;
use super::states::{self, Shared};
use super::{VALUE_NANOSECONDS, convert, each, items};
use crate::error::Error;
use crate::memory;
use crate::python::arrays::{self, NewArray, Reduced, reduced};
use crate::python::enter::enter;
use crate::python::objects;
use crate::summary::{
    Best, Histogram, Id, Known, Number, PrefixSketch, Settings, Sketch, State, Summary, WeightKind,
};

/// A summary that threads may share.
///
/// Every thread works on a partial summary of its own, and holds the lock only to merge it or to
/// read. No Python runs while it is held, so that nobody who holds it waits for the interpreter.
#[pyclass(module = "foldstat._core", frozen)]
#[derive(Debug)]
pub struct SummaryState(Place);

/// Where a summary is.
#[derive(Debug)]
enum Place {
    Own(Mutex<Inner>),
    /// One of many, which changes there.
    View(Shared, usize),
}

#[derive(Debug)]
struct Inner {
    summary: Summary,
    /// The id that the next row gets, if it is given none: how many rows came before it.
    next_position: u64,
}

impl Inner {
    fn copied(&self) -> Result<Self, Error> {
        Ok(Self { summary: self.summary.copied()?, next_position: self.next_position })
    }
}

impl From<Summary> for SummaryState {
    /// Rows that the summary already has count as given.
    fn from(summary: Summary) -> Self {
        let next_position = summary.counts().rows().unwrap_or(u64::MAX);
        Inner { summary, next_position }.into()
    }
}

impl From<Inner> for SummaryState {
    fn from(inner: Inner) -> Self {
        Self(Place::Own(Mutex::new(inner)))
    }
}

impl SummaryState {
    /// One of many.
    pub(super) fn view(states: &Shared, index: usize) -> Self {
        Self(Place::View(Shared::clone(states), index))
    }

    fn with<R>(&self, f: impl FnOnce(&mut Inner) -> R) -> R {
        match &self.0 {
            Place::Own(inner) => f(&mut inner.lock().unwrap_or_else(PoisonError::into_inner)),
            Place::View(states, index) => {
                let mut states = states::lock(states);
                let next_position = states.next_position(*index);
                let mut inner = Inner { summary: states[*index].take_summary(), next_position };
                let result = f(&mut inner);
                states[*index] = inner.summary.into();
                states.set_next_position(*index, inner.next_position);
                result
            }
        }
    }

    fn snapshot(&self) -> Result<Inner, Error> {
        match &self.0 {
            Place::Own(_) => self.with(|inner| inner.copied()),
            Place::View(states, index) => {
                let states = states::look(states);
                let next_position = states.next_position(*index);
                Ok(Inner { summary: states[*index].summary()?, next_position })
            }
        }
    }

    /// What is read from the summary.
    pub(super) fn read<R>(&self, f: impl FnOnce(&Summary) -> R) -> R {
        match &self.0 {
            Place::Own(_) => self.with(|inner| f(&inner.summary)),
            Place::View(states, index) => states::look(states)[*index].read(f),
        }
    }

    /// A summary of nothing with the same settings; the identity becomes a plain one.
    pub(super) fn template(&self) -> Result<Summary, Error> {
        self.read(Summary::empty_like)
    }

    /// Positions for new rows. Give them back with [`Self::release`] if the rows do not come.
    pub(super) fn reserve(&self, rows: u64) -> Range<u64> {
        self.with(|inner| {
            let start = inner.next_position;
            inner.next_position = start.saturating_add(rows);
            start..inner.next_position
        })
    }

    /// Gives positions back, unless other rows have come after them.
    pub(super) fn release(&self, positions: Range<u64>) {
        self.with(|inner| {
            if inner.next_position == positions.end {
                inner.next_position = positions.start;
            }
        });
    }

    /// What is known of quantiles.
    fn known(&self, q: &Bound<'_, PyAny>, method: &str) -> PyResult<Vec<Known>> {
        let (q, method) = each::asked(q, method)?;
        match self.read(|summary| summary.quantiles(&q, method)) {
            Some(known) => Ok(known?),
            None => Err(convert::not_kept("quantiles", "quantiles=True")),
        }
    }

    pub(super) fn add(&self, partial: &Summary) -> Result<(), Error> {
        self.with(|inner| inner.summary.try_merge(partial))
    }
}

#[pymethods]
impl SummaryState {
    /// Of no numbers.
    #[allow(clippy::too_many_arguments)] // they are Python's keywords
    #[new]
    #[pyo3(signature = (
        *, moments=2, best=0, largest=false, quantile_buckets=None, relative_error=None,
        histogram=None, distinct=false, weights=None
    ))]
    fn new(
        moments: u8,
        best: usize,
        largest: bool,
        quantile_buckets: Option<usize>,
        relative_error: Option<f64>,
        histogram: Option<&Bound<'_, PyAny>>,
        distinct: bool,
        weights: Option<&str>,
    ) -> PyResult<Self> {
        let weights = weights.map(kind_of_weights).transpose()?;
        let edges = histogram.map(|edges| arrays::vector(edges, "histogram")).transpose()?;
        let histogram = edges.map(|edges| edges.into_raw_vec_and_offset().0);
        let settings = Settings {
            moments,
            best,
            largest,
            quantile_buckets,
            relative_error,
            histogram,
            distinct,
            weights,
        };
        Ok(Summary::new(&settings)?.into())
    }

    /// The neutral element of merging.
    #[staticmethod]
    fn identity() -> Self {
        Summary::identity().into()
    }

    /// Adds the numbers of a column; all of them, or none if it raises.
    #[pyo3(signature = (values, ids=None, sample_weight=None, n_jobs=None))]
    fn update(
        &self,
        values: &Bound<'_, PyAny>,
        ids: Option<&Bound<'_, PyAny>>,
        sample_weight: Option<&Bound<'_, PyAny>>,
        n_jobs: Option<isize>,
    ) -> PyResult<()> {
        let py = values.py();
        let inputs = input::one_column(values)?;
        let ids = RowIds::borrow(ids)?;
        ids.check_length(inputs.n_rows())?;
        let weights = RowWeights::borrow(sample_weight, inputs.n_rows())?;
        let (template, segments) = (self.template()?, inputs.segments()?);
        let positions = self.reserve(inputs.n_rows() as u64);
        let (ids, weights) = (ids.ids(positions.start.into()), weights.values());
        let partial = enter(py, VALUE_NANOSECONDS * inputs.size(), n_jobs, None, |context| {
            let rows = Rows { template: &template, ids, weights };
            let state = rows.summarize(context, &segments)?.pop();
            state.map(State::into_summary).ok_or(Error::Bug("no summary".to_owned()))
        });
        let added = partial.and_then(|partial| Ok(self.add(&partial)?));
        added.inspect_err(|_| self.release(positions))
    }

    /// Adds Python numbers, and None as null; all of them, or none if it raises.
    #[pyo3(signature = (items, ids=None))]
    fn update_items(
        &self,
        items: &Bound<'_, PyAny>,
        ids: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        items::update(self, items, &RowIds::borrow(ids)?)
    }

    /// Adds one number, or None as null, `times` times.
    #[pyo3(signature = (value, id=None, times=1))]
    fn push(
        &self,
        value: &Bound<'_, PyAny>,
        id: Option<&Bound<'_, PyAny>>,
        times: u64,
    ) -> PyResult<()> {
        let number = items::number(value, || "value".to_owned())?;
        let id = id.filter(|id| !id.is_none()).map(|id| input::id(id, || "id".to_owned()));
        let id = id.transpose()?;
        let position = self.reserve(1);
        let pushed = self.with(|inner| {
            let id = || Ok(id.unwrap_or(Id::Integer(position.start.into())));
            inner.summary.push(number, id, times)
        });
        Ok(pushed.inspect_err(|_| self.release(position))?)
    }

    /// Adds the numbers of another summary.
    fn merge(&self, other: &Self) -> PyResult<()> {
        // One lock at a time: the other may be this one, or just now be merging this one.
        let Inner { summary, next_position } = other.snapshot()?;
        self.add(&summary)?;
        self.reserve(next_position);
        Ok(())
    }

    /// Takes the numbers of another summary away.
    fn subtract(&self, other: &Self) -> PyResult<()> {
        let summary = other.snapshot()?.summary;
        Ok(self.with(|inner| inner.summary.try_subtract(&summary))?)
    }

    /// An empty state with these settings, whose positions go on from here: what several calls
    /// add to it, `commit` adds to this one at once.
    fn begin(&self) -> PyResult<Self> {
        let next_position = self.with(|inner| inner.next_position);
        Ok(Inner { summary: self.template()?, next_position }.into())
    }

    /// Adds the numbers of what `begin` gave, and goes on from its positions.
    fn commit(&self, begun: &Self) -> PyResult<()> {
        let Inner { summary, next_position } = begun.snapshot()?;
        self.add(&summary)?;
        self.with(|inner| inner.next_position = inner.next_position.max(next_position));
        Ok(())
    }

    /// The sum of all.
    #[staticmethod]
    fn merge_all(states: &Bound<'_, PyList>) -> PyResult<Self> {
        let mut total = Summary::identity();
        for (index, state) in states.iter().enumerate() {
            let Ok(state) = state.cast::<Self>() else {
                let found = state.get_type().name()?;
                return Err(PyTypeError::new_err(format!(
                    "states[{index}] must be a SummaryState, found {found}"
                )));
            };
            state.get().read(|summary| total.try_merge(summary))?;
        }
        Ok(total.into())
    }

    /// A copy that further numbers leave alone.
    fn copy(&self) -> PyResult<Self> {
        Ok(self.snapshot()?.into())
    }

    /// Versioned bytes that ``from_bytes`` reads on any machine.
    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        arrays::bytes(py, &self.read(Summary::to_bytes)?)
    }

    /// Reads what ``to_bytes`` wrote; ValueError for anything else.
    #[staticmethod]
    fn from_bytes(data: &[u8]) -> PyResult<Self> {
        Ok(Summary::from_bytes(data)?.into())
    }

    /// The same without an envelope, as part of the bytes of something else.
    fn to_payload<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        arrays::bytes(py, &self.read(Summary::to_payload)?)
    }

    /// Reads what ``to_payload`` wrote; ValueError for anything else.
    #[staticmethod]
    fn from_payload(data: &[u8]) -> PyResult<Self> {
        Ok(Summary::from_payload(data)?.into())
    }

    fn __eq__(&self, other: &Self) -> PyResult<bool> {
        let other = other.snapshot()?.summary;
        Ok(self.read(|summary| *summary == other))
    }

    fn __hash__(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.read(|summary| summary.hash(&mut hasher));
        hasher.finish()
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Reduced<'py>> {
        reduced::<Self>(self.to_bytes(py)?)
    }

    /// Whether it is the neutral element of merging.
    #[getter]
    fn is_identity(&self) -> bool {
        self.read(Summary::is_identity)
    }
    /// Whether numbers were subtracted, so that single ones cannot be told.
    #[getter]
    fn is_reduced(&self) -> bool {
        self.read(Summary::is_reduced)
    }
    /// The highest power summed up; None for the identity.
    #[getter]
    fn moments(&self) -> Option<u8> {
        self.read(Summary::moments)
    }
    /// How many of the best values are kept; None for the identity.
    #[getter]
    fn best_limit(&self) -> Option<usize> {
        self.read(|summary| summary.best().map(|best| best.limit()))
    }
    /// Whether the best are the largest; None for the identity.
    #[getter]
    fn largest(&self) -> Option<bool> {
        self.read(|summary| summary.best().map(|best| best.largest()))
    }
    /// Most buckets of the sketch of quantiles by prefixes; None without it.
    #[getter]
    fn quantile_buckets(&self) -> Option<usize> {
        self.read(|summary| summary.prefixes().map(PrefixSketch::limit))
    }
    /// The relative error that the sketch which has one guarantees now; None without it.
    #[getter]
    fn relative_error(&self) -> Option<f64> {
        self.read(|summary| summary.sketch().map(Sketch::relative_error))
    }
    /// The relative error of quantiles as they are read; None without any sketch.
    #[getter]
    fn quantile_error(&self) -> Option<f64> {
        self.read(Summary::quantile_error)
    }
    /// The edges of the histogram, if there is one.
    #[getter]
    fn histogram_edges<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyArray1<f64>>>> {
        let edges = |h: &Histogram| NewArray::of(py, h.edges().len(), h.edges());
        self.read(|summary| summary.histogram().map(edges)).transpose()
    }
    /// Whether distinct values are counted.
    #[getter]
    fn counts_distinct(&self) -> bool {
        self.read(|summary| summary.distinct().is_some())
    }

    /// Values that are neither NaN nor null, infinities included.
    #[getter]
    fn count(&self) -> u64 {
        self.read(Summary::counts).count
    }
    /// How many NaN there were.
    #[getter]
    fn nan_count(&self) -> u64 {
        self.read(Summary::counts).nan_count
    }
    /// How many nulls there were.
    #[getter]
    fn null_count(&self) -> u64 {
        self.read(Summary::counts).null_count
    }
    /// How many of the values are +inf.
    #[getter]
    fn positive_infinity_count(&self) -> u64 {
        self.read(Summary::counts).positive_infinity_count
    }
    /// How many of the values are -inf.
    #[getter]
    fn negative_infinity_count(&self) -> u64 {
        self.read(Summary::counts).negative_infinity_count
    }

    /// The smallest value; NaN if there is none, or it is not known.
    #[getter]
    fn min<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let minimum = self.read(Summary::minimum);
        convert::number(py, minimum.unwrap_or(f64::NAN.into()))
    }
    /// The largest value; NaN if there is none, or it is not known.
    #[getter]
    fn max<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let maximum = self.read(Summary::maximum);
        convert::number(py, maximum.unwrap_or(f64::NAN.into()))
    }
    /// The sum, correctly rounded.
    #[getter]
    fn sum(&self) -> f64 {
        self.read(Summary::sum)
    }
    /// The mean, correctly rounded.
    #[getter]
    fn mean(&self) -> f64 {
        self.read(Summary::mean)
    }
    /// The standard error of the mean, correctly rounded.
    #[getter]
    fn sem(&self) -> f64 {
        self.read(Summary::standard_error)
    }
    /// The population's skewness, correctly rounded.
    #[getter]
    fn skewness(&self) -> PyResult<f64> {
        let skewness = self.read(Summary::skewness);
        skewness.ok_or_else(|| convert::not_kept("third and fourth moments", "moments=4"))
    }
    /// The population's excess kurtosis, correctly rounded.
    #[getter]
    fn kurtosis(&self) -> PyResult<f64> {
        let kurtosis = self.read(Summary::kurtosis);
        kurtosis.ok_or_else(|| convert::not_kept("third and fourth moments", "moments=4"))
    }
    /// The variance with divisor n - ddof, correctly rounded.
    #[pyo3(signature = (ddof=1))]
    fn var(&self, ddof: i64) -> f64 {
        self.read(|summary| summary.variance(ddof))
    }
    /// The standard deviation with divisor n - ddof, correctly rounded.
    #[pyo3(signature = (ddof=1))]
    fn std(&self, ddof: i64) -> f64 {
        self.read(|summary| summary.standard_deviation(ddof))
    }

    /// (n, e) such that the sum of the values to that power, as far as finite, is exactly n 2^e.
    fn power_sum<'py>(&self, py: Python<'py>, power: u8) -> PyResult<(Bound<'py, PyAny>, i64)> {
        let Some(sum) = self.read(|summary| summary.power_sum(power)) else {
            return Err(match power {
                3 | 4 => convert::not_kept("third and fourth moments", "moments=4"),
                _ => PyValueError::new_err(format!("power must be 1, 2, 3 or 4, found {power}")),
            });
        };
        let numerator = convert::integer(py, sum.numerator())?;
        Ok((numerator, sum.exponent()))
    }

    /// (n, e) such that the sum of the weights of the finite values, or of their squares, is exactly n 2^e.
    fn weight_power_sum<'py>(
        &self,
        py: Python<'py>,
        power: u8,
    ) -> PyResult<(Bound<'py, PyAny>, i64)> {
        if !matches!(power, 1 | 2) {
            return Err(PyValueError::new_err(format!("power must be 1 or 2, found {power}")));
        }
        let sum = self.read(|summary| summary.weight_power_sum(power));
        Ok((convert::integer(py, sum.numerator())?, sum.exponent()))
    }
    /// What real weights are, 'frequency' or 'reliability'; None if values have none.
    #[getter]
    fn weights(&self) -> Option<&'static str> {
        self.read(Summary::weights).map(WeightKind::name)
    }
    /// The sum of the weights of the finite values, correctly rounded.
    #[getter]
    fn weight_sum(&self) -> f64 {
        self.read(Summary::weight_sum)
    }
    /// Kish's effective sample size, correctly rounded.
    #[getter]
    fn effective_sample_size(&self) -> f64 {
        self.read(Summary::effective_sample_size)
    }

    /// The quantiles q, each in [0, 1], by the method of that name.
    #[pyo3(signature = (q, method="linear"))]
    fn quantiles<'py>(
        &self,
        q: &Bound<'py, PyAny>,
        method: &str,
    ) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let known = self.known(q, method)?;
        part(q.py(), &known, |known| known.estimate)
    }

    /// Between which numbers they lie for certain: of each the lower, then of each the upper.
    #[pyo3(signature = (q, method="linear"))]
    fn quantile_bounds<'py>(
        &self,
        q: &Bound<'py, PyAny>,
        method: &str,
    ) -> PyResult<[Bound<'py, PyArray1<f64>>; 2]> {
        let known = self.known(q, method)?;
        Ok([part(q.py(), &known, |known| known.low)?, part(q.py(), &known, |known| known.high)?])
    }

    /// Counts below the first edge, of each bin, and above the last edge; None without histogram.
    #[getter]
    fn histogram_counts<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<Option<Bound<'py, PyArray1<u64>>>> {
        let counts = |h: &Histogram| NewArray::of(py, h.counts().len(), h.counts());
        self.read(|summary| summary.histogram().map(counts)).transpose()
    }
    /// How many different values there are, about; None if they are not counted.
    #[getter]
    fn distinct_count(&self) -> Option<u64> {
        self.read(|summary| summary.distinct().map(|distinct| distinct.estimate()))
    }
    /// The best values with their ids, the best one first.
    #[getter]
    fn best<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let best = self.read(|summary| summary.best().map(Best::copied)).transpose()?;
        let entries = best.as_ref().map_or(&[][..], Best::entries);
        let pair = |(number, id): &(Number, Id)| {
            objects::pair(&convert::number(py, *number)?, &convert::id(py, id)?)
        };
        objects::list(py, entries.iter().map(pair), "the list of the best values")
    }
}

fn kind_of_weights(name: &str) -> PyResult<WeightKind> {
    WeightKind::named(name).ok_or_else(|| {
        let names = WeightKind::ALL.map(|(name, _)| format!("'{name}'")).join(" or ");
        PyValueError::new_err(format!("weights must be {names}, got '{name}'"))
    })
}

/// An array with a part of each.
fn part<'py>(
    py: Python<'py>,
    known: &[Known],
    of: fn(&Known) -> f64,
) -> PyResult<Bound<'py, PyArray1<f64>>> {
    NewArray::of(py, known.len(), &memory::collected(known.iter().map(of), "the quantiles")?)
}
