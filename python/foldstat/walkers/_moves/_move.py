"""What all moves share: a small frozen value that the compiled module turns into proposals."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from foldstat import _core
from foldstat._common.arrays import Floats, as_doubles
from foldstat._common.matrices import symmetrised

Schedule: TypeAlias = list[tuple[float, _core.WalkerMove]]


@dataclass(frozen=True)
class Setting:
    """What moves are made for."""

    n_walkers: int
    n_dims: int
    #: How far apart walkers start in each dimension; None where that decides nothing.
    widths: Floats | None = None
    #: What the coordinates are called.
    names: tuple[str, ...] = ()
    #: Which coordinates these are, where they are not all; None if they are.
    dims: list[int] | None = None

    def dim(self, name: str | int) -> int:
        """Find a coordinate by its name or number."""
        if isinstance(name, str) and name in self.names:
            return self.names.index(name)
        if isinstance(name, int) and -self.n_dims <= name < self.n_dims:
            return name % self.n_dims
        raise ValueError(f"blocks must name coordinates out of {list(self.names)}, or numbers; got {name!r}")

    def of(self, dims: list[int]) -> Setting:
        """Restrict to some coordinates."""
        widths = None if self.widths is None else self.widths[dims]
        return Setting(self.n_walkers, len(dims), widths, tuple(self.names[dim] for dim in dims), dims)


def least_walkers(n_dims: int) -> int:
    """Give the number of walkers from which on the differences of either half span the space."""
    return 2 * n_dims + 2


@dataclass(frozen=True)
class Move:
    """A proposal distribution of Metropolis and Hastings; see the classes derived from it.

    Moves are values: they can be compared, hashed and pickled, and do not know the number of
    dimensions until they are used.
    """

    #: Whether proposals look at other walkers, which therefore must not start all at one point.
    interacts: ClassVar[bool] = False
    #: Whether the move learns during the burn-in.
    adapts: ClassVar[bool] = False
    #: Whether walkers learn a random walk from each other during the burn-in.
    pools: ClassVar[bool] = False
    #: Whether proposals lie in the space that the other walkers span.
    spans: ClassVar[bool] = False
    #: Whether it can move some coordinates only.
    by_blocks: ClassVar[bool] = False
    #: Whether it was saved, and has lost functions of the user's.
    is_lost: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if type(self) is Move:
            raise TypeError("Move is what all moves are derived from; use one of these, such as UniformStep(0.1)")

    def config(self) -> dict[str, Any]:
        """Give the move as plain numbers and text, which `from_config` turns back.

        Returns
        -------
        dict
            The name of the class, and its parameters.
        """
        return {"name": type(self).__name__} | {field.name: getattr(self, field.name) for field in fields(self)}

    def _set(self, name: str, value: Any) -> None:
        """Write a field from within ``__post_init__``."""
        object.__setattr__(self, name, value)

    def _asks_for_widths(self) -> bool:
        """Whether it makes a difference how far apart walkers start."""
        return self.pools

    def _needs_density(self) -> bool:
        """Whether the density decides where walkers go."""
        return True

    def _must_learn(self, setting: Setting) -> bool:
        """Whether a burn-in is needed for the move to fit the target."""
        return self.adapts

    def _compiled(self, setting: Setting) -> _core.WalkerMove:
        """Make the compiled move."""
        raise NotImplementedError

    def _schedule(self, setting: Setting) -> Schedule:
        """Give the moves to choose from at each step, with their weights."""
        return [(1.0, self._compiled(setting))]


def as_widths(values: Any, name: str) -> float | tuple[float, ...]:
    """Check half widths: one positive number, or one for each dimension."""
    widths = as_doubles(values, name)
    if widths.ndim > 1 or widths.size == 0:
        raise ValueError(f"{name} must be a number, or one for each dimension, got shape {widths.shape}")
    good = np.isfinite(widths) & (widths > 0)
    if not good.all():
        raise ValueError(f"{name} must be positive and finite, got {values!r}")
    return float(widths) if widths.ndim == 0 else tuple(widths.tolist())


def spread_widths(widths: ArrayLike, n_dims: int, name: str) -> Floats:
    """Give one half width for each dimension."""
    if isinstance(widths, tuple) and len(widths) != n_dims:
        raise ValueError(f"{name} must be a number or {n_dims} of them, one for each dimension; got {len(widths)}")
    return np.array(np.broadcast_to(np.asarray(widths, dtype=np.float64), (n_dims,)))


def as_covariance(values: Any, name: str) -> float | tuple[Any, ...]:
    """Check a covariance: a variance, one for each dimension, or a symmetric positive definite matrix."""
    array = as_doubles(values, name)
    square = array.ndim == 2 and array.shape[0] == array.shape[1]
    if array.size == 0 or not (array.ndim < 2 or square):
        raise ValueError(
            f"{name} must be a variance, one for each dimension, or a square matrix; got shape {array.shape}"
        )
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite, got {values!r}")
    if array.ndim < 2 and not (array > 0).all():
        raise ValueError(f"{name} holds variances, which must be positive, got {values!r}")
    if array.ndim == 2:
        array = symmetrised(array, name)
        _cholesky(array, name)
        return tuple(tuple(row) for row in array.tolist())
    return float(array) if array.ndim == 0 else tuple(array.tolist())


def covariance_factor(covariance: ArrayLike, n_dims: int, name: str) -> Floats:
    """Give the lower Cholesky factor of a covariance in this number of dimensions."""
    array = np.asarray(covariance, dtype=np.float64)
    if array.ndim and array.shape[0] != n_dims:
        raise ValueError(
            f"{name} is for {array.shape[0]} dimension{'s' * (array.shape[0] != 1)}, and the density has {n_dims}"
        )
    if array.ndim < 2:
        return np.diag(np.sqrt(np.broadcast_to(array, (n_dims,))))
    return _cholesky(array, name)


def _cholesky(matrix: Floats, name: str) -> Floats:
    try:
        return _core.cholesky(matrix)
    except ValueError:
        smallest = float(np.linalg.eigvalsh(matrix)[0])
        raise ValueError(f"{name} must be positive definite, got a smallest eigenvalue of {smallest:g}") from None


def as_number(value: Any, name: str, meaning: str) -> float:
    """Check a finite real number."""
    if isinstance(value, (bool, np.bool_, str, bytes)) or np.ndim(value) != 0:
        raise TypeError(f"{name} must be {meaning}, got {value!r}")
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be {meaning}, got {value!r}") from None
    if not np.isfinite(number):
        raise ValueError(f"{name} must be {meaning}, got {value!r}")
    return number
