"""Sums of Gaussians: the notebook's three, and fitted mixtures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from foldstat import _core
from foldstat._common.arrays import Floats, as_parameters
from foldstat._common.sums import scatter, weighted_sum
from foldstat.mixture._parameters import Family, as_covariances, as_family, as_matrices, as_means, as_weights
from foldstat.walkers.densities._density import Density

_MEANS = ((0.0, 0.0), (3.0, 3.0), (3.0, -3.0))
_SDS = (1.0, 0.9, 0.8)
_WEIGHTS = (0.5, 0.3, 0.2)


@dataclass(frozen=True, repr=False, init=False)
class ThreeGaussians(Density):
    r"""Three isotropic Gaussians of different weights in the plane, normalised.

    .. math:: p(x) = \sum_{k=1}^{3} \frac{w_k}{2 \pi s_k^2} \exp \frac{-|x - m_k|^2}{2 s_k^2}

    By default the modes are a few standard deviations apart: a random walk with steps of half width
    1 comes from one to another every 150 steps or so, and one with steps of 0.1 every 14,000.

    Parameters
    ----------
    means : array-like of shape (3, 2), default=((0, 0), (3, 3), (3, -3))
        Centres.
    sds : array-like of shape (3,), default=(1.0, 0.9, 0.8)
        Standard deviations.
    weights : array-like of shape (3,), default=(0.5, 0.3, 0.2)
        Positive, of sum 1: the share of each mode.

    Raises
    ------
    ValueError
        If a shape does not fit, a value is not finite, or a weight or sd not positive.

    Examples
    --------
    >>> from foldstat.walkers import densities
    >>> target = densities.ThreeGaussians()
    >>> target.mean()
    array([1.5, 0.3])
    >>> target([[0.0, 0.0], [3.0, 3.0]]).round(4)
    array([-2.531, -2.831])
    """

    name = "three_gaussians"
    normalised = True

    means: tuple[tuple[float, float], ...]
    sds: tuple[float, ...]
    weights: tuple[float, ...]

    def __init__(self, means: ArrayLike = _MEANS, sds: ArrayLike = _SDS, weights: ArrayLike = _WEIGHTS) -> None:
        self._set("means", tuple((x, y) for x, y in as_parameters(means, (3, 2), "means").tolist()))
        for name, values in (
            ("sds", as_parameters(sds, (3,), "sds")),
            ("weights", as_weights(weights, 3)),
        ):
            if not (values > 0).all():
                raise ValueError(f"{name} must be positive, got {values.tolist()}")
            self._set(name, tuple(values.tolist()))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the coordinates."""
        return ("x", "y")

    def mean(self) -> Floats:
        """Give the expectation of each coordinate: the weighted mean of the means."""
        return weighted_sum(np.array(self.weights), np.array(self.means))

    def cov(self) -> Floats:
        """Give the covariance matrix: that of the components, and that of their means."""
        within = np.array(self.sds)[:, np.newaxis, np.newaxis] ** 2 * np.eye(2)
        return _covariance(np.array(self.weights), np.array(self.means), within)

    def _draw(self, n: int, rng: np.random.Generator) -> Floats:
        component = rng.choice(3, size=n, p=np.array(self.weights) / sum(self.weights))
        noise = rng.standard_normal((n, 2))
        draws: Floats = np.array(self.means)[component] + np.array(self.sds)[component, np.newaxis] * noise
        return draws

    def _numbers(self) -> list[float]:
        return [*self.weights, *(coordinate for mean in self.means for coordinate in mean), *self.sds]


