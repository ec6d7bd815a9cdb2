"""A density as walkers need it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from foldstat._core import WalkerDensity


@dataclass(frozen=True)
class Understood:
    """A density as walkers need it."""

    compiled: WalkerDensity
    """What is called."""
    kind: str
    """How it is called, in words."""
    original: Any
    """What the user gave; of a fitted mixture, its density as it was then."""
    call_original: Callable[[NDArray[np.float64]], Any] | None = field(default=None, repr=False)
    """Calls the user's Python function at one point, where there is one behind something compiled."""
    coordinate_names: tuple[str, ...] | None = None
    """What the parameters for the coordinates are called, of what is called by coordinates; None if not known."""
    python_of: Literal["point", "points"] | None = None
    """What a Python function is called with, that is called as it is: one point, or all; None for what is compiled."""

    def reproduce(self, point: NDArray[np.float64]) -> None:
        """Let the user's own exception come out where the compiled function reported a failure.

        Parameters
        ----------
        point : ndarray of shape (n_dims,)
            Where.

        Raises
        ------
        Exception
            What the Python function raises there.
        RuntimeError
            If it raises nothing, or if there is no Python function.
        """
        where = np.array2string(np.asarray(point), separator=", ", threshold=20)
        if self.call_original is None:
            raise RuntimeError(f"density ({self.kind}) reported a failure at {where}")
        value = self.call_original(np.array(point, dtype=np.float64))
        raise RuntimeError(
            f"density ({self.kind}) reported a failure at {where}, where as a Python function it gives {value!r}; "
            'where="python" calls it as that'
        )
