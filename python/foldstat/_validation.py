"""What every public function does to its arguments before the compiled module sees them.

The compiled module reads float64 and float32 arrays where they lie, whatever their strides. Everything else
(lists, frames, integers, foreign byte orders) is turned into one of the two here.
"""

from __future__ import annotations

import contextlib
import math
import operator
import sys
from collections.abc import Callable, Iterator
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
# How far a matrix may be from symmetric, relative to the roots of the diagonal at its row and column: so far,
_SYMMETRY = {FLOAT64: 1e-10, FLOAT32: 1e-5}
# or so many roundings, times the condition number, as `numpy.linalg.inv` leaves them.
_ROUNDINGS = 4.0
# LAPACK cannot be interrupted: of more features than this, eigenvalues are not asked of it.
_LAPACK_FEATURES = 256

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
    TypeError, ValueError
        If `n` is not an integer, or 0; the exception is of both types, as that for `n_jobs`.

    Examples
    --------
    >>> import numpy as np
    >>> import foldstat
    >>> with foldstat.threads(1):
    ...     model = foldstat.GaussianMixture().fit(np.arange(10.0).reshape(5, 2))
    """
    token = _threads.set(_checked_threads(n, "threads(n): n", ""))
    try:
        yield
    finally:
        _threads.reset(token)


class _ThreadsError(ValueError, TypeError):
    """What scikit-learn raises for parameters is both, and an estimator is one of the callers."""


def thread_count(n_jobs: Any) -> int | None:
    """Check and give the `n_jobs` argument, else the `threads` block around the call, else None."""
    if n_jobs is None:
        return _threads.get()
    return _checked_threads(n_jobs, "n_jobs", ", or None")


def _checked_threads(value: Any, name: str, otherwise: str) -> int:
    number = value if type(value) is int else _other_integer(value)
    if 0 < abs(number) <= sys.maxsize:
        return number
    raise _ThreadsError(
        f"{name} must be a number of threads, an integer that is not 0 (negative numbers count from all cores: "
        f"-1 is all of them), at most {sys.maxsize}{otherwise}; got {shown(value)}"
    )


def shown(value: Any) -> str:
    """Give a value for the text of an error; hundreds of digits tell nobody anything."""
    if type(value) is int and value.bit_length() > 128:
        return f"an integer of about {value.bit_length() * math.log10(2):.0f} digits"
    return repr(value)


def _other_integer(value: Any) -> int:
    """Give an integer of another type than int, 0 for what is none."""
    if isinstance(value, (bool, np.bool_)):
        return 0
    try:
        return operator.index(value)
    except TypeError:
        return 0


def as_floats(values: ArrayLike, name: str) -> Rows:
    """Turn anything array-like into a float64 or float32 array in native byte order.

    Arrays that are already so are returned as they are, strides and all.
    """
    refuse_masked(values, name)
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ValueError(f"{name} is not an array of numbers: {error}") from error
    if array.dtype == FLOAT64 or array.dtype == FLOAT32:
        return aligned(array)  # equal dtypes also have the machine's byte order
    if array.dtype.kind not in "biufO":
        raise not_numbers(name, array.dtype)
    try:
        if array.dtype.newbyteorder("=") == FLOAT32:
            return array.astype(np.float32)
        return array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name} must hold real numbers: {error}") from error


def as_doubles(values: ArrayLike, name: str) -> Floats:
    """Turn anything array-like into float64: a view of our own, whose shape no other thread can change."""
    array: Floats = np.asarray(as_floats(values, name), dtype=np.float64)[...]
    return array


def refuse_masked(values: Any, name: str) -> None:
    """Refuse an array whose mask NumPy and scikit-learn would forget without a word."""
    if isinstance(values, np.ma.MaskedArray):
        raise TypeError(f"{name} is a masked array: drop or fill its masked entries first")


def not_numbers(name: str, dtype: Any) -> TypeError:
    """Say that the elements of an argument are no real numbers."""
    return TypeError(f"{name} must hold real numbers, got dtype {dtype}")


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
    array = as_doubles(values, name)
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


def as_weights(values: ArrayLike, n_components: int, name: str = "weights") -> Floats:
    """Check the weights of a mixture: non-negative and of sum 1."""
    weights = as_parameters(values, (n_components,), name)
    if (weights < 0).any():
        raise ValueError(f"{name} must not be negative, got {weights.min()} for component {weights.argmin()}")
    with np.errstate(over="ignore"):
        total = weights.sum()
    if not sums_to_one(total, np.asarray(values).dtype):
        raise ValueError(f"{name} must sum to 1, got a sum of {total!r}")
    return weights


def sums_to_one(total: float, dtype: np.dtype[Any]) -> bool:
    """Whether shares of that type add up to 1, but for rounding."""
    return abs(total - 1.0) <= (1e-6 if dtype == FLOAT32 else 1e-8)


def as_covariances(values: ArrayLike, family: Family, k: int, d: int) -> tuple[Floats, Floats]:
    """Check covariances (symmetric, positive definite); return them and the precisions' factors."""
    floats = as_floats(values, "covariances")
    covariances = as_parameters(floats, covariances_shape(family, k, d), "covariances")
    if family in ("full", "tied"):
        covariances = symmetrised(covariances, "covariances", floats.dtype)
    try:
        return covariances, _core.precisions_cholesky(covariances, family)
    except ValueError as error:
        raise ValueError(_not_positive_definite(covariances, family)) from error


