"""Whether a run is to be trusted: what speaks against it, in sentences."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from foldstat import _core
from foldstat._common.arrays import Floats

MOST_R_HAT = 1.05
LEAST_ACCEPTANCE = 0.05

FEWEST_DRAWS = 4  # of which R-hat can be computed
_MOST_DRAWS = 500  # per walker that R-hat is computed from
_MOST_NUMBERS = 400_000
_MOST_NAMES = 6
_MANY_DRAWS = 200
_BY_CHANCE = 0.01  # walkers that would not move if all were like the average


class NotConvergedWarning(UserWarning):
    """The draws of a run are not to be trusted: walkers disagree, or do not move."""


def r_hat_of(draws: Floats, n_jobs: int | None = 1) -> Floats | None:
    """Give R-hat of each dimension, from a few hundred draws of each walker; None if there are too few."""
    n_walkers, n_draws, n_dims = draws.shape
    most = max(FEWEST_DRAWS, min(_MOST_DRAWS, _MOST_NUMBERS // (n_walkers * n_dims)))
    few = draws[:, :: max(1, -(-n_draws // most))].copy()  # the array itself may be written to
    return _core.diagnostics_r_hat(few, n_jobs) if few.shape[1] >= FEWEST_DRAWS else None


def disagreement_of(names: Sequence[str], values: Floats | None, statistic: str) -> list[str]:
    """Say in which dimensions walkers disagree, by a statistic that is near 1 where they do not."""
    values = np.array([]) if values is None else values
    # What is NaN says nothing.
    bad = [int(dim) for dim in np.argsort(-np.nan_to_num(values), kind="stable") if values[dim] > MOST_R_HAT]
    if not bad:
        return []
    shown = ", ".join(f"{names[dim]} ({values[dim]:.3g})" for dim in bad[:_MOST_NAMES])
    more = f" and {len(bad) - _MOST_NAMES} more" if len(bad) > _MOST_NAMES else ""
    return [f"walkers disagree, {statistic} exceeds {MOST_R_HAT} in {shown}{more}"]


def constants_of(names: Sequence[str], n_draws: int) -> list[str]:
    """Say which coordinates have one value in all draws, of so many that this is no chance."""
    if n_draws < _MANY_DRAWS or not names:
        return []
    shown = ", ".join(names[:_MOST_NAMES]) + ", ..." * (len(names) > _MOST_NAMES)
    return [f"all draws of {shown} are the same"]


def stillness_of(acceptance: Floats, n_steps: int) -> list[str]:
    """Say which walkers never moved, and whether all of them hardly do."""
    found = []
    rate = float(acceptance.mean())
    still = np.flatnonzero(acceptance == 0)
    # Few steps leave some walkers where they are by chance.
    if still.size and acceptance.size * math.exp(-max(rate, LEAST_ACCEPTANCE) * n_steps) < _BY_CHANCE:
        shown = ", ".join(map(str, still[:_MOST_NAMES])) + ", ..." * (still.size > _MOST_NAMES)
        some = f"{still.size} of {acceptance.size} walkers never moved: {shown}"
        found.append(some if still.size < acceptance.size else "no walker moved")
    if 0 < rate < LEAST_ACCEPTANCE:
        found.append(f"only {rate:.1%} of the proposals were accepted")
    return found


def advice(problems: Sequence[str]) -> str:
    """Make one sentence of them, with what to do."""
    return (
        f"not to be trusted: {'; '.join(problems)}. Walk on with run.extend(n_steps), give a longer burn_in, more "
        "walkers or another parametrisation"
    )
