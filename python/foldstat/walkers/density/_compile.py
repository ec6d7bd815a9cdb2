"""Plain Python functions, compiled by numba into functions that any thread can call.

The compiled form sees many points at a time and says at which one the function raised, so an exception never becomes
a value. It is used only after it agreed with the original at several points.
"""

from __future__ import annotations

import functools
import importlib
import threading
import warnings
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foldstat._common.signals import let_through
from foldstat._core import WalkerDensity
from foldstat.walkers.density._compare import compare
from foldstat.walkers.density._contents import NotCompilableError
from foldstat.walkers.density._copies import checked_function
from foldstat.walkers.density._loop import Convention, Packed, source
from foldstat.walkers.density._native import BATCHED_AND_CHECKED
from foldstat.walkers.density._powers import checking_options
from foldstat.walkers.density._reasons import reason_of
from foldstat.walkers.density._snapshot import snapshot
from foldstat.walkers.density._trials import Trials

_KEPT = 64


class _Cache:
    """The functions compiled last, by what they were compiled from.

    What numba compiled refers to the function it was made of, so a weak reference to that would never
    die: the number is limited instead.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: OrderedDict[Any, Any] = OrderedDict()

    def get(self, key: Any, make: Callable[[], Any]) -> Any:
        with self._lock:
            if key in self._entries:
                self._entries.move_to_end(key)
            else:
                self._entries[key] = make()
                if len(self._entries) > _KEPT:
                    self._entries.popitem(last=False)
            return self._entries[key]


_cache = _Cache()


def compiled_density(
    function: Any, convention: Convention, n_dims: int, args: tuple[Any, ...], trials: Trials, *, log: bool
) -> WalkerDensity:
    """Compile a Python function and compare it with the original.

    Parameters
    ----------
    function : callable
        A plain function, a method, a partial, an object with ``__call__``, or what numba has compiled already.
    convention : {"coordinates", "point"}
        Whether it is called with `n_dims` floats or with an array of shape (n_dims,).
    n_dims : int
        Number of coordinates of a point.
    args : tuple
        What is passed after these: see `Packed`.
    trials : Trials
        Calls of the function, to compare with.
    log : bool
        Whether the function gives a logarithm.

    Returns
    -------
    WalkerDensity
        The compiled function.

    Raises
    ------
    NotCompilableError
        If numba is missing or cannot compile it, or if the compiled form gives something else (then
        with a RuntimeWarning as well). The text says why.
    """
    try:
        _numba()
    except ImportError as error:
        missing = isinstance(error, ModuleNotFoundError) and error.name in ("numba", "numba.extending")
        raise NotCompilableError("numba is not installed" if missing else f"numba: {error}") from None
    packed = Packed(args)
    constants = list(packed.constants.values())
    try:
        key = (snapshot(function, constants), convention, n_dims, tuple(packed.kinds), log)
        pointer = _cache.get(key, lambda: _pointer(function, convention, n_dims, packed, log))
    except NotCompilableError:
        raise
    except Exception as error:  # numba lets through whatever went wrong inside of it
        let_through(error)
        raise NotCompilableError(f"numba: {reason_of(error)}") from error
    data = packed.cells.ctypes.data if packed.cells.size else 0
    native = functools.partial(
        WalkerDensity.native, BATCHED_AND_CHECKED, pointer.address, data, (pointer, packed), n_dims
    )
    compare(native(), trials, convention, log=log)
    # Where the compiled function fails, the original is asked.
    return native(reproduce=original_at_point(function, convention, args))


def original_at_point(
    function: Any, convention: Convention, args: tuple[Any, ...]
) -> Callable[[NDArray[np.float64]], Any]:
    """Make a function of one point of the user's function, uncompiled.

    Parameters
    ----------
    function : callable
        A Python function, or one that numba has compiled.
    convention : {"coordinates", "point"}
        How it is called.
    args : tuple
        What it is passed after these.

    Returns
    -------
    callable
        Called with an array of shape (n_dims,).

    Examples
    --------
    >>> import numpy as np
    >>> original_at_point(lambda x, y, scale: scale * (x - y), "coordinates", (10.0,))(np.array([3.0, 1.0]))
    20.0
    """
    original = getattr(function, "py_func", function)
    if convention == "coordinates":
        return lambda point: original(*point.tolist(), *args)
    return lambda point: original(point.copy(), *args)


def _numba() -> Any:
    """Import numba, which is only there if the user has it, and slow to import."""
    importlib.import_module("numba.extending")
    return importlib.import_module("numba")


def _pointer(function: Any, convention: Convention, n_dims: int, packed: Packed, log: bool) -> Any:
    """Compile a loop that calls the function with each of many points."""
    numba = _numba()
    nb = numba.types
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", numba.core.errors.NumbaWarning)
        # Coordinates are floats of Python, which raise ZeroDivisionError; elements of arrays are
        # NumPy's, which give infinity.
        options = checking_options() if convention == "coordinates" else {"error_model": "numpy"}
        compiler = numba.njit(boundscheck=True, **options)
        function, constants = checked_function(function, compiler, list(packed.constants.values()))
        text, names = source(convention, n_dims, packed.kinds, log)
        names["density"] = function
        names |= {f"arg_{position}": value for position, value in zip(packed.constants, constants, strict=True)}
        exec(text, names)
        doubles = nb.CPointer(nb.float64)
        signature = nb.intp(nb.uintp, nb.uintp, doubles, doubles, nb.CPointer(nb.int64))
        return numba.cfunc(signature)(names["evaluate"])
