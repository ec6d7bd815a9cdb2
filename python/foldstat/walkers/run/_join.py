"""Runs of some walkers each, joined to the run of all of them."""

from __future__ import annotations

import dataclasses
import itertools
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from foldstat import _core
from foldstat.walkers._moves import Move, Setting
from foldstat.walkers.density import Understood, log_densities
from foldstat.walkers.run._density import is_same
from foldstat.walkers.run._part import Part, ensemble_of, moments_of, named
from foldstat.walkers.run._settings import Kept, KeptDraws, KeptMoments, Settings
from foldstat.walkers.run._walked import Walked

State = dict[str, Any]


def joined(runs: Iterable[Walked]) -> dict[str, Any]:
    """Give what the run of all walkers is made of, by the names of `Walked`."""
    parts = _in_order(runs)
    states = [part._ensemble.state() for part in parts]
    for part, state in zip(parts[1:], states[1:], strict=True):
        _check_alike(parts[0], states[0], part, state)
    settings = dataclasses.replace(parts[0]._settings, part=None)
    n_walkers, n_dims = sum(part.n_walkers for part in parts), parts[0].n_dims
    _check_learnt(settings.move, parts, Setting(n_walkers, n_dims))
    if len(parts) > 1 and looks_at_others(settings.move, parts[0]._ensemble):
        _warn_of_their_own(parts)
    density = next((part._density for part in parts if part._density is not None), None)
    _check_density(density, parts)
    schedule = settings.move._schedule(Setting(n_walkers, n_dims, names=settings.names.labels))
    return {
        "settings": settings,
        "ensemble": _core.WalkerEnsemble.from_state(ensemble_of(states), schedule),
        "density": density,
        "kept": _kept(parts, settings),
        "interrupted": any(part.interrupted for part in parts),
        "density_kind": parts[0].density_kind,
    }


def looks_at_others(move: Move, ensemble: _core.WalkerEnsemble) -> bool:
    """Whether what walkers do, or did in the burn-in, depends on which others there are."""
    return move.pools or not ensemble.walks_alone


def told_of_their_own(move: Move, part: Part) -> str:
    """Say that walkers of a range have nobody else to look at."""
    return (
        f"{part}: {type(move).__name__} lets walkers look at each other, and these look at those of their own range "
        f"only, so that their draws are not those of a run of all {part.of} walkers"
    )


def _warn_of_their_own(parts: Sequence[Walked]) -> None:
    move = parts[0].move
    learnt = ", and goes on with what the first range has learnt" if move.pools else ""
    warnings.warn(
        f"Run.join: {type(move).__name__} lets walkers look at each other, and those of each of the {len(parts)} "
        f"ranges looked at their own range only: the joined run is not one of all walkers together{learnt}",
        UserWarning,
        stacklevel=4,
    )


# ---------------------------------------------------------------- what belongs together


def _in_order(runs: Iterable[Walked]) -> list[Walked]:
    """Check that runs are those of all walkers, each once, and put them in order."""
    if isinstance(runs, Walked) or not isinstance(runs, Iterable):
        raise TypeError(f"Run.join takes a list of runs, got {runs!r}")
    parts = list(runs)
    for i, part in enumerate(parts):
        if not isinstance(part, Walked):
            raise TypeError(f"Run.join takes runs, got {part!r} at position {i}")
    if not parts:
        raise ValueError("Run.join needs at least one run, got none")
    parts.sort(key=lambda part: part.walkers.start)
    total = _total(parts[0])
    for part in parts[1:]:
        if _total(part) != total:
            raise ValueError(f"Run.join: {_name(part)} and {_name(parts[0])} are not of one run")
    for before, part in itertools.pairwise(parts):
        twice = range(part.walkers.start, min(before.walkers.stop, part.walkers.stop))
        if twice:
            are = "is" if len(twice) == 1 else "are"
            raise ValueError(f"Run.join: {named(twice)} {are} in two runs, {_name(before)} and {_name(part)}")
    ends = [0, *(part.walkers.stop for part in parts)]
    for end, first in zip(ends, [*(part.walkers.start for part in parts), total], strict=True):
        if end < first:
            missing = range(end, first)
            raise ValueError(f"Run.join: {named(missing)} of {total} {'is' if len(missing) == 1 else 'are'} missing")
    return parts


def _total(run: Walked) -> int:
    return run.n_walkers if run._settings.part is None else run._settings.part.of


def _name(run: Walked) -> str:
    return f"{named(run.walkers)} of {_total(run)}"


def _check_alike(first: Walked, first_state: State, other: Walked, state: State) -> None:
    """Refuse parts of different runs."""
    for what, of in _SAME.items():
        mine, theirs = of(first, first_state), of(other, state)
        if not _equal(mine, theirs):
            told = "" if what in _UNTOLD else f", {mine} and {theirs}"
            raise ValueError(f"Run.join: {_name(first)} and {_name(other)} have different {what}{told}")


