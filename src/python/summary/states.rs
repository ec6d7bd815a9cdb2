//! [`SummaryStates`]: very many summaries side by side, merged and read at once.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::{Deref, DerefMut, Range};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use ndarray::Ix1;
use numpy::{Element, PyArray1};
use pyo3::exceptions::{PyIndexError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

use super::{SummaryState, convert};
use crate::bytes::{Kind, Opened, Reader, Writer, open, seal};
use crate::error::Error;
use crate::fold::{Context, Partition, RowsMut};
use crate::memory;
use crate::python::arrays::{self, NewArray, Reduced, reduced};
use crate::python::enter::enter;
use crate::python::objects;
use crate::summary::{Number, State, Summary};

/// What the memory is for, in errors.
const WHAT: &str = "the list of the summaries";
/// Nanoseconds that reading a statistic takes, about.
const READ_NANOSECONDS: f64 = 100.0;
/// States of a task.
const TASK: usize = 1 << 12;
/// The stop flag is looked at every so many states.
const STOP: usize = 1 << 6;

/// States, and which id the next row of one of them gets where that is not the number of its rows.
#[derive(Debug, Default)]
pub struct Many {
    states: Vec<State>,
    next_positions: BTreeMap<usize, u64>,
}

impl Many {
    /// Which id the next row of a state gets if it is given none.
    pub fn next_position(&self, index: usize) -> u64 {
        let counted = || self.states[index].counts().rows().unwrap_or(u64::MAX);
        self.next_positions.get(&index).copied().unwrap_or_else(counted)
    }

    /// Changes that id.
    pub fn set_next_position(&mut self, index: usize, position: u64) {
        if self.states[index].counts().rows() == Some(position) {
            self.next_positions.remove(&index);
        } else {
            self.next_positions.insert(index, position);
        }
    }
}

impl Deref for Many {
    type Target = Vec<State>;

    fn deref(&self) -> &Vec<State> {
        &self.states
    }
}

impl DerefMut for Many {
    fn deref_mut(&mut self) -> &mut Vec<State> {
        &mut self.states
    }
}

/// States that views share. No Python runs while they are locked, which a check for Ctrl-C may.
pub type Shared = Arc<RwLock<Many>>;

/// The states, to be changed.
pub fn lock(states: &RwLock<Many>) -> RwLockWriteGuard<'_, Many> {
    states.write().unwrap_or_else(PoisonError::into_inner)
}

/// The states, to be read.
pub fn look(states: &RwLock<Many>) -> RwLockReadGuard<'_, Many> {
    states.read().unwrap_or_else(PoisonError::into_inner)
}

/// Summaries side by side.
#[pyclass(module = "foldstat._core", frozen)]
#[derive(Debug)]
pub struct SummaryStates(Shared);

impl From<Vec<State>> for SummaryStates {
    fn from(states: Vec<State>) -> Self {
        Self(Arc::new(RwLock::new(Many { states, next_positions: BTreeMap::new() })))
    }
}

/// Every `step`-th state from `start` on: `range` as a tuple.
#[derive(Clone, Copy, Debug, FromPyObject)]
pub(super) struct Which(isize, isize, usize);

impl Which {
    /// Checks that there are such.
    fn of(self, length: usize) -> PyResult<Self> {
        let Self(start, step, count) = self;
        let last = count.checked_sub(1).map_or(Some(start), |steps| {
            step.checked_mul(isize::try_from(steps).ok()?)?.checked_add(start)
        });
        let within = |place: isize| usize::try_from(place).is_ok_and(|place| place < length);
        if count == 0 || (within(start) && last.is_some_and(within)) {
            return Ok(self);
        }
        Err(PyIndexError::new_err(format!("there are {length} states, and none at {self:?}")))
    }

    pub(super) fn length(self) -> usize {
        self.2
    }

    /// The place of one of them.
    fn place(self, index: usize) -> usize {
        self.0.wrapping_add(self.1.wrapping_mul(index as isize)) as usize
    }

