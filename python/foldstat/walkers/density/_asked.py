"""What a user asks for: a density, and all that was said about it."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

from foldstat.walkers import densities
from foldstat.walkers.density._native import SIGNATURES
from foldstat.walkers.density._points import Points
from foldstat.walkers.density._reading import reading
from foldstat.walkers.density._signature import Signature
from foldstat.walkers.density._trials import Call, Trials


@dataclass
class Asked:
    """A density and the arguments of `understand`, with what is found out about a callable on the way."""

    density: Any
    starts: Points
    log: bool
    args: tuple[Any, ...]
    call: Call | None
    where: str | None
    names: tuple[str, ...] | None
    bounds: Points | None
    not_compiled: str | None = None
    """Why not, once that was tried."""

    @property
    def n_dims(self) -> int:
        """Number of coordinates of a point."""
        return int(self.starts.shape[1])

    @functools.cached_property
    def signature(self) -> Signature:
        """The parameters of a callable."""
        return Signature.of(self.density)

    @functools.cached_property
    def trials(self) -> Trials:
        """Calls of a callable."""
        return Trials(self.density, self.args, self.starts, self.bounds)

    @functools.cached_property
    def reading(self) -> Call:
        """How a callable is called."""
        self._check_callable()
        return self.call or reading(self.signature, self.trials, len(self.args), self.names)

    @property
    def coordinate_names(self) -> tuple[str, ...] | None:
        """What the parameters of a callable of coordinates are called."""
        return self.signature.first(self.n_dims) if self.reading == "coordinates" else None

    @property
    def form(self) -> str:
        """How a callable is called, in words."""
        names = self.coordinate_names
        if names is not None and self.n_dims <= 4:
            return f"f({', '.join(names)})"
        return "f(point)" if self.reading == "point" else f"f of {self.n_dims} coordinates"

    def _check_callable(self) -> None:
        factory = getattr(self.density, "__name__", None)
        if factory in densities.__all__ and getattr(densities, factory) is self.density:
            raise TypeError(f"density is {factory}, which makes it: call it, {factory}()")
        if not callable(self.density):
            raise TypeError(
                f"density must be callable, a density of foldstat.walkers.densities, a fitted GaussianMixture or a "
                f"pointer to a compiled function ({'; '.join(SIGNATURES)}), found {type(self.density).__name__}"
            )
