"""Summaries of several columns or rows side by side."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from foldstat._common import bytes as _bytes
from foldstat._common.frames import as_kind, build_frame
from foldstat._common.html import table_html
from foldstat._common.monoid import Monoid
from foldstat._common.room import room_for
from foldstat.summary._each import SequenceOfEach, listed
from foldstat.summary._input import as_label
from foldstat.summary._reads import SummaryReads, as_policy, statistics
from foldstat.summary._summary import Summary

if TYPE_CHECKING:
    from foldstat._core import SummaryState

_MAGIC = b"foldSUMS"


class SummariesReads(SequenceOfEach[SummaryReads]):
    """The statistics of several summaries under a policy for NaN; made by ``summaries.read(nan=...)``."""

    __slots__ = ("_members", "_names")

    def __init__(self, members: Iterable[SummaryReads], names: tuple[str | int, ...] | None = None) -> None:
        self._members = tuple(members)
        self._names = names

    def _part(self, members: tuple[SummaryReads, ...], names: tuple[str | int, ...] | None) -> SummariesReads:
        return type(self)(members, names)


class Summaries(Monoid, SequenceOfEach[Summary]):
    """One `Summary` for each column of a matrix or frame, or for each row.

    A sequence of them, whose statistics are arrays, and itself a monoid: ``+`` merges column by
    column. `foldstat.summarize` makes it.

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
    """

    __slots__ = ("__weakref__", "_members", "_names")

    def __init__(self, summaries: Iterable[Summary] = (), names: Iterable[str | int] | None = None) -> None:
        self._members = tuple(summaries)
        for position, member in enumerate(self._members):
            if not isinstance(member, Summary):
                raise TypeError(f"Summaries holds Summary objects, got {type(member).__name__} at position {position}")
        self._names = None if names is None or not self._members else tuple(map(as_label, names))
        if self._names is not None and len(self._names) != len(self._members):
            raise ValueError(f"got {len(self._names)} names for {len(self._members)} summaries")

    @classmethod
    def _of_states(cls, states: Sequence[SummaryState], names: Iterable[str | int] | None = None) -> Summaries:
        with room_for(f"{len(states)} summaries"):
            return cls((Summary._of(state) for state in states), names)

    def _part(self, members: tuple[Summary, ...], names: tuple[str | int, ...] | None) -> Summaries:
        return type(self)(members, names)

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
            parts[0]._check_columns(part)
        if not parts:
            return cls()
        with room_for(f"{len(parts[0])} summaries"):
            merged = [Summary.merge_all(column) for column in zip(*parts, strict=True)]
            return cls(merged, parts[0]._names)

    def _check_columns(self, other: Summaries) -> None:
        if len(self) != len(other):
            raise ValueError(f"cannot merge Summaries of {len(self)} columns with Summaries of {len(other)}")
        if self._names != other._names:
            raise ValueError(
                f"cannot merge Summaries of columns {listed(self._names)} with Summaries of {listed(other._names)}"
            )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Summaries):
            return NotImplemented
        return self._members == other._members and self._names == other._names

    def __hash__(self) -> int:
        return hash((self._members, self._names))

    def copy(self) -> Summaries:
        """Give Summaries of the same contents that change on their own."""
        with room_for(f"a copy of {len(self)} summaries"):
            return type(self)((member.copy() for member in self._members), self._names)

    # ---------------------------------------------------------------- bytes

    def to_bytes(self) -> bytes:
        """Encode; equal Summaries have equal bytes on every machine."""
        with room_for(f"the bytes of {len(self)} summaries"):
            names = _bytes.pack(b"names", _bytes.encode_names(self._names))
            return _bytes.pack(_MAGIC, [names, *(member.to_bytes() for member in self._members)])

    @classmethod
    def from_bytes(cls, data: bytes | bytearray | memoryview) -> Summaries:
        """Decode what `to_bytes` gave; a ValueError if they are other bytes."""
        fields = _bytes.unpack(_MAGIC, data, "Summaries")
        if not fields:
            raise ValueError("these bytes are not those of Summaries: the names are missing")
        names = _bytes.decode_names(_bytes.unpack(b"names", fields[0], "Summaries"))
        with room_for(f"{len(fields) - 1} summaries"):
            decoded = cls([Summary.from_bytes(field) for field in fields[1:]], names)
        if decoded._names != names:
            raise ValueError("these bytes are not those of Summaries: names without columns")
        return decoded

    # ---------------------------------------------------------------- reads

    def read(self, nan: Literal["skip", "propagate", "raise"] = "skip") -> SummariesReads:
        """Read the same statistics under a policy for NaN, column by column (see `Summary.read`)."""
        policy = as_policy(nan)
        return SummariesReads((SummaryReads(member._state, policy) for member in self._members), self._names)

    def to_frame(self, kind: Literal["pandas", "polars", "pyarrow"] | None = None) -> Any:
        """Give the statistics as a table with one row per column.

        Parameters
        ----------
        kind : {'pandas', 'polars', 'pyarrow'}, optional
            Whose table. Default: pandas if it is installed, else Polars.

        Returns
        -------
        pandas.DataFrame, polars.DataFrame or pyarrow.Table
            Names are the index of a pandas frame and the first column, ``column``, of others.

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
        columns = columns_of(self._members)
        return build_frame(as_kind(kind), ("column", self._labels()), list(columns), list(columns.values()))

    def _repr_html_(self) -> str:
        rows = columns_of(self._members)
        return table_html(["", *rows], zip(self._labels(), *rows.values(), strict=True))


# Not by inheritance: the number of values takes the name of Sequence.count.
Sequence.register(Summaries)


def columns_of(members: Sequence[Summary]) -> dict[str, list[Any]]:
    """Give the statistics that all of some summaries hold, one list for each statistic."""
    rows = [statistics(member) for member in members]
    if not rows:
        return {}
    shared = [name for name in rows[0] if all(name in row for row in rows)]
    return {name: [row[name] for row in rows] for name in shared}
