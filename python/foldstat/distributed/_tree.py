"""Results of many items, merged in a tree as they arrive."""

from __future__ import annotations

import functools
import itertools
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from foldstat._common.signals import let_signals_through
from foldstat.distributed._failures import short
from foldstat.summary import Summary


def _named(leaves: range) -> str:
    return f"item {leaves[0]}" if len(leaves) == 1 else f"items {leaves[0]}..{leaves[-1]}"


@dataclass(frozen=True, slots=True)
class _Node:
    """The merged result of neighbours: one value, or none if all of them were skipped."""

    leaves: range
    values: tuple[Any, ...]


class Partial(NamedTuple):
    value: Any
    leaves: list[range]  # of the items in it, in their order
    notes: list[str]  # about results that do not merge


def kind_of(monoid: Callable[[], Any]) -> type:
    """Give the class of what a monoid makes."""
    accepted = "monoid must be a callable without arguments that makes an identity, such as Summary, int or list"
    if not callable(monoid):
        raise TypeError(f"{accepted}, got {short(monoid)}")
    try:
        return type(monoid())
    except TypeError as error:
        raise TypeError(f"{accepted}, got {short(monoid)}, and calling it raised: {error}") from error


class Tree:
    """Results by position, merged in groups of neighbours as soon as a group is complete."""

    def __init__(self, kind: type, fan_in: int) -> None:
        self.kind, self.fan_in = kind, fan_in
        # Nodes whose group is not complete, by the leaves that it will have.
        self._groups: dict[range, list[_Node]] = {}

    def add(self, index: int, value: Any, length: int = 1) -> None:
        """Put the result of an item, or of all items of a group, in its place, once; merge what it completes."""
        self._complete(self.put(index, value, length))

    def add_run(self, index: int, values: list[Any]) -> None:
        """Put the results of neighbours in their places, as far as they merge: whole groups at once."""
        end, size = index + len(values), self.fan_in
        position = index
        while position < end:
            length = size if position % size == 0 and position + size <= end else 1
            part = values[position - index : position - index + length]
            try:
                self.add(position, part[0] if length == 1 else self._sum(part), length)
            except Exception as error:  # of the user's results, who will meet it again
                let_signals_through(error)
            position += length

    def skip(self, index: int) -> None:
        """Leave an item's place empty."""
        self._complete(self._put(_Node(range(index, index + 1), ())))

    def put(self, index: int, value: Any, length: int = 1) -> range:
        """Put the result of an item, or of a group, in its place, and give the leaves of the group it is in."""
        if not isinstance(value, self.kind):
            kind = self.kind.__name__
            hint = "return Summary([value]) there" if self.kind is Summary else f"return a {kind} there"
            raise TypeError(
                f"the function must return a {kind} for every item, got {type(value).__name__} for item {index}: "
                f"{hint}, or choose the monoid of what it does return, as in monoid=int"
            )
        return self._put(_Node(range(index, index + length), (value,)))

    def _put(self, node: _Node) -> range:
        size = len(node.leaves) * self.fan_in
        begin = node.leaves.start // size * size
        group = range(begin, begin + size)
        self._groups.setdefault(group, []).append(node)
        return group

    def _complete(self, group: range) -> None:
        while len(self._groups[group]) == self.fan_in:
            values = self._merge(self._groups[group])  # if this raises, the nodes are still there
            del self._groups[group]
            group = self._put(_Node(group, values))

    def _merge(self, nodes: list[_Node]) -> tuple[Any, ...]:
        nodes = sorted((node for node in nodes if node.values), key=lambda node: node.leaves.start)
        values = [node.values[0] for node in nodes]
        if len(values) < 2:
            return tuple(values)
        try:
            return (self._sum(values),)
        except Exception as error:
            self._note(error, nodes)
            raise

    def _sum(self, values: list[Any]) -> Any:
        merge_all = getattr(self.kind, "merge_all", None)
        return functools.reduce(operator.add, values) if merge_all is None else merge_all(values)

    def _note(self, error: Exception, nodes: list[_Node]) -> None:
        """Note which items it is that do not merge."""
        value, leaves = nodes[0].values[0], nodes[0].leaves
        for node in nodes[1:]:
            try:
                value = self._sum([value, node.values[0]])
            except Exception as refusal:
                let_signals_through(refusal)
                do = "does" if len(leaves) == 1 else "do"
                error.add_note(f"map_reduce: {_named(leaves)} {do} not merge with {_named(node.leaves)}")
                return
            leaves = range(leaves.start, node.leaves.stop)

    def nodes(self) -> list[_Node]:
        """Give what has arrived, in the order of the items."""
        nodes = itertools.chain.from_iterable(self._groups.values())
        return sorted(nodes, key=lambda node: node.leaves.start)

    def result(self, monoid: Callable[[], Any]) -> Any:
        """Merge what has arrived, in the order of the items; the monoid's identity if that is nothing."""
        values = self._merge(self.nodes())
        return values[0] if values else monoid()

    def partial(self, monoid: Callable[[], Any]) -> Partial:
        """Merge what has arrived; if not all of it merges, as many items as easily found that do."""
        nodes = [node for node in self.nodes() if node.values]
        try:
            return Partial(self.result(monoid), [node.leaves for node in nodes], [])
        except Exception as error:
            let_signals_through(error)
            notes = getattr(error, "__notes__", [])
        # Every node joins the first of these with which it merges.
        found: list[Partial] = []
        for node in nodes:
            for i, other in enumerate(found):
                try:
                    value = self._sum([other.value, node.values[0]])
                except Exception as error:
                    let_signals_through(error)
                    continue
                found[i] = Partial(value, [*other.leaves, node.leaves], notes)
                break
            else:
                found.append(Partial(node.values[0], [node.leaves], notes))
        return max(found, key=lambda partial: sum(map(len, partial.leaves)))
