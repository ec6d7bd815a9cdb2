//! LAPACK, borrowed from SciPy.
//!
//! ndarray-linalg calls Fortran symbols such as `dsyev_`. No library defines them here: this
//! file does, with jumps to the functions that `scipy.linalg.cython_lapack` offers to compiled
//! code. So the package contains no BLAS, needs none installed, and a process has one LAPACK.
//!
//! The symbols are written in assembly for one reason: only there can they be hidden. A
//! `#[no_mangle]` function is exported from the Python module, where another library's LAPACK
//! could take its place or be replaced by it. A jump also needs no list of argument types.
//!
//! To use one more routine, add a line to the table at the end of `mod symbols`.

use std::ffi::c_void;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, Ordering};

use pyo3::exceptions::{PyAttributeError, PyImportError};
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyDict};

use crate::error::Error;

/// Where the routines came from, or why there are none.
static LOADED: OnceLock<Result<String, String>> = OnceLock::new();

/// One routine: its name in SciPy, what SciPy must say about its arguments, where its jump goes.
struct Routine {
    name: &'static str,
    signature: &'static str,
    target: &'static AtomicPtr<c_void>,
}

mod symbols {
    use super::{AtomicPtr, Routine, c_void, missing};

    /// Defines each symbol as a jump to whatever its target holds.
    macro_rules! routines {
        ($($name:ident as $symbol:ident via $target:ident: $signature:literal;)*) => {
            $(
                static $target: AtomicPtr<c_void> = AtomicPtr::new(missing as *mut c_void);

                #[cfg(all(target_arch = "x86_64", not(target_vendor = "apple")))]
                std::arch::global_asm!(
                    concat!(".globl ", stringify!($symbol)),
                    #[cfg(not(windows))]
                    concat!(".hidden ", stringify!($symbol)),
                    concat!(stringify!($symbol), ": jmp qword ptr [rip + {target}]"),
                    target = sym $target,
                );
                #[cfg(all(target_arch = "x86_64", target_vendor = "apple"))]
                std::arch::global_asm!(
                    concat!(".globl _", stringify!($symbol)),
                    concat!(".private_extern _", stringify!($symbol)),
                    concat!("_", stringify!($symbol), ": jmp qword ptr [rip + {target}]"),
                    target = sym $target,
                );
                #[cfg(all(target_arch = "aarch64", not(target_vendor = "apple")))]
                std::arch::global_asm!(
                    concat!(".globl ", stringify!($symbol)),
                    #[cfg(not(windows))]
                    concat!(".hidden ", stringify!($symbol)),
                    concat!(stringify!($symbol), ":"),
                    "adrp x16, {target}",
                    "ldr x16, [x16, :lo12:{target}]",
                    "br x16",
                    target = sym $target,
                );
                #[cfg(all(target_arch = "aarch64", target_vendor = "apple"))]
                std::arch::global_asm!(
                    concat!(".globl _", stringify!($symbol)),
                    concat!(".private_extern _", stringify!($symbol)),
                    ".p2align 2",
                    concat!("_", stringify!($symbol), ":"),
                    "adrp x16, {target}@PAGE",
                    "ldr x16, [x16, {target}@PAGEOFF]",
                    "br x16",
                    target = sym $target,
                );
            )*

            /// All routines.
            pub(super) static ROUTINES: &[Routine] = &[$(Routine {
                name: stringify!($name),
                signature: $signature,
                target: &$target,
            }),*];
        };
    }

    routines! {
        dgetrf as dgetrf_ via DGETRF: "void (int *, int *, d *, int *, int *, int *)";
        dgetrs as dgetrs_ via DGETRS:
            "void (char *, int *, int *, d *, int *, int *, d *, int *, int *)";
        dpotrf as dpotrf_ via DPOTRF: "void (char *, int *, d *, int *, int *)";
        dsyev as dsyev_ via DSYEV:
            "void (char *, char *, int *, d *, int *, d *, d *, int *, int *)";
    }
}

/// Where the jumps lead before [`load`]; nothing gets here through [`require`].
extern "C" fn missing() {
    eprintln!("foldstat: a LAPACK routine was called before it was loaded");
    std::process::abort();
}

/// Why there are no routines.
enum Failure {
    /// They are not there, for this reason, and will not be later.
    Absent(String),
    /// Something else happened meanwhile, such as Ctrl-C.
    Raised(PyErr),
}

impl From<PyErr> for Failure {
    fn from(error: PyErr) -> Self {
        Python::attach(|py| {
            let absent = error.is_instance_of::<PyImportError>(py)
                || error.is_instance_of::<PyAttributeError>(py);
            if absent { Self::Absent(error.to_string()) } else { Self::Raised(error) }
        })
    }
}

/// Fetches the routines from SciPy; called when the Python module is imported.
///
/// That they are not there is kept for [`require`] to report: what needs no LAPACK works without.
///
/// # Errors
///
/// Any other exception, such as those of signal handlers. The next import tries again.
pub fn load(py: Python<'_>) -> PyResult<()> {
    if LOADED.get().is_none() {
        // Not inside of `get_or_init`: while an import lets go of the interpreter, another
        // thread could wait for the lock with the interpreter in its hands.
        let loaded = match fetch(py) {
            Ok(origin) => Ok(origin),
            Err(Failure::Absent(reason)) => Err(reason),
            Err(Failure::Raised(error)) => return Err(error),
        };
        let _ = LOADED.set(loaded);
    }
    Ok(())
}

/// Fails unless the routines are there; to be called before anything that uses LAPACK.
///
/// # Errors
///
/// [`Error::Lapack`] saying why they are not.
pub fn require() -> Result<(), Error> {
    match LOADED.get() {
        Some(Ok(_)) => Ok(()),
        Some(Err(reason)) => Err(Error::Lapack(format!("LAPACK is missing: {reason}"))),
        None => Err(Error::Lapack("LAPACK has not been loaded yet".to_owned())),
    }
}

