"""How walkers move: one move per file, all of them in the list below."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from foldstat.walkers._moves._lost import Lost
from foldstat.walkers._moves._move import Move, Setting, least_walkers
from foldstat.walkers._moves.adaptive_step import AdaptiveStep
from foldstat.walkers._moves.componentwise_step import ComponentwiseStep
from foldstat.walkers._moves.differential_evolution import DifferentialEvolution
from foldstat.walkers._moves.gibbs import Gibbs
from foldstat.walkers._moves.independent_step import IndependentStep
from foldstat.walkers._moves.mix import Mix
from foldstat.walkers._moves.normal_step import NormalStep
from foldstat.walkers._moves.pooled_step import PooledStep
from foldstat.walkers._moves.python_move import LostMove, PythonMove
from foldstat.walkers._moves.slice import Slice
from foldstat.walkers._moves.snooker import Snooker
from foldstat.walkers._moves.stretch import Stretch
from foldstat.walkers._moves.uniform_step import UniformStep

__all__ = [
    "AdaptiveStep",
    "ComponentwiseStep",
    "DifferentialEvolution",
    "Gibbs",
    "IndependentStep",
    "Mix",
    "Move",
    "NormalStep",
    "PooledStep",
    "PythonMove",
    "Setting",
    "Slice",
    "Snooker",
    "Stretch",
    "UniformStep",
    "from_config",
    "least_walkers",
]

MOVES: tuple[type[Move], ...] = (
    AdaptiveStep,
    ComponentwiseStep,
    DifferentialEvolution,
    Gibbs,
    IndependentStep,
    Mix,
    NormalStep,
    PooledStep,
    PythonMove,
    Slice,
    Snooker,
    Stretch,
    UniformStep,
)


def from_config(config: Mapping[str, Any]) -> Move:
    """Make a move from what `Move.config` gave; functions of the user's are lost."""
    parameters = dict(config)
    name = parameters.pop("name", None)
    classes = {move.__name__: move for move in MOVES}
    if name not in classes:
        raise ValueError(f"unknown move {name!r}; known are {', '.join(classes)}")
    if name == "Mix":
        return Mix([(weight, from_config(part)) for weight, part in parameters["moves"]])
    if name == "Gibbs":
        return Gibbs({tuple(block): _part_of(part) for block, part in parameters["blocks"]})
    if name == "PythonMove":
        return LostMove(parameters["class"], parameters["interacts"])
    return classes[name](**parameters)


def _part_of(config: Mapping[str, Any]) -> Any:
    return Lost(config["function"]) if "function" in config else from_config(config)
