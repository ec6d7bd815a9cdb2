"""The eight schools: a small hierarchical model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from foldstat._common.arrays import Floats, as_floats, as_parameters
from foldstat.walkers.densities._density import Density


@dataclass(frozen=True, repr=False)
class EightSchools(Density):
    r"""The posterior of the eight schools, in ten dimensions; not normalised.

    Eight schools measured the effect y of coaching on their pupils' test scores, with standard errors
    σ. The true effects θ are thought to scatter around a common one:

    .. math::

        \mu \sim N(0, 5^2), \quad \tau \sim \text{half-Cauchy}(5), \quad
        \tilde\theta_j \sim N(0, 1), \quad y_j \sim N(\mu + \tau \tilde\theta_j, \sigma_j^2)

    with y = (28, 8, -3, 7, -1, 1, 18, 12) and σ = (15, 10, 16, 11, 9, 11, 10, 18). The coordinates are
    (μ, ln τ, θ̃₁, ..., θ̃₈), the "non-centred" parameterisation: with the effects θ = μ + τ θ̃
    themselves as coordinates there is a funnel that random walks do not enter. It is a density of
    ln τ, so the Jacobian τ is part of it; all normalising constants of priors and likelihood are
    kept, which makes its integral the evidence.

    References
    ----------
    Rubin, "Estimation in parallel randomized experiments", Journal of Educational Statistics 6 (1981);
    Gelman, "Prior distributions for variance parameters in hierarchical models", Bayesian Analysis 1
    (2006), for the prior of τ; Papaspiliopoulos, Roberts & Sköld, "A general framework for the
    parametrization of hierarchical models", Statistical Science 22 (2007).

    Examples
    --------
    >>> import numpy as np
    >>> from foldstat.walkers import densities
    >>> schools = densities.EightSchools()
    >>> float(schools(np.zeros(10)).round(3))
    -43.436
    >>> schools.effects(np.zeros((4, 10))).shape
    (4, 8)
    """

    name = "eight_schools"
    normalised = False

    @property
    def n_dims(self) -> int:
        """Number of coordinates: 10."""
        return 10

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the coordinates: mu, log_tau, theta_tilde[0] to theta_tilde[7]."""
        return ("mu", "log_tau", *(f"theta_tilde[{school}]" for school in range(8)))

    def effects(self, points: ArrayLike) -> Floats:
        """Give the effects of the schools at points of the parameter space.

        Parameters
        ----------
        points : array-like of shape (..., 10)
            Such as ``run.draws``.

        Returns
        -------
        ndarray of shape (..., 8)
            mu + tau theta_tilde.

        Raises
        ------
        ValueError
            If the shape does not fit, or a coordinate is NaN or infinite.
        """
        shape = np.shape(as_floats(points, "points"))
        if not shape or shape[-1] != self.n_dims:
            raise ValueError(f"points must have shape (..., 10) for eight_schools, got {shape}")
        array = as_parameters(points, shape, "points")
        return array[..., :1] + np.exp(array[..., 1:2]) * array[..., 2:]
