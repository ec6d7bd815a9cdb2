//! [`WalkerMoments`]: running moments and histograms that Python reads.

use ndarray::{Ix3, IxDyn};
use numpy::{PyArray, PyArray1, PyArray2, PyArrayDyn};
use pyo3::exceptions::{PyKeyError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::error::Error;
use crate::python::arrays::{self, NewArray};
use crate::walkers::{Histogram, Moments};

/// The dimensions of a histogram, and increasing edges for each of them.
type Axes<'py> = (Vec<usize>, Vec<Bound<'py, PyAny>>);

/// Moments of each walker and histograms of all of them.
#[pyclass(module = "foldstat._core")]
pub struct WalkerMoments {
    /// The moments.
    pub moments: Moments,
}

impl WalkerMoments {
    /// Checks that these are the moments of so many walkers.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`].
    pub fn check(&self, n_walkers: usize, n_dims: usize) -> Result<(), Error> {
        let found = vec![self.moments.n_walkers(), self.moments.n_dims];
        if found == [n_walkers, n_dims] {
            return Ok(());
        }
        Err(Error::Shape { name: "moments", expected: format!("({n_walkers}, {n_dims})"), found })
    }

    fn rows<'py>(&self, py: Python<'py>, values: &[f64]) -> PyResult<Bound<'py, PyArray2<f64>>> {
        let n = self.moments.n_walkers().max(1);
        NewArray::of(py, [n, values.len() / n], values)
    }
}

#[pymethods]
impl WalkerMoments {
    #[new]
    fn new(n_walkers: usize, n_dims: usize, histograms: Vec<Axes<'_>>) -> PyResult<Self> {
        if n_walkers == 0 || n_dims == 0 {
            let message = "moments need at least one walker and one dimension";
            return Err(PyValueError::new_err(message));
        }
        let histograms: PyResult<_> =
            histograms.into_iter().map(|axes| histogram(axes, n_dims)).collect();
        Ok(Self { moments: Moments::new(n_walkers, n_dims, histograms?)? })
    }

    /// Draws per walker.
    #[getter]
    fn count(&self) -> u64 {
        self.moments.count
    }

    /// Mean of each walker.
    #[getter]
    fn means<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray2<f64>>> {
        self.rows(py, &self.moments.means()?)
    }

    /// Covariance matrix of each walker.
    #[getter]
    fn covariances<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray<f64, Ix3>>> {
        let (n, d) = (self.moments.n_walkers(), self.moments.n_dims);
        let mut covariances = NewArray::zeros(py, [n, d, d])?;
        self.moments.covariances(covariances.values());
        Ok(covariances.finish())
    }

    /// The worst potential scale reduction factor of the dimensions.
    #[getter]
    fn psrf(&self) -> f64 {
        self.moments.psrf()
    }

    /// Counts of the bins of each histogram.
    #[getter]
    fn histograms<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyArrayDyn<u64>>>> {
        let counts = |histogram: &Histogram| {
            let shape: Vec<usize> =
                histogram.binning.axes.iter().map(|(_, e)| e.len() - 1).collect();
            NewArray::of(py, IxDyn(&shape), &histogram.counts)
        };
        self.moments.histograms.iter().map(counts).collect()
    }

    /// Other moments with the same numbers.
    fn copy(&self) -> PyResult<Self> {
        Ok(Self { moments: self.moments.copied()? })
    }

    /// Everything, as arrays and numbers.
    fn state<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        dict.set_item("count", self.moments.count)?;
        dict.set_item("origins", self.rows(py, &self.moments.origins)?)?;
        dict.set_item("sums", self.rows(py, &self.moments.sums)?)?;
        dict.set_item("products", self.rows(py, &self.moments.products)?)?;
        let axes = |histogram: &Histogram| -> PyResult<Axes<'py>> {
            let axes = &histogram.binning.axes;
            let edges = axes.iter().map(|(_, edges)| {
                NewArray::of(py, edges.len(), edges)
                    .map(|edges: Bound<'_, PyArray1<f64>>| edges.into_any())
            });
            Ok((axes.iter().map(|(dim, _)| *dim).collect(), edges.collect::<PyResult<_>>()?))
        };
        let axes = self.moments.histograms.iter().map(axes);
        dict.set_item("axes", axes.collect::<PyResult<Vec<_>>>()?)?;
        dict.set_item("counts", self.histograms(py)?)?;
        Ok(dict)
    }

    /// Moments from what `state` gave.
    #[staticmethod]
    fn from_state(state: &Bound<'_, PyDict>) -> PyResult<Self> {
        let get = |name: &str| {
            state
                .get_item(name)?
                .ok_or_else(|| PyKeyError::new_err(format!("state has no {name:?}")))
        };
        let origins = arrays::matrix(&get("origins")?, "origins")?;
        let (n_walkers, n_dims) = origins.dim();
        let mut moments = Self::new(n_walkers, n_dims, get("axes")?.extract()?)?;
        let fill = |target: &mut Vec<f64>, name: &'static str| -> PyResult<()> {
            let values = arrays::matrix(&get(name)?, name)?;
            if values.len() != target.len() {
                let expected = format!("{} numbers", target.len());
                return Err(Error::Shape { name, expected, found: values.shape().to_vec() }.into());
            }
            target.iter_mut().zip(&values).for_each(|(target, &value)| *target = value);
            Ok(())
        };
        fill(&mut moments.moments.origins, "origins")?;
        fill(&mut moments.moments.sums, "sums")?;
        fill(&mut moments.moments.products, "products")?;
        moments.moments.count = get("count")?.extract()?;
        let counts: Vec<Bound<'_, PyAny>> = get("counts")?.extract()?;
        if counts.len() != moments.moments.histograms.len() {
            return Err(PyValueError::new_err("counts must have one array for each of axes"));
        }
        for (histogram, counts) in moments.moments.histograms.iter_mut().zip(&counts) {
            let counts = arrays::words::<IxDyn>(counts, "counts")?;
            if counts.len() != histogram.counts.len() {
                return Err(PyValueError::new_err("counts must have one number for each bin"));
            }
            histogram.counts.iter_mut().zip(&counts).for_each(|(target, &count)| *target = count);
        }
        Ok(moments)
    }
}

fn histogram((dims, edges): Axes<'_>, n_dims: usize) -> PyResult<Histogram> {
    let invalid = |message| Err(Error::InvalidArgument { name: "histograms", message }.into());
    let edges = edges.iter().map(|edges| {
        arrays::vector(edges, "histograms").map(|edges| edges.into_raw_vec_and_offset().0)
    });
    let edges: Vec<Vec<f64>> = edges.collect::<PyResult<_>>()?;
    if dims.is_empty() || dims.len() != edges.len() {
        return invalid(format!("need edges for each of the dimensions {dims:?}"));
    }
    for (&dim, edges) in dims.iter().zip(&edges) {
        if dim >= n_dims {
            return invalid(format!("name dimension {dim}, but there are {n_dims}"));
        }
        let increasing = edges.windows(2).all(|pair| pair[0] < pair[1]);
        if edges.len() < 2 || !increasing || !edges.iter().all(|edge| edge.is_finite()) {
            return invalid(format!("need finite, increasing edges for dimension {dim}"));
        }
    }
    Ok(Histogram::new(dims.into_iter().zip(edges).collect())?)
}
