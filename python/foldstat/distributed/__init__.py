"""Folds over anything that runs functions: threads, processes, clusters.

`map_reduce` is the one way in; `chunk_pieces` gives chunks of rows to estimators, which an executor works on.
"""

from foldstat._common.lazy import only
from foldstat.distributed._executor import Executor
from foldstat.distributed._failures import Failure, WorkerError
from foldstat.distributed._map_reduce import map_reduce
from foldstat.distributed._pieces import chunk_pieces

__all__ = ["Executor", "Failure", "WorkerError", "chunk_pieces", "map_reduce"]

__dir__ = only(__all__)
