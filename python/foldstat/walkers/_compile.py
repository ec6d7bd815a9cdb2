"""Plain Python functions, compiled by numba into functions that any thread can call.

The compiled form sees many points at a time and says at which one the function raised, so an exception never becomes
a value. It is used only after it agreed with the original at several points.
"""

from __future__ import annotations

import functools
import importlib
import math
import re
import sys
import threading
import types
import warnings
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from foldstat._core import DensityStatusError, WalkerDensity
from foldstat._signals import let_through
from foldstat.walkers._checked import NotCompilableError, checked_function, snapshot
from foldstat.walkers._native import BATCHED_AND_CHECKED
from foldstat.walkers._python_errors import checking_compiler

Convention = Literal["coordinates", "point"]

_RELATIVE_TOLERANCE = 1e-9
_ABSOLUTE_TOLERANCE = 1e-12  # of a logarithm: near zero its digits are cancelled away
_FAR = (1.0, 10.0, 1e3, 1e6)  # so many times its own size is a point moved away
_KEPT = 64
_LARGE_INTEGER = 2**31  # the product of two smaller ones has less than 64 bits, and cannot wrap around
_ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


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
    function: Any, convention: Convention, n_dims: int, args: tuple[Any, ...], starts: NDArray[np.float64], *, log: bool
) -> WalkerDensity:
    """Compile a Python function and compare it with the original.

    Parameters
    ----------
    function : function
        A plain function, or one that numba has compiled already.
    convention : {"coordinates", "point"}
        Whether it is called with `n_dims` floats or with an array of shape (n_dims,).
    n_dims : int
        Number of coordinates of a point.
    args : tuple
        What is passed after these: numbers, and contiguous arrays of numbers, which are read where
        they lie in each call.
    starts : ndarray of shape (n, n_dims)
        Points to compare at; points near to them are tried as well.
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
        numba = _numba()
    except ImportError as error:
        missing = isinstance(error, ModuleNotFoundError) and error.name in ("numba", "numba.extending")
        raise NotCompilableError("numba is not installed" if missing else f"numba: {error}") from None
    cells, kinds, owners = _packed(args)
    is_dispatcher = isinstance(function, numba.core.dispatcher.Dispatcher)
    source = function if is_dispatcher else snapshot(function)
    key = (source, convention, n_dims, kinds)
    try:
        pointer = _cache.get(key, lambda: _pointer(function, is_dispatcher, convention, n_dims, kinds))
    except NotCompilableError:
        raise
    except Exception as error:  # numba lets through whatever went wrong inside of it
        let_through(error)
        raise NotCompilableError(f"numba: {_gist(error)}") from error
    original = original_at_point(function, convention, args)
    density = WalkerDensity.native(
        BATCHED_AND_CHECKED,
        pointer.address,
        cells.ctypes.data if cells.size else 0,
        (pointer, cells, owners),
        n_dims,
        reproduce=original,
    )
    _compare(density, original, starts, log)
    return density


def original_at_point(
    function: Any, convention: Convention, args: tuple[Any, ...]
) -> Callable[[NDArray[np.float64]], Any]:
    """Make a function of one point of the user's function, uncompiled.

    Parameters
    ----------
    function : function
        A plain function, or one that numba has compiled.
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


def _gist(error: Exception) -> str:
    """Find the line of numba's message that says what is wrong."""
    lines = (_ESCAPES.sub("", line).strip() for line in str(error).splitlines())
    useful = (line for line in lines if line and not line.startswith("Failed in"))
    return next(useful, type(error).__name__)[:120]


# ---------------------------------------------------------------- arguments


def _packed(args: tuple[Any, ...]) -> tuple[NDArray[np.int64], tuple[Any, ...], tuple[Any, ...]]:
    """Arguments as cells of 64 bits, what kind each is of, and what must stay in memory for them."""
    cells: list[Any] = []
    kinds: list[Any] = []
    for position, value in enumerate(args):
        if isinstance(value, (bool, np.bool_)):
            kinds.append("bool")
            cells.append(int(value))
        elif isinstance(value, int):
            if abs(value) >= _LARGE_INTEGER:
                raise NotCompilableError(f"args[{position}] has more than 31 bits; a float has no such limit")
            kinds.append("int")
            cells.append(int(value))
        elif isinstance(value, (float, np.float64)):
            kinds.append("float")
            cells.append(np.float64(value).view(np.int64))
        else:
            kinds.append(_kind_of_array(value, position))
            cells += [value.ctypes.data, *value.shape]
    return np.array(cells, dtype=np.int64), tuple(kinds), args


