"""Walkers on the workers of an executor, with the bits that they have here.

Walkers that depend on no other walker are cut into ranges, each of which walks on a worker for some steps and comes
back. Of walkers that look at each other only the density is evaluated there, for a half of them at a time.
"""

from foldstat.walkers._cluster._scattered import Scattered, on_workers
from foldstat.walkers._cluster._team import Recipe, Team, as_executor

__all__ = ["Recipe", "Scattered", "Team", "as_executor", "on_workers"]
