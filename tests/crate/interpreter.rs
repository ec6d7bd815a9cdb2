//! An interpreter inside of the tests.

use std::sync::Once;

use pyo3::prelude::*;

static LOADED: Once = Once::new();

/// Starts Python and lets the crate fetch LAPACK from SciPy, once per process.
///
/// # Panics
///
/// If there is no SciPy: run the tests with the virtual environment's Python first on the PATH,
/// or name it in `PYO3_PYTHON`.
pub fn load_lapack() {
    LOADED.call_once(|| {
        Python::initialize();
        Python::attach(|py| {
            find_packages(py).unwrap();
            crate::lapack::load(py).unwrap();
        });
    });
    crate::lapack::require().unwrap();
}

/// An embedded interpreter does not know the virtual environment of the Python it was built for.
fn find_packages(py: Python<'_>) -> PyResult<()> {
    let python = std::env::var("PYO3_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let output = std::process::Command::new(&python)
        .args(["-c", "import sysconfig; print(sysconfig.get_path('purelib'), end='')"])
        .output()
        .unwrap_or_else(|error| panic!("cannot run {python}: {error}"));
    let packages = String::from_utf8(output.stdout).unwrap();
    py.import("sys")?.getattr("path")?.call_method1("insert", (0, packages))?;
    Ok(())
}
