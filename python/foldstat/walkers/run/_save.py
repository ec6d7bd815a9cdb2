"""Runs as arrays and plain values, and back: what is saved and what is pickled."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foldstat import _core
from foldstat.walkers._moves import Setting
from foldstat.walkers._moves import from_config as move_from_config
from foldstat.walkers.densities import Density, from_config
from foldstat.walkers.run._density import understand_again
from foldstat.walkers.run._names import Names
from foldstat.walkers.run._part import Part
from foldstat.walkers.run._settings import Kept, KeptDraws, KeptMoments, Settings
from foldstat.walkers.run._walked import Walked

_FIELDS: dict[str, tuple[type, ...]] = {
    "burn_in": (int,),
    "thin": (int,),
    "move": (dict,),
    "log": (bool,),
    "names": (list,),
    "named": (bool,),
    "bounds": (np.ndarray, type(None)),
    "interrupted": (bool,),
    "density_kind": (str,),
    "density": (dict, type(None)),
    "keep": (str,),
    "ensemble": (dict,),
}
_KEPT: dict[str, dict[str, tuple[type, ...]]] = {
    "draws": {"draws": (np.ndarray,), "log_density": (np.ndarray, type(None))},
    "moments": {"moments": (dict,)},
}


def state_of(run: Walked) -> dict[str, Any]:
    """Give everything but a function, as arrays and plain values."""
    density, settings, kept = run._density, run._settings, run._kept
    built_in = None if density is None or not isinstance(density.original, Density) else density.original
    state: dict[str, Any] = {
        "burn_in": settings.burn_in,
        "thin": settings.thin,
        "move": settings.move.config(),
        "log": settings.log,
        "names": list(settings.names.labels),
        "named": settings.names.given,
        "bounds": settings.bounds,
        "part": None if settings.part is None else list(dataclasses.astuple(settings.part)),
        "interrupted": run.interrupted,
        "density_kind": run.density_kind,
        "density": None if built_in is None else built_in.config(),
        "keep": kept.keep,
        "ensemble": run._ensemble.state(),
    }
    if isinstance(kept, KeptDraws):
        return state | {"draws": run.draws, "log_density": None if kept.log_density is None else run.log_density}
    return state | {"moments": kept.state()}


def parts_of(state: Mapping[str, Any]) -> dict[str, Any]:
    """Give what a run is made of, by the names of `Walked`, of what `state_of` gave."""
    _check_fields(state)
    move, names = move_from_config(state["move"]), Names(tuple(state["names"]), state["named"])
    part = None if state.get("part") is None else Part(*state["part"])  # older files have none
    settings = Settings(state["burn_in"], state["thin"], move, state["log"], names, state["bounds"], part)
    n_walkers, n_dims = state["ensemble"]["positions"].shape
    schedule = move._schedule(Setting(n_walkers, n_dims, names=names.labels))
    ensemble = _core.WalkerEnsemble.from_state(state["ensemble"], schedule)
    kept: Kept
    if state["keep"] == "draws":
        kept = KeptDraws(state["draws"], state["log_density"])
    else:
        kept = KeptMoments.from_state(state["moments"])
    _check_part(part, n_walkers, state["ensemble"].get("first_walker", 0))
    _check_shapes(settings, ensemble, kept)
    density = None
    if state["density"] is not None:
        density = understand_again(settings, ensemble, from_config(state["density"]), (), None, None)
        density = dataclasses.replace(density, kind=state["density_kind"])
    parts = {"settings": settings, "ensemble": ensemble, "density": density, "kept": kept}
    return parts | {name: state[name] for name in ("interrupted", "density_kind")}


def _check_fields(state: Mapping[str, Any]) -> None:
    """Refuse a state in which something is missing, or of another type."""
    keep = state["keep"]
    if keep not in _KEPT:
        raise ValueError(f"keep is {keep!r}, not one of {', '.join(map(repr, _KEPT))}")
    for name, types in (_FIELDS | _KEPT[keep]).items():
        if type(state[name]) not in types:
            raise ValueError(f"{name} is a {type(state[name]).__name__}, not a {types[0].__name__}")
    for name, least in (("burn_in", 0), ("thin", 1)):
        if state[name] < least:
            raise ValueError(f"{name} is {state[name]}, which is less than {least}")
    if not all(isinstance(name, str) for name in state["names"]):
        raise ValueError(f"names are {state['names']}, not texts")


def _check_part(part: Part | None, n_walkers: int, first: int) -> None:
    """Refuse numbers of walkers that are not those of their streams."""
    found = Part(first, first + n_walkers, first + n_walkers if part is None else part.of)
    if first != 0 if part is None else part != found or part.of < part.stop:
        raise ValueError(f"it says that it has {part or 'all walkers'}, but they are {found}")


def _check_shapes(settings: Settings, ensemble: _core.WalkerEnsemble, kept: Kept) -> None:
    """Refuse parts that do not belong together."""
    n_walkers, n_dims, n_draws = ensemble.n_walkers, ensemble.n_dims, settings.draws_after(ensemble.step)
    if ensemble.burn_in != settings.burn_in:
        raise ValueError(f"burn_in is {settings.burn_in}, and that of the walkers {ensemble.burn_in}")
    if len(settings.names.labels) != n_dims:
        raise ValueError(f"there are {len(settings.names.labels)} names for {n_dims} dimensions")
    if settings.bounds is not None:
        _check_array("bounds", settings.bounds, (n_dims, 2))
    if isinstance(kept, KeptDraws):
        _check_array("draws", kept.draws, (n_walkers, n_draws, n_dims))
        if kept.log_density is not None:
            _check_array("log_density", kept.log_density, (n_walkers, n_draws))
        return
    for name, array in (("reach.low", kept.reach.low), ("reach.high", kept.reach.high)):
        _check_array(name, array, (n_dims,))
    if kept.moments is not None:
        _check_array("moments", kept.moments.means, (n_walkers, n_dims))
        if kept.moments.count != n_draws or len(kept.moments.histograms) != len(kept.axes):
            raise ValueError("the moments are not those of all draws")
        for counts, (dims, edges) in zip(kept.moments.histograms, kept.axes, strict=True):
            _check_axes(counts, dims, edges, n_dims)


def _check_axes(counts: NDArray[Any], dims: tuple[int, ...], edges: list[NDArray[Any]], n_dims: int) -> None:
    if not len(dims) == len(edges) == counts.ndim or not all(type(dim) is int and 0 <= dim < n_dims for dim in dims):
        raise ValueError(f"there are {len(edges)} edges of dimensions {dims} for a histogram of shape {counts.shape}")
    for axis, n_bins in zip(edges, counts.shape, strict=True):
        _check_array("edges", axis, (n_bins + 1,))
        if not (np.isfinite(axis).all() and (np.diff(axis) > 0).all()):
            raise ValueError("edges of a histogram do not increase")


def _check_array(name: str, array: NDArray[Any], shape: tuple[int, ...]) -> None:
    if array.shape != shape or array.dtype != np.float64:
        raise ValueError(f"{name} has shape {array.shape} and dtype {array.dtype}, not {shape} and float64")
