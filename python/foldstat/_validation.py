"""What every public function does to its arguments before the compiled module sees them.

The compiled module reads float64 and float32 arrays where they lie, whatever their strides. Everything else
(lists, frames, integers, foreign byte orders) is turned into one of the two here.
"""

from __future__ import annotations

import contextlib
import operator
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any, Literal, TypeAlias, TypeVar, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from foldstat import _core

Family: TypeAlias = Literal["full", "tied", "diag", "spherical"]
Method: TypeAlias = Literal["kmeans", "k-means++", "random", "random_from_data"]
Floats: TypeAlias = NDArray[np.float64]
Rows: TypeAlias = NDArray[np.float64] | NDArray[np.float32]

FLOAT64 = np.dtype(np.float64)
FLOAT32 = np.dtype(np.float32)
# How far a covariance may be from symmetric, relative to the standard deviations of its row and column.
_SYMMETRY = {FLOAT64: 1e-10, FLOAT32: 1e-5}

_threads: ContextVar[int | None] = ContextVar("foldstat.threads", default=None)


@contextlib.contextmanager
def threads(n: int) -> Iterator[None]:
    """Set the number of threads used inside a ``with`` block.

    The setting holds for the calling thread (or asyncio task) only, and gives way to an explicit
    ``n_jobs`` argument. Results do not depend on it: they are the same to the last bit.

    Parameters
    ----------
    n : int
        Number of threads; negative numbers count back from the number of usable cores, so -1 is
        all of them.

    Raises
    ------
    TypeError
        If `n` is not an integer.
    ValueError
        If `n` is 0.

    Examples
    --------
    >>> import numpy as np
    >>> import foldstat
    >>> with foldstat.threads(1):
    ...     model = foldstat.GaussianMixture().fit(np.arange(10.0).reshape(5, 2))
    """
    try:
        number = operator.index(n)
    except TypeError:
        raise TypeError(f"threads(n): n must be an integer, got {n!r}") from None
    if number == 0:
        raise ValueError("threads(n): n must be at least 1, or negative to count from all cores")
    token = _threads.set(number)
    try:
        yield
    finally:
        _threads.reset(token)


def thread_count(n_jobs: int | None) -> int | None:
    """Give the `n_jobs` argument, else the `threads` block around the call, else None."""
    return _threads.get() if n_jobs is None else n_jobs


def as_floats(values: ArrayLike, name: str) -> Rows:
    """Turn anything array-like into a float64 or float32 array in native byte order.

    Arrays that are already so are returned as they are, strides and all.
    """
    if isinstance(values, np.ma.MaskedArray):
        raise TypeError(f"{name} is a masked array: drop or fill its masked entries first")
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ValueError(f"{name} is not an array of numbers: {error}") from error
    if array.dtype == FLOAT64 or array.dtype == FLOAT32:
        return aligned(array)  # equal dtypes also have the machine's byte order
    if array.dtype.kind not in "biufO":
        raise TypeError(f"{name} must hold real numbers, got dtype {array.dtype}")
    try:
        if array.dtype.newbyteorder("=") == FLOAT32:
            return array.astype(np.float32)
        return array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name} must hold real numbers: {error}") from error


_Array = TypeVar("_Array", bound="NDArray[Any]")


def aligned(array: _Array) -> _Array:
    """Give the array itself, or a copy if its elements lie at odd addresses, as in packed records."""
    return array if array.flags.aligned else array.copy()


def as_rows(values: ArrayLike, name: str = "X") -> Rows:
    """Turn anything array-like into the rows of a kernel."""
    array = as_floats(values, name)
    if array.ndim != 2:
        raise ValueError(
            f"{name} must have 2 dimensions (rows, features), got shape {array.shape}; "
            "for one feature use X.reshape(-1, 1), for one row X.reshape(1, -1)"
        )
    return array


def as_parameters(values: ArrayLike, shape: tuple[int, ...], name: str) -> Floats:
    """Turn a parameter of a mixture into finite float64 of the given shape."""
    array = np.asarray(as_floats(values, name), dtype=np.float64)
    if array.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, got {array.shape}")
    if not np.isfinite(array).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise ValueError(f"{name} must be finite, got {array[where]} at {where}")
    return array


def as_family(covariance_type: str) -> Family:
    """Check the name of a covariance family."""
    for family in get_args(Family):
        if covariance_type == family:
            return family  # type: ignore[no-any-return]
    raise ValueError(
        f"covariance_type must be one of {', '.join(map(repr, get_args(Family)))}, got {covariance_type!r}"
    )


def covariances_shape(family: Family, k: int, d: int) -> tuple[int, ...]:
    """Shape of the covariances of `k` components in `d` dimensions."""
    return {"full": (k, d, d), "tied": (d, d), "diag": (k, d), "spherical": (k,)}[family]


