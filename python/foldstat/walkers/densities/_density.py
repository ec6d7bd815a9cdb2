"""What all built-in densities share."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from foldstat import _core
from foldstat._common.arrays import Floats, as_floats, as_parameters
from foldstat._common.checks import whole_number
from foldstat._common.random import Rng
from foldstat._common.threads import thread_count


@dataclass(frozen=True)
class Density:
    """A density that is built in: one of the classes of `foldstat.walkers.densities`.

    Densities are values: they can be compared, hashed and pickled. Called on points they give their
    logarithm.
    """

    #: What it is called in files and messages.
    name: ClassVar[str]
    #: Whether it integrates to one.
    normalised: ClassVar[bool]

    @property
    def n_dims(self) -> int:
        """Number of coordinates."""
        return 2

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the coordinates."""
        return tuple(f"x{i + 1}" for i in range(self.n_dims))

    @property
    def bounds(self) -> Floats | None:
        """Lower and upper bound of each coordinate, shape (n_dims, 2); None if there are none."""
        return None

    @property
    def parameters(self) -> dict[str, Any]:
        """The arguments it was made with, by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def __call__(self, points: ArrayLike) -> Floats:
        """Evaluate the logarithm of the density.

        Parameters
        ----------
        points : array-like of shape (n, n_dims), or (..., n_dims)
            Where. The shape (n_dims,) is one point.

        Returns
        -------
        ndarray of shape (n,), or (...)
            Natural logarithms: never NaN, never positive infinity, negative infinity where the
            density is zero or its logarithm beyond the range of float64. A number for one point.

        Raises
        ------
        ValueError
            If the shape does not fit, or a coordinate is NaN or infinite.
        """
        shape = np.shape(as_floats(points, "points"))
        if not shape or shape[-1] != self.n_dims:
            raise ValueError(f"points must have shape (n, {self.n_dims}) for {self.name}, got {shape}")
        rows = np.ascontiguousarray(as_parameters(points, shape, "points").reshape(-1, self.n_dims))
        values = np.empty(len(rows))
        self._compiled().evaluate(rows, values, thread_count(None))
        return values.reshape(shape[:-1])[()]

    def mean(self) -> Floats:
        """Give the expectation of each coordinate.

        Returns
        -------
        ndarray of shape (n_dims,)
            Exact, but for rounding.

        Raises
        ------
        NotImplementedError
            If it is not known in closed form.
        """
        raise self._unknown("mean")

    def cov(self) -> Floats:
        """Give the covariance matrix of the coordinates.

        Returns
        -------
        ndarray of shape (n_dims, n_dims)
            Exact, but for rounding.

        Raises
        ------
        NotImplementedError
            If it is not known in closed form.
        """
        raise self._unknown("covariance")

    def sample(self, n: int, rng: Rng = None) -> Floats:
        """Draw independent points from the density, not by walking.

        Parameters
        ----------
        n : int
            Number of points.
        rng : int, SeedSequence, Generator or None
            Where random numbers come from; see :func:`numpy.random.default_rng`.

        Returns
        -------
        ndarray of shape (n, n_dims)
            The points.

        Raises
        ------
        NotImplementedError
            If nobody knows how.
        """
        number = whole_number(n, "n", "a number of points")
        if number < 0:
            raise ValueError(f"n must be a number of points and not negative, got {number}")
        return self._draw(number, np.random.default_rng(rng))

    def config(self) -> dict[str, Any]:
        """Give the density as plain numbers and text, which `from_config` turns back.

        Returns
        -------
        dict
            The name, and the parameters by name; fit for JSON.
        """
        return {"name": self.name, "parameters": {name: plain(value) for name, value in self.parameters.items()}}

    def __repr__(self) -> str:
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.parameters.items())
        return f"{type(self).__name__}({arguments})"

    def _draw(self, n: int, rng: np.random.Generator) -> Floats:
        raise NotImplementedError(f"{self.name} cannot be sampled directly: walk, with foldstat.walkers.sample")

    def _unknown(self, what: str) -> NotImplementedError:
        return NotImplementedError(f"the {what} of {self.name} is not known in closed form")

    def _numbers(self) -> list[float]:
        """Give the parameters in the order of the compiled module."""
        return []

    def _compiled(self) -> _core.WalkerDensity:
        return _core.WalkerDensity.built_in(self.name, np.array(self._numbers(), dtype=np.float64), self.n_dims)

    def _set(self, name: str, value: Any) -> None:
        """Write a field from within ``__post_init__``."""
        object.__setattr__(self, name, value)


def plain(value: Any) -> Any:
    """Turn arrays and tuples into lists."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    return [plain(item) for item in value] if isinstance(value, (tuple, list)) else value


def as_number(value: Any, name: str) -> float:
    """Check a finite number."""
    return float(as_parameters(value, (), name))


def as_positive(value: Any, name: str) -> float:
    """Check a positive, finite number."""
    number = as_number(value, name)
    if number <= 0:
        raise ValueError(f"{name} must be positive, got {number!r}")
    return number


def as_dimensions(value: Any, least: int) -> int:
    """Check a number of dimensions."""
    number = whole_number(value, "n_dims", "a number of dimensions")
    if number < least:
        raise ValueError(f"n_dims must be at least {least}, got {number}")
    return number
