"""Draws of some coordinates given the others, by a function of the user."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from foldstat._common.arrays import Floats
from foldstat.walkers._moves._stream import Stream, Words
from foldstat.walkers.density import Signature
from foldstat.walkers.density._loop import compiled_number
from foldstat.walkers.density._reasons import reason_of

Draw = Callable[[Floats, Words, Floats, int], None]

_GENERATOR = "rng"


def draw_of(conditional: Any, block: tuple[str, ...], names: Sequence[str]) -> Draw:
    """Make a function that draws a block for every walker, as the compiled module calls it.

    Parameters
    ----------
    conditional : callable
        Of a point and a generator, or of coordinates by name and ``rng``; one that numba compiled is
        called from a compiled loop.
    block : tuple of str
        The coordinates that it draws.
    names : sequence of str
        All coordinates, in their order.

    Returns
    -------
    callable
        ``draw(points, streams, values, first)``, which writes ``values`` and moves the streams on.
    """
    label = ", ".join(block)
    order = _arguments(conditional, label, tuple(names))
    if hasattr(conditional, "py_func"):
        draw = _compiled_loop(conditional, order, len(block), label)
    else:
        draw = _loop(conditional, order, len(block), label)
    return functools.partial(_checked, draw, label)


def _arguments(conditional: Any, label: str, names: tuple[str, ...]) -> tuple[int, ...] | None:
    """Find which coordinates a conditional is called with, in the order of its parameters; None for the point.

    The generator, wherever it stands, is -1.
    """
    if not callable(conditional):
        raise TypeError(f"the conditional of {label} must be a function or a move, got {conditional!r}")
    signature = Signature.of(conditional)
    known = signature.names or ()
    n_needed = max(signature.needed, known.index(_GENERATOR) + 1 if _GENERATOR in known else 0)
    parameters = known[:n_needed]
    if _GENERATOR in parameters and all(name in (*names, _GENERATOR) for name in parameters):
        return tuple(-1 if name == _GENERATOR else names.index(name) for name in parameters)
    if signature.takes(2) and parameters[:1] != (_GENERATOR,):
        return None
    raise TypeError(
        f"the conditional of {label} must be called as f(point, rng), or with coordinates by name and rng, "
        f"such as f({', '.join([*names[:2], _GENERATOR])}); its parameters are ({', '.join(parameters)})"
    )


def _loop(conditional: Any, order: tuple[int, ...] | None, size: int, label: str) -> Draw:
    def draw(points: Floats, streams: Words, values: Floats, first: int) -> None:
        stream = Stream.take()
        for row, point in enumerate(points):
            stream.words[:] = streams[row]
            try:
                if order is None:
                    arguments = [point, stream.generator]
                else:
                    arguments = [stream.generator if dim < 0 else float(point[dim]) for dim in order]
                values[row] = _numbers(conditional(*arguments), size, label)
            except Exception as error:
                error.add_note(f"the conditional of {label} raised this for walker {first + row}")
                raise
            streams[row] = stream.words
        stream.put()

    return draw


def _numbers(drawn: Any, size: int, label: str) -> Floats:
    """Take what a conditional drew as numbers."""
    array = np.asarray(drawn)
    if array.dtype.kind not in "iuf" or array.size != size or array.ndim > 1:
        found = "None" if drawn is None else f"{type(drawn).__name__} of shape {array.shape} and dtype {array.dtype}"
        raise TypeError(f"the conditional of {label} must give {_wanted(size)}, got {found}")
    return array.reshape(size)


def _compiled_loop(conditional: Any, order: tuple[int, ...] | None, size: int, label: str) -> Draw:
    """Call a conditional that numba compiled from a compiled loop over walkers."""
    loop = _loop_around(conditional, order, size)

    def draw(points: Floats, streams: Words, values: Floats, first: int) -> None:
        stream = Stream.take()
        try:
            loop(points, streams, values, stream.words, stream.generator)
        except Exception as error:
            if type(error).__module__.startswith("numba."):
                raise TypeError(f"the conditional of {label} must give {_wanted(size)}: {reason_of(error)}") from error
            error.add_note(f"the compiled conditional of {label} raised this")
            raise
        stream.put()

    return draw


@functools.lru_cache(maxsize=64)
def _loop_around(conditional: Any, order: tuple[int, ...] | None, size: int) -> Any:
    """Compile the loop over walkers."""
    numba: Any = importlib.import_module("numba")
    if order is None:
        arguments = "points[row], rng"
    else:
        arguments = ", ".join("rng" if dim < 0 else f"points[row, {dim}]" for dim in order)
    lines = [
        "def loop(points, streams, values, words, rng):",
        "    for row in range(len(points)):",
        "        words[:] = streams[row]",
        f"        drawn = conditional({arguments})",
    ]
    if size == 1:
        lines.append("        values[row, 0] = number(drawn)")
    else:
        lines += [
            f"        if len(drawn) != {size}:",
            f"            raise TypeError('it must give {_wanted(size)}, and gave another number of them')",
            *(f"        values[row, {k}] = number(drawn[{k}])" for k in range(size)),
        ]
    lines.append("        streams[row] = words")
    names: dict[str, Any] = {"conditional": conditional, "number": compiled_number(size, log=True)}
    exec("\n".join(lines), names)  # the names of the coordinates are numbers here
    return numba.njit(names["loop"])


def _wanted(size: int) -> str:
    return "one real number" if size == 1 else f"{size} real numbers"


def _checked(draw: Draw, label: str, points: Floats, streams: Words, values: Floats, first: int) -> None:
    """Draw, and refuse what is no number."""
    draw(points, streams, values, first)
    bad = ~np.isfinite(values).all(axis=1)
    if bad.any():
        row = int(np.argmax(bad))
        raise ValueError(
            f"the conditional of {label} must draw finite numbers, got {values[row].tolist()} for walker {first + row} "
            f"at {points[row].tolist()}"
        )
