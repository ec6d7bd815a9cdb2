"""Summaries of panes in a window, and their sum, which costs a merge or two when the oldest leaves.

Two stacks, as in Tangwongsan, Hirzel & Schneider, "Low-latency sliding-window aggregation in worst-case constant time"
(DEBS 2017): the older panes are kept merged with all that follow them among these, so that to let go of the oldest is
to take one off; the newer ones are one sum. When the older ones are used up, the newer take their place. Nothing is
subtracted: smallest, largest, best and distinct values are those of the panes that are left.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping

from foldstat.summary._summary import Summary

_NEVER = 2**63  # after every pane


class PaneSums:
    """Summaries by the number of their pane.

    Parameters
    ----------
    empty : Summary
        What panes are begun with.
    summaries : mapping of int to Summary
        The first panes.
    """

    __slots__ = (
        "_empty",
        "_first",
        "_newer",
        "_newer_first",
        "_older",
        "_stale",
        "_summaries",
        "_swept",
    )

    def __init__(self, empty: Summary, summaries: Mapping[int, Summary]) -> None:
        self._empty = empty
        self._summaries = dict(summaries)
        self._first = min(self._summaries, default=0)
        # The oldest last, each with its pane.
        self._older: list[tuple[int, Summary]] = []
        self._newer = empty
        self._newer_first = _NEVER
        # Whether the sums are to be made anew, and how many panes there were when those before the first were let go.
        self._stale = bool(summaries)
        self._swept = len(self._summaries)

    @property
    def summaries(self) -> dict[int, Summary]:
        """The panes that have values; not to be changed."""
        if min(self._summaries, default=self._first) < self._first:
            self._sweep()
        return self._summaries

    def one(self) -> list[Summary]:
        """Give one of the summaries, if there are any."""
        return list(itertools.islice((one for place, one in self._summaries.items() if place >= self._first), 1))

    def add(self, added: Mapping[int, Summary]) -> None:
        """Merge summaries into their panes; all of them, or none if that fails."""
        known = self._summaries
        merged = {place: known[place] + one if place in known else one for place, one in added.items()}
        # What comes late into an older pane is in the newer sum as well, until that pane is let go.
        newer = self._newer if self._stale or not added else Summary.merge_all([self._newer, *added.values()])
        # From here on nothing fails.
        known |= merged
        self._newer = newer
        self._newer_first = min([self._newer_first, *added])

    def let_go(self, first: int) -> None:
        """Forget the panes before this one, none of which may come again."""
        self._first = first
        while not self._stale and self._older and self._older[-1][0] < first:
            del self._summaries[self._older.pop()[0]]
        self._stale = self._stale or self._newer_first < first
        if self._stale and len(self._summaries) > 2 * self._swept + 16:
            self._sweep()

    def _sweep(self) -> None:
        self._summaries = {place: one for place, one in self._summaries.items() if place >= self._first}
        self._swept = len(self._summaries)

    def total(self) -> Summary:
        """Give the sum of all, a new one."""
        if self._stale:
            self._restack()
        return self._older[-1][1] + self._newer if self._older else self._newer.copy()

    def _restack(self) -> None:
        """Make all panes older ones."""
        self._sweep()
        older = []
        total = self._empty
        for place in sorted(self._summaries, reverse=True):
            total = self._summaries[place] + total
            older.append((place, total))
        self._older = older
        self._newer, self._newer_first = self._empty, _NEVER
        self._stale = False