def _kind_of_array(value: Any, position: int) -> tuple[str, int, str]:
    """Element, number of dimensions and order."""
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "biuf" or value.dtype.itemsize > 8:
        raise NotCompilableError(f"args[{position}] is neither a number nor an array of numbers")
    if not (value.flags.aligned and value.flags.forc and value.dtype.isnative and value.ndim):
        raise NotCompilableError(f"args[{position}] is not a contiguous array in native byte order")
    return value.dtype.str, value.ndim, "C" if value.flags.c_contiguous else "F"


# ---------------------------------------------------------------- compiling


def _pointer(function: Any, is_dispatcher: bool, convention: Convention, n_dims: int, kinds: tuple[Any, ...]) -> Any:
    """Compile a loop that calls the function with each of many points."""
    numba = _numba()
    nb = numba.types

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", numba.core.errors.NumbaWarning)
        if not is_dispatcher:
            # Coordinates are floats of Python, which raise ZeroDivisionError; elements of arrays are
            # NumPy's, which give infinity.
            options = {"error_model": "numpy"}
            if convention == "coordinates":
                options = {"error_model": "python", "pipeline_class": checking_compiler()}
            function = checked_function(function, numba.njit(boundscheck=True, **options))
        source, names = _source(convention, n_dims, kinds)
        names |= {"density": function, "carray": numba.carray, "farray": numba.farray, "empty": np.empty}
        exec(source, names)
        doubles = nb.CPointer(nb.float64)
        signature = nb.intp(nb.uintp, nb.uintp, doubles, doubles, nb.CPointer(nb.int64))
        return numba.cfunc(signature)(names["evaluate"])


def _source(convention: Convention, n_dims: int, kinds: tuple[Any, ...]) -> tuple[str, dict[str, Any]]:
    """Write the loop over points, and find the functions it needs for the arguments."""
    bit_cast, pointer_to = _casts()
    names: dict[str, Any] = {"as_float": bit_cast}
    setup = []
    cell = 0
    for position, kind in enumerate(kinds):
        if isinstance(kind, str):
            value = {"bool": f"cells[{cell}] != 0", "int": f"cells[{cell}]", "float": f"as_float(cells[{cell}])"}[kind]
            cell += 1
        else:
            element, ndim, order = kind
            names[f"pointer_{position}"] = pointer_to(element)
            shape = "".join(f"cells[{cell + 1 + axis}], " for axis in range(ndim))
            make = "carray" if order == "C" else "farray"
            value = f"{make}(pointer_{position}(cells[{cell}]), ({shape}))"
            cell += 1 + ndim
        setup.append(f"arg_{position} = {value}")
    if cell:
        setup.insert(0, f"cells = carray(data, ({cell},))")
    if convention == "coordinates":
        row = []
        first = [f"points[i, {j}]" for j in range(n_dims)]
    else:
        # A copy: the function may write to the point it is given.
        setup.append("row = empty(d)")
        row = ["for j in range(d):", "    row[j] = points[i, j]"]
        first = ["row"]
    call = ", ".join([*first, *(f"arg_{position}" for position in range(len(kinds)))])
    lines = [
        "def evaluate(n, d, x, out, data):",
        "    points = carray(x, (n, d))",
        "    values = carray(out, (n,))",
        *(f"    {line}" for line in setup),
        "    for i in range(n):",
        *(f"        {line}" for line in row),
        "        try:",
        f"            values[i] = density({call})",
        "        except Exception:",
        "            return i",
        "    return -1",
    ]
    return "\n".join(lines), names


