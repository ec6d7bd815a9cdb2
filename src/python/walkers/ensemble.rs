//! [`WalkerEnsemble`]: walkers that Python advances.

use std::sync::Arc;
use std::time::{Duration, Instant};

use numpy::{PyArray1, PyArray2};
use pyo3::exceptions::{PyException, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::buffers::{check_shape, read_bounds, read_key};
use super::density::WalkerDensity;
use super::moments::WalkerMoments;
use super::moves::WalkerMove;
use super::raised::Raised;
use super::state;
use crate::error::Error;
use crate::fold::Context;
use crate::python::arrays::{self, BorrowedMut, NewArray};
use crate::python::enter::{enter, take_turns};
use crate::walkers::{Calls, Failed, Moments, Output, Pooled, Reason, Rules, Sampler, Stopped};

/// How long walkers walk before Python may handle signals.
const TURN: Duration = Duration::from_millis(50);

/// Walkers over a density, somewhere on their way.
#[pyclass(module = "foldstat._core")]
pub struct WalkerEnsemble {
    sampler: Sampler,
    /// Where moves of Python leave what they raise.
    raised: Vec<Arc<Raised>>,
}

/// Where the steps of one call go.
struct Target<'a> {
    thin: u64,
    capacity: usize,
    draws: Option<&'a mut [f64]>,
    log_density: Option<&'a mut [f64]>,
    moments: Option<&'a mut Moments>,
}

impl Target<'_> {
    /// Advances and records.
    fn advance(
        &mut self,
        sampler: &mut Sampler,
        context: &Context,
        density: &WalkerDensity,
        steps: u64,
    ) -> Result<(), Stopped> {
        let output = Output {
            thin: self.thin,
            capacity: self.capacity,
            draws: self.draws.as_deref_mut(),
            log_density: self.log_density.as_deref_mut(),
        };
        sampler.run(context, &*density.density, steps, output, self.moments.as_deref_mut())
    }
}

impl WalkerEnsemble {
    /// Runs a part of the work where the density wants to be called: `work` may be done in
    /// several turns, each of which says how many steps are left.
    fn run(
        &mut self,
        py: Python<'_>,
        density: &WalkerDensity,
        n_jobs: Option<isize>,
        callback: Option<&Bound<'_, PyAny>>,
        steps: u64,
        work: &mut (dyn FnMut(&mut Sampler, &Context, u64) -> Result<(), Stopped> + Send),
    ) -> PyResult<()> {
        let sampler = &mut self.sampler;
        let before = sampler.state().step;
        let mut stopped = None;
        if sampler.calls(&*density.density) == Calls::Together {
            let (mut left, mut turn) = (steps, 1);
            take_turns(py, callback, |context| {
                let begin = Instant::now();
                let here = left.min(turn);
                if let Err(error) = work(sampler, context, here) {
                    stopped = Some(error);
                    return Ok(false);
                }
                left -= here;
                match begin.elapsed() {
                    short if short < TURN / 2 => turn *= 2,
                    long if long > TURN => turn = (turn / 2).max(1),
                    _ => {}
                }
                Ok(left > 0)
            })?;
        } else {
            let updates = steps.max(1) as f64 * sampler.evaluations() as f64;
            let values = updates * sampler.state().n_walkers() as f64;
            let nanoseconds = values * density.density.nanoseconds();
            enter(py, nanoseconds, n_jobs, callback, |context| {
                stopped = work(sampler, context, steps).err();
                Ok(())
            })?;
        }
        match stopped {
            None => Ok(()),
            Some(Stopped { failed: Failed::Interrupted, .. }) => Err(Error::Interrupted.into()),
            Some(Stopped { failed: Failed::Memory(error), .. }) => Err(error.into()),
            Some(Stopped { failed: Failed::At(mut rejected), .. }) => {
                rejected.walker += self.sampler.state().first;
                // A step that failed in a later turn is still the step after the last whole one.
                let step = self.sampler.state().step.max(before);
                match rejected.reason {
                    Reason::Raised | Reason::Status(_) => {
                        Err(density.exception_at(py, &rejected, step))
                    }
                    Reason::MoveRaised => Err(self.raised_by_move(py, step)),
                    _ => Err(rejected.into_error(step).into()),
                }
            }
        }
    }
}

