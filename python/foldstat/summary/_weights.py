"""Weights of values: numbers of times, or any real numbers."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from foldstat._common.callers import level_of_caller

WeightKind: TypeAlias = Literal["frequency", "reliability"]
Weights: TypeAlias = "NDArray[np.uint64] | NDArray[np.int64] | NDArray[np.float64]"

# Weights that are looked at first: one with a fraction settles what all of them are.
_FIRST = 4096
_LARGEST_TIMES = 2.0**64


def as_weight_kind(weights: Any) -> WeightKind | None:
    """Check the name of what real weights are; None if it depends on the weights."""
    if weights is None:
        return None
    for kind in get_args(WeightKind):
        if isinstance(weights, str) and weights == kind:
            return kind  # type: ignore[no-any-return]
    hint = "; the weights themselves are sample_weight" if not isinstance(weights, str) else ""
    raise ValueError(f"weights must be 'frequency', 'reliability' or None, got {weights!r}{hint}")


def as_weights(
    sample_weight: Any, shape: tuple[int, ...], kind: str | None, *, counted: str = "values", warn: bool = True
) -> Weights | None:
    """Check weights: as integers of 64 bits if they are numbers of times, as float64 if they are any.

    `shape` is that of the values; weights may have the same, be in one row in C order, or be one number.
    `kind` is what real weights of this summary are, if it says so. Weights that are negative or not finite
    are refused here where they have to be looked at, and else by what `told` goes round. A warning says that real
    weights are read as reliabilities, unless the caller refuses them.
    """
    if sample_weight is None:
        return None
    given = _numbers(sample_weight)
    n = int(np.prod(shape, dtype=np.int64))
    if given.ndim and given.shape not in (shape, (n,)):
        wanted = shape if len(shape) != 1 else f"({n},), one for each of the {n} {counted}"
        raise ValueError(f"sample_weight must have shape {wanted}, got {given.shape}")
    weights = _of_one_kind(given, kind, warn=warn)
    return weights.ravel() if weights.ndim else np.full(n, weights)


@contextmanager
def told(sample_weight: Any) -> Iterator[None]:
    """Have the message about a weight that is none name the first one."""
    try:
        yield
    except ValueError as error:
        if not str(error).startswith("sample_weight: must hold"):
            raise
        _refuse_strange(_numbers(sample_weight))
        raise


def _numbers(sample_weight: Any) -> NDArray[Any]:
    if isinstance(sample_weight, np.ma.MaskedArray):
        raise TypeError("sample_weight is a masked array: fill its masked entries first, for instance with 0")
    if isinstance(sample_weight, (str, bytes)):
        raise TypeError(f"sample_weight must be the weights themselves, got the text {sample_weight!r}")
    weights = np.asarray(sample_weight)
    if weights.dtype.kind == "O":
        weights = _from_objects(weights)
    if weights.dtype.kind not in "biuf":
        raise TypeError(f"sample_weight must hold real numbers, got dtype {weights.dtype}")
    return weights


def _of_one_kind(weights: NDArray[Any], kind: str | None, *, warn: bool) -> Weights:
    if kind is None and weights.dtype.kind == "f" and not _is_whole(weights):
        _refuse_strange(weights)
        if warn:
            warnings.warn(
                "sample_weight has fractions, so that weights are read as reliabilities, of any scale: say so by "
                "weights='reliability', or weights='frequency' if their sum is the number of values",
                stacklevel=level_of_caller(),
            )
        return _real(weights)
    if kind == "reliability" or (weights.dtype.kind == "f" and kind is not None):
        return _real(weights)
    if weights.dtype.kind == "f":
        _refuse(weights >= _LARGEST_TIMES, weights, "does not fit into 64 bits")
    if weights.dtype.kind == "i":
        return weights.astype(np.int64, copy=False)
    return weights.astype(np.uint64, copy=False)


def _is_whole(weights: NDArray[Any]) -> bool:
    """Whether floats are numbers of times; they must be weights at all if they are looked at to the end."""
    first = weights.ravel()[:_FIRST] if weights.flags.c_contiguous else weights
    for part in (first, weights):
        whole = part == np.trunc(part)
        if not whole.all() and np.isfinite(part[~whole]).any():
            return False
    _refuse_strange(weights)
    return True


def _real(weights: NDArray[Any]) -> NDArray[np.float64]:
    real = weights.astype(np.float64, copy=False)
    if weights.dtype.kind in "iu":
        _refuse(weights > 2**53 if weights.dtype.itemsize == 8 else False, weights, "needs more than 53 bits")
    elif weights.dtype.itemsize > 8:
        _refuse((real != weights) & (weights == weights), weights, "is no float of 64 bits")
    return real


def _from_objects(weights: NDArray[Any]) -> NDArray[Any]:
    """Turn Python integers beyond int64, and mixtures with floats, into one dtype."""
    whole = [float("nan") if w is None else w for w in weights.ravel().tolist()]
    if all(isinstance(w, int) for w in whole):
        for position, weight in enumerate(whole):
            if not 0 <= weight < 2**64:
                problem = "is negative" if weight < 0 else "does not fit into 64 bits"
                raise ValueError(f"sample_weight[{position}] = {weight} {problem}")
        return np.array(whole, dtype=np.uint64).reshape(weights.shape)
    try:
        return np.array(whole, dtype=np.float64).reshape(weights.shape)
    except (TypeError, ValueError) as error:
        raise TypeError(f"sample_weight must hold real numbers: {error}") from None


def _refuse_strange(weights: NDArray[Any]) -> None:
    with np.errstate(invalid="ignore"):
        bad = ~(weights >= 0) | (weights == np.inf) if weights.dtype.kind == "f" else weights < 0
    if not np.any(bad):
        return
    first = weights if weights.ndim == 0 else weights[np.unravel_index(int(np.argmax(bad)), bad.shape)]
    if first != first:
        problem = "is missing or NaN: give 0 to leave a value out"
    else:
        problem = "is negative: a value cannot be absent more than once" if first < 0 else "is infinite"
    _refuse(bad, weights, problem)


def _refuse(bad: ArrayLike, weights: NDArray[Any], problem: str) -> None:
    if not np.any(bad):
        return
    where = tuple(int(i) for i in np.unravel_index(int(np.argmax(bad)), weights.shape))
    place = f"[{', '.join(map(str, where))}]" if where else ""
    found = "" if weights[where] != weights[where] else f" = {weights[where]}"
    raise ValueError(f"sample_weight{place}{found} {problem}")
