"""Types of the compiled module."""

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypedDict, final

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "MixtureStatistics",
    "__version__",
    "count_and_sum",
    "em",
    "expectation",
    "initial_statistics",
    "log_prob",
    "moments",
    "pairwise_sum",
    "precisions",
    "precisions_cholesky",
    "precisions_cholesky_from_precisions",
    "predict",
    "predict_proba",
    "resolve_threads",
    "score_samples",
    "smallest_eigenvalue",
    "statistics",
    "statistics_from_responsibilities",
    "system",
]

__version__: str

_Floats = NDArray[np.float64]
_Rows = NDArray[np.float64] | NDArray[np.float32]
_Family = Literal["full", "tied", "diag", "spherical"]
_Start = tuple[_Floats, _Floats, _Floats]
_Report = tuple[int, int, float, bool]

class _Fit(TypedDict):
    weights: _Floats
    means: _Floats
    covariances: _Floats
    precisions_cholesky: _Floats
    converged: bool
    n_iter: int
    lower_bounds: _Floats

class _System(TypedDict):
    version: str
    simd: Literal["avx512", "avx2", "scalar"]
    threads: int
    lapack: str | None

@final
class MixtureStatistics:
    def __new__(cls) -> MixtureStatistics: ...
    @property
    def covariance_type(self) -> _Family | None: ...
    @property
    def n_components(self) -> int: ...
    @property
    def n_features(self) -> int: ...
    @property
    def total_weight(self) -> float: ...
    @property
    def log_likelihood(self) -> float: ...
    @property
    def responsibility_sums(self) -> _Floats: ...
    @property
    def means(self) -> _Floats: ...
    @property
    def scatter(self) -> _Floats: ...
    def to_bytes(self) -> bytes: ...
    @staticmethod
    def from_bytes(data: bytes) -> MixtureStatistics: ...
    def __add__(self, value: MixtureStatistics, /) -> MixtureStatistics: ...
    def __radd__(self, value: Literal[0], /) -> MixtureStatistics: ...
    def __copy__(self, /) -> MixtureStatistics: ...
    def __deepcopy__(self, /, _memo: Any) -> MixtureStatistics: ...
    def __eq__(self, value: object, /) -> bool: ...
    def __hash__(self) -> int: ...
    def __reduce__(self) -> tuple[Any, ...]: ...

def log_prob(
    X: _Rows,
    means: _Floats,
    precisions_cholesky: _Floats,
    covariance_type: _Family,
    n_jobs: int | None = None,
) -> _Floats: ...
def score_samples(
    X: _Rows,
    weights: _Floats,
    means: _Floats,
    precisions_cholesky: _Floats,
    covariance_type: _Family,
    n_jobs: int | None = None,
) -> _Floats: ...
def predict_proba(
    X: _Rows,
    weights: _Floats,
    means: _Floats,
    precisions_cholesky: _Floats,
    covariance_type: _Family,
    n_jobs: int | None = None,
) -> _Floats: ...
def predict(
    X: _Rows,
    weights: _Floats,
    means: _Floats,
    precisions_cholesky: _Floats,
    covariance_type: _Family,
    n_jobs: int | None = None,
) -> NDArray[np.int64]: ...
def expectation(
    X: _Rows,
    weights: _Floats,
    means: _Floats,
    precisions_cholesky: _Floats,
    covariance_type: _Family,
    n_jobs: int | None = None,
) -> tuple[_Floats, _Floats]: ...
def statistics(
    X: _Rows,
    weights: _Floats,
    means: _Floats,
    precisions_cholesky: _Floats,
    covariance_type: _Family,
    sample_weight: _Floats | None = None,
    n_jobs: int | None = None,
    check_finite: bool = True,
) -> MixtureStatistics: ...
def statistics_from_responsibilities(
    X: _Rows,
    resp: _Floats,
    covariance_type: _Family,
    sample_weight: _Floats | None = None,
    n_jobs: int | None = None,
) -> MixtureStatistics: ...
def moments(statistics: MixtureStatistics, reg_covar: float) -> tuple[_Floats, _Floats, _Floats]: ...
def precisions_cholesky(covariances: _Floats, covariance_type: _Family) -> _Floats: ...
def precisions_cholesky_from_precisions(precisions: _Floats, covariance_type: _Family) -> _Floats: ...
def precisions(precisions_cholesky: _Floats, covariance_type: _Family) -> _Floats: ...
def smallest_eigenvalue(matrix: _Floats) -> float: ...
def initial_statistics(
    X: _Rows,
    n_components: int,
    covariance_type: _Family,
    method: Literal["kmeans", "k-means++", "random", "random_from_data"],
    seeds: NDArray[np.uint64],
    sample_weight: _Floats | None = None,
    n_jobs: int | None = None,
) -> list[MixtureStatistics]: ...
def em(
    X: _Rows,
    starts: Sequence[_Start],
    covariance_type: _Family,
    tol: float,
    reg_covar: float,
    max_iter: int,
    sample_weight: _Floats | None = None,
    n_jobs: int | None = None,
    lower_bounds: Sequence[float] | None = None,
    callback: Callable[[list[_Report]], object] | None = None,
) -> list[_Fit]: ...
def pairwise_sum(
    x: _Rows,
    y: _Rows | None,
    kernel: Literal["product", "rbf", "laplacian", "distance"],
    gamma: float,
    n_jobs: int | None = None,
) -> float: ...
def count_and_sum(x: _Rows, n_jobs: int | None = None) -> tuple[int, float]: ...
def system() -> _System: ...
def resolve_threads(n_jobs: int | None = None) -> int: ...