#[pymethods]
impl WalkerEnsemble {
    /// Walkers at their starts, where the density is looked at.
    #[new]
    #[pyo3(signature = (key, start, moves, density, *, burn_in, log=true, bounds=None, reject_nan=false, pooled=false, first_walker=0))]
    #[allow(clippy::too_many_arguments)] // they are Python's keywords
    fn new(
        py: Python<'_>,
        key: &[u8],
        start: &Bound<'_, PyAny>,
        moves: Vec<(f64, Bound<'_, WalkerMove>)>,
        density: &Bound<'_, WalkerDensity>,
        burn_in: u64,
        log: bool,
        bounds: Option<&Bound<'_, PyAny>>,
        reject_nan: bool,
        pooled: bool,
        first_walker: usize,
    ) -> PyResult<Self> {
        let start = arrays::matrix(start, "start")?;
        let (n_walkers, n_dims) = start.dim();
        let rules = Rules { log, bounds: read_bounds(bounds, n_dims)?, reject_nan };
        let schedule = state::schedule(&moves, read_key(key)?, n_dims, n_walkers)?;
        let positions = start.into_raw_vec_and_offset().0;
        let mut sampler = Sampler::new(positions, n_dims, schedule, rules, burn_in)?;
        sampler.number_from(first_walker)?;
        if pooled {
            sampler.pool(Pooled::new(n_dims, 0)?)?;
        }
        let mut ensemble = Self { sampler, raised: raised_of(&moves) };
        let density = density.get();
        ensemble.check(density)?;
        let start = &mut |sampler: &mut Sampler, context: &Context, _: u64| {
            sampler.start(context, &*density.density)
        };
        ensemble.run(py, density, None, None, 1, start)?;
        Ok(ensemble)
    }

    /// More steps, recorded where they belong.
    #[pyo3(signature = (density, n_steps, *, thin=1, draws=None, log_density=None, moments=None, n_jobs=None, callback=None))]
    #[allow(clippy::too_many_arguments)] // they are Python's keywords
    fn advance(
        &mut self,
        py: Python<'_>,
        density: &Bound<'_, WalkerDensity>,
        n_steps: u64,
        thin: u64,
        draws: Option<&Bound<'_, PyAny>>,
        log_density: Option<&Bound<'_, PyAny>>,
        moments: Option<&Bound<'_, WalkerMoments>>,
        n_jobs: Option<isize>,
        callback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let density = density.get();
        self.check(density)?;
        if thin == 0 {
            return Err(PyValueError::new_err("thin must be at least 1, found 0"));
        }
        let state = self.sampler.state();
        let end = state.step.checked_add(n_steps).ok_or(Error::TooMany)?;
        let needed = end.saturating_sub(self.sampler.burn_in()) / thin;
        let (n_walkers, n_dims) = (state.n_walkers(), state.n_dims);
        let mut draws = draws.map(|draws| BorrowedMut::of(draws, "draws", 3)).transpose()?;
        let mut log_density =
            log_density.map(|values| BorrowedMut::of(values, "log_density", 2)).transpose()?;
        let mut capacity = None;
        if let Some(draws) = &draws {
            check_shape("draws", draws.shape(), (n_walkers, needed, Some(n_dims)), &mut capacity)?;
        }
        if let Some(values) = &log_density {
            let expected = (n_walkers, needed, None);
            check_shape("log_density", values.shape(), expected, &mut capacity)?;
        }
        let mut moments = moments.map(|moments| moments.try_borrow_mut()).transpose()?;
        if let Some(moments) = &moments {
            moments.check(n_walkers, n_dims)?;
        }
        let mut target = Target {
            thin,
            capacity: capacity.unwrap_or(0),
            draws: draws.as_mut().map(BorrowedMut::values),
            log_density: log_density.as_mut().map(BorrowedMut::values),
            moments: moments.as_deref_mut().map(|moments| &mut moments.moments),
        };
        self.run(py, density, n_jobs, callback, n_steps, &mut |sampler, context, steps| {
            target.advance(sampler, context, density, steps)
        })
    }

    /// Makes the burn-in longer, from where the walkers are or where it ends.
    fn burn_in_again(&mut self, steps: u64) -> PyResult<()> {
        Ok(self.sampler.burn_in_again(steps)?)
    }

    /// Whether the next step of a walker depends on no other walker.
    #[getter]
    fn walks_alone(&self) -> bool {
        self.sampler.walks_alone()
    }

    /// Number of walkers.
    #[getter]
    fn n_walkers(&self) -> usize {
        self.sampler.state().n_walkers()
    }

    /// Number of coordinates.
    #[getter]
    fn n_dims(&self) -> usize {
        self.sampler.state().n_dims
    }

    /// Steps that are not recorded.
    #[getter]
    fn burn_in(&self) -> u64 {
        self.sampler.burn_in()
    }

    /// Steps done, those of the burn-in included.
    #[getter]
    fn step(&self) -> u64 {
        self.sampler.state().step
    }

    /// Accepted proposals per step, summed over the steps since the burn-in (or in it).
    #[getter]
    fn accepted<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let state = self.sampler.state();
        NewArray::of(py, state.n_walkers(), &state.accepted)
    }

