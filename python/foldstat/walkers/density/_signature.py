"""The parameters of the user's callable, read once."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

import numpy as np

_BY_POSITION = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


@dataclass(frozen=True)
class Signature:
    """Which arguments a callable takes."""

    names: tuple[str, ...] | None
    """Of the parameters that are passed by position; None if Python does not know them."""
    needed: int
    """So many of these have no default."""
    accepted: float
    """So many arguments may be passed by position; infinity for ``*args``."""
    keywords: tuple[str, ...] = ()
    """Parameters that have to be passed by name, and have no default."""

    @classmethod
    def of(cls, function: Any) -> Signature:
        """Read the parameters of a callable.

        Parameters
        ----------
        function : callable
            Anything that can be called; of what numba compiled, its Python function is looked at.

        Returns
        -------
        Signature
            Of a function written in C that does not tell, that of ``f(*args)``.

        Examples
        --------
        >>> Signature.of(lambda theta, beta=1.0: 0.0)
        Signature(names=('theta', 'beta'), needed=1, accepted=2, keywords=())
        """
        try:
            parameters = inspect.signature(getattr(function, "py_func", function)).parameters.values()
        except (TypeError, ValueError):  # written in C
            return cls(None, 0, float("inf"))
        positional = [parameter for parameter in parameters if parameter.kind in _BY_POSITION]
        if isinstance(function, np.ufunc):
            return cls(tuple(p.name for p in positional[: function.nin]), function.nin, function.nin)
        needed = sum(parameter.default is inspect.Parameter.empty for parameter in positional)
        variable = any(parameter.kind is inspect.Parameter.VAR_POSITIONAL for parameter in parameters)
        keywords = tuple(
            parameter.name
            for parameter in parameters
            if parameter.kind is inspect.Parameter.KEYWORD_ONLY and parameter.default is inspect.Parameter.empty
        )
        accepted = float("inf") if variable else len(positional)
        return cls(tuple(parameter.name for parameter in positional), needed, accepted, keywords)

    def takes(self, n: int) -> bool:
        """Tell whether it can be called with `n` arguments by position."""
        return self.needed <= n <= self.accepted

    def first(self, n: int) -> tuple[str, ...] | None:
        """Give the names of the first `n` parameters; None if they are not known."""
        return None if self.names is None or len(self.names) < n else self.names[:n]
