"""Types of the compiled module."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, TypedDict, final

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "ArrowColumn",
    "DensityStatusError",
    "JointState",
    "MixtureStatistics",
    "SummaryState",
    "WalkerDensity",
    "WalkerEnsemble",
    "WalkerMoments",
    "WalkerMove",
    "__version__",
    "arrow_columns",
    "cholesky",
    "count_and_sum",
    "describe_text",
    "diagnostics_autocorrelation_time",
    "diagnostics_ess_bulk",
    "diagnostics_ess_quantile",
    "diagnostics_ess_tail",
    "diagnostics_mcse_mean",
    "diagnostics_mcse_sd",
    "diagnostics_nested_r_hat",
    "diagnostics_order_statistics",
    "diagnostics_r_hat",
    "diagnostics_summary",
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
    "summarize_columns",
    "summarize_groups",
    "summarize_matrix",
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
    def n_rows(self) -> int: ...
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
def cholesky(matrix: _Floats) -> _Floats: ...
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

_Ids = range | NDArray[np.int64] | NDArray[np.uint64] | list[int | str | bytes] | None
_Weights = NDArray[np.uint64] | None

@final
class ArrowColumn:
    @property
    def name(self) -> str | None: ...
    @property
    def type(self) -> str: ...
    @property
    def kind(self) -> Literal["number", "boolean", "text", "other"]: ...
    @property
    def null_count(self) -> int: ...
    def __len__(self) -> int: ...

_Values = NDArray[Any] | ArrowColumn

def arrow_columns(source: object) -> list[ArrowColumn]: ...

@final
class SummaryState:
    def __new__(
        cls,
        *,
        moments: int = 2,
        best: int = 0,
        largest: bool = False,
        quantiles: float | None = None,
        histogram: _Floats | None = None,
        distinct: bool = False,
    ) -> SummaryState: ...
    @staticmethod
    def identity() -> SummaryState: ...
    @staticmethod
    def from_bytes(data: bytes) -> SummaryState: ...
    @staticmethod
    def merge_all(states: list[SummaryState]) -> SummaryState: ...
    def update(
        self, values: _Values, ids: _Ids = None, sample_weight: _Weights = None, n_jobs: int | None = None
    ) -> None: ...
    def update_items(self, items: Iterable[Any], ids: _Ids = None) -> None: ...
    def push(
        self,
        value: float | None,
        id: int | str | bytes | None = None,  # noqa: A002
        times: int = 1,
    ) -> None: ...
    def merge(self, other: SummaryState) -> None: ...
    def begin(self) -> SummaryState: ...
    def commit(self, begun: SummaryState) -> None: ...
    def copy(self) -> SummaryState: ...
    def to_bytes(self) -> bytes: ...
    def __eq__(self, value: object, /) -> bool: ...
    def __hash__(self) -> int: ...
    def __reduce__(self) -> tuple[Any, ...]: ...
    @property
    def is_identity(self) -> bool: ...
    @property
    def moments(self) -> int | None: ...
    @property
    def best_limit(self) -> int | None: ...
    @property
    def largest(self) -> bool | None: ...
    @property
    def quantile_error(self) -> float | None: ...
    @property
    def histogram_edges(self) -> _Floats | None: ...
    @property
    def counts_distinct(self) -> bool: ...
    @property
    def count(self) -> int: ...
    @property
    def nan_count(self) -> int: ...
    @property
    def null_count(self) -> int: ...
    @property
    def positive_infinity_count(self) -> int: ...
    @property
    def negative_infinity_count(self) -> int: ...
    @property
    def min(self) -> float | int: ...
    @property
    def max(self) -> float | int: ...
    @property
    def sum(self) -> float: ...
    @property
    def mean(self) -> float: ...
    @property
    def sem(self) -> float: ...
    @property
    def skewness(self) -> float: ...
    @property
    def kurtosis(self) -> float: ...
    def var(self, ddof: int = 1) -> float: ...
    def std(self, ddof: int = 1) -> float: ...
    def power_sum(self, power: int) -> tuple[int, int]: ...
    def quantile(self, q: float) -> float: ...
    @property
    def histogram_counts(self) -> NDArray[np.uint64] | None: ...
    @property
    def distinct_count(self) -> int | None: ...
    @property
    def best(self) -> list[tuple[float | int, int | str | bytes]]: ...

def summarize_columns(
    columns: list[_Values],
    template: SummaryState,
    ids: _Ids = None,
    sample_weight: _Weights = None,
    n_jobs: int | None = None,
) -> list[SummaryState]: ...
def summarize_matrix(
    values: NDArray[Any],
    axis: int,
    template: SummaryState,
    ids: _Ids = None,
    sample_weight: _Weights = None,
    n_jobs: int | None = None,
) -> list[SummaryState]: ...
def summarize_groups(
    columns: list[_Values],
    keys: NDArray[Any],
    template: SummaryState,
    ids: _Ids = None,
    sample_weight: _Weights = None,
    n_jobs: int | None = None,
) -> tuple[NDArray[Any], list[list[SummaryState]]]: ...
def describe_text(column: ArrowColumn) -> SummaryState: ...

@final
class JointState:
    def __new__(cls, n_columns: int) -> JointState: ...
    @staticmethod
    def from_bytes(data: bytes) -> JointState: ...
    @staticmethod
    def merge_all(states: list[JointState]) -> JointState: ...
    def update(self, columns: list[_Values], sample_weight: _Weights = None, n_jobs: int | None = None) -> None: ...
    def update_matrix(
        self, values: NDArray[Any], sample_weight: _Weights = None, n_jobs: int | None = None
    ) -> None: ...
    def merge(self, other: JointState) -> None: ...
    def copy(self) -> JointState: ...
    def to_bytes(self) -> bytes: ...
    def __eq__(self, value: object, /) -> bool: ...
    def __hash__(self) -> int: ...
    def __reduce__(self) -> tuple[Any, ...]: ...
    @property
    def n_columns(self) -> int: ...
    @property
    def count(self) -> int: ...
    @property
    def incomplete_count(self) -> int: ...
    @property
    def means(self) -> _Floats: ...
    def cov(self, ddof: int = 1) -> _Floats: ...
    def corr(self) -> _Floats: ...
    def line(self, x: int, y: int) -> tuple[float, float, float]: ...

class DensityStatusError(RuntimeError):
    point: _Floats
    status: int

@final
class WalkerDensity:
    @staticmethod
    def native(
        signature: str,
        address: int,
        data: int,
        owner: object,
        n_dims: int,
        *,
        reproduce: Callable[[_Floats], object] | None = None,
    ) -> WalkerDensity: ...
    @staticmethod
    def python(
        function: Callable[..., Any],
        n_dims: int,
        together: bool,
        *,
        coordinates: bool = False,
        args: tuple[Any, ...] | None = None,
        log: bool = True,
    ) -> WalkerDensity: ...
    @staticmethod
    def built_in(name: str, parameters: _Floats, n_dims: int) -> WalkerDensity: ...
    @staticmethod
    def mixture(
        weights: _Floats,
        means: _Floats,
        covariances: _Floats,
        precisions_cholesky: _Floats,
        covariance_type: str,
    ) -> WalkerDensity: ...
    @property
    def is_built_in(self) -> bool: ...
    @property
    def n_dims(self) -> int: ...
    def evaluate(self, points: _Floats, out: _Floats, n_jobs: int | None = None) -> None: ...

@final
class WalkerMove:
    @staticmethod
    def uniform_step(half_width: _Floats) -> WalkerMove: ...
    @staticmethod
    def normal_step(factor: _Floats) -> WalkerMove: ...
    @staticmethod
    def adaptive_step(factor: _Floats, target_acceptance: float, decay: float) -> WalkerMove: ...
    @staticmethod
    def componentwise_step(half_width: _Floats) -> WalkerMove: ...
    @staticmethod
    def stretch(a: float) -> WalkerMove: ...
    @staticmethod
    def differential_evolution(gamma: float, jitter: float, jump_probability: float) -> WalkerMove: ...
    @staticmethod
    def snooker(gamma: float) -> WalkerMove: ...

_Moves = list[tuple[float, WalkerMove]]
_WalkerReport = tuple[int, int, float, bool]

@final
class WalkerEnsemble:
    def __new__(
        cls,
        key: bytes,
        start: _Floats,
        moves: _Moves,
        density: WalkerDensity,
        *,
        burn_in: int,
        log: bool = True,
        bounds: _Floats | None = None,
        reject_nan: bool = False,
        pooled: bool = False,
    ) -> WalkerEnsemble: ...
    @property
    def n_walkers(self) -> int: ...
    @property
    def n_dims(self) -> int: ...
    @property
    def burn_in(self) -> int: ...
    @property
    def step(self) -> int: ...
    @property
    def accepted(self) -> _Floats: ...
    @property
    def positions(self) -> _Floats: ...
    @property
    def log_densities(self) -> _Floats: ...
    def advance(
        self,
        density: WalkerDensity,
        n_steps: int,
        *,
        thin: int = 1,
        draws: _Floats | None = None,
        log_density: _Floats | None = None,
        moments: WalkerMoments | None = None,
        n_jobs: int | None = None,
        callback: Callable[[list[_WalkerReport]], object] | None = None,
    ) -> None: ...
    def copy(self) -> WalkerEnsemble: ...
    def state(self) -> dict[str, Any]: ...
    @staticmethod
    def from_state(state: dict[str, Any], moves: _Moves) -> WalkerEnsemble: ...

@final
class WalkerMoments:
    def __new__(
        cls, n_walkers: int, n_dims: int, histograms: Sequence[tuple[Sequence[int], Sequence[_Floats]]]
    ) -> WalkerMoments: ...
    @property
    def count(self) -> int: ...
    @property
    def means(self) -> _Floats: ...
    @property
    def covariances(self) -> _Floats: ...
    @property
    def psrf(self) -> float: ...
    @property
    def histograms(self) -> list[NDArray[np.uint64]]: ...
    def copy(self) -> WalkerMoments: ...
    def state(self) -> dict[str, Any]: ...
    @staticmethod
    def from_state(state: dict[str, Any]) -> WalkerMoments: ...

class _Diagnostics(TypedDict):
    mean: _Floats
    sd: _Floats
    mcse_mean: _Floats
    mcse_sd: _Floats
    quantiles: _Floats
    ess_bulk: _Floats
    ess_tail: _Floats
    r_hat: _Floats

def diagnostics_r_hat(x: _Rows, n_jobs: int | None = None) -> _Floats: ...
def diagnostics_ess_bulk(x: _Rows, n_jobs: int | None = None) -> _Floats: ...
def diagnostics_ess_tail(x: _Rows, prob: tuple[float, float], n_jobs: int | None = None) -> _Floats: ...
def diagnostics_ess_quantile(x: _Rows, prob: float, n_jobs: int | None = None) -> _Floats: ...
def diagnostics_mcse_mean(x: _Rows, n_jobs: int | None = None) -> _Floats: ...
def diagnostics_mcse_sd(x: _Rows, n_jobs: int | None = None) -> _Floats: ...
def diagnostics_order_statistics(x: _Rows, ranks: Sequence[Sequence[int]], n_jobs: int | None = None) -> _Floats: ...
def diagnostics_nested_r_hat(
    x: _Rows, superchains: Sequence[int], rank: bool, n_jobs: int | None = None
) -> _Floats: ...
def diagnostics_autocorrelation_time(x: _Rows, c: float, n_jobs: int | None = None) -> _Floats: ...
def diagnostics_summary(x: _Rows, quantiles: Sequence[float], n_jobs: int | None = None) -> _Diagnostics: ...