    /// Those in a range of all.
    fn part(self, range: Range<usize>) -> impl Iterator<Item = usize> {
        range.map(move |index| self.place(index))
    }
}

impl SummaryStates {
    /// Checks that there are such.
    pub(super) fn which(&self, which: Which) -> PyResult<Which> {
        which.of(look(&self.0).len())
    }

    /// A value of each, by many threads.
    pub(super) fn column<'py, T: Element + Copy + Send>(
        &self,
        py: Python<'py>,
        which: Which,
        read: impl Fn(&State) -> T + Sync,
    ) -> PyResult<Bound<'py, PyArray1<T>>> {
        let mut array = NewArray::<T, Ix1>::zeros(py, self.which(which)?.length())?;
        self.fill(py, which, array.values(), |state, row| {
            row[0] = read(state);
            Ok(())
        })?;
        Ok(array.finish())
    }

    /// Writes as many values of each as fit, row by row, by many threads.
    pub(super) fn fill<T: Send>(
        &self,
        py: Python<'_>,
        which: Which,
        values: &mut [T],
        read: impl Fn(&State, &mut [T]) -> Result<(), Error> + Sync,
    ) -> PyResult<()> {
        let which = self.which(which)?;
        let work = READ_NANOSECONDS * values.len() as f64;
        let width = values.len() / which.length().max(1);
        enter(py, work, None, None, |context| {
            let partition = Partition::new(which.length(), TASK);
            let rows = RowsMut::new(values, which.length(), width);
            context.for_each_chunk(&partition, rows, |range, mut out| {
                let states = look(&self.0);
                which.part(range).enumerate().try_for_each(|(row, place)| {
                    if row % STOP == 0 {
                        context.check()?;
                    }
                    read(&states[place], out.row(row))
                })
            })
        })
    }

    /// A value of each, in order.
    pub(super) fn collect<T: Send>(
        &self,
        py: Python<'_>,
        which: Which,
        read: impl Fn(&State) -> Result<T, Error> + Sync,
    ) -> PyResult<Vec<T>> {
        let which = self.which(which)?;
        let work = READ_NANOSECONDS * which.length() as f64;
        enter(py, work, Some(1), None, |context| {
            let mut all = memory::with_capacity(which.length(), WHAT)?;
            for start in (0..which.length()).step_by(TASK) {
                context.check()?;
                let states = look(&self.0);
                for place in which.part(start..(start + TASK).min(which.length())) {
                    all.push(read(&states[place])?);
                }
            }
            Ok(all)
        })
    }

    /// The length and the payload of each.
    fn encoded(&self, py: Python<'_>, which: Which) -> PyResult<Vec<u8>> {
        let which = which.of(look(&self.0).len())?;
        let work = READ_NANOSECONDS * which.length() as f64;
        enter(py, work, Some(1), None, |context| {
            let mut writer = Writer::new();
            for start in (0..which.length()).step_by(TASK) {
                context.check()?;
                let states = look(&self.0);
                for place in which.part(start..(start + TASK).min(which.length())) {
                    writer.bytes(&states[place].read(Summary::to_payload)?);
                }
            }
            writer.finish()
        })
    }

    /// A statistic of each that not all summaries keep.
    fn kept<'py>(
        &self,
        py: Python<'py>,
        which: Which,
        read: impl Fn(&Summary) -> Option<f64> + Sync,
    ) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let missing = AtomicBool::new(false);
        let column = self.column(py, which, |state| {
            state.read(&read).unwrap_or_else(|| {
                missing.store(true, Ordering::Relaxed);
                f64::NAN
            })
        })?;
        if missing.into_inner() {
            return Err(convert::not_kept("third and fourth moments", "moments=4"));
        }
        Ok(column)
    }

    /// A number of each: an array, or where no float is one of them a list.
    fn numbers<'py>(
        &self,
        py: Python<'py>,
        which: Which,
        read: impl Fn(&State) -> Option<Number> + Sync,
    ) -> PyResult<Bound<'py, PyAny>> {
        let exact = AtomicBool::new(true);
        let of = |state: &State| read(state).unwrap_or_else(|| f64::NAN.into());
        let nearest = self.column(py, which, |state| {
            let number = of(state);
            if !number.is_f64() {
                exact.store(false, Ordering::Relaxed);
            }
            number.nearest()
        })?;
        if exact.into_inner() {
            return Ok(nearest.into_any());
        }
        let numbers = self.collect(py, which, |state| Ok(of(state)))?;
        let numbers = numbers.into_iter().map(|number| convert::number(py, number));
        Ok(objects::list(py, numbers, WHAT)?.into_any())
    }
}

