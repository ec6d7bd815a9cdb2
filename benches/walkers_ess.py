"""Effective samples per second: the best move of foldstat against the best of emcee."""

import numpy as np

from foldstat import diagnostics
from foldstat import walkers as w
from results import Result, agree, ratio
from timing import best_of
from walkers import emcee, emcee_walk, our_walk, quick
from walkers_targets import (
    compiled_schools,
    log_density,
    log_density_of_coordinates,
    same_density,
    schools,
    starts,
    three,
)

WORST_R_HAT = 1.05  # generous: chains of the peer are short
THIN = 10  # of our draws, of which there are many more than of emcee's


def our_moves(n_dims):
    """What is tried: steps of the size that suits the target, ensembles, and mixtures of both."""
    evolution, jumps = w.DifferentialEvolution(), w.DifferentialEvolution(gamma=1.0)
    moves = {
        "PooledStep": w.PooledStep(),
        "AdaptiveStep": w.AdaptiveStep(),
        "Stretch": w.Stretch(),
        "DifferentialEvolution": evolution,
        "DifferentialEvolution, γ = 1": jumps,
        "DifferentialEvolution + Snooker": w.Mix([(0.8, evolution), (0.2, w.Snooker())]),
    }
    if n_dims == 2:
        moves["UniformStep(3)"] = w.UniformStep(3.0)
        moves["NormalStep(4)"] = w.NormalStep(4.0)
    return moves


def emcee_moves():
    """Those of emcee that are fast; its KDEMove gives a tenth of their effective samples per second."""
    moves = emcee().moves
    return {
        "StretchMove": moves.StretchMove(),
        "DEMove": moves.DEMove(),
        "DEMove, γ = 1": moves.DEMove(gamma0=1.0),
        "DEMove + DESnookerMove": [(moves.DEMove(), 0.8), (moves.DESnookerMove(), 0.2)],
    }


def effective(draws, settings):
    """The worst dimension's bulk ESS, of draws in which the chains agree."""
    worst = float(diagnostics.r_hat(draws).max())
    if settings.factor == 1 and not worst < WORST_R_HAT:
        return 0.0  # it does not count as a sample of the target
    return float(diagnostics.ess_bulk(draws).min())


def same_moments(what, ours, theirs):
    """Raise unless both have about the same means and standard deviations."""
    for moment in (np.mean, np.std):
        agree(f"{moment.__name__} of {what}", moment(ours, axis=(0, 1)), moment(theirs, axis=(0, 1)), 0.1)


def best(walks, seconds, draws, settings):
    """Time for one effective sample, and whose walk that was."""
    worth = {name: effective(draws[name], settings) / seconds[name] for name in walks}
    name = max(worth, key=worth.get)
    if worth[name] <= 0:
        raise ArithmeticError("no walk is long enough: R-hat is too large")
    return 1 / worth[name], name


def _against(key, label, ours, theirs, settings, bar):
    """Every move of both sides, turn by turn, and the best of each side."""
    seconds, results = best_of(ours | theirs, settings.repeats, settings.threads)
    draws = {name: getattr(result, "draws", result) for name, result in results.items()}
    our_time, our_name = best(ours, seconds, draws, settings)
    their_time, their_name = best(theirs, seconds, draws, settings)
    if settings.factor == 1:
        same_moments(label, draws[our_name], draws[their_name])
    return [
        Result(
            key=key,
            label=label,
            value=ratio(their_time, our_time),
            unit="×",
            bar=bar,
            times={"foldstat": our_time, f"emcee {emcee().__version__}": their_time},
            note=f"{our_name} against {their_name}",
        )
    ]


def _ours(density, start, moves, n_steps, burn_in, settings):
    return {
        name: our_walk(density, start, n_steps, settings, thin=THIN, move=move, burn_in=burn_in)[0]
        for name, move in moves.items()
    }


def _theirs(log_density, start, n_steps, burn_in):
    return {
        name: emcee_walk(log_density, start, n_steps, moves=moves, burn_in=burn_in)
        for name, moves in emcee_moves().items()
    }


def _three(key, density, what, bar, settings):
    """Three Gaussians; emcee has its vectorised density in NumPy."""
    n_steps = THIN * quick(settings, 2000, 10)
    ours = _ours(density, starts(three(), 1024), our_moves(2), n_steps, 200, settings)
    theirs = _theirs(log_density, starts(three(), 1000), quick(settings, 1000, 40), 20)
    return _against(key, f"effective sample of three Gaussians, {what}", ours, theirs, settings, bar)


def of_built_in(settings):
    same_density("density in NumPy", three(), log_density, starts(three(), 500))
    return _three("walkers-ess-built-in", three(), "built-in density", 100, settings)


def of_function(settings):
    return _three("walkers-ess-function", log_density_of_coordinates, "plain Python function", 100, settings)


def of_schools(settings):
    """Ten dimensions, and numba on both sides."""
    target = w.densities.EightSchools()
    for_emcee = compiled_schools()
    same_density("eight schools", target, for_emcee, starts(target, 500))
    n_steps, burn_in = THIN * quick(settings, 2000, 10), quick(settings, 2000, 20)
    ours = _ours(schools, starts(target, 512), our_moves(10), n_steps, burn_in, settings)
    burn_in = quick(settings, 1000, 10)
    theirs = _theirs(for_emcee, starts(target, 200), quick(settings, 4000, 40), burn_in)
    return _against("walkers-ess-schools", "effective sample of eight schools (numba)", ours, theirs, settings, 30)


ROWS = {
    "walkers-ess-built-in": of_built_in,
    "walkers-ess-function": of_function,
    "walkers-ess-schools": of_schools,
}
