"""Where walkers start, what the coordinates are called, and how far they may go."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from foldstat._common.arrays import Floats, as_doubles
from foldstat._common.random import start_generator
from foldstat.walkers._moves import Mix, Move, least_walkers
from foldstat.walkers.densities import Density
from foldstat.walkers.density import Signature
from foldstat.walkers.run._names import Names

Start: TypeAlias = "ArrayLike | Mapping[str, ArrayLike] | Callable[[np.random.Generator], ArrayLike]"
Bounds: TypeAlias = "Sequence[tuple[float | None, float | None] | None] | Mapping[str, Any] | ArrayLike | None"

N_WALKERS = 64
_MOST_REDRAWS = 100  # of a start at which the density is zero


def names_in_order(names: tuple[str, ...], density: Any, n_args: int) -> tuple[str, ...]:
    """Put the names of a `start` into the order in which the density takes the coordinates, if it has these names.

    A mapping has its values by name, so that their order says nothing.
    """
    own = density.names if isinstance(density, Density) else _needed_parameters(density)
    if own is None or len(own) != len(names) + (0 if isinstance(density, Density) else n_args):
        return names
    first = tuple(own[: len(names)])
    return first if set(first) == set(names) else names


def _needed_parameters(density: Any) -> tuple[str, ...] | None:
    """List the parameters by position without a default, all of which ``f(x, y)`` has for coordinates and `args`."""
    if not callable(density):
        return None
    signature = Signature.of(density)
    return signature.first(signature.needed)


def starts_of(start: Start, n_walkers: int | None, key: bytes, names: tuple[str, ...] | None) -> Floats:
    """Give the start of every walker, an array of shape (n_walkers, n_dims)."""
    if isinstance(start, Mapping):
        if not start or names is None:
            raise ValueError(f"start must have a value for each coordinate, by name, got {start!r}")
        start = _from_mapping(start, names)
    if callable(start):
        return _from_callable(start, n_walkers, key)
    points = as_doubles(start, "start")
    if points.ndim > 2 or points.size == 0:
        raise ValueError(
            "start must be one point of shape (n_dims,), or one per walker of shape (n_walkers, n_dims), "
            f"got shape {points.shape}"
        )
    if points.ndim < 2:
        number = _number_for(points.size) if n_walkers is None else n_walkers
        return _finite(np.tile(points.reshape(1, -1), (number, 1)))
    number = len(points) if n_walkers is None else n_walkers
    if number < len(points):
        raise ValueError(f"start has {len(points)} points, one per walker, and n_walkers is {n_walkers}")
    return _finite(points[np.arange(number) % len(points)])


def _from_mapping(start: Mapping[str, ArrayLike], names: tuple[str, ...]) -> Floats:
    if set(start) != set(names):
        raise ValueError(f"start must have a value for each of {list(names)}, got {list(start)}")
    columns = [as_doubles(start[name], f"start[{name!r}]") for name in names]
    for name, column in zip(names, columns, strict=True):
        if column.ndim > 1:
            raise ValueError(f"start[{name!r}] must be a number, or one per walker, got shape {column.shape}")
    lengths = {len(column) for column in columns if column.ndim}
    if len(lengths) > 1:
        raise ValueError(f"start must have the same number of values per name, got {sorted(lengths)}")
    return np.stack(np.broadcast_arrays(*columns), axis=-1)


def _number_for(n_dims: int) -> int:
    """Give the number of walkers where nobody said it: whole vectors of them, whose halves span the space."""
    return max(N_WALKERS, -(-least_walkers(n_dims) // 8) * 8)


def _from_callable(start: Callable[[np.random.Generator], ArrayLike], n_walkers: int | None, key: bytes) -> Floats:
    points: list[Floats] = []
    while not points or len(points) < (n_walkers or _number_for(points[0].size)):
        walker = len(points)
        point = as_doubles(start(start_generator(key, walker)), "start(rng)")
        if point.ndim > 1 or point.size == 0 or (points and point.size != points[0].size):
            wanted = f"({points[0].size},)" if points else "(n_dims,)"
            raise ValueError(
                f"start(rng) must give one point of shape {wanted}, as it is called once for each walker; "
                f"got shape {point.shape} for walker {walker}"
            )
        points.append(point.reshape(-1))
    return _finite(np.stack(points))


def redrawn(start: Start, points: Floats, key: bytes, log_density: Callable[[Floats], Floats]) -> Floats:
    """Ask a callable again for starts at which the density is zero, some times."""
    if not callable(start):
        return points
    points = points.copy()
    for walker in np.flatnonzero(np.isneginf(log_density(points))):
        generator = start_generator(key, int(walker))
        start(generator)  # what it gave before
        for _ in range(_MOST_REDRAWS):
            point = as_doubles(start(generator), "start(rng)").reshape(-1)
            if point.size == points.shape[1] and not np.isneginf(log_density(point[np.newaxis])[0]):
                points[walker] = point
                break
    return _finite(points)


def _finite(points: Floats) -> Floats:
    bad = ~np.isfinite(points)
    if bad.any():
        walker, dim = (int(i) for i in np.argwhere(bad)[0])
        raise ValueError(f"start must be finite, got {points[walker, dim]} for walker {walker}, dimension {dim}")
    return points


def as_bounds(bounds: Bounds, names: Names) -> Floats | None:
    """Check bounds and give them as an array of shape (n_dims, 2); None where all are open."""
    if bounds is None:
        return None
    n_dims = len(names.labels)
    if isinstance(bounds, Mapping):
        unknown = [name for name in bounds if name not in names.labels]
        if unknown:
            raise ValueError(f"bounds: {unknown[0]!r} is not one of {list(names.labels)}")
        bounds = [bounds.get(name) for name in names.labels]
    if isinstance(bounds, (str, bytes)) or not isinstance(bounds, (Iterable, np.ndarray)):
        raise TypeError(f"bounds must be a sequence of (low, high), one for each dimension, got {bounds!r}")
    pairs: list[Any] = list(bounds)
    if len(pairs) != n_dims:
        alone = len(pairs) == 2 and all(end is None or np.ndim(end) == 0 for end in pairs)
        hint = f"; for one dimension, bounds=[({pairs[0]!r}, {pairs[1]!r})]" if n_dims == 1 and alone else ""
        what = f"{n_dims} dimension{'s' * (n_dims != 1)}, got {len(pairs)}"
        raise ValueError(f"bounds must hold one (low, high) for each of the {what}{hint}")
    array = np.array([_pair(pair, label) for pair, label in zip(pairs, names.labels, strict=True)])
    return None if np.isinf(array).all() else array


def _pair(pair: Any, label: str) -> tuple[float, float]:
    if pair is None:
        return -np.inf, np.inf
    try:
        low, high = pair
        low = -np.inf if low is None else float(low)
        high = np.inf if high is None else float(high)
    except (TypeError, ValueError):
        raise TypeError(f"bounds of {label} must be (low, high), numbers or None, got {pair!r}") from None
    if not low < high:
        raise ValueError(f"bounds of {label} must be increasing, got ({low:g}, {high:g})")
    return low, high


def check_inside(starts: Floats, bounds: Floats | None, names: Names) -> None:
    """Refuse starts beyond the bounds."""
    if bounds is None:
        return
    outside = (starts < bounds[:, 0]) | (starts > bounds[:, 1])
    if outside.any():
        walker, dim = (int(i) for i in np.argwhere(outside)[0])
        low, high = bounds[dim]
        raise ValueError(
            f"start: walker {walker} starts outside the bounds, {names.labels[dim]} = {starts[walker, dim]:g} is not "
            f"in [{low:g}, {high:g}]"
        )


def bounds_to_try(
    bounds: Bounds, start: Start, starts: Floats, key: bytes, given: tuple[str, ...] | None, density: Any
) -> tuple[Floats | None, Floats]:
    """Check bounds before it is known what the coordinates are called, and give them with starts inside of them.

    What a function is called with has to be tried, and must not be outside.
    """
    names = Names.of(given or _likely_names(bounds, starts.shape[1], density), starts.shape[1])
    limits = as_bounds(bounds, names)
    starts = redrawn(start, starts, key, lambda points: np.where(are_inside(points, limits), 0.0, -np.inf))
    check_inside(starts, limits, names)
    return limits, starts


def are_inside(points: Floats, bounds: Floats | None) -> NDArray[np.bool_]:
    """Tell which points are finite and within the bounds."""
    low, high = (-np.inf, np.inf) if bounds is None else (bounds[:, 0], bounds[:, 1])
    return np.asarray((np.isfinite(points) & (points >= low) & (points <= high)).all(axis=1))


def _likely_names(bounds: Bounds, n_dims: int, density: Any) -> tuple[str, ...] | None:
    if isinstance(density, Density):
        return density.names
    if n_dims == 1 or not callable(density):
        return None
    signature = Signature.of(density)
    parameters = signature.first(n_dims)
    named = isinstance(bounds, Mapping) and parameters is not None and set(bounds) <= set(parameters)
    return parameters if named or signature.needed >= n_dims else None


def check_spread(starts: Floats, move: Move) -> None:
    """Refuse starts from which a move that looks at other walkers cannot reach all dimensions."""
    if not move.spans:
        return
    n_walkers, n_dims = starts.shape
    name = "every part of the Mix" if isinstance(move, Mix) else type(move).__name__
    if n_walkers < least_walkers(n_dims):
        raise ValueError(
            f"n_walkers must be at least 2 * {n_dims} + 2 in {n_dims} dimension{'s' * (n_dims != 1)}, got {n_walkers}: "
            f"{name} proposes along directions between walkers, and those of either half must span the space; "
            "or mix it with a move that looks at nobody, such as NormalStep"
        )
    if directions(starts) < n_dims:
        where = "all at one point" if (starts == starts[0]).all() else "in a plane of fewer dimensions"
        raise ValueError(
            f"start: {where}; {name} proposes along directions between walkers, which never leave it. "
            "Spread them: give a point for each walker, or a callable such as "
            f"start=lambda rng: point + 0.1 * rng.standard_normal({n_dims})"
        )


def directions(starts: Floats) -> int:
    """Count the directions in which walkers lie apart, whatever the units and the origin of the coordinates."""
    halves = starts / 2  # the difference of two finite numbers may overflow, that of their halves does not
    offsets = halves - halves[0]
    spread = np.abs(offsets).max(axis=0)
    if not spread.all():
        return int(np.count_nonzero(spread))  # at most: enough to know that one is missing
    # How far a walker lies off decides nothing, its direction does; so one far away hides no others.
    rounding = 8 * np.finfo(np.float64).eps * np.linalg.norm((np.abs(halves) + np.abs(halves[0])) / spread, axis=1)
    length = np.linalg.norm(offsets / spread, axis=1)
    clear = rounding < length / 4
    directions = (offsets[clear] / spread) / length[clear, np.newaxis]
    noise = np.linalg.norm(rounding[clear] / length[clear])  # bounds the error of every singular value
    return int(np.count_nonzero(np.linalg.svd(directions, compute_uv=False) > noise))