def as_means(values: ArrayLike) -> Floats:
    """Check the means of a mixture: finite, two-dimensional, at least one component and feature."""
    shape = np.shape(as_floats(values, "means"))
    if len(shape) != 2 or 0 in shape:
        raise ValueError(f"means must have shape (n_components, n_features), got {shape}")
    return as_parameters(values, shape, "means")


def as_weights(values: ArrayLike, n_components: int) -> Floats:
    """Check the weights of a mixture: non-negative and of sum 1."""
    weights = as_parameters(values, (n_components,), "weights")
    if (weights < 0).any():
        raise ValueError(f"weights must not be negative, got {weights.min()} for component {weights.argmin()}")
    if abs(weights.sum() - 1.0) > (1e-6 if np.asarray(values).dtype == FLOAT32 else 1e-8):
        raise ValueError(f"weights must sum to 1, got a sum of {weights.sum()!r}")
    return weights


def as_covariances(values: ArrayLike, family: Family, k: int, d: int) -> tuple[Floats, Floats]:
    """Check covariances (symmetric, positive definite); return them and the precisions' factors."""
    floats = as_floats(values, "covariances")
    covariances = as_parameters(floats, covariances_shape(family, k, d), "covariances")
    if family in ("full", "tied"):
        covariances = _symmetrised(covariances, _SYMMETRY[floats.dtype])
    try:
        return covariances, _core.precisions_cholesky(covariances, family)
    except ValueError as error:
        raise ValueError(_not_positive_definite(covariances, family)) from error


def _symmetrised(covariances: Floats, tolerance: float) -> Floats:
    """Even out the rounding in covariances; refuse those further from symmetric than rounding takes them."""
    for name, matrix in _named_matrices(covariances):
        scales = np.sqrt(np.abs(np.diagonal(matrix)))
        excess = np.abs(matrix - matrix.T) - tolerance * np.outer(scales, scales)
        if (excess > 0).any():
            i, j = np.unravel_index(excess.argmax(), matrix.shape)
            raise ValueError(
                f"{name} must be symmetric, got {matrix[i, j]} at ({i}, {j}) and {matrix[j, i]} at ({j}, {i})"
            )
    return 0.5 * covariances + 0.5 * covariances.swapaxes(-1, -2)


def _named_matrices(covariances: Floats) -> Iterator[tuple[str, Floats]]:
    if covariances.ndim == 2:
        yield "covariances", covariances
    else:
        for component, matrix in enumerate(covariances):
            yield f"covariances[{component}]", matrix


def _not_positive_definite(covariances: Floats, family: Family) -> str:
    if family in ("diag", "spherical"):
        where = tuple(int(i) for i in np.argwhere(~(covariances > 0))[0])
        return f"covariances must be positive, got {covariances[where]} at {where}"
    name, smallest = min(
        ((name, _core.smallest_eigenvalue(m)) for name, m in _named_matrices(covariances)),
        key=lambda pair: pair[1],
    )
    return f"{name} must be positive definite, got a smallest eigenvalue of {smallest:g}"


def as_sample_weight(values: Any, n_rows: int) -> Floats | None:
    """Check the weights of rows: None, or one finite non-negative number for each, not all zero."""
    if values is None:
        return None
    weights = np.asarray(as_floats(values, "sample_weight"), dtype=np.float64)
    if weights.ndim == 0:
        weights = np.full(n_rows, weights)
    if weights.ndim != 1:
        raise ValueError(
            f"Sample weights must be 1D array or scalar, got {weights.ndim}D array. "
            f"Expected either a scalar value or a 1D array of length {n_rows}."
        )
    if weights.shape != (n_rows,):
        raise ValueError(f"sample_weight.shape == {weights.shape}, expected {(n_rows,)}!")
    low = weights.min(initial=0.0)
    if not np.isfinite(weights.sum()) or low < 0:
        _name_bad_weight(weights)
    if n_rows and weights.max() == 0:
        raise ValueError("Sample weights must contain at least one non-zero number.")
    return weights


def _name_bad_weight(weights: Floats) -> None:
    for bad, what in ((np.isnan(weights), "NaN"), (np.isinf(weights), "infinity")):
        if bad.any():
            raise ValueError(f"Input sample_weight contains {what}: first at row {bad.argmax()}.")
    if (weights < 0).any():
        row = int((weights < 0).argmax())
        raise ValueError(
            f"Negative values in data passed to `sample_weight`: got {weights[row]} at row {row}, "
            "weights must not be negative"
        )
    raise ValueError("sample_weight is too large: its sum is not finite")


def restart_seeds(random_state: np.random.RandomState, n: int) -> NDArray[np.uint64]:
    """Draw one seed for each restart; the first ones do not depend on how many are drawn."""
    return random_state.randint(0, 2**63, size=n, dtype=np.uint64)