/// The module and version that the routines came from, if they are there.
#[must_use]
pub fn origin() -> Option<&'static str> {
    LOADED.get()?.as_deref().ok()
}

fn fetch(py: Python<'_>) -> Result<String, Failure> {
    let module = py.import("scipy.linalg.cython_lapack")?;
    let table = module.getattr("__pyx_capi__")?.cast_into::<PyDict>();
    let table = table.map_err(|error| Failure::Absent(error.to_string()))?;
    check_integers(fetch_one(&table, "ilaver", "void (int *, int *, int *)")?)?;
    for routine in symbols::ROUTINES {
        let pointer = fetch_one(&table, routine.name, routine.signature)?;
        routine.target.store(pointer, Ordering::Release);
    }
    let version = py.import("scipy")?.getattr("__version__")?;
    Ok(format!("scipy.linalg.cython_lapack {version}"))
}

/// The function in the capsule of that name, if its arguments are what we will pass.
fn fetch_one(
    table: &Bound<'_, PyDict>,
    name: &str,
    expected: &str,
) -> Result<*mut c_void, Failure> {
    let capsule = table.get_item(name)?.ok_or_else(|| {
        Failure::Absent(format!("scipy.linalg.cython_lapack has no routine {name}"))
    })?;
    let capsule = capsule.cast_into::<PyCapsule>();
    let capsule = capsule.map_err(|error| Failure::Absent(error.to_string()))?;
    let signature = capsule
        .name()?
        .ok_or_else(|| Failure::Absent(format!("SciPy does not tell the arguments of {name}")))?;
    // SAFETY: the capsule is alive, and no Python code runs while its name is read.
    let signature = unsafe { signature.as_cstr() };
    let found = normalised(&signature.to_string_lossy());
    if found != normalised(expected) {
        let message = format!("SciPy declares {name} as {found:?} instead of {expected:?}");
        return Err(Failure::Absent(message));
    }
    Ok(capsule.pointer_checked(Some(signature))?.as_ptr())
}

/// A signature without the prefixes Cython gives to SciPy's names for `double` and `int`.
fn normalised(signature: &str) -> String {
    let word = |text: &str| {
        let bare = ["cython_lapack_", "cython_blas_"]
            .iter()
            .find_map(|module| text.split_once(module).map(|(_, name)| name))
            .unwrap_or(text);
        match bare {
            "d" => "double".to_owned(),
            "blas_int" => "int".to_owned(),
            _ => bare.to_owned(),
        }
    };
    let mut result = String::new();
    let mut rest = signature;
    while !rest.is_empty() {
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        result += &word(&rest[..end]);
        let next = rest[end..].find(is_word).map_or(rest.len(), |length| end + length);
        result.extend(rest[end..next].chars().filter(|c| !c.is_whitespace()));
        rest = &rest[next..];
    }
    result
}

/// Checks that LAPACK's integers have 32 bits, as ndarray-linalg assumes.
///
/// SciPy can be built with 64-bit ones under the same signature (`blas_int`). `ilaver`, which
/// returns LAPACK's version through three integers, shows how much of them it writes.
fn check_integers(ilaver: *mut c_void) -> Result<(), Failure> {
    type Ilaver = unsafe extern "C" fn(*mut i64, *mut i64, *mut i64);
    let mut version = [-1_i64; 3];
    let [major, minor, patch] = &mut version;
    // SAFETY: the signature was checked: three pointers to integers of 32 or 64 bits, and both
    // have room here. It neither unwinds nor keeps them.
    unsafe { std::mem::transmute::<*mut c_void, Ilaver>(ilaver)(major, minor, patch) };
    let second_half_written = version.iter().any(|number| number.to_ne_bytes()[4..] != [0xff; 4]);
    if second_half_written {
        let message = "this SciPy was built with 64-bit LAPACK integers (ILP64), which are not \
                       supported; install SciPy's own wheel";
        return Err(Failure::Absent(message.to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{c_void, check_integers, normalised};

    #[test]
    fn signatures_compare_equal_across_scipy_versions() {
        let expected = normalised("void (char *, int *, d *, int *, int *)");
        assert_eq!(expected, "void(char*,int*,double*,int*,int*)");
        let today =
            "void (char *, int *, __pyx_t_5scipy_6linalg_13cython_lapack_d *, int *, int *)";
        assert_eq!(normalised(today), expected);
        let later = "void (char *, __pyx_t_5scipy_6linalg_11cython_blas_blas_int *, double *, \
                     __pyx_t_5scipy_6linalg_13cython_lapack_blas_int *, int *)";
        assert_eq!(normalised(later), expected);
        let wide = "void (char *, int64_t *, double *, int64_t *, int64_t *)";
        assert_ne!(normalised(wide), expected);
        assert_ne!(normalised("void (char *, int *, float *, int *, int *)"), expected);
    }

    extern "C" fn narrow(major: *mut i32, minor: *mut i32, patch: *mut i32) {
        // SAFETY: the caller's integers are at least that large.
        unsafe { (*major, *minor, *patch) = (3, 12, 0) }
    }

    extern "C" fn wide(major: *mut i64, minor: *mut i64, patch: *mut i64) {
        // SAFETY: as above.
        unsafe { (*major, *minor, *patch) = (3, 12, 0) }
    }

    #[test]
    fn integers_of_64_bits_are_refused() {
        assert!(check_integers(narrow as *mut c_void).is_ok());
        assert!(check_integers(wide as *mut c_void).is_err());
    }
}
