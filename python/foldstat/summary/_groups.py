"""Summaries of groups: a dict of summaries that merges key by key."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterable, Mapping
from typing import Any, Literal, Self, TypeAlias

from foldstat._common import bytes as _bytes
from foldstat._common.frames import as_kind, build_levelled
from foldstat._common.html import table_html
from foldstat._common.monoid import Monoid
from foldstat._common.room import room_for
from foldstat.summary._collections import Summaries, SummariesReads, columns_of
from foldstat.summary._key_bytes import decode_key, encode_key
from foldstat.summary._key_columns import KeyColumns, joined
from foldstat.summary._key_levels import levels
from foldstat.summary._keyed import Keyed
from foldstat.summary._keys import canonical_key, common_key, identity, signature, sorted_keys
from foldstat.summary._reads import NanPolicy, SummaryReads, as_policy
from foldstat.summary._summary import Summary

_MAGIC = b"foldGRPS"

Group: TypeAlias = Summary | Summaries


class GroupedSummary(Monoid, Keyed[Group]):
    """One `Summary`, or one `Summaries` of several columns, for each key of a grouping.

    A mapping in the order of its keys, and itself a monoid: ``+`` merges the groups of equal keys
    and keeps the others. `foldstat.summarize` makes it from ``by=keys``.

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
    """

    __slots__ = ("__weakref__", "_known", "_missing")

    def __init__(self, groups: Mapping[Any, Group] | None = None, *, missing_key_count: int = 0) -> None:
        given = {} if groups is None else dict(groups)
        if missing_key_count < 0:
            raise ValueError(f"missing_key_count must not be negative, got {missing_key_count}")
        kinds = {type(group) for group in given.values()}
        if not kinds <= {Summary, Summaries} or len(kinds) > 1:
            names = sorted(kind.__name__ for kind in kinds)
            raise TypeError(f"groups must all be Summary or all Summaries, got {', '.join(names)}")
        pairs = [(canonical_key(key), group) for key, group in given.items()]
        for key, (canonical, _) in zip(given, pairs, strict=True):
            if canonical is None:
                raise ValueError(f"{key!r} is a missing key: count its rows in missing_key_count")
        self._fill(_gathered(pairs), int(missing_key_count), None)

    def _fill(self, groups: dict[Any, Group], missing: int, columns: KeyColumns | None) -> None:
        """Take canonical keys, no two of which are one."""
        # What has no groups says nothing of their keys: else a sum would depend on the order of merging.
        self._known = columns if groups else None
        keys = sorted_keys(groups) if self._known is None else self._known.sorted(groups)
        Keyed.__init__(self, {key: groups[key] for key in keys})
        self._missing = missing

    @classmethod
    def _of(cls, groups: dict[Any, Group], missing: int, columns: KeyColumns | None) -> Self:
        made = cls.__new__(cls)
        made._fill(groups, missing, columns)
        return made

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
        with room_for(f"the sum of {sum(map(len, grouped))} groups"):
            merged = _gathered(pair for part in grouped for pair in part._pairs())
            columns = joined(part._known for part in grouped if len(part))
            return cls._of(merged, sum(part._missing for part in grouped), columns)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, GroupedSummary):
            return NotImplemented
        return self._missing == other._missing and self._signed() == other._signed()

    def __hash__(self) -> int:
        groups, columns = self._signed()
        return hash((self._missing, frozenset(groups.items()), columns))

    def _signed(self) -> tuple[dict[Any, Group], Any]:
        columns = None if self._known is None else self._known.signed()
        return {signature(key): group for key, group in self._pairs()}, columns

    def copy(self) -> GroupedSummary:
        """Give a grouped summary of the same contents that changes on its own."""
        with room_for(f"a copy of {len(self)} groups"):
            groups: dict[Any, Group] = {key: group.copy() for key, group in self._pairs()}
            return self._of(groups, self._missing, self._known)

    # ---------------------------------------------------------------- bytes

    def to_bytes(self) -> bytes:
        """Encode; equal grouped summaries have equal bytes on every machine.

        Raises
        ------
        TypeError
            If a key is no number, text, bytes, date, time, ``Decimal``, ``UUID``, member of an Enum, interval or
            period of pandas, nor a tuple of these. Pickle takes any key.
        """
        single = all(isinstance(group, Summary) for group in self._values.values())
        kind = b"" if not len(self) else b"1" if single else b"n"
        columns = b"" if self._known is None else self._known.to_bytes()
        fields = [_bytes.encode_count(self._missing), kind + columns]
        with room_for(f"the bytes of {len(self)} groups"):
            for key, group in self._pairs():
                fields += [encode_key(key), group.to_bytes()]
            return _bytes.pack(_MAGIC, fields)

    @classmethod
    def from_bytes(cls, data: bytes | bytearray | memoryview) -> GroupedSummary:
        """Decode what `to_bytes` gave; a ValueError if they are other bytes.

        Keys that are members of an Enum need the module that defines it to be imported before, intervals and periods
        need pandas (an ImportError).
        """
        fields = _bytes.unpack(_MAGIC, data, "a GroupedSummary")
        if len(fields) < 2 or len(fields) % 2 or fields[1][:1] not in (b"", b"1", b"n"):
            raise ValueError("these bytes are not those of a GroupedSummary: fields are missing")
        kind = Summaries if fields[1][:1] == b"n" else Summary
        columns = KeyColumns.from_bytes(fields[1][1:]) if len(fields[1]) > 1 else None
        groups: dict[Any, Group] = {}
        with room_for(f"{len(fields) // 2 - 1} groups"):
            for key, group in zip(fields[2::2], fields[3::2], strict=True):
                groups[decode_key(key)] = kind.from_bytes(group)
            missing = _bytes.decode_count(fields[0])
            if None in groups or (columns is not None and not columns.fits(groups)):
                raise ValueError("these bytes are not those of a GroupedSummary: a key is of other columns, or missing")
            decoded = cls._of(_gathered(groups.items()), missing, columns)
        if decoded.to_bytes() != bytes(data):
            raise ValueError("these bytes are not those of a GroupedSummary: its keys are not in order")
        return decoded

    def __reduce__(self) -> tuple[Any, ...]:
        columns = None if self._known is None else self._known.plain()
        return _restore, (list(self._pairs()), self._missing, columns)

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
        policy = as_policy(nan)
        return GroupedReads({key: group.read(policy) for key, group in self._pairs()}, policy)

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
            columns ``price.mean`` and so on.

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
        columns = self._columns()
        known = as_kind(kind)
        return build_levelled(known, levels(known, list(self), self._known), list(columns), list(columns.values()))

    def _columns(self) -> dict[str, list[Any]]:
        groups = list(self._values.values())
        singles = [group for group in groups if isinstance(group, Summary)]
        if len(singles) == len(groups):
            return columns_of(singles)
        several = [group for group in groups if isinstance(group, Summaries)]
        for group in several[1:]:
            several[0]._check_columns(group)
        table: dict[str, list[Any]] = {}
        for position, label in enumerate(several[0]._labels()):
            for name, cells in columns_of([group._members[position] for group in several]).items():
                table[f"{label}.{name}"] = cells
        return table

    def __repr__(self) -> str:
        shown = ", ".join(repr(key) for key in itertools.islice(self, 5))
        more = ", …" if len(self) > 5 else ""
        return f"<{type(self).__name__} of {len(self)} groups: {shown}{more}>" if self else f"{type(self).__name__}()"

    def _repr_html_(self) -> str:
        columns = self._columns()
        return table_html(["", *columns], zip(self, *columns.values(), strict=True))


class GroupedReads(Keyed[SummaryReads | SummariesReads]):
    """The statistics of groups under a policy for NaN; made by ``grouped.read(nan=...)``."""

    __slots__ = ("_policy",)

    def __init__(self, groups: dict[Any, SummaryReads | SummariesReads], policy: NanPolicy) -> None:
        super().__init__(groups)
        self._policy = policy

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self)} groups, nan={self._policy!r}>"


def _gathered(pairs: Iterable[tuple[Any, Group]]) -> dict[Any, Group]:
    """Merge the groups of canonical keys that are one key."""
    groups: dict[Hashable, list[Group]] = {}
    keys: dict[Hashable, Hashable] = {}
    for key, group in pairs:
        found = identity(key)
        groups.setdefault(found, []).append(group)
        keys[found] = common_key(keys.get(found, key), key)
    return {keys[found]: _merge(keys[found], of_one) for found, of_one in groups.items()}


def _merge(key: Any, groups: list[Any]) -> Group:
    kind = type(groups[0])
    if any(type(group) is not kind for group in groups):
        raise TypeError(f"group {key!r}: a Summary of one column does not merge with Summaries of several")
    try:
        return kind.merge_all(groups)  # type: ignore[no-any-return]
    except ValueError as error:
        error.add_note(f"in the group {key!r}")
        raise


def _restore(groups: list[tuple[Any, Group]], missing: int, columns: Any = None) -> GroupedSummary:
    # Pickles of earlier versions hold keys that are one key, and forms of them that are none any more.
    restored = _gathered((canonical_key(key), group) for key, group in groups)
    return GroupedSummary._of(restored, missing, None if columns is None else KeyColumns.of_plain(columns))
