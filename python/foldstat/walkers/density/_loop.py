"""The loop over points that is compiled around a function, and how it gets its arguments."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from foldstat.walkers.density._contents import Array, Fields, NotCompilableError, Parts, content_of

Convention = Literal["coordinates", "point"]

_NO_NUMBERS = "neither a number nor an array of numbers, nor a dict or object of these"
_LARGE_INTEGER = 2**31  # the product of two smaller ones has less than 64 bits, and cannot wrap around


class Packed:
    """Arguments in cells of 64 bits.

    Parameters
    ----------
    args : tuple
        Numbers and arrays of numbers, which are read where they lie in each call; lists, columns of
        tables and arrays of another byte order are copied; dicts, tables and objects become a part of the
        compiled code.

    Raises
    ------
    NotCompilableError
        If one of them is something else.
    """

    def __init__(self, args: tuple[Any, ...]) -> None:
        self._cells: list[Any] = []
        #: What kind each argument is of: with the constants, all that compiled code depends on.
        self.kinds: list[Any] = []
        #: What becomes a part of the code, by the number of the argument.
        self.constants: dict[int, Any] = {}
        #: What must stay in memory.
        self.owners: list[Any] = []
        for position, value in enumerate(args):
            self._add(value, position)
        #: The numbers, and where arrays lie with their shapes and, where they have gaps, strides.
        self.cells: NDArray[np.int64] = np.array(self._cells, dtype=np.int64)

    def _add(self, value: Any, position: int) -> None:
        if isinstance(value, (bool, np.bool_)):
            self._put("bool", int(value))
        elif isinstance(value, int):
            if abs(value) >= _LARGE_INTEGER:
                raise NotCompilableError(f"args[{position}] has more than 31 bits; a float has no such limit")
            self._put("int", value)
        elif isinstance(value, (float, np.float64)):
            self._put("float", np.float64(value).view(np.int64))
        elif type(value) is np.ndarray and value.dtype.isnative and value.flags.aligned:
            self._add_array(value, position)
        else:
            content = content_of(value, frozenset())
            if isinstance(content, Array):
                self._add_array(content.array, position)
            elif isinstance(content, (Fields, Parts)):
                self._put("constant")
                self.constants[position] = value
            else:
                raise NotCompilableError(f"args[{position}] is {_NO_NUMBERS}")

    def _add_array(self, value: NDArray[Any], position: int) -> None:
        if value.dtype.kind not in "biuf" or value.dtype.itemsize > 8 or not value.ndim:
            raise NotCompilableError(f"args[{position}] is {_NO_NUMBERS}")
        order = "C" if value.flags.c_contiguous else "F" if value.flags.f_contiguous else "A"
        strides = value.strides if order == "A" else ()
        self._put((value.dtype.str, value.ndim, order), value.ctypes.data, *value.shape, *strides)
        self.owners.append(value)

    def _put(self, kind: Any, *cells: Any) -> None:
        self.kinds.append(kind)
        self._cells += cells


def source(convention: Convention, n_dims: int, kinds: Sequence[Any], log: bool) -> tuple[str, dict[str, Any]]:
    """Write the loop over points that calls a function with each of them.

    Parameters
    ----------
    convention : {"coordinates", "point"}
        How the function is called.
    n_dims : int
        Number of coordinates.
    kinds : sequence
        What `Packed` says of the arguments after them; each constant is to be called ``arg_`` and its number.
    log : bool
        Whether it gives logarithms.

    Returns
    -------
    source : str
        Of ``evaluate(n, d, x, out, data)``, which calls ``density``.
    names : dict
        What else it refers to.
    """
    bit_cast, pointer_to = _casts()
    numba = importlib.import_module("numba")
    names: dict[str, Any] = {"as_float": bit_cast, "number": compiled_number(n_dims, log=log), "empty": np.empty}
    names |= {"carray": numba.carray, "farray": numba.farray, "as_strided": np.lib.stride_tricks.as_strided}
    setup = []
    cell = 0
    for position, kind in enumerate(kinds):
        if kind == "constant":
            continue
        if isinstance(kind, str):
            value = {"bool": f"cells[{cell}] != 0", "int": f"cells[{cell}]", "float": f"as_float(cells[{cell}])"}[kind]
            cell += 1
        else:
            names[f"pointer_{position}"] = pointer_to(kind[0])
            value, cell = _array_in_cells(f"pointer_{position}", kind, cell)
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
        f"            values[i] = number(density({call}))",
        "        except Exception:",
        "            return i",
        "    return -1",
    ]
    return "\n".join(lines), names


def _array_in_cells(pointer: str, kind: tuple[str, int, str], cell: int) -> tuple[str, int]:
    """Write the expression for an array, and find the first cell after it."""
    _, ndim, order = kind
    shape = "".join(f"cells[{cell + 1 + axis}], " for axis in range(ndim))
    if order != "A":
        return f"{'carray' if order == 'C' else 'farray'}({pointer}(cells[{cell}]), ({shape}))", cell + 1 + ndim
    strides = "".join(f"cells[{cell + 1 + ndim + axis}], " for axis in range(ndim))
    return f"as_strided(carray({pointer}(cells[{cell}]), (1,)), ({shape}), ({strides}))", cell + 1 + 2 * ndim


def _casts() -> tuple[Any, Callable[[str], Any]]:
    """From a cell to the float in it, and to the array elements it points to."""
    numba: Any = importlib.import_module("numba")
    nb = numba.types
    intrinsic = numba.extending.intrinsic

    def _from_bits(typing_context: Any, cell: Any) -> Any:
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

    return intrinsic(_from_bits), pointer_to


@functools.cache
def compiled_number(size: int, *, log: bool) -> Any:
    """Make a function for compiled code that gives the number that is meant by a value, and that no other value fits.

    An array of one number is one where `size` is 1; true and false are numbers where these are no logarithms.
    """
    numba: Any = importlib.import_module("numba")
    nb = numba.types
    importlib.import_module("numba.extending")

    def number(value: Any) -> Any:
        raise NotImplementedError("for compiled code only")

    @numba.extending.overload(number)  # type: ignore[untyped-decorator]
    def _of_value(value: Any) -> Any:
        if isinstance(value, nb.Array) and size == 1:
            return _only_item
        if not isinstance(value, (nb.Integer, nb.Float, *(() if log else (nb.Boolean,)))):
            raise numba.core.errors.TypingError(f"it gives a value of type {value}, which is no real number")
        return _as_float

    return number


def _only_item(value: Any) -> Any:
    return value.item()


def _as_float(value: Any) -> Any:
    return float(value)
