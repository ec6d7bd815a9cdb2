"""Steps that learn their shape from all walkers together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from foldstat.walkers._moves._move import Move, Schedule, Setting, least_walkers
from foldstat.walkers._moves.adaptive_step import AdaptiveStep
from foldstat.walkers._moves.differential_evolution import DifferentialEvolution


@dataclass(frozen=True)
class PooledStep(Move):
    r"""Steps whose shape is learnt during the burn-in from all walkers together.

    It is the move that `sample` takes when none is given. In the first half of the burn-in walkers move by
    `DifferentialEvolution`, which finds size and shape of the target from the walkers themselves; with fewer
    than 2 d + 2 walkers, each by `AdaptiveStep`. Then they take normal
    steps with :math:`2.38^2 / d` times the covariance of where all of them have been, times a scale that
    brings the acceptance to what that gives for a normal distribution. Covariance and scale are renewed
    twice before the burn-in ends. After it nothing changes: four of five steps are independent proposals of
    Student's t distribution with the mean and the covariance that were learnt (`IndependentStep`, but no
    farther from the mean than walkers have been or :math:`\sqrt d + 5` standard deviations, as a density may not
    be made for what its tails would ask), the others those of the random walk, both with the right limit. Of
    targets that are far from normal fewer steps are independent, or none: as many as fit the acceptance of such
    proposals, which is found from where the walkers are at the end of the burn-in. A burn-in shorter than 100
    steps, or than 20 for each dimension, is too short to learn from, and the move remains that of the first half.

    Walkers whose density is far below that of the others have no say in the covariance. Everybody looks at
    everybody: with other walkers, the draws of each are others.

    Walkers of a range, ``sample(..., walkers=range(a, b))``, learn from those of their own range only. After the
    burn-in no walker depends on another one.

    References
    ----------
    Haario, Saksman & Tamminen, "An adaptive Metropolis algorithm", Bernoulli 7 (2001); Craiu, Rosenthal &
    Yang, "Learn from thy neighbor: parallel-chain and regional adaptive MCMC", Journal of the American
    Statistical Association 104 (2009); Roberts, Gelman & Gilks, "Weak convergence and optimal scaling of
    random walk Metropolis algorithms", Annals of Applied Probability 7 (1997).

    Examples
    --------
    >>> from foldstat import walkers as w
    >>> run = w.sample(lambda x, y: -(x * x + (y / 1e-6 - x) ** 2) / 2, [0.0, 0.0], rng=0)
    >>> run.move, run.converged
    (PooledStep(), True)
    """

    adapts: ClassVar[bool] = True
    pools: ClassVar[bool] = True

    def _schedule(self, setting: Setting) -> Schedule:
        if self._must_learn(setting):
            return AdaptiveStep()._schedule(setting)
        return DifferentialEvolution()._schedule(setting)

    def _must_learn(self, setting: Setting) -> bool:
        return setting.n_walkers < least_walkers(setting.n_dims)
