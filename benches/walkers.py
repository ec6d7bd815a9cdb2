"""Steps per second of walkers over three Gaussians, against a Python loop and emcee."""

import random
import warnings
from functools import cache

import numpy as np

from cases import SEED
from foldstat import walkers as w
from results import Result, ratio
from timing import best_of
from walkers_targets import density, log_density, python_loop, same_density, same_modes, starts, three

HALF_WIDTH = 1.0  # walkers come from mode to mode every 150 steps or so
THIN = 10
RECORDED = "every tenth step recorded, by the loop every one"


@cache
def emcee():
    """The peer, without its warning about an optional package."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import emcee
    return emcee


def emcee_walk(log_density, start, n_steps, *, moves=None, thin=1, burn_in=10):
    """Steps of a warmed ensemble: everything but the walk itself is done here."""
    sampler = emcee().EnsembleSampler(*start.shape, log_density, vectorize=True, moves=moves)
    sampler.random_state = np.random.RandomState(SEED).get_state()
    state = sampler.run_mcmc(start, burn_in)

    def walk():
        sampler.reset()
        sampler.run_mcmc(state, n_steps // thin, thin_by=thin)
        return sampler.get_chain().swapaxes(0, 1)

    return walk


def our_walk(density, start, n_steps, settings, *, thin=1, log=True, move=None, burn_in=100):
    """Steps of a warmed ensemble, recorded as draws."""
    move = move or w.UniformStep(HALF_WIDTH)
    warm = w.sample(
        density, start, n_steps=thin, burn_in=burn_in, thin=thin, move=move, log=log, rng=SEED, n_jobs=settings.threads
    )
    return lambda: warm.extend(n_steps, n_jobs=settings.threads), warm.density_kind


def quick(settings, n, least):
    """A number of steps, fewer of them in a quick run."""
    return max(n // settings.factor, least)


def _steps(key, label, ours, peers, settings, note):
    """A row for each peer: the ratio of the times of one step. Entries are (function, its steps, its bar)."""
    functions = {"foldstat": ours[0]} | {name: entry[0] for name, entry in peers.items()}
    best, results = best_of(functions, settings.repeats, settings.threads)
    if settings.factor == 1:  # else there are too few steps to tell
        same_modes("walkers", results["foldstat"].draws, three(), 0.1)
        for name in peers:
            same_modes(name, results[name], three(), 0.5)
    per_step = best["foldstat"] / ours[1]
    return [
        Result(
            key=key if i == 0 else f"{key}-{name.split()[0]}",
            label=label,
            value=ratio(best[name] / n_steps, per_step),
            unit="×",
            bar=bar,
            times={"foldstat": per_step, name: best[name] / n_steps},
            note=note,
        )
        for i, (name, (_, n_steps, bar)) in enumerate(peers.items())
    ]


def _loop(n_steps, uniform):
    return lambda: python_loop(density, 0.0, 0.0, n_steps, HALF_WIDTH, uniform)


def _peers(settings, bars, thin=1):
    """The loop of the notebook, the same with quicker random numbers, and emcee with a thousand walkers."""
    loop_steps = quick(settings, 300_000, 100)
    rounds = quick(settings, 300, 10)
    many = starts(three(), 1000)
    return {
        "Python loop": (_loop(loop_steps, np.random.uniform), loop_steps, bars[0]),
        "module-random loop": (_loop(loop_steps, random.uniform), loop_steps, None),
        f"emcee {emcee().__version__}, 1000 walkers": (
            emcee_walk(log_density, many, rounds, thin=thin),
            1000 * rounds,
            bars[1],
        ),
    }


def _points():
    return starts(three(), 500)


def _logarithm_of_loop(points):
    return [np.log(density(x, y)) for x, y in points]


def python_function(settings):
    """A plain function of coordinates; numba compiles it when it is first used."""
    same_density("density of the loop", three(), _logarithm_of_loop, _points())
    n_steps = THIN * quick(settings, 50_000, 10)
    walk, kind = our_walk(density, starts(three(), 64), n_steps, settings, thin=THIN, log=False)
    peers = _peers(settings, (250, 40), THIN)
    label = "step of walkers, plain Python function, 64 walkers"
    return _steps("walkers-function", label, (walk, 64 * n_steps), peers, settings, f"{RECORDED}; {kind}")


def built_in(settings):
    """The density that foldstat has built in."""
    same_density("density in NumPy", three(), log_density, _points())
    n_steps = THIN * quick(settings, 400_000, 10)
    walk, _ = our_walk(three(), starts(three(), 64), n_steps, settings, thin=THIN)
    peers = _peers(settings, (4000, 600), THIN)
    label = "step of walkers, built-in density, 64 walkers"
    return _steps("walkers-built-in", label, (walk, 64 * n_steps), peers, settings, RECORDED)


def vectorised(settings):
    """The same NumPy function for both."""
    n_steps = quick(settings, 3000, 10)
    walk, kind = our_walk(log_density, starts(three(), 1000), n_steps, settings)
    name, peer = list(_peers(settings, (None, 8)).items())[-1]
    label = "step of walkers, vectorised NumPy callable, 1000 walkers"
    note = f"every step recorded; {kind}"
    return _steps("walkers-vectorised", label, (walk, 1000 * n_steps), {name: peer}, settings, note)


ROWS = {
    "walkers-function": python_function,
    "walkers-built-in": built_in,
    "walkers-vectorised": vectorised,
}
