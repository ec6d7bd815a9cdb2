"""The cells of a parallel-Python notebook, as functions.

People who met the GIL in a notebook wrote these cells in Cython: the two steps
of expectation-maximisation (EM) for a mixture of Gaussians, a weighted
covariance, a sum over all pairs, a count and a sum, a random walk over a
density. One import replaces them::

    from foldstat.cells import EM, covariance, expectation, log_probability, maximization
    from foldstat.cells import pairwise_sum, scalar_sum, summarize
    from foldstat.cells import plot_points, random_walker, random_walkers

The cells keep the calls, the defaults and the results that such notebooks have. Those of EM are
simpler than :mod:`foldstat.mixture`: every component has the same weight ``1 / k``, in
every iteration; covariances are full and nothing is added to their diagonal;
:func:`EM` runs the number of iterations it is told to run. For weights that are
learned, regularisation, other covariance families or a convergence rule use
:class:`foldstat.GaussianMixture` or :func:`foldstat.mixture.em`.

Wherever a cell takes a whole number, a float that is whole will do (``1e5`` steps); other floats
are an error.

Every cell leaves the GIL and uses the threads chosen by
:func:`foldstat.threads`, ``FOLDSTAT_NUM_THREADS`` or ``OMP_NUM_THREADS``, or
else all cores this process may use. Its result does not depend on their number. Cells can be given
to the pools of :mod:`multiprocessing` and joblib, to engines of ipyparallel and to Dask.
"""

from foldstat._common.lazy import only
from foldstat.cells._em import EM, covariance, expectation, log_probability, maximization
from foldstat.cells._pairs import pairwise_sum, scalar_sum, summarize
from foldstat.cells._walkers import plot_points, random_walker, random_walkers

__all__ = [
    "EM",
    "covariance",
    "expectation",
    "log_probability",
    "maximization",
    "pairwise_sum",
    "plot_points",
    "random_walker",
    "random_walkers",
    "scalar_sum",
    "summarize",
]

__dir__ = only(__all__)