/// States one after the other.
fn decoded(context: &Context, reader: &mut Reader<'_>) -> Result<Vec<State>, Error> {
    // A state takes more room in memory than here, and is asked for as they come.
    let mut states = Vec::new();
    while reader.remaining() > 0 {
        if states.len() % TASK == 0 {
            context.check()?;
        }
        let summary = Summary::from_payload(reader.bytes("a state")?)?;
        memory::push(&mut states, summary.into(), WHAT)?;
    }
    Ok(states)
}

/// Where the states of a part go.
type Placed<'a> = (&'a Shared, Vec<usize>);

/// The places of a part, checked.
fn places(positions: &Bound<'_, PyAny>, part: usize, length: usize) -> PyResult<Vec<usize>> {
    let positions = arrays::numbers(positions, "positions", 1)?;
    if positions.shape() != [part] {
        return Err(PyValueError::new_err(format!("positions must be {part} numbers")));
    }
    let values = positions.values();
    let place = |index: usize| {
        let place = values.get(index).integer().and_then(|place| usize::try_from(place).ok());
        place.filter(|&place| place < length).ok_or_else(|| {
            PyIndexError::new_err(format!("positions must be from 0 to below {length}"))
        })
    };
    memory::gathered((0..part).map(place), WHAT)
}

/// Copies of all.
fn copies(context: &Context, states: &Shared) -> Result<Vec<State>, Error> {
    let mut all = memory::with_capacity(look(states).len(), WHAT)?;
    while all.len() < look(states).len() {
        context.check()?;
        let states = look(states);
        for state in states[all.len()..].iter().take(TASK) {
            all.push(state.copied()?);
        }
    }
    Ok(all)
}

/// States, or an error with the position of the state where it arose.
fn placed(py: Python<'_>, found: Result<Vec<State>, (Error, usize)>) -> PyResult<SummaryStates> {
    match found {
        Ok(states) => Ok(states.into()),
        Err((error, position)) => {
            let error = PyErr::from(error);
            error.value(py).setattr("position", position)?;
            Err(error)
        }
    }
}

