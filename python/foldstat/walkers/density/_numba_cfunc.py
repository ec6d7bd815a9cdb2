"""numba's callbacks, called so that what they raise is noticed.

When the function of a numba ``CFunc`` raises, the pointer prints the exception and returns zero, which would pass for a
value. The loop over points is therefore compiled together with the function itself.
"""

from __future__ import annotations

import functools
import importlib
import threading
from typing import Any

from foldstat._common.signals import let_through
from foldstat.walkers.density._native import BATCHED_AND_CHECKED, SIGNATURES, NativeFunction

_CALLS = {
    SIGNATURES[0]: "function(int32(d), moved(x, i * d))",
    SIGNATURES[1]: "function(int32(d), moved(x, i * d), data)",
    SIGNATURES[2]: "function(points[i])",
}
_LOOP = """
def evaluate(n, d, x, out, data):
    points = carray(x, (n * d,))
    values = carray(out, (n,))
    for i in range(n):
        try:
            values[i] = {call}
        except Exception:
            return i
    return -1
"""
_lock = threading.Lock()


def checked_cfunc(native: NativeFunction) -> NativeFunction:
    """Make a callback of numba into one that says at which point it raised.

    Parameters
    ----------
    native : NativeFunction
        Any function pointer.

    Returns
    -------
    NativeFunction
        The same function, batched and checked, if it is a numba ``CFunc`` whose signature has no place
        for an error; otherwise `native` itself.
    """
    if native.kind != "native: numba CFunc" or native.signature not in _CALLS:
        return native
    try:
        with _lock:
            pointer = _compiled(native.owner, native.signature)
    except (importlib.import_module("numba").core.errors.NumbaError, AttributeError) as error:
        let_through(error)
        # A function that only its own compiler pipeline understands, or a numba that keeps it elsewhere.
        return native
    return NativeFunction(BATCHED_AND_CHECKED, pointer.address, native.data, (pointer, native.owner), native.kind)


@functools.lru_cache(maxsize=64)
def _compiled(cfunc: Any, signature: str) -> Any:
    numba: Any = importlib.import_module("numba")
    nb = numba.types
    names = {
        "function": numba.njit(**cfunc._compiler.targetoptions)(cfunc._pyfunc),
        "carray": numba.carray,
        "int32": numba.int32,
        "moved": _moved(),
    }
    exec(_LOOP.format(call=_CALLS[signature]), names)
    doubles = nb.CPointer(nb.float64)
    return numba.cfunc(nb.intp(nb.uintp, nb.uintp, doubles, doubles, nb.voidptr))(names["evaluate"])


@functools.cache
def _moved() -> Any:
    """Make the addition of a pointer and a number of elements."""
    extending: Any = importlib.import_module("numba.extending")

    def _moved_pointer(typing_context: Any, pointer: Any, elements: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return builder.gep(args[0], [args[1]])

        return pointer(pointer, elements), generate

    return extending.intrinsic(_moved_pointer)