    /// Where the walkers are.
    #[getter]
    fn positions<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray2<f64>>> {
        let state = self.sampler.state();
        NewArray::of(py, [state.n_walkers(), state.n_dims], &state.positions)
    }

    /// Log-densities there.
    #[getter]
    fn log_densities<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let state = self.sampler.state();
        NewArray::of(py, state.n_walkers(), &state.log_densities)
    }

    /// Another ensemble in the same state.
    fn copy(&self) -> PyResult<Self> {
        Ok(Self { sampler: self.sampler.copied()?, raised: self.raised.clone() })
    }

    /// Takes the state of another ensemble, whose walkers these are at a later step.
    fn replace_by(&mut self, other: &Self) -> PyResult<()> {
        self.sampler = other.sampler.copied()?;
        Ok(())
    }

    /// Everything that the next steps depend on, besides density and moves.
    fn state<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        state::as_dict(py, &self.sampler)
    }

    /// An ensemble in a state that `state` gave.
    #[staticmethod]
    fn from_state(
        state: &Bound<'_, PyDict>,
        moves: Vec<(f64, Bound<'_, WalkerMove>)>,
    ) -> PyResult<Self> {
        Ok(Self { sampler: state::from_dict(state, &moves)?, raised: raised_of(&moves) })
    }
}

impl WalkerEnsemble {
    /// What a function of Python raised that draws or proposes, with a note that says when.
    fn raised_by_move(&self, py: Python<'_>, step: u64) -> PyErr {
        let raised = self.raised.iter().find_map(|raised| raised.take());
        let Some(error) = raised else {
            return Error::Bug("a move raised an exception, but kept none".to_owned()).into();
        };
        if error.is_instance_of::<PyException>(py) {
            // An exception that takes no note comes out without.
            let _ = error
                .value(py)
                .call_method1("add_note", (format!("the move raised this at step {step}"),));
        }
        error
    }

    fn check(&self, density: &WalkerDensity) -> PyResult<()> {
        let (n_dims, found) = (self.sampler.state().n_dims, density.n_dims());
        if found == n_dims {
            return Ok(());
        }
        let message = format!("density has {found} dimensions, but the walkers have {n_dims}");
        Err(PyValueError::new_err(message))
    }
}

fn raised_of(moves: &[(f64, Bound<'_, WalkerMove>)]) -> Vec<Arc<Raised>> {
    moves.iter().flat_map(|(_, step)| step.get().raised.clone()).collect()
}
