"""Summaries of groups: a dict of summaries that merges key by key."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import Any, Literal, TypeAlias

from foldstat._common import bytes as _bytes
from foldstat._common.frames import as_kind, build_frame
from foldstat._common.html import table_html
from foldstat._common.monoid import Monoid
from foldstat._common.room import room_for
from foldstat.summary._collections import Summaries, SummariesReads, columns_of
from foldstat.summary._keys import canonical_key, common_key, is_missing, signature, sorted_keys
from foldstat.summary._reads import NanPolicy, SummaryReads, as_policy
from foldstat.summary._summary import Summary

_MAGIC = b"foldGRPS"

Group: TypeAlias = Summary | Summaries


class GroupedSummary(Monoid, Mapping[Any, Group]):
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
    Keys that Python takes for equal are the same group: 1, 1.0 and True. When such keys meet the
    float is kept, or else the int, whatever the order of merging.

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

    __slots__ = ("__weakref__", "_groups", "_missing")

    def __init__(self, groups: Mapping[Any, Group] | None = None, *, missing_key_count: int = 0) -> None:
        given = {} if groups is None else dict(groups)
        if missing_key_count < 0:
            raise ValueError(f"missing_key_count must not be negative, got {missing_key_count}")
        kinds = {type(group) for group in given.values()}
        if not kinds <= {Summary, Summaries} or len(kinds) > 1:
            names = sorted(kind.__name__ for kind in kinds)
            raise TypeError(f"groups must all be Summary or all Summaries, got {', '.join(names)}")
        for key in given:
            if is_missing(key):
                raise ValueError(f"{key!r} is a missing key: count its rows in missing_key_count")
        keys = {canonical_key(key): group for key, group in given.items()}
        self._groups: dict[Any, Group] = {key: keys[key] for key in sorted_keys(keys)}
        self._missing = int(missing_key_count)

    @property
    def missing_key_count(self) -> int:
        """Number of rows whose key is missing."""
        return self._missing

    # ---------------------------------------------------------------- the mapping

    def __getitem__(self, key: Any) -> Group:
        return self._groups[key]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._groups)

    def __len__(self) -> int:
        return len(self._groups)

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
        parts: dict[Hashable, list[Any]] = {}
        keys: dict[Hashable, Hashable] = {}
        grouped = cls._checked(several)
        with room_for(f"the sum of {sum(map(len, grouped))} groups"):
            for part in grouped:
                for key, group in part._groups.items():
                    parts.setdefault(key, []).append(group)
                    keys[key] = common_key(keys.get(key, key), key)
            merged = {keys[key]: _merge(key, groups) for key, groups in parts.items()}
            return cls(merged, missing_key_count=sum(part._missing for part in grouped))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, GroupedSummary):
            return NotImplemented
        return self._missing == other._missing and self._signed() == other._signed()

    def __hash__(self) -> int:
        return hash((self._missing, frozenset(self._signed().items())))

    def _signed(self) -> dict[Any, Group]:
        return {signature(key): group for key, group in self._groups.items()}

    def copy(self) -> GroupedSummary:
        """Give a grouped summary of the same contents that changes on its own."""
        with room_for(f"a copy of {len(self)} groups"):
            groups: dict[Any, Group] = {key: group.copy() for key, group in self._groups.items()}
            return type(self)(groups, missing_key_count=self._missing)

    # ---------------------------------------------------------------- bytes

    def to_bytes(self) -> bytes:
        """Encode; equal grouped summaries have equal bytes on every machine.

        Raises
        ------
        TypeError
            If a key is not an int, float, str, bytes, bool or a tuple of these. Pickle takes any key.
        """
        single = all(isinstance(group, Summary) for group in self._groups.values())
        fields = [_bytes.encode_count(self._missing), b"" if not self._groups else b"1" if single else b"n"]
        with room_for(f"the bytes of {len(self)} groups"):
            for key, group in self._groups.items():
                fields += [_bytes.encode_key(key), group.to_bytes()]
            return _bytes.pack(_MAGIC, fields)

    @classmethod
    def from_bytes(cls, data: bytes | bytearray | memoryview) -> GroupedSummary:
        """Decode what `to_bytes` gave; a ValueError if they are other bytes."""
        fields = _bytes.unpack(_MAGIC, data, "a GroupedSummary")
        if len(fields) < 2 or len(fields) % 2 or fields[1] not in (b"", b"1", b"n"):
            raise ValueError("these bytes are not those of a GroupedSummary: fields are missing")
        kind = Summaries if fields[1] == b"n" else Summary
        groups: dict[Any, Group] = {}
        with room_for(f"{len(fields) // 2 - 1} groups"):
            for key, group in zip(fields[2::2], fields[3::2], strict=True):
                groups[_bytes.decode_key(key)] = kind.from_bytes(group)
            decoded = cls(groups, missing_key_count=_bytes.decode_count(fields[0]))
        if decoded.to_bytes() != bytes(data):
            raise ValueError("these bytes are not those of a GroupedSummary: its keys are not in order")
        return decoded

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (list(self._groups.items()), self._missing)

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
        return GroupedReads({key: group.read(policy) for key, group in self._groups.items()}, policy)

    def to_frame(self, kind: Literal["pandas", "polars", "pyarrow"] | None = None) -> Any:
        """Give the statistics as a table with one row per group.

        Parameters
        ----------
        kind : {'pandas', 'polars', 'pyarrow'}, optional
            Whose table. Default: pandas if it is installed, else Polars.

        Returns
        -------
        pandas.DataFrame, polars.DataFrame or pyarrow.Table
            Keys are the index of a pandas frame and the first column, ``key``, of others (as text, if they are
            tuples or of several types). Columns are statistics, ``count``, ``mean`` and so on; of groups of
            several columns ``price.mean`` and so on.

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
        return build_frame(as_kind(kind), ("key", list(self._groups)), list(columns), list(columns.values()))

    def _columns(self) -> dict[str, list[Any]]:
        groups = list(self._groups.values())
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
        shown = ", ".join(repr(key) for key in list(self._groups)[:5])
        more = ", …" if len(self) > 5 else ""
        return f"<{type(self).__name__} of {len(self)} groups: {shown}{more}>" if self else f"{type(self).__name__}()"

    def _repr_html_(self) -> str:
        columns = self._columns()
        return table_html(["", *columns], zip(self._groups, *columns.values(), strict=True))


class GroupedReads(Mapping[Any, SummaryReads | SummariesReads]):
    """The statistics of groups under a policy for NaN; made by ``grouped.read(nan=...)``."""

    __slots__ = ("_groups", "_policy")

    def __init__(self, groups: dict[Any, SummaryReads | SummariesReads], policy: NanPolicy) -> None:
        self._groups = groups
        self._policy = policy

    def __getitem__(self, key: Any) -> SummaryReads | SummariesReads:
        return self._groups[key]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._groups)

    def __len__(self) -> int:
        return len(self._groups)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self)} groups, nan={self._policy!r}>"


def _merge(key: Any, groups: list[Any]) -> Group:
    kind = type(groups[0])
    if any(type(group) is not kind for group in groups):
        raise TypeError(f"group {key!r}: a Summary of one column does not merge with Summaries of several")
    try:
        return kind.merge_all(groups)  # type: ignore[no-any-return]
    except ValueError as error:
        error.add_note(f"in the group {key!r}")
        raise


def _restore(groups: list[tuple[Any, Group]], missing: int) -> GroupedSummary:
    return GroupedSummary(dict(groups), missing_key_count=missing)
