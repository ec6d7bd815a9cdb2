"""The graph of a fold: one task for each piece within the task that makes the piece, and a tree of merges."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from foldstat._common.signals import let_through
from foldstat.sources._piece_work import Inside, Work, merged, work_on_piece

_SMALL = 1 << 14  # bytes


class Planned(NamedTuple):
    """A graph, the task whose result is wanted, and those of the pieces."""

    graph: dict[Any, Any]
    root: Any
    leaves: list[Any]


class PieceGraph:
    """The tasks that make the pieces of collections, optimised once, and what they need from outside.

    A task that nothing else needs is done inside of the one that works on its piece. So the piece is never stored,
    and never sent. What is persisted has no task here, and is where it is.
    """

    def __init__(self, collections: Sequence[Any]) -> None:
        from dask.core import flatten

        # They have the futures that hold what is persisted. (`dask.optimize` may give a frame in place of its column.)
        self._collections = [one.optimize() if hasattr(one, "expr") else one for one in collections]
        tasks, names = _optimised(self._collections), [list(flatten(one.__dask_keys__())) for one in self._collections]
        # What has a future is known to its scheduler by its key.
        tasks = {key: task for key, task in tasks.items() if not hasattr(task, "add_done_callback")}
        self.names = list(zip(*names, strict=True))
        self.pieces = [tuple(_target(tasks, key) for key in keys) for keys in self.names]
        self._made, self._needed, self._tasks = _put_inside(tasks, self.pieces)

    def fold(self, name: str, work: Work, merge: Callable[[Any, Any], Any], fan_in: int) -> Planned:
        """Give the graph of a fold, whose tasks have this name."""
        from dask._task_spec import DataNode, Task, TaskRef

        graph = dict(self._tasks)
        shared: Any = work
        if not _is_small(work):
            model = f"{name}-model"
            graph[model], shared = DataNode(model, work), TaskRef(model)
        leaves = [(name, 0, i) for i in range(len(self.pieces))]
        for i, key in enumerate(leaves):
            graph[key] = Task(key, work_on_piece, shared, i, self._made[i], *map(TaskRef, self._needed[i]))
        tree = _tree(name, leaves, fan_in)
        graph.update({key: Task(key, merged, merge, *map(TaskRef, group)) for key, group in tree.items()})
        return Planned(graph, next(reversed(tree), leaves[0]), leaves)

    def map(self, name: str, work: Work, ndim: int) -> Any:
        """Give the graph of an array of this name, a chunk for each piece, on top of those of the collections."""
        from dask._task_spec import DataNode, Task, TaskRef
        from dask.highlevelgraph import HighLevelGraph

        shared = f"{name}-model"
        layer: dict[Any, Any] = {shared: DataNode(shared, work)}
        for i, parts in enumerate(self.names):
            key = (name, i, *(0,) * (ndim - 1))
            layer[key] = Task(key, work_on_piece, TaskRef(shared), i, (None,) * len(parts), *map(TaskRef, parts))
        return HighLevelGraph.from_collections(name, layer, dependencies=self._collections)


def _is_small(work: Work) -> bool:
    """Whether it travels with each task: to wait until a worker has it costs a fifth of an empty pass."""
    try:
        return len(pickle.dumps(work)) <= _SMALL
    except Exception as error:  # functions that only the pickler of Dask takes, with who knows what inside
        let_through(error)
        return False


def _tree(name: str, leaves: list[Any], fan_in: int) -> dict[Any, list[Any]]:
    """Give the tree of `map_reduce`: whole groups of neighbours, and at the end what is left of each level.

    The keys of merges and of what they merge, the last one that of all.
    """
    tree: dict[Any, list[Any]] = {}
    level, left = leaves, list[Any]()
    while level:
        full, height = len(level) // fan_in, level[0][1] + 1
        left = level[full * fan_in :] + left
        groups = [level[i * fan_in : (i + 1) * fan_in] for i in range(full)]
        level = [(name, height, i) for i in range(full)]
        tree.update(zip(level, groups, strict=True))
    return tree if len(left) == 1 else tree | {(name, -1, 0): left}


def _optimised(collections: Sequence[Any]) -> dict[Any, Any]:
    """Give the tasks of collections, of arrays together: what they share is there once."""
    from dask.core import flatten
    from dask.highlevelgraph import HighLevelGraph

    first = collections[0]
    if hasattr(first, "expr"):
        return {key: task for one in collections for key, task in one.__dask_graph__().items()}
    keys = [key for one in collections for key in flatten(one.__dask_keys__())]
    return dict(first.__dask_optimize__(HighLevelGraph.merge(*(one.__dask_graph__() for one in collections)), keys))


def _target(tasks: dict[Any, Any], key: Any) -> Any:
    """Follow a key that only stands for another."""
    from dask._task_spec import Alias

    while isinstance(tasks.get(key), Alias):
        key = tasks[key].target
    return key


def _put_inside(
    tasks: dict[Any, Any], pieces: list[tuple[Any, ...]]
) -> tuple[list[tuple[Inside | None, ...]], list[tuple[Any, ...]], dict[Any, Any]]:
    """Tell for each part of a piece the task that is done inside, the keys that are needed, and the other tasks."""
    from dask._task_spec import Alias, GraphNode

    nodes = [task for task in tasks.values() if isinstance(task, GraphNode) and not isinstance(task, Alias)]
    shared = {key for node in nodes for key in node.dependencies}
    made, needed, moved = [], [], set()
    for keys in pieces:
        insides: list[Inside | None] = []
        wanted: list[Any] = []
        for key in keys:
            node = tasks.get(key)
            if isinstance(node, GraphNode) and key not in shared:
                insides.append(Inside(node, tuple(node.dependencies)))
                wanted.extend(node.dependencies)
                moved.add(key)
            else:
                insides.append(None)
                wanted.append(key)
        made.append(tuple(insides))
        needed.append(tuple(wanted))
    rest = {key: task for key, task in tasks.items() if key not in moved and not _is_alias_of(task, moved)}
    return made, needed, rest


def _is_alias_of(task: Any, keys: set[Any]) -> bool:
    from dask._task_spec import Alias

    return isinstance(task, Alias) and task.target in keys