def _equal(mine: Any, theirs: Any) -> bool:
    if isinstance(mine, np.ndarray) or isinstance(theirs, np.ndarray):
        return mine is not None and theirs is not None and np.array_equal(mine, theirs)
    return bool(mine == theirs)


_SAME: dict[str, Callable[[Walked, State], Any]] = {
    "numbers of dimensions": lambda run, _: run.n_dims,
    "names": lambda run, _: run.names,
    "seeds (rng)": lambda _, state: state["key"],
    "moves": lambda run, _: run.move.config(),
    "bounds": lambda run, _: run._settings.bounds,
    "densities (log)": lambda run, _: run._settings.log,
    "densities (nan)": lambda _, state: state["reject_nan"],
    "ways to call the density": lambda run, _: run.density_kind,
    "burn-ins": lambda run, _: run.burn_in,
    "thin": lambda run, _: run.thin,
    "keep": lambda run, _: run.keep,
    "numbers of steps": lambda run, _: run.n_steps,
    "numbers of steps in the burn-in": lambda _, state: state["step"],
    "beginnings of the last burn-in": lambda _, state: state["learns_from"],
}
_UNTOLD = ("seeds (rng)", "bounds", "moves", "densities (nan)")


def _check_density(density: Understood | None, parts: Sequence[Walked]) -> None:
    """Refuse parts that walked over another density than the joined run goes on with, as one of their walkers tells."""
    for part in parts:
        if density is None or (part._density is not None and part._density.original is density.original):
            continue
        found = log_densities(density, part.positions[:1], part._settings.log)
        if not is_same(found, part._ensemble.log_densities[:1]).all():
            raise ValueError(
                f"Run.join: {_name(part)} have walked over another density: where the first of them is its logarithm "
                f"was {part._ensemble.log_densities[0]:.10g}, and that of the others is {found[0]:.10g}"
            )


def _check_learnt(move: Move, parts: Sequence[Walked], all_walkers: Setting) -> None:
    """Refuse ranges that had too few walkers to do what all of them do."""
    for part in parts:
        of_part = Setting(part.n_walkers, all_walkers.n_dims)
        if move.pools and move._must_learn(of_part) != move._must_learn(all_walkers):
            raise ValueError(
                f"Run.join: {_name(part)} are too few for {type(move).__name__} to look at each other, so that they "
                "learnt on their own, and cannot go on together with the others: give them larger ranges"
            )


# ---------------------------------------------------------------- what they left


def _kept(parts: Sequence[Walked], settings: Settings) -> Kept:
    if isinstance(parts[0]._kept, KeptDraws):
        return _draws(parts)
    kept = [part._kept for part in parts if isinstance(part._kept, KeptMoments)]
    return _moments(kept, [part.n_walkers for part in parts])


def _draws(parts: Sequence[Walked]) -> KeptDraws:
    """Put draws side by side, without a second copy of them."""
    first = parts[0]
    n_walkers = sum(part.n_walkers for part in parts)
    with_log_density = first._buffers("draws").log_density is not None
    new = KeptDraws.room(n_walkers, first.n_draws, first.n_dims, with_log_density)
    for part in parts:
        rows = slice(part.walkers.start, part.walkers.stop)
        new.draws[rows] = part.draws
        if new.log_density is not None:
            new.log_density[rows] = part.log_density
    return new


def _moments(kept: Sequence[KeptMoments], sizes: Sequence[int]) -> KeptMoments:
    """Put moments side by side, and add up the histograms that have the same edges everywhere."""
    first = kept[0]
    reach = dataclasses.replace(first.reach)
    reach.low = np.min([part.reach.low for part in kept], axis=0)
    reach.high = np.max([part.reach.high for part in kept], axis=0)
    new = KeptMoments(first.declared, reach, first.axes, first=first.first)
    states = [part.moments.state() for part in kept if part.moments is not None]
    if len(states) < len(kept):  # in the burn-in
        return new
    same = [
        i
        for i, (dims, edges) in enumerate(first.axes)
        if all(_same_axes(part.axes, i, dims, edges) for part in kept[1:])
    ]
    if len(same) < len(first.axes):
        lost = [dims for i, (dims, _) in enumerate(first.axes) if i not in same]
        warnings.warn(
            f"Run.join: histograms of dimensions {', '.join(map(str, lost))} are left out, as their edges follow from "
            "how far the walkers of each range went; give edges, sample(..., histograms={0: edges}), or bounds",
            UserWarning,
            stacklevel=5,
        )
    new.declared = [first.declared[i] for i in same]
    new.axes = [first.axes[i] for i in same]
    chosen = [
        state | {"axes": [state["axes"][i] for i in same], "counts": [state["counts"][i] for i in same]}
        for state in states
    ]
    new.moments = moments_of(chosen)
    return new


def _same_axes(axes: Any, i: int, dims: tuple[int, ...], edges: Sequence[Any]) -> bool:
    return axes[i][0] == dims and all(np.array_equal(a, b) for a, b in zip(axes[i][1], edges, strict=True))
