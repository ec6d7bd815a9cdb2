"""Summaries of several columns or rows side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np

from foldstat import _core
from foldstat._common import bytes as _bytes
from foldstat._common.frames import as_kind, build_frame
from foldstat._common.html import shown_rows, shown_table_html
from foldstat._common.monoid import Monoid
from foldstat._common.room import room_for
from foldstat.summary._each import Names, SequenceOfEach, listed
from foldstat.summary._input import as_label
from foldstat.summary._reads import NanPolicy, SummaryReads, as_policy
from foldstat.summary._scaled_bytes import check_scales
from foldstat.summary._scaled_each import column_of, objects_of, shown_cells
from foldstat.summary._scaled_state import scale_of, ticks_in, timed
from foldstat.summary._scales import AnyScale, Scales, decode_scales, encode_scales, of_each, scale_at, united
from foldstat.summary._summary import Summary

if TYPE_CHECKING:
    from foldstat._core import SummaryState, SummaryStates

_KIND = "Summaries"


class SummariesReads(SequenceOfEach[SummaryReads]):
    """The statistics of several summaries under a policy for NaN; made by ``summaries.read(nan=...)``."""

    __slots__ = ("_names", "_places", "_policy", "_scales", "_states")

    def __init__(self, states: SummaryStates, places: range, names: Names, scales: Scales, policy: NanPolicy) -> None:
        self._states, self._places, self._names, self._scales = states, places, names, scales
        self._policy = policy

    def _member(self, position: int) -> SummaryReads:
        return SummaryReads(member_of(self._states, self._places[position], self._scales, position), self._policy)

    def _part(self, places: range, names: Names, scales: Scales) -> SummariesReads:
        return type(self)(self._states, places, names, scales, self._policy)


class Summaries(Monoid, SequenceOfEach[Summary]):
    """One `Summary` for each column of a matrix or frame, or for each row.

    A sequence of them, whose statistics are arrays, and itself a monoid: ``+`` merges column by
    column, ``-`` takes values away that were added before (see `Summary`). `foldstat.summarize` makes it.

    Parameters
    ----------
    summaries : iterable of Summary
        The summaries. ``Summaries()`` without any is the identity of ``+``.
    names : sequence of str or int, optional
        A name for each. Where there are names that are ints, as pandas has them, an int is a name
        and no position: ``s[2020]``.

    Raises
    ------
    TypeError
        If something is not a Summary.
    ValueError
        If there are not as many names as summaries.

    Examples
    --------
    >>> import numpy as np
    >>> from foldstat import summarize
    >>> X = np.array([[1.0, 10.0], [2.0, 30.0], [6.0, 20.0]])
    >>> s = summarize(X, axis=0)
    >>> s.mean
    array([ 3., 20.])
    >>> s[1].max
    30.0
    >>> summarize(X[:1], axis=0) + summarize(X[1:], axis=0) == s
    True
    >>> (s - summarize(X[:1], axis=0)).mean
    array([ 4., 25.])
    """

    __slots__ = ("__weakref__", "_names", "_places", "_scales", "_states")
    _policy: ClassVar[NanPolicy] = "skip"  # type: ignore[misc]  # that of all instances

    def __init__(self, summaries: Iterable[Summary] = (), names: Iterable[str | int] | None = None) -> None:
        members = list(summaries)
        for position, member in enumerate(members):
            if not isinstance(member, Summary):
                raise TypeError(f"Summaries holds Summary objects, got {type(member).__name__} at position {position}")
        labels = None if names is None or not members else tuple(map(as_label, names))
        if labels is not None and len(labels) != len(members):
            raise ValueError(f"got {len(labels)} names for {len(members)} summaries")
        self._states = states_of(members)
        self._places, self._names = range(len(members)), labels
        self._scales = of_each([scale_of(member._state) for member in members])

    @classmethod
    def _of(cls, states: SummaryStates, places: range, names: Names, scales: Scales) -> Self:
        made = cls.__new__(cls)
        made._states, made._places = states, places
        made._names, made._scales = (names, scales) if len(places) else (None, None)
        return made

    @classmethod
    def _of_states(cls, states: SummaryStates, names: Iterable[str | int] | None = None, scales: Scales = None) -> Self:
        return cls._of(states, range(len(states)), None if names is None else tuple(map(as_label, names)), scales)

    def _member(self, position: int) -> Summary:
        return Summary._of(member_of(self._states, self._places[position], self._scales, position))

    def _part(self, places: range, names: Names, scales: Scales) -> Summaries:
        return self._of(self._states, places, names, scales)

    def _scale_and_values(self, position: int) -> tuple[AnyScale | None, bool]:
        """Give what the numbers of a member stand for, and whether there are any."""
        which = (self._places[position], 1, 1)
        counts = (self._states.counts(kind, which)[0] for kind in ("count", "nan_count"))
        return scale_at(self._scales, position), any(counts)

    @staticmethod
    def _united(parts: Sequence[Summaries]) -> Scales:
        """Give what the numbers of each column stand for, in all parts."""
        if all(part._scales is None for part in parts):
            return None
        return of_each([united(part._scale_and_values(i) for part in parts) for i in range(len(parts[0]))])

    # ---------------------------------------------------------------- the monoid

    @classmethod
    def merge_all(cls, several: Iterable[Summaries]) -> Summaries:
        """Merge any number of Summaries column by column; the identity if there are none.

        Parameters
        ----------
        several : iterable of Summaries
            What to merge: of the same columns, or without any.

        Returns
        -------
        Summaries
            A new object.

        Raises
        ------
        TypeError
            If one is something else.
        ValueError
            If their numbers or names of columns differ.

        Examples
        --------
        >>> from foldstat import Summaries, summarize
        >>> Summaries.merge_all(summarize([[i, -i]], axis=0) for i in range(5)).sum
        array([ 10., -10.])
        """
        parts = [part for part in cls._checked(several) if len(part)]
        for part in parts[1:]:
            check_columns(len(parts[0]), parts[0]._names, len(part), part._names)
        if not parts:
            return cls()
        scales = cls._united(parts)
        with room_for(f"{len(parts[0])} summaries"):
            places = np.arange(len(parts[0]))
            states = [part._states.select(part._which) for part in parts]
            merged = _core.SummaryStates.merged(states, [places] * len(states), len(places))
            return cls._of_states(merged, parts[0]._names, scales)

    def __sub__(self, other: object) -> Summaries:
        if not isinstance(other, Summaries):
            return NotImplemented
        if not len(other):
            return self.copy()
        if len(self):
            check_columns(len(self), self._names, len(other), other._names)
        scales = self._united([self, other] if len(self) else [other])  # values of different units do not compare
        with room_for(f"{len(other)} summaries"):
            mine = self._states.select(self._which) if len(self) else _core.SummaryStates.merged([], [], len(other))
            theirs = other._states.select(other._which)
            try:
                left = mine.subtracted(theirs, np.arange(len(theirs)))
            except ValueError as error:
                name_position(error, lambda position: f"in the column {other._labels()[position]!r}")
                raise
            return self._of_states(left, other._names, scales)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Summaries):
            return NotImplemented
        if (self._names, self._scales) != (other._names, other._scales):
            return False
        return self._states.equal(self._which, other._states, other._which)

    def __hash__(self) -> int:
        return hash((tuple(self._states.hashes(self._which).tolist()), self._names, self._scales))

    def copy(self) -> Summaries:
        """Give Summaries of the same contents that change on their own."""
        with room_for(f"a copy of {len(self)} summaries"):
            return self._of_states(self._states.select(self._which), self._names, self._scales)

    # ---------------------------------------------------------------- bytes

    def to_bytes(self) -> bytes:
        """Encode; equal Summaries have equal bytes on every machine."""
        return _bytes.seal(_KIND, self._fields())

    @classmethod
    def from_bytes(cls, data: bytes | bytearray | memoryview) -> Summaries:
        """Decode what `to_bytes` gave; a ValueError if they are other bytes."""
        version, fields = _bytes.unseal(_KIND, data)
        if version > 1:
            return cls._of_fields(fields)
        if not fields:
            raise _bytes.malformed(_KIND, "the names are missing")
        with room_for(f"{len(fields) - 1} summaries"):
            states = _core.SummaryStates.of_each(fields[1:])
        return cls._decoded(_bytes.fields_before(b"names\1", fields[0], _KIND), states, None)

    def _fields(self) -> list[bytes]:
        """Give what its bytes consist of."""
        with room_for(f"the bytes of {len(self)} summaries"):
            names = _bytes.join(_bytes.encode_names(self._names))
            fields = [names, self._states.to_payload(self._which)]
            return fields if self._scales is None else [*fields, encode_scales(self._scales)]

    @classmethod
    def _of_fields(cls, fields: list[bytes]) -> Summaries:
        """Read what `_fields` gave."""
        if len(fields) not in (2, 3):
            raise _bytes.malformed(_KIND, "they need 2 or 3 fields")
        with room_for(f"summaries of {len(fields[1])} bytes"):
            states = _core.SummaryStates.from_payload(fields[1])
            scales = decode_scales(_KIND, fields[2], len(states)) if len(fields) > 2 else None
            if len(fields) > 2 and scales is None:
                raise _bytes.malformed(_KIND, "a field is empty")
            check_scales(_KIND, states, range(len(states)), scales)
            return cls._decoded(_bytes.split(_KIND, fields[0]), states, scales)

    @classmethod
    def _decoded(cls, named: list[bytes], states: SummaryStates, scales: Scales) -> Summaries:
        names = _bytes.decode_names(named)
        if names is not None and len(names) != len(states):
            raise _bytes.malformed(_KIND, f"there are {len(names)} names for {len(states)} columns")
        decoded = cls._of_states(states, names, scales)
        if decoded._names != names:
            raise _bytes.malformed(_KIND, "there are names without columns")
        return decoded

    # ---------------------------------------------------------------- reads

    def read(self, nan: Literal["skip", "propagate", "raise"] = "skip") -> SummariesReads:
        """Read the same statistics under a policy for NaN, column by column (see `Summary.read`)."""
        return SummariesReads(self._states, self._places, self._names, self._scales, as_policy(nan))

    def to_frame(self, kind: Literal["pandas", "polars", "pyarrow"] | None = None) -> Any:
        """Give the statistics as a table with one row per column.

        Parameters
        ----------
        kind : {'pandas', 'polars', 'pyarrow'}, optional
            Whose table. Default: pandas if it is installed, else Polars.

        Returns
        -------
        pandas.DataFrame, polars.DataFrame or pyarrow.Table
            Names are the index of a pandas frame and the first column, ``column``, of others. A statistic of times
            is a column of times; of times beside numbers it is one of objects in pandas, of texts elsewhere.

        Raises
        ------
        ImportError
            If the library is not installed.

        Examples
        --------
        >>> from foldstat import summarize
        >>> summarize({"a": [1.0, 3.0], "b": [5.0, 5.0]}, axis=0).to_frame("pandas")["mean"]
        column
        a    2.0
        b    5.0
        Name: mean, dtype: float64
        """
        known, table = as_kind(kind), self._table()
        columns = [column_of(cells, known) for cells in table.values()]
        return build_frame(known, ("column", self._labels()), list(table), columns)

    def _repr_html_(self) -> str:
        parts = [
            (self._labels()[rows.start : rows.stop], self[rows.start : rows.stop]) for rows in shown_rows(len(self))
        ]
        tables = [(labels, part._table(self._kept())) for labels, part in parts]
        rows = [
            zip(labels, *(shown_cells(objects_of(cells)) for cells in table.values()), strict=True)
            for labels, table in tables
        ]
        return shown_table_html(["", *tables[0][1]], rows, len(self))


# Not by inheritance: the number of values takes the name of Sequence.count.
Sequence.register(Summaries)


def member_of(states: SummaryStates, place: int, scales: Scales, position: int) -> SummaryState:
    """Give one of several states, which changes where they are."""
    return timed(states[place], scale_at(scales, position), shared=True)


def states_of(members: Sequence[Summary]) -> SummaryStates:
    """Copy the states of summaries, as those of numbers."""
    with room_for(f"{len(members)} summaries"):
        return _core.SummaryStates.of([ticks_in(member._state) for member in members])


def name_position(error: ValueError, words: Callable[[int], str]) -> None:
    """Say in an error of compiled states where it arose."""
    position = getattr(error, "position", None)
    if position is not None:
        del error.position  # type: ignore[attr-defined]
        error.add_note(words(position))


def check_columns(width: int, names: Names, other_width: int, other_names: Names) -> None:
    """Check that Summaries have the same columns as others."""
    if width != other_width:
        raise ValueError(f"Summaries of {width} columns do not go together with Summaries of {other_width}")
    if names != other_names:
        raise ValueError(
            f"Summaries of columns {listed(names)} do not go together with Summaries of {listed(other_names)}"
        )
