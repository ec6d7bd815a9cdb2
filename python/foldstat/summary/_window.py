"""A window that slides over a stream: the summary of what came last, exact at every moment."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foldstat._common.callers import level_of_caller
from foldstat._common.libraries import offers_arrow
from foldstat._common.room import room_for
from foldstat._common.threads import thread_count
from foldstat.summary._input import check_index
from foldstat.summary._instants import TIMES
from foldstat.summary._pane_sums import PaneSums
from foldstat.summary._panes import Panes, TimeKind, kind_words
from foldstat.summary._scaled_state import common_scale, feed_any
from foldstat.summary._summarize import by_key
from foldstat.summary._summary import Summary
from foldstat.summary._table import Table
from foldstat.summary._weights import as_weights, told

_NOT_SETTINGS = ("x", "ids", "sample_weight", "n_jobs")


class SummaryWindow:
    """The summary of the last stretch of a stream of values, each of which has a time.

    Values are kept in panes of the width `every`: pane k has those with ``k * every <= time <
    (k + 1) * every``, since 1970 for dates. The window is the pane of the latest time and those before
    it, together of the given `length`; `summary` is what `Summary` gives for the values in it, to the
    last bit, smallest, largest, best and distinct values included.

    Parameters
    ----------
    every : number or duration
        Width of a pane: a number if times are numbers, a ``timedelta`` of Python, NumPy or pandas if
        they are dates, instants or durations.
    length : number or duration
        Length of the window, a multiple of `every`.
    **settings
        What the summary keeps: ``moments``, ``best``, ``quantiles`` and the other settings of `Summary`.

    Raises
    ------
    TypeError
        If `every` and `length` are neither both numbers nor both durations.
    ValueError
        If one is not above 0, or `length` is no multiple of `every`.

    Notes
    -----
    Time goes on with the latest value, or with `slide`. Values that come late are merged into their pane
    while it is in the window. Older ones are left out, counted in `late_count`, and a warning says so:
    those of one `add` come one after the other.

    To go on by a pane costs a merge or two, on average, however many panes there are: those of the older
    part of the window are kept merged with all that follow them there, the newer part as one sum. A value
    that comes very late costs a merge for each pane when its pane leaves the window. Only panes that have
    values take memory.

    Pane k of floats begins at the true product of k and `every`: as ``0.3 < 3 * 0.1``, whole numbers, or
    times, are better where values lie on the edges.

    Examples
    --------
    >>> from datetime import datetime, timedelta
    >>> from foldstat import SummaryWindow
    >>> window = SummaryWindow(every=timedelta(minutes=1), length=timedelta(minutes=5))
    >>> window.add([3.0, 1.0], at=datetime(2024, 5, 1, 12, 0, 30))
    >>> window.add([5.0, 9.0], at=[datetime(2024, 5, 1, 12, 3), datetime(2024, 5, 1, 12, 4)])
    >>> window.summary.max, window.summary.count
    (9.0, 4)
    >>> window.slide(datetime(2024, 5, 1, 12, 5))
    >>> window.summary.min
    5.0
    """

    __slots__ = (
        "__weakref__",
        "_begun",
        "_empty",
        "_kind",
        "_late",
        "_lock",
        "_now",
        "_panes",
        "_settings",
        "_sums",
    )

    def __init__(self, *, every: Any, length: Any, **settings: Any) -> None:
        self._panes = Panes.of(every, length)
        for name in _NOT_SETTINGS:
            if name in settings:
                raise TypeError(f"{name} is no setting of a summary: it belongs to values, give it to add")
        self._empty = Summary([], **settings)
        self._settings = settings
        self._lock = threading.RLock()
        self._kind: TimeKind = ""
        self._now: int | None = None
        self._late = 0
        self._begun = 0  # values so far, which are the ids of those without
        self._sums = PaneSums(self._empty, {})

    # ---------------------------------------------------------------- values in

    def add(
        self, values: Any, at: Any, *, ids: Any = None, sample_weight: Any = None, n_jobs: int | None = None
    ) -> None:
        """Add values.

        Parameters
        ----------
        values : array-like of shape (n,), iterable, or one value
            Numbers, times or decimals, as for `Summary`.
        at : number, date, instant or duration, or array-like of shape (n,)
            The time of all of them, or of each.
        ids : sequence of int, str or bytes, optional
            Who each value is, for ``best``. Default: the number of values that were added before it.
        sample_weight : array-like of shape (n,), optional
            How often each value counts.
        n_jobs : int or None, default=None
            Number of threads; None for the default of the process.

        Raises
        ------
        TypeError
            If `at` is of another kind than `every`, or the values are none.
        ValueError
            If lengths differ, a time is missing, or times with a zone meet times without.

        Warns
        -----
        UserWarning
            If values are older than the window: they are left out and counted in `late_count`.
        """
        values, n = _listed(values)
        one = np.ndim(at) == 0 and not hasattr(at, "__len__")
        with self._lock, room_for("the summaries of the panes"):
            if ids is None and self._empty.settings["best"]:
                if n is None:
                    raise ValueError("values must be of one dimension if best values are kept: or give their ids")
                ids = range(self._begun, self._begun + n)
            given = {"ids": ids, "sample_weight": sample_weight, "n_jobs": n_jobs}
            if one:
                place, kind = self._panes.place(at, "at")
                added = {place: self._summed(values, **given)}
                late = 0 if self._now is None or place >= self._first else _rows_of(added[place])
            else:
                places, kind = self._places(values, n, at)
                added = self._by_pane(values, places, given)
                if len(places):  # the latest may count 0 times
                    added.setdefault(int(places.max()), self._empty)
                late = self._count_late(places, sample_weight)
            self._take(added, kind, late)
            self._begun += n or 0
        if late:
            begin = self._panes.begin(self._first, self._kind)
            message = f"{late} values are older than the window, which begins at {begin}: they were left out"
            warnings.warn(message, UserWarning, stacklevel=level_of_caller())

    def _places(self, values: Any, n: int | None, at: Any) -> tuple[NDArray[np.int64], TimeKind]:
        """Give the pane of each value."""
        check_index(values, at, "at", "values")
        places, kind = self._panes.places(at, "at")
        if n is None:
            raise ValueError("values must be of one dimension if at has a time for each")
        if len(places) != n:
            raise ValueError(f"at must be one time, or one for each of the {n} values, got {len(places)}")
        return places, kind

    def _by_pane(self, values: Any, places: NDArray[np.int64], given: dict[str, Any]) -> dict[int, Summary]:
        """Summarise the values of each pane."""
        found = np.unique(places)
        if len(found) <= 1:
            return {int(place): self._summed(values, **given) for place in found}
        groups = self._groups(values, places, **given)
        wanted = (place for place in groups if self._has_use_of(place, int(found[-1])))
        return {place: groups[place].copy() for place in wanted}

    def _summed(self, values: Any, ids: Any, sample_weight: Any, n_jobs: int | None) -> Summary:
        return Summary._of(feed_any(self._empty._state.copy(), values, ids, sample_weight, n_jobs, "values"))

    def _groups(self, values: Any, places: NDArray[np.int64], ids: Any, sample_weight: Any, n_jobs: Any) -> Any:
        table = Table.read(values, "values")
        if not table.is_vector:
            raise ValueError("values must be of one dimension if at has a time for each")
        check_index(values, ids, "ids", "values")
        check_index(values, sample_weight, "sample_weight", "values")
        template = self._empty._state
        with told(sample_weight):
            return by_key(table, places, template, ids, sample_weight, thread_count(n_jobs), strict=True)

    def _count_late(self, places: NDArray[np.int64], sample_weight: Any) -> int:
        """Tell how many values are older than the window is when they come, one after the other."""
        now = np.maximum.accumulate(places)
        if self._now is not None:
            now = np.maximum(now, self._now)
        # Differences of 64 bits may need the bit of the sign.
        late = (now - places).view(np.uint64) >= np.uint64(min(self._panes.number, 2**63 + 1))
        if sample_weight is None or not late.any():
            return int(np.count_nonzero(late))
        weights: Any = as_weights(sample_weight, places.shape, self._empty._state.weights, warn=False)
        real = weights.dtype.kind == "f"
        return int(np.count_nonzero(weights[late])) if real else sum(weights[late].tolist())

    def _has_use_of(self, place: int, last: int) -> bool:
        """Tell whether a pane is in the window when all are there, or too late, which is counted."""
        return place > last - self._panes.number or (self._now is not None and place < self._first)

    def _take(self, added: dict[int, Summary], kind: TimeKind, late: int) -> None:
        """Merge summaries into their panes, or nothing if that fails."""
        self._check_kind(kind, "at")
        common_scale([summary._state for summary in (*self._sums.one(), *added.values())])
        begin = min(added, default=0) if self._now is None else self._first
        now = max([place for place in (self._now, *added) if place is not None], default=None)
        begin = begin if now is None else max(begin, now - self._panes.number + 1)
        self._sums.add({place: summary for place, summary in added.items() if place >= begin and _rows_of(summary)})
        self._late += late
        self._now, self._kind = now, kind or self._kind
        if now is not None:
            self._sums.let_go(self._first)

    @property
    def _first(self) -> int:
        assert self._now is not None
        return self._now - self._panes.number + 1

    def _check_kind(self, kind: TimeKind, name: str) -> None:
        if self._kind and kind and kind != self._kind:
            raise ValueError(f"{name} holds {kind_words(kind)}, and this window has {kind_words(self._kind)}")

    def slide(self, to: Any) -> None:
        """Go on to a later time, without values.

        Parameters
        ----------
        to : number, date, instant or duration
            The window then ends with the pane of this time.

        Raises
        ------
        TypeError
            If it is of another kind than `every`.
        ValueError
            If it is before the window's last pane: a window does not move back.
        """
        with self._lock:
            place, kind = self._panes.place(to, "to")
            self._check_kind(kind, "to")
            if self._now is not None and place < self._now:
                end = self._panes.begin(self._now + 1, self._kind)
                raise ValueError(f"a window does not move back: it ends at {end}, and to is {to!r}")
            self._now, self._kind = place, kind
            self._sums.let_go(self._first)

    # ---------------------------------------------------------------- reads

    @property
    def summary(self) -> Summary:
        """Summary of the values in the window; a new one at each read."""
        with self._lock, room_for("the summary of a window"):
            return self._sums.total()

    @property
    def late_count(self) -> int:
        """Number of values that were older than the window when they came."""
        return self._late

    @property
    def span(self) -> tuple[Any, Any] | None:
        """The times at which the window begins and ends, which is no more in it; None if it has none yet.

        Instants with a zone are given in UTC.
        """
        with self._lock:
            if self._now is None:
                return None
            begin, end = (self._panes.begin(place, self._kind) for place in (self._first, self._now + 1))
            return begin, end

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of the summary as keywords."""
        return self._empty.settings

    def __len__(self) -> int:
        """Give the number of panes in the window that have values."""
        with self._lock:
            return len(self._sums.summaries)

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        every, length = self._panes.every, self._panes.number
        held = f"{len(self)} of {length} panes" if length > 1 else f"{len(self)} pane"
        count = self.summary.count
        late = f", late_count={self._late}" if self._late else ""
        return f"<{type(self).__name__} of {held}, every={every!r}, count={count}{late}>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SummaryWindow):
            return NotImplemented
        widths = ((one.size, one.number, one.timed) for one in (self._panes, other._panes))
        alike = self._empty == other._empty and next(widths) == next(widths)
        return alike and self._parts()[2:] == other._parts()[2:]

    __hash__ = None  # type: ignore[assignment]

    def _parts(self) -> tuple[Any, ...]:
        with self._lock:
            counts = (self._kind, self._now, self._late, self._begun)
            return self._panes, self._settings, counts, dict(self._sums.summaries)

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (type(self), *self._parts())

    def copy(self) -> SummaryWindow:
        """Give a window of the same contents that changes on its own."""
        return _restored(type(self), *self._parts())

    __copy__ = copy


def _restored(
    cls: type[SummaryWindow], panes: Panes, settings: dict[str, Any], counts: Any, summaries: dict[int, Summary]
) -> SummaryWindow:
    made = cls.__new__(cls)
    made._panes, made._settings, made._empty = panes, settings, Summary([], **settings)
    made._kind, made._now, made._late, made._begun = counts
    made._lock = threading.RLock()
    made._sums = PaneSums(made._empty, summaries)
    return made


def _listed(values: Any) -> tuple[Any, int | None]:
    """Give values as several, and how many they are, if they are of one dimension."""
    if isinstance(values, (*TIMES, Decimal)):
        return [values], 1
    if not offers_arrow(values):
        if not hasattr(values, "__iter__"):
            return [values], 1
        if isinstance(values, Iterator):
            values = list(values)
    several = hasattr(values, "columns") or isinstance(values, dict) or not hasattr(values, "__len__")
    return values, None if several or np.ndim(values) != 1 else len(values)


def _rows_of(summary: Summary) -> int:
    return summary.count + summary.nan_count + summary.null_count
