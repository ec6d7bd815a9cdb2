"""How walkers move: one move per file, all of them in the list below."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from foldstat.walkers._moves._move import Move, Setting, least_walkers
from foldstat.walkers._moves.adaptive_step import AdaptiveStep
from foldstat.walkers._moves.componentwise_step import ComponentwiseStep
from foldstat.walkers._moves.differential_evolution import DifferentialEvolution
from foldstat.walkers._moves.mix import Mix
from foldstat.walkers._moves.normal_step import NormalStep
from foldstat.walkers._moves.pooled_step import PooledStep
from foldstat.walkers._moves.snooker import Snooker
from foldstat.walkers._moves.stretch import Stretch
from foldstat.walkers._moves.uniform_step import UniformStep

__all__ = [
    "AdaptiveStep",
    "ComponentwiseStep",
    "DifferentialEvolution",
    "Mix",
    "Move",
    "NormalStep",
    "PooledStep",
    "Setting",
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
    Mix,
    NormalStep,
    PooledStep,
    Snooker,
    Stretch,
    UniformStep,
)


def from_config(config: Mapping[str, Any]) -> Move:
    """Make a move from what `Move.config` gave."""
    parameters = dict(config)
    name = parameters.pop("name", None)
    classes = {move.__name__: move for move in MOVES}
    if name not in classes:
        raise ValueError(f"unknown move {name!r}; known are {', '.join(classes)}")
    if name == "Mix":
        return Mix([(weight, from_config(part)) for weight, part in parameters["moves"]])
    return classes[name](**parameters)