/// What `places` say of each part, merged; or what failed, and where.
fn merged(
    context: &Context,
    parts: &[Placed<'_>],
    length: usize,
) -> Result<Result<Vec<State>, (Error, usize)>, Error> {
    let mut total = memory::with_capacity(length, WHAT)?;
    total.extend((0..length).map(|_| State::identity()));
    for (states, places) in parts {
        for (task, places) in places.chunks(TASK).enumerate() {
            context.check()?;
            let states = look(states);
            for (state, &place) in states[task * TASK..].iter().zip(places) {
                let target: &mut State = &mut total[place];
                let added = if target.is_identity() {
                    state.copied().map(|copy| *target = copy)
                } else {
                    target.try_merge(state)
                };
                if let Err(error) = added {
                    return Ok(Err((error, place)));
                }
            }
        }
    }
    Ok(Ok(total))
}

#[pymethods]
impl SummaryStates {
    /// Copies of some states.
    #[staticmethod]
    fn of(states: &Bound<'_, PyList>) -> PyResult<Self> {
        let copies = states.iter().enumerate().map(|(index, state)| {
            let Ok(state) = state.cast::<SummaryState>() else {
                let found = state.get_type().name()?;
                let message = format!("states[{index}] must be a SummaryState, found {found}");
                return Err(PyTypeError::new_err(message));
            };
            Ok(state.get().read(Summary::copied)?.into())
        });
        Ok(memory::gathered(copies, WHAT)?.into())
    }

    /// As many states as said: those of each part merged into the ones at its positions. A state
    /// that nothing is merged into is the identity. An error has the position as an attribute.
    #[staticmethod]
    fn merged(
        py: Python<'_>,
        parts: &Bound<'_, PyList>,
        positions: &Bound<'_, PyList>,
        length: usize,
    ) -> PyResult<Self> {
        let parts = parts
            .iter()
            .map(|part| Ok(part.cast::<Self>()?.clone().unbind()))
            .collect::<PyResult<Vec<_>>>()?;
        if parts.len() != positions.len() {
            return Err(PyValueError::new_err("positions must be as many as parts"));
        }
        let mut placed_parts: Vec<Placed<'_>> = Vec::new();
        for (part, positions) in parts.iter().zip(positions.iter()) {
            let states = &part.get().0;
            let size = look(states).len();
            placed_parts.push((states, places(&positions, size, length)?));
        }
        let total: usize = placed_parts.iter().map(|(_, places)| places.len()).sum();
        let work = READ_NANOSECONDS * total as f64;
        let found =
            enter(py, work, Some(1), None, |context| merged(context, &placed_parts, length))?;
        placed(py, found)
    }

    /// As many states as these: the states of a part taken away from those at its positions. An
    /// error has the position as an attribute.
    fn subtracted(
        &self,
        py: Python<'_>,
        part: &Self,
        positions: &Bound<'_, PyAny>,
    ) -> PyResult<Self> {
        let length = look(&self.0).len();
        let places = places(positions, look(&part.0).len(), length)?;
        let work = READ_NANOSECONDS * (length + places.len()) as f64;
        let found = enter(py, work, Some(1), None, |context| {
            let mut left = copies(context, &self.0)?;
            for (task, places) in places.chunks(TASK).enumerate() {
                context.check()?;
                let taken = look(&part.0);
                for (state, &place) in taken[task * TASK..].iter().zip(places) {
                    if let Err(error) = left[place].try_subtract(state) {
                        return Ok(Err((error, place)));
                    }
                }
            }
            Ok(Ok(left))
        })?;
        placed(py, found)
    }

    /// What is left of a summary without each of some of them. An error has the position as an
    /// attribute.
    fn left_out(&self, py: Python<'_>, total: &SummaryState, which: Which) -> PyResult<Self> {
        let total = State::from(total.read(Summary::copied)?);
        let which = which.of(look(&self.0).len())?;
        let work = READ_NANOSECONDS * which.length() as f64;
        let found = enter(py, work, Some(1), None, |context| {
            let mut all = memory::with_capacity(which.length(), WHAT)?;
            for start in (0..which.length()).step_by(TASK) {
                context.check()?;
                let states = look(&self.0);
                for place in which.part(start..(start + TASK).min(which.length())) {
                    let mut left = total.copied()?;
                    if let Err(error) = left.try_subtract(&states[place]) {
                        return Ok(Err((error, place)));
                    }
                    all.push(left);
                }
            }
            Ok(Ok(all))
        })?;
        placed(py, found)
    }

    /// Copies of those at some positions.
    fn take(&self, py: Python<'_>, positions: &Bound<'_, PyAny>) -> PyResult<Self> {
        let length = positions.len()?;
        let places = places(positions, length, look(&self.0).len())?;
        let taken = enter(py, READ_NANOSECONDS * length as f64, Some(1), None, |context| {
            context.check()?;
            let states = look(&self.0);
            memory::gathered(places.iter().map(|&place| states[place].copied()), WHAT)
        })?;
        Ok(taken.into())
    }

    /// Whether numbers were subtracted from each, so that single ones cannot be told.
    fn reduced<'py>(&self, py: Python<'py>, which: Which) -> PyResult<Bound<'py, PyArray1<bool>>> {
        self.column(py, which, State::is_reduced)
    }

    /// Copies of some of them.
    fn select(&self, py: Python<'_>, which: Which) -> PyResult<Self> {
        Ok(self.collect(py, which, State::copied)?.into())
    }

    fn __len__(&self) -> usize {
        look(&self.0).len()
    }

    /// One of them: what is changed there is changed here.
    fn __getitem__(&self, index: usize) -> PyResult<SummaryState> {
        let length = look(&self.0).len();
        if index >= length {
            return Err(PyIndexError::new_err(format!("there are {length} states")));
        }
        Ok(SummaryState::view(&self.0, index))
    }

    /// All of them, likewise.
    fn views<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let length = look(&self.0).len();
        let views = (0..length).map(|index| Bound::new(py, SummaryState::view(&self.0, index)));
        objects::list(py, views, WHAT)
    }

    /// Whether some of these are equal to some of others, one by one.
    fn equal(&self, py: Python<'_>, which: Which, other: &Self, others: Which) -> PyResult<bool> {
        if which.length() != others.length() {
            return Ok(false);
        }
        let theirs = other.collect(py, others, State::copied)?;
        let which = self.which(which)?;
        let states = look(&self.0);
        Ok(theirs.iter().zip(which.part(0..theirs.len())).all(|(state, at)| *state == states[at]))
    }

    /// A hash of each.
    fn hashes<'py>(&self, py: Python<'py>, which: Which) -> PyResult<Bound<'py, PyArray1<u64>>> {
        self.column(py, which, |state| {
            let mut hasher = DefaultHasher::new();
            state.hash(&mut hasher);
            hasher.finish()
        })
    }

    /// Versioned bytes that ``from_bytes`` reads on any machine.
    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let payload = self.encoded(py, Which(0, 1, look(&self.0).len()))?;
        arrays::bytes(py, &seal(Kind::SummaryStates, &payload)?)
    }

    /// Reads what ``to_bytes`` wrote; ValueError for anything else.
    #[staticmethod]
    fn from_bytes(py: Python<'_>, data: &[u8]) -> PyResult<Self> {
        match open(data, Kind::SummaryStates)? {
            Opened::Payload { payload, .. } => Self::from_payload(py, payload),
            Opened::Before(_) => Err(Error::Bug("states had envelopes always".to_owned()).into()),
        }
    }

    /// Some of them as part of the bytes of something else: the length and the payload of each.
    fn to_payload<'py>(&self, py: Python<'py>, which: Which) -> PyResult<Bound<'py, PyBytes>> {
        arrays::bytes(py, &self.encoded(py, which)?)
    }

    /// Reads what ``to_payload`` wrote; ValueError for anything else.
    #[staticmethod]
    fn from_payload(py: Python<'_>, data: &[u8]) -> PyResult<Self> {
        let states = enter(py, READ_NANOSECONDS * data.len() as f64, Some(1), None, |context| {
            Kind::SummaryStates.decode(data, |reader| decoded(context, reader))
        })?;
        Ok(states.into())
    }

    /// Reads bytes of a summary each, as there were before all states had one payload.
    #[staticmethod]
    fn of_each(data: &Bound<'_, PyList>) -> PyResult<Self> {
        let states = data.iter().map(|bytes| {
            let bytes = bytes.cast::<PyBytes>()?;
            Ok::<_, PyErr>(Summary::from_bytes(bytes.as_bytes())?.into())
        });
        Ok(memory::gathered(states, WHAT)?.into())
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Reduced<'py>> {
        reduced::<Self>(self.to_bytes(py)?)
    }

    // ------------------------------------------------------------ reads

    /// How many values, nan, nulls or infinities each has.
    fn counts<'py>(
        &self,
        py: Python<'py>,
        kind: &str,
        which: Which,
    ) -> PyResult<Bound<'py, PyArray1<u64>>> {
        let read: fn(crate::summary::Counts) -> u64 = match kind {
            "count" => |counts| counts.count,
            "nan_count" => |counts| counts.nan_count,
            "null_count" => |counts| counts.null_count,
            "positive_infinity_count" => |counts| counts.positive_infinity_count,
            "negative_infinity_count" => |counts| counts.negative_infinity_count,
            _ => return Err(PyValueError::new_err(format!("there is no count {kind:?}"))),
        };
        self.column(py, which, |state| read(state.counts()))
    }

    /// The smallest value of each: an array, or a list if no float is one of them.
    fn min<'py>(&self, py: Python<'py>, which: Which) -> PyResult<Bound<'py, PyAny>> {
        self.numbers(py, which, |state| state.range().map(|(min, _)| min))
    }

    /// The largest value of each, likewise.
    fn max<'py>(&self, py: Python<'py>, which: Which) -> PyResult<Bound<'py, PyAny>> {
        self.numbers(py, which, |state| state.range().map(|(_, max)| max))
    }

    /// Sums, correctly rounded.
    fn sum<'py>(&self, py: Python<'py>, which: Which) -> PyResult<Bound<'py, PyArray1<f64>>> {
        self.column(py, which, State::sum)
    }

    /// Means, correctly rounded.
    fn mean<'py>(&self, py: Python<'py>, which: Which) -> PyResult<Bound<'py, PyArray1<f64>>> {
        self.column(py, which, State::mean)
    }

    /// Variances with divisor n - ddof, correctly rounded.
    fn var<'py>(
        &self,
        py: Python<'py>,
        ddof: i64,
        which: Which,
    ) -> PyResult<Bound<'py, PyArray1<f64>>> {
        self.column(py, which, |state| state.variance(ddof))
    }

    /// Standard deviations with divisor n - ddof, correctly rounded.
    fn std<'py>(
        &self,
        py: Python<'py>,
        ddof: i64,
        which: Which,
    ) -> PyResult<Bound<'py, PyArray1<f64>>> {
        self.column(py, which, |state| state.standard_deviation(ddof))
    }

    /// Standard errors of the means, correctly rounded.
    fn sem<'py>(&self, py: Python<'py>, which: Which) -> PyResult<Bound<'py, PyArray1<f64>>> {
        self.column(py, which, State::standard_error)
    }

    /// Sums of the weights of the finite values, correctly rounded.
    fn weight_sum<'py>(
        &self,
        py: Python<'py>,
        which: Which,
    ) -> PyResult<Bound<'py, PyArray1<f64>>> {
        self.column(py, which, |state| state.read(Summary::weight_sum))
    }

    /// Kish's effective sample size of each, correctly rounded.
    fn effective_sample_size<'py>(
        &self,
        py: Python<'py>,
        which: Which,
    ) -> PyResult<Bound<'py, PyArray1<f64>>> {
        self.column(py, which, |state| state.read(Summary::effective_sample_size))
    }

    /// Skewness of each, correctly rounded.
    fn skewness<'py>(&self, py: Python<'py>, which: Which) -> PyResult<Bound<'py, PyArray1<f64>>> {
        self.kept(py, which, Summary::skewness)
    }

    /// Excess kurtosis of each, correctly rounded.
    fn kurtosis<'py>(&self, py: Python<'py>, which: Which) -> PyResult<Bound<'py, PyArray1<f64>>> {
        self.kept(py, which, Summary::kurtosis)
    }

    /// What all of them keep: the highest power, whether there are quantiles and distinct values.
    fn keeps(&self, py: Python<'_>, which: Which) -> PyResult<(bool, bool, bool)> {
        let each = self.collect(py, which, |state| Ok(state.keeps()))?;
        Ok(each
            .into_iter()
            .fold((true, true, true), |all, one| (all.0 && one.0, all.1 && one.1, all.2 && one.2)))
    }
}
