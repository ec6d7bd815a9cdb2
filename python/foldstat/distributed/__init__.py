"""Folds over anything that runs functions: threads, processes, clusters.

`map_reduce` is the one way in.
"""

from foldstat._common.lazy import only
from foldstat.distributed._executor import Executor
from foldstat.distributed._failures import Failure, WorkerError
from foldstat.distributed._map_reduce import map_reduce

__all__ = ["Executor", "Failure", "WorkerError", "map_reduce"]

__dir__ = only(__all__)
