"""Draws of some coordinates given the others, by a function of the user."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from foldstat._validation import Floats
from foldstat.walkers._moves._stream import Stream, Words
from foldstat.walkers.density import Signature

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
    order = _arguments(conditional, label, names)
    if hasattr(conditional, "py_func"):
        draw = _compiled_loop(conditional, order, len(block))
    else:
        draw = _loop(conditional, order, len(block), label)
    return functools.partial(_checked, draw, label)


def _arguments(conditional: Any, label: str, names: Sequence[str]) -> list[int] | None:
    """Find which coordinates a conditional is called with, in the order of its parameters; None for the point."""
    if not callable(conditional):
        raise TypeError(f"the conditional of {label} must be a function or a move, got {conditional!r}")
    signature = Signature.of(conditional)
    parameters = signature.first(signature.needed) or ()
    others = [name for name in parameters if name != _GENERATOR]
    if parameters and parameters[-1] == _GENERATOR and all(name in names for name in others):
        return [list(names).index(name) for name in others]
    if signature.takes(2):
        return None
    raise TypeError(
        f"the conditional of {label} must be called as f(point, rng), or with coordinates by name and rng at last, "
        f"such as f({', '.join([*names[:2], _GENERATOR])}); its parameters are ({', '.join(parameters)})"
    )


def _loop(conditional: Any, order: list[int] | None, size: int, label: str) -> Draw:
    def draw(points: Floats, streams: Words, values: Floats, first: int) -> None:
        stream = Stream.take()
        for row, point in enumerate(points):
            stream.words[:] = streams[row]
            try:
                arguments = (point,) if order is None else point[order].tolist()
                values[row] = _numbers(conditional(*arguments, stream.generator), size, label)
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
        wanted = "one real number" if size == 1 else f"{size} real numbers"
        raise TypeError(f"the conditional of {label} must give {wanted}, got {found}")
    return array.reshape(size)


def _compiled_loop(conditional: Any, order: list[int] | None, size: int) -> Draw:
    """Compile the loop over walkers around a conditional that numba compiled."""
    numba: Any = importlib.import_module("numba")
    arguments = "points[row]" if order is None else ", ".join(f"points[row, {dim}]" for dim in order)
    comma = ", " if arguments else ""
    store = "values[row, 0] = drawn" if size == 1 else f"for k in range({size}): values[row, k] = drawn[k]"
    lines = [
        "def loop(points, streams, values, words, rng):",
        "    for row in range(len(points)):",
        "        words[:] = streams[row]",
        f"        drawn = conditional({arguments}{comma}rng)",
        f"        {store}",
        "        streams[row] = words",
    ]
    names: dict[str, Any] = {"conditional": conditional}
    exec("\n".join(lines), names)  # the names of the coordinates are numbers here
    loop = numba.njit(names["loop"])

    def draw(points: Floats, streams: Words, values: Floats, first: int) -> None:
        stream = Stream.take()
        loop(points, streams, values, stream.words, stream.generator)
        stream.put()

    return draw


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