def symmetrised(matrices: Floats, name: str, dtype: np.dtype[Any] = FLOAT64) -> Floats:
    """Even out the rounding in covariances or precisions; refuse those further from symmetric than it takes them.

    `dtype` is that in which they were computed. The one rule of the package: relative to the standard
    deviations of row and column, so that no unit matters, and as far as an inverse may round them.
    """
    for label, matrix in _named_matrices(matrices, name):
        pair = _asymmetry(matrix, dtype)
        if pair is not None:
            i, j = pair
            raise ValueError(
                f"{label} must be symmetric, got {matrix[i, j]} at ({i}, {j}) and {matrix[j, i]} at ({j}, {i})"
            )
    return 0.5 * matrices + 0.5 * matrices.swapaxes(-1, -2)


def _asymmetry(matrix: Floats, dtype: np.dtype[Any]) -> tuple[int, int] | None:
    """Find the entry that is furthest from its mirror image, if that is further than rounding takes it."""
    scales = np.sqrt(np.abs(np.diagonal(matrix)))
    scales[scales == 0] = 1.0  # whatever is measured by it, the matrix is not positive definite
    unit = matrix / scales[:, np.newaxis] / scales  # correlations: no units, no overflow
    distance = np.abs(unit - unit.T)
    if distance.max(initial=0.0) <= _SYMMETRY[dtype]:
        return None
    rounding = float(np.finfo(dtype).eps)
    condition = _condition(0.5 * unit + 0.5 * unit.T)
    # No condition number makes sense of a matrix that is not positive definite to rounding.
    if condition * rounding < 1.0 and distance.max() <= _ROUNDINGS * rounding * condition:
        return None
    i, j = np.unravel_index(distance.argmax(), matrix.shape)
    return int(i), int(j)


def _condition(matrix: Floats) -> float:
    """Ratio of the largest to the smallest eigenvalue; infinity if the matrix is not positive definite."""
    if len(matrix) <= _LAPACK_FEATURES:
        values = np.linalg.eigvalsh(matrix)
        return float(values[-1] / values[0]) if values[0] > 0 else math.inf
    try:
        factor = _core.precisions_cholesky(matrix, "tied")
    except ValueError:
        return math.inf
    d = len(matrix)
    return _largest_eigenvalue(matrix.dot, d) * _largest_eigenvalue(lambda x: factor.dot(factor.T.dot(x)), d)


