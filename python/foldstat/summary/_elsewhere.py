"""Summaries of collections of Dask: of each piece where it lies, and merged there."""

from __future__ import annotations

import contextlib
import functools
import itertools
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from foldstat._common.callers import hearing, warn_caller
from foldstat._common.threads import threads
from foldstat.sources import Pieces, as_pieces
from foldstat.sources._dask import is_collection, is_dask
from foldstat.sources._pieces import WeightedRows
from foldstat.sources._source import listed
from foldstat.summary._left_out import LeftOut, agreeing, united
from foldstat.summary._scaled_bytes import state_from_bytes
from foldstat.summary._scaled_state import feed_any, merge_all, merged, scale_of, ticks_in, timed

if TYPE_CHECKING:
    from foldstat._core import SummaryState


class Part(NamedTuple):
    """What a piece was summarised to, and what its warnings said."""

    value: Any
    warnings: frozenset[str]
    left_out: frozenset[Any] | None

    @classmethod
    def merge_all(cls, parts: Iterable[Part]) -> Part:
        """Merge neighbours."""
        values, warnings, left_out = zip(*parts, strict=True)
        together = united(left_out)  # before others say in their words that they do not merge
        return cls(type(values[0]).merge_all(values), frozenset().union(*warnings), together)


class _State(NamedTuple):
    """The state of a summary, as it travels."""

    data: bytes

    @classmethod
    def merge_all(cls, states: Iterable[_State]) -> _State:
        return cls(merge_all([state_from_bytes(state.data) for state in states]).to_bytes())


def feed_from_anywhere(
    state: SummaryState,
    x: Any,
    ids: Any,
    sample_weight: Any,
    n_jobs: int | None,
    name: str = "x",
    *,
    strict: bool = False,
) -> SummaryState:
    """Add numbers or times to a state as `feed_any` does; those of a collection of Dask where they lie."""
    if not is_collection(x):
        return feed_any(state, x, ids, sample_weight, n_jobs, name, strict=strict)
    positions = bool(state.best_limit)
    pieces = _pieces_of(state, x, ids, sample_weight, "rows" if positions else "blocks", name)
    if positions and is_dask(x, "bag", "Bag"):
        raise ValueError(f"{name} is a Dask Bag, whose values have no numbers: best needs ids, use an array")
    if positions and pieces.names is not None and len(pieces.names) > 1:
        raise ValueError(f"{name} has several columns in pieces: best needs ids, summarise each column")
    empty = timed(ticks_in(state).begin(), scale_of(state))
    begins, start = (_begins(pieces), _next_position(state)) if positions else (None, 0)
    feed = functools.partial(_feed_piece, name=name, strict=strict)
    found: _State = folded(pieces, feed, n_jobs, (begins, start, empty.to_bytes()))
    return merged(state, state_from_bytes(found.data))


def fold_rows(
    x: Any, template: SummaryState, sample_weight: Any, ids: Any, n_jobs: int | None, each: Callable[..., Any]
) -> Any:
    """Call a function on the rows of each piece of a collection of Dask, with their weights and numbers, and merge."""
    pieces = _pieces_of(template, x, ids, sample_weight, "rows", "X")
    begins = _begins(pieces) if template.best_limit else None
    return folded(pieces, functools.partial(_call_on_rows, each=each), n_jobs, (begins,))


def check_by_rows(x: Any, axis: Any, by: Any) -> None:
    """Check that results of pieces merge: `axis` is not that of columns, and `by` names columns."""
    if axis is not None and not isinstance(axis, (str, np.integer)) and type(axis) is not int:
        raise TypeError(f"axis must be None, 0 or 1, got {axis!r}")
    if axis in ("columns", 1) or (axis == -1 and getattr(x, "ndim", 2) == 2):
        raise ValueError("X is a collection of Dask, of which columns are summarised, and no rows: leave out axis=1")
    names = list(getattr(x, "columns", ()))
    asked = by if isinstance(by, list) else [by]
    if by is None or all(isinstance(name, (str, int, tuple)) and name in names for name in asked):
        return
    given = repr(by) if isinstance(by, (str, int)) else f"a {type(by).__name__}"
    hint = "; for other keys make a column of them first: X.assign(key=...), by='key'" if hasattr(x, "assign") else ""
    raise ValueError(
        "by of a collection of Dask must be the name of a column of a frame, or a list of names: columns are "
        f"{listed(tuple(names)) or 'without names'}; got {given}{hint}"
    )


