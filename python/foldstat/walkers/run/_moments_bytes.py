"""Fields of the bytes of `Moments`: numbers as they are, the halves of symmetric matrices once."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from foldstat._common.arrays import Floats
from foldstat._common.bytes import decode_count, encode_count, malformed
from foldstat._common.room import room_for
from foldstat.walkers.run._histogram import Histogram

KIND = "Moments"

Histograms: TypeAlias = Mapping[tuple[int, ...], Histogram]
Parts: TypeAlias = tuple[NDArray[np.int64], Floats, Floats, dict[tuple[int, ...], Histogram]]


def encode(counts: NDArray[np.int64], means: Floats, covariances: Floats, histograms: Histograms) -> list[bytes]:
    """Write moments; those of no walkers have no fields."""
    if not len(counts):
        return []
    n_dims = means.shape[1]
    with room_for(f"the bytes of the moments of {len(counts)} walkers"):
        lower = covariances[:, *np.tril_indices(n_dims)]
        fields = [_written(counts, "<i8"), encode_count(n_dims), _written(means, "<f8"), _written(lower, "<f8")]
        for dims, found in histograms.items():
            fields.append(_written(np.array(dims), "<u8"))
            fields += [_written(edges, "<f8") for edges in found.edges]
            fields.append(_written(found.counts, "<u8"))
    return fields


def decode(fields: list[bytes]) -> Parts:
    """Read what `encode` wrote: counts, means, covariances and histograms, which belong together."""
    if not fields:
        return np.empty(0, dtype=np.int64), np.empty((0, 0)), np.empty((0, 0, 0)), {}
    if len(fields) < 4:
        raise _malformed("fields are missing")
    counts, n_dims = _read(fields[0], "<i8"), decode_count(fields[1])
    n_walkers = len(counts)
    if not n_walkers or not n_dims or (counts < 0).any():
        raise _malformed("they have no walkers, no dimensions, or fewer than no draws")
    triangle = n_dims * (n_dims + 1) // 2
    if (len(fields[2]), len(fields[3])) != (8 * n_walkers * n_dims, 8 * n_walkers * triangle):
        raise _malformed(f"they do not hold the moments of {n_walkers} walkers")
    with room_for(f"the moments of {n_walkers} walkers"):
        means = _read(fields[2], "<f8").reshape(n_walkers, n_dims)
        covariances = np.empty((n_walkers, n_dims, n_dims))
        rows, columns = np.tril_indices(n_dims)
        covariances[:, rows, columns] = _read(fields[3], "<f8").reshape(n_walkers, triangle)
        covariances[:, columns, rows] = covariances[:, rows, columns]
        return counts, means, covariances, _histograms(fields[4:], n_dims)


def _histograms(fields: list[bytes], n_dims: int) -> dict[tuple[int, ...], Histogram]:
    histograms: dict[tuple[int, ...], Histogram] = {}
    left = iter(fields)
    for field in left:
        dims = tuple(_read(field, "<u8").tolist())
        if not dims or len(set(dims)) < len(dims) or max(dims) >= n_dims or dims in histograms:
            raise _malformed(f"a histogram is of the dimensions {dims}")
        rest = [next(left, None) for _ in range(len(dims) + 1)]
        if None in rest:
            raise _malformed("a histogram is cut off")
        *edges, counts = rest
        histograms[dims] = _histogram([_read(axis or b"", "<f8") for axis in edges], _read(counts or b"", "<u8"))
    return histograms


def _histogram(edges: list[Floats], counts: NDArray[np.uint64]) -> Histogram:
    for axis in edges:
        if len(axis) < 2 or not np.isfinite(axis).all() or not (axis[1:] > axis[:-1]).all():
            raise _malformed("edges of a histogram do not increase")
    shape = [len(axis) - 1 for axis in edges]
    if math.prod(shape) != len(counts):
        raise _malformed(f"a histogram of {shape} bins has {len(counts)} counts")
    return Histogram(counts.reshape(shape), edges)


def _written(array: NDArray[Any], form: str) -> bytes:
    return np.ascontiguousarray(array, dtype=form).tobytes()


def _read(field: bytes, form: str) -> NDArray[Any]:
    """Read numbers, as a copy in the machine's own byte order."""
    if len(field) % 8:
        raise _malformed("a number is cut off")
    array = np.frombuffer(field, dtype=form)
    return array.astype(array.dtype.newbyteorder("="))


def _malformed(why: str) -> ValueError:
    return malformed(KIND, why)
