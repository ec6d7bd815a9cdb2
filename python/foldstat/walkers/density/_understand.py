"""How the user's density is understood, and made into one that walkers can be moved over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from foldstat.walkers.density._adapters import ADAPTERS
from foldstat.walkers.density._asked import Asked
from foldstat.walkers.density._trials import Call
from foldstat.walkers.density._understood import Understood

_CALLS = ("coordinates", "point", "points")


def understand(
    density: Any,
    starts: NDArray[np.float64],
    *,
    log: bool = True,
    args: tuple[Any, ...] = (),
    call: str | None = None,
    where: str | None = None,
    names: Sequence[str] | None = None,
    bounds: NDArray[np.float64] | None = None,
) -> Understood:
    """Find the fastest way to call a density.

    Parameters
    ----------
    density : object
        One of the following, looked for in this order:

        * a density of `foldstat.walkers.densities` or a fitted Gaussian mixture (foldstat's or
          scikit-learn's, or its ``score_samples``): evaluated by foldstat itself;
        * a compiled function: a numba ``CFunc``, a `scipy.LowLevelCallable`, a function pointer of
          ctypes or cffi, or a capsule of a Cython module's ``__pyx_capi__``;
        * a callable with as many parameters as there are dimensions, called with a float for each:
          ``f(x, y)``;
        * a callable with one parameter. It is tried on an array of points of shape (n, n_dims): if it
          gives n values, equal to those it gives point by point, it is called with the points of
          all walkers at once. Otherwise it is called with one point, an array of shape (n_dims,); in
          one dimension, where ``f(x)`` has as many parameters as dimensions, with a float if it takes
          one.

        Parameters with a default are options. Where a callable may be meant in two ways it is tried both
        ways, and if that does not tell, it is an error that names `call`.

        Functions of coordinates or of one point are compiled by numba where it is installed, and those of
        one number that take a column of them get that. What numba compiles is frozen with the values that
        global and enclosing variables and attributes have at that time; data belongs into `args`.
    starts : ndarray of shape (n, n_dims)
        Where the walkers start.
    log : bool
        Whether the function gives the logarithm of the density.
    args : tuple
        What a callable is passed after the coordinates, the point or the points. Compiled functions read
        arrays of numbers where they lie, so that a change of their elements is seen by the next step, and
        must not write to them, as several threads call them at once. Of lists, columns of tables, dicts
        and objects they have copies.
    call : {"coordinates", "point", "points"}, optional
        Says how a callable is called, instead of what it looks like.
    where : {"python"}, optional
        ``"python"`` forbids compilation.
    names : sequence of str, optional
        The names of the dimensions.
    bounds : ndarray of shape (n_dims, 2), optional
        How far walkers may go: the callable is tried inside only.

    Returns
    -------
    Understood
        The density.

    Raises
    ------
    TypeError
        If it is none of these, or has another number of parameters, or may be meant in two ways.
    ValueError
        If an argument does not fit it.

    Examples
    --------
    >>> import numpy as np
    >>> understood = understand(lambda x, y: -(x * x) - y * y, np.zeros((4, 2)), where="python")
    >>> understood.kind
    'Python callable: f(x, y)'
    """
    if call is not None and call not in _CALLS:
        raise ValueError(f"call must be None or one of {', '.join(map(repr, _CALLS))}, found {call!r}")
    if where not in (None, "python"):
        raise ValueError(f"where must be None or 'python', found {where!r}")
    asked = Asked(
        density,
        np.ascontiguousarray(starts, dtype=np.float64),
        log,
        tuple(map(_as_pythons, args)),
        cast("Call | None", call),
        where,
        None if names is None else tuple(names),
        bounds,
    )
    found = (adapter(asked) for adapter in ADAPTERS)
    return next(understood for understood in found if understood is not None)


def _as_pythons(value: Any) -> Any:
    """Make a number of NumPy's one of Python's, which every way of calling knows."""
    is_number = isinstance(value, (np.floating, np.integer, np.bool_)) and value.dtype.itemsize <= 8
    return value.item() if is_number else value