# ---------------------------------------------------------------- on this side


def _pieces_of(state: SummaryState, x: Any, ids: Any, sample_weight: Any, kind: Any, name: str) -> Pieces:
    pieces = as_pieces(x, sample_weight=sample_weight, kind=kind, name=name)
    assert pieces is not None
    if ids is not None:
        raise ValueError(f"ids and {name} do not go together where {name} is a collection of Dask: leave them out")
    if sample_weight is not None and state.weights is None and _weight_kind(x, sample_weight) == "f":
        raise ValueError(
            f"sample_weight of {name} comes in pieces, of which each may look like numbers of times: say what floats "
            "are by weights='reliability' or weights='frequency', or give integers"
        )
    return pieces


def _weight_kind(x: Any, sample_weight: Any) -> str:
    if isinstance(sample_weight, (str, int)):
        sample_weight = x[sample_weight]
    dtype = sample_weight.dtype if hasattr(sample_weight, "dtype") else np.asarray(sample_weight).dtype
    return str(getattr(dtype, "kind", "f"))


def folded(pieces: Pieces, task: Callable[..., Any], n_jobs: int | None, broadcast: tuple[Any, ...]) -> Any:
    """Fold, and say what was heard."""
    with threads(n_jobs) if n_jobs is not None else contextlib.nullcontext():
        found: Part = pieces.fold(functools.partial(_heard, task=task), *broadcast, progress=None, desc="summary")
    for message in sorted(found.warnings):
        warn_caller(message)
    return found.value


def _heard(piece: Any, index: int, *broadcast: Any, task: Callable[..., Any]) -> Part:
    """Call a task, and take its warnings, which nobody would see."""
    left_out = LeftOut()
    with hearing() as heard, agreeing(left_out):
        value = task(piece, index, *broadcast)
    return Part(value, frozenset(heard), left_out.labels)


def _begins(pieces: Pieces) -> list[int]:
    """Give the number of the first row of each piece: what is not known is counted."""
    known = [length for length in pieces.lengths if length is not None]
    if len(known) < pieces.n_pieces:
        known = pieces.fold(_length, progress=None, desc="length")
    return [0, *itertools.accumulate(known)]


def _next_position(state: SummaryState) -> int:
    """Tell who the next value is."""
    probe = ticks_in(state).begin()
    probe.push(0.0, None, 1)
    return int(probe.best[0][1])


# ---------------------------------------------------------------- where a piece lies


def _length(piece: Any, index: int) -> list[int]:
    return [len(_split(piece)[0])]


def _split(piece: Any) -> tuple[Any, Any]:
    return piece if isinstance(piece, WeightedRows) else (piece, None)


def _feed_piece(
    piece: Any, index: int, begins: list[int] | None, start: int, empty: bytes, *, name: str, strict: bool
) -> _State:
    x, weight = _split(piece)
    ids = None
    if not hasattr(x, "dtype") and not hasattr(x, "columns"):
        x = iter(x)  # of a bag: numbers, or arrays one after the other
    if begins is not None:
        size = int(np.size(x)) // max(1, len(x)) if len(x) else 1
        first = start + begins[index] * size
        ids = np.arange(first, first + len(x) * size).reshape(np.shape(x))
    return _State(feed_any(state_from_bytes(empty), x, ids, weight, None, name, strict=strict).to_bytes())


def _call_on_rows(piece: Any, index: int, begins: list[int] | None, *, each: Callable[..., Any]) -> Any:
    x, weight = _split(piece)
    ids = None if begins is None else range(begins[index], begins[index + 1])
    return each(x, sample_weight=weight, ids=ids)
