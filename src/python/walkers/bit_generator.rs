//! [`WalkerBits`]: a walker's random stream as `NumPy`'s generators and compiled code know one.

use std::ffi::{CStr, c_void};

use numpy::prelude::*;
use numpy::{PyArray1, PyUntypedArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

use crate::walkers::Stream;

/// `bitgen_t` of `numpy/random/bitgen.h`: how `numpy.random.Generator` asks for random bits.
#[repr(C)]
struct BitGenerator {
    state: *mut c_void,
    next_uint64: unsafe extern "C" fn(*mut c_void) -> u64,
    next_uint32: unsafe extern "C" fn(*mut c_void) -> u32,
    next_double: unsafe extern "C" fn(*mut c_void) -> f64,
    next_raw: unsafe extern "C" fn(*mut c_void) -> u64,
}

// SAFETY: the state is the memory of an array that `WalkerBits` keeps alive, and whoever calls the
// functions holds the interpreter or is compiled code that was handed the generator.
unsafe impl Send for BitGenerator {}

/// The name by which `NumPy` knows the capsule.
const NAME: &CStr = c"BitGenerator";

/// The next 64 bits, of which all are good: those of xoshiro256++ (Blackman & Vigna 2021), whose
/// state moves as that of the walkers' xoshiro256+ does.
unsafe extern "C" fn next_uint64(state: *mut c_void) -> u64 {
    // SAFETY: the state is that of the array of four words in `WalkerBits`, and calls come one
    // after the other.
    let words = unsafe { &mut *state.cast::<[u64; 4]>() };
    let mut stream = Stream(*words);
    let bits = words[0].wrapping_add(words[3]).rotate_left(23).wrapping_add(words[0]);
    stream.word();
    *words = stream.0;
    bits
}

unsafe extern "C" fn next_uint32(state: *mut c_void) -> u32 {
    // SAFETY: as the caller's.
    (unsafe { next_uint64(state) } >> 32) as u32
}

unsafe extern "C" fn next_double(state: *mut c_void) -> f64 {
    // SAFETY: as the caller's.
    let bits = unsafe { next_uint64(state) };
    (bits >> 11) as f64 * 2_f64.powi(-53)
}

/// A bit generator whose state are the four words of an array, so that one generator can take the
/// streams of many walkers in turn.
#[pyclass(frozen, module = "foldstat._core")]
pub struct WalkerBits {
    /// Keeps the state in memory.
    words: Py<PyArray1<u64>>,
    capsule: Py<PyCapsule>,
    state: usize,
}

#[pymethods]
impl WalkerBits {
    #[new]
    fn new(py: Python<'_>, words: &Bound<'_, PyArray1<u64>>) -> PyResult<Self> {
        if words.len() != 4 || !words.is_c_contiguous() || words.try_readwrite().is_err() {
            return Err(PyValueError::new_err(
                "words must be a writable array of four uint64, one after the other",
            ));
        }
        let state = words.data().cast::<c_void>();
        if !state.cast::<u64>().is_aligned() {
            return Err(PyValueError::new_err("words must be aligned"));
        }
        let functions =
            BitGenerator { state, next_uint64, next_uint32, next_double, next_raw: next_uint64 };
        let capsule = PyCapsule::new_with_value(py, functions, NAME)?.unbind();
        let state = state.expose_provenance();
        Ok(Self { words: words.clone().unbind(), capsule, state })
    }

    /// What `numpy.random.Generator` takes the functions from.
    #[getter]
    fn capsule(&self, py: Python<'_>) -> Py<PyCapsule> {
        self.capsule.clone_ref(py)
    }

    /// The state.
    #[getter]
    fn words(&self, py: Python<'_>) -> Py<PyArray1<u64>> {
        self.words.clone_ref(py)
    }

    /// Addresses of the state and of the functions for 64 bits, 32 bits and doubles, for compiled
    /// code.
    #[getter]
    fn addresses(&self) -> (usize, usize, usize, usize) {
        (
            self.state,
            next_uint64 as *const () as usize,
            next_uint32 as *const () as usize,
            next_double as *const () as usize,
        )
    }
}