def _casts() -> tuple[Any, Callable[[str], Any]]:
    """From a cell to the float in it, and to the array elements it points to."""
    numba = _numba()
    nb = numba.types
    intrinsic = numba.extending.intrinsic

    def _as_float(typing_context: Any, cell: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return builder.bitcast(args[0], context.get_value_type(nb.float64))

        return nb.float64(nb.int64), generate

    def pointer_to(element: str) -> Any:
        pointer = nb.CPointer(numba.from_dtype(np.dtype(element)))

        def _as_pointer(typing_context: Any, cell: Any) -> Any:
            def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
                return builder.inttoptr(args[0], context.get_value_type(pointer))

            return pointer(nb.int64), generate

        return intrinsic(_as_pointer)

    return intrinsic(_as_float), pointer_to


# ---------------------------------------------------------------- comparing


def _compare(
    density: WalkerDensity, original: Callable[[NDArray[np.float64]], Any], starts: NDArray[np.float64], log: bool
) -> None:
    """Warn and refuse if the compiled function is not the original."""
    for point in _points_to_compare(starts):
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            expected = _outcome(original, point)
            found = _outcome(functools.partial(_evaluated, density), point)
        if not _agree(expected, found, _ABSOLUTE_TOLERANCE if log else 0.0):
            where = np.array2string(point, separator=", ", threshold=10)
            message = (
                f"at {where} density gives {_in_words(expected)}, but compiled by numba {_in_words(found)}; it is "
                'called as a Python function instead (where="python" does so without this warning)'
            )
            warnings.warn(message, RuntimeWarning, stacklevel=_level_of_caller())
            raise NotCompilableError("numba: compiled, it gives other values")


def _points_to_compare(starts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Take some of the starts, points near to them, and points far from the first, to either side."""
    some = starts[np.unique(np.linspace(0, len(starts) - 1, 4).astype(int))]
    # The multiples of the golden ratio modulo 1 are spread evenly, and no coordinate is like another.
    steps = (np.arange(1, some.size + 1) * 0.6180339887498949 % 1 - 0.5).reshape(some.shape)
    size = np.maximum(np.abs(some), 1.0)
    signs = np.sign(steps[0]) * np.where(np.arange(len(steps[0])) % 3 == 2, -1.0, 1.0)
    far = [some[0] + way * factor * size[0] for factor in _FAR for way in (1.0, -1.0, signs, -signs)]
    return np.concatenate([some, some + steps * np.maximum(0.2 * np.abs(some), 0.1), far])


def _level_of_caller() -> int:
    """Find how far up the call stack, counted as `warnings.warn` does, the first function outside of foldstat is."""
    package = importlib.import_module("foldstat").__path__[0]
    frame: types.FrameType | None = sys._getframe(1)
    level = 1
    while frame is not None and frame.f_code.co_filename.startswith(package):
        frame, level = frame.f_back, level + 1
    return level


def _evaluated(density: WalkerDensity, point: NDArray[np.float64]) -> float:
    value = np.empty(1)
    density.evaluate(point[np.newaxis], value, 1)
    return float(value[0])


def _outcome(call: Callable[[NDArray[np.float64]], Any], point: NDArray[np.float64]) -> float | Exception:
    """Return what a call gives or what it raises."""
    try:
        return float(call(point))
    except Exception as error:
        let_through(error)
        return error


def _agree(expected: float | Exception, found: float | Exception, tolerance: float) -> bool:
    if isinstance(expected, Exception) or isinstance(found, Exception):
        return isinstance(expected, Exception) and isinstance(found, Exception)
    if math.isnan(expected) or math.isnan(found):
        return math.isnan(expected) and math.isnan(found)
    return math.isclose(expected, found, rel_tol=_RELATIVE_TOLERANCE, abs_tol=tolerance)


def _in_words(outcome: float | Exception) -> str:
    if isinstance(outcome, DensityStatusError):
        return "an exception"
    return f"{type(outcome).__name__}: {outcome}" if isinstance(outcome, Exception) else repr(outcome)


def is_compilable(function: Any) -> bool:
    """Tell whether something is a function that numba may be asked to compile.

    Parameters
    ----------
    function : object
        A callable.

    Returns
    -------
    bool
        True for plain functions, lambdas among them, and for what numba has compiled already.

    Examples
    --------
    >>> is_compilable(lambda x: x), is_compilable(max)
    (True, False)
    """
    return isinstance(function, types.FunctionType) or isinstance(
        getattr(function, "py_func", None), types.FunctionType
    )
