"""Summaries of groups: a dict of summaries that merges key by key."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import astuple
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from foldstat import _core
from foldstat._common import bytes as _bytes
from foldstat._common.frames import as_kind
from foldstat._common.monoid import Monoid
from foldstat._common.room import room_for
from foldstat.summary import _group_bytes
from foldstat.summary._collections import Summaries, SummariesReads
from foldstat.summary._group_states import Group, GroupStates, Shape
from foldstat.summary._group_tables import frame_of, html_of
from foldstat.summary._key_columns import KeyColumns, joined
from foldstat.summary._keyed import Keyed, Keys
from foldstat.summary._keys import canonical_key
from foldstat.summary._reads import NanPolicy, SummaryReads, as_policy
from foldstat.summary._scales import of_plain_scales, plain_scales
from foldstat.summary._summary import Summary
from foldstat.summary._union import Union


class GroupedSummary(Monoid, Keyed[Group]):
    """One `Summary`, or one `Summaries` of several columns, for each key of a grouping.

    A mapping in the order of its keys, and itself a monoid: ``+`` merges the groups of equal keys
    and keeps the others. ``-`` takes values away that were added before (see `Summary`): a group that is
    not there is a ValueError, and one of which no row is left disappears. `foldstat.summarize` makes it
    from ``by=keys``.

    Parameters
    ----------
    groups : mapping of keys to Summary or Summaries, optional
        The groups. ``GroupedSummary()`` without any is the identity of ``+``.
    missing_key_count : int, default=0
        Number of rows whose key is missing (None, NaN, NaT or null); such rows are in no group.

    Raises
    ------
    TypeError
        If a value is neither a Summary nor Summaries, or some are the one and some the other.
    ValueError
        If a key is missing (None, NaN), or the count is negative.

    Notes
    -----
    A key has one form, whatever library it came from: Python's own number, text, ``datetime`` and so
    on. Any spelling of it finds its group: ``g[np.datetime64("2024-01-01T12")]``,
    ``g[pd.Timestamp("2024-01-01 12:00")]``, ``g[datetime(2024, 1, 1, 12)]``.

    * Numbers that Python takes for equal are one key: 1, 1.0, True and ``Decimal("1.00")``, 0.0 and
      -0.0. When they meet, the float is kept, or else the int, whatever the order of merging.
    * A date is the midnight that begins it. Instants with a time zone are one key if they are at the
      same time, wherever; they are shown in UTC, where the two hours that a clock shows twice are two
      keys. `to_frame` gives them in their zone. Nanoseconds count, as ``numpy.datetime64``,
      ``numpy.timedelta64`` or, of times of day and with a zone, `foldstat.summary.WithNanoseconds`.
    * Members of an ``IntEnum`` or ``StrEnum`` are their numbers and texts.
    * A tuple in which a part is missing is a key, with None there.

    Groups are in the order of the categories of a pandas ``Categorical`` or a Polars ``Enum``, else
    sorted. Names of columns, orders of categories and time zones merge as long as all pieces agree in
    them; else there are none.

    Examples
    --------
    >>> from foldstat import summarize
    >>> g = summarize([3.0, 5.0, 40.0, 1.0], by=["a", "a", "b", None])
    >>> {key: group.mean for key, group in g.items()}
    {'a': 4.0, 'b': 40.0}
    >>> g.missing_key_count
    1
    >>> h = g + summarize([50.0], by=["b"])
    >>> h["b"].mean
    45.0
    >>> list(h - summarize([3.0, 5.0], by=["a", "a"]))
    ['b']
    """

    __slots__ = ("__weakref__", "_groups", "_known", "_missing")

    def __init__(self, groups: Mapping[Any, Group] | None = None, *, missing_key_count: int = 0) -> None:
        given = {} if groups is None else dict(groups)
        if missing_key_count < 0:
            raise ValueError(f"missing_key_count must not be negative, got {missing_key_count}")
        kinds = {type(group) for group in given.values()}
        if not kinds <= {Summary, Summaries} or len(kinds) > 1:
            names = sorted(kind.__name__ for kind in kinds)
            raise TypeError(f"groups must all be Summary or all Summaries, got {', '.join(names)}")
        keys = [canonical_key(key) for key in given]
        for key, canonical in zip(given, keys, strict=True):
            if canonical is None:
                raise ValueError(f"{key!r} is a missing key: count its rows in missing_key_count")
        with room_for(f"a copy of {len(given)} groups"):
            self._gather(keys, GroupStates.of_groups(list(given.values())), int(missing_key_count), None)

    def _gather(
        self,
        keys: list[Any],
        groups: GroupStates,
        missing: int,
        columns: KeyColumns | None,
        *,
        distinct: bool = False,
    ) -> None:
        """Take canonical keys in any order, some of which may be one unless they are said to be distinct."""
        # What has no groups says nothing of their keys: else a sum would depend on the order of merging.
        columns = columns if keys else None
        given = Keys(keys)
        union = Union.of([given], columns) if distinct and keys else Union([keys], columns)
        if union.in_order:
            self._fill(given, groups, missing, columns)
        else:
            self._fill(Keys(union.keys), GroupStates.merged([groups], union.places, union.keys), missing, columns)

    def _fill(self, keys: Keys, groups: GroupStates, missing: int, columns: KeyColumns | None) -> None:
        Keyed.__init__(self, keys)
        self._groups, self._missing, self._known = groups, missing, columns

    @classmethod
    def _of(cls, keys: list[Any] | NDArray[Any], groups: GroupStates, missing: int, columns: KeyColumns | None) -> Self:
        """Make it of canonical keys, each of which is there once; an array of them is in order."""
        made = cls.__new__(cls)
        if isinstance(keys, np.ndarray):
            made._fill(Keys(keys), groups, missing, columns if len(keys) else None)
        else:
            made._gather(keys, groups, missing, columns, distinct=True)
        return made

    def _value(self, place: int) -> Group:
        return self._groups.group(place)

    @property
    def missing_key_count(self) -> int:
        """Number of rows whose key is missing."""
        return self._missing

    @property
    def key_names(self) -> tuple[str | int | None, ...] | None:
        """Names of the columns that keys are of, None for those without; None if no column has a name.

        Examples
        --------
        >>> from foldstat import summarize
        >>> summarize({"city": ["Bern", "Chur"], "price": [1.0, 2.0]}, by="city").key_names
        ('city',)
        """
        names = () if self._known is None else tuple(column.name for column in self._known.columns)
        return names if any(name is not None for name in names) else None

    # ---------------------------------------------------------------- the monoid

    @classmethod
    def merge_all(cls, several: Iterable[GroupedSummary]) -> GroupedSummary:
        """Merge any number of grouped summaries key by key; the identity if there are none.

        Parameters
        ----------
        several : iterable of GroupedSummary
            What to merge.

        Returns
        -------
        GroupedSummary
            A new object, with all keys.

        Raises
        ------
        TypeError
            If one is something else, or groups of one column meet groups of several.
        ValueError
            If two groups of a key do not merge.

        Examples
        --------
        >>> from foldstat import GroupedSummary, summarize
        >>> days = (summarize([day, 2.0 * day], by=["low", "high"]) for day in range(1, 4))
        >>> GroupedSummary.merge_all(days)["high"].sum
        12.0
        """
        grouped = cls._checked(several)
        missing = sum(part._missing for part in grouped)
        parts = [part for part in grouped if len(part)]
        columns = joined(part._known for part in parts)
        made = cls.__new__(cls)
        with room_for(f"the sum of {sum(map(len, parts))} groups"):
            union = Union.of([part._keys for part in parts], columns)
            groups = GroupStates.merged([part._groups for part in parts], union.places, union.keys)
            made._fill(Keys(union.keys), groups, missing, columns)
        return made

    def __sub__(self, other: object) -> GroupedSummary:
        if not isinstance(other, GroupedSummary):
            return NotImplemented
        missing = self._missing - other._missing
        if missing < 0:
            raise ValueError(
                f"cannot subtract what was never added: it has {other._missing} rows without a key, "
                f"where {self._missing} are"
            )
        made = type(self).__new__(type(self))
        with room_for(f"a copy of {len(self)} groups"):
            if not len(other):
                made._fill(self._keys, self._groups.copy(), missing, self._known)
                return made
            places = self._keys.find(other._keys)
            if (places < 0).any():
                key = other._keys[int(np.argmax(places < 0))]
                raise ValueError(f"cannot subtract what was never added: it has the group {key!r}, which is not there")
            groups, keys = self._groups.minus(other._groups, places, self._keys), self._keys
            emptied = np.zeros(len(keys), dtype=bool)
            emptied[places] = True
            emptied &= ~groups.have_rows()
            if emptied.any():
                kept = np.flatnonzero(~emptied)
                keys, groups = keys.taken(kept), groups.taken(kept)
            made._fill(keys, groups, missing, self._known if len(keys) else None)
        return made

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, GroupedSummary):
            return NotImplemented
        if self._missing != other._missing or len(self) != len(other) or self._signed() != other._signed():
            return False
        if self._keys.same(other._keys):
            return self._groups.equal(other._groups)
        places = {key: place for place, key in enumerate(other._keys.signatures())}
        found = [places.get(key) for key in self._keys.signatures()]
        return all(place is not None and self._value(i) == other._groups.group(place) for i, place in enumerate(found))

    def __hash__(self) -> int:
        pairs = zip(self._keys.signatures(), map(hash, map(self._value, range(len(self)))), strict=True)
        return hash((self._missing, frozenset(pairs), self._signed()))

    def _signed(self) -> Any:
        return None if self._known is None else self._known.signed()

    def copy(self) -> GroupedSummary:
        """Give a grouped summary of the same contents that changes on its own."""
        made = type(self).__new__(type(self))
        with room_for(f"a copy of {len(self)} groups"):
            made._fill(self._keys, self._groups.copy(), self._missing, self._known)
        return made

    # ---------------------------------------------------------------- bytes

    def to_bytes(self) -> bytes:
        """Encode; equal grouped summaries have equal bytes on every machine.

        Raises
        ------
        TypeError
            If a key is no number, text, bytes, date, time, ``Decimal``, ``UUID``, member of an Enum, interval or
            period of pandas, nor a tuple of these. Pickle takes any key.
        """
        with room_for(f"the bytes of {len(self)} groups"):
            fields = _group_bytes.encode(self._keys.listed, self._groups, self._missing, self._known)
            return _bytes.seal(_group_bytes.KIND, fields)

    @classmethod
    def from_bytes(cls, data: bytes | bytearray | memoryview) -> GroupedSummary:
        """Decode what `to_bytes` gave; a ValueError if they are other bytes.

        Keys that are members of an Enum need the module that defines it to be imported before, intervals and periods
        need pandas (an ImportError).
        """
        version, fields = _bytes.unseal(_group_bytes.KIND, data)
        with room_for(f"groups of {sum(map(len, fields))} bytes"):
            keys, groups, missing, columns = _group_bytes.decode(version, fields)
            decoded = cls.__new__(cls)
            if isinstance(keys, np.ndarray):
                decoded._fill(Keys(keys), groups, missing, columns)
            else:
                distinct = Keys(keys).plain and len(set(keys)) == len(keys)
                decoded._gather(keys, groups, missing, columns, distinct=distinct)
        # All else has one way to be written, which was looked at when it was read.
        if version > 1 and (decoded._keys.given is not keys or decoded._known is not columns):
            raise _bytes.malformed(_group_bytes.KIND, "its keys are not in order")
        return decoded

    def __reduce__(self) -> tuple[Any, ...]:
        columns = None if self._known is None else self._known.plain()
        states, shape = self._groups.states, self._groups.shape
        shapes = list(map(astuple, self._groups.shapes() if shape is None else [shape]))
        plain = [(astuple(shape), plain_scales(scales)) for shape, scales in self._groups.scales().items()]
        return _restore_states, (self._keys.given, states, shapes, self._missing, columns, plain)

    # ---------------------------------------------------------------- reads

    def read(self, nan: Literal["skip", "propagate", "raise"] = "skip") -> GroupedReads:
        """Read the same statistics under a policy for NaN, group by group (see `Summary.read`).

        Parameters
        ----------
        nan : {'skip', 'propagate', 'raise'}, default='skip'
            What a NaN among the values of a group means for its statistics.

        Returns
        -------
        GroupedReads
            A mapping of the same keys.

        Examples
        --------
        >>> from foldstat import summarize
        >>> g = summarize([1.0, float("nan"), 5.0], by=["a", "a", "b"])
        >>> {key: group.mean for key, group in g.read(nan="propagate").items()}
        {'a': nan, 'b': 5.0}
        """
        return GroupedReads(self._keys, self._groups, as_policy(nan))

    def to_frame(self, kind: Literal["pandas", "polars", "pyarrow"] | None = None) -> Any:
        """Give the statistics as a table with one row per group.

        Parameters
        ----------
        kind : {'pandas', 'polars', 'pyarrow'}, optional
            Whose table. Default: pandas if it is installed, else Polars.

        Returns
        -------
        pandas.DataFrame, polars.DataFrame or pyarrow.Table
            Keys are the index of a pandas frame and the first columns of others, by the names of the columns that
            they are of, else ``key``. Tuples are one column, but those of several columns of a frame; as text in
            Polars and pyarrow, which have no tuples, like keys of several types. Categories stay categories, and
            times are in their zone. Columns are statistics, ``count``, ``mean`` and so on; of groups of several
            columns ``price.mean`` and so on; of a second column of this name ``price_2.mean``.

        Raises
        ------
        ImportError
            If the library is not installed.
        ValueError
            If the groups have different columns.

        Examples
        --------
        >>> from foldstat import summarize
        >>> summarize([3.0, 5.0, 7.0], by=[1, 1, 2]).to_frame("pandas")["mean"]
        key
        1    4.0
        2    7.0
        Name: mean, dtype: float64
        """
        return frame_of(as_kind(kind), self._keys, self._groups, self._known)

    def _repr_html_(self) -> str:
        return html_of(self._keys, self._groups, self._known)

    def __repr__(self) -> str:
        shown = ", ".join(repr(key) for key in itertools.islice(self, 5))
        more = ", …" if len(self) > 5 else ""
        return f"<{type(self).__name__} of {len(self)} groups: {shown}{more}>" if self else f"{type(self).__name__}()"


class GroupedReads(Keyed[SummaryReads | SummariesReads]):
    """The statistics of groups under a policy for NaN; made by ``grouped.read(nan=...)``."""

    __slots__ = ("_groups", "_policy")

    def __init__(self, keys: Keys, groups: GroupStates, policy: NanPolicy) -> None:
        super().__init__(keys)
        self._groups, self._policy = groups, policy

    def _value(self, place: int) -> SummaryReads | SummariesReads:
        return self._groups.reads(place, self._policy)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self)} groups, nan={self._policy!r}>"


def _restore_states(
    keys: list[Any] | NDArray[Any],
    states: _core.SummaryStates | list[bytes],
    shapes: list[tuple[Any, ...]],
    missing: int,
    columns: Any,
    scales: Any = (),
) -> GroupedSummary:
    if isinstance(states, list):  # pickles of earlier versions
        states = _core.SummaryStates.of_each(states)
    known = None if columns is None else KeyColumns.of_plain(columns)
    of_all = [Shape(*shape) for shape in shapes]
    stand_for = {Shape(*shape): of_plain_scales(plain) for shape, plain in scales}
    groups = GroupStates(states, of_all if len(of_all) > 1 else of_all[0], stand_for)
    return GroupedSummary._of(keys, groups, missing, known)


def _restore(groups: list[tuple[Any, Group]], missing: int, columns: Any = None) -> GroupedSummary:
    # Pickles of earlier versions hold keys that are one key, and forms of them that are none any more.
    made = GroupedSummary.__new__(GroupedSummary)
    states = GroupStates.of_groups([group for _, group in groups])
    known = None if columns is None else KeyColumns.of_plain(columns)
    made._gather([canonical_key(key) for key, _ in groups], states, missing, known)
    return made
