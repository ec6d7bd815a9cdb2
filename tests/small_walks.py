"""A density and a walk over it that take next to no time."""

from foldstat import walkers as w

MOVE = w.UniformStep(1.5)


def normal(x, y):
    return -(x * x + y * y) / 2


def sample(density=normal, start=(0.0, 0.0), n_steps=60, burn_in=20, n_walkers=9, **keywords):
    settings = {"move": MOVE, "rng": 0, "where": "python"} | keywords
    return w.sample(density, start, n_steps=n_steps, burn_in=burn_in, n_walkers=n_walkers, **settings)