def _largest_eigenvalue(product: Callable[[Floats], Floats], d: int) -> float:
    """Estimate it from below by power iterations, which a signal can interrupt."""
    vector, size = np.random.default_rng(0).normal(size=d), 0.0
    for _ in range(20):
        vector = product(vector / np.linalg.norm(vector))
        size = float(np.linalg.norm(vector))
    return size


def _named_matrices(matrices: Floats, name: str) -> Iterator[tuple[str, Floats]]:
    if matrices.ndim == 2:
        yield name, matrices
    else:
        for component, matrix in enumerate(matrices):
            yield f"{name}[{component}]", matrix


def _not_positive_definite(covariances: Floats, family: Family) -> str:
    if family in ("diag", "spherical"):
        where = tuple(int(i) for i in np.argwhere(~(covariances > 0))[0])
        return f"covariances must be positive, got {covariances[where]} at {where}"
    if covariances.shape[-1] > _LAPACK_FEATURES:
        name = next(name for name, m in _named_matrices(covariances, "covariances") if not _has_factor(m))
        return (
            f"{name} must be positive definite, and has no Cholesky factor "
            f"(eigenvalues of more than {_LAPACK_FEATURES} features are not computed)"
        )
    name, smallest = min(
        ((name, _core.smallest_eigenvalue(m)) for name, m in _named_matrices(covariances, "covariances")),
        key=lambda pair: pair[1],
    )
    return f"{name} must be positive definite, got a smallest eigenvalue of {smallest:g}"


def _has_factor(matrix: Floats) -> bool:
    try:
        _core.precisions_cholesky(matrix, "tied")
    except ValueError:
        return False
    return True


def as_sample_weight(values: Any, n_rows: int) -> Floats | None:
    """Check the weights of rows: None, or one finite non-negative number for each, not all zero."""
    if values is None:
        return None
    weights = as_doubles(values, "sample_weight")
    if weights.ndim == 0:
        weights = np.full(n_rows, weights)
    if weights.ndim != 1:
        raise ValueError(
            f"Sample weights must be 1D array or scalar, got {weights.ndim}D array. "
            f"Expected either a scalar value or a 1D array of length {n_rows}."
        )
    if weights.shape != (n_rows,):
        raise ValueError(f"sample_weight.shape == {weights.shape}, expected {(n_rows,)}!")
    low, high = weights.min(initial=0.0), weights.max(initial=0.0)
    if low < 0 or not math.isfinite(low + high):
        raise _bad_weight(weights)
    if n_rows and high == 0:
        raise ValueError("Sample weights must contain at least one non-zero number.")
    return weights


def within_range(weights: Floats, axis: int | None = None) -> Floats:
    """Give weights in units of a power of two near the largest: no bit of a ratio changes, no sum overflows.

    With ``axis=0`` each column has a unit of its own. Weights whose largest is near 1, and those that
    are not finite or negative, are given back as they are.
    """
    largest = weights.max(axis=axis, initial=0.0)
    if not (np.isfinite(largest).all() and weights.min(initial=0.0) >= 0):
        return weights
    _, exponent = np.frexp(largest)
    if ((exponent == 0) | (exponent == 1)).all():
        return weights
    scaled: Floats = np.ldexp(weights, -exponent)
    return scaled


def _bad_weight(weights: Floats) -> ValueError:
    for bad, what in ((np.isnan(weights), "NaN"), (np.isinf(weights), "infinity")):
        if bad.any():
            return ValueError(f"Input sample_weight contains {what}: first at row {bad.argmax()}.")
    row = int((weights < 0).argmax())
    return ValueError(
        f"Negative values in data passed to `sample_weight`: got {weights[row]} at row {row}, "
        "weights must not be negative"
    )


def restart_seeds(random_state: np.random.RandomState, n: int) -> NDArray[np.uint64]:
    """Draw one seed for each restart; the first ones do not depend on how many are drawn."""
    return random_state.randint(0, 2**63, size=n, dtype=np.uint64)