@dataclass(frozen=True, repr=False, eq=False)
class GaussianMixtureDensity(Density):
    """The density of a Gaussian mixture, of any covariance type, normalised; `of` takes a fitted model.

    Parameters
    ----------
    weights : array-like of shape (k,)
        Of sum 1.
    means : array-like of shape (k, d)
        Centres.
    covariances : array-like
        In the shape of the covariance type, as scikit-learn's ``covariances_``.
    covariance_type : str
        What components share: a covariance family of `foldstat.GaussianMixture`.
    precisions_cholesky : array-like, optional
        Cholesky factors of the precisions, if they are known.
    labels : sequence of str, optional
        Names of the coordinates.

    Raises
    ------
    ValueError
        If a shape does not fit, or the parameters are not those of a mixture.

    Examples
    --------
    >>> from foldstat.walkers import densities
    >>> densities.GaussianMixtureDensity([0.5, 0.5], [[0.0], [4.0]], [1.0, 1.0], "spherical").mean()
    array([2.])
    """

    name = "gaussian_mixture"
    normalised = True

    weights: Floats
    means: Floats
    covariances: Floats
    covariance_type: Family
    precisions_cholesky: Floats = None  # type: ignore[assignment] # computed from the covariances
    labels: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        family = as_family(self.covariance_type)
        means = as_means(self.means)
        covariances, factors = as_covariances(self.covariances, family, *means.shape)
        if self.precisions_cholesky is not None:
            # The model's own, so that its score_samples are met to rounding.
            factors = as_parameters(self.precisions_cholesky, covariances.shape, "precisions_cholesky")
        weights = as_weights(self.weights, len(means))
        if abs(weights.sum() - 1.0) > 1e-8:
            weights = weights / weights.sum()  # those of a model of float32
        arrays = {
            "weights": weights,
            "means": means,
            "covariances": covariances,
            "precisions_cholesky": factors,
        }
        for name, array in arrays.items():
            frozen = array.copy()
            frozen.flags.writeable = False
            self._set(name, frozen)
        if self.labels is not None:
            self._set("labels", tuple(str(label) for label in self.labels))
            if len(self.labels) != self.n_dims:
                raise ValueError(f"labels must be {self.n_dims} names, got {self.labels!r}")

    @classmethod
    def of(cls, model: Any) -> GaussianMixtureDensity:
        """Take the density of a fitted Gaussian mixture, of any covariance type.

        `foldstat.walkers.sample` does so by itself when it is given a model.

        Parameters
        ----------
        model : foldstat.GaussianMixture or sklearn.mixture.GaussianMixture
            A fitted model. Its parameters are copied: fitting it again does not change the density.

        Returns
        -------
        GaussianMixtureDensity
            With exact moments and draws; its logarithm is ``model.score_samples``.

        Raises
        ------
        TypeError
            If `model` is something else.
        sklearn.exceptions.NotFittedError
            If it is not fitted.

        Examples
        --------
        >>> import numpy as np
        >>> from foldstat import GaussianMixture
        >>> from foldstat.walkers import densities
        >>> X = np.random.default_rng(0).normal(size=(500, 2))
        >>> model = GaussianMixture(2, random_state=0).fit(X)
        >>> density = densities.GaussianMixtureDensity.of(model)
        >>> bool(np.allclose(density(X), model.score_samples(X)))
        True
        """
        from sklearn.mixture import GaussianMixture as ScikitLearns
        from sklearn.utils.validation import check_is_fitted

        from foldstat.mixture import GaussianMixture

        if not isinstance(model, (GaussianMixture, ScikitLearns)):
            raise TypeError(
                "model must be a fitted GaussianMixture, of foldstat or scikit-learn, got "
                f"{type(model).__module__}.{type(model).__qualname__}"
            )
        check_is_fitted(model, "weights_")
        labels = getattr(model, "feature_names_in_", None)
        return cls(
            model.weights_,
            model.means_,
            model.covariances_,
            model.covariance_type,
            model.precisions_cholesky_,
            None if labels is None else tuple(map(str, labels)),
        )

    @property
    def n_dims(self) -> int:
        """Number of coordinates: the features of the model."""
        return int(self.means.shape[1])

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the coordinates: those of the features, if the model was fitted to a frame."""
        return super().names if self.labels is None else self.labels

    def mean(self) -> Floats:
        """Give the expectation of each coordinate: the weighted mean of the means."""
        return weighted_sum(self.weights, self.means)

    def cov(self) -> Floats:
        """Give the covariance matrix: that of the components, and that of their means."""
        return _covariance(self.weights, self.means, self._matrices())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, GaussianMixtureDensity) and self.config() == other.config()

    def __hash__(self) -> int:
        return hash((self.means.tobytes(), self.covariance_type))

    def __repr__(self) -> str:
        k, d = self.means.shape
        return f"<GaussianMixtureDensity of {k} '{self.covariance_type}' components in {d} dimensions>"

    def _matrices(self) -> Floats:
        """Give the covariance of every component as a matrix."""
        return as_matrices(self.covariances, self.covariance_type, *self.means.shape)

    def _draw(self, n: int, rng: np.random.Generator) -> Floats:
        component = rng.choice(len(self.weights), size=n, p=self.weights / self.weights.sum())
        draws = rng.standard_normal((n, self.n_dims))
        for k, root in enumerate(np.linalg.cholesky(self._matrices())):
            mine = component == k
            draws[mine] = self.means[k] + draws[mine] @ root.T
        return draws

    def _compiled(self) -> _core.WalkerDensity:
        return _core.WalkerDensity.mixture(
            self.weights, self.means, self.covariances, self.precisions_cholesky, self.covariance_type
        )


def _covariance(weights: Floats, means: Floats, covariances: Floats) -> Floats:
    """Covariance of a mixture: that within its components, and that of their means."""
    residuals = means - weighted_sum(weights, means)
    return weighted_sum(weights, covariances) + scatter(residuals, weights)
