"""The states of groups: one compiled vector of them, of which every group is a view."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from foldstat import _core
from foldstat.summary._collections import (
    Summaries,
    SummariesReads,
    check_columns,
    member_of,
    name_position,
    states_of,
)
from foldstat.summary._each import Names
from foldstat.summary._reads import NanPolicy, SummaryReads
from foldstat.summary._scaled_state import has_values, scale_of
from foldstat.summary._scales import AnyScale, Scales, of_each, scale_at, united
from foldstat.summary._summary import Summary

if TYPE_CHECKING:
    from foldstat._core import SummaryStates

Group: TypeAlias = Summary | Summaries
Places: TypeAlias = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Shape:
    """What a group is: a Summary, or Summaries of some columns."""

    single: bool
    width: int = 1
    names: Names = None

    @classmethod
    def of(cls, group: Group) -> Shape:
        """Give that of a group."""
        return cls(True) if isinstance(group, Summary) else cls(False, len(group), group.names)


class GroupStates:
    """The states of groups, those of the first group, then those of the second.

    Parameters
    ----------
    states : SummaryStates
        All of them.
    shapes : sequence of Shape
        One for each group, or one for all.
    scales : mapping of shapes to scales, optional
        What the numbers of each column stand for, in all groups of a shape.
    """

    __slots__ = ("_scales", "_shapes", "_starts", "shape", "states")

    def __init__(
        self, states: SummaryStates, shapes: Sequence[Shape] | Shape, scales: Mapping[Shape, Scales] | None = None
    ) -> None:
        self.states = states
        if not len(states):
            shapes = Shape(True)  # what has no groups says nothing of their columns
        if not isinstance(shapes, Shape) and len(set(shapes)) <= 1:
            shapes = shapes[0] if shapes else Shape(True)
        # That of all groups, if they have one.
        self.shape = shapes if isinstance(shapes, Shape) else None
        self._shapes = () if isinstance(shapes, Shape) else tuple(shapes)
        self._starts = np.cumsum([0, *(shape.width for shape in self._shapes)], dtype=np.intp)
        known = scales.items() if scales and len(states) else ()
        there = {self.shape, *self._shapes}
        self._scales = {shape: found for shape, found in known if found is not None and shape in there}

    @classmethod
    def of_groups(cls, groups: Sequence[Group]) -> GroupStates:
        """Copy the states of some groups."""
        if any(isinstance(group, Summaries) and not len(group) for group in groups):
            raise ValueError("a group must have columns, got Summaries() without any")
        shapes = [Shape.of(group) for group in groups]
        each = [[group] if isinstance(group, Summary) else list(group) for group in groups]
        found = zip(
            shapes, ([(scale_of(one._state), has_values(one._state)) for one in some] for some in each), strict=True
        )
        return cls(states_of([member for some in each for member in some]), shapes, _common_scales(found))

    def __len__(self) -> int:
        if self.shape is None:
            return len(self._shapes)
        return len(self.states) // self.shape.width if self.shape.width else 0

    def shape_of(self, place: int) -> Shape:
        """Give the shape of a group."""
        return self._shapes[place] if self.shape is None else self.shape

    def shapes(self) -> list[Shape]:
        """Give the shapes of all groups."""
        return list(self._shapes) if self.shape is None else [self.shape] * len(self)

    def different_shapes(self) -> list[Shape]:
        """Give each shape that groups have once, in the order of the groups."""
        return list(dict.fromkeys(self._shapes)) if self.shape is None else [self.shape] * (len(self) > 0)

    def places(self, place: int) -> range:
        """Give where the states of a group are."""
        width = self.shape_of(place).width
        start = int(self._starts[place]) if self.shape is None else place * width
        return range(start, start + width)

    def group(self, place: int) -> Group:
        """Give a group: what is changed there is changed here."""
        shape, places = self.shape_of(place), self.places(place)
        scales = self._scales.get(shape)
        if shape.single:
            return Summary._of(member_of(self.states, places.start, scales, 0))
        return Summaries._of(self.states, places, shape.names, scales)

    def reads(self, place: int, policy: NanPolicy) -> SummaryReads | SummariesReads:
        """Give the statistics of a group under a policy for NaN."""
        shape, places = self.shape_of(place), self.places(place)
        scales = self._scales.get(shape)
        if shape.single:
            return SummaryReads(member_of(self.states, places.start, scales, 0), policy)
        return SummariesReads(self.states, places, shape.names, scales, policy)

    def column(self, position: int, groups: range) -> Summaries:
        """Give one of the columns of some groups, all of which have one shape, as a sequence over the groups."""
        assert self.shape is not None
        width = self.shape.width
        places = range(groups.start * width + position, groups.stop * width, width)
        return Summaries._of(self.states, places, None, scale_at(self._scales.get(self.shape), position))

    def copy(self) -> GroupStates:
        """Give states of their own."""
        copied = self.states.select((0, 1, len(self.states)))
        return GroupStates(copied, self._shapes if self.shape is None else self.shape, self._scales)

    def equal(self, other: GroupStates) -> bool:
        """Tell whether all groups are equal, one by one."""
        if (self.shape, self._shapes, self._scales) != (other.shape, other._shapes, other._scales):
            return False
        everything = (0, 1, len(self.states))
        return self.states.equal(everything, other.states, (0, 1, len(other.states)))

    def scales(self) -> Mapping[Shape, Scales]:
        """Give what the numbers of columns stand for, where that is not themselves."""
        return self._scales

    def _scales_and_values(self) -> Iterator[tuple[Shape, list[tuple[AnyScale | None, bool]]]]:
        """Give, for each shape, what the numbers of its columns stand for, and whether there are any."""
        everything = (0, 1, len(self.states))
        present = np.logical_or(*(self.states.counts(kind, everything) for kind in ("count", "nan_count")))
        shapes = set(self._shapes) if self.shape is None else {self.shape}
        for shape in shapes:
            rows = present.reshape(-1, shape.width)
            if self.shape is None:
                firsts = [start for start, known in zip(self._starts[:-1], self._shapes, strict=True) if known == shape]
                rows = present[np.array(firsts)[:, None] + np.arange(shape.width)]
            scales = self._scales.get(shape)
            yield (
                shape,
                [(scale_at(scales, i), bool(values)) for i, values in enumerate(np.atleast_1d(rows.any(axis=0)))],
            )

    def _flat(self, places: Places, starts: Places) -> Places:
        """Give where each state goes if groups go to these places of what starts there."""
        if self.shape is not None:
            return (starts[places][:, None] + np.arange(self.shape.width)).ravel()
        widths = np.diff(self._starts)
        return np.repeat(starts[places] - self._starts[:-1], widths) + np.arange(len(self.states))

    @classmethod
    def merged(
        cls, parts: Sequence[GroupStates], places: Sequence[Places], keys: Sequence[Any] | NDArray[Any]
    ) -> GroupStates:
        """Merge groups that go to the same places; `keys` are those of the places, for errors."""
        shapes = _joined(parts, places, keys) if parts else Shape(True)
        scales: dict[Shape, Scales] = {}
        if any(part._scales for part in parts):
            scales = _common_scales(pair for part in parts for pair in part._scales_and_values())
        if isinstance(shapes, Shape):
            starts = np.arange(len(keys), dtype=np.intp) * shapes.width
            length = len(keys) * shapes.width
        else:
            ends = np.cumsum([shape.width for shape in shapes], dtype=np.intp)
            starts, length = np.append(0, ends[:-1]), int(ends[-1])
        flat = [part._flat(where, starts) for part, where in zip(parts, places, strict=True)]
        with _naming_groups(keys, starts):
            states = _core.SummaryStates.merged([part.states for part in parts], flat, length)
        return cls(states, shapes, scales)

    def minus(self, part: GroupStates, places: Places, keys: Sequence[Any] | NDArray[Any]) -> GroupStates:
        """Take groups away from those at some places; `keys` are those of all groups, for errors."""
        if self.shape is None or part.shape != self.shape:
            for shape, place in zip(part.shapes(), places.tolist(), strict=True):
                if shape != self.shape_of(place):
                    _refuse(self.shape_of(place), shape, keys[place])
        starts = self._starts[:-1] if self.shape is None else np.arange(len(self), dtype=np.intp) * self.shape.width
        scales: Mapping[Shape, Scales] = self._scales
        if scales or part._scales:  # values of different units do not compare
            scales = _common_scales(pair for each in (self, part) for pair in each._scales_and_values())
        with _naming_groups(keys, starts):
            states = self.states.subtracted(part.states, part._flat(places, starts))
        return GroupStates(states, self._shapes if self.shape is None else self.shape, scales)

    def have_rows(self) -> NDArray[np.bool_]:
        """Tell of each group whether it has a row."""
        everything = (0, 1, len(self.states))
        some = np.zeros(len(self.states), dtype=bool)
        for kind in ("count", "nan_count", "null_count"):
            some |= self.states.counts(kind, everything) > 0
        starts = np.arange(0, len(some), self.shape.width) if self.shape is not None else self._starts[:-1]
        found: NDArray[np.bool_] = np.logical_or.reduceat(some, starts)
        return found

    def taken(self, places: Places) -> GroupStates:
        """Copy some of the groups."""
        if self.shape is not None:
            width = self.shape.width
            return GroupStates(
                self.states.take((places[:, None] * width + np.arange(width)).ravel()), self.shape, self._scales
            )
        kept = [np.array(self.places(place), dtype=np.intp) for place in places.tolist()]
        flat = np.concatenate([np.empty(0, dtype=np.intp), *kept])
        return GroupStates(self.states.take(flat), [self._shapes[place] for place in places.tolist()], self._scales)


@contextlib.contextmanager
def _naming_groups(keys: Sequence[Any] | NDArray[Any], starts: Places) -> Iterator[None]:
    """Name the group in which an error of states arises; `starts` say where the states of each begin."""
    try:
        yield
    except ValueError as error:
        name_position(
            error, lambda position: f"in the group {keys[int(np.searchsorted(starts, position, side='right')) - 1]!r}"
        )
        raise


def _common_scales(
    found: Iterable[tuple[Shape, Sequence[tuple[AnyScale | None, bool]]]],
) -> dict[Shape, Scales]:
    """Give what the numbers of the columns of each shape stand for, in all groups."""
    columns: dict[Shape, list[Any]] = {}
    for shape, parts in found:
        columns.setdefault(shape, []).append(parts)
    return {
        shape: of_each([_united(some, shape, i) for i, some in enumerate(zip(*several, strict=True))])
        for shape, several in columns.items()
    }


def _united(found: Iterable[tuple[AnyScale | None, bool]], shape: Shape, position: int) -> AnyScale | None:
    try:
        return united(found)
    except ValueError as error:
        if not shape.single:
            error.add_note(f"in the column {position if shape.names is None else shape.names[position]!r}")
        raise


def _joined(
    parts: Sequence[GroupStates], places: Sequence[Places], keys: Sequence[Any] | NDArray[Any]
) -> Shape | list[Shape]:
    """Give the shapes of merged groups: groups of one key must have one, and all be of one kind."""
    alike = {part.shape for part in parts}
    if len(alike) == 1 and None not in alike:
        return parts[0].shape  # type: ignore[return-value]
    shapes: list[Shape | None] = [None] * len(keys)
    for part, where in zip(parts, places, strict=True):
        for shape, place in zip(part.shapes(), where.tolist(), strict=True):
            known = shapes[place]
            if known is None:
                shapes[place] = shape
            elif known != shape:
                _refuse(known, shape, keys[place])
    joined = [shape for shape in shapes if shape is not None]
    if len({shape.single for shape in joined}) > 1:
        raise TypeError(
            "groups must all be Summary or all Summaries: a Summary of one column does not go together with "
            "Summaries of several"
        )
    return joined


def _refuse(first: Shape, second: Shape, key: Any) -> None:
    if first.single != second.single:
        raise TypeError(f"group {key!r}: a Summary of one column does not go together with Summaries of several")
    try:
        check_columns(first.width, first.names, second.width, second.names)
    except ValueError as error:
        error.add_note(f"in the group {key!r}")
        raise
